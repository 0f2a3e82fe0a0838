//! Linear echo estimation: the residual of the microphone signal, and whether near-end speech stands out of
//! it.
//!
//! AEC3's residual suppressor distorts near-end speech at double-talk onset. The residual of a linear filter
//! keeps all of it, next to some echo whose level is known.

use std::collections::VecDeque;

use crate::audio::echo::activity::NearEnd;
use crate::audio::echo::block::{Block, RATE, decibels};
use crate::audio::echo::kalman_filter::{BlockSamples, FilterOutput, KalmanFilter, PIECE};
use crate::dsp::frame::SampleRate;
use crate::dsp::resample::Resampler;

/// Sample rate of the estimator.
pub(crate) const ESTIMATOR_RATE: SampleRate = SampleRate(8_000);
/// Pieces the far end may be ahead of the near end.
const MAX_AHEAD: usize = 10;
/// Far-end pieces that may be late; beyond that the speaker counts as paused.
const MAX_LATE: usize = 3;
/// Pieces for which residual echo is smeared by the room and the filter's windows.
const SMEARING: usize = 4;
/// Noise floor: -60 dBFS per sample, summed as by the filter.
const NOISE_FLOOR: f32 = 2.5e-3;
/// Rate at which the noise floor rises per piece: 0.9 dB per second.
const NOISE_RISE: f32 = 1.002;
/// Mean of the noise relative to its minimum: 3 dB.
const NOISE_MEAN: f32 = 2.0;
/// Adaptation of the usual residual level in dB per piece, up and down: one piece in fifty exceeds it.
const STEP_UP_DB: f32 = 0.2;
const STEP_DOWN_DB: f32 = 0.004;
/// Correction of the usual level after a false positive, in dB.
const FALSE_POSITIVE_DB: f32 = 2.0;
/// Pieces after which speech onset is certain: half a second. Earlier pieces are not learned.
const ONSET_PIECES: usize = 50;
/// Level above the usual residual at which speech is assumed, in dB.
const CLEAR_DB: f32 = 6.0;

/// The near-end signal without the estimated echo.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResidualSignal {
    /// 10 ms at 8 kHz.
    pub(crate) piece: BlockSamples,
    /// Whether it is louder than residual echo can be.
    pub(crate) stands_out: bool,
}

/// Estimates the echo of the far-end signal.
pub(super) struct EchoEstimator {
    far: Resampler,
    near: Resampler,
    rendered: VecDeque<BlockSamples>,
    /// Consecutive missing pieces.
    missing: usize,
    filter: KalmanFilter,
    /// Upper bounds of recent residual echo, the newest last.
    uncertainties: [f32; SMEARING],
    noise: f32,
    /// Usual excess of the residual echo over its estimate.
    usual_db: f32,
    /// Excess of recent pieces that seem to contain only echo, the newest last.
    pending: VecDeque<f32>,
    near_end: NearEnd,
    resampled: Vec<f32>,
}

impl EchoEstimator {
    pub(super) fn new() -> Self {
        Self {
            far: Resampler::new(RATE, ESTIMATOR_RATE),
            near: Resampler::new(RATE, ESTIMATOR_RATE),
            rendered: VecDeque::with_capacity(MAX_AHEAD + 1),
            missing: 0,
            filter: KalmanFilter::new(),
            uncertainties: [0.0; SMEARING],
            noise: NOISE_FLOOR,
            usual_db: 0.0,
            pending: VecDeque::with_capacity(ONSET_PIECES + 1),
            near_end: NearEnd::Silent,
            resampled: Vec::with_capacity(PIECE),
        }
    }

    /// Takes a block of the far end.
    pub(super) fn render(&mut self, block: &Block) {
        let piece = piece(&mut self.far, &mut self.resampled, block);
        self.rendered.push_back(piece);
        if self.rendered.len() > MAX_AHEAD
            && let Some(early) = self.rendered.pop_front()
        {
            // The near end lost as much.
            self.filter.skip_ahead(&early);
        }
    }

    /// Takes a block of the near end and returns its residual, if known. Does not learn during near-end
    /// speech.
    pub(super) fn capture(&mut self, block: &Block, near_end: NearEnd) -> Option<ResidualSignal> {
        let captured = piece(&mut self.near, &mut self.resampled, block);
        let played = self.played()?;
        let output = self.filter.take(&played, &captured);
        let excess_db = self.excess(&output);
        let stands_out = excess_db > self.usual_db + CLEAR_DB;
        self.learn(excess_db, &output, near_end);
        Some(ResidualSignal { piece: output.piece, stands_out })
    }

