//! Calls on loudspeakers: the microphone hears the assistant, the endpoint must not.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::process::Signal;
use serde_json::Value;

use crate::support::program::{Outcome, Program, Running, json_lines};
use crate::support::signal::Sound;
use crate::support::sound::SoundServer;
use crate::support::tries::until_undisturbed;

/// Longest wait for one thing, on a loaded machine too.
const LIMIT: Duration = Duration::from_secs(120);
/// What the canceller takes away at least once it knows the room, in dB. A virtual sound server slips now and
/// then when the machine is busy, which no room does.
const TAKEN_AWAY_DB: f64 = 10.0;

/// How many calls may be held for one that the machine does not disturb: a gap in what is played is no
/// echo of it, and a canceller is thrown off by it.
const CALLS: usize = 5;

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

fn was_disturbed(lines: &[Value]) -> bool {
    let told = of_type(lines, "info").into_iter().filter_map(|line| line["message"].as_str());
    told.into_iter().any(|message| message.contains(" in what was played"))
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
fn on_loudspeakers_the_assistant_is_not_interrupted_by_itself() {
    let server = SoundServer::start();
    server.echo(60, 12);
    until_undisturbed(CALLS, || hear_the_greeting(&server));
}

/// Holds a call until the greeting is over; says what disturbed the echo of it.
fn hear_the_greeting(server: &SoundServer) -> Option<String> {
    let call = call(server, "");
    let greeting = final_answer(&call);
    let lines = hang_up(call).json_lines();
    if was_disturbed(&lines) {
        return Some("there were gaps in what was played".to_owned());
    }
    let told = of_type(&lines, "echo");
    assert!(told.iter().all(|line| line["mode"] == "aec"), "{told:?}");
    let best = told.iter().filter_map(|line| line["erle_db"].as_f64()).fold(0.0, f64::max);
    assert!(
        told.iter().any(|line| line["delay_ms"].as_u64().is_some_and(|delay| (50..400).contains(&delay)))
    );
    // The way from the speaker to the microphone slips as well, which no room does and nobody tells: what comes
    // of it is no echo. A canceller that does not work fails each time.
    let is_alone = greeting["interrupted"] == false && of_type(&lines, "speech_started").is_empty();
    (!is_alone || best <= TAKEN_AWAY_DB).then(|| format!("{greeting}, {told:?}"))
}

#[test]
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
fn who_speaks_over_the_loudspeakers_interrupts_them() {
    for flags in ["", "--interrupt local"] {
        let server = SoundServer::start();
        server.echo(60, 12);
        let call = call(&server, flags);
        call.wait_for_json(LIMIT, "echo", |line| line["delay_ms"].is_u64());
        server.say("stop, stop, there is something else");
        let greeting = final_answer(&call);
        let outcome = hang_up(call);
        assert_eq!(greeting["interrupted"], true, "{flags}: {}", outcome.text());
    }
}

#[test]
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
fn an_answer_that_nobody_may_interrupt_is_heard_to_its_end() {
    let server = SoundServer::start();
    let call = call(&server, "--interrupt off");
    call.wait_for_json(LIMIT, "turn", |line| line["turn"] == "assistant");
    server.say("stop, stop, there is something else");
    let greeting = final_answer(&call);
    hang_up(call);
    assert_eq!(greeting["interrupted"], false);
}
