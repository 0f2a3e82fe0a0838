//! Test harness: sends events and audio, advances virtual time, and reads the output.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::protocol::dialect::Dialect;
use crate::protocol::settings::SessionKind;
use crate::server::demo::faults::Faults;
use crate::server::demo::http::admission::Peer;
use crate::server::demo::machine::{Machine, MachineAction, MachineInput, MachineSetup};
use crate::server::demo::voice::clips;
use crate::server::demo::voice::speech::SpeechTask;

/// Length of each synthesized line: one second.
pub(crate) const LINE: usize = 24_000;

/// A machine and its output.
pub(crate) struct MachineHarness {
    machine: Machine,
    /// Time since the start.
    pub(crate) now: Duration,
    /// Unread events with their times.
    pub(crate) inbox: Vec<(Duration, Value)>,
    /// The close frame, if any.
    pub(crate) closed: Option<(u16, String)>,
    /// Set when the connection broke, with the half message.
    pub(crate) broken: Option<Option<String>>,
    /// Cancelled speech jobs.
    pub(crate) cancelled_speech: Vec<u64>,
    speech: SpeechMaker,
}

/// Whether requested speech is synthesized.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SpeechMaker {
    Prompt,
    Stuck,
}

impl MachineHarness {
    /// Opens a GA conversation.
    pub(crate) fn ga() -> Self {
        Self::open(Dialect::Ga, SessionKind::Realtime, "")
    }

    /// Opens a session without reading.
    pub(crate) fn open(dialect: Dialect, kind: SessionKind, faults: &str) -> Self {
        let model = (kind == SessionKind::Realtime).then(|| "gpt-realtime-2".to_owned());
        let machine = Machine::new(MachineSetup {
            peer: Peer { dialect, kind, model, refusal: None },
            faults: Faults::parse(faults).unwrap(),
            pace: 5.0,
            unix_time: 1_800_000_000,
            seed: 1,
        });
        let mut harness = Self {
            machine,
            now: Duration::ZERO,
            inbox: Vec::new(),
            closed: None,
            broken: None,
            cancelled_speech: Vec::new(),
            speech: SpeechMaker::Prompt,
        };
        harness.handle(MachineInput::Opened);
        harness
    }

    /// Opens a GA conversation with `faults` and reads its first events.
    pub(crate) fn faulty(faults: &str) -> Self {
        let mut harness = Self::open(Dialect::Ga, SessionKind::Realtime, faults);
        harness.names();
        harness
    }

    fn handle(&mut self, input: MachineInput) {
        let mut waiting = vec![input];
        while let Some(input) = waiting.pop() {
            for action in self.machine.handle(self.now, input) {
                match action {
                    MachineAction::Send(text) => {
                        self.inbox.push((self.now, serde_json::from_str(&text).unwrap()));
                    }
                    MachineAction::Synthesize(_) if self.speech == SpeechMaker::Stuck => {}
                    MachineAction::Synthesize(request) => {
                        let utterances = request.lines.iter().map(|_| vec![1_000; LINE]).collect();
                        waiting.push(MachineInput::Synthesized(SpeechTask { job: request.job, utterances }));
                    }
                    MachineAction::CancelSpeech(job) => self.cancelled_speech.push(job),
                    MachineAction::Close { code, reason } => self.closed = Some((code, reason)),
                    MachineAction::Drop => self.broken = Some(None),
                    MachineAction::SendHalf(text) => self.broken = Some(Some(text)),
                }
            }
        }
    }

    /// Stops speech synthesis.
    pub(crate) fn hold_speech(&mut self) {
        self.speech = SpeechMaker::Stuck;
    }

    /// Sends an event.
    #[expect(clippy::needless_pass_by_value, reason = "so that literals need no ampersand")]
    pub(crate) fn send(&mut self, event: Value) {
        self.text(&event.to_string());
    }

    /// Sends any text.
    pub(crate) fn text(&mut self, text: &str) {
        self.handle(MachineInput::Text(text.to_owned()));
    }

    /// Sends a binary message.
    pub(crate) fn binary(&mut self) {
        self.handle(MachineInput::Binary);
    }

    /// Advances time and handles every deadline.
    pub(crate) fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.machine.deadline().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            self.handle(MachineInput::Tick);
        }
        self.now = end;
    }

    /// Appends audio in real time, 20 ms at a time.
    pub(crate) fn write(&mut self, samples: &[i16]) {
        for frame in samples.chunks(480) {
            let bytes: Vec<u8> = frame.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            self.write_bytes(&bytes);
            self.wait(Duration::from_millis(20));
        }
    }

    /// Appends encoded bytes.
    pub(crate) fn write_bytes(&mut self, bytes: &[u8]) {
        self.send(json!({ "type": "input_audio_buffer.append", "audio": STANDARD.encode(bytes) }));
    }

    /// Appends silence in real time.
    pub(crate) fn silence(&mut self, ms: usize) {
        self.write(&vec![0; ms * 24]);
    }

    /// Appends a spoken sentence with half a second of silence before and after it.
    pub(crate) fn speak(&mut self) -> usize {
        let speech = speech();
        self.silence(500);
        self.write(&speech);
        self.silence(500);
        speech.len()
    }

    /// Reads the names of all events; repeated names are merged.
    pub(crate) fn names(&mut self) -> Vec<String> {
        let mut names: Vec<String> =
            self.read().iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
        names.dedup();
        names
    }

    /// Reads all events.
    pub(crate) fn read(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.inbox).into_iter().map(|(_, event)| event).collect()
    }

    /// Reads all events and returns those with this name.
    pub(crate) fn all(&mut self, name: &str) -> Vec<Value> {
        self.read().into_iter().filter(|event| event["type"] == name).collect()
    }

    /// Reads all events and returns the only one with this name.
    pub(crate) fn only(&mut self, name: &str) -> Value {
        let names: Vec<Value> = self.inbox.iter().map(|(_, event)| event["type"].clone()).collect();
        let mut found = self.all(name);
        assert_eq!(found.len(), 1, "one {name} in {names:?}");
        found.remove(0)
    }

    /// Reads all events and returns code, parameter, message and event id of the only error.
    pub(crate) fn error(&mut self) -> (Value, Value, String, Value) {
        let error = self.only("error")["error"].take();
        let message = error["message"].as_str().unwrap_or_default().to_owned();
        (error["code"].clone(), error["param"].clone(), message, error["event_id"].clone())
    }
}

/// Returns a sentence of about two seconds at 24 kHz.
pub(crate) fn speech() -> Vec<i16> {
    clips::say("This is how it sounded.")
}

/// One second.
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// Returns the bytes of all audio deltas among `events`.
pub(crate) fn audio(events: &[Value]) -> Vec<u8> {
    let deltas = events.iter().filter(|event| {
        event["type"] == "response.output_audio.delta" || event["type"] == "response.audio.delta"
    });
    deltas.flat_map(|event| STANDARD.decode(event["delta"].as_str().unwrap()).unwrap()).collect()
}

/// Returns the samples in `bytes`.
pub(crate) fn samples(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}
