//! Reason of an end that the server or the network caused.

use std::time::Duration;

use crate::protocol::close::{CloseCause, is_valid_close_code};
use crate::session::connection::Connection;
use crate::session::connection::phase::Phase;
use crate::session::conversation::outcome::InputOutcome;
use crate::session::io::{EndReason, Failure};
use crate::session::plan::{Mode, Plan, TurnControl};

/// Minimum silence after which a close is attributed to an idle line. Proxies wait 60 s and more.
const IDLE_LINE: Duration = Duration::from_secs(20);

#[expect(clippy::too_many_arguments, reason = "components are separate borrows of the session")]
impl Connection {
    /// Returns why the session ends with this close. The error event before a close is its reason; the close
    /// code says whether it was a refusal.
    pub(crate) fn close_reason(
        &self,
        now: Duration,
        plan: &Plan,
        cause: CloseCause,
        outcome: &InputOutcome,
    ) -> EndReason {
        if let Some(refusal) = self.opening_refusal() {
            return EndReason::Refused(refusal);
        }
        let is_refused = self.is_refusal(now, &cause);
        let reason = self.reason_by_cause(now, plan, cause, outcome);
        match reason.failure() {
            // A refusal stays one, however the connection closes.
            Some(failure) if is_refused => EndReason::Refused(failure.clone()),
            Some(_) | None => reason,
        }
    }

    fn opening_refusal(&self) -> Option<Failure> {
        let Phase::Opening(opening) = &self.phase else { return None };
        opening.refusal()
    }

    fn is_refusal(&self, now: Duration, cause: &CloseCause) -> bool {
        self.opening_refusal().is_some() || self.errors.is_refusal(now, cause)
    }

    fn reason_by_cause(
        &self,
        now: Duration,
        plan: &Plan,
        cause: CloseCause,
        outcome: &InputOutcome,
    ) -> EndReason {
        let is_unanswered = plan.mode == Mode::Ask || matches!(self.phase, Phase::Opening(_));
        match cause {
            CloseCause::Ours => EndReason::ServerClosed(String::new()),
            CloseCause::Peer { code: Some(1000), reason } if !is_unanswered => {
                outcome.missing(plan).map_or(EndReason::ServerClosed(reason), EndReason::Unanswered)
            }
            CloseCause::Peer { code: Some(code @ (1008 | 3000..=4999)), reason } => EndReason::Refused(
                self.failure(now, format!("the endpoint refused the session (close code {code})"), &reason),
            ),
            CloseCause::Peer { code: Some(code), reason } => EndReason::Lost(self.failure(
                now,
                format!("the endpoint closed the connection (code {code})"),
                &reason,
            )),
            CloseCause::Peer { code: None, reason } => {
                EndReason::Lost(self.failure(now, "the endpoint closed the connection".to_owned(), &reason))
            }
            CloseCause::Broken(error) => {
                EndReason::Lost(self.failure(now, "the connection broke".to_owned(), &error))
            }
        }
    }

    fn failure(&self, now: Duration, what: String, reason: &str) -> Failure {
        match self.errors.before_close(now) {
            Some(error) => {
                Failure { message: format!("{what}: {}", error.message), code: error.code.clone() }
            }
            None if reason.is_empty() => Failure { message: what, code: None },
            None => Failure { message: format!("{what}: {reason}"), code: None },
        }
    }

    /// Returns whether to reconnect after this close.
    pub(crate) fn can_reconnect(
        &self,
        now: Duration,
        plan: &Plan,
        cause: &CloseCause,
        is_idle_line: bool,
    ) -> bool {
        let is_lasting = match plan.mode {
            Mode::Talk | Mode::Chat | Mode::Transcribe => true,
            Mode::Ask => false,
        };
        let was_live = self.live_since().is_some() || self.backoff.is_retrying();
        is_lasting
            && was_live
            && !self.is_refusal(now, cause)
            && (is_transient(cause) || is_normal(cause) && is_idle_line)
    }

    /// Returns whether the connection has been idle long enough for a gateway to close it. Happens
    /// only if turns are detected locally.
    pub(crate) fn is_idle(&self, plan: &Plan, inactive_for: Duration) -> bool {
        plan.turn_control() != TurnControl::Server && self.errors.is_empty() && inactive_for >= IDLE_LINE
    }
}

/// Returns why a connection was lost that may be opened again.
pub(crate) fn lost_failure(reason: &EndReason) -> Option<Failure> {
    if let EndReason::ServerClosed(_) = reason {
        return Some(Failure { message: "the endpoint closed the connection".to_owned(), code: None });
    }
    if let EndReason::Lost(failure) = reason { Some(failure.clone()) } else { None }
}

fn is_normal(cause: &CloseCause) -> bool {
    matches!(cause, CloseCause::Peer { code: Some(1000), .. })
}

/// Returns whether a new connection may succeed: the causes that the official clients retry.
fn is_transient(cause: &CloseCause) -> bool {
    match cause {
        CloseCause::Broken(_) | CloseCause::Peer { code: None | Some(1001 | 1011..=1014), .. } => true,
        CloseCause::Peer { code: Some(code), .. } => !is_valid_close_code(*code),
        CloseCause::Ours => false,
    }
}
