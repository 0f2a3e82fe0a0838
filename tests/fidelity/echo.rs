//! Loudspeakers in a room: what the echo canceller achieves in a whole call.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::program::Program;
use crate::support::sound::SoundServer;

/// Longest wait for one thing, on a loaded machine too.
const LIMIT: Duration = Duration::from_secs(120);
/// The least ERLE once the echo path is known.
const ERLE_DB: f64 = 10.0;

fn of_type<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["type"] == kind).collect()
}

#[test]
fn on_loudspeakers_the_assistant_does_not_interrupt_itself() {
    let server = SoundServer::start();
    server.echo(60, 12);
    let call = Program::rtvoice("talk --demo --json").envs(server.env()).start();
    let greeting = call.wait_for_json(LIMIT, "assistant", |line| line["final"] == true);
    call.signal(Signal::INT);
    let lines = call.wait(LIMIT).expect_code(130).json_lines();
    assert_eq!((&greeting["interrupted"], of_type(&lines, "speech_started")), (&false.into(), Vec::new()));
    let states = of_type(&lines, "echo");
    let best = states.iter().filter_map(|line| line["erle_db"].as_f64()).fold(0.0, f64::max);
    assert!(best > ERLE_DB && states.iter().all(|line| line["mode"] == "aec"), "{states:?}");
}

#[test]
fn in_a_room_a_short_word_is_a_turn_and_the_assistant_can_be_interrupted() {
    let server = SoundServer::start();
    server.echo(60, 12);
    let flags = "talk --demo --vad local --json";
    let call = Program::rtvoice(flags).envs(server.env()).start();
    call.wait_for_json(LIMIT, "speak_now", |_| true);
    server.say("hello, can you hear me through this room?");
    let first = call.wait_for_json(LIMIT, "assistant", |line| line["final"] == true);
    server.say("yes");
    let of_second = |line: &Value| line["item_id"] != first["item_id"];
    call.wait_for_json(LIMIT, "assistant", |line| of_second(line) && line["played_ms"].as_u64() > Some(300));
    server.say("stop, stop, there is something else");
    let second = call.wait_for_json(LIMIT, "assistant", |line| of_second(line) && line["final"] == true);
    call.wait_for_json(LIMIT, "assistant", |line| {
        of_second(line) && line["item_id"] != second["item_id"] && line["played_ms"].as_u64() > Some(0)
    });
    call.signal(Signal::INT);
    let outcome = call.wait(LIMIT).expect_code(130);
    let started = of_type(&outcome.json_lines(), "speech_started").len();
    let turns = (&first["interrupted"], &second["interrupted"], started);
    assert_eq!(turns, (&false.into(), &true.into(), 3), "{}", outcome.text());
}
