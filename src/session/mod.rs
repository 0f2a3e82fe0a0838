//! Call as a pure state machine: inputs go in, outputs come out.
//!
//! No I/O, no clock, no async, no threads. `now` is the time since the start of the program. No event is
//! required that a compatible server may omit: items and responses are known from any event that names them.

pub mod io;
pub mod plan;
mod outputs;
mod activity;
mod context;
pub mod connection;
pub mod turn;
pub mod response;
pub mod conversation;
pub mod metering;
mod server_events;
mod lifecycle;
mod revision;
mod disconnection;

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::audio::api::AudioEvent;
use crate::protocol::dialect::Dialect;
use crate::session::activity::Activity;
use crate::session::connection::Connection;
use crate::session::connection::phase::Phase;
use crate::session::context::{Context, Peers};
use crate::session::conversation::Conversation;
use crate::session::io::UserCommand;
use crate::session::io::{Deadline, EndReason, Input, MissingReply, Notice, Output, PlaceMark, Reason};
use crate::session::metering::Metering;
use crate::session::outputs::Outputs;
use crate::session::plan::{InputEndAction, Mode, Plan, TurnControl};
use crate::session::response::Responses;
use crate::session::turn::Turns;
use crate::session::turn::media_time::MediaTime;

/// How long after the server's end-of-turn silence a turn may still be detected: a round trip and its delay.
const TURN_TIMEOUT: Duration = Duration::from_millis(1_500);

/// How long to wait for the first turn: a busy or distant server detects it late.
const FIRST_TURN_TIMEOUT: Duration = Duration::from_secs(5);

/// How long to wait for a caption or the end of a turn.
const CAPTION_TIMEOUT: Duration = Duration::from_secs(10);

/// How long to wait for an expected response to begin: pipelines of models take long.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);

/// One call over successive connections: routes inputs to its components and collects their outputs.
#[derive(Debug)]
pub struct Session {
    plan: Plan,
    connection: Connection,
    turns: Turns,
    responses: Responses,
    conversation: Conversation,
    metering: Metering,
    /// When each turn is spoken in the input.
    media: MediaTime,
    /// Places that the user marked.
    marks: u32,
    /// Whether live captions end with the caption of the last speech.
    is_finishing: bool,
    outputs: Outputs,
}

/// The components that take turns in a call, with the context in which they act.
struct Parts<'a> {
    turns: &'a mut Turns,
    responses: &'a mut Responses,
    conversation: &'a mut Conversation,
    cx: Context<'a>,
}

impl Session {
    /// Creates a session that is not connected yet.
    pub fn new(plan: Plan) -> Self {
        Self {
            connection: Connection::new(&plan),
            turns: Turns::new(&plan),
            responses: Responses::new(&plan),
            conversation: Conversation::new(&plan),
            metering: Metering::new(&plan),
            media: MediaTime::new(plan.input_rate(), plan.mode == Mode::Transcribe)
                .beginning_at(plan.media_start, plan.warm_up),
            marks: 0,
            is_finishing: false,
            outputs: Outputs::default(),
            plan,
        }
    }

    /// Returns the dialect in which to write events.
    pub fn dialect(&self) -> Dialect {
        self.connection.dialect()
    }

    /// Returns whether the connection is in use.
    pub fn is_live(&self) -> bool {
        self.connection.is_live()
    }

    /// Returns whether a line of piped text would interrupt nothing.
    pub fn takes_line(&self) -> bool {
        let activity = self.activity();
        self.connection.is_live()
            && !activity.is_answering()
            && !activity.is_response_expected
            && !activity.is_user_speaking
    }

    /// Returns how much speech waits for its captions, or nothing while no audio is accepted.
    pub fn uncaptioned_speech(&self) -> Option<Duration> {
        self.connection.is_live().then(|| self.media.uncaptioned())
    }

