//! An endpoint that misbehaves, over a real socket: what can be heard is heard, and every end is reported.

use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::program::{Outcome, Program, Running};
use crate::support::secrecy::{arguments_hold_no_key, left_no_key, with_key};
use crate::support::server::Server;
use crate::support::signal::Sound;
use crate::support::speech;

/// Longest wait for something in a call, on a loaded machine.
const LIMIT: Duration = Duration::from_secs(120);
/// How far what is said about played sound may be from what was written, in milliseconds.
const TOLERANCE_MS: u64 = 30;

/// Oddities that a call survives.
const SURVIVED: [&str; 10] = [
    "no-item-events",
    "no-session-updated",
    "no-session-created",
    "late=700",
    "strangers",
    "error-string",
    "odd-bytes",
    "burst",
    "stall=1000",
    "transcript-late",
];

/// Ends in the middle of an answer, and what is said about them before it is tried again.
const LOSSES: [(&str, &str); 4] = [
    ("close=1011", "the endpoint closed the connection (code 1011)"),
    ("drop", "the connection broke: "),
    ("half-message", "the connection broke: "),
    ("expire=5000", "the endpoint closed the connection (code 1001): Your session hit the maximum duration"),
];

static CALLS: LazyLock<Calls> = LazyLock::new(Calls::hold);

/// What came of the calls, held at once because they take their time.
struct Calls {
    survived: Vec<(&'static str, Outcome)>,
    lost: Vec<(&'static str, &'static str, Outcome)>,
    silenced: Outcome,
}

impl Calls {
    fn hold() -> Self {
        thread::scope(|scope| {
            let survived = SURVIVED.map(|fault| (fault, scope.spawn(|| call(fault, |_| ()))));
            let lost = LOSSES.map(|(fault, says)| (fault, says, scope.spawn(|| call(fault, end_once_away))));
            let silenced = scope.spawn(|| {
                call("silence", |call| {
                    let is_heard = |line: &Value| line["played_ms"].as_u64() > Some(100);
                    call.wait_for_json(LIMIT, "assistant", is_heard);
                    call.signal(Signal::TERM);
                })
            });
            let done = "a call does not panic";
            Self {
                survived: survived.map(|(fault, call)| (fault, call.join().expect(done))).into(),
                lost: lost.map(|(fault, says, call)| (fault, says, call.join().expect(done))).into(),
                silenced: silenced.join().expect(done),
            }
        })
    }
}

/// Holds a call with an endpoint that misbehaves in the given way.
fn call(fault: &str, meanwhile: impl Fn(&Running)) -> Outcome {
    let server = Server::with_fault(fault);
    let args = format!("talk --url {} --model any --input short.wav --output answer.wav --json", server.url);
    let program = with_key(Program::rtvoice(&args).arg("--trace").arg("trace.jsonl"));
    speech::write_plain(&program.file("short.wav"), &speech::short());
    let call = program.start();
    arguments_hold_no_key(&call);
    meanwhile(&call);
    let outcome = call.wait(LIMIT);
    left_no_key(&outcome);
    outcome
}

/// Ends a call whose connection is away.
fn end_once_away(call: &Running) {
    call.wait_for_json(LIMIT, "connection", |line| line["state"] == "reconnecting");
    call.signal(Signal::INT);
}

fn answer(outcome: &Outcome) -> Sound {
    Sound::read(&outcome.home.path().join("answer.wav"))
}

fn last(outcome: &Outcome, kind: &str) -> Value {
    let lines = outcome.json_lines();
    let found = lines.iter().rfind(|line| line["type"] == kind);
    found.unwrap_or_else(|| panic!("no `{kind}`: {lines:#?}")).clone()
}

fn assert_played_as_reported(outcome: &Outcome, name: &str) {
    let written = u64::try_from(answer(outcome).ms()).expect("a length is small");
    let line = last(outcome, "assistant");
    let reported = line["played_ms"].as_u64().unwrap_or_else(|| panic!("{name}: heard nothing: {line}"));
    assert!(reported.abs_diff(written) <= TOLERANCE_MS, "{name}: heard {reported} ms of {written} ms");
    assert_eq!(line["final"], true, "{name}: {line}");
}

#[test]
fn an_odd_endpoint_is_heard_to_the_end() {
    for (fault, outcome) in &CALLS.survived {
        assert_eq!(outcome.code, Some(0), "{fault}: {} {}", outcome.stderr, outcome.text());
        assert_eq!(outcome.stderr, "", "{fault}");
        assert_played_as_reported(outcome, fault);
        let line = last(outcome, "assistant");
        let text = line["text"].as_str().unwrap_or_default();
        assert!(text.starts_with("I heard you speak for") && line["interrupted"] == false, "{fault}: {line}");
        let user = last(outcome, "user");
        let text = user["text"].as_str().unwrap_or_default();
        assert!(text.starts_with("[speech 0.") && user["final"] == true, "{fault}: {user}");
        assert_eq!(last(outcome, "end")["reason"], "input_ended", "{fault}");
        let answer = answer(outcome);
        let found = answer.find(&speech::short().between(600..1_100));
        assert!(found.correlation > 0.95, "{fault}: {found:?} in {} ms", answer.ms());
    }
}

#[test]
fn an_answer_that_breaks_off_is_reported_as_far_as_it_was_heard() {
    for (fault, says, outcome) in &CALLS.lost {
        assert_eq!(outcome.code, Some(130), "{fault}: {} {}", outcome.stderr, outcome.text());
        let line = last(outcome, "assistant");
        assert_eq!((&line["final"], &line["interrupted"]), (&true.into(), &true.into()), "{fault}: {line}");
        assert!(line["played_ms"].as_u64() > Some(0), "{fault}: {line}");
        assert!(answer(outcome).ms() > 0, "{fault}");
        let reported = last(outcome, "info")["message"].as_str().unwrap_or_default().to_owned();
        assert!(reported.starts_with(says) && reported.ends_with("retrying"), "{fault}: {reported}");
    }
}

#[test]
fn an_endpoint_that_falls_silent_does_not_hold_who_wants_to_go() {
    let outcome = &CALLS.silenced;
    assert_eq!(outcome.code, Some(143), "{}", outcome.stderr);
    assert_played_as_reported(outcome, "silence");
}

#[test]
fn a_written_answer_that_breaks_off_is_printed_as_far_as_it_came() {
    let server = Server::with_fault("drop");
    let outcome =
        Program::rtvoice(&format!("chat hello --model any --url {}", server.url)).run().expect_code(5);
    assert!(outcome.text().starts_with("**rtvoice** is voice chat") && outcome.text().ends_with('\n'));
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    assert_eq!(lines[0], "(answer interrupted)");
    assert!(
        lines[1].starts_with("rtvoice: the connection broke") && lines[2].starts_with("hint: "),
        "{lines:?}"
    );
}

#[test]
fn an_endpoint_that_cannot_listen_says_so() {
    let server = Server::with_fault("burst");
    let port =
        server.url.split(['/', ':']).find(|part| part.parse::<u16>().is_ok()).expect("there is a port");
    let outcome = Program::rtvoice("serve --port").arg(port).run().expect_code(5);
    let expected = format!("rtvoice: cannot listen on 127.0.0.1:{port}: Address already in use");
    assert!(
        outcome.stderr.starts_with(&expected) && outcome.stderr.contains("\nhint: "),
        "{}",
        outcome.stderr
    );
    let outcome = Program::rtvoice("serve --port 0 --fault nonsense").run().expect_code(2);
    assert!(outcome.stderr.contains("unknown fault 'nonsense'"), "{}", outcome.stderr);
}
