//! The call as a pure state machine: what happens goes in, what is to be done comes out.
//!
//! No I/O, no clock, no async, no threads. `now` is the time since the start of the program.
//! Nothing here waits for an event that a compatible server may leave out: what is known of items
//! and responses is made from any event that names them.

pub mod io;
pub mod plan;
mod outcome;
mod errors;
pub mod connection;
pub mod turn;
pub mod response;
pub mod conversation;
pub mod metering;

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::protocol::dialect::Dialect;
use crate::protocol::events::client::ClientBody;
use crate::protocol::events::server::{ServerBody, ServerEvent};
use crate::session::connection::closing::Closing;
use crate::session::connection::deduplication::EventDeduplicator;
use crate::session::connection::opening::Opening;
use crate::session::connection::placement::Placement;
use crate::session::connection::reconnect::{Backoff, Reconnecting};
use crate::session::connection::rollover::Rollover;
use crate::session::conversation::history::History;
use crate::session::conversation::transcript::{Transcript, TranscriptDelta};
use crate::session::errors::{LastError, PendingError, RequestKind, SentRequests};
use crate::session::io::{
    AudioEvent, Deadline, EndReason, Failure, Handshake, Input, Notice, Output, TurnState, UserCommand,
};
use crate::session::metering::latency::LatencyTracker;
use crate::session::metering::limits::Limiter;
use crate::session::metering::usage::UsageSum;
use crate::session::outcome::InputOutcome;
use crate::session::plan::Plan;
use crate::session::response::playback::Playback;
use crate::session::response::sequencer::Responses;
use crate::session::turn::ducking::Ducking;
use crate::session::turn::interruption::Flushing;
use crate::session::turn::local_vad::LocalVad;
use crate::session::turn::microphone::MicrophoneState;
use crate::session::turn::ready_prompt::ReadyPrompt;

/// One call, over one connection after the other.
#[derive(Debug)]
pub struct Session {
    plan: Plan,
    dialect: Dialect,
    phase: Phase,
    sent: SentRequests,
    deduplicator: EventDeduplicator,
    placement: Placement,
    microphone: MicrophoneState,
    /// What the sound side hears, where it finds the turns.
    local: Option<LocalVad>,
    responses: Responses,
    playback: Playback,
    flushing: Option<Flushing>,
    ducking: Option<Ducking>,
    transcript: Transcript,
    usage: UsageSum,
    latency: LatencyTracker,
    turn: TurnState,
    last_error: Option<LastError>,
    /// How many audio deltas could not be decoded.
    undecodable: u64,
    history: History,
    backoff: Backoff,
    rollover: Rollover,
    handshake: Handshake,
    limiter: Limiter,
    outcome: InputOutcome,
    /// The model that answers.
    model: Option<String>,
    pending_error: Option<PendingError>,
    ready_prompt: ReadyPrompt,
    outputs: Vec<Output>,
}

/// Where the session stands. Each state owns what only it needs.
#[derive(Debug)]
enum Phase {
    /// The socket is being opened.
    Connecting,
    /// The socket is open and the session is not configured yet.
    Opening(Opening),
    /// The call itself.
    Live,
    /// The connection is lost and is to come back.
    Reconnecting(Reconnecting),
    /// The goodbye is under way.
    Closing(Closing),
    /// Nothing follows.
    Over,
}

impl Session {
    /// Makes a session that has not been connected yet.
    pub fn new(plan: Plan) -> Self {
        Self {
            dialect: plan.dialect.unwrap_or_default(),
            microphone: MicrophoneState::new(&plan),
            local: plan.local_turns.as_ref().map(|turns| LocalVad::new(plan.input_rate(), turns)),
            playback: Playback::new(&plan),
            responses: Responses::default(),
            phase: Phase::Connecting,
            sent: SentRequests::default(),
            deduplicator: EventDeduplicator::default(),
            placement: Placement::default(),
            flushing: None,
            ducking: None,
            transcript: Transcript::default(),
            usage: UsageSum::default(),
            latency: LatencyTracker::new(&plan),
            turn: TurnState::Listening,
            last_error: None,
            undecodable: 0,
            history: History::default(),
            backoff: Backoff::default(),
            rollover: Rollover::default(),
            handshake: Handshake::default(),
            limiter: Limiter::default(),
            outcome: InputOutcome::new(&plan),
            model: plan.model.clone(),
            pending_error: None,
            ready_prompt: ReadyPrompt::default(),
            outputs: Vec::new(),
            plan,
        }
    }

