//! Calls on loudspeakers: the microphone hears the assistant, the endpoint must not.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::process::Signal;
use serde_json::Value;

use crate::support::program::{Outcome, Program, Running, json_lines};
use crate::support::signal::Sound;
use crate::support::sound::SoundServer;

/// Longest wait for one thing, on a loaded machine too.
const LIMIT: Duration = Duration::from_secs(120);

/// A call with the demo in a room with loudspeakers.
fn call(server: &SoundServer, flags: &str) -> Running {
    let program = Program::rtvoice("talk --demo --json --trace trace.jsonl").envs(server.env());
    flags.split_whitespace().fold(program, Program::arg).start()
}

fn hang_up(call: Running) -> Outcome {
    call.signal(Signal::INT);
    call.wait(LIMIT).expect_code(130)
}

fn final_answer(call: &Running) -> Value {
    call.wait_for_json(LIMIT, "assistant", |line| line["final"] == true)
}

fn of_type<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["type"] == kind).collect()
}

/// Returns what was sent of the microphone until the first answer was heard.
fn sent_during_the_greeting(outcome: &Outcome) -> Sound {
    let text =
        std::fs::read_to_string(outcome.home.path().join("trace.jsonl")).expect("the trace is written");
    let end = of_type(&outcome.json_lines(), "assistant")
        .into_iter()
        .find(|line| line["final"] == true)
        .and_then(|line| line["at_ms"].as_u64())
        .expect("the greeting was heard");
    let before = json_lines(&text).into_iter().filter(|line| line["at_ms"].as_u64() < Some(end));
    let bytes: Vec<u8> = before
        .filter_map(|line| line["event"]["audio"].as_str().map(str::to_owned))
        .flat_map(|audio| STANDARD.decode(audio).expect("base64"))
        .collect();
    let samples: Vec<i16> = bytes.as_chunks().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
    Sound::new(&samples, 24_000)
}

#[test]
#[cfg_attr(not(feature = "device"), ignore = "this build has no devices")]
fn on_loudspeakers_the_delay_of_the_echo_is_found() {
    let server = SoundServer::start();
    server.echo(60, 12);
    let call = call(&server, "");
    let is_found = |line: &Value| line["delay_ms"].as_u64().is_some_and(|delay| (50..400).contains(&delay));
    assert_eq!(call.wait_for_json(LIMIT, "echo", is_found)["mode"], "aec");
    hang_up(call);
}

#[test]
#[cfg_attr(not(feature = "device"), ignore = "this build has no devices")]
fn without_anything_against_it_the_assistant_does_interrupt_itself() {
    let server = SoundServer::start();
    server.echo(60, 12);
    let call = call(&server, "--echo off");
    let greeting = final_answer(&call);
    let outcome = hang_up(call);
    assert_eq!(greeting["interrupted"], true, "so there is an echo to be heard: {}", outcome.text());
    assert_eq!(of_type(&outcome.json_lines(), "echo")[0]["mode"], "off");
}

#[test]
#[cfg_attr(not(feature = "device"), ignore = "this build has no devices")]
fn who_speaks_over_the_loudspeakers_interrupts_them() {
    for flags in ["", "--interrupt local"] {
        let server = SoundServer::start();
        server.echo(60, 12);
        let call = call(&server, flags);
        call.wait_for_json(LIMIT, "echo", |line| line["delay_ms"].is_u64());
        let greeting = final_answer(&call);
        server.say("hello there, this is a question about the weather and the news of today");
        let is_next = |line: &Value| line["item_id"] != greeting["item_id"];
        call.wait_for_json(LIMIT, "assistant", is_next);
        // Long enough to go on after an audio gap, during which the microphone is silent.
        server.say(
            "stop, stop, there is something else, please wait, stop it now, I want to say something else",
        );
        let answer = call.wait_for_json(LIMIT, "assistant", |line| is_next(line) && line["final"] == true);
        let outcome = hang_up(call);
        assert_eq!(answer["interrupted"], true, "{flags}: {}", outcome.text());
    }
}

#[test]
#[cfg_attr(not(feature = "device"), ignore = "this build has no devices")]
fn in_half_duplex_silence_is_sent_while_the_assistant_speaks() {
    let server = SoundServer::start();
    server.echo(60, 6);
    let call = call(&server, "--echo half");
    let greeting = final_answer(&call);
    let outcome = hang_up(call);
    assert_eq!(greeting["interrupted"], false);
    let sent = sent_during_the_greeting(&outcome);
    assert!(sent.ms() > 3_000, "{} ms", sent.ms());
    assert_eq!(sent.loud_ms(-70.0), None, "nothing of it is sent");
    assert_eq!(of_type(&outcome.json_lines(), "echo")[0]["mode"], "half");
}

#[test]
#[cfg_attr(not(feature = "device"), ignore = "this build has no devices")]
fn an_answer_that_no_one_may_interrupt_is_heard_to_its_end() {
    let server = SoundServer::start();
    let call = call(&server, "--interrupt off");
    call.wait_for_json(LIMIT, "turn", |line| line["turn"] == "assistant");
    server.say("stop, stop, there is something else");
    let greeting = final_answer(&call);
    hang_up(call);
    assert_eq!(greeting["interrupted"], false);
}
