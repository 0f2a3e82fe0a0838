//! Metering: latency, token usage, cost, limits.

pub(super) mod latency;
pub(super) mod usage;
pub(super) mod limits;

use std::time::Duration;

use crate::protocol::events::response::Usage;
use crate::protocol::events::server::TranscriptionUsage;
use crate::session::io::delay::Delay;
use crate::session::io::{Deadline, Limit, Notice, OtherSession};
use crate::session::metering::latency::LatencyTracker;
use crate::session::metering::limits::Limiter;
use crate::session::metering::usage::UsageTotal;
use crate::session::outputs::Outputs;
use crate::session::plan::Plan;

/// Latency, usage and limits of a call.
#[derive(Debug)]
pub(crate) struct Metering {
    latency: LatencyTracker,
    usage: UsageTotal,
    limiter: Limiter,
    /// The model that responds.
    model: Option<String>,
}

#[expect(clippy::too_many_arguments, reason = "components are separate borrows of the session")]
impl Metering {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            latency: LatencyTracker::new(plan),
            usage: UsageTotal::default(),
            limiter: Limiter::default(),
            model: plan.model.clone(),
        }
    }

    /// Notes the model that a server reports; without one the last stays.
    pub(crate) fn set_model(&mut self, model: Option<String>) {
        self.model = model.or_else(|| self.model.take());
    }

    pub(crate) fn latency(&mut self) -> &mut LatencyTracker {
        &mut self.latency
    }

    /// Shows the latency of a response that has begun for the user.
    pub(crate) fn show_delay(&mut self, delay: Option<Delay>, outputs: &mut Outputs) {
        if let Some(report) = delay.and_then(|delay| self.latency.report(delay)) {
            outputs.show(Notice::Delay(Box::new(report)));
        }
    }

    /// Returns the length of the audio sent on the connection in use, in milliseconds.
    pub(crate) fn sent_audio_ms(&self) -> u64 {
        self.latency.sent_ms()
    }

    /// Adds the usage of a response.
    pub(crate) fn note_usage(&mut self, plan: &Plan, usage: Option<&Usage>, outputs: &mut Outputs) {
        self.usage.add_tokens(usage);
        let usd = plan.prices.as_ref().and_then(|prices| prices.tokens(self.model.as_deref(), usage));
        self.show_usage(plan, usage.cloned(), usd, outputs);
    }

    /// Adds the usage of a transcription.
    pub(crate) fn note_transcription_usage(
        &mut self,
        plan: &Plan,
        usage: Option<TranscriptionUsage>,
        outputs: &mut Outputs,
    ) {
        let model = plan.settings.transcription.get().and_then(|settings| settings.model.as_deref());
        let prices = plan.prices.as_ref();
        let (last, usd) = match usage {
            Some(TranscriptionUsage::Tokens(usage)) => {
                self.usage.add_tokens(Some(&usage));
                let usd = prices.and_then(|prices| prices.tokens(model, Some(&usage)));
                (Some(*usage), usd)
            }
            Some(TranscriptionUsage::Duration(seconds)) => {
                self.usage.add_transcribed(seconds);
                (None, prices.and_then(|prices| prices.time(model, seconds)))
            }
            Some(TranscriptionUsage::Other(_)) | None => {
                self.usage.add_tokens(None);
                (None, prices.and_then(|prices| prices.tokens(model, None)))
            }
        };
        self.show_usage(plan, last, usd, outputs);
    }

    fn show_usage(&mut self, plan: &Plan, last: Option<Usage>, usd: Option<f64>, outputs: &mut Outputs) {
        let report = self.usage.report(last, usd);
        let (spent, unpriced) = (report.total_usd, report.unpriced);
        outputs.show(Notice::Usage(Box::new(report)));
        self.limiter.check_cost(plan.limits, spent, unpriced, outputs);
    }

    /// Notes the cost and the activity of another session.
    pub(crate) fn note_other(&mut self, plan: &Plan, other: OtherSession, outputs: &mut Outputs) {
        self.limiter.note_other(other);
        let total = self.usage.report(None, None);
        self.limiter.check_cost(plan.limits, total.total_usd, total.unpriced, outputs);
    }

    /// Returns the time of the last activity.
    pub(crate) fn last_activity(&self) -> Duration {
        self.limiter.last_activity()
    }

    /// Notes that the user spoke, typed or pressed something.
    pub(crate) fn note_activity(&mut self, now: Duration) {
        self.limiter.note_activity(now);
    }

    /// Notes that a response is in progress or audible.
    pub(crate) fn note_response(&mut self, now: Duration) {
        self.limiter.note_response(now);
    }

    /// Notes that the server ends a silence unasked.
    pub(crate) fn idle_timeout(&mut self, outputs: &mut Outputs) {
        self.limiter.note_server_initiative();
        outputs.debug("the endpoint ended a silence");
    }

    /// Returns the time since the last activity.
    pub(crate) fn inactive_for(&self, now: Duration) -> Duration {
        self.limiter.inactive_for(now)
    }

    /// Returns whether nothing more may be sent that is billed.
    pub(crate) fn is_budget_spent(&self) -> bool {
        self.limiter.is_budget_spent()
    }

    /// Returns when the call reaches a limit, if no response is in progress until then.
    pub(crate) fn deadline(&self, plan: &Plan) -> Option<Deadline> {
        self.limiter.deadline(plan.limits)
    }

    /// Returns the limit that the call has reached.
    pub(crate) fn limit_reached(&self, now: Duration, plan: &Plan) -> Option<Limit> {
        self.limiter.reached(now, plan.limits)
    }
}
