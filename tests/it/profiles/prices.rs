//! What models cost: a list that is built in, and what the configuration file says in its place.

use serde_json::json;

use super::{LIMIT, shown, with_file};
use crate::support::program::Program;

#[test]
fn prices_are_shown_with_where_they_came_from() {
    let file = "[profiles.openai.prices.\"gpt-realtime-2\"]\ntext_in = 5\n[profiles.mine]\nlike = \"openai\"\n\
                url = \"wss://gate.example/v1/realtime\"\n[profiles.mine.prices]\nother = 0\n";
    let openai = shown(with_file("config show --json", file));
    let two = json!({ "value": { "text_in": 5.0 }, "source": "file", "line": 1 });
    assert_eq!(openai["prices"], json!({ "list_of": "2026-11-20", "models": { "gpt-realtime-2": two } }));
    let mine = shown(with_file("config show --json --profile mine", file));
    assert_eq!(mine["prices"]["list_of"], json!(null), "another host has its own prices");
    assert_eq!(mine["prices"]["models"]["gpt-realtime-2"], two);
    assert_eq!(mine["prices"]["models"]["other"]["line"], 7);
    for (args, line) in [
        ("", "prices               OpenAI's list of 2026-11-20, in US dollars built in"),
        (" --profile mine", "prices               from the profile only, in US dollars"),
        (" --profile hf", "prices               unknown: none configured"),
    ] {
        let text = with_file(&format!("config show{args}"), file).run().expect_code(0).text();
        assert!(text.lines().any(|shown| shown == line), "{text}");
    }
}

#[test]
fn a_mistake_in_a_price_is_named_with_its_line() {
    let file = "[profiles.openai.prices.m]\ntext_on = 5\n";
    let outcome = with_file("chat hello", file).run().expect_code(3);
    assert!(outcome.stderr.contains("/config.toml:2: unknown price \"text_on\""), "{}", outcome.stderr);
}

/// The endpoint of the program counts the tokens; what they cost is known by the file alone.
#[test]
fn a_call_costs_what_the_file_says() {
    let serving = Program::rtvoice("serve --port 0").start();
    let line = serving.wait_for_line(LIMIT, |line| line.starts_with("listening on "));
    let url = line.trim_start_matches("listening on ");
    let profile = format!("[profiles.mine]\nurl = \"{url}\"\nmodel = \"rtvoice-demo\"\n");
    let usage = |prices: &str| {
        let file = format!("{profile}{prices}");
        let outcome = with_file("chat --json --verbose --profile mine hello", &file).run().expect_code(0);
        let usage = outcome.json_lines().into_iter().rfind(|line| line["type"] == "usage");
        (usage.expect("the endpoint tells its usage"), outcome.text())
    };
    let (unknown, said) = usage("");
    assert_eq!((&unknown["usd"], &unknown["unpriced"]), (&json!(null), &json!(1)));
    assert!(said.contains("prices: unknown"), "{said}");
    let (priced, said) = usage("[profiles.mine.prices.\"*\"]\ntext_in = 0\ntext_out = 1_000_000\n");
    let out = priced["last"]["output"]["text"].as_f64().expect("it counts");
    assert!(out > 0.0 && priced["total_usd"].as_f64() == Some(out), "{priced}");
    assert_eq!((&priced["usd"], &priced["unpriced"]), (&priced["total_usd"], &json!(0)));
    assert!(said.contains("prices: from the profile only"), "{said}");
    let (free, _) = usage("[profiles.mine.prices]\nrtvoice-demo = 0\n");
    assert_eq!((&free["usd"], &free["unpriced"]), (&json!(0.0), &json!(0)));
}