    /// Returns the far-end piece that belongs to the current near-end piece, silence if the speaker is
    /// paused.
    fn played(&mut self) -> Option<BlockSamples> {
        let Some(played) = self.rendered.pop_front() else {
            self.missing += 1;
            return (self.missing > MAX_LATE).then_some([0.0; PIECE]);
        };
        if self.missing <= MAX_LATE {
            // Later pieces reduce the echo delay by as much.
            self.filter.fall_behind(self.missing);
        }
        self.missing = 0;
        Some(played)
    }

    fn learn(&mut self, excess_db: f32, output: &FilterOutput, near_end: NearEnd) {
        match (std::mem::replace(&mut self.near_end, near_end), near_end) {
            (
                NearEnd::Silent | NearEnd::Suspected | NearEnd::Speaks,
                NearEnd::Suspected | NearEnd::Speaks,
            ) => {
                self.pending.clear();
            }
            (NearEnd::Suspected, NearEnd::Silent) => self.usual_db += FALSE_POSITIVE_DB,
            (NearEnd::Silent | NearEnd::Speaks, NearEnd::Silent) => {}
        }
        if near_end != NearEnd::Silent || output.uncertainty < NOISE_FLOOR {
            return;
        }
        self.pending.push_back(excess_db);
        if self.pending.len() <= ONSET_PIECES {
            return;
        }
        let excess_db = self.pending.pop_front().unwrap_or_default();
        let step = if excess_db > self.usual_db { STEP_UP_DB } else { -STEP_DOWN_DB };
        self.usual_db = (self.usual_db + step).max(0.0);
    }

    /// Pauses while the far end is silent.
    pub(super) fn pause(&mut self) {
        self.rendered.pop_front();
        self.missing = 0;
        self.filter.clear();
    }

    /// Returns the excess over the estimate in dB.
    fn excess(&mut self, output: &FilterOutput) -> f32 {
        self.uncertainties.rotate_left(1);
        self.uncertainties[SMEARING - 1] = output.uncertainty;
        self.noise = output.power.min(self.noise * NOISE_RISE).max(NOISE_FLOOR);
        let echo = self.uncertainties.iter().copied().fold(0.0, f32::max);
        decibels(output.power) - decibels(echo + self.noise * NOISE_MEAN)
    }
}

fn piece(resampler: &mut Resampler, resampled: &mut Vec<f32>, block: &Block) -> BlockSamples {
    resampled.clear();
    resampler.process(block, resampled);
    resampled.first_chunk().copied().unwrap_or([0.0; PIECE])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::echo::block::BLOCK;
    use crate::audio::echo::room::{Room, assistant, user};

    const SECONDS: usize = 16;
    /// How many pieces of two seconds may stand out of nothing: a guess needs three of eight, and a voice in them.
    const SELDOM: usize = 10;
    const TURN: usize = (SECONDS - 2) * 100;

    /// An answer in a room, which the forecast has got to know.
    fn known() -> (EchoEstimator, Vec<Block>, Vec<Block>) {
        let far = assistant(SECONDS);
        let near = Room { delay_ms: 60, gain_db: -6.0, drift_ppm: 0.0 }.echo(&far, 1);
        let blocks = |samples: &[f32]| samples.as_chunks::<BLOCK>().0.to_vec();
        (EchoEstimator::new(), blocks(&far), blocks(&near))
    }

    /// Returns how often something stood out in the last two seconds, when `late` pieces are late from then on.
    fn stood_out(late: usize, speak: impl Fn(usize, &mut Block)) -> usize {
        let (mut forecast, far, near) = known();
        let mut count = 0;
        for (at, near) in near.iter().enumerate() {
            match at.checked_sub(TURN) {
                None => forecast.render(&far[at]),
                Some(after) if after < late => {}
                Some(_) => forecast.render(&far[at - late]),
            }
            let mut near = *near;
            speak(at, &mut near);
            let pause = forecast.capture(&near, NearEnd::Silent);
            count += usize::from(at >= TURN && pause.is_some_and(|pause| pause.stands_out));
        }
        count
    }

    #[test]
    fn only_speech_stands_out() {
        let alone = stood_out(0, |_, _| ());
        assert!(alone <= SELDOM, "{alone}");
        let voice = user();
        let spoken = stood_out(0, |at, block| {
            let Some(from) = at.checked_sub(TURN) else { return };
            let sounding = voice.iter().skip(from * BLOCK);
            block.iter_mut().zip(sounding).for_each(|(sample, voice)| *sample += voice);
        });
        assert!(spoken > 40, "{spoken}");
    }

    #[test]
    fn late_far_end_pieces_keep_the_echo_path() {
        for late in [1, 2, MAX_LATE] {
            let count = stood_out(late, |_, _| ());
            assert!(count <= SELDOM, "{count} when {late} are late");
        }
    }
}
