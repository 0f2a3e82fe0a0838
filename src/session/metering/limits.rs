//! Limits of a call: idle time and cost.

use std::time::Duration;

use crate::session::io::info::InfoMessage;
use crate::session::io::{Deadline, Limit, OtherSession, Reason};
use crate::session::outputs::Outputs;
use crate::session::plan::CallLimits;

/// Share of the cost limit at which the user is warned.
const WARNING_SHARE: f64 = 0.8;

/// How close the limits are.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    last_activity: Duration,
    trigger: ResponseTrigger,
    budget: Budget,
    other: OtherSession,
}

/// Cause of the current response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ResponseTrigger {
    #[default]
    User,
    /// The server ended a silence, which is not activity of the user.
    Server,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Budget {
    #[default]
    Enough,
    /// The user was warned that the cost is unknown.
    Unknown,
    /// The user was warned that the limit is near.
    Low,
    /// The call ends after the current response.
    Spent,
}

#[expect(clippy::too_many_arguments, reason = "components are separate borrows of the session")]
impl Limiter {
    /// Notes that the user spoke, typed or pressed something.
    pub(crate) fn note_activity(&mut self, now: Duration) {
        self.last_activity = now;
        self.trigger = ResponseTrigger::User;
    }

    /// Notes the state of another session, which counts towards the limits.
    pub(crate) fn note_other(&mut self, other: OtherSession) {
        self.other = other;
    }

    /// Returns the time of the last activity.
    pub(crate) fn last_activity(&self) -> Duration {
        self.last_activity
    }

    /// Notes that a response is in progress or audible.
    pub(crate) fn note_response(&mut self, now: Duration) {
        match self.trigger {
            ResponseTrigger::User => self.last_activity = now,
            ResponseTrigger::Server => {}
        }
    }

    /// Notes that the server speaks unasked.
    pub(crate) fn note_server_initiative(&mut self) {
        self.trigger = ResponseTrigger::Server;
    }

    /// Returns the time since the last activity.
    pub(crate) fn inactive_for(&self, now: Duration) -> Duration {
        now.saturating_sub(self.last_activity)
    }

    pub(crate) fn is_budget_spent(&self) -> bool {
        self.budget == Budget::Spent
    }

    /// Compares the cost with its limit.
    pub(crate) fn check_cost(
        &mut self,
        limits: CallLimits,
        spent_usd: f64,
        unpriced: u64,
        outputs: &mut Outputs,
    ) {
        let Some(limit) = limits.cost_usd else { return };
        let spent_usd = spent_usd + self.other.usd;
        if unpriced > 0 && self.budget == Budget::Enough {
            self.budget = Budget::Unknown;
            outputs.info(InfoMessage::UnknownCost);
        }
        if spent_usd >= limit {
            self.budget = Budget::Spent;
        } else if spent_usd >= limit * WARNING_SHARE && self.budget < Budget::Low {
            self.budget = Budget::Low;
            outputs.info(InfoMessage::MostlySpent(format!("{spent_usd:.4}"), limit.to_string()));
        }
    }

    /// Returns when the call reaches a limit, if no response is in progress until then.
    pub(crate) fn deadline(&self, limits: CallLimits) -> Option<Deadline> {
        if self.is_budget_spent() {
            return Some(Deadline { at: self.last_activity, reason: Reason::CostLimit });
        }
        let last_activity = self.last_activity.max(self.other.active_at);
        limits.idle.map(|idle| Deadline { at: last_activity + idle, reason: Reason::Idle })
    }

    /// Returns the limit that the call has reached.
    pub(crate) fn reached(&self, now: Duration, limits: CallLimits) -> Option<Limit> {
        self.deadline(limits).filter(|deadline| now >= deadline.at)?;
        Some(if self.is_budget_spent() { Limit::Cost } else { Limit::Idle })
    }
}
