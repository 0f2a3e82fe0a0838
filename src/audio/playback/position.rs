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
    /// Samples added by drift compensation and time stretching, up to the last position taken.
    stretched: i64,
    /// Samples added later, and where, in output samples of the span.
    pending: VecDeque<(u64, i64)>,
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
    /// Counts `samples` of a clip as sent, with `more` added before them; a new span begins at `start`.
    pub(crate) fn feed(&mut self, start: &SpanStart, samples: u64, more: i64) {
        if self.spans.back().is_none_or(|span| span.clip != start.clip || span.ended) {
            let SpanStart { clip, begins, rate, device_rate } = *start;
            let (fed, stretched, pending, ended, reported) = (0, 0, VecDeque::new(), false, 0);
            let span = ClipSpan { clip, begins, fed, rate, device_rate, stretched, pending, ended, reported };
            self.spans.push_back(span);
        }
        let Some(span) = self.spans.back_mut() else { return };
        if more != 0 {
            span.pending.push_back((span.output_len(), more));
        }
        span.fed += samples;
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
            span.settle(taken);
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
        let sent_len = u128::from(span.output_len());
        let fed = (sent_len * u128::from(device.0)).div_ceil(u128::from(span.rate.0));
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
    /// Returns the samples sent, the added ones included.
    fn output_len(&self) -> u64 {
        let pending: i64 = self.pending.iter().map(|(_, more)| more).sum();
        self.fed.saturating_add_signed(self.stretched + pending)
    }

    /// Returns the output samples of the span among those taken by the device.
    fn taken(&self, taken: u64) -> u64 {
        let device = u128::from(taken.saturating_sub(self.begins));
        let samples = device * u128::from(self.rate.0) / u128::from(self.device_rate.0);
        u64::try_from(samples).unwrap_or(u64::MAX)
    }

    /// Moves added samples that were taken to `stretched`.
    fn settle(&mut self, taken: u64) {
        let taken = self.taken(taken);
        while let Some(&(at, more)) = self.pending.front()
            && at.saturating_add_signed(more.max(0)) <= taken
        {
            self.pending.pop_front();
            self.stretched += more;
        }
    }

    /// Returns the samples heard. The position rests while added samples are taken.
    fn heard(&self, taken: u64) -> u64 {
        let taken = self.taken(taken);
        let pending = self.pending.iter().take_while(|(at, _)| *at <= taken);
        let added: i64 = pending.map(|(at, more)| (*more).min((taken - at).cast_signed())).sum();
        taken.saturating_add_signed(-(self.stretched + added)).min(self.fed)
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
        position.feed(&start, 24_000, 0);
        for taken in [0, 100, 102, 104, 2_402, 2_498, 2_502] {
            position.advance(taken, |event| {
                reports.extend(event.played_samples(ClipId(7)).map(|heard| (taken, heard)));
            });
            assert_eq!(position.awaits_first(), taken <= 100);
        }
        // Later every 50 ms.
        assert_eq!(reports, [(102, 1), (2_502, 1_201)]);
    }

    #[test]
    fn the_position_rests_while_added_samples_are_taken() {
        for rate in [24_000, 48_000] {
            let device_rate = SampleRate(rate);
            let start = SpanStart { clip: ClipId(7), begins: 0, rate: SampleRate(24_000), device_rate };
            let mut position = PlaybackPosition::default();
            position.feed(&start, 240, 0);
            position.feed(&start, 240, 100);
            position.feed(&start, 240, -1);
            let mut settled = PlaybackPosition::default();
            for (samples, more) in [(240, 0), (240, 100), (240, -1)] {
                settled.feed(&start, samples, more);
            }
            // 240 samples, 100 added ones, 240 samples, and 240 without one.
            for (taken, heard) in
                [(0, 0), (239, 239), (240, 240), (290, 240), (340, 240), (341, 241), (580, 481), (819, 720)]
            {
                let taken = taken * u64::from(rate) / 24_000;
                assert_eq!(position.spans[0].heard(taken), heard, "{taken}");
                settled.advance(taken, |_| ());
                assert_eq!(settled.spans[0].heard(taken), heard, "{taken}, settled");
            }
            assert!(settled.spans[0].pending.is_empty());
        }
    }
}