    /// Handles one input; returns the outputs in order.
    pub fn handle(&mut self, now: Duration, input: Input) -> Vec<Output> {
        if self.connection.is_over() {
            return Vec::new();
        }
        self.route(now, input);
        self.finish_input(now);
        if self.deadline().is_some_and(|deadline| now >= deadline.at) {
            self.tick(now);
            self.finish_input(now);
        }
        self.outputs.take()
    }

    /// Returns when to call `handle` with [`Input::Tick`] if nothing else happens, and why.
    pub fn deadline(&self) -> Option<Deadline> {
        if self.connection.is_over() {
            return None;
        }
        let deadlines = [
            self.connection.deadline(self.activity()),
            self.turns.deadline(),
            self.responses.deadline(),
            self.conversation.deadline(),
            self.limit_deadline(),
            self.input_end_deadline(),
            self.unused_deadline(),
        ];
        deadlines.into_iter().flatten().min_by_key(|deadline| deadline.at)
    }

    fn route(&mut self, now: Duration, input: Input) {
        match input {
            Input::Opened => self.connection.open(now, &self.plan, &mut self.outputs),
            Input::DialFailed(failure) => self.dial_failed(now, failure),
            Input::Closed(cause) => self.closed(now, cause),
            Input::Server(event) => self.server_event(now, *event),
            Input::Malformed(text) => {
                let start: String = text.chars().take(80).collect();
                self.outputs.debug(format!("the endpoint sent a message that is not an event: {start}"));
            }
            Input::Next(event) => {
                let change = self.connection.standby_event(now, &mut self.plan, event, &mut self.outputs);
                self.follow_standby(now, change);
            }
            Input::Mic(frame) => {
                self.connection.note_input(now, &frame);
                let Parts { turns, responses, conversation, mut cx } = self.parts(now);
                turns.input_frame(&mut Peers { cx: &mut cx, responses, conversation }, &frame);
            }
            Input::Audio(event) => self.audio_event(now, event),
            Input::User(command) => self.user_command(now, command),
            Input::NoAudio => match self.plan.mode {
                Mode::Talk => self.disconnect(now),
                Mode::Chat | Mode::Ask => self.speak(now, Some(false)),
                Mode::Transcribe => {}
            },
            Input::Other(other) => self.metering.note_other(&self.plan, other, &mut self.outputs),
            // The deadlines are checked after every input.
            Input::Tick => {}
        }
    }

    /// Ends the call if a component asked for it, and shows whose turn it is.
    fn finish_input(&mut self, now: Duration) {
        if let Some(reason) = self.connection.take_end_request() {
            self.hang_up(now, reason);
        }
        if self.connection.is_live() {
            let is_writing = !self.plan.plays_answers() && self.conversation.has_open_text();
            self.turns.update_state(&self.responses, is_writing, &mut self.outputs);
        }
    }

    /// Lets each component act on its deadline.
    fn tick(&mut self, now: Duration) {
        let Parts { turns, responses, conversation, mut cx } = self.parts(now);
        responses.tick(&mut cx, conversation);
        turns.tick(&mut Peers { cx: &mut cx, responses, conversation });
        self.tick_missing_captions(now);
        let Parts { conversation, mut cx, .. } = self.parts(now);
        conversation.tick(&mut cx);
        self.tick_connection(now);
        self.finish_input(now);
        if let Some(reason) = self.end_reason(now) {
            self.hang_up(now, reason);
        }
    }

    /// Returns why the call ends at this time: a limit, or the end of its input.
    fn end_reason(&self, now: Duration) -> Option<EndReason> {
        let is_due = |deadline: Option<Deadline>| deadline.is_some_and(|deadline| now >= deadline.at);
        if is_due(self.input_end_deadline()) {
            return Some(match self.stalled_at() {
                _ if self.is_finishing => EndReason::User,
                Some(_) => EndReason::Unanswered(MissingReply::Unfinished),
                None => self.conversation.input_outcome(&self.plan),
            });
        }
        self.limit_deadline()?;
        self.metering.limit_reached(now, &self.plan).map(EndReason::Limit)
    }

