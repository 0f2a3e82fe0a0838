//! Disconnection on purpose: the session goes on without a connection, and the next one gets the conversation.

use std::time::Duration;

use crate::session::Session;
use crate::session::connection::phase::Phase;
use crate::session::connection::reconnect::{Notify, Reconnecting};
use crate::session::io::{ConnectionState, Deadline, EndReason, Failure, Notice, Output, Reason};
use crate::session::plan::{ConnectionPolicy, Mode};

impl Session {
    /// Hangs up, or calls again.
    pub(super) fn switch_call(&mut self, now: Duration) {
        match self.connection.phase() {
            Phase::Disconnected => self.connect(now),
            Phase::Opening(_) | Phase::Live(_) | Phase::Reconnecting(_) => self.disconnect(now),
            Phase::Connecting | Phase::Closing(_) | Phase::Over => {}
        }
    }

    /// Opens a connection that gets the conversation so far, unless there is one.
    pub(super) fn connect(&mut self, now: Duration) {
        if !self.connection.is_disconnected() {
            return;
        }
        if self.plan.mode == Mode::Talk {
            self.outputs.push(Output::OpenAudio);
        }
        self.outputs.show(Notice::Connection(ConnectionState::Connecting));
        if self.connection.was_live() {
            // The conversation is replayed.
            self.connection.backoff().count_attempt();
            self.connection.backoff().set_notify(Notify::Log);
        }
        let failure = Failure { message: "cannot connect".to_owned(), code: None };
        self.connection.reconnect(Reconnecting::immediately(failure));
        self.outputs.push(Output::Open(self.connection.handshake()));
        self.metering.note_activity(now);
    }

    /// Closes the connection; the conversation stays.
    pub(super) fn disconnect(&mut self, now: Duration) {
        self.forget_server(now);
        self.drop_standby();
        self.turns.abandon_flush();
        self.silence_and_close_lines(now);
        self.conversation.cancel_pending_reply();
        self.turns.hang_up(&self.plan, &mut self.outputs);
        self.connection.disconnect();
        self.outputs.push(Output::Disconnect);
        if self.plan.mode == Mode::Talk {
            self.outputs.push(Output::CloseAudio);
        }
        self.outputs.show(Notice::Connection(ConnectionState::Disconnected));
    }

    /// Returns whether the session goes on after this end of its connection.
    pub(super) fn outlives(&self, reason: &EndReason) -> bool {
        let is_resumable = match self.plan.connecting {
            ConnectionPolicy::Once => false,
            // A call that never began ends with its error.
            ConnectionPolicy::Resumable => self.connection.was_live(),
            ConnectionPolicy::OnDemand { .. } => true,
        };
        is_resumable
            && match reason {
                EndReason::ServerClosed(_) | EndReason::Refused(_) | EndReason::Lost(_) => true,
                EndReason::User
                | EndReason::Signal(_)
                | EndReason::InputEnded
                | EndReason::Answered
                | EndReason::Limit(_)
                | EndReason::NoInput(_)
                | EndReason::Unanswered(_) => false,
            }
    }

    /// Disconnects because of a failure, or because the server closed the connection.
    pub(super) fn disconnect_because(&mut self, now: Duration, reason: &EndReason) {
        self.disconnect(now);
        match reason.failure().cloned() {
            Some(Failure { message, code }) => self.outputs.show(Notice::Error { code, message }),
            None => self.outputs.info("the server closed the connection"),
        }
    }

    /// Returns when a connection that is not used is closed.
    pub(super) fn unused_deadline(&self) -> Option<Deadline> {
        let ConnectionPolicy::OnDemand { idle: Some(idle) } = self.plan.connecting else { return None };
        let is_unused = self.connection.is_live() && self.activity().is_line_idle();
        is_unused.then(|| Deadline { at: self.metering.last_activity() + idle, reason: Reason::Unused })
    }

    /// Closes a connection that is not used.
    pub(super) fn tick_unused(&mut self, now: Duration) {
        if self.unused_deadline().is_some_and(|deadline| now >= deadline.at) {
            self.outputs.debug("connection closed: not used for long");
            self.disconnect(now);
        }
    }
}
