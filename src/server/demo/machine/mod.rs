//! The endpoint as a pure state machine: what comes from the client goes in, what is to be done comes out.
//!
//! It knows no clock and no socket. `hear` takes the client's sound, `reply` gives answers, `items`
//! keeps the conversation; here is what they share.

mod hear;
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
use crate::server::demo::answer::StreamedAnswer;
use crate::server::demo::check::check;
use crate::server::demo::conversation::Conversation;
use crate::server::demo::effective::{ActiveSettings, AssistantSpoke};
use crate::server::demo::faults::{Fault, Faults};
use crate::server::demo::function_calls::choice::check_declared;
use crate::server::demo::hearing::buffer::Buffer;
use crate::server::demo::hearing::vad::{SpeechHistory, TurnDetector};
use crate::server::demo::http::admission::Peer;
use crate::server::demo::ids::IdGenerator;
use crate::server::demo::mistake::ClientError;
use crate::server::demo::usage::Tokens;
use crate::server::demo::voice::speech::{SpeechRequest, SpeechTask};

/// Real sessions end after an hour.
const LONGEST_SESSION: Duration = Duration::from_secs(3_600);

/// What happens to the machine.
#[derive(Debug)]
pub(crate) enum MachineInput {
    /// The WebSocket is open.
    Opened,
    /// A text message came.
    Text(String),
    /// A binary message came, which the protocol does not have.
    Binary,
    /// The speech of an order is made.
    Spoken(SpeechTask),
    /// The deadline is reached.
    Tick,
}

/// What the machine wants to be done.
#[derive(Debug, PartialEq)]
pub(crate) enum MachineAction {
    /// Send a text message.
    Send(String),
    /// Make speech, and come back with it.
    Say(SpeechRequest),
    /// The speech of this job is not needed any more.
    CancelSpeech(u64),
    /// Send a close frame, then wait for the client's.
    Close {
        /// The close code.
        code: u16,
        /// Its words.
        reason: String,
    },
    /// Break the connection without a goodbye.
    Drop,
    /// Send half of this text message, then break the connection.
    SendHalf(String),
}

/// What a machine is made from.
#[derive(Clone, Debug)]
pub(crate) struct MachineSetup {
    /// Who is at the other end.
    pub(crate) peer: Peer,
    /// In which ways to misbehave.
    pub(crate) faults: Faults,
    /// How many times faster than real time answers are sent.
    pub(crate) pace: f64,
    /// Seconds since 1970 at the start.
    pub(crate) unix_time: u64,
    /// Of the ids.
    pub(crate) seed: u64,
}

/// One connection of the endpoint.
#[derive(Debug)]
pub(crate) struct Machine {
    setup: MachineSetup,
    ids: IdGenerator,
    actions: Vec<MachineAction>,
    mouth: OutputState,
    session_id: String,
    conversation_id: String,
    effective: ActiveSettings,
    /// When `session.created` is due, where it is late.
    created_due: Option<Duration>,
    /// When the session has lasted too long.
    end_due: Duration,
    /// How long it is said to last.
    limit: Duration,
    buffer: Buffer,
    ear: VoiceActivityDetector,
    turns: TurnDetector,
    trace: SpeechHistory,
    /// The turn in progress.
    turn: Option<hear::OngoingTurn>,
    initiative: hear::ProactiveSpeech,
    conversation: Conversation,
    answers: Vec<StreamedAnswer>,
    jobs: u64,
    /// The input of the answer before, which is cached.
    before: Tokens,
    /// Captions that wait for the end of the answer.
    late_captions: Vec<hear::PendingCaption>,
}

/// Whether the endpoint still speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OutputState {
    /// It does.
    Open,
    /// It does not answer any more, as if it hung.
    Stalled,
    /// The connection is over.
    Closed,
}

impl Machine {
    /// Makes the machine of one connection.
    pub(crate) fn new(setup: MachineSetup) -> Self {
        let mut ids = if setup.faults.has(Fault::CountedIds) {
            IdGenerator::counted()
        } else {
            IdGenerator::new(setup.seed)
        };
        let effective = ActiveSettings::new(&setup.peer);
        let expire =
            setup.faults.find(|fault| if let Fault::Expire(after) = fault { Some(*after) } else { None });
        let limit =
            setup.faults.find(|fault| if let Fault::Limit(limit) = fault { Some(*limit) } else { None });
        let limit = limit.unwrap_or(LONGEST_SESSION);
        Self {
            actions: Vec::new(),
            mouth: OutputState::Open,
            session_id: ids.next("sess"),
            conversation_id: ids.next("conv"),
            created_due: None,
            end_due: expire.unwrap_or(limit),
            limit,
            buffer: Buffer::new(effective.input()),
            ear: VoiceActivityDetector::default(),
            turns: TurnDetector::default(),
            trace: SpeechHistory::default(),
            turn: None,
            initiative: hear::ProactiveSpeech::default(),
            conversation: Conversation::default(),
            answers: Vec::new(),
            jobs: 0,
            before: Tokens::default(),
            late_captions: Vec::new(),
            effective,
            ids,
            setup,
        }
    }

