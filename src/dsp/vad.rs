//! Voice activity detection: a speech score for each frame of 16 ms.

use std::fmt;
use std::time::Duration;

use earshot::Detector;

use crate::dsp::frame::SampleRate;
use crate::dsp::resample::Resampler;

/// Input of the detector: 16 ms at 16 kHz.
const DETECTOR_RATE: SampleRate = SampleRate(16_000);
const DETECTOR_BLOCK: usize = 256;

/// The score of a frame of 16 ms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VadFrame {
    /// End of the frame in samples since the start.
    pub end: u64,
    /// 0 to 1.
    pub score: f32,
}

impl VadFrame {
    /// Length of a frame in samples at 24 kHz.
    pub const SAMPLES: u64 = 384;
    /// Duration of a frame.
    pub const TIME: Duration = Duration::from_millis(16);

    /// Returns the start of the frame in samples since the start.
    pub fn start(self) -> u64 {
        self.end.saturating_sub(Self::SAMPLES)
    }
}

/// Returns the score threshold for a configured `threshold`: 0.5 maps to 0.6, which was measured to pass all
/// speech and no noise. The ends stay within reachable scores.
pub fn score_threshold(threshold: f64) -> f32 {
    (0.25 + 0.7 * threshold.clamp(0.0, 1.0)) as f32
}

/// Scores each frame of a stream, usually at 24 kHz.
pub struct VoiceActivityDetector {
    detector: Box<Detector>,
    resampler: Resampler,
    waiting: Vec<f32>,
    heard: u64,
}

impl fmt::Debug for VoiceActivityDetector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("VoiceActivityDetector").field("heard", &self.heard).finish_non_exhaustive()
    }
}

impl Default for VoiceActivityDetector {
    fn default() -> Self {
        Self::for_rate(SampleRate::HZ_24000)
    }
}

impl VoiceActivityDetector {
    /// Creates a detector for a stream of this rate.
    pub fn for_rate(rate: SampleRate) -> Self {
        Self {
            detector: Detector::default_boxed(),
            resampler: Resampler::new(rate, DETECTOR_RATE),
            waiting: Vec::new(),
            heard: 0,
        }
    }

    /// Processes samples of ±1, and returns the completed frames.
    pub fn process(&mut self, samples: &[f32]) -> Vec<VadFrame> {
        self.resampler.process(samples, &mut self.waiting);
        let whole = self.waiting.len() / DETECTOR_BLOCK * DETECTOR_BLOCK;
        // Resampling overshoots at full scale, and the detector accepts only ±1.
        let blocks: Vec<f32> = self.waiting.drain(..whole).map(|sample| sample.clamp(-1.0, 1.0)).collect();
        blocks.chunks_exact(DETECTOR_BLOCK).map(|block| self.judge(block)).collect()
    }

    fn judge(&mut self, block: &[f32]) -> VadFrame {
        let score = self.detector.predict_f32(block);
        self.heard += block.len() as u64;
        // Corrects the delay of the resampler.
        let end = self.heard.saturating_sub(self.resampler.delay()) * u64::from(self.resampler.from().0)
            / u64::from(DETECTOR_RATE.0);
        VadFrame { end, score }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_threshold_is_the_measured_one_and_all_are_reachable() {
        assert!((score_threshold(0.5) - 0.6).abs() < 1e-6);
        assert!(score_threshold(1.0) < 1.0 && score_threshold(0.0) > 0.2);
    }

    #[test]
    fn clipped_audio_is_accepted() {
        let square: Vec<f32> = (0..24_000).map(|n| if n / 50 % 2 == 0 { 1.0 } else { -1.0 }).collect();
        assert!(VoiceActivityDetector::default().process(&square).len() >= 60);
    }

    #[test]
    fn silence_is_not_speech() {
        let hops = VoiceActivityDetector::default().process(&vec![0.0; 24_000]);
        assert!(hops.len() >= 60, "{}", hops.len());
        assert!(hops.iter().all(|hop| hop.score < 0.5));
        assert!(hops.iter().all(|hop| hop.end <= 24_000));
    }
}
