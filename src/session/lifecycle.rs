//! Lifecycle of a call across its connections: live, reconnecting, switching, closing, over.

use std::time::Duration;

use crate::dsp::vad::VadFrame;
use crate::protocol::close::CloseCause;
use crate::protocol::dialect::Dialect;
use crate::protocol::events::client::ClientBody;
use crate::protocol::events::error::ErrorInfo;
use crate::protocol::events::item::Item;
use crate::session::connection::close_reason::lost_failure;
use crate::session::connection::closing::Closing;
use crate::session::connection::errors::failure_of;
use crate::session::connection::phase::Phase;
use crate::session::connection::reconnect::{Notify, Reconnecting};
use crate::session::connection::requests::RequestKind;
use crate::session::connection::rollover::{StandbyChange, SwitchReason};
use crate::session::context::Peers;
use crate::session::conversation::user_lines::spoken_from_to;
use crate::session::io::info::InfoMessage;
use crate::session::io::{
    ConnectionState, DialFailure, EndReason, Failure, MediaSpan, Notice, Output, Ready,
};
use crate::session::plan::{InputEndAction, Mode};
use crate::session::{Parts, Session};

/// Number of the signal of Ctrl-C.
const SIGINT: i32 = 2;

impl Session {
    /// Lets the connection act on its deadline.
    pub(super) fn tick_connection(&mut self, now: Duration) {
        if let Some(failure) = self.connection.errors().tick(now, self.plan.mode, &mut self.outputs) {
            self.hang_up(now, EndReason::Refused(failure));
        }
        self.tick_unused(now);
        self.advance_opening(now, |opening, _| opening.tick(now));
        self.connection.tick_reconnect(now, &mut self.outputs);
        let closing_reason = self.connection.closing().filter(|closing| now >= closing.deadline().at);
        if let Some(reason) = closing_reason.map(|closing| closing.reason().clone()) {
            self.end_at_once(now, reason);
        }
        self.finish_close(now);
        let change = self.connection.tick_standby(now, &mut self.plan, &mut self.outputs);
        self.follow_standby(now, change);
        let activity = self.activity();
        if let Some(reason) = self.connection.switch_reason(now, activity) {
            self.switch_over(now, reason);
        }
    }

    /// Ends the call on a request. Ctrl-C is the normal end of live captions: they end with those of the speech so
    /// far, unless it is a signal, which leaves no time, or a second request.
    pub(super) fn hang_up_by_user(&mut self, now: Duration, reason: EndReason) {
        let is_live = self.plan.mode == Mode::Transcribe && self.plan.at_input_end == InputEndAction::GoOn;
        let waits = self.connection.is_live() && self.activity().is_speech_uncaptioned();
        if reason == EndReason::User && is_live && waits && !self.is_finishing {
            self.finish_captions(now);
        } else if reason == EndReason::Signal(SIGINT) && is_live {
            self.hang_up(now, EndReason::User);
        } else {
            self.hang_up(now, reason);
        }
    }

    /// Sends silence, so that the server ends the turn, and waits for its caption.
    fn finish_captions(&mut self, now: Duration) {
        self.is_finishing = true;
        let Parts { turns, responses, conversation, mut cx } = self.parts(now);
        let peers = &mut Peers { cx: &mut cx, responses, conversation };
        turns.set_muted(peers, true);
        turns.input_ended(peers);
        self.outputs.info(InfoMessage::LastCaption);
    }

    /// Ends the call; a second request does not wait for the server.
    pub(super) fn hang_up(&mut self, now: Duration, reason: EndReason) {
        match self.connection.phase() {
            Phase::Connecting | Phase::Reconnecting(_) | Phase::Disconnected | Phase::Closing(_) => {
                self.end_at_once(now, reason);
            }
            Phase::Opening(_) | Phase::Live(_) => {
                self.silence(now);
                self.outputs.show(Notice::Connection(ConnectionState::Closing));
                self.outputs.push(Output::Close);
                self.connection.close(Closing::new(now, reason));
            }
            Phase::Over => {}
        }
    }

