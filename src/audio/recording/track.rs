//! One side of a recording, laid out on the time of the call.

use std::collections::VecDeque;
use std::time::Duration;

use crate::audio::playback::clock_drift::Drift;
use crate::dsp::frame::{Frame, SampleRate};
use crate::dsp::resample::{Resampler, to_float, to_int};

/// How far a side may be from where the time says it is: blocks, frames and a thread that wakes late. More
/// than that is a pause of the device.
const LOOSE: Duration = Duration::from_millis(250);
/// How much is laid at a time, for the clocks' sake.
const PIECE: Duration = Duration::from_millis(10);

/// Sound that is not written yet.
pub(crate) struct Track {
    rate: SampleRate,
    resampler: Resampler,
    fresh: Vec<f32>,
    piece: Vec<f32>,
    samples: VecDeque<i16>,
    /// How many were written before those.
    written: usize,
    /// Whether anything was laid where the time says.
    placed: bool,
    drift: Drift,
}

impl Track {
    /// Begins with nothing, at the rate of the recording.
    pub(crate) fn new(rate: SampleRate) -> Self {
        Self {
            rate,
            resampler: Resampler::new(rate, rate),
            fresh: Vec::new(),
            piece: Vec::new(),
            samples: VecDeque::new(),
            written: 0,
            placed: false,
            drift: Drift::default(),
        }
    }

    /// Takes samples that go on where the last ended, at their rate.
    pub(crate) fn take(&mut self, rate: SampleRate, samples: &[f32]) {
        if rate != self.resampler.from() {
            self.resampler = Resampler::new(rate, self.rate);
        }
        self.resampler.process(samples, &mut self.fresh);
    }

    /// Takes a frame that goes on where the last ended.
    pub(crate) fn take_frame(&mut self, frame: &Frame) {
        let samples: Vec<f32> = frame.samples.iter().copied().map(to_float).collect();
        self.take(frame.rate, &samples);
    }

    /// Lays down what was taken, whose last sample was heard at `now` or a little before.
    pub(crate) fn lay(&mut self, now: Duration) {
        if self.fresh.is_empty() {
            return;
        }
        let end = self.end() + self.fresh.len();
        let here = self.rate.samples(now) as usize;
        if !self.placed || end.abs_diff(here) > self.rate.samples(LOOSE) as usize {
            self.placed = true;
            self.drift.restart();
            self.reach(here.saturating_sub(self.fresh.len()));
            let early = (self.end() + self.fresh.len()).saturating_sub(here).min(self.fresh.len());
            self.fresh.drain(..early);
        } else {
            // The further the clock of the device is ahead, the more is to be left out.
            let ahead = self.rate.duration(end as u64) + LOOSE;
            let between = ahead.saturating_sub(self.rate.duration(here as u64));
            self.drift.note(between, self.rate.duration(self.fresh.len() as u64));
        }
        let length = self.rate.samples(PIECE) as usize;
        for piece in self.fresh.chunks(length) {
            self.piece.clear();
            self.piece.extend_from_slice(piece);
            self.drift.fit(&mut self.piece, self.rate.duration(1));
            self.samples.extend(self.piece.iter().copied().map(to_int));
        }
        self.fresh.clear();
    }

    /// Goes on with silence up to a place, unless it is there.
    pub(crate) fn reach(&mut self, place: usize) {
        self.reach_len(place.saturating_sub(self.written));
    }

    /// Goes on with silence until so much waits to be written, unless it does.
    pub(crate) fn reach_len(&mut self, length: usize) {
        self.samples.resize(self.samples.len().max(length), 0);
    }

    /// Returns how much waits to be written.
    pub(crate) fn len(&self) -> usize {
        self.samples.len()
    }

    /// Takes out the first so many samples.
    pub(crate) fn drain(&mut self, samples: usize) -> impl Iterator<Item = i16> {
        self.written += samples;
        self.samples.drain(..samples)
    }

    fn end(&self) -> usize {
        self.written + self.samples.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A low rate, because half an hour is long.
    const RATE: SampleRate = SampleRate(2_000);

    #[test]
    fn a_device_with_a_clock_of_its_own_stays_where_the_time_says() {
        // Uncorrected it would be 360 ms away in the end.
        for speed in [0.9998, 1.0002] {
            let (mut track, mut given, mut at) = (Track::new(RATE), 0, 0_u64);
            let mut clicks = Vec::new();
            for now in (20..1_800_000_u32).step_by(20) {
                while given + 40 <= (f64::from(now) / 1_000.0 * 2_000.0 * speed) as u64 {
                    let is_click = |n: u64| (n as f64 / 2_000.0 / speed) % 60.0 >= 59.99;
                    let block: Vec<f32> =
                        (given..given + 40).map(|n| f32::from(u8::from(is_click(n))) * 0.5).collect();
                    track.take(RATE, &block);
                    given += 40;
                }
                track.lay(Duration::from_millis(u64::from(now)));
                let length = track.len();
                for sample in track.drain(length).collect::<Vec<i16>>() {
                    if sample > 8_000 && clicks.last().is_none_or(|last| at - last > 2_000) {
                        clicks.push(at);
                    }
                    at += 1;
                }
            }
            assert_eq!(clicks.len(), 29);
            for (minute, click) in (1_u64..).zip(clicks) {
                let away = (click / 2).abs_diff(minute * 60_000 - 10);
                assert!(away <= 45, "{speed}: {away} ms away in minute {minute}");
            }
        }
    }
}
