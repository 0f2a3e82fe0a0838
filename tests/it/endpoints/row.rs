//! One row of the table: the program against a script, and what came of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::gate::{AUTHORITY, gate};
use crate::support::program::{Outcome, Program, Running, json_lines};
use crate::support::signal::Sound;
use crate::support::speech;

/// The key of all endpoints.
pub(super) const KEY: &str = "sk-test-0123456789abcdefghij";

/// What the user says in each script, and what the voices of the endpoints answer.
const ASKED: &str = "What time is it?";
const SPOKEN: &str = "It is half past nine.";
/// What is answered to a written hello.
const WRITTEN: &str = "Hello to you, too.";

/// Longest wait for something that a program says, on a loaded machine.
const LIMIT: Duration = Duration::from_secs(120);

/// How alike what was sent must be to what was spoken, 1 being the same; at 16 kHz the highest tones are lost.
const ALIKE: f32 = 0.95;

/// A script, a command, and what is to come of them.
pub(super) struct Row {
    /// The script: a folder, which is the endpoint, and a file without its ending.
    pub(super) script: &'static str,
    /// What is typed behind `rtvoice`.
    pub(super) command: &'static str,
    /// The variables that are set to the key, or to a value behind `=`.
    pub(super) variables: &'static [&'static str],
    /// The host and port that are dialled.
    pub(super) dials: &'static str,
    /// What comes of it.
    pub(super) comes: Comes,
}

