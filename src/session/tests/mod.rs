//! Promises of the session, in virtual time.
#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks for the one output it is about")]

mod connection;
mod turn;
mod response;
mod robustness;

use std::time::Duration;

use serde_json::{Value, json};

use crate::audio::api::{AudioEvent, HeardAudio};
use crate::dsp::frame::{ClipId, Frame, SampleRate};
use crate::protocol::decode;
use crate::protocol::events::client::ClientBody;
use crate::protocol::settings::{AudioFormat, Modality, SessionKind, SessionSettings, Transcription};
use crate::protocol::value::FieldUpdate;
use crate::session::Session;
use crate::session::io::{AssistantLine, EndReason, Input, Notice, Output, UserCommand, UserUtterance};
use crate::session::plan::{InputEndAction, Mode, Plan};

/// Unix time at the start of the calls.
const UNIX_START: Duration = Duration::from_secs(1_800_000_000);

/// Half a second without speech.
const SILENT: AudioEvent = AudioEvent::VoiceStopped { silent: ms(500) };

const fn sec(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A session, the time, and all outputs.
struct TestCall {
    session: Session,
    now: Duration,
    outputs: Vec<Output>,
}

fn plan() -> Plan {
    let settings = SessionSettings {
        output: Some(Modality::Audio),
        input_format: Some(AudioFormat::PCM24K),
        output_format: Some(AudioFormat::PCM24K),
        transcription: FieldUpdate::Set(Transcription {
            model: Some("gpt-transcribe".into()),
            ..Transcription::default()
        }),
        ..SessionSettings::default()
    };
    Plan { unix_start: UNIX_START, ..Plan::new(Mode::Talk, settings) }
}

fn manual_plan() -> Plan {
    let mut plan = plan();
    plan.settings.turn_detection = FieldUpdate::Clear;
    plan
}

fn written_plan() -> Plan {
    let mut plan = manual_plan();
    plan.settings.output = Some(Modality::Text);
    plan
}

fn captions_plan() -> Plan {
    let mut plan = plan();
    plan.mode = Mode::Transcribe;
    plan.settings.kind = SessionKind::Transcription;
    plan
}

impl TestCall {
    /// Creates a call whose socket is not open yet.
    fn dialled(plan: Plan) -> Self {
        Self { session: Session::new(plan), now: Duration::ZERO, outputs: Vec::new() }
    }

    /// Creates a live call without outputs.
    fn live(plan: Plan) -> Self {
        let mut call = Self::dialled(plan);
        call.configured();
        call.outputs.clear();
        call
    }

    /// Opens the socket and configures the session.
    fn configured(&mut self) {
        self.put(Input::Opened);
        self.created();
        self.server(json!({"type": "session.updated", "session": {"type": "realtime"}}));
    }

    fn created(&mut self) {
        self.server(json!({"type": "session.created", "session": {
            "type": "realtime", "id": "sess_1", "model": "gpt-realtime-2", "output_modalities": ["audio"],
            "audio": {"output": {"voice": "marin"}}}}));
    }

    fn put(&mut self, input: Input) {
        let outputs = self.session.handle(self.now, input);
        self.outputs.extend(outputs);
    }

    /// Lets time pass, with a tick at each deadline.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        let mut wakes = 0;
        while let Some(deadline) = self.session.deadline().filter(|deadline| deadline.at <= until) {
            self.now = self.now.max(deadline.at);
            self.put(Input::Tick);
            wakes += 1;
            assert!(wakes < 1_000, "endless ticks: {deadline:?}");
        }
        self.now = until;
    }

    #[expect(clippy::needless_pass_by_value, reason = "the tests read better without a reference")]
    fn server(&mut self, event: Value) {
        let event = decode::server_event(&event.to_string()).expect("the test writes events");
        self.put(Input::Server(Box::new(event)));
    }

    fn speak(&mut self, time: Duration) {
        let frames = time.as_millis() / 10;
        for number in 0..frames {
            let sample = i16::try_from(number % 1000 + 1).unwrap();
            self.put(Input::Mic(Frame::new(SampleRate::HZ_24000, vec![sample; 240])));
        }
    }

    fn user(&mut self, command: UserCommand) {
        self.put(Input::User(command));
    }

    fn say(&mut self, text: &str) {
        self.user(UserCommand::Say(text.into()));
    }

    /// Sends `time` of response audio of an item.
    fn sound(&mut self, response: &str, item: &str, time: Duration) {
        use base64::Engine as _;

        let bytes = vec![1_u8; usize::try_from(SampleRate::HZ_24000.samples(time)).unwrap() * 2];
        let delta = base64::engine::general_purpose::STANDARD.encode(bytes);
        self.server(json!({"type": "response.output_audio.delta", "response_id": response, "item_id": item,
            "output_index": 0, "content_index": 0, "delta": delta}));
    }

    fn words(&mut self, response: &str, item: &str, delta: &str) {
        self.server(json!({"type": "response.output_audio_transcript.delta", "response_id": response,
            "item_id": item, "output_index": 0, "content_index": 0, "delta": delta}));
    }

    fn response_created(&mut self, response: &str) {
        self.server(
            json!({"type": "response.created", "response": {"id": response, "status": "in_progress"}}),
        );
    }

    fn response_done(&mut self, response: &str, status: &str) {
        self.server(
            json!({"type": "response.done", "response": {"id": response, "status": status, "output": []}}),
        );
    }

    /// Reports `time` of a clip as played.
    fn heard(&mut self, clip: u64, time: Duration) {
        let samples = SampleRate::HZ_24000.samples(time);
        self.put(Input::Audio(AudioEvent::Played { clip: ClipId(clip), samples }));
    }

    fn flushed(&mut self, heard: &[(u64, Duration)]) {
        let heard = heard.iter().map(|(clip, time)| HeardAudio {
            clip: ClipId(*clip),
            samples: SampleRate::HZ_24000.samples(*time),
        });
        self.put(Input::Audio(AudioEvent::Flushed(heard.collect())));
    }

    /// Takes the outputs so far as one line each, without audio and debug notices.
    fn story(&mut self) -> Vec<String> {
        let outputs = std::mem::take(&mut self.outputs);
        outputs.iter().filter_map(describe).collect()
    }

    fn sent(&self) -> Vec<&ClientBody> {
        let events = self.outputs.iter().filter_map(|output| match output {
            Output::Send(event) => Some(&event.body),
            _ => None,
        });
        events.collect()
    }

    fn appended(&self) -> Vec<Vec<u8>> {
        let audio = self.sent().into_iter().filter_map(|body| match body {
            ClientBody::AudioAppend(bytes) => Some(bytes.clone()),
            _ => None,
        });
        audio.collect()
    }

    fn played(&self) -> usize {
        let frames = self.outputs.iter().filter_map(|output| match output {
            Output::Play { frame, .. } => Some(frame.samples.len()),
            _ => None,
        });
        frames.sum()
    }

    fn ended(&self) -> Option<&EndReason> {
        self.outputs.iter().find_map(|output| match output {
            Output::End(reason) => Some(reason),
            _ => None,
        })
    }
}

