//! Calls from files and pipes against the demo, all held at once because calls take their time.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use rtvoice::protocol::dialect::Dialect;
use rustix::process::Signal;
use serde_json::Value;

use crate::support::program::{Outcome, Program, json_lines};
use crate::support::schema::Schema;
use crate::support::signal::Sound;
use crate::support::speech;
use crate::transcribe::CAPTIONS;

/// Longest wait for something in a call, on a loaded machine.
const LIMIT: Duration = Duration::from_secs(120);
/// How far what is said about played sound may be from what was written, in milliseconds.
const TOLERANCE_MS: u64 = 1;
/// Speech is louder than this, in dB of full scale.
const SPEECH_DBFS: f32 = -35.0;
/// The longest pause between two sentences of the demo, in milliseconds.
const PAUSE_MS: usize = 700;

static CALLS: LazyLock<Calls> = LazyLock::new(Calls::hold);

/// What came of the calls.
struct Calls {
    /// From a file to a file, reported in JSON.
    file: Outcome,
    /// From a WAV on standard input to raw sound on standard output, turns found by meaning.
    pipe: Outcome,
    /// From raw sound on standard input to nowhere, in the beta dialect, the pipe being one turn.
    raw: Outcome,
    /// Speech over the answer, then Ctrl-C.
    interrupted: Outcome,
    /// The same in the beta dialect, then SIGTERM.
    interrupted_beta: Outcome,
    /// Nothing is said: the demo greets, then Ctrl-C.
    silent: Outcome,
    /// The reader of the answer goes away.
    unread: Outcome,
}

impl Calls {
    fn hold() -> Self {
        let hello = speech::hello();
        thread::scope(|scope| {
            // Captions take their time, too: they are made meanwhile.
            scope.spawn(|| LazyLock::force(&CAPTIONS));
            let file = scope.spawn(|| {
                let args = "talk --demo --output answer.wav --json --trace trace.jsonl --input";
                Program::rtvoice(args).arg(speech::hello_path()).run()
            });
            let pipe = scope.spawn(|| {
                let wav = std::fs::read(speech::hello_path()).expect("the recording is there");
                let args = "talk --demo --vad semantic --input - --output - --trace trace.jsonl";
                Program::rtvoice(args).stdin(wav).run()
            });
            let raw = scope.spawn(|| {
                let args = "talk --demo --dialect beta --vad off --voice marin --lang en --plain --trace trace.jsonl";
                Program::rtvoice(args).arg("--input=-").arg("--output=null").stdin(speech::raw(&hello)).run()
            });
            let interrupted = scope.spawn(|| interrupt("", Signal::INT));
            let interrupted_beta = scope.spawn(|| interrupt("--dialect beta", Signal::TERM));
            let silent = scope.spawn(|| {
                let call = Program::rtvoice("talk --demo --json --input null --output answer.wav").start();
                let greets = |line: &Value| line["played_ms"].as_u64() > Some(100);
                call.wait_for_json(LIMIT, "assistant", greets);
                call.signal(Signal::INT);
                call.wait(LIMIT)
            });
            let unread = scope.spawn(|| {
                let script = format!(
                    "{{ {} talk --demo --input {} --output -; echo code $? >&2; }} | head -c 4800",
                    env!("CARGO_BIN_EXE_rtvoice"),
                    speech::hello_path().display()
                );
                Program::shell(&script).run()
            });
            let done = "a call does not panic";
            Self {
                file: file.join().expect(done),
                pipe: pipe.join().expect(done),
                raw: raw.join().expect(done),
                interrupted: interrupted.join().expect(done),
                interrupted_beta: interrupted_beta.join().expect(done),
                silent: silent.join().expect(done),
                unread: unread.join().expect(done),
            }
        })
    }
}

/// Speaks over the answer; once it is silent, a signal ends the call.
fn interrupt(dialect: &str, signal: Signal) -> Outcome {
    let args =
        format!("talk --demo {dialect} --input two.wav --output answer.wav --json --trace trace.jsonl");
    let program = Program::rtvoice(&args);
    speech::write_plain(&program.file("two.wav"), &speech::hello_over_the_answer());
    let call = program.start();
    call.wait_for_json(LIMIT, "assistant", |line| line["interrupted"] == true && line["final"] == true);
    call.signal(signal);
    call.wait(LIMIT)
}

fn file_of(outcome: &Outcome, name: &str) -> PathBuf {
    outcome.home.path().join(name)
}

/// Returns each line that a trace has of one direction.
fn traced(outcome: &Outcome, direction: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(file_of(outcome, "trace.jsonl")).expect("the trace was written");
    json_lines(&text).into_iter().filter(|line| line["dir"] == direction).collect()
}

