//! `--record`: both sides where they were in time.

use std::path::Path;

use serde_json::Value;

use crate::support::program::{Outcome, Program};
use crate::support::signal::Sound;
use crate::support::speech;

/// How alike what was heard and what was recorded have to be, 1 being the same.
const ALIKE: f32 = 0.97;
/// Speech is louder than this, in dB of full scale.
const SPEECH_DBFS: f32 = -35.0;
/// How far a side may be from the time that the program tells, in milliseconds: a report of what was heard
/// comes every 50 ms, and a loaded machine writes it late.
const NEAR_MS: usize = 400;

fn sides(path: &Path) -> (Sound, Sound) {
    (Sound::read_channel(path, 0), Sound::read_channel(path, 1))
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
    let outcome = Program::rtvoice("talk --demo --json --input")
        .arg(speech::hello_path())
        .arg_words("--output answer.wav --record call.wav")
        .run()
        .expect_code(0);
    let home = outcome.home.path();
    let ((left, right), answer) = (sides(&home.join("call.wav")), Sound::read(&home.join("answer.wav")));
    assert_eq!((left.rate, left.samples.len()), (24_000, right.samples.len()));
    let (said, heard) = (left.find(&speech::hello()), right.find(&answer.between(0..1_000)));
    assert!(said.correlation >= ALIKE && heard.correlation >= ALIKE, "{said:?}, {heard:?}");
    let whole = right.between(heard.at_ms as usize..right.ms()).loud_ms(SPEECH_DBFS).expect("an answer");
    let there = answer.loud_ms(SPEECH_DBFS).expect("an answer");
    let spoken = left.loud_ms(SPEECH_DBFS).expect("speech");
    assert!(heard.at_ms as usize > spoken.end, "{spoken:?} was answered at {heard:?}");
    let live = time_of(&outcome, "connection", |line| line["state"] == "live");
    let heard_at = time_of(&outcome, "assistant", |line| line["played_ms"].as_u64() > Some(0)) - live;
    assert!(whole.end.abs_diff(there.end) <= 30, "{whole:?} of {there:?}");
    assert!(heard_at.abs_diff(heard.at_ms as usize) <= NEAR_MS, "at {heard_at} ms, recorded at {heard:?}");
}
