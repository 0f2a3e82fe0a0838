//! `--record`: what a call leaves behind, however it ends.

use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::program::{Outcome, Program};
use crate::support::signal::Sound;
use crate::support::speech;
use crate::support::tries::until_undisturbed;

/// Longest wait for something in a call, on a loaded machine.
const LIMIT: Duration = Duration::from_secs(120);
/// How alike what was heard and what was recorded have to be, 1 being the same.
const ALIKE: f32 = 0.97;
/// Speech is louder than this, in dB of full scale.
const SPEECH_DBFS: f32 = -35.0;
/// How far a side may be from the time that the program tells, in milliseconds: a report of what was heard
/// comes every 50 ms, and a loaded machine writes it late.
const NEAR_MS: usize = 400;
/// How many calls may be held for one that the machine does not disturb: what comes too late is left out.
const CALLS: usize = 3;

fn sides(path: &Path) -> (Sound, Sound) {
    (Sound::read_channel(path, 0), Sound::read_channel(path, 1))
}

fn talk(args: &str) -> Program {
    Program::rtvoice("talk --demo --json").arg("--input").arg(speech::hello_path()).arg_words(args)
}

fn at_ms(line: &Value) -> usize {
    line["at_ms"].as_u64().and_then(|ms| usize::try_from(ms).ok()).expect("every line has a time")
}

/// Returns when the first line of a kind that satisfies was written.
fn time_of(outcome: &Outcome, kind: &str, satisfies: impl Fn(&Value) -> bool) -> usize {
    let lines = outcome.json_lines();
    let found = lines.iter().find(|line| line["type"] == kind && satisfies(line));
    at_ms(found.unwrap_or_else(|| panic!("no `{kind}`: {lines:#?}")))
}

#[test]
fn both_sides_are_recorded_where_they_were_in_time() {
    until_undisturbed(CALLS, record_both_sides);
}

/// Holds a call; says how the recording is not what was said and heard.
fn record_both_sides() -> Option<String> {
    let outcome = talk("--output answer.wav --record call.wav").run().expect_code(0);
    let home = outcome.home.path();
    let ((left, right), answer) = (sides(&home.join("call.wav")), Sound::read(&home.join("answer.wav")));
    assert_eq!((left.rate, left.samples.len()), (24_000, right.samples.len()));
    let (said, heard) = (left.find(&speech::hello()), right.find(&answer.between(0..1_000)));
    if said.correlation < ALIKE || heard.correlation < ALIKE {
        return Some(format!("{said:?}, {heard:?}"));
    }
    let whole = right.between(heard.at_ms as usize..right.ms()).loud_ms(SPEECH_DBFS).expect("an answer");
    let there = answer.loud_ms(SPEECH_DBFS).expect("an answer");
    let spoken = left.loud_ms(SPEECH_DBFS).expect("speech");
    assert!(heard.at_ms as usize > spoken.end, "{spoken:?} was answered at {heard:?}");
    let live = time_of(&outcome, "connection", |line| line["state"] == "live");
    let heard_at = time_of(&outcome, "assistant", |line| line["heard_ms"].as_u64() > Some(0)) - live;
    let is_right = whole.end.abs_diff(there.end) <= 30 && heard_at.abs_diff(heard.at_ms as usize) <= NEAR_MS;
    (!is_right).then(|| format!("{whole:?} of {there:?}, at {heard_at} ms, recorded at {heard:?}"))
}

#[test]
fn a_recording_is_whole_after_a_crash() {
    until_undisturbed(CALLS, record_until_a_crash);
}

/// Kills a call in its answer; says how the recording is not what was said.
fn record_until_a_crash() -> Option<String> {
    let program = talk("--output null --record call.wav");
    let path = program.file("call.wav");
    let call = program.start();
    let live = at_ms(&call.wait_for_json(LIMIT, "connection", |line| line["state"] == "live"));
    let heard = call.wait_for_json(LIMIT, "assistant", |line| line["heard_ms"].as_u64() > Some(2_000));
    call.signal(Signal::KILL);
    let outcome = call.wait(LIMIT);
    assert_eq!(outcome.code, None, "it was killed");
    let (left, right) = sides(&path);
    // A second is the most that the header is behind, and half a second is not known yet.
    let lasted = at_ms(&heard) - live;
    assert!(left.ms() + 1_900 > lasted, "{} of {lasted} ms", left.ms());
    assert_eq!(left.samples.len(), right.samples.len());
    assert!(right.loud_ms(SPEECH_DBFS).is_some(), "the answer had begun");
    let said = left.find(&speech::hello());
    (said.correlation < ALIKE).then(|| format!("{said:?}"))
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_only_the_recording_and_is_an_error_at_the_end() {
    let outcome = talk("--output answer.wav --record /dev/full").run().expect_code(4);
    let lines = outcome.json_lines();
    let errors: Vec<&Value> = lines.iter().filter(|line| line["type"] == "error").collect();
    let [error] = errors[..] else { panic!("{errors:?}") };
    assert_eq!(
        error["message"],
        "recording stopped: cannot write /dev/full: No space left on device (os error 28)"
    );
    assert!(outcome.stderr.starts_with("rtvoice: recording stopped: "), "{}", outcome.stderr);
    assert!(Sound::read(&outcome.home.path().join("answer.wav")).loud_ms(SPEECH_DBFS).is_some());
}

#[test]
fn a_place_that_cannot_be_recorded_to_is_told_before_anything_begins() {
    let outcome = talk("--output null --record no/such/call.wav").run().expect_code(4);
    assert!(outcome.stderr.contains("cannot write no/such/call.wav"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("hint: "), "{}", outcome.stderr);
}

#[test]
fn a_call_that_never_was_leaves_the_file_as_it_found_it() {
    let program =
        Program::rtvoice("talk --json --url ws://127.0.0.1:1 --model any --input null --output null");
    let program = program.arg_words("--record call.wav");
    std::fs::write(program.file("call.wav"), "precious").expect("the temporary folder takes files");
    let outcome = program.run().expect_code(5);
    assert_eq!(std::fs::read(outcome.home.path().join("call.wav")).expect("it is there"), b"precious");
}