/// What comes of a run.
#[derive(Clone, Copy)]
pub(super) enum Comes {
    /// A spoken answer to a spoken question, which was sent at this rate.
    Voice(usize),
    /// A written answer.
    Text,
    /// A written answer, after the user was reported this.
    TextAfter(&'static str),
    /// A caption of what was sent at this rate.
    Captions(usize),
    /// These lines of a type, each final.
    Lines(&'static str, &'static [&'static str]),
    /// An exit code, and what is said on standard error.
    Refused(i32, &'static [&'static str]),
}

/// A script that is being played.
struct Played {
    program: Running,
    port: u16,
}

impl Row {
    /// Runs the program against the script, and checks all that came of it.
    pub(super) fn check(&self) {
        let path = script(self.script);
        let played = Played::start(&path);
        let (proxy, asked) = gate(played.port);
        let outcome = self.program(proxy).run();
        let judged = played.program.wait(LIMIT);
        let story = format!(
            "{}: {}\nthe script says: {}\nthe program says: {}\n{}",
            self.script,
            self.command,
            judged.stderr,
            outcome.stderr,
            outcome.text()
        );
        assert_eq!(judged.code, Some(0), "{story}");
        let dialled = asked.with(std::mem::take);
        assert!(!dialled.is_empty() && dialled.iter().all(|host| host == self.dials), "{dialled:?}\n{story}");
        let trace = fs::read_to_string(outcome.home.path().join("trace.jsonl")).unwrap_or_default();
        for said in [&outcome.text(), &outcome.stderr, &trace] {
            assert!(!said.contains(&KEY[3..]), "the key is shown\n{story}\n{trace}");
        }
        match self.comes {
            Comes::Voice(rate) => {
                assert_eq!(outcome.code, Some(0), "{story}");
                assert_eq!(finals(&outcome, "user"), [ASKED], "{story}");
                assert_eq!(finals(&outcome, "assistant"), [SPOKEN], "{story}");
                check_sent(&trace, rate, &story);
                check_played(&path, &outcome, &story);
            }
            Comes::Text => {
                assert_eq!(outcome.code, Some(0), "{story}");
                assert_eq!(finals(&outcome, "assistant"), [WRITTEN], "{story}");
            }
            Comes::TextAfter(words) => {
                assert_eq!(outcome.code, Some(0), "{story}");
                assert_eq!(finals(&outcome, "assistant"), [WRITTEN], "{story}");
                let lines = outcome.json_lines();
                let mut reported = lines.iter().filter(|line| line["type"] == "info");
                assert!(
                    reported.any(|line| line["message"].as_str().is_some_and(|text| text.contains(words))),
                    "{story}"
                );
            }
            Comes::Captions(rate) => {
                assert_eq!(outcome.code, Some(0), "{story}");
                assert_eq!(finals(&outcome, "user"), [ASKED], "{story}");
                check_sent(&trace, rate, &story);
            }
            Comes::Lines(kind, lines) => {
                assert_eq!(outcome.code, Some(0), "{story}");
                assert_eq!(finals(&outcome, kind), lines, "{story}");
            }
            Comes::Refused(code, says) => {
                assert_eq!(outcome.code, Some(code), "{story}");
                let said = outcome.stderr.lines().filter(|line| line.starts_with("rtvoice: ")).count();
                assert_eq!(said, 1, "one sentence\n{story}");
                assert!(says.iter().all(|words| outcome.stderr.contains(words)), "{says:?}\n{story}");
            }
        }
    }

    /// The command as a person types it; only the way there is this machine's own.
    fn program(&self, proxy: u16) -> Program {
        let rest = match self.command.split(' ').next() {
            Some("talk") => "--input speech.wav --output answer.wav",
            Some("transcribe") => "speech.wav",
            _ => "hello",
        };
        let program = Program::rtvoice(self.command)
            .env("RTVOICE_PROXY", format!("http://127.0.0.1:{proxy}"))
            .env("SSL_CERT_FILE", "ca.pem");
        let program =
            rest.split(' ').chain("--json --trace trace.jsonl".split(' ')).fold(program, Program::arg);
        let program = self.variables.iter().fold(program, |program, variable| {
            let (name, value) = variable.split_once('=').unwrap_or((variable, KEY));
            program.env(name, value)
        });
        AUTHORITY.write(&program.file("ca.pem"));
        speech::write_plain(&program.file("speech.wav"), &speech::short());
        program
    }
}

impl Played {
    fn start(script: &Path) -> Self {
        let program = Program::rtvoice("serve --port 0 --script").arg(script).start();
        let line = program.wait_for_line(LIMIT, |line| line.starts_with("listening on "));
        let port =
            line.trim_end_matches("/v1/realtime").rsplit(':').next().and_then(|port| port.parse().ok());
        Self { program, port: port.expect("it tells its port") }
    }
}

fn script(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/endpoints/scripts");
    folder.join(format!("{name}.txt"))
}

/// Returns the texts of all lines of a type that are final.
fn finals(outcome: &Outcome, kind: &str) -> Vec<String> {
    let lines = outcome.json_lines().into_iter();
    let finals = lines.filter(|line| line["type"] == kind && line["final"] == true);
    finals.map(|line| line["text"].as_str().unwrap_or_default().to_owned()).collect()
}

/// What was sent is what was spoken.
fn check_sent(trace: &str, rate: usize, story: &str) {
    let sent =
        json_lines(trace).into_iter().filter(|line| line["dir"] == "out").map(|line| line["event"].clone());
    let sound = sent.filter(|event| event["type"] == "input_audio_buffer.append");
    let samples = samples(sound.filter_map(|event| event["audio"].as_str().map(str::to_owned)));
    let spoken = speech::short();
    let sent = Sound::new(&samples, rate).at_rate(spoken.rate);
    assert!(sent.ms() >= spoken.ms(), "{} ms were sent\n{story}", sent.ms());
    let found = sent.find(&spoken);
    assert!(found.correlation > ALIKE && found.at_ms < 200.0, "{found:?}\n{story}");
}

/// The samples of the answer are in the file, each of them, one after the other.
fn check_played(script: &Path, outcome: &Outcome, story: &str) {
    let text = fs::read_to_string(script).expect("the script is there");
    let said = text.lines().filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("> ")?).ok());
    let deltas = said.filter(|event| {
        matches!(event["type"].as_str(), Some("response.output_audio.delta" | "response.audio.delta"))
    });
    let answer = samples(deltas.filter_map(|event| event["delta"].as_str().map(str::to_owned)));
    assert!(!answer.is_empty(), "{story}");
    let reader = hound::WavReader::open(outcome.home.path().join("answer.wav"));
    let mut reader = reader.unwrap_or_else(|error| panic!("{error}\n{story}"));
    assert_eq!((reader.spec().sample_rate, reader.spec().channels), (24_000, 1), "{story}");
    let written: Vec<i16> = reader.samples().map(|sample| sample.expect("the file is whole")).collect();
    let first = written.iter().position(|sample| *sample != 0).unwrap_or_default();
    let last = written.iter().rposition(|sample| *sample != 0).unwrap_or_default();
    assert_eq!(written[first..=last], answer, "{story}");
}

fn samples(base64: impl Iterator<Item = String>) -> Vec<i16> {
    let bytes: Vec<u8> = base64.flat_map(|text| STANDARD.decode(text).expect("it is base64")).collect();
    bytes.as_chunks().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect()
}
