//! Server errors: delayed until it is clear whether a close follows, which then includes them.

use std::time::Duration;

use crate::protocol::close::CloseCause;
use crate::protocol::events::error::ErrorInfo;
use crate::protocol::refusal;
use crate::session::io::{Deadline, EndReason, Failure, Notice, Reason};
use crate::session::outputs::Outputs;
use crate::session::plan::Mode;

/// How long to wait for the close after a fatal error; both are shown as one message.
const CLOSE_AFTER_FATAL: Duration = Duration::from_secs(1);

/// How long to wait for a close after any other error: it comes with the next packet, if at all.
const CLOSE_AFTER_ERROR: Duration = Duration::from_millis(200);

/// How long after an error a close is attributed to it.
const REASON_FOR: Duration = Duration::from_secs(5);

/// Errors of the connection in use.
#[derive(Debug, Default)]
pub(crate) struct ErrorLog {
    last: Option<LastError>,
    pending: Option<PendingError>,
}

/// An error that is delayed so that it is shown once if a close follows.
#[derive(Debug)]
struct PendingError {
    until: Duration,
    failure: Failure,
    is_fatal: bool,
}

/// The last error of the server, which may explain a close that follows.
#[derive(Debug)]
struct LastError {
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

impl ErrorLog {
    pub(crate) fn deadline(&self) -> Option<Deadline> {
        self.pending.as_ref().map(|pending| Deadline { at: pending.until, reason: Reason::NoClose })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.last.is_none()
    }

    /// Remembers an error, which may explain a close that follows.
    pub(crate) fn remember(&mut self, now: Duration, error: &ErrorInfo) {
        self.last = Some(LastError {
            at: now,
            failure: failure_of(error),
            is_refusal: error.refused_setting().is_some(),
            is_hopeless: error.is_permanent() || self.last.as_ref().is_some_and(|last| last.is_hopeless),
            is_shown: false,
        });
    }

    /// Shows an error after a short wait for a close, which would include it.
    pub(crate) fn show(&mut self, now: Duration, error: &ErrorInfo, outputs: &mut Outputs) {
        self.flush(outputs);
        self.remember(now, error);
        let is_fatal = error.is_fatal();
        let until = now + if is_fatal { CLOSE_AFTER_FATAL } else { CLOSE_AFTER_ERROR };
        self.pending = Some(PendingError { until, failure: failure_of(error), is_fatal });
    }

    /// Shows an error after which no close is expected.
    pub(crate) fn show_immediately(&mut self, now: Duration, error: &ErrorInfo, outputs: &mut Outputs) {
        self.show(now, error, outputs);
        self.flush(outputs);
    }

    /// Shows the pending error once it is due; returns the failure if it ends a single question.
    pub(crate) fn tick(&mut self, now: Duration, mode: Mode, outputs: &mut Outputs) -> Option<Failure> {
        let pending = self.pending.as_ref().filter(|pending| now >= pending.until)?;
        if pending.is_fatal && mode == Mode::Ask {
            return Some(pending.failure.clone());
        }
        self.flush(outputs);
        None
    }

    /// Shows the pending error because the server continues, so no close follows. A fatal error stays pending.
    pub(crate) fn flush_nonfatal(&mut self, outputs: &mut Outputs) {
        if self.pending.as_ref().is_some_and(|pending| !pending.is_fatal) {
            self.flush(outputs);
        }
    }

    /// Shows the pending error as a warning because the request succeeded.
    pub(crate) fn downgrade(&mut self, outputs: &mut Outputs) {
        if let Some(pending) = self.pending.take_if(|pending| !pending.is_fatal) {
            self.warn(&pending.failure.message, outputs);
        }
    }

    /// Shows a warning about a request that succeeded.
    pub(crate) fn warn(&mut self, message: &str, outputs: &mut Outputs) {
        self.last = None;
        outputs.info(format!("warning: {message}"));
    }

    fn flush(&mut self, outputs: &mut Outputs) {
        if let Some(PendingError { failure: Failure { message, code }, .. }) = self.pending.take() {
            if let Some(last) = &mut self.last {
                last.is_shown = true;
            }
            outputs.show(Notice::Error { code, message });
        }
    }

    /// Shows the pending error unless the reason of the end includes it.
    pub(crate) fn flush_missing_from(&mut self, reason: &EndReason, outputs: &mut Outputs) {
        let shown = reason.failure().map_or("", |failure| failure.message.as_str());
        if self.pending.as_ref().is_some_and(|pending| !shown.contains(&pending.failure.message)) {
            self.flush(outputs);
        }
    }

    /// Returns the error that explains a close at this time, unless it was shown before.
    pub(crate) fn before_close(&self, now: Duration) -> Option<&Failure> {
        let last = self.last.as_ref()?;
        let explains = last.is_hopeless || (last.is_recent(now) && !last.is_shown);
        explains.then_some(&last.failure)
    }

    /// Returns whether a close is a refusal: a new connection would end in the same way.
    pub(crate) fn is_refusal(&self, now: Duration, cause: &CloseCause) -> bool {
        let last = self.last.as_ref();
        let is_hopeless = last.is_some_and(|last| last.is_hopeless);
        is_hopeless
            || match cause {
                CloseCause::Peer { reason, .. } => {
                    let is_refused = last.is_some_and(|last| last.is_refusal && last.is_recent(now));
                    is_refused || refusal::refused_in(reason).is_some()
                }
                // A later break has another cause.
                CloseCause::Broken(_) => last.is_some_and(|last| last.is_refusal && !last.is_shown),
                CloseCause::Ours => false,
            }
    }
}

pub(crate) fn failure_of(error: &ErrorInfo) -> Failure {
    Failure { message: describe(error), code: error.code.clone() }
}

/// Returns the text of an error, from whichever field has one.
pub(crate) fn describe(error: &ErrorInfo) -> String {
    let texts = [&error.message, &error.code, &error.kind];
    let text = texts.into_iter().flatten().find(|text| !text.trim().is_empty());
    text.cloned().unwrap_or_else(|| "the endpoint reported an unspecified error".to_owned())
}
