//! Close handshake.

use std::time::Duration;

use crate::session::io::{Deadline, EndReason, Reason};

/// Maximum time for the server's close reply.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

/// The session ends; the close reply and the flush report may still be outstanding.
#[derive(Debug)]
pub(crate) struct Closing {
    until: Duration,
    reason: EndReason,
    is_closed: bool,
}

impl Closing {
    pub(crate) fn new(now: Duration, reason: EndReason) -> Self {
        Self { until: now + CLOSE_TIMEOUT, reason, is_closed: false }
    }

    pub(crate) fn deadline(&self) -> Deadline {
        Deadline { at: self.until, reason: Reason::NoCloseReply }
    }

    pub(crate) fn reason(&self) -> &EndReason {
        &self.reason
    }

    /// Notes that the connection is closed.
    pub(crate) fn note_closed(&mut self) {
        self.is_closed = true;
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }
}
