//! Which clip the samples that the device took belong to.

use std::collections::VecDeque;

use crate::audio::api::AudioThreadEvent;
use crate::dsp::frame::{ClipId, SampleRate};

/// How much of a clip must be new before it is reported again.
const REPORT: std::time::Duration = std::time::Duration::from_millis(50);

/// The clips on their way to the speaker, in order, by the place where the device will meet them.
#[derive(Debug, Default)]
pub(crate) struct PlaybackPosition {
    runs: VecDeque<ClipSpan>,
}

/// One clip.
#[derive(Debug)]
struct ClipSpan {
    clip: ClipId,
    /// Where it begins, in samples that the device has taken.
    begins: u64,
    /// How many samples of it were sent on their way, at `rate`.
    fed: u64,
    rate: SampleRate,
    device_rate: SampleRate,
    /// By how many samples it is longer on its way than in itself.
    stretched: i64,
    /// Whether all of it was sent on its way.
    ended: bool,
    /// What was told of it.
    reported: u64,
}

/// Where a run begins, and at which rates.
pub(crate) struct SpanStart {
    pub(crate) clip: ClipId,
    pub(crate) begins: u64,
    pub(crate) rate: SampleRate,
    pub(crate) device_rate: SampleRate,
}

impl PlaybackPosition {
    /// Counts `samples` of a clip as sent on their way; the first of them begins where `start` says.
    pub(crate) fn feed(&mut self, start: &SpanStart, samples: u64) {
        if let Some(run) = self.runs.back_mut().filter(|run| run.clip == start.clip && !run.ended) {
            run.fed += samples;
            return;
        }
        let SpanStart { clip, begins, rate, device_rate } = *start;
        let (stretched, ended, reported) = (0, false, 0);
        self.runs.push_back(ClipSpan {
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

    /// Notes that what was fed last was made longer by so many samples.
    pub(crate) fn stretch(&mut self, more: i64) {
        if let Some(run) = self.runs.back_mut() {
            run.stretched += more;
        }
    }

    /// Notes that nothing more of a clip comes.
    pub(crate) fn end(&mut self, clip: ClipId) {
        if let Some(run) = self.runs.iter_mut().rfind(|run| run.clip == clip) {
            run.ended = true;
        }
    }

    /// Reports what is new since the device has taken `taken` samples.
    pub(crate) fn advance(&mut self, taken: u64, mut report: impl FnMut(AudioThreadEvent)) {
        for run in &mut self.runs {
            let heard = run.heard(taken);
            let whole = run.ended && heard == run.fed;
            let due = heard - run.reported >= run.rate.samples(REPORT);
            // The first sample is told at once: the delay of an answer ends with it.
            let first = run.reported == 0 && heard > 0;
            if whole || due || first || (heard == run.fed && heard > run.reported) {
                run.reported = heard;
                report(AudioThreadEvent::Played { clip: run.clip, samples: heard });
            }
        }
        while self.runs.front().is_some_and(|run| run.ended && run.reported == run.fed) {
            self.runs.pop_front();
        }
    }

    /// Reports all that is new since the device has taken `taken` samples, due or not.
    pub(crate) fn settle(&mut self, taken: u64, mut report: impl FnMut(AudioThreadEvent)) {
        for run in &mut self.runs {
            let heard = run.heard(taken);
            if heard > run.reported {
                run.reported = heard;
                report(AudioThreadEvent::Played { clip: run.clip, samples: heard });
            }
        }
    }

    /// Goes on with a device of another rate. All that was sent on its way, up to `sent`, counts as taken;
    /// returns where the device begins.
    pub(crate) fn change_device(
        &mut self,
        device: SampleRate,
        sent: u64,
        report: impl FnMut(AudioThreadEvent),
    ) -> u64 {
        self.advance(sent, report);
        let Some(run) = self.runs.back_mut() else { return sent };
        let stretched = run.fed.saturating_add_signed(run.stretched);
        let fed = (u128::from(stretched) * u128::from(device.0)).div_ceil(u128::from(run.rate.0));
        let fed = u64::try_from(fed).unwrap_or(u64::MAX);
        let begins = sent.max(fed);
        run.begins = begins - fed;
        run.device_rate = device;
        begins
    }

    /// Forgets all clips and returns what was heard of those that were not finished: all that the device took,
    /// the fade with it, because it plays what it has.
    pub(crate) fn close(&mut self, taken: u64) -> Vec<(ClipId, u64)> {
        self.runs.drain(..).map(|run| (run.clip, run.heard(taken))).collect()
    }

    /// Returns whether the device has yet to take the first sample of a clip that is on its way.
    pub(crate) fn awaits_first(&self) -> bool {
        self.runs.iter().any(|run| run.fed > 0 && run.reported == 0)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

impl ClipSpan {
    fn heard(&self, taken: u64) -> u64 {
        let device = u128::from(taken.saturating_sub(self.begins));
        let samples = device * u128::from(self.rate.0) / u128::from(self.device_rate.0);
        // What was stretched last may still be on its way: a sample or two too early or late.
        u64::try_from(samples).unwrap_or(u64::MAX).saturating_add_signed(-self.stretched).min(self.fed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sample_is_told_at_once_and_waited_for_until_then() {
        let mut ledger = PlaybackPosition::default();
        let mut told = Vec::new();
        assert!(!ledger.awaits_first());
        let start = SpanStart {
            clip: ClipId(7),
            begins: 100,
            rate: SampleRate(24_000),
            device_rate: SampleRate(48_000),
        };
        ledger.feed(&start, 24_000);
        for taken in [0, 100, 102, 104, 2_402, 2_498, 2_502] {
            ledger
                .advance(taken, |event| told.extend(event.played_of(ClipId(7)).map(|heard| (taken, heard))));
            assert_eq!(ledger.awaits_first(), taken <= 100);
        }
        // Then every 50 ms.
        assert_eq!(told, [(102, 1), (2_502, 1_201)]);
    }
}