    /// Returns the dialect in which events are to be written.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Takes one thing that happened and returns all that is to be done, in order.
    pub fn handle(&mut self, now: Duration, input: Input) -> Vec<Output> {
        if matches!(self.phase, Phase::Over) {
            return Vec::new();
        }
        self.sent.set_time(now);
        match input {
            Input::Opened => self.opened(now),
            Input::DialFailed(failure) => self.dial_failed(now, failure),
            Input::Closed(cause) => self.closed(now, cause),
            Input::Server(event) => self.server(now, *event),
            Input::Malformed(text) => self.garbled(&text),
            Input::Next(event) => self.next(now, event),
            Input::Mic(frame) => self.mic(now, &frame),
            Input::Audio(event) => self.audio(now, event),
            Input::User(command) => self.user(now, command),
            Input::Tick => self.tick(now),
        }
        self.update_turn();
        self.update_microphone();
        self.check_input_end(now);
        self.check_limits(now);
        self.check_rollover(now);
        std::mem::take(&mut self.outputs)
    }

    /// Returns when to call `handle` with [`Input::Tick`] if nothing else happens, and why.
    pub fn deadline(&self) -> Option<Deadline> {
        let phase = match &self.phase {
            Phase::Opening(opening) => Some(opening.deadline()),
            Phase::Closing(closing) => Some(closing.deadline()),
            Phase::Live => self.input_end_deadline(),
            Phase::Reconnecting(away) => away.deadline(),
            Phase::Connecting => None,
            Phase::Over => return None,
        };
        let flushing = self.flushing.as_ref().map(Flushing::deadline);
        let ducked = self.ducking.as_ref().map(Ducking::deadline);
        let answer = self.responses.deadline();
        let error = self.pending_error.as_ref().map(PendingError::deadline);
        let idle = self.idle_deadline().filter(|_| !self.is_answering());
        let handover = self.rollover.deadline().filter(|_| matches!(self.phase, Phase::Live));
        let part = self.part_deadline();
        let caption = self.transcript.captions.deadline();
        [phase, flushing, ducked, answer, error, idle, handover, part, caption]
            .into_iter()
            .flatten()
            .min_by_key(|deadline| deadline.at)
    }

    fn tick(&mut self, now: Duration) {
        self.tick_answer(now);
        self.tick_pending_error(now);
        match self.phase {
            Phase::Opening(_) => self.tick_opening(now),
            Phase::Closing(_) => self.tick_closing(now),
            Phase::Reconnecting(_) => self.tick_away(now),
            Phase::Connecting | Phase::Live | Phase::Over => {}
        }
        self.tick_flushing(now);
        self.tick_ducked(now);
        self.tick_part(now);
        self.tick_captions(now);
    }

    fn user(&mut self, now: Duration, command: UserCommand) {
        self.note_activity(now);
        match command {
            UserCommand::Say(text) => self.say(now, text),
            UserCommand::SetMuted(muted) => self.set_muted(now, muted),
            UserCommand::Interrupt => self.interrupt_by_user(now),
            UserCommand::BeginTurn => self.begin_turn(now),
            UserCommand::EndTurn => self.end_turn(now),
            UserCommand::ListDevices => self.outputs.push(Output::ListDevices),
            UserCommand::UseDevice(side, id) => self.outputs.push(Output::UseDevice(side, id)),
            UserCommand::SwitchTurn => self.switch_turn(now),
            UserCommand::LinesEnded => self.lines_ended(now),
            UserCommand::HangUp(reason) => self.hang_up(now, reason),
        }
    }

