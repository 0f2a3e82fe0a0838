//! A call with an endpoint that begins its names anew on each connection: nothing is taken for what it is not.

use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::between::{Between, Fate, Fault};
use crate::support::program::{Outcome, Program};
use crate::support::short::{ShortSessions, Turn};

const LIMIT: Duration = Duration::from_secs(120);
/// How many sessions the call has.
const SESSIONS: usize = 3;

/// How the call goes from one session to the next: how long one lasts, and what becomes of its connection.
/// A connection that is cut is made again while the answer before is still being heard.
const WAYS: [(&str, u64, &[Fate]); 2] = [
    ("moved before each limit", 4, &[]),
    ("lost after each answer", 60, &[Fate::At(AFTER_ALL, Fault::Cut), Fate::At(AFTER_ALL, Fault::Cut)]),
];
const AFTER_ALL: &str = "rate_limits.updated";

/// Holds a call in which each session understands a question and answers it.
fn talk(limit: u64, fates: &[Fate], how: &str) -> Outcome {
    let turns = (1..=SESSIONS).map(|number| Turn {
        caption: Some(format!("question {number}")),
        words: format!("answer {number}"),
        speech: vec![2_000; 24_000],
    });
    let server = ShortSessions::start(Duration::from_secs(limit), turns.collect());
    let door = Between::new(&server.url, fates);
    let program = Program::rtvoice(&format!("talk {how} --input null --output answer.wav --model any --url"));
    let call = program.arg(&door.url).start();
    let last = format!("answer {SESSIONS}");
    if how == "--json" {
        call.wait_for_json(LIMIT, "assistant", |line| line["final"] == true && line["text"] == last);
    } else {
        call.wait_for_line(LIMIT, |line| line == format!("Assistant: {last}"));
    }
    call.signal(Signal::INT);
    call.wait(LIMIT).expect_code(130)
}

fn check_json(way: &str, outcome: &Outcome) {
    let lines = outcome.json_lines();
    for (kind, says, item) in [("user", "question", "item_1"), ("assistant", "answer", "item_2")] {
        let finals = lines.iter().filter(|line| line["type"] == kind && line["final"] == true);
        let reported: Vec<String> =
            finals.map(|line| format!("{}: {}", line["item_id"], line["text"])).collect();
        let items = [item.to_owned(), format!("{item}#2"), format!("{item}#3")];
        let expected = (1..).zip(items).map(|(number, item)| format!("\"{item}\": \"{says} {number}\""));
        assert_eq!(reported, expected.collect::<Vec<_>>(), "{way}: {}", outcome.text());
    }
    let answers = lines.iter().filter(|line| line["type"] == "assistant" && line["final"] == true);
    let heard: Vec<&Value> = answers.map(|line| &line["played_ms"]).collect();
    assert_eq!(heard, [1_000; SESSIONS], "{way}: each was heard");
}

fn check_plain(way: &str, outcome: &Outcome) {
    let text = outcome.text();
    for says in ["You: question", "Assistant: answer"] {
        let said: Vec<&str> = text.lines().filter(|line| line.starts_with(says)).collect();
        assert_eq!(said, [1, 2, 3].map(|number| format!("{says} {number}")), "{way}: {text}");
    }
}

#[test]
fn an_endpoint_that_counts_anew_on_each_connection_is_heard_out_on_each() {
    thread::scope(|scope| {
        for (way, limit, fates) in WAYS {
            scope.spawn(move || check_json(way, &talk(limit, fates, "--json")));
            scope.spawn(move || check_plain(way, &talk(limit, fates, "--plain")));
        }
    });
}
