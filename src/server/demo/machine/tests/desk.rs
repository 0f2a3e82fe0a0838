//! A client's desk: it writes events and sound, lets time pass, and reads what came.

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

/// Every line of the demo is this long here: one second.
pub(crate) const LINE: usize = 24_000;

/// A machine and what it did.
pub(crate) struct MachineHarness {
    machine: Machine,
    /// The time since the start.
    pub(crate) now: Duration,
    /// Events that were not read yet, with their times.
    pub(crate) inbox: Vec<(Duration, Value)>,
    /// The close frame, where one came.
    pub(crate) closed: Option<(u16, String)>,
    /// Whether the connection was broken, and what stood in the half message.
    pub(crate) broken: Option<Option<String>>,
    /// The jobs whose speech is not needed any more.
    pub(crate) cancelled_speech: Vec<u64>,
    speech: SpeechMaker,
}

/// Whether speech that is ordered is made.
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

    /// Opens any session and reads nothing yet.
    pub(crate) fn open(dialect: Dialect, kind: SessionKind, faults: &str) -> Self {
        let model = (kind == SessionKind::Realtime).then(|| "gpt-realtime-2".to_owned());
        let machine = Machine::new(MachineSetup {
            peer: Peer { dialect, kind, model, refusal: None },
            faults: Faults::parse(faults).unwrap(),
            pace: 5.0,
            unix_time: 1_800_000_000,
            seed: 1,
        });
        let mut desk = Self {
            machine,
            now: Duration::ZERO,
            inbox: Vec::new(),
            closed: None,
            broken: None,
            cancelled_speech: Vec::new(),
            speech: SpeechMaker::Prompt,
        };
        desk.handle(MachineInput::Opened);
        desk
    }

    /// Opens a GA conversation that turns `faults` on, and reads its beginning.
    pub(crate) fn faulty(faults: &str) -> Self {
        let mut desk = Self::open(Dialect::Ga, SessionKind::Realtime, faults);
        desk.names();
        desk
    }

    fn handle(&mut self, input: MachineInput) {
        let mut waiting = vec![input];
        while let Some(input) = waiting.pop() {
            for action in self.machine.handle(self.now, input) {
                match action {
                    MachineAction::Send(text) => {
                        self.inbox.push((self.now, serde_json::from_str(&text).unwrap()));
                    }
                    MachineAction::Say(_) if self.speech == SpeechMaker::Stuck => {}
                    MachineAction::Say(order) => {
                        let sounds = order.lines.iter().map(|_| vec![1_000; LINE]).collect();
                        waiting.push(MachineInput::Spoken(SpeechTask { job: order.job, sounds }));
                    }
                    MachineAction::CancelSpeech(job) => self.cancelled_speech.push(job),
                    MachineAction::Close { code, reason } => self.closed = Some((code, reason)),
                    MachineAction::Drop => self.broken = Some(None),
                    MachineAction::SendHalf(text) => self.broken = Some(Some(text)),
                }
            }
        }
    }

    /// Makes no speech from here on.
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

    /// Lets time pass, with everything that becomes due in it.
    pub(crate) fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.machine.deadline().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            self.handle(MachineInput::Tick);
        }
        self.now = end;
    }

    /// Writes sound in real time, 20 ms at a time.
    pub(crate) fn write(&mut self, samples: &[i16]) {
        for frame in samples.chunks(480) {
            let bytes: Vec<u8> = frame.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            self.write_bytes(&bytes);
            self.wait(Duration::from_millis(20));
        }
    }

    /// Writes bytes of the wire.
    pub(crate) fn write_bytes(&mut self, bytes: &[u8]) {
        self.send(json!({ "type": "input_audio_buffer.append", "audio": STANDARD.encode(bytes) }));
    }

    /// Writes silence in real time.
    pub(crate) fn silence(&mut self, ms: usize) {
        self.write(&vec![0; ms * 24]);
    }

    /// Writes a spoken sentence, and half a second of silence before and behind it.
    pub(crate) fn speak(&mut self) -> usize {
        let speech = speech();
        self.silence(500);
        self.write(&speech);
        self.silence(500);
        speech.len()
    }

    /// Reads the names of all events that came; runs of the same name count once.
    pub(crate) fn names(&mut self) -> Vec<String> {
        let mut names: Vec<String> =
            self.read().iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
        names.dedup();
        names
    }

    /// Reads all events that came.
    pub(crate) fn read(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.inbox).into_iter().map(|(_, event)| event).collect()
    }

    /// Reads all events that came and returns those with this name.
    pub(crate) fn all(&mut self, name: &str) -> Vec<Value> {
        self.read().into_iter().filter(|event| event["type"] == name).collect()
    }

    /// Reads all events that came and returns the only one with this name.
    pub(crate) fn only(&mut self, name: &str) -> Value {
        let names: Vec<Value> = self.inbox.iter().map(|(_, event)| event["type"].clone()).collect();
        let mut found = self.all(name);
        assert_eq!(found.len(), 1, "one {name} in {names:?}");
        found.remove(0)
    }

    /// Reads all events and returns code, parameter, message and client's event of the only error.
    pub(crate) fn error(&mut self) -> (Value, Value, String, Value) {
        let error = self.only("error")["error"].take();
        let message = error["message"].as_str().unwrap_or_default().to_owned();
        (error["code"].clone(), error["param"].clone(), message, error["event_id"].clone())
    }
}

/// A sentence of about two seconds, 24 kHz.
pub(crate) fn speech() -> Vec<i16> {
    clips::say("This is how it sounded.")
}

/// A second.
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
