//! Written questions to the demo.

use std::path::Path;

use rtvoice::protocol::dialect::Dialect;
use serde_json::Value;

use crate::support::program::{Outcome, Program};
use crate::support::schema::Schema;

fn chat(args: &str) -> Program {
    Program::rtvoice(&format!("chat --demo --trace trace.jsonl {args}"))
}

/// Returns the questions that left the program.
fn asked(outcome: &Outcome, dialect: Dialect) -> Vec<Value> {
    let sent = Schema::of(dialect).check_trace(&outcome.home.path().join("trace.jsonl"));
    sent.iter().filter_map(|event| event["item"]["content"][0].get("text").cloned()).collect()
}

#[test]
fn an_answer_goes_to_a_pipe_as_it_was_written() {
    let outcome = chat("keys").run().expect_code(0);
    assert_eq!(outcome.stderr, "");
    let text = outcome.text();
    assert!(text.contains("```sh\nexport RTVOICE_API_KEY="), "Markdown is left to the reader: {text}");
    assert!(text.ends_with('\n') && !text.ends_with("\n\n") && !text.contains('\u{1b}'), "{text:?}");
    assert_eq!(asked(&outcome, Dialect::Ga), ["keys"]);
}

#[test]
fn a_question_comes_from_a_pipe_or_is_joined_with_it() {
    let piped = chat("--dialect beta").stdin("what are keys for?\n").run().expect_code(0);
    assert_eq!(asked(&piped, Dialect::Beta), ["what are keys for?"]);
    let joined = chat("").arg("explain this").stdin("some text\nof two lines\n").run().expect_code(0);
    assert_eq!(asked(&joined, Dialect::Ga), ["explain this\n\nsome text\nof two lines"]);
}

#[test]
fn nothing_to_ask_is_a_mistake_in_the_command() {
    let outcome = chat("").run().expect_code(2);
    assert_eq!(outcome.text(), "");
    assert!(outcome.stderr.starts_with("rtvoice: there is nothing to ask\nhint: "), "{}", outcome.stderr);
    assert!(!outcome.home.path().join("trace.jsonl").exists());
    let outcome = chat("hello").stdin(b"\xff\xfe".to_vec()).run().expect_code(2);
    assert!(outcome.stderr.contains("cannot read standard input as text"), "{}", outcome.stderr);
}

#[test]
fn a_reader_that_goes_away_is_a_normal_end() {
    let program = env!("CARGO_BIN_EXE_rtvoice");
    for flags in ["", "--json"] {
        let script = format!("{{ {program} chat --demo {flags} hello; echo code $? >&2; }} | head -1");
        let outcome = Program::shell(&script).run().expect_code(0);
        assert_eq!(outcome.stderr, "code 0\n", "{flags}");
        assert_eq!(outcome.text().lines().count(), 1);
    }
}

#[test]
fn an_answer_is_told_in_lines_of_json() {
    let outcome = chat("--json --instructions brief").arg("what is rtvoice?").run().expect_code(0);
    let lines = outcome.json_lines();
    let of = |kind: &str| lines.iter().rfind(|line| line["type"] == kind);
    assert!(of("session").is_some());
    let answer = of("assistant").expect("it was answered");
    assert_eq!((&answer["final"], &answer["interrupted"]), (&true.into(), &false.into()));
    assert_eq!(answer["played_ms"], Value::Null, "nothing is to be heard");
    assert!(answer["text"].as_str().is_some_and(|text| text.contains("**rtvoice**")));
    assert!(of("usage").is_some_and(|line| line["last"]["total_tokens"].as_u64() > Some(0)));
    assert_eq!(of("end").map(|line| line["reason"].clone()), Some("answered".into()));
    let session = Schema::of(Dialect::Ga).check_trace(&trace(&outcome))[0]["session"].clone();
    assert_eq!(session["instructions"], "brief");
    assert_eq!(session["output_modalities"], serde_json::json!(["text"]));
}

fn trace(outcome: &Outcome) -> std::path::PathBuf {
    Path::new(outcome.home.path()).join("trace.jsonl")
}
