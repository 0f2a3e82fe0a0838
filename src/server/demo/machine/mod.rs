//! The endpoint as a pure state machine: client messages in, actions out.
//!
//! It has no clock and no socket. `input_audio` processes the client's audio, `reply` gives answers, `items`
//! keeps the conversation; this file holds what they share.

mod input_audio;
mod reply;
mod call;
mod items;
mod shape;
mod emit;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::dsp::vad::VoiceActivityDetector;
use crate::protocol::decode;
use crate::protocol::dialect::Dialect;
use crate::protocol::events::client::{ClientBody, ClientEvent};
use crate::protocol::events::server::ServerBody;
use crate::protocol::settings::{SessionKind, SessionSettings};
use crate::server::demo::active_settings::{ActiveSettings, AssistantSpoke};
use crate::server::demo::answer::StreamedAnswer;
use crate::server::demo::check::check;
use crate::server::demo::client_error::ClientError;
use crate::server::demo::conversation::ConversationItems;
use crate::server::demo::faults::{Fault, Faults};
use crate::server::demo::function_calls::choice::check_declared;
use crate::server::demo::http::admission::Peer;
use crate::server::demo::ids::IdGenerator;
use crate::server::demo::input_audio::buffer::InputBuffer;
use crate::server::demo::input_audio::vad::{SpeechHistory, TurnDetector};
use crate::server::demo::usage::Tokens;
use crate::server::demo::voice::speech::{SpeechRequest, SpeechTask};

/// Maximum duration of real sessions: one hour.
const MAX_SESSION: Duration = Duration::from_secs(3_600);

/// An input of the machine.
#[derive(Debug)]
pub(crate) enum MachineInput {
    /// The WebSocket is open.
    Opened,
    /// A text message.
    Text(String),
    /// A binary message, which the protocol does not define.
    Binary,
    /// Requested speech is ready.
    Synthesized(SpeechTask),
    /// The deadline was reached.
    Tick,
}

/// An action for the driver.
#[derive(Debug, PartialEq)]
pub(crate) enum MachineAction {
    /// Send a text message.
    Send(String),
    /// Synthesize speech and return it as [`MachineInput::Synthesized`].
    Synthesize(SpeechRequest),
    /// Cancel the speech of this job.
    CancelSpeech(u64),
    /// Send a close frame, then wait for the client's.
    Close {
        /// The close code.
        code: u16,
        /// The reason.
        reason: String,
    },
    /// Break the connection without a close frame.
    Drop,
    /// Send half of this text message, then break the connection.
    SendHalf(String),
}

/// Parameters of a machine.
#[derive(Clone, Debug)]
pub(crate) struct MachineSetup {
    /// Properties of the client.
    pub(crate) peer: Peer,
    /// Simulated faults.
    pub(crate) faults: Faults,
    /// Speed of answers relative to real time.
    pub(crate) pace: f64,
    /// Unix time at the start, in seconds.
    pub(crate) unix_time: u64,
    /// Seed of the ids.
    pub(crate) seed: u64,
}

/// One connection of the endpoint.
#[derive(Debug)]
pub(crate) struct Machine {
    setup: MachineSetup,
    ids: IdGenerator,
    actions: Vec<MachineAction>,
    output_state: OutputState,
    session_id: String,
    conversation_id: String,
    active: ActiveSettings,
    /// Due time of a delayed `session.created`.
    session_created_due: Option<Duration>,
    /// Time at which the session expires.
    expires: Duration,
    /// Announced maximum duration.
    limit: Duration,
    buffer: InputBuffer,
    vad: VoiceActivityDetector,
    turns: TurnDetector,
    speech_history: SpeechHistory,
    /// The turn in progress.
    turn: Option<input_audio::OngoingTurn>,
    proactive: input_audio::ProactiveSpeech,
    conversation: ConversationItems,
    answers: Vec<StreamedAnswer>,
    jobs: u64,
    /// Input of the previous answer, which is cached.
    before: Tokens,
    /// Transcripts that wait for the end of the answer.
    pending_captions: Vec<input_audio::PendingCaption>,
}

/// State of the endpoint's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OutputState {
    /// Open.
    Open,
    /// Stalled: sends nothing more, as if hung.
    Stalled,
    /// Closed.
    Closed,
}

impl Machine {
    /// Creates the machine of one connection.
    pub(crate) fn new(setup: MachineSetup) -> Self {
        let mut ids = if setup.faults.has(Fault::CountedIds) {
            IdGenerator::counted()
        } else {
            IdGenerator::new(setup.seed)
        };
        let active = ActiveSettings::new(&setup.peer);
        let expire =
            setup.faults.find(|fault| if let Fault::Expire(after) = fault { Some(*after) } else { None });
        let limit =
            setup.faults.find(|fault| if let Fault::Limit(limit) = fault { Some(*limit) } else { None });
        let limit = limit.unwrap_or(MAX_SESSION);
        Self {
            actions: Vec::new(),
            output_state: OutputState::Open,
            session_id: ids.next("sess"),
            conversation_id: ids.next("conv"),
            session_created_due: None,
            expires: expire.unwrap_or(limit),
            limit,
            buffer: InputBuffer::new(active.input()),
            vad: VoiceActivityDetector::default(),
            turns: TurnDetector::default(),
            speech_history: SpeechHistory::default(),
            turn: None,
            proactive: input_audio::ProactiveSpeech::default(),
            conversation: ConversationItems::default(),
            answers: Vec::new(),
            jobs: 0,
            before: Tokens::default(),
            pending_captions: Vec::new(),
            active,
            ids,
            setup,
        }
    }

