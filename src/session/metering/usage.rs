//! What the session cost so far, in tokens.

use crate::protocol::events::response::{TokenDetails, Usage};
use crate::protocol::events::server::TranscriptionUsage;
use crate::session::Session;
use crate::session::io::{Notice, UsageReport};

/// The sum of all usage. Each response counts the whole conversation again, so that the sum over
/// responses is what is billed, not the last one.
#[derive(Debug, Default)]
pub(crate) struct UsageSum {
    total: Usage,
    transcribed_seconds: f64,
    unknown: u64,
    total_usd: f64,
    unpriced: u64,
}

impl UsageSum {
    fn tokens(&mut self, usage: Option<&Usage>) {
        match usage {
            Some(usage) => add(&mut self.total, usage),
            None => self.unknown += 1,
        }
    }

    fn report(&mut self, last: Option<Usage>, usd: Option<f64>) -> UsageReport {
        match usd {
            Some(usd) => self.total_usd += usd,
            None => self.unpriced += 1,
        }
        UsageReport {
            last,
            total: self.total.clone(),
            usd,
            total_usd: self.total_usd,
            unpriced: self.unpriced,
            transcribed_seconds: self.transcribed_seconds,
            unknown: self.unknown,
        }
    }
}

impl Session {
    pub(crate) fn note_usage(&mut self, usage: Option<&Usage>) {
        self.usage.tokens(usage);
        let prices = self.plan.prices.as_ref();
        let usd = prices.and_then(|prices| prices.tokens(self.model.as_deref(), usage));
        self.tell_usage(usage.cloned(), usd);
    }

    pub(crate) fn note_transcription_usage(&mut self, usage: Option<TranscriptionUsage>) {
        let captions = self.plan.settings.transcription.get().and_then(|settings| settings.model.as_deref());
        let prices = self.plan.prices.as_ref();
        let by_tokens = |usage| prices.and_then(|prices| prices.tokens(captions, usage));
        match usage {
            Some(TranscriptionUsage::Tokens(usage)) => {
                let usd = by_tokens(Some(&usage));
                self.usage.tokens(Some(&usage));
                self.tell_usage(Some(*usage), usd);
            }
            Some(TranscriptionUsage::Duration(seconds)) => {
                let usd = prices.and_then(|prices| prices.time(captions, seconds));
                self.usage.transcribed_seconds += seconds;
                self.tell_usage(None, usd);
            }
            Some(TranscriptionUsage::Other(_)) | None => {
                let usd = by_tokens(None);
                self.usage.tokens(None);
                self.tell_usage(None, usd);
            }
        }
    }

    fn tell_usage(&mut self, last: Option<Usage>, usd: Option<f64>) {
        let report = self.usage.report(last, usd);
        let (spent, unpriced) = (report.total_usd, report.unpriced);
        self.show(Notice::Usage(Box::new(report)));
        self.see_cost(spent, unpriced);
    }
}

fn add(total: &mut Usage, usage: &Usage) {
    sum(&mut total.total_tokens, usage.total_tokens);
    sum(&mut total.input_tokens, usage.input_tokens);
    sum(&mut total.output_tokens, usage.output_tokens);
    sum(&mut total.cached_tokens, usage.cached_tokens);
    add_details(&mut total.input, usage.input);
    add_details(&mut total.cached, usage.cached);
    add_details(&mut total.output, usage.output);
}

fn add_details(total: &mut TokenDetails, details: TokenDetails) {
    sum(&mut total.text, details.text);
    sum(&mut total.audio, details.audio);
    sum(&mut total.image, details.image);
}

/// A count that no server has named stays unknown: it is not zero.
fn sum(total: &mut Option<u64>, count: Option<u64>) {
    if let Some(count) = count {
        *total = Some(total.unwrap_or(0).saturating_add(count));
    }
}
