//! `--vad local`: this machine finds the turns in real speech, and nothing else is sent.

use std::sync::LazyLock;
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rtvoice::protocol::dialect::Dialect;
use serde_json::Value;

use crate::support::program::{Outcome, Program};
use crate::support::schema::Schema;
use crate::support::server::Server;
use crate::support::signal::Sound;
use crate::support::speech;

/// What the recording has of speech, before it, and behind it, in milliseconds.
const SPOKEN_MS: u64 = 2_500;
/// What a turn contains in addition to speech: 300 ms before it, until it is noticed, and the pause by which it ends.
const AROUND_SPEECH_MS: u64 = 300 + 500;
/// How much later or earlier speech may be found to begin and end.
const ABOUT_MS: u64 = 350;

static CALLS: LazyLock<Calls> = LazyLock::new(Calls::hold);

/// What came of the calls.
struct Calls {
    /// Two sentences in a file, the second when the first is answered.
    two: Outcome,
    /// The recording through a pipe as long as it is, and nothing behind it.
    cut: Outcome,
    /// Captions of two sentences by a model that finds no turns.
    live: Outcome,
    /// The same by one that would, in the beta dialect, where a longer silence ends a turn than is between them.
    patient: Outcome,
    /// Five seconds of nothing.
    silence: Outcome,
}

impl Calls {
    fn hold() -> Self {
        let talk = |args: &str| {
            Program::rtvoice(&format!("talk --demo --output null --json --trace trace.jsonl {args}"))
        };
        let transcribe =
            |args: &str| Program::rtvoice(&format!("transcribe --demo --json --trace trace.jsonl {args}"));
        thread::scope(|scope| {
            let two = scope.spawn(|| {
                let program = talk("--vad local --input two.wav");
                speech::write_plain(&program.file("two.wav"), &hello_twice(10));
                program.run()
            });
            let cut = scope.spawn(|| {
                let hello = speech::hello();
                let loud = hello.loud_ms(-35.0).expect("someone speaks");
                talk("--vad local --input -").stdin(speech::raw(&hello.between(0..loud.end))).run()
            });
            let live = scope.spawn(|| {
                let args = "transcribe --profile serve --model gpt-live-transcribe --json --trace trace.jsonl two.wav --url";
                let server = Server::start();
                let program = Program::rtvoice(args).arg(&server.url);
                speech::write_plain(&program.file("two.wav"), &hello_twice(1));
                program.run()
            });
            let patient = scope.spawn(|| {
                let args = "--vad local --silence-duration-ms 4000 --dialect beta two.wav";
                let program = transcribe(args);
                speech::write_plain(&program.file("two.wav"), &hello_twice(1));
                program.run()
            });
            let silence =
                scope.spawn(|| transcribe("--vad local --input -").stdin(vec![0; 5 * 48_000]).run());
            let done = "a call does not panic";
            Self {
                two: two.join().expect(done),
                cut: cut.join().expect(done),
                live: live.join().expect(done),
                patient: patient.join().expect(done),
                silence: silence.join().expect(done),
            }
        })
    }
}

/// The recording twice, with extra silence between and a second of it at the end.
fn hello_twice(seconds: usize) -> Sound {
    let hello = speech::hello();
    let silence = vec![0.0; hello.rate * seconds];
    let samples = [&hello.samples[..], &silence, &hello.samples, &vec![0.0; hello.rate]].concat();
    Sound { samples, rate: hello.rate }
}

/// Returns what was sent, after the strict schema has taken it.
fn sent(outcome: &Outcome, dialect: Dialect) -> Vec<Value> {
    Schema::of(dialect).check_trace(&outcome.home.path().join("trace.jsonl"))
}

/// Returns the types of what was sent, one for each row of equal ones.
fn types(sent: &[Value]) -> Vec<&str> {
    let mut types: Vec<&str> = sent.iter().filter_map(|event| event["type"].as_str()).collect();
    types.dedup();
    types
}

/// Returns how much sound each commit has, in milliseconds.
fn committed_ms(sent: &[Value]) -> Vec<u64> {
    let mut turns = vec![0];
    for event in sent {
        if let Some(audio) = event["audio"].as_str() {
            *turns.last_mut().expect("there is one") += STANDARD.decode(audio).expect("base64").len() as u64;
        } else if event["type"] == "input_audio_buffer.commit" {
            turns.push(0);
        }
    }
    assert_eq!(turns.pop(), Some(0), "what was sent is committed");
    turns.into_iter().map(|bytes| bytes / 48).collect()
}