    /// Handles a close of the connection: switches, reconnects or ends the call.
    pub(super) fn closed(&mut self, now: Duration, cause: CloseCause) {
        if let Some(closing) = self.connection.closing() {
            closing.note_closed();
            self.finish_close(now);
            return;
        }
        let is_idle = self.is_line_idle(now);
        let can_reconnect = self.connection.can_reconnect(now, &self.plan, &cause, is_idle);
        let reason = self.connection.close_reason(now, &self.plan, cause, self.conversation.outcome());
        if can_reconnect && let Some(failure) = lost_failure(&reason) {
            if self.connection.has_standby() {
                self.forget_server(now);
                self.switch_over(now, SwitchReason::ConnectionLost);
            } else {
                let cause = failure.message.clone();
                self.reconnect(now, failure, &cause);
            }
            return;
        }
        self.silence(now);
        let mut closing = Closing::new(now, reason);
        closing.note_closed();
        self.connection.close(closing);
        self.finish_close(now);
    }

    /// Ends the call once the close handshake and the flush report are in.
    pub(super) fn finish_close(&mut self, now: Duration) {
        if self.turns.is_flushing() {
            return;
        }
        let closing = self.connection.closing().filter(|closing| closing.is_closed());
        if let Some(reason) = closing.map(|closing| closing.reason().clone()) {
            self.end_at_once(now, reason);
        }
    }

    /// Stops playback. Spoken lines end after the flush.
    fn silence(&mut self, now: Duration) {
        let Parts { turns, responses, conversation, mut cx } = self.parts(now);
        turns.stop_playback(&mut cx, responses);
        cx.metering.latency().abandon();
        if turns.is_flushing() {
            responses.abandon_lines(&mut cx, conversation);
        } else {
            responses.close_lines(&mut cx, conversation);
        }
    }

    /// Stops playback and ends every line at its last known position.
    pub(super) fn silence_and_close_lines(&mut self, now: Duration) {
        let Parts { responses, conversation, mut cx, .. } = self.parts(now);
        if responses.is_playing() {
            cx.outputs.push(Output::Flush);
        }
        responses.close_lines(&mut cx, conversation);
    }

    /// Ends the call without waiting for anything.
    fn end_at_once(&mut self, now: Duration, reason: EndReason) {
        self.turns.abandon_flush();
        self.silence_and_close_lines(now);
        self.end(now, reason);
    }

    fn end(&mut self, now: Duration, reason: EndReason) {
        if self.outlives(&reason) {
            self.disconnect_because(now, &reason);
            return;
        }
        self.connection.end();
        self.connection.errors().flush_missing_from(&reason, &mut self.outputs);
        self.conversation.release_captions(&self.plan, &mut self.outputs);
        self.responses.report_undecodable(&mut self.outputs);
        self.outputs.show(Notice::Connection(ConnectionState::Closed));
        self.outputs.show(Notice::End(reason.clone()));
        self.outputs.push(Output::End(reason));
    }

    /// Starts the call on a connection that has just been configured.
    pub(super) fn go_live(&mut self, now: Duration, ready: Ready) {
        self.metering.set_model(ready.model.clone());
        self.outputs.show(Notice::Ready(ready));
        self.outputs.show(Notice::Connection(ConnectionState::Live));
        if self.connection.backoff().is_retrying() {
            self.replay(now);
        } else {
            self.send_history(now);
        }
        self.metering.note_activity(now);
        let Parts { turns, responses, conversation, mut cx } = self.parts(now);
        let peers = &mut Peers { cx: &mut cx, responses, conversation };
        turns.send_kept_audio(peers);
        for text in peers.conversation.take_queued() {
            turns.say(peers, text);
        }
        turns.show_ready_prompt(peers.cx.outputs);
    }

    /// Returns whether the connection has been idle long enough for a gateway to close it.
    fn is_line_idle(&self, now: Duration) -> bool {
        let inactive_for = self.metering.inactive_for(now);
        self.activity().is_line_idle() && self.connection.is_idle(&self.plan, inactive_for)
    }

