//! Errors: matched to what caused them by `event_id`, and quiet when they mean nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::protocol::close::CloseCause;
use crate::protocol::dialect::Dialect;
use crate::protocol::events::error::ErrorInfo;
use crate::protocol::refusal;
use crate::session::io::{Deadline, EndReason, Failure, Handshake, Notice, Reason};
use crate::session::plan::{Mode, TurnControl};
use crate::session::{Phase, Session};

/// What an event was sent for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RequestKind {
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
pub(super) struct SentRequests {
    count: u64,
    requests: BTreeMap<u64, Request>,
    now: Duration,
}

/// A client event that may still fail.
#[derive(Debug)]
struct Request {
    cause: RequestKind,
    at: Duration,
}

/// How many events back an error can be matched. Errors come within a round trip or two.
const REMEMBERED: u64 = 256;

/// How long a request counts as in flight if the server acknowledges nothing.
const IN_FLIGHT_FOR: Duration = Duration::from_secs(5);

/// What the ids of our events begin with.
const OWN_ID: &str = "rtv_";

impl SentRequests {
    /// Sets the time of the events that follow.
    pub(super) fn set_time(&mut self, now: Duration) {
        self.now = now;
    }

    /// Returns a fresh event id and remembers what it was for.
    pub(super) fn note(&mut self, cause: RequestKind) -> String {
        self.count += 1;
        self.requests.insert(self.count, Request { cause, at: self.now });
        if let Some(old) = self.count.checked_sub(REMEMBERED) {
            self.requests.remove(&old);
        }
        format!("{OWN_ID}{}", self.count)
    }

    fn take(&mut self, event_id: Option<&str>) -> Option<RequestKind> {
        let number = event_id?.strip_prefix(OWN_ID)?.parse().ok()?;
        self.requests.remove(&number).map(|request| request.cause)
    }

    /// Notes that the oldest request of a kind was acknowledged.
    pub(super) fn acknowledge(&mut self, cause: &RequestKind) {
        let oldest = self.requests.iter().find(|(_, request)| request.cause == *cause);
        if let Some(number) = oldest.map(|(number, _)| *number) {
            self.requests.remove(&number);
        }
    }

    /// Returns the recent requests without an acknowledgement. `response.create` is tracked by its response,
    /// and the text it answers counts as part of it.
    fn in_flight(&self) -> impl Iterator<Item = &RequestKind> {
        let recent = self.requests.values().filter(|request| self.now < request.at + IN_FLIGHT_FOR);
        recent.map(|request| &request.cause).filter(|cause| match cause {
            RequestKind::Commit
            | RequestKind::Clear
            | RequestKind::Truncate
            | RequestKind::ResponseCancel => true,
            RequestKind::SessionUpdate | RequestKind::ItemCreate | RequestKind::ResponseCreate => false,
        })
    }
}

/// The code of an endpoint that has given up the beta protocol, in the handshake or in the settings.
const BETA_IS_OVER: &str = "beta_api_shape_disabled";

/// How long to wait for the close after a fatal error; both are shown as one message.
const CLOSE_AFTER_FATAL: Duration = Duration::from_secs(1);

/// How long to wait for a close after any other error: it comes with the next packet, if at all.
const CLOSE_AFTER_ERROR: Duration = Duration::from_millis(200);

/// How long after an error a close is attributed to it.
const REASON_FOR: Duration = Duration::from_secs(5);

/// How long a response that has not begun may stall after an error that may be about it.
const DOUBTED_FOR: Duration = Duration::from_secs(3);

/// The same for a response in progress: models pause to think.
const DOUBTED_WHEN_BEGUN: Duration = Duration::from_secs(10);

/// An error that is held back for a moment, so that it is shown once if a close follows.
#[derive(Debug)]
pub(super) struct PendingError {
    until: Duration,
    failure: Failure,
    is_fatal: bool,
}

impl PendingError {
    pub(super) fn deadline(&self) -> Deadline {
        Deadline { at: self.until, reason: Reason::NoClose }
    }
}

/// The last error of the server, which may explain a close that follows.
#[derive(Debug)]
pub(super) struct LastError {
    at: Duration,
    failure: Failure,
    /// Whether it refuses a setting.
    is_refusal: bool,
    /// Whether reconnecting is pointless, however long ago the error came.
    is_hopeless: bool,
    is_shown: bool,
}

impl LastError {
    fn is_recent(&self, now: Duration) -> bool {
        now < self.at + REASON_FOR
    }
}

