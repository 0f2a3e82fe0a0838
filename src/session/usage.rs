//! What the session cost so far, in tokens.

use crate::protocol::response::{TokenDetails, Usage};
use crate::protocol::server::TranscriptionUsage;
use crate::session::Session;
use crate::session::io::{Notice, UsageReport};

/// The sum of all usage. Each response counts the whole conversation again, so that the sum over
/// responses is what is billed, not the last one.
#[derive(Debug, Default)]
pub(super) struct UsageSum {
    total: Usage,
    transcribed_seconds: f64,
    unknown: u64,
}

impl UsageSum {
    fn add(&mut self, usage: Option<&Usage>) -> UsageReport {
        match usage {
            Some(usage) => add(&mut self.total, usage),
            None => self.unknown += 1,
        }
        self.report(usage.cloned())
    }

    fn report(&self, last: Option<Usage>) -> UsageReport {
        UsageReport {
            last,
            total: self.total.clone(),
            transcribed_seconds: self.transcribed_seconds,
            unknown: self.unknown,
        }
    }
}

impl Session {
    pub(super) fn note_usage(&mut self, usage: Option<&Usage>) {
        let report = self.usage.add(usage);
        self.show(Notice::Usage(Box::new(report)));
    }

    pub(super) fn note_transcription_usage(&mut self, usage: Option<TranscriptionUsage>) {
        let report = match usage {
            Some(TranscriptionUsage::Tokens(usage)) => self.usage.add(Some(&usage)),
            Some(TranscriptionUsage::Duration(seconds)) => {
                self.usage.transcribed_seconds += seconds;
                self.usage.report(None)
            }
            Some(TranscriptionUsage::Other(_)) | None => self.usage.add(None),
        };
        self.show(Notice::Usage(Box::new(report)));
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
