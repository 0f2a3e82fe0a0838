//! `--record`: what a call leaves behind, however it ends.

use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::program::Program;
use crate::support::signal::Sound;
use crate::support::speech;

/// Longest wait for something in a call, on a loaded machine.
const LIMIT: Duration = Duration::from_secs(120);
/// Speech is louder than this, in dB of full scale.
const SPEECH_DBFS: f32 = -35.0;

fn sides(path: &Path) -> (Sound, Sound) {
    (Sound::read_channel(path, 0), Sound::read_channel(path, 1))
}

fn talk(args: &str) -> Program {
    Program::rtvoice("talk --demo --json").arg("--input").arg(speech::hello_path()).arg_words(args)
}

#[test]
fn both_sides_are_recorded_in_order() {
    let outcome = talk("--output answer.wav --record call.wav").run().expect_code(0);
    let (left, right) = sides(&outcome.home.path().join("call.wav"));
    assert_eq!((left.rate, left.samples.len()), (24_000, right.samples.len()));
    let said = left.loud_ms(SPEECH_DBFS).expect("speech");
    let heard = right.loud_ms(SPEECH_DBFS).expect("an answer");
    assert!(said.end < heard.start, "{said:?} is answered at {heard:?}");
}

#[test]
fn a_recording_is_whole_after_a_crash() {
    let program = talk("--output null --record call.wav");
    let path = program.file("call.wav");
    let call = program.start();
    call.wait_for_json(LIMIT, "latency", |line| !line["first_sample_ms"].is_null());
    let is_recorded = || sides(&path).1.loud_ms(SPEECH_DBFS).is_some();
    assert!(
        std::iter::repeat_with(is_recorded).take(100_000).any(|recorded| recorded),
        "the answer is recorded"
    );
    call.signal(Signal::KILL);
    let outcome = call.wait(LIMIT);
    assert_eq!(outcome.code, None, "it was killed");
    let (left, right) = sides(&path);
    assert_eq!(left.samples.len(), right.samples.len());
    assert!(left.loud_ms(SPEECH_DBFS).is_some(), "the question is there");
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
fn a_place_that_cannot_be_recorded_to_is_reported_before_anything_begins() {
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
