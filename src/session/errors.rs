//! Errors: matched to what caused them by `event_id`, and quiet when they mean nothing.

use std::collections::HashMap;
use std::time::Duration;

use crate::protocol::dialect::Dialect;
use crate::protocol::server::ErrorInfo;
use crate::session::io::{Deadline, Door, Failure, Notice, Reason};
use crate::session::{Phase, Session};

/// What an event was sent for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The settings.
    SessionUpdate,
    /// The end of a turn by hand.
    Commit,
    /// Leftovers thrown away.
    Clear,
    /// Typed text.
    ItemCreate,
    /// What was heard.
    Truncate,
    /// An answer was asked for.
    ResponseCreate,
    /// An answer was stopped.
    ResponseCancel,
}

/// The events sent and not forgotten yet.
#[derive(Debug, Default)]
pub(super) struct Sent {
    count: u64,
    causes: HashMap<String, Cause>,
}

/// How many events back an error can be matched. Errors come within a round trip or two.
const REMEMBERED: u64 = 256;

impl Sent {
    /// Returns a fresh event id and remembers what it was for.
    pub(super) fn note(&mut self, cause: Cause) -> String {
        self.count += 1;
        self.causes.insert(event_id(self.count), cause);
        if let Some(old) = self.count.checked_sub(REMEMBERED) {
            self.causes.remove(&event_id(old));
        }
        event_id(self.count)
    }

    fn take(&mut self, event_id: Option<&str>) -> Option<Cause> {
        self.causes.remove(event_id?)
    }
}

fn event_id(number: u64) -> String {
    format!("rtv_{number}")
}

/// The code of an endpoint that has given up the beta protocol, in the handshake or in the settings.
const BETA_IS_OVER: &str = "beta_api_shape_disabled";

/// How long the close after a fatal error is waited for; it is told together with the error.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// A fatal error that is told as the reason of the close, or by itself if none comes.
#[derive(Debug)]
pub(super) struct Fatal {
    until: Duration,
    notice: Notice,
}

impl Fatal {
    pub(super) fn deadline(&self) -> Deadline {
        Deadline { at: self.until, reason: Reason::NoClose }
    }
}

impl Session {
    pub(super) fn server_error(&mut self, now: Duration, error: ErrorInfo) {
        let cause = self.sent.take(error.event_id.as_deref());
        if cause == Some(Cause::Commit) {
            self.transcript.commit_answered();
        }
        if error.is_benign() {
            self.show(Notice::Debug(format!("quiet error: {}", describe(&error))));
            return;
        }
        let fixed = self.plan.dialect == Some(Dialect::Beta);
        if error.code.as_deref() == Some(BETA_IS_OVER) && self.door == Door::Usual && !fixed {
            self.leave_beta(now, &error);
            return;
        }
        match cause {
            Some(Cause::SessionUpdate) => self.settings_refused(now, error),
            Some(Cause::ResponseCreate) => self.response_refused(now, error),
            Some(
                Cause::Commit | Cause::Clear | Cause::ItemCreate | Cause::Truncate | Cause::ResponseCancel,
            )
            | None => self.unmatched_error(now, error),
        }
    }

    /// An error without a cause: while the session opens and the settings are sent, only they can be meant.
    fn unmatched_error(&mut self, now: Duration, error: ErrorInfo) {
        let of_settings = !error.is_fatal() && !error.is_hopeless() && !error.is_of_server();
        match &self.phase {
            Phase::Opening(opening) if of_settings && opening.has_asked() => {
                self.settings_refused(now, error);
            }
            Phase::Opening(_)
            | Phase::Connecting
            | Phase::Live
            | Phase::Away(_)
            | Phase::Closing(_)
            | Phase::Over => {
                self.show_error(now, error);
            }
        }
    }

    /// Shows an error and remembers it: when a close follows, it is the reason.
    pub(super) fn show_error(&mut self, now: Duration, error: ErrorInfo) {
        self.last_fatal |= error.is_hopeless();
        let (is_fatal, message) = (error.is_fatal(), describe(&error));
        self.last_error = Some(Failure { message: message.clone(), code: error.code.clone() });
        let notice = Notice::Error { code: error.code, message };
        if is_fatal {
            self.tell_fatal();
            self.fatal = Some(Fatal { until: now + CLOSE_WITHIN, notice });
        } else {
            self.show(notice);
        }
    }

    pub(super) fn tick_fatal(&mut self, now: Duration) {
        if self.fatal.as_ref().is_some_and(|fatal| now >= fatal.until) {
            self.tell_fatal();
        }
    }

    /// Tells the fatal error that no close has told.
    pub(super) fn tell_fatal(&mut self) {
        if let Some(fatal) = self.fatal.take() {
            self.show(fatal.notice);
        }
    }
}

/// Returns what an error says, whatever fields it has.
pub(super) fn describe(error: &ErrorInfo) -> String {
    let words = [&error.message, &error.code, &error.kind];
    let said = words.into_iter().flatten().find(|text| !text.trim().is_empty());
    said.cloned().unwrap_or_else(|| "the endpoint reported an error without saying which".to_owned())
}