impl Session {
    pub(super) fn server_error(&mut self, now: Duration, error: &ErrorInfo) {
        let matched = self.sent.take(error.event_id.as_deref());
        let cause = matched.or_else(|| self.only_request_in_flight(error));
        if cause == Some(RequestKind::Commit) {
            self.transcript.commit_answered();
        }
        if error.is_benign() || self.is_about_running_answer(error, cause.as_ref()) {
            self.show(Notice::Debug(format!("quiet error: {}", describe(error))));
            return;
        }
        let fixed = self.plan.dialect == Some(Dialect::Beta);
        if error.code.as_deref() == Some(BETA_IS_OVER) && self.handshake == Handshake::Default && !fixed {
            self.leave_beta(now, error);
            return;
        }
        match cause {
            Some(RequestKind::SessionUpdate) => self.settings_refused(now, error),
            Some(RequestKind::ResponseCreate) => self.response_refused(now, error),
            Some(
                RequestKind::Commit
                | RequestKind::Clear
                | RequestKind::ItemCreate
                | RequestKind::Truncate
                | RequestKind::ResponseCancel,
            )
            | None => self.unmatched_error(now, error),
        }
    }

    /// Returns the cause of an error without one of our ids, if exactly one request is in flight. Appended
    /// audio is never acknowledged: while it streams, the cause is ambiguous.
    fn only_request_in_flight(&self, error: &ErrorInfo) -> Option<RequestKind> {
        let is_ours = error.event_id.as_deref().is_some_and(|id| id.starts_with(OWN_ID));
        let streams = match self.plan.mode {
            Mode::Talk | Mode::Transcribe => self.plan.turn_control() == TurnControl::Server,
            Mode::Chat | Mode::Ask => false,
        };
        if is_ours || streams || error.is_fatal() || !matches!(self.phase, Phase::Live) {
            return None;
        }
        let answer = self.responses.awaits_begin().then_some(&RequestKind::ResponseCreate);
        let mut requests = self.sent.in_flight().chain(answer);
        let only = requests.next()?;
        requests.next().is_none().then(|| only.clone())
    }

    /// Returns whether an error only reports the response in progress.
    fn is_about_running_answer(&self, error: &ErrorInfo, cause: Option<&RequestKind>) -> bool {
        error.is_answer_in_progress()
            && self.responses.is_active()
            && cause != Some(&RequestKind::ResponseCreate)
    }

    /// An error without a cause: while the session opens and the settings are sent, only they can be meant.
    fn unmatched_error(&mut self, now: Duration, error: &ErrorInfo) {
        let of_settings = !error.is_fatal() && !error.is_permanent() && !error.is_server_failure();
        match &self.phase {
            Phase::Opening(opening) if of_settings && opening.has_asked() => {
                self.settings_refused(now, error);
            }
            Phase::Live if self.responses.is_active() && !error.is_fatal() => {
                self.doubt_answer(now, error);
            }
            Phase::Opening(_)
            | Phase::Connecting
            | Phase::Live
            | Phase::Reconnecting(_)
            | Phase::Closing(_)
            | Phase::Over => {
                self.show_error(now, error);
            }
        }
    }

    /// Handles an error that may be about the response in progress: it is given up unless it continues.
    fn doubt_answer(&mut self, now: Duration, error: &ErrorInfo) {
        let patience = match self.plan.mode {
            Mode::Talk | Mode::Chat | Mode::Transcribe if self.responses.has_begun() => DOUBTED_WHEN_BEGUN,
            Mode::Talk | Mode::Chat | Mode::Transcribe | Mode::Ask => DOUBTED_FOR,
        };
        self.responses.doubt(now + patience, error.clone());
        match self.plan.mode {
            // Shown as the reason of the end if the response does not continue.
            Mode::Ask => self.remember_error(now, error),
            Mode::Talk | Mode::Chat | Mode::Transcribe => self.show_error(now, error),
        }
    }

    /// Remembers an error, which may explain a close that follows.
    pub(super) fn remember_error(&mut self, now: Duration, error: &ErrorInfo) {
        self.last_error = Some(LastError {
            at: now,
            failure: failure_of(error),
            is_refusal: error.refused_setting().is_some(),
            is_hopeless: error.is_permanent()
                || self.last_error.as_ref().is_some_and(|last| last.is_hopeless),
            is_shown: false,
        });
    }