    /// Returns when a limit ends the call. A response in progress is played to its end first.
    fn limit_deadline(&self) -> Option<Deadline> {
        let has_begun =
            matches!(self.connection.phase(), Phase::Live(_) | Phase::Reconnecting(_) | Phase::Disconnected);
        if has_begun && !self.activity().is_answering() { self.metering.deadline(&self.plan) } else { None }
    }

    /// Returns when the call ends after the end of its input.
    fn input_end_deadline(&self) -> Option<Deadline> {
        let ends = self.plan.at_input_end == InputEndAction::End || self.is_finishing;
        if !self.connection.is_live() || !ends {
            return None;
        }
        let at = match self.stalled_at() {
            Some(at) => at,
            None => self.turns.quiet_since()? + self.input_end_delay(),
        };
        Some(Deadline { at, reason: Reason::InputDrained })
    }

    /// Returns when a response without progress is given up after the end of the input.
    fn stalled_at(&self) -> Option<Duration> {
        let quiet_since = self.turns.quiet_since().filter(|_| self.activity().is_answering())?;
        Some(self.conversation.stalled_at(quiet_since))
    }

    /// Returns how long to wait for further events after the end of the input.
    fn input_end_delay(&self) -> Duration {
        let activity = self.activity();
        if self.is_finishing {
            return if activity.is_speech_uncaptioned() { CAPTION_TIMEOUT } else { Duration::ZERO };
        }
        let turn_timeout = self.plan.silence() + TURN_TIMEOUT;
        match self.plan.turn_control() {
            _ if activity.is_response_expected => RESPONSE_TIMEOUT,
            _ if activity.is_user_speaking || activity.is_caption_pending => CAPTION_TIMEOUT,
            TurnControl::Server if self.conversation.outcome().turns() == 0 => {
                turn_timeout.max(FIRST_TURN_TIMEOUT)
            }
            TurnControl::Server | TurnControl::Local => turn_timeout,
            TurnControl::Manual => Duration::ZERO,
        }
    }

    fn activity(&self) -> Activity {
        let Self { turns, responses, .. } = self;
        Activity {
            is_responding: responses.is_active() || responses.is_waiting() || turns.is_flushing(),
            is_playing: responses.is_playing(),
            is_user_speaking: turns.is_user_speaking(),
            is_response_expected: responses.is_expected(),
            has_unacked_turn: turns.has_unacked_turn(),
            is_caption_pending: self.conversation.is_caption_pending(),
        }
    }

