//! Near-end speech in the output of the canceller's linear filter.
//!
//! AEC3's residual suppressor distorts near-end speech at double-talk onset. The output of its linear filter
//! keeps all of it, next to residual echo whose usual level relative to the estimated echo is learned.

use std::collections::VecDeque;

use crate::audio::echo::activity::NearEnd;
use crate::audio::echo::aec3::LinearOutput;
use crate::audio::echo::block::{Block, decibels, power};

/// Blocks for which residual echo is smeared by the room and the filter.
const SMEARING: usize = 5;
/// Noise floor: -60 dBFS.
const NOISE_FLOOR: f32 = 1e-6;
/// Rate at which the noise floor rises per block: 0.9 dB per second.
const NOISE_RISE: f32 = 1.002;
/// Mean of the noise relative to its minimum: 3 dB.
const NOISE_MEAN: f32 = 2.0;
/// Adaptation of the usual level in dB per block, up and down: one block in eight exceeds it.
const STEP_UP_DB: f32 = 0.2;
const STEP_DOWN_DB: f32 = 0.03;
/// Least usual level of residual echo relative to the estimated echo in dB; louder speech may follow soft speech.
const LEAST_USUAL_DB: f32 = -15.0;
/// Correction of the usual level after a false positive in dB.
const FALSE_POSITIVE_DB: f32 = 2.0;
/// Blocks after which speech onset is certain: half a second. Earlier blocks are not learned.
const ONSET_BLOCKS: usize = 50;
/// Ratio of power to usual power from which on speech is assumed: 6.5 dB.
const CLEAR_RATIO: f32 = 4.5;

/// The near-end signal without the estimated echo.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResidualSignal {
    pub(crate) block: Block,
    /// Whether it is louder than residual echo usually is.
    pub(crate) stands_out: bool,
}

/// Learns the usual level of residual echo.
pub(super) struct ResidualMonitor {
    /// Powers of recent estimated echo, the newest last.
    echo: [f32; SMEARING],
    noise: f32,
    /// Usual level of residual echo relative to the estimated echo.
    usual_db: f32,
    /// Levels of recent blocks that seem to contain only echo, the newest last.
    pending: VecDeque<f32>,
    near_end: NearEnd,
}

impl Default for ResidualMonitor {
    fn default() -> Self {
        Self {
            echo: [0.0; SMEARING],
            noise: NOISE_FLOOR,
            usual_db: 0.0,
            pending: VecDeque::with_capacity(ONSET_BLOCKS + 1),
            near_end: NearEnd::Silent,
        }
    }
}

impl ResidualMonitor {
    /// Evaluates a block. Does not learn during near-end speech.
    pub(super) fn evaluate(&mut self, linear: &LinearOutput, near_end: NearEnd) -> ResidualSignal {
        let power = power(&linear.block);
        self.echo.rotate_left(1);
        self.echo[SMEARING - 1] = linear.echo_power;
        let echo = self.echo.iter().copied().fold(0.0, f32::max);
        self.noise = power.min(self.noise * NOISE_RISE).max(NOISE_FLOOR);
        let noise = self.noise * NOISE_MEAN;
        let usual = echo * 10.0_f32.powf(self.usual_db / 10.0) + noise;
        let stands_out = power > usual * CLEAR_RATIO;
        self.learn(decibels((power - noise).max(0.0)) - decibels(echo), echo, near_end);
        ResidualSignal { block: linear.block, stands_out }
    }

    fn learn(&mut self, level_db: f32, echo: f32, near_end: NearEnd) {
        let before = std::mem::replace(&mut self.near_end, near_end);
        if near_end != NearEnd::Silent {
            self.pending.clear();
            return;
        }
        if before == NearEnd::Suspected {
            self.usual_db += FALSE_POSITIVE_DB;
        }
        if echo < NOISE_FLOOR {
            return;
        }
        self.pending.push_back(level_db);
        if self.pending.len() <= ONSET_BLOCKS {
            return;
        }
        let level_db = self.pending.pop_front().unwrap_or_default();
        let step = if level_db > self.usual_db { STEP_UP_DB } else { -STEP_DOWN_DB };
        self.usual_db = (self.usual_db + step).max(LEAST_USUAL_DB);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::echo::aec3::Aec3;
    use crate::audio::echo::block::BLOCK;
    use crate::audio::echo::room::{Room, assistant, user};

    const SECONDS: usize = 16;
    const TURN: usize = (SECONDS - 2) * 100;
    /// Blocks of two seconds that may stand out without speech: a guess needs three voiced frames of eight.
    const SELDOM: usize = 10;

    /// Counts the blocks that stand out in the last two seconds of an answer while `near` speaks.
    fn stand_out(near: &[f32]) -> usize {
        let far = assistant(SECONDS);
        let mut microphone = Room { delay_ms: 60, gain_db: -6.0, drift_ppm: 0.0 }.echo(&far, 1);
        let speech = microphone[TURN * BLOCK..].iter_mut().zip(near);
        speech.for_each(|(sample, near)| *sample += near);
        let (mut aec, mut monitor, mut count) = (Aec3::new(), ResidualMonitor::default(), 0);
        let blocks = far.as_chunks::<BLOCK>().0.iter().zip(microphone.as_chunks::<BLOCK>().0);
        for (at, (far, near)) in blocks.enumerate() {
            aec.render(far);
            aec.capture(near);
            let residual = monitor.evaluate(&aec.linear_output(), NearEnd::Silent);
            count += usize::from(at >= TURN && residual.stands_out);
        }
        count
    }

    #[test]
    fn near_end_speech_stands_out_and_echo_does_not() {
        let (echo, speech) = (stand_out(&[]), stand_out(&user()));
        assert!(echo <= SELDOM, "{echo}");
        assert!(speech > 40, "{speech}");
    }
}