fn types(events: &[Value]) -> Vec<&str> {
    let mut types: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    types.dedup();
    types
}

/// What a line has to show.
type Check = fn(&Value) -> bool;

/// Checks that all these come, in this order, with anything in between.
fn assert_in_order(lines: &[Value], expected: &[(&str, Check)]) {
    let mut rest = lines.iter();
    for (kind, satisfies) in expected {
        let found = rest.any(|line| line["type"] == *kind && satisfies(line));
        assert!(found, "no `{kind}` in its place: {lines:#?}");
    }
}

fn last<'a>(lines: &'a [Value], kind: &str) -> &'a Value {
    lines.iter().rfind(|line| line["type"] == kind).unwrap_or_else(|| panic!("no `{kind}`: {lines:#?}"))
}

#[test]
fn the_lines_of_a_call_tell_its_story() {
    assert_eq!(CALLS.file.code, Some(0), "{}", CALLS.file.stderr);
    assert_eq!(CALLS.file.stderr, "");
    let lines = CALLS.file.json_lines();
    assert_in_order(
        &lines,
        &[
            ("session", |line| {
                line["dialect"] == "ga" && line["model"].is_string() && line["id"].is_string()
            }),
            ("speech_started", |line| line["audio_ms"].is_u64()),
            ("speech_stopped", |line| line["audio_ms"].as_u64() > Some(2_500)),
            ("user", |line| line["final"] == false && line["item_id"].is_string()),
            ("user", |line| line["final"] == true && line["text"] == "[speech 2.5 s, -20 dBFS]"),
            ("assistant", |line| line["final"] == false && line["item_id"].is_string()),
            ("usage", |line| line["total"]["output"]["audio"].as_u64() > Some(0)),
            ("assistant", |line| line["final"] == true && line["interrupted"] == false),
            ("end", |line| line["reason"] == "input_ended"),
        ],
    );
    let times: Vec<u64> =
        lines.iter().map(|line| line["at_ms"].as_u64().expect("each line has a time")).collect();
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(lines.last().map(|line| &line["type"]), Some(&Value::from("end")));
    let answer = last(&lines, "assistant");
    assert!(
        answer["text"].as_str().is_some_and(|text| text.starts_with("I heard you speak for 2.5 seconds"))
    );
    let strange = lines.iter().find(|line| line["type"] == "error" || line["type"] == "info");
    assert_eq!(strange, None);
}

#[test]
fn the_answer_is_in_the_file_as_clear_speech_that_ends_with_what_was_said() {
    let answer = Sound::read(&file_of(&CALLS.file, "answer.wav"));
    let ms = u64::try_from(answer.ms()).expect("a length is small");
    let heard_ms = last(&CALLS.file.json_lines(), "assistant")["played_ms"].as_u64().expect("it was heard");
    assert!(heard_ms.abs_diff(ms) <= TOLERANCE_MS, "heard {heard_ms} ms of {ms} ms");
    assert!(answer.dbfs() > SPEECH_DBFS, "{} dBFS", answer.dbfs());
    let pauses = answer.gaps_ms(-60.0, PAUSE_MS);
    assert!(pauses.is_empty(), "too long: {pauses:?}");
    assert!(answer.samples.iter().all(|sample| sample.abs() < 1.0), "it is clipped");
    let tail = answer.between(answer.ms() - 2_000..answer.ms() - 500);
    let found = speech::hello().find(&tail);
    assert!(found.correlation > 0.95, "{found:?}");
}

#[test]
fn a_pipe_in_and_a_pipe_out_hold_sound_and_the_lines_go_elsewhere() {
    assert_eq!(CALLS.pipe.code, Some(0), "{}", CALLS.pipe.stderr);
    let samples: Vec<i16> =
        CALLS.pipe.stdout.as_chunks().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
    let answer = Sound::new(&samples, 24_000);
    let tail = answer.between(answer.ms() - 2_000..answer.ms() - 500);
    let found = speech::hello().find(&tail);
    assert!(found.correlation > 0.95, "{found:?}");
    for line in ["You: [speech 2.5 s, -20 dBFS]", "Assistant: I heard you speak for 2.5 seconds"] {
        assert!(CALLS.pipe.stderr.lines().any(|said| said.starts_with(line)), "{}", CALLS.pipe.stderr);
    }
}

#[test]
fn raw_sound_without_turn_detection_is_one_turn() {
    assert_eq!(CALLS.raw.code, Some(0), "{}", CALLS.raw.stderr);
    let text = CALLS.raw.text();
    let starts: Vec<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(starts, ["You:", "Assistant:"], "{text}");
    let sent = Schema::of(Dialect::Beta).check_trace(&file_of(&CALLS.raw, "trace.jsonl"));
    assert_eq!(
        types(&sent),
        ["session.update", "input_audio_buffer.append", "input_audio_buffer.commit", "response.create"]
    );
    let session = &sent[0]["session"];
    assert_eq!(session["turn_detection"], Value::Null);
    assert_eq!(session["voice"], "marin");
    assert_eq!(session["input_audio_transcription"]["language"], "en");
}

