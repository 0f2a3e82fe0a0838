//! One track of a recording, aligned with the time of the call.

use std::collections::VecDeque;
use std::time::Duration;

use crate::audio::playback::clock_drift::DriftCompensator;
use crate::dsp::frame::{Frame, SampleRate};
use crate::dsp::resample::{Resampler, to_float, to_int};

/// Tolerated deviation from the time: blocks, frames and late wake-ups. A larger one is a pause of the
/// device.
const TOLERANCE: Duration = Duration::from_millis(250);
/// Audio placed at a time, for drift compensation.
const PIECE: Duration = Duration::from_millis(10);

/// A track with audio not written yet.
pub(crate) struct Track {
    rate: SampleRate,
    resampler: Resampler,
    fresh: Vec<f32>,
    piece: Vec<f32>,
    samples: VecDeque<i16>,
    /// Samples written before those.
    written: usize,
    /// Whether any audio was placed.
    is_placed: bool,
    drift: DriftCompensator,
}

impl Track {
    /// Creates an empty track at the rate of the recording.
    pub(crate) fn new(rate: SampleRate) -> Self {
        Self {
            rate,
            resampler: Resampler::new(rate, rate),
            fresh: Vec::new(),
            piece: Vec::new(),
            samples: VecDeque::new(),
            written: 0,
            is_placed: false,
            drift: DriftCompensator::default(),
        }
    }

    /// Appends samples at their rate.
    pub(crate) fn append(&mut self, rate: SampleRate, samples: &[f32]) {
        if rate != self.resampler.from() {
            self.resampler = Resampler::new(rate, self.rate);
        }
        self.resampler.process(samples, &mut self.fresh);
    }

    /// Appends a frame.
    pub(crate) fn append_frame(&mut self, frame: &Frame) {
        let samples: Vec<f32> = frame.samples.iter().copied().map(to_float).collect();
        self.append(frame.rate, &samples);
    }

    /// Places appended samples, the last of which was played at `now` or shortly before.
    pub(crate) fn place(&mut self, now: Duration) {
        if self.fresh.is_empty() {
            return;
        }
        let end = self.end() + self.fresh.len();
        let now_samples = self.rate.samples(now) as usize;
        if !self.is_placed || end.abs_diff(now_samples) > self.rate.samples(TOLERANCE) as usize {
            self.is_placed = true;
            self.drift.restart();
            self.pad_to(now_samples.saturating_sub(self.fresh.len()));
            let early = (self.end() + self.fresh.len()).saturating_sub(now_samples).min(self.fresh.len());
            self.fresh.drain(..early);
        } else {
            // A device clock that runs ahead requires samples to be removed.
            let ahead = self.rate.duration(end as u64) + TOLERANCE;
            let buffered = ahead.saturating_sub(self.rate.duration(now_samples as u64));
            self.drift.record(buffered, self.rate.duration(self.fresh.len() as u64));
        }
        let length = self.rate.samples(PIECE) as usize;
        for piece in self.fresh.chunks(length) {
            self.piece.clear();
            self.piece.extend_from_slice(piece);
            self.drift.compensate(&mut self.piece, self.rate.duration(1));
            self.samples.extend(self.piece.iter().copied().map(to_int));
        }
        self.fresh.clear();
    }

    /// Pads with silence up to a position.
    pub(crate) fn pad_to(&mut self, position: usize) {
        self.pad_len(position.saturating_sub(self.written));
    }

    /// Pads with silence to a length.
    pub(crate) fn pad_len(&mut self, length: usize) {
        self.samples.resize(self.samples.len().max(length), 0);
    }

    /// Returns the samples waiting to be written.
    pub(crate) fn len(&self) -> usize {
        self.samples.len()
    }

    /// Removes the first `samples`.
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

    /// A low rate, since half an hour is long.
    const RATE: SampleRate = SampleRate(2_000);

    #[test]
    fn a_drifting_device_stays_aligned() {
        // Uncompensated the deviation would reach 360 ms.
        for speed in [0.9998, 1.0002] {
            let (mut track, mut delivered, mut at) = (Track::new(RATE), 0, 0_u64);
            let mut clicks = Vec::new();
            for now in (20..1_800_000_u32).step_by(20) {
                while delivered + 40 <= (f64::from(now) / 1_000.0 * 2_000.0 * speed) as u64 {
                    let is_click = |n: u64| (n as f64 / 2_000.0 / speed) % 60.0 >= 59.99;
                    let block: Vec<f32> =
                        (delivered..delivered + 40).map(|n| f32::from(u8::from(is_click(n))) * 0.5).collect();
                    track.append(RATE, &block);
                    delivered += 40;
                }
                track.place(Duration::from_millis(u64::from(now)));
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
