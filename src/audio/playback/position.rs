//! The playback position: maps samples taken by the device to clips.

use std::collections::VecDeque;

use crate::audio::api::AudioEvent;
use crate::dsp::frame::{ClipId, SampleRate};

/// Least progress of a clip that is reported.
const REPORT: std::time::Duration = std::time::Duration::from_millis(50);

/// The clips sent to the speaker, in order of their positions.
#[derive(Debug, Default)]
pub(crate) struct PlaybackPosition {
    spans: VecDeque<ClipSpan>,
}

/// The span of one clip.
#[derive(Debug)]
struct ClipSpan {
    clip: ClipId,
    /// Start, in samples taken by the device.
    begins: u64,
    /// Samples sent, at `rate`.
    fed: u64,
    rate: SampleRate,
    device_rate: SampleRate,
    /// Samples added by drift compensation.
    stretched: i64,
    /// Whether all of it was sent.
    ended: bool,
    /// Samples reported.
    reported: u64,
}

/// Start of a span, and its rates.
pub(crate) struct SpanStart {
    pub(crate) clip: ClipId,
    pub(crate) begins: u64,
    pub(crate) rate: SampleRate,
    pub(crate) device_rate: SampleRate,
}

impl PlaybackPosition {
    /// Counts `samples` of a clip as sent; a new span begins at `start`.
    pub(crate) fn feed(&mut self, start: &SpanStart, samples: u64) {
        if let Some(span) = self.spans.back_mut().filter(|span| span.clip == start.clip && !span.ended) {
            span.fed += samples;
            return;
        }
        let SpanStart { clip, begins, rate, device_rate } = *start;
        let (stretched, ended, reported) = (0, false, 0);
        self.spans.push_back(ClipSpan {
            clip,
            begins,
            fed: samples,
            rate,
            device_rate,
            stretched,
            ended,
            reported,
        });
    }

    /// Records that drift compensation added `more` samples to the last span.
    pub(crate) fn stretch(&mut self, more: i64) {
        if let Some(span) = self.spans.back_mut() {
            span.stretched += more;
        }
    }

    /// Marks a clip as complete.
    pub(crate) fn end(&mut self, clip: ClipId) {
        if let Some(span) = self.spans.iter_mut().rfind(|span| span.clip == clip) {
            span.ended = true;
        }
    }

    /// Reports progress now that the device has taken `taken` samples.
    pub(crate) fn advance(&mut self, taken: u64, mut report: impl FnMut(AudioEvent)) {
        for span in &mut self.spans {
            let heard = span.heard(taken);
            let whole = span.ended && heard == span.fed;
            let due = heard - span.reported >= span.rate.samples(REPORT);
            // The first sample is reported at once: it ends the response latency.
            let first = span.reported == 0 && heard > 0;
            if whole || due || first || (heard == span.fed && heard > span.reported) {
                span.reported = heard;
                report(AudioEvent::Played { clip: span.clip, samples: heard });
            }
        }
        while self.spans.front().is_some_and(|span| span.ended && span.reported == span.fed) {
            self.spans.pop_front();
        }
    }

    /// Reports all progress, even if not due.
    pub(crate) fn report_all(&mut self, taken: u64, mut report: impl FnMut(AudioEvent)) {
        for span in &mut self.spans {
            let heard = span.heard(taken);
            if heard > span.reported {
                span.reported = heard;
                report(AudioEvent::Played { clip: span.clip, samples: heard });
            }
        }
    }

    /// Switches to a device with another rate. All audio up to `sent` counts as taken; returns the start of
    /// the device.
    pub(crate) fn change_device(
        &mut self,
        device: SampleRate,
        sent: u64,
        report: impl FnMut(AudioEvent),
    ) -> u64 {
        self.advance(sent, report);
        let Some(span) = self.spans.back_mut() else { return sent };
        let stretched = span.fed.saturating_add_signed(span.stretched);
        let fed = (u128::from(stretched) * u128::from(device.0)).div_ceil(u128::from(span.rate.0));
        let fed = u64::try_from(fed).unwrap_or(u64::MAX);
        let begins = sent.max(fed);
        span.begins = begins - fed;
        span.device_rate = device;
        begins
    }

    /// Removes all clips and returns the positions of the unfinished ones. The fade counts, since the device
    /// plays it.
    pub(crate) fn close(&mut self, taken: u64) -> Vec<(ClipId, u64)> {
        self.spans.drain(..).map(|span| (span.clip, span.heard(taken))).collect()
    }

    /// Returns whether the first sample of a clip is still to be taken.
    pub(crate) fn awaits_first(&self) -> bool {
        self.spans.iter().any(|span| span.fed > 0 && span.reported == 0)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }
}

impl ClipSpan {
    fn heard(&self, taken: u64) -> u64 {
        let device = u128::from(taken.saturating_sub(self.begins));
        let samples = device * u128::from(self.rate.0) / u128::from(self.device_rate.0);
        // The last added samples may still be in transit: an error of a sample or two.
        u64::try_from(samples).unwrap_or(u64::MAX).saturating_add_signed(-self.stretched).min(self.fed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sample_is_reported_at_once_and_awaited_until_then() {
        let mut position = PlaybackPosition::default();
        let mut reports = Vec::new();
        assert!(!position.awaits_first());
        let start = SpanStart {
            clip: ClipId(7),
            begins: 100,
            rate: SampleRate(24_000),
            device_rate: SampleRate(48_000),
        };
        position.feed(&start, 24_000);
        for taken in [0, 100, 102, 104, 2_402, 2_498, 2_502] {
            position.advance(taken, |event| {
                reports.extend(event.played_samples(ClipId(7)).map(|heard| (taken, heard)));
            });
            assert_eq!(position.awaits_first(), taken <= 100);
        }
        // Later every 50 ms.
        assert_eq!(reports, [(102, 1), (2_502, 1_201)]);
    }
}