    /// Takes one thing that happened, `now` after the start, and returns what is to be done, in order.
    pub(crate) fn handle(&mut self, now: Duration, input: MachineInput) -> Vec<MachineAction> {
        if self.mouth == OutputState::Closed {
            return Vec::new();
        }
        match input {
            MachineInput::Opened => self.open(now),
            MachineInput::Text(text) => self.read(now, &text),
            MachineInput::Binary => {
                let message = "Expected a text WebSocket message; binary frames are not supported.";
                self.refuse(None, ClientError::new("invalid_event", message));
            }
            MachineInput::Spoken(speech) => self.take_speech(now, speech),
            MachineInput::Tick => {}
        }
        self.advance(now);
        std::mem::take(&mut self.actions)
    }

    /// When to call `handle` with `Input::Tick` if nothing else happens.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        if self.mouth == OutputState::Closed {
            return None;
        }
        let pieces = self.answers.iter().filter_map(|answer| answer.schedule.as_ref()?.due());
        pieces.chain(self.created_due).chain([self.end_due]).min()
    }

    fn open(&mut self, now: Duration) {
        if let Some(refusal) = self.setup.peer.refusal.clone() {
            self.refuse(None, refusal.mistake.clone());
            self.close(refusal.close, &refusal.reason());
            return;
        }
        let late =
            self.setup.faults.find(|fault| if let Fault::Late(delay) = fault { Some(*delay) } else { None });
        match late {
            Some(delay) => self.created_due = Some(now + delay),
            None => self.create_session(),
        }
    }

    fn create_session(&mut self) {
        let info = self.effective.info(&self.session_id, self.expires_at());
        self.emit(ServerBody::SessionCreated(Box::new(info)));
        if self.setup.peer.dialect == Dialect::Beta && self.setup.peer.kind == SessionKind::Realtime {
            self.emit(ServerBody::ConversationCreated { id: Some(self.conversation_id.clone()) });
        }
    }

    fn expires_at(&self) -> u64 {
        self.setup.unix_time + self.limit.as_secs()
    }

    /// Does what the time has come for.
    fn advance(&mut self, now: Duration) {
        if self.created_due.is_some_and(|due| due <= now) {
            self.created_due = None;
            self.create_session();
        }
        self.advance_answers(now);
        if self.end_due <= now && self.mouth != OutputState::Closed {
            let message = "Your session hit the maximum duration of 60 minutes.";
            self.refuse(None, ClientError::new("session_expired", message));
            self.close(1001, message);
        }
    }

    fn read(&mut self, now: Duration, text: &str) {
        let peer = &self.setup.peer;
        let text = match check(peer.dialect, peer.kind, text) {
            Ok(text) => text,
            Err(rejected) => return self.refuse(rejected.event_id, rejected.mistake),
        };
        // The check lets nothing but an object with a type pass.
        let Ok(event) = decode::client_event(&text) else { return };
        let ClientEvent { event_id, body } = event;
        if let Err(mistake) = self.obey(now, body) {
            self.refuse(event_id, mistake);
        }
    }

    fn obey(&mut self, now: Duration, body: ClientBody) -> Result<(), ClientError> {
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
            // The tables refuse it: it belongs to WebRTC.
            ClientBody::OutputAudioClear => Ok(()),
            ClientBody::Unknown { name, fields } => self.obey_undocumented(now, &name, &fields),
        }
    }

    /// The real server takes these two names of the translation protocol.
    fn obey_undocumented(
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
        let spoken = if self.conversation.holds_speech() { AssistantSpoke::Yes } else { AssistantSpoke::No };
        let effective = self.effective.updated(settings, spoken)?;
        let tools = effective.settings().tools.as_deref().unwrap_or_default();
        if let Some(choice) = &settings.tool_choice {
            check_declared(choice, tools, "session.tool_choice")?;
        }
        if effective.input() != self.effective.input() {
            self.buffer.set_form(effective.input());
        }
        if effective.turns().is_none() {
            self.turns.reset();
            self.turn = None;
        }
        self.effective = effective;
        self.initiative.configured(self.buffer.range().end);
        let info = self.effective.info(&self.session_id, self.expires_at());
        self.emit(ServerBody::SessionUpdated(Box::new(info)));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