    fn audio(&mut self, now: Duration, event: AudioEvent) {
        match event {
            AudioEvent::Played { clip, samples } => self.played(now, clip, samples),
            AudioEvent::Drained => self.show(Notice::Debug("everything was played".into())),
            AudioEvent::Flushed(heard) => self.flushed(now, &heard),
            AudioEvent::InputStarted => self.input_started(),
            AudioEvent::InputEnded => self.input_ended(now),
            AudioEvent::NoInput(what) => self.hang_up(now, EndReason::NoInput(what)),
            AudioEvent::InputWarning(what) => self.show(Notice::Info(what)),
            AudioEvent::Lost(what) | AudioEvent::RecordingEnded(what) => {
                self.show(Notice::Error { code: None, message: what });
            }
            AudioEvent::Device(side, state) => self.show(Notice::Device(side, state)),
            AudioEvent::Devices(entries) => self.show(Notice::Devices(entries)),
            AudioEvent::Unheard => self.give_up_unheard(now),
            AudioEvent::MicDropped { frames } => self.mic_dropped(frames),
            AudioEvent::VoiceStarted => {
                self.voice_started(now);
                self.local_voice_started();
            }
            AudioEvent::VoiceConfirmed => {
                self.voice_confirmed(now);
                self.local_voice_confirmed(now);
            }
            AudioEvent::VoiceStopped { silent } => {
                self.voice_stopped();
                self.local_voice_stopped(now, silent);
            }
            AudioEvent::Echo(echo) => self.show(Notice::Echo(echo)),
        }
    }

    fn garbled(&mut self, text: &str) {
        let start: String = text.chars().take(80).collect();
        self.show(Notice::Debug(format!("the endpoint sent something that is no event: {start}")));
    }

    fn server(&mut self, now: Duration, event: ServerEvent) {
        self.responses.note_activity(now);
        if matches!(self.phase, Phase::Closing(_)) {
            // What comes after the goodbye is for nobody.
            return;
        }
        if self.deduplicator.is_repeat(&event) {
            self.show(Notice::Debug("the endpoint sent an event twice".into()));
            return;
        }
        if let Some(foreign) = event.foreign() {
            self.hang_up(now, EndReason::Refused(Failure { message: foreign.refusal(), code: None }));
            return;
        }
        self.count_undecodable(&event);
        let body = self.placement.resolve(event.body, self.responses.is_due());
        if !matches!(body, ServerBody::Error(_) | ServerBody::SessionUpdated(_)) {
            self.flush_nonfatal_error();
        }
        self.note_outcome(now, &body);
        match body {
            ServerBody::Error(error) => self.server_error(now, &error),
            ServerBody::ConversationCreated { .. } => self.conversation_created(now),
            ServerBody::SessionCreated(info) => self.session_created(now, &info),
            ServerBody::SessionUpdated(info) => self.session_updated(now, &info),
            ServerBody::SpeechStarted { audio_start_ms, .. } => self.speech_started(now, audio_start_ms),
            ServerBody::SpeechStopped { audio_end_ms, .. } => self.speech_stopped(now, audio_end_ms),
            ServerBody::AudioCommitted { previous_item_id, item_id } => {
                self.audio_committed(now, previous_item_id, item_id);
            }
            ServerBody::ItemAdded { previous_item_id, item }
            | ServerBody::ItemCreated { previous_item_id, item }
            | ServerBody::ItemDone { previous_item_id, item } => self.item_seen(previous_item_id, &item),
            ServerBody::TranscriptionDelta { item_id, delta, .. } => self.user_heard(&item_id, &delta),
            ServerBody::TranscriptionCompleted { item_id, transcript, usage, .. } => {
                if self.user_understood(now, &item_id, &transcript) {
                    self.note_transcription_usage(usage);
                }
            }
            ServerBody::TranscriptionFailed { item_id, error, .. } => {
                self.user_not_understood(now, &item_id, error);
            }
            ServerBody::TranscriptionSegment { item_id, segment, .. } => {
                self.user_segment(&item_id, &segment);
            }
            ServerBody::IdleTimeout { .. } => self.idle_timeout(),
            ServerBody::ResponseCreated(response) => self.response_created(now, &response),
            ServerBody::ResponseDone(response) => self.response_done(now, &response),
            ServerBody::AudioDelta { place, delta } => self.answer_audio(now, &place, &delta),
            ServerBody::AudioDone { place } => self.answer_audio_done(&place),
            ServerBody::TextDelta { place, delta } => {
                self.answer_text(now, &place, TranscriptDelta::written(&delta));
            }
            ServerBody::TranscriptDelta { place, delta } => {
                self.answer_text(now, &place, TranscriptDelta::spoken(&delta));
            }
            ServerBody::TextDone { place, text: Some(text) } => {
                self.answer_text_done(now, &place, TranscriptDelta::written(&text));
            }
            ServerBody::TranscriptDone { place, transcript: Some(text) } => {
                self.answer_text_done(now, &place, TranscriptDelta::spoken(&text));
            }
            ServerBody::OutputItemAdded { place, item } => self.answer_item_added(&place, &item),
            ServerBody::OutputItemDone { place, item } => self.answer_item_done(&place, &item),
            ServerBody::ContentPartDone { place, part } => self.answer_part_done(&place, &part),
            ServerBody::ItemTruncated { .. } => self.sent.acknowledge(&RequestKind::Truncate),
            ServerBody::AudioCleared => self.sent.acknowledge(&RequestKind::Clear),
            ServerBody::Unknown { name, .. } => {
                self.show(Notice::Debug(format!("the endpoint sent an unknown event: {name}")));
            }
            ServerBody::TextDone { text: None, .. }
            | ServerBody::TranscriptDone { transcript: None, .. }
            | ServerBody::ItemRetrieved { .. }
            | ServerBody::ItemDeleted { .. }
            | ServerBody::Dtmf { .. }
            | ServerBody::OutputBuffer { .. }
            | ServerBody::ContentPartAdded { .. }
            | ServerBody::ArgumentsDelta { .. }
            | ServerBody::ArgumentsDone { .. }
            | ServerBody::Mcp { .. }
            | ServerBody::RateLimits(_) => {}
        }
    }

