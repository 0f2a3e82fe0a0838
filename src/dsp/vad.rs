//! How much each 16 ms of a stream sounds like a voice.

use std::fmt;
use std::time::Duration;

use earshot::Detector;

use crate::dsp::frame::SampleRate;
use crate::dsp::resample::Resampler;

/// What the detector wants: 16 ms at 16 kHz.
const DETECTOR_RATE: SampleRate = SampleRate(16_000);
const DETECTOR_BLOCK: usize = 256;

/// The detector's verdict on 16 ms of sound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VadFrame {
    /// Where it ends, in samples since the beginning.
    pub end: u64,
    /// 0 to 1.
    pub score: f32,
}

impl VadFrame {
    /// How long one is, in samples at 24 kHz.
    pub const SAMPLES: u64 = 384;
    /// How long one is.
    pub const TIME: Duration = Duration::from_millis(16);

    /// Returns where it begins, in samples since the beginning.
    pub fn start(self) -> u64 {
        self.end.saturating_sub(Self::SAMPLES)
    }
}

/// Returns the score from which on a hop is speech, at the `threshold` that is set for turns: 0.5 is 0.6, where
/// it was measured to find all speech and no noise; the ends stay within what can be reached.
pub fn score_threshold(threshold: f64) -> f32 {
    (0.25 + 0.7 * threshold.clamp(0.0, 1.0)) as f32
}

/// Gives a score to each 16 ms of a stream, of 24 kHz as a rule.
pub struct VoiceActivityDetector {
    detector: Box<Detector>,
    resampler: Resampler,
    waiting: Vec<f32>,
    heard: u64,
}

impl fmt::Debug for VoiceActivityDetector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Ear").field("heard", &self.heard).finish_non_exhaustive()
    }
}

impl Default for VoiceActivityDetector {
    fn default() -> Self {
        Self::for_rate(SampleRate::HZ_24000)
    }
}

impl VoiceActivityDetector {
    /// Makes one for a stream of this rate.
    pub fn for_rate(rate: SampleRate) -> Self {
        Self {
            detector: Detector::default_boxed(),
            resampler: Resampler::new(rate, DETECTOR_RATE),
            waiting: Vec::new(),
            heard: 0,
        }
    }

    /// Takes the next samples of ±1 and returns the hops that are complete with them.
    pub fn listen(&mut self, samples: &[f32]) -> Vec<VadFrame> {
        self.resampler.process(samples, &mut self.waiting);
        let whole = self.waiting.len() / DETECTOR_BLOCK * DETECTOR_BLOCK;
        // Sound at full scale swings over when it is resampled, and the detector takes no more than ±1.
        let blocks: Vec<f32> = self.waiting.drain(..whole).map(|sample| sample.clamp(-1.0, 1.0)).collect();
        blocks.chunks_exact(DETECTOR_BLOCK).map(|block| self.judge(block)).collect()
    }

    fn judge(&mut self, block: &[f32]) -> VadFrame {
        let score = self.detector.predict_f32(block);
        self.heard += block.len() as u64;
        // The resampler is late by its delay, so that what it gives was said before.
        let end = self.heard.saturating_sub(self.resampler.delay()) * u64::from(self.resampler.from().0)
            / u64::from(DETECTOR_RATE.0);
        VadFrame { end, score }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_threshold_is_the_measured_one_and_none_is_out_of_reach() {
        assert!((score_threshold(0.5) - 0.6).abs() < 1e-6);
        assert!(score_threshold(1.0) < 1.0 && score_threshold(0.0) > 0.2);
    }

    #[test]
    fn what_is_clipped_is_no_fault() {
        let square: Vec<f32> = (0..24_000).map(|n| if n / 50 % 2 == 0 { 1.0 } else { -1.0 }).collect();
        assert!(VoiceActivityDetector::default().listen(&square).len() >= 60);
    }

    #[test]
    fn silence_is_not_speech() {
        let hops = VoiceActivityDetector::default().listen(&vec![0.0; 24_000]);
        assert!(hops.len() >= 60, "{}", hops.len());
        assert!(hops.iter().all(|hop| hop.score < 0.5));
        assert!(hops.iter().all(|hop| hop.end <= 24_000));
    }
}
