//! The test tone: a sine of one second, generated in the playback callback.

use crate::dsp::frame::SampleRate;

/// Frequency in Hz, comfortable and within the range of every speaker.
const FREQUENCY: f32 = 440.0;
/// Duration.
const LENGTH: std::time::Duration = std::time::Duration::from_secs(1);
/// Fade at both ends, without a click.
const FADE_MS: u32 = 20;
/// Amplitude: -20 dBFS, as loud as an answer.
pub(crate) const AMPLITUDE: f32 = 0.1;

/// A tone that is being played.
pub(crate) struct TestTone {
    next: u32,
    length: u32,
    rate: SampleRate,
}

impl TestTone {
    pub(crate) fn new(rate: SampleRate) -> Self {
        Self { next: 0, length: u32::try_from(rate.samples(LENGTH)).unwrap_or(u32::MAX), rate }
    }

    /// Returns the next sample; none at the end.
    pub(crate) fn next_sample(&mut self) -> Option<f32> {
        let left = self.length.checked_sub(self.next).filter(|left| *left > 0)?;
        let fade = (self.rate.0 * FADE_MS / 1_000).max(1);
        let gain = left.min(self.next).min(fade) as f32 / fade as f32;
        let phase = self.next as f32 / self.rate.0.max(1) as f32 * FREQUENCY;
        self.next += 1;
        Some(AMPLITUDE * gain * (phase * std::f32::consts::TAU).sin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tone_lasts_a_second_and_does_not_click() {
        for rate in [8_000, 44_100, 48_000] {
            let mut tone = TestTone::new(SampleRate(rate));
            let samples: Vec<f32> = std::iter::from_fn(|| tone.next_sample()).collect();
            assert_eq!(samples.len(), rate as usize);
            let peak = samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
            assert!((0.099..=0.1).contains(&peak), "{peak}");
            assert!(samples[0].abs() < 0.001 && samples[samples.len() - 1].abs() < 0.001);
        }
    }
}
