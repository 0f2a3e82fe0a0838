//! What others wrote, as it is printed: no escape sequence, and no key in whatever form it is echoed.

use serde_json::{Value, json};

use crate::support::program::{Outcome, Program};
use crate::support::secrecy::{KEY, left_no_key, with_key};
use crate::support::stranger::Stranger;

/// Checks that nothing that controls a terminal, and nothing that hides, was printed.
fn assert_harmless(outcome: &Outcome) {
    for printed in [&outcome.text(), &outcome.stderr] {
        let is_harmful = |character: char| {
            character.is_control() && !matches!(character, '\n' | '\t' | '\r')
                || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}')
        };
        assert!(!printed.contains(is_harmful), "{printed:?}");
    }
}

#[test]
fn an_argument_is_repeated_without_its_control_characters() {
    let hostile = "x\u{1b}[31m\u{1b}]0;title\u{7}\u{9b}1m\u{202e}y\u{7f}";
    for args in [
        vec![hostile],
        vec!["talk", hostile],
        vec!["talk", "--vad", hostile],
        vec!["talk", "--idle", hostile],
        vec!["talk", "--vad-threshold", hostile],
        vec!["serve", "--port", hostile],
        vec!["completions", hostile],
        vec!["man", hostile],
        vec!["talk", "--demo", "--input", hostile],
        vec!["talk", "--profile", hostile],
        vec!["talk", "--url", hostile],
        vec!["talk", "--ca-file", hostile],
        vec!["transcribe", "--demo", hostile],
        vec!["chat", "--demo", "hello", "--trace", "no/\u{1b}[31m\u{9b}1m\u{202e}"],
        vec!["bench", "--demo", "--input", "null", "--output", "null", "--svg", "no/\u{1b}[31m"],
        vec!["doctor", "--no-sound", "--profile", hostile],
        vec!["serve", "--script", hostile],
        vec!["serve", "--fault", hostile],
    ] {
        let program = args.iter().fold(Program::rtvoice(""), |program, arg| program.arg(*arg));
        let outcome = program.run();
        assert!(outcome.code.is_some_and(|code| code != 0), "{args:?}: {outcome:?}");
        assert_harmless(&outcome);
        assert!(!outcome.stderr.is_empty() || !outcome.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn control_characters_are_escaped_in_the_configuration_as_json() {
    let value = "a\u{9b}31m\u{7f}\u{202e}\u{200b}b";
    let outcome = Program::rtvoice("config show --json")
        .arg("--instructions")
        .arg(value)
        .env("XDG_CONFIG_HOME", "/c\u{9b}onf")
        .run()
        .expect_code(0);
    assert_harmless(&outcome);
    let shown: Value = serde_json::from_str(&outcome.text()).expect("one object");
    assert_eq!(shown["settings"]["instructions"]["value"], value);
}

#[test]
fn a_key_in_the_url_is_hidden_by_doctor_and_by_config_show() {
    for url in [
        format!("ws://127.0.0.1:9/gate/{KEY}/v1/realtime"),
        format!("ws://127.0.0.1:9/gate/{}/v1/realtime", KEY.replace('-', "%2D")),
        format!("ws://127.0.0.1:9/v1/realtime?token={KEY}"),
        format!("ws://127.0.0.1:9/v1/realtime?unusual={KEY}"),
    ] {
        for command in ["doctor --no-sound --json", "doctor --no-sound", "config show", "config show --json"]
        {
            for program in [Program::rtvoice(command), with_key(Program::rtvoice(command))] {
                left_no_key(&program.arg("--url").arg(&url).run());
            }
        }
        left_no_key(&Program::rtvoice("chat hello").arg("--url").arg(&url).run());
    }
    // One that does not look like a key is known by being the key.
    let short = Program::rtvoice("doctor --no-sound --url ws://127.0.0.1:9/gate/my-own/v1/realtime");
    let outcome = short.env("RTVOICE_API_KEY", "my-own").run();
    assert!(outcome.text().contains("/gate/[key hidden]/v1/realtime"), "{}", outcome.text());
    assert!(!outcome.text().contains("my-own"), "{}", outcome.text());
}

#[test]
fn a_key_that_is_echoed_in_escaped_form_is_hidden_everywhere() {
    let unicode = |text: &str| -> String {
        text.chars().map(|character| format!("\\u{:04X}", u32::from(character))).collect()
    };
    let entities = |text: &str| -> String {
        text.chars().map(|character| format!("&#{};", u32::from(character))).collect()
    };
    let percent = |text: &str| -> String { text.bytes().map(|byte| format!("%25{byte:02x}")).collect() };
    let decoded = [KEY.replace('0', "\\u0030"), unicode(KEY), entities(KEY), percent(KEY)];
    for echoed in decoded {
        let error = json!({ "type": "error", "error": { "message": format!("wrong key {echoed}!") } });
        let raw = format!(r#"{{"type":"error","error":{{"message":"wrong key {}!"}}}}"#, unicode(KEY));
        let page = format!("<html><body>wrong key {echoed}!</body></html>");
        let refused = Stranger::answering(&format!(
            "HTTP/1.1 401 Unauthorized\r\nContent-Length: {}\r\n\r\n{page}",
            page.len()
        ));
        let events = vec![error.to_string(), raw, format!("no json {echoed}"), echoed.clone()];
        let speaking = Stranger::saying(move |_| events.clone());
        for address in [&refused.address, &speaking.address] {
            for command in ["chat hello --verbose", "chat hello --json --verbose", "doctor --no-sound"] {
                let program =
                    Program::rtvoice(&format!("{command} --url ws://{address} --trace trace.jsonl"));
                let outcome = with_key(program).run();
                left_no_key(&outcome);
                for trace in std::fs::read_to_string(outcome.home.path().join("trace.jsonl")).iter() {
                    assert!(!trace.contains(&echoed) && !trace.contains(&unicode(KEY)), "{trace}");
                }
                let said = format!("{}{}", outcome.text(), outcome.stderr);
                assert!(said.contains("[key hidden]") && !said.contains(&echoed), "{command}: {said}");
            }
        }
    }
}

#[test]
fn a_key_that_is_split_between_deltas_is_hidden() {
    let (first, second) = KEY.split_at(14);
    let event = |kind: &str, more: Value| {
        let mut event = json!({ "type": kind, "response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0 });
        let fields = more.as_object().expect("an object").clone();
        event.as_object_mut().expect("an object").extend(fields);
        event.to_string()
    };
    let events = vec![
        json!({ "type": "session.created", "session": { "type": "realtime", "id": "s" } }).to_string(),
        json!({ "type": "session.updated", "session": { "type": "realtime", "id": "s" } }).to_string(),
        event(
            "response.created",
            json!({ "response": { "id": "r", "status": "in_progress", "output": [] } }),
        ),
        event("response.output_text.delta", json!({ "delta": format!("it is {first}") })),
        event("response.output_text.delta", json!({ "delta": format!("{second}, no?") })),
        event("response.done", json!({ "response": { "id": "r", "status": "completed", "output": [] } })),
    ];
    let stranger = Stranger::saying(move |_| events.clone());
    for form in ["", "--json"] {
        let args = format!("chat hello {form} --url ws://{} --trace trace.jsonl", stranger.address);
        let outcome = with_key(Program::rtvoice(&args)).run();
        let trace = std::fs::read_to_string(outcome.home.path().join("trace.jsonl")).expect("it was traced");
        for text in [outcome.text(), trace] {
            assert!(text.contains("[key hidden]"), "{text}");
            assert!(!text.contains(&first[8..]) && !text.contains(second), "{text}");
        }
    }
}
