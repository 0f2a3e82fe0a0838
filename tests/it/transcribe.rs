//! Captions of the demo, all made at once because files are heard in real time.

use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use rtvoice::protocol::dialect::Dialect;
use rustix::process::Signal;
use serde_json::Value;

use crate::support::program::{Outcome, Program, json_lines};
use crate::support::schema::Schema;
use crate::support::speech;

/// Longest wait for a caption, on a loaded machine.
const LIMIT: Duration = Duration::from_secs(120);
/// What the demo makes of the recording.
const HELLO: &str = "[speech 2.5 s, -20 dBFS]";
/// What is reported to who might expect words.
const DEMO: &str = "this is the demo: captions show the length and level of speech, not its words";

pub(crate) static CAPTIONS: LazyLock<Captions> = LazyLock::new(Captions::make);

/// What came of the recordings.
pub(crate) struct Captions {
    /// Of two files.
    files: Outcome,
    /// Of a pipe.
    pipe: Outcome,
    /// Of a microphone that ends by Ctrl-C after its first turn, which is found by meaning.
    semantic: Outcome,
    /// Of one file in JSON, in a language.
    json: Outcome,
    /// Of a file that is one turn, in the beta dialect.
    beta: Outcome,
}

impl Captions {
    fn make() -> Self {
        let transcribe =
            |args: &str| Program::rtvoice(&format!("transcribe --demo --trace trace.jsonl {args}"));
        thread::scope(|scope| {
            let files = scope.spawn(|| {
                let program = transcribe("short.wav again.wav");
                for name in ["short.wav", "again.wav"] {
                    speech::write_plain(&program.file(name), &speech::short());
                }
                program.run()
            });
            let pipe = scope.spawn(|| {
                let wav = std::fs::read(speech::hello_path()).expect("the recording is there");
                transcribe("-").stdin(wav).run()
            });
            let semantic = scope.spawn(|| {
                let run = transcribe("--vad semantic").arg(speech::hello_path()).start();
                run.wait_for_line(LIMIT, |line| line == HELLO);
                run.signal(Signal::INT);
                run.wait(LIMIT)
            });
            let json = scope.spawn(|| transcribe("--json --lang de").arg(speech::hello_path()).run());
            let beta = scope.spawn(|| transcribe("--vad off --dialect beta").arg(speech::hello_path()).run());
            let done = "a run does not panic";
            Self {
                files: files.join().expect(done),
                pipe: pipe.join().expect(done),
                semantic: semantic.join().expect(done),
                json: json.join().expect(done),
                beta: beta.join().expect(done),
            }
        })
    }
}

fn sent(outcome: &Outcome, dialect: Dialect) -> Vec<Value> {
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    Schema::of(dialect).check_trace(&outcome.home.path().join("trace.jsonl"))
}

#[test]
fn each_file_has_its_captions_and_the_demo_says_once_that_it_is_one() {
    let text = CAPTIONS.files.text();
    let lines: Vec<&str> = text.lines().collect();
    let ["==> short.wav <==", first, "", "==> again.wav <==", second] = lines[..] else {
        panic!("{lines:?}")
    };
    assert!(first.starts_with("[speech 0.") && first == second, "{lines:?}");
    assert_eq!(CAPTIONS.files.stderr.lines().collect::<Vec<_>>(), [DEMO]);
}

#[test]
fn a_trace_holds_all_the_sessions_of_a_run() {
    let updates =
        sent(&CAPTIONS.files, Dialect::Ga).iter().filter(|event| event["type"] == "session.update").count();
    assert_eq!(updates, 2);
    let trace =
        std::fs::read_to_string(CAPTIONS.files.home.path().join("trace.jsonl")).expect("it was written");
    let times: Vec<Option<u64>> = json_lines(&trace).iter().map(|line| line["at_ms"].as_u64()).collect();
    assert!(times.is_sorted(), "one clock for all");
}

#[test]
fn a_pipe_is_captioned() {
    assert_eq!(CAPTIONS.pipe.text(), format!("{HELLO}\n"));
    let sent = sent(&CAPTIONS.pipe, Dialect::Ga);
    assert_eq!(sent[0]["session"]["type"], "transcription");
    assert_eq!(sent[0]["session"]["audio"]["input"]["turn_detection"]["type"], "server_vad");
}

#[test]
fn captions_end_by_a_signal() {
    assert_eq!(CAPTIONS.semantic.code, Some(130), "{}", CAPTIONS.semantic.stderr);
    let sent = Schema::of(Dialect::Ga).check_trace(&CAPTIONS.semantic.home.path().join("trace.jsonl"));
    assert_eq!(sent[0]["session"]["audio"]["input"]["turn_detection"]["type"], "semantic_vad");
}

#[test]
fn captions_are_reported_in_lines_of_json() {
    let sent = sent(&CAPTIONS.json, Dialect::Ga);
    assert_eq!(sent[0]["session"]["audio"]["input"]["transcription"]["language"], "de");
    let lines = CAPTIONS.json.json_lines();
    let of = |kind: &str| lines.iter().rfind(|line| line["type"] == kind).map(|line| line.to_owned());
    assert_eq!(of("info").map(|line| line["message"].clone()), Some(DEMO.into()));
    let user = of("user").expect("there is a caption");
    assert_eq!((&user["text"], &user["final"]), (&HELLO.into(), &true.into()));
    let file = speech::hello_path().display().to_string();
    assert!(lines.iter().all(|line| line["file"] == file.as_str()), "{}", CAPTIONS.json.text());
    assert!(of("speech_started").is_some() && of("speech_stopped").is_some() && of("session").is_some());
    assert_eq!(of("end").map(|line| line["reason"].clone()), Some("input_ended".into()));
    assert_eq!(of("assistant"), None);
}

#[test]
fn a_file_without_turn_detection_has_one_caption() {
    let sent = sent(&CAPTIONS.beta, Dialect::Beta);
    assert_eq!(sent[0]["type"], "transcription_session.update");
    assert_eq!(sent.last().map(|event| event["type"].clone()), Some("input_audio_buffer.commit".into()));
    assert_eq!(CAPTIONS.beta.text().lines().count(), 1, "{}", CAPTIONS.beta.text());
}