    /// Shows an error after a short wait for a close, which would include it.
    pub(super) fn show_error(&mut self, now: Duration, error: &ErrorInfo) {
        self.flush_pending_error();
        self.remember_error(now, error);
        let is_fatal = error.is_fatal();
        let until = now + if is_fatal { CLOSE_AFTER_FATAL } else { CLOSE_AFTER_ERROR };
        self.pending_error = Some(PendingError { until, failure: failure_of(error), is_fatal });
    }

    /// Shows an error that no close is expected after.
    pub(super) fn show_error_immediately(&mut self, now: Duration, error: &ErrorInfo) {
        self.show_error(now, error);
        self.flush_pending_error();
    }

    pub(super) fn tick_pending_error(&mut self, now: Duration) {
        let Some(pending) = self.pending_error.as_ref().filter(|pending| now >= pending.until) else {
            return;
        };
        if pending.is_fatal && self.plan.mode == Mode::Ask {
            let failure = pending.failure.clone();
            self.hang_up(now, EndReason::Refused(failure));
            return;
        }
        self.flush_pending_error();
    }

    /// Shows the pending error because the server continues, so no close follows. A fatal error stays pending.
    pub(super) fn flush_nonfatal_error(&mut self) {
        if self.pending_error.as_ref().is_some_and(|pending| !pending.is_fatal) {
            self.flush_pending_error();
        }
    }

    /// Shows the pending error as a warning because the request succeeded.
    pub(super) fn downgrade_pending_error(&mut self) {
        if let Some(pending) = self.pending_error.take_if(|pending| !pending.is_fatal) {
            self.warn(&pending.failure.message);
        }
    }

    /// Shows a complaint about a request that succeeded.
    pub(super) fn warn(&mut self, message: &str) {
        self.last_error = None;
        self.show(Notice::Info(format!("warning: {message}")));
    }

    /// Shows the pending error.
    pub(super) fn flush_pending_error(&mut self) {
        if let Some(PendingError { failure: Failure { message, code }, .. }) = self.pending_error.take() {
            if let Some(last) = &mut self.last_error {
                last.is_shown = true;
            }
            self.show(Notice::Error { code, message });
        }
    }

    /// Shows the pending error unless the reason of the end includes it.
    pub(super) fn flush_error_missing_from(&mut self, reason: &EndReason) {
        let told = match reason {
            EndReason::Refused(failure) | EndReason::Lost(failure) => failure.message.as_str(),
            EndReason::NoInput(_)
            | EndReason::User
            | EndReason::Signal(_)
            | EndReason::InputEnded
            | EndReason::Unanswered(_)
            | EndReason::Answered
            | EndReason::Limit(_)
            | EndReason::ServerClosed(_) => "",
        };
        if self.pending_error.as_ref().is_some_and(|pending| !told.contains(&pending.failure.message)) {
            self.flush_pending_error();
        }
    }

    /// Returns the error that explains a close at this time, unless it was shown before.
    pub(super) fn error_before_close(&self, now: Duration) -> Option<&Failure> {
        let last = self.last_error.as_ref()?;
        let explains = last.is_hopeless || (last.is_recent(now) && !last.is_shown);
        explains.then_some(&last.failure)
    }

    /// Returns whether a close is a refusal: a new connection would end in the same way.
    pub(super) fn is_refused(&self, now: Duration, cause: &CloseCause) -> bool {
        if let Phase::Opening(opening) = &self.phase
            && opening.refusal().is_some()
        {
            return true;
        }
        let last = self.last_error.as_ref();
        let hopeless = last.is_some_and(|last| last.is_hopeless);
        hopeless
            || match cause {
                CloseCause::Peer { reason, .. } => {
                    let refused = last.is_some_and(|last| last.is_refusal && last.is_recent(now));
                    refused || refusal::refused_in(reason).is_some()
                }
                // A later break has another cause.
                CloseCause::Broken(_) => last.is_some_and(|last| last.is_refusal && !last.is_shown),
                CloseCause::Ours => false,
            }
    }
}

fn failure_of(error: &ErrorInfo) -> Failure {
    Failure { message: describe(error), code: error.code.clone() }
}

/// Returns what an error says, whatever fields it has.
pub(super) fn describe(error: &ErrorInfo) -> String {
    let words = [&error.message, &error.code, &error.kind];
    let said = words.into_iter().flatten().find(|text| !text.trim().is_empty());
    said.cloned().unwrap_or_else(|| "the endpoint reported an error without saying which".to_owned())
}
