//! Ends what nobody needs any more: a call that was forgotten, or one that costs more than it may.

use std::time::Duration;

use crate::session::io::{Deadline, EndReason, Limit, Notice, Reason};
use crate::session::{Phase, Session};

/// The share of the money at which the user is warned.
const WARNING_SHARE: f64 = 0.8;

/// What the user set.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CallLimits {
    /// How long nothing may happen. Noise in the microphone is nothing.
    pub idle: Option<Duration>,
    /// What the call may cost, in US dollars.
    pub cost_usd: Option<f64>,
}

/// How close the limits are.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    last_sign_of_life: Duration,
    answers: ResponseTrigger,
    money: Budget,
}

/// Why the server speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ResponseTrigger {
    /// The user wanted it.
    #[default]
    Wanted,
    /// It broke the silence by itself, which is no sign of life of the user.
    Unasked,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Budget {
    #[default]
    Enough,
    /// The user was told that the cost is not known.
    Uncounted,
    /// The user was told that it runs out.
    Low,
    /// It is spent: the call ends when the answer was heard.
    Spent,
}

impl Session {
    /// The user said, typed or pressed something, or an answer is under way.
    pub(crate) fn note_activity(&mut self, now: Duration) {
        self.limiter.last_sign_of_life = now;
        self.limiter.answers = ResponseTrigger::Wanted;
    }

    /// The server takes the turn because nobody has.
    pub(crate) fn idle_timeout(&mut self) {
        self.limiter.answers = ResponseTrigger::Unasked;
        self.show(Notice::Debug("the endpoint breaks the silence".into()));
    }

    /// Returns for how long nobody has said, typed or pressed anything, and nothing was answered.
    pub(crate) fn lifeless_for(&self, now: Duration) -> Duration {
        now.saturating_sub(self.limiter.last_sign_of_life)
    }

    /// Returns whether nothing more may be sent that costs.
    pub(crate) fn is_out_of_money(&self) -> bool {
        self.limiter.money == Budget::Spent
    }

    /// Compares what was spent with what may be.
    pub(crate) fn see_cost(&mut self, spent_usd: f64, unpriced: u64) {
        let Some(most) = self.plan.limits.cost_usd else { return };
        if unpriced > 0 && self.limiter.money == Budget::Enough {
            self.limiter.money = Budget::Uncounted;
            self.show(Notice::Info("what this call costs is not known: --max-cost cannot be kept; the configuration file may set prices".into()));
        }
        if spent_usd >= most {
            self.limiter.money = Budget::Spent;
        } else if spent_usd >= most * WARNING_SHARE && self.limiter.money < Budget::Low {
            self.limiter.money = Budget::Low;
            self.show(Notice::Info(format!("this call has cost ${spent_usd:.4} of the ${most} it may")));
        }
    }

    pub(crate) fn idle_deadline(&self) -> Option<Deadline> {
        let idle =
            self.plan.limits.idle.filter(|_| matches!(self.phase, Phase::Live | Phase::Reconnecting(_)))?;
        Some(Deadline { at: self.limiter.last_sign_of_life + idle, reason: Reason::Idle })
    }

    /// Ends the call at a limit, politely: an answer is heard to its end.
    pub(crate) fn check_limits(&mut self, now: Duration) {
        if !matches!(self.phase, Phase::Live | Phase::Reconnecting(_)) {
            return;
        }
        if self.is_answering() {
            if self.limiter.answers == ResponseTrigger::Wanted {
                self.note_activity(now);
            }
        } else if self.is_out_of_money() {
            self.hang_up(now, EndReason::Limit(Limit::Cost));
        } else if self.idle_deadline().is_some_and(|deadline| now >= deadline.at) {
            self.hang_up(now, EndReason::Limit(Limit::Idle));
        }
    }
}