    fn parts(&mut self, now: Duration) -> Parts<'_> {
        let Self { plan, connection, turns, responses, conversation, metering, media, outputs, .. } = self;
        let cx = Context { now, plan, connection, metering, media, outputs };
        Parts { turns, responses, conversation, cx }
    }

    fn user_command(&mut self, now: Duration, command: UserCommand) {
        self.metering.note_activity(now);
        let Parts { turns, responses, conversation, mut cx } = self.parts(now);
        let peers = &mut Peers { cx: &mut cx, responses, conversation };
        match command {
            UserCommand::Say(text) => {
                turns.say(peers, text);
                self.connect(now);
            }
            UserCommand::Attach(attachment) => Turns::attach(peers, attachment),
            UserCommand::SetMuted(muted) => turns.set_muted(peers, muted),
            UserCommand::Interrupt => turns.interrupt_by_user(peers),
            UserCommand::BeginTurn => turns.begin_turn(peers),
            UserCommand::EndTurn => turns.end_turn(peers),
            UserCommand::SwitchTurn => turns.toggle_turn(peers),
            UserCommand::SetVolume(volume) => {
                peers.cx.outputs.push(Output::SetVolume(volume));
                peers.cx.show(Notice::Volume(volume));
            }
            UserCommand::ListDevices => peers.cx.outputs.push(Output::ListDevices),
            UserCommand::UseDevice(side, id) => peers.cx.outputs.push(Output::UseDevice(side, id)),
            // Without any line, standard input was merely left open; an input that ends has its own end.
            UserCommand::LinesEnded => {
                if peers.cx.plan.at_input_end == InputEndAction::GoOn && peers.conversation.has_typed() {
                    self.hang_up(now, EndReason::InputEnded);
                }
            }
            UserCommand::Clear => self.clear(now),
            UserCommand::Retry => self.retry(now),
            UserCommand::TakeBack => self.take_back(now),
            UserCommand::Instruct(instructions) => self.instruct(now, instructions),
            UserCommand::ChangeModel(model) => self.change_model(now, model),
            UserCommand::ChangeVoice(voice) => self.change_voice(now, &voice),
            UserCommand::ChangeSpeed(percent) => self.change_speed(now, percent),
            UserCommand::Speak(wanted) => self.speak(now, wanted),
            UserCommand::Local(request) => peers.cx.outputs.push(Output::Local(request)),
            UserCommand::SwitchCall => self.switch_call(now),
            UserCommand::Mark => self.mark(),
            UserCommand::HangUp(reason) => self.hang_up_by_user(now, reason),
        }
    }

    fn mark(&mut self) {
        self.marks += 1;
        self.outputs.show(Notice::Mark(PlaceMark { number: self.marks, at: self.media.now() }));
    }

    fn audio_event(&mut self, now: Duration, event: AudioEvent) {
        let Parts { turns, responses, conversation, mut cx } = self.parts(now);
        let peers = &mut Peers { cx: &mut cx, responses, conversation };
        match event {
            AudioEvent::Played { clip, samples } => {
                peers.responses.played(peers.cx, peers.conversation, clip, samples);
            }
            AudioEvent::Drained => peers.cx.outputs.debug("playback finished"),
            AudioEvent::Flushed(positions) => {
                turns.flushed(peers, &positions);
                self.finish_close(now);
            }
            AudioEvent::InputStarted => turns.input_started(peers.cx.connection.is_live(), peers.cx.outputs),
            AudioEvent::InputEnded => turns.input_ended(peers),
            AudioEvent::NoInput(reason) => self.hang_up(now, EndReason::NoInput(reason)),
            AudioEvent::InputWarning(warning) => peers.cx.outputs.info(warning),
            AudioEvent::OutputClosed => self.hang_up(now, EndReason::User),
            AudioEvent::PlaybackDropped(dropped) => {
                let seconds = dropped.as_secs_f64();
                peers
                    .cx
                    .outputs
                    .error(format!("{seconds:.1} s of audio dropped: the play queue of ten minutes is full"));
            }
            // The driver keeps these.
            AudioEvent::DeviceSelected(..) | AudioEvent::Counters(_) => {}
            AudioEvent::Lost(reason) | AudioEvent::RecordingEnded(reason) => peers.cx.outputs.error(reason),
            AudioEvent::Device(direction, state) => peers.cx.show(Notice::Device(direction, state)),
            AudioEvent::Devices(entries) => peers.cx.show(Notice::Devices(entries)),
            AudioEvent::OutputUnavailable => turns.stop_unplayable(peers),
            AudioEvent::MicDropped { frames } => Turns::frames_dropped(peers.cx, frames),
            AudioEvent::VoiceStarted => turns.voice_started(peers.cx, peers.responses),
            AudioEvent::VoiceConfirmed => turns.voice_confirmed(peers),
            AudioEvent::VoiceStopped { silent } => {
                turns.voice_stopped(peers.cx);
                turns.local_voice_stopped(peers, silent);
            }
            AudioEvent::Echo(echo) => peers.cx.show(Notice::Echo(echo)),
        }
    }
}
