//! Sum of token usage and cost.

use crate::protocol::events::response::{TokenDetails, Usage};
use crate::session::io::UsageReport;

/// Sum of all usage. Each response counts the whole conversation again, so the sum over responses is billed,
/// not the last one.
#[derive(Debug, Default)]
pub(crate) struct UsageTotal {
    total: Usage,
    transcribed_seconds: f64,
    unknown: u64,
    total_usd: f64,
    unpriced: u64,
}

impl UsageTotal {
    /// Adds the tokens of a response or transcription; without usage it counts as unknown.
    pub(crate) fn add_tokens(&mut self, usage: Option<&Usage>) {
        match usage {
            Some(usage) => add(&mut self.total, usage),
            None => self.unknown += 1,
        }
    }

    /// Adds the duration of a transcription that is billed by time.
    pub(crate) fn add_transcribed(&mut self, seconds: f64) {
        self.transcribed_seconds += seconds;
    }

    /// Adds a cost, and returns the totals.
    pub(crate) fn report(&mut self, last: Option<Usage>, usd: Option<f64>) -> UsageReport {
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

/// Adds a count. A count that no server has reported stays unknown; it is not zero.
fn sum(total: &mut Option<u64>, count: Option<u64>) {
    if let Some(count) = count {
        *total = Some(total.unwrap_or(0).saturating_add(count));
    }
}