    /// Keeps the call while disconnected. `failure` is the first cause, `cause` the latest.
    fn reconnect(&mut self, now: Duration, failure: Failure, cause: &str) {
        let retry_after = self.connection.backoff().retry_after();
        let notify = if self.is_line_idle(now) { Notify::Log } else { Notify::User };
        let live_since = self.connection.live_since();
        let Some(pause) = self.connection.backoff().next(now, live_since) else {
            self.silence_and_close_lines(now);
            self.end(now, EndReason::Lost(failure));
            return;
        };
        self.forget_server(now);
        self.drop_standby();
        let delay =
            if retry_after.is_zero() { String::new() } else { format!(" in {:.0} s", pause.as_secs_f64()) };
        match notify {
            Notify::User => self.outputs.info(format!("{cause}: retrying{delay}")),
            Notify::Log => self.outputs.debug(format!("{cause}: idle connection closed, retrying{delay}")),
        }
        self.outputs.show(Notice::Connection(ConnectionState::Reconnecting));
        self.connection.backoff().set_notify(notify);
        self.connection.reconnect(Reconnecting::after_pause(now + pause, failure));
    }

    /// Forgets everything that only the lost session knows. A complete response plays on; an incomplete one
    /// is stopped, and its line ends after the flush.
    pub(super) fn forget_server(&mut self, now: Duration) {
        if self.responses.is_active() {
            self.silence(now);
        }
        let first_uncaptioned = self.conversation.first_uncaptioned();
        self.conversation.abandon_captions(&self.plan, &mut self.outputs);
        self.connection.forget_server();
        self.responses.new_server();
        self.metering.latency().new_server();
        self.media.new_connection();
        self.turns.server_gone(self.plan.turn_control());
        self.rewind_input(first_uncaptioned);
    }

    /// Returns to the first turn without a caption, if the input can be read again: to a frame of voice activity
    /// detection, so that the same times are detected again.
    fn rewind_input(&mut self, first_uncaptioned: Option<Duration>) {
        if !self.plan.rewinds_input {
            return;
        }
        let captioned = self.media.captioned();
        let to = first_uncaptioned.map_or(captioned, |start| start.min(captioned));
        let to = to - Duration::from_nanos((to.as_nanos() % VadFrame::TIME.as_nanos()) as u64);
        self.media.rewind(to);
        self.turns.forget_audio(&self.plan);
        self.outputs.push(Output::Rewind(to));
    }

    /// Opens the connection again in the GA dialect, because the endpoint refuses the beta protocol.
    pub(super) fn leave_beta(&mut self, now: Duration, error: &ErrorInfo) {
        if self.connection.is_live() {
            // The conversation is replayed.
            self.connection.backoff().count_attempt();
        }
        self.forget_server(now);
        self.drop_standby();
        self.connection.leave_beta();
        self.plan.dialect = Some(Dialect::Ga);
        self.outputs.info("the endpoint no longer supports the beta dialect: trying GA");
        self.outputs.show(Notice::Connection(ConnectionState::Connecting));
        self.connection.reconnect(Reconnecting::immediately(failure_of(error)));
        self.outputs.push(Output::Open(self.connection.handshake()));
    }

    /// Sends turns of a file again whose captions do not arrive, once; then gives them up.
    pub(super) fn tick_missing_captions(&mut self, now: Duration) {
        if self.plan.mode != Mode::Transcribe || !self.connection.is_live() {
            return;
        }
        let has_ended = self.input_end_deadline().is_some_and(|deadline| now >= deadline.at);
        let missing =
            if has_ended { self.conversation.missing_turn() } else { self.conversation.overdue_turn(now) };
        let Some(turn) = missing else { return };
        if self.plan.rewinds_input && self.conversation.send_again(turn) {
            self.send_turn_again(now, turn);
        } else if self.plan.rewinds_input || has_ended {
            let until = if has_ended { Duration::MAX } else { turn.end };
            let Parts { conversation, mut cx, .. } = self.parts(now);
            conversation.give_up_captions(&mut cx, until);
        }
    }

    /// Opens another connection, which captions the input from this turn on.
    fn send_turn_again(&mut self, now: Duration, turn: MediaSpan) {
        let message = format!("no caption for {}: sending it again", spoken_from_to(turn));
        self.connection.backoff().count_attempt();
        self.forget_server(now);
        self.drop_standby();
        self.outputs.info(message.clone());
        self.outputs.show(Notice::Connection(ConnectionState::Reconnecting));
        self.connection.reconnect(Reconnecting::immediately(Failure { message, code: None }));
        self.outputs.push(Output::Open(self.connection.handshake()));
    }