    /// Processes an input at `now` after the start, and returns the actions in order.
    pub(crate) fn handle(&mut self, now: Duration, input: MachineInput) -> Vec<MachineAction> {
        if self.output_state == OutputState::Closed {
            return Vec::new();
        }
        match input {
            MachineInput::Opened => self.open(now),
            MachineInput::Text(text) => self.read(now, &text),
            MachineInput::Binary => {
                let message = "Expected a text WebSocket message; binary frames are not supported.";
                self.emit_error(None, ClientError::new("invalid_event", message));
            }
            MachineInput::Synthesized(speech) => self.start_spoken_answer(now, speech),
            MachineInput::Tick => {}
        }
        self.advance(now);
        std::mem::take(&mut self.actions)
    }

    /// Returns the time of the next [`MachineInput::Tick`].
    pub(crate) fn deadline(&self) -> Option<Duration> {
        if self.output_state == OutputState::Closed {
            return None;
        }
        let pieces = self.answers.iter().filter_map(|answer| answer.schedule.as_ref()?.due());
        pieces.chain(self.session_created_due).chain([self.expires]).min()
    }

    fn open(&mut self, now: Duration) {
        if let Some(refusal) = self.setup.peer.refusal.clone() {
            self.emit_error(None, refusal.error.clone());
            self.close(refusal.close, &refusal.reason());
            return;
        }
        let late =
            self.setup.faults.find(|fault| if let Fault::Late(delay) = fault { Some(*delay) } else { None });
        match late {
            Some(delay) => self.session_created_due = Some(now + delay),
            None => self.create_session(),
        }
    }

    fn create_session(&mut self) {
        let info = self.active.info(&self.session_id, self.expires_at());
        self.emit(ServerBody::SessionCreated(Box::new(info)));
        if self.setup.peer.dialect == Dialect::Beta && self.setup.peer.kind == SessionKind::Realtime {
            self.emit(ServerBody::ConversationCreated { id: Some(self.conversation_id.clone()) });
        }
    }

    fn expires_at(&self) -> u64 {
        self.setup.unix_time + self.limit.as_secs()
    }

    /// Performs everything that is due.
    fn advance(&mut self, now: Duration) {
        if self.session_created_due.is_some_and(|due| due <= now) {
            self.session_created_due = None;
            self.create_session();
        }
        self.advance_answers(now);
        if self.expires <= now && self.output_state != OutputState::Closed {
            let message = "Your session hit the maximum duration of 60 minutes.";
            self.emit_error(None, ClientError::new("session_expired", message));
            self.close(1001, message);
        }
    }

    fn read(&mut self, now: Duration, text: &str) {
        let peer = &self.setup.peer;
        let text = match check(peer.dialect, peer.kind, text) {
            Ok(text) => text,
            Err(rejected) => return self.emit_error(rejected.event_id, rejected.error),
        };
        // The check accepts only objects with a type.
        let Ok(event) = decode::client_event(&text) else { return };
        let ClientEvent { event_id, body } = event;
        if let Err(error) = self.dispatch(now, body) {
            self.emit_error(event_id, error);
        }
    }

    fn dispatch(&mut self, now: Duration, body: ClientBody) -> Result<(), ClientError> {
        match body {
            ClientBody::SessionUpdate(settings) => self.update(&settings),
            ClientBody::AudioAppend(bytes) => self.append(now, &bytes),
            ClientBody::AudioCommit => self.commit(),
            ClientBody::AudioClear => {
                self.clear();
                Ok(())
            }
            ClientBody::ItemCreate { previous_item_id, item } => {
                self.create_item(previous_item_id.as_deref(), item)
            }
            ClientBody::ItemRetrieve { item_id } => self.retrieve_item(&item_id),
            ClientBody::ItemTruncate { item_id, content_index, audio_end_ms } => {
                self.truncate_item(item_id, content_index, audio_end_ms)
            }
            ClientBody::ItemDelete { item_id } => self.delete_item(item_id),
            ClientBody::ResponseCreate(config) => self.create_response(now, *config),
            ClientBody::ResponseCancel { response_id } => self.cancel_response(now, response_id.as_deref()),
            // Rejected by the rules: it belongs to WebRTC.
            ClientBody::OutputAudioClear => Ok(()),
            ClientBody::Unknown { name, fields } => self.dispatch_undocumented(now, &name, &fields),
        }
    }

    /// Handles two events of the translation protocol that the real server accepts.
    fn dispatch_undocumented(
        &mut self,
        now: Duration,
        name: &str,
        fields: &serde_json::Map<String, Value>,
    ) -> Result<(), ClientError> {
        match name {
            "session.close" => self.close(1000, ""),
            "session.input_audio_buffer.append" => {
                let audio = fields.get("audio").and_then(Value::as_str).unwrap_or_default();
                return self.append(now, &STANDARD.decode(audio).unwrap_or_default());
            }
            _ => {}
        }
        Ok(())
    }

    fn update(&mut self, settings: &SessionSettings) -> Result<(), ClientError> {
        let spoken =
            if self.conversation.has_spoken_answer() { AssistantSpoke::Yes } else { AssistantSpoke::No };
        let active = self.active.updated(settings, spoken)?;
        let tools = active.settings().tools.as_deref().unwrap_or_default();
        if let Some(choice) = &settings.tool_choice {
            check_declared(choice, tools, "session.tool_choice")?;
        }
        if active.input() != self.active.input() {
            self.buffer.set_format(active.input());
        }
        if active.turns().is_none() {
            self.turns.reset();
            self.turn = None;
        }
        self.active = active;
        self.proactive.configured(self.buffer.range().end);
        let info = self.active.info(&self.session_id, self.expires_at());
        self.emit(ServerBody::SessionUpdated(Box::new(info)));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
