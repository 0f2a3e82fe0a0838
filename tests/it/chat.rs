//! Written questions to the demo.

#[cfg(unix)]
mod endless_server;
mod kept;
#[cfg(unix)]
mod screen;

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
    assert_eq!(asked(&joined, Dialect::Ga), ["explain this\n\n```\nsome text\nof two lines\n```"]);
}

#[test]
fn nothing_to_ask_is_a_mistake_in_the_command() {
    let outcome = chat("").run().expect_code(2);
    assert_eq!(outcome.text(), "");
    assert!(outcome.stderr.starts_with("rtvoice: no prompt given\nhint: "), "{}", outcome.stderr);
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
fn an_answer_is_reported_in_lines_of_json() {
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

#[test]
fn unquoted_words_are_one_question() {
    let outcome = Program::rtvoice("chat --demo what are keys for --trace trace.jsonl").run().expect_code(0);
    assert_eq!(asked(&outcome, Dialect::Ga), ["what are keys for"]);
}

#[test]
fn system_model_and_files_have_the_short_flags_of_other_programs() {
    let program = chat("-s brief -f notes.txt sum up");
    std::fs::write(program.home.path().join("notes.txt"), "one\n").unwrap();
    let outcome = program.run().expect_code(0);
    assert_eq!(asked(&outcome, Dialect::Ga), ["sum up\n\nnotes.txt:\n```\none\n```"]);
    let session = Schema::of(Dialect::Ga).check_trace(&trace(&outcome))[0]["session"].clone();
    assert_eq!(session["instructions"], "brief");
    let dry = Program::rtvoice("chat --url wss://example.org/v1 --auth none -m some-model --dry-run hello");
    assert!(dry.run().expect_code(0).text().contains("model: some-model\n"));
}

#[test]
fn a_file_that_cannot_be_read_is_one_sentence_and_nothing_is_sent() {
    for (name, bytes, reason) in [
        ("missing", None, "cannot read missing: "),
        ("binary", Some(&b"\x89PNG\0\xff"[..]), "binary is not a text file\n"),
    ] {
        let program = chat(&format!("--file {name} look"));
        if let Some(bytes) = bytes {
            std::fs::write(program.home.path().join(name), bytes).unwrap();
        }
        let outcome = program.run().expect_code(4);
        assert!(outcome.stderr.starts_with(&format!("rtvoice: {reason}")), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("\nhint: "), "{}", outcome.stderr);
        assert!(outcome.stdout.is_empty() && !trace(&outcome).exists());
    }
}

#[test]
fn a_code_block_of_the_answer_is_extracted() {
    let first = chat("--extract keys").run().expect_code(0);
    assert!(first.text().starts_with("export RTVOICE_API_KEY="), "{}", first.text());
    assert!(!first.text().contains('`') && first.stderr.is_empty());
    let last = chat("--extract-last markdown").run().expect_code(0);
    assert!(last.text().starts_with("/// Returns the next slot"), "{}", last.text());
    let none = chat("-x xyzzy").run().expect_code(6);
    assert!(none.stdout.is_empty());
    assert!(none.stderr.contains("I do not know that"), "a billed answer is not lost: {}", none.stderr);
    assert!(none.stderr.contains("rtvoice: the answer has no code block\nhint: "), "{}", none.stderr);
}

#[test]
fn usage_goes_to_standard_error() {
    let outcome = chat("-u keys").run().expect_code(0);
    assert!(
        outcome.stderr.starts_with("usage: ") && outcome.stderr.contains(" output, "),
        "{}",
        outcome.stderr
    );
    assert!(!outcome.text().contains("usage: "));
}

#[test]
fn an_answer_that_is_not_streamed_is_the_same() {
    let whole = chat("--no-stream keys").run().expect_code(0);
    assert_eq!(whole.text(), chat("keys").run().expect_code(0).text());
}

#[test]
fn a_dry_run_connects_to_nothing() {
    let outcome = chat("--dry-run -s brief hello there").run().expect_code(0);
    assert_eq!(outcome.text(), "endpoint: demo\nmodel: rtvoice-demo\ninstructions: brief\n\nhello there\n");
    assert!(!trace(&outcome).exists());
}

#[cfg(unix)]
mod on_a_terminal {
    use std::time::Duration;

    use crate::support::program::Program;
    use crate::support::pty::{Size, Terminal};

    const LIMIT: Duration = Duration::from_secs(60);

    /// Returns the rows on which an answer stands, and all bytes that were written.
    fn drawn(args: &str, environment: &[(&str, &str)]) -> (Vec<String>, String) {
        let variables = environment.iter().map(|(name, value)| (*name, (*value).into()));
        let program = Program::rtvoice(&format!("chat --demo {args}")).envs(variables);
        let left = Terminal::start(program, Size { columns: 80, rows: 60 }).wait(LIMIT).expect_code(0);
        let rows = left.text.lines().map(|row| row.trim_end().to_owned()).collect();
        (rows, String::from_utf8_lossy(&left.bytes).into_owned())
    }

    #[test]
    fn an_answer_is_drawn_as_markdown_and_never_erased() {
        let (rows, bytes) = drawn("markdown", &[]);
        let expected = ["Markdown on a terminal", "1. Lists hang under their text.", "   • They nest."];
        for row in expected
            .iter()
            .chain(&["│ Those who write a ring buffer write two more.", "Tables  │  100% │ 以顯示寬度對齊"])
        {
            assert!(rows.iter().any(|drawn| drawn == row), "{row} is not in {rows:#?}");
        }
        assert!(bytes.contains("\x1b[1;4;35mMarkdown on a terminal\x1b[0m"), "{bytes:?}");
        let sequences = bytes.split("\x1b[").skip(1);
        assert!(
            sequences
                .clone()
                .all(|rest| rest.trim_start_matches(|c: char| "0123456789;".contains(c)).starts_with('m'))
        );
    }

    #[test]
    fn no_color_and_no_markdown_are_respected() {
        let (_, bytes) = drawn("markdown", &[("NO_COLOR", "1")]);
        assert!(bytes.contains("\x1b[1;4mMarkdown") && !bytes.contains("\x1b[35m"), "{bytes:?}");
        let (rows, bytes) = drawn("markdown --no-markdown", &[]);
        assert!(
            rows.contains(&"# Markdown on a terminal".to_owned()) && !bytes.contains('\x1b'),
            "{bytes:?}"
        );
    }
}

#[test]
fn colors_can_be_forced_into_a_pipe() {
    let outcome = chat("markdown").env("CLICOLOR_FORCE", "1").run().expect_code(0);
    let text = String::from_utf8_lossy(&outcome.stdout).into_owned();
    assert!(text.contains("\x1b[1;4;35mMarkdown on a terminal\x1b[0m\n"), "{text}");
}

fn trace(outcome: &Outcome) -> std::path::PathBuf {
    Path::new(outcome.home.path()).join("trace.jsonl")
}