    pub(super) fn dial_failed(&mut self, now: Duration, dial_failure: DialFailure) {
        let Phase::Reconnecting(reconnecting) = self.connection.phase() else { return };
        let first = reconnecting.failure().clone();
        match dial_failure {
            DialFailure::Passing { failure, retry_after } => {
                self.connection.backoff().set_retry_after(retry_after);
                self.reconnect(now, first, &failure.message);
            }
            DialFailure::Final(failure) => {
                self.silence_and_close_lines(now);
                self.end(now, EndReason::Refused(failure));
            }
        }
    }

    /// Sends the conversation to a new server, and requests the response that the previous one did not finish.
    fn replay(&mut self, now: Duration) {
        let lost_ms = self.turns.take_lost_ms();
        let items = self.conversation.take_unsent(&self.plan);
        self.conversation.switch_server();
        let message = format!("reconnected{}", self.conversation.kept_turns());
        match self.connection.backoff().notify() {
            Notify::User => self.outputs.info(message),
            Notify::Log => self.outputs.debug(message),
        }
        if lost_ms > 0 {
            let seconds = Duration::from_millis(lost_ms).as_secs_f64();
            self.outputs.error(format!("{seconds:.1} s of microphone audio were lost while disconnected"));
        }
        self.send_items(now, items);
        self.request_pending_reply(now);
    }

    /// Sends the turns of an earlier conversation to the first server.
    fn send_history(&mut self, now: Duration) {
        let items = self.conversation.take_unsent(&self.plan);
        self.conversation.switch_server();
        self.send_items(now, items);
    }

    fn send_items(&mut self, now: Duration, items: Vec<Item>) {
        for item in items {
            let body = ClientBody::ItemCreate { previous_item_id: None, item };
            self.connection.send(now, body, RequestKind::ItemCreate, &mut self.outputs);
        }
    }

    fn request_pending_reply(&mut self, now: Duration) {
        let Parts { responses, conversation, mut cx, .. } = self.parts(now);
        if conversation.has_pending_reply(cx.plan) {
            responses.request(&mut cx);
        }
    }

    /// Follows a change of the standby connection.
    pub(super) fn follow_standby(&mut self, now: Duration, change: StandbyChange) {
        match change {
            StandbyChange::None => {}
            StandbyChange::Ready => self.update_standby(now),
            StandbyChange::Dropped => self.conversation.forget_standby(),
        }
    }

    /// Sends the standby server what it lacks of the conversation.
    fn update_standby(&mut self, now: Duration) {
        let items = self.conversation.take_unsent(&self.plan);
        self.connection.send_to_standby(now, items, &mut self.outputs);
    }

    pub(super) fn drop_standby(&mut self) {
        self.connection.drop_standby(&mut self.outputs);
        self.conversation.forget_standby();
    }

    /// Switches the call to the standby connection.
    fn switch_over(&mut self, now: Duration, reason: SwitchReason) {
        self.update_standby(now);
        let Some(ready) = self.connection.switch_to_standby(now, &self.plan, &mut self.outputs) else {
            return;
        };
        self.metering.latency().new_server();
        self.media.new_connection();
        self.metering.set_model(ready.model.clone());
        self.conversation.switch_server();
        let cause = match reason {
            SwitchReason::Pause | SwitchReason::Limit => "the session was renewed before its time limit",
            SwitchReason::ConnectionLost => "the connection ended: the call continues in a new session",
        };
        self.outputs.info(format!("{cause}{}", self.conversation.kept_turns()));
        self.outputs.show(Notice::Ready(ready));
        match reason {
            SwitchReason::Pause => self.conversation.abandon_captions(&self.plan, &mut self.outputs),
            SwitchReason::Limit => {
                let first_uncaptioned = self.conversation.first_uncaptioned();
                self.conversation.abandon_captions(&self.plan, &mut self.outputs);
                self.turns.server_gone(self.plan.turn_control());
                self.rewind_input(first_uncaptioned);
                self.send_kept_audio(now);
            }
            SwitchReason::ConnectionLost => {
                // A response that was partly played is not requested again.
                if !self.turns.is_flushing() {
                    self.request_pending_reply(now);
                }
                self.send_kept_audio(now);
            }
        }
    }

    fn send_kept_audio(&mut self, now: Duration) {
        let Parts { turns, responses, conversation, mut cx } = self.parts(now);
        turns.send_kept_audio(&mut Peers { cx: &mut cx, responses, conversation });
    }
}