    /// Counts sound that cannot be decoded; what the reader did not understand is left in the event.
    fn count_undecodable(&mut self, event: &ServerEvent) {
        let left = event.unknown.get("delta").filter(|delta| !delta.is_null());
        if let (ServerBody::AudioDelta { .. }, Some(_)) = (&event.body, left) {
            self.undecodable += 1;
        }
    }

    /// Reports all sound that could not be decoded, once, at the end.
    fn report_undecodable(&mut self) {
        let message = match std::mem::take(&mut self.undecodable) {
            0 => return,
            1 => "1 audio delta could not be decoded: its sound is missing (not base64)".to_owned(),
            count => {
                format!("{count} audio deltas could not be decoded: their sound is missing (not base64)")
            }
        };
        self.show(Notice::Error { code: None, message });
    }

    /// Sends an event under an id of its own, so that an error can be matched to it.
    fn send(&mut self, mut body: ClientBody, cause: RequestKind) {
        if matches!(self.phase, Phase::Reconnecting(_) | Phase::Closing(_) | Phase::Over) {
            return;
        }
        self.placement.translate_to_server_ids(&mut body);
        let event_id = self.sent.note(cause);
        self.outputs.push(Output::Send(Box::new(body.with_id(event_id))));
    }

    fn send_unnamed(&mut self, body: ClientBody) {
        self.outputs.push(Output::Send(Box::new(body.without_id())));
    }

    fn show(&mut self, notice: Notice) {
        if let Notice::Assistant(line) = &notice {
            self.outcome.shown(&line.text);
        }
        self.outputs.push(Output::Show(notice));
    }

    /// Whose turn it is follows from what is going on; it is told when it changes.
    fn update_turn(&mut self) {
        let turn = if self.microphone.user_speaks() {
            TurnState::User
        } else if self.playback.is_sounding() {
            TurnState::Assistant
        } else if self.responses.is_active() {
            TurnState::Thinking
        } else {
            TurnState::Listening
        };
        if turn != self.turn && matches!(self.phase, Phase::Live) {
            self.turn = turn;
            self.show(Notice::Turn(turn));
        }
    }

    fn end(&mut self, reason: EndReason) {
        self.phase = Phase::Over;
        self.flush_error_missing_from(&reason);
        self.release_captions();
        self.report_undecodable();
        self.show(Notice::Connection(io::ConnectionState::Closed));
        self.show(Notice::End(reason.clone()));
        self.outputs.push(Output::End(reason));
    }
}
