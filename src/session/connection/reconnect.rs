//! Reconnecting: a growing pause before each attempt.
//!
//! The protocol cannot resume a session: a new connection starts with an empty conversation and new ids.

use std::time::Duration;

use crate::session::io::{Deadline, Failure, Reason};

/// Maximum number of attempts in a row.
const MAX_ATTEMPTS: u32 = 6;

/// The first pause; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Maximum pause.
const MAX_PAUSE: Duration = Duration::from_secs(8);

/// Maximum `Retry-After` that is respected; longer pauses are pointless in a call.
pub(crate) const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// A connection that lasted this long resets the number of attempts.
const STABLE_AFTER: Duration = Duration::from_secs(60);

/// The connection is lost and will be opened again.
#[derive(Debug)]
pub(crate) struct Reconnecting {
    stage: ReconnectStage,
    /// Why it was lost; the reason of the end if no attempt succeeds.
    failure: Failure,
}

/// Who is notified of a lost connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Notify {
    #[default]
    User,
    /// An idle connection was closed; it will be open again when the user speaks.
    Log,
}

#[derive(Debug, PartialEq)]
enum ReconnectStage {
    /// Paused until this time.
    Pause(Duration),
    /// The driver is opening the socket.
    Dial,
}

/// Number of attempts and the pause before the next.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    attempts: u32,
    /// The pause that the server asked for.
    retry_after: Duration,
    notify: Notify,
}

impl Reconnecting {
    /// Opens the socket at `at`.
    pub(crate) fn after_pause(at: Duration, failure: Failure) -> Self {
        Self { stage: ReconnectStage::Pause(at), failure }
    }

    /// Opens the socket at once.
    pub(crate) fn immediately(failure: Failure) -> Self {
        Self { stage: ReconnectStage::Dial, failure }
    }

    pub(crate) fn failure(&self) -> &Failure {
        &self.failure
    }

    pub(crate) fn deadline(&self) -> Option<Deadline> {
        match self.stage {
            ReconnectStage::Pause(at) => Some(Deadline { at, reason: Reason::Redial }),
            ReconnectStage::Dial => None,
        }
    }

    /// Returns whether to open the socket now, once per pause.
    pub(crate) fn is_due(&mut self, now: Duration) -> bool {
        let is_due = self.deadline().is_some_and(|deadline| now >= deadline.at);
        if is_due {
            self.stage = ReconnectStage::Dial;
        }
        is_due
    }
}

impl Backoff {
    /// Returns whether an earlier connection was lost.
    pub(crate) fn is_retrying(&self) -> bool {
        self.attempts > 0
    }

    pub(crate) fn notify(&self) -> Notify {
        self.notify
    }

    pub(crate) fn set_notify(&mut self, notify: Notify) {
        self.notify = notify;
    }

    pub(crate) fn retry_after(&self) -> Duration {
        self.retry_after
    }

    /// Delays the next attempt as the server asks.
    pub(crate) fn set_retry_after(&mut self, retry_after: Option<Duration>) {
        self.retry_after = retry_after.unwrap_or_default().min(MAX_RETRY_AFTER);
    }

    /// Counts an attempt that needs no pause.
    pub(crate) fn count_attempt(&mut self) {
        self.attempts += 1;
    }

    /// Counts an attempt; returns the pause before it, or nothing if there were too many.
    pub(crate) fn next(&mut self, now: Duration, live_since: Option<Duration>) -> Option<Duration> {
        if live_since.is_some_and(|since| now.saturating_sub(since) >= STABLE_AFTER) {
            self.attempts = 0;
        }
        if self.attempts == MAX_ATTEMPTS {
            return None;
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << self.attempts).min(MAX_PAUSE);
        self.attempts += 1;
        Some(std::mem::take(&mut self.retry_after) + pause.mul_f64(jitter(now)))
    }
}

/// Returns a factor between 0.75 and 1.25 that differs between programs, so that clients of one lost server
/// do not reconnect at the same moment. The microseconds of the loss are random enough.
fn jitter(now: Duration) -> f64 {
    let scattered = now.as_micros().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    0.75 + f64::from((scattered & 0xFFFF) as u16) / f64::from(u16::MAX) / 2.0
}