#[test]
fn speech_over_the_answer_cuts_it_off_where_it_was_heard() {
    let schemas = [Dialect::Ga, Dialect::Beta].map(Schema::of);
    for ((outcome, code), schema) in
        [(&CALLS.interrupted, 130), (&CALLS.interrupted_beta, 143)].into_iter().zip(schemas)
    {
        assert_eq!(outcome.code, Some(code), "{}", outcome.stderr);
        let lines = outcome.json_lines();
        let cut = lines.iter().find(|line| line["interrupted"] == true && line["final"] == true);
        let heard_ms = cut.and_then(|line| line["played_ms"].as_u64()).expect("it was cut off");
        let sent = schema.check_trace(&file_of(outcome, "trace.jsonl"));
        let truncate = last(&sent, "conversation.item.truncate");
        assert_eq!(truncate["audio_end_ms"], heard_ms);
        let written = Sound::read(&file_of(outcome, "answer.wav")).ms();
        let written = u64::try_from(written).expect("a length is small");
        assert!(heard_ms.abs_diff(written) <= TOLERANCE_MS, "heard {heard_ms} ms of {written} ms");
        assert!(heard_ms > 500, "the answer had begun: {heard_ms} ms");
    }
}

#[test]
fn a_signal_ends_a_call_with_its_number_and_a_whole_file() {
    assert_eq!(CALLS.silent.code, Some(130), "{}", CALLS.silent.stderr);
    let lines = CALLS.silent.json_lines();
    let end = last(&lines, "end");
    assert_eq!((&end["reason"], &end["signal"]), (&"signal".into(), &2.into()));
    let answer = last(&lines, "assistant");
    assert_eq!((&answer["final"], &answer["interrupted"]), (&true.into(), &true.into()));
    let heard_ms = answer["played_ms"].as_u64().expect("it was heard");
    let written = Sound::read(&file_of(&CALLS.silent, "answer.wav"));
    let written_ms = u64::try_from(written.ms()).expect("a length is small");
    assert!(heard_ms.abs_diff(written_ms) <= TOLERANCE_MS, "heard {heard_ms} ms of {written_ms} ms");
    assert!(written.dbfs() > SPEECH_DBFS);
    let ended = last(&CALLS.interrupted_beta.json_lines(), "end")["signal"].clone();
    assert_eq!(ended, 15);
}

#[test]
fn every_event_that_leaves_a_call_is_valid_in_its_dialect() {
    let ga = Schema::of(Dialect::Ga);
    let sent = ga.check_trace(&file_of(&CALLS.file, "trace.jsonl"));
    assert_eq!(types(&sent), ["session.update", "input_audio_buffer.append"]);
    assert_eq!(sent[0]["session"]["audio"]["input"]["turn_detection"]["type"], "server_vad");
    let sent = ga.check_trace(&file_of(&CALLS.pipe, "trace.jsonl"));
    assert_eq!(sent[0]["session"]["audio"]["input"]["turn_detection"]["type"], "semantic_vad");
}

#[test]
fn a_trace_holds_both_directions_with_their_times() {
    let received: Vec<Value> =
        traced(&CALLS.file, "in").into_iter().map(|line| line["event"].clone()).collect();
    let received = types(&received);
    for kind in ["session.created", "session.updated", "response.output_audio.delta", "response.done"] {
        assert!(received.contains(&kind), "no {kind}: {received:?}");
    }
    let sound: usize = traced(&CALLS.file, "out")
        .iter()
        .filter_map(|line| line["event"]["audio"].as_str())
        .map(|audio| audio.len() / 4 * 3)
        .sum();
    assert!(sound >= speech::raw(&speech::hello()).len(), "{sound} bytes of sound are in the trace");
}

#[test]
fn a_reader_of_the_sound_that_goes_away_ends_the_call_well() {
    assert_eq!(CALLS.unread.stdout.len(), 4_800);
    assert!(CALLS.unread.stderr.ends_with("code 0\n"), "{}", CALLS.unread.stderr);
    assert!(!CALLS.unread.stderr.contains("rtvoice:"), "{}", CALLS.unread.stderr);
    let mut answers = CALLS.unread.stderr.lines().filter(|line| line.starts_with("Assistant: "));
    assert!(answers.any(|line| line.contains("(interrupted after 0.")), "{}", CALLS.unread.stderr);
}