fn of_type<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["type"] == kind).collect()
}

fn finals(lines: &[Value], kind: &str) -> usize {
    of_type(lines, kind).into_iter().filter(|line| line["final"] == true).count()
}

const TURN: [&str; 3] = ["input_audio_buffer.append", "input_audio_buffer.commit", "response.create"];

#[test]
fn two_sentences_are_two_turns_and_two_answers_and_nothing_between_them_is_sent() {
    let outcome = &CALLS.two;
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    let sent = sent(outcome, Dialect::Ga);
    assert_eq!(sent[0]["session"]["audio"]["input"]["turn_detection"], Value::Null);
    assert_eq!(types(&sent), [&["session.update"][..], &TURN, &TURN].concat());
    let turns = committed_ms(&sent);
    let expected = SPOKEN_MS + AROUND_SPEECH_MS;
    assert!(turns.iter().all(|ms| ms.abs_diff(expected) < ABOUT_MS), "{turns:?}, not {expected}");
    let lines = outcome.json_lines();
    assert_eq!((finals(&lines, "user"), finals(&lines, "assistant")), (2, 2), "{}", outcome.text());
    let interrupted = lines.iter().filter(|line| line["interrupted"] == true).count();
    assert_eq!(interrupted, 0);
}

#[test]
fn the_lines_tell_what_they_tell_of_turns_that_the_server_finds() {
    let lines = CALLS.two.json_lines();
    let places: Vec<u64> = lines
        .iter()
        .filter(|line| line["type"] == "speech_started" || line["type"] == "speech_stopped")
        .map(|line| line["audio_ms"].as_u64().expect("it is reported where"))
        .collect();
    let turns = committed_ms(&sent(&CALLS.two, Dialect::Ga));
    assert_eq!(places, [0, turns[0], turns[0], turns[0] + turns[1]]);
    let delays = of_type(&lines, "latency");
    assert_eq!(delays.len(), 2, "{delays:?}");
    for delay in delays {
        assert_eq!(delay["from"], "turn_end");
        let [stopped, committed, first_byte] =
            ["speech_stopped_ms", "committed_ms", "first_byte_ms"].map(|step| delay[step].as_f64());
        // Behind the pause; a busy machine notices it late.
        assert!(stopped.is_some_and(|ms| (480.0..3_000.0).contains(&ms)), "{delay}");
        assert!(committed == stopped && first_byte > stopped, "{delay}");
    }
}

#[test]
fn the_end_of_the_input_ends_a_turn() {
    let outcome = &CALLS.cut;
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let sent = sent(outcome, Dialect::Ga);
    assert_eq!(types(&sent), [&["session.update"][..], &TURN].concat());
    let ms = committed_ms(&sent)[0];
    assert!((SPOKEN_MS - 200..SPOKEN_MS + 600).contains(&ms), "{ms} ms without a pause behind them");
    assert_eq!(finals(&outcome.json_lines(), "assistant"), 1);
}

#[test]
fn a_model_that_finds_no_turns_captions_each_sentence() {
    let outcome = &CALLS.live;
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let sent = sent(outcome, Dialect::Ga);
    let input = &sent[0]["session"]["audio"]["input"];
    assert_eq!(
        (&input["turn_detection"], &input["transcription"]["model"]),
        (&Value::Null, &"gpt-live-transcribe".into())
    );
    assert_eq!(types(&sent), [&["session.update"][..], &TURN[..2], &TURN[..2]].concat());
    assert_eq!(finals(&outcome.json_lines(), "user"), 2, "{}", outcome.text());
}

#[test]
fn who_is_patient_hears_both_sentences_as_one() {
    let outcome = &CALLS.patient;
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let sent = sent(outcome, Dialect::Beta);
    assert_eq!(sent[0]["session"]["turn_detection"], Value::Null);
    assert_eq!(committed_ms(&sent).len(), 1);
    assert_eq!(finals(&outcome.json_lines(), "user"), 1, "{}", outcome.text());
}

#[test]
fn silence_is_neither_sent_nor_committed() {
    let outcome = &CALLS.silence;
    assert_eq!(outcome.code, Some(6), "{}", outcome.stderr);
    assert_eq!(types(&sent(outcome, Dialect::Ga)), ["session.update"]);
    assert_eq!(finals(&outcome.json_lines(), "user"), 0);
}