/// Describes an output in one line.
fn describe(output: &Output) -> Option<String> {
    match output {
        Output::Send(event) => describe_event(&event.body),
        Output::Play { .. }
        | Output::SetMuted(_)
        | Output::Show(Notice::Debug(_) | Notice::Usage(_) | Notice::Delay(_)) => None,
        Output::PlayEnd(clip) => Some(format!("play-end {}", clip.0)),
        Output::Flush => Some("flush".into()),
        Output::Rewind(to) => Some(format!("rewind to {} ms", to.as_millis())),
        Output::Duck => Some("duck".into()),
        Output::Unduck => Some("unduck".into()),
        Output::Open(_) => Some("open".into()),
        Output::OpenNext(_) => Some("open next".into()),
        Output::SendNext { event, .. } => describe_event(&event.body).map(|shown| format!("next: {shown}")),
        Output::Switch => Some("switch".into()),
        Output::DropNext => Some("drop next".into()),
        Output::Close => Some("close".into()),
        Output::End(reason) => Some(format!("end {reason:?}")),
        Output::Show(Notice::User(UserUtterance { text, is_final, .. })) => {
            Some(format!("user{} {text:?}", if *is_final { "" } else { "…" }))
        }
        Output::Show(Notice::Assistant(line)) => Some(describe_assistant(line)),
        Output::Show(Notice::Turn(turn)) => Some(format!("turn {turn:?}")),
        Output::Show(Notice::Connection(state)) => Some(format!("connection {state:?}")),
        Output::Show(Notice::Error { message, .. }) => Some(format!("error {message}")),
        Output::Show(Notice::Info(text)) => Some(format!("info {text}")),
        Output::Show(Notice::Ready(_)) => Some("ready".into()),
        Output::Show(Notice::SpeechStarted { .. }) => Some("speech-started".into()),
        Output::Show(Notice::SpeechStopped { .. }) => Some("speech-stopped".into()),
        Output::SetVolume(volume) => Some(format!("volume {}", volume.percent())),
        Output::ListDevices => Some("list-devices".into()),
        Output::UseDevice(side, id) => Some(format!("use {side:?} {id:?}")),
        Output::OpenAudio => Some("open audio".into()),
        Output::CloseAudio => Some("close audio".into()),
        Output::Disconnect => Some("disconnect".into()),
        Output::SetModel(model) => Some(format!("model {model}")),
        Output::Local(request) => Some(format!("local {request:?}")),
        Output::Show(Notice::Removed(removal)) => Some(format!("removed {removal:?}")),
        Output::Show(Notice::SpeakNow) => Some("speak-now".into()),
        Output::Show(Notice::Device(side, state)) => Some(format!("{side:?} {state:?}")),
        Output::Show(Notice::Devices(entries)) => Some(format!("{} devices", entries.len())),
        Output::Show(Notice::Echo(echo)) => Some(format!("echo {:?}", echo.mode)),
        Output::Show(Notice::Mark(mark)) => Some(format!("mark {} at {:?}", mark.number, mark.at)),
        Output::Show(Notice::Muted(muted)) => Some(format!("muted {muted}")),
        Output::Show(Notice::Volume(volume)) => Some(format!("shown volume {}", volume.percent())),
        Output::Show(Notice::End(_)) => None,
    }
}

fn describe_event(body: &ClientBody) -> Option<String> {
    match body {
        ClientBody::AudioAppend(_) => None,
        ClientBody::SessionUpdate(_) => Some("send session.update".into()),
        ClientBody::AudioCommit => Some("send commit".into()),
        ClientBody::AudioClear => Some("send clear".into()),
        ClientBody::ItemCreate { .. } => Some("send item".into()),
        ClientBody::ItemTruncate { item_id, audio_end_ms, .. } => {
            Some(format!("send truncate {item_id} {audio_end_ms}"))
        }
        ClientBody::ResponseCreate(_) => Some("send response.create".into()),
        ClientBody::ResponseCancel { response_id } => {
            Some(format!("send response.cancel {}", response_id.as_deref().unwrap_or("-")))
        }
        other => Some(format!("send {other:?}")),
    }
}

fn describe_assistant(line: &AssistantLine) -> String {
    let heard = line.heard_ms.map(|heard| format!(" heard {heard} ms")).unwrap_or_default();
    let mark = match (line.is_final, line.interrupted) {
        (false, _) => "…",
        (true, false) => "",
        (true, true) => " cut",
    };
    format!("assistant{mark} {:?}{heard}", &line.text[..line.heard_bytes])
}
