//! Foretells the echo, and tells what else the microphone hears, and by how much that stands out.
//!
//! The canceller's suppressor tears the first words of whoever speaks over the speaker to pieces. What a filter
//! leaves has all of them, beside a rest of the echo, of which it is known how loud it may be.

use std::collections::VecDeque;

use crate::audio::echo::kalman_filter::{BlockSamples, FilterOutput, KalmanFilter, PIECE};
use crate::audio::echo::{Block, NearEnd, RATE, decibels};
use crate::dsp::frame::SampleRate;
use crate::dsp::resample::Resampler;

/// The rate of what is foretold.
pub(crate) const FORECAST_RATE: SampleRate = SampleRate(8_000);
/// How many pieces the speaker may be ahead of the microphone.
const APART: usize = 10;
/// So many pieces of the speaker may be missing because they come late; when more are, it rests.
const LATE: usize = 3;
/// For so many pieces a rest of the echo counts as being there: rooms and the filter's windows smear it.
const SMEARED: usize = 4;
/// Power that is nobody's: 60 dB below full scale in each sample, summed as the filter does.
const FAINT: f32 = 2.5e-3;
/// How fast the noise of the room may rise, by piece: 0.9 dB a second.
const RISING: f32 = 1.002;
/// How far the mean of the noise is above its softest pieces: 3 dB.
const ABOVE_SOFTEST: f32 = 2.0;
/// How the usual rest is learned, in dB by piece, up and down: one piece of fifty is louder than that.
const LOUDER_DB: f32 = 0.2;
const SOFTER_DB: f32 = 0.004;
/// How much more is usual when somebody seemed to speak and did not, in dB.
const MISTAKEN_DB: f32 = 2.0;
/// In so many pieces it shows that it was somebody who began to speak: half a second. Before, nothing is learned.
const SHOWN: usize = 50;
/// No rest is louder than usual by this, in dB, and no usual one softer than foretold.
const CLEAR_DB: f32 = 6.0;

/// What the microphone hears besides the echo.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResidualSignal {
    /// Ten milliseconds at 8 kHz.
    pub(crate) piece: BlockSamples,
    /// Whether that is louder than what the echo can have left.
    pub(crate) stands_out: bool,
}

/// Foretells the echo of what is rendered.
pub(super) struct EchoEstimator {
    far: Resampler,
    near: Resampler,
    rendered: VecDeque<BlockSamples>,
    /// How many pieces were missing there, one after the other.
    missing: usize,
    filter: KalmanFilter,
    /// What the echo may have left of itself, the newest last.
    doubts: [f32; SMEARED],
    noise: f32,
    /// How much louder than foretold the rest of an echo is, all but always.
    usual_db: f32,
    /// By how much the last pieces were louder than foretold, the newest last; of nothing but the echo, as it seems.
    unlearned: VecDeque<f32>,
    talker: NearEnd,
    waiting: Vec<f32>,
}

impl EchoEstimator {
    pub(super) fn new() -> Self {
        Self {
            far: Resampler::new(RATE, FORECAST_RATE),
            near: Resampler::new(RATE, FORECAST_RATE),
            rendered: VecDeque::with_capacity(APART + 1),
            missing: 0,
            filter: KalmanFilter::new(),
            doubts: [0.0; SMEARED],
            noise: FAINT,
            usual_db: 0.0,
            unlearned: VecDeque::with_capacity(SHOWN + 1),
            talker: NearEnd::Silent,
            waiting: Vec::with_capacity(PIECE),
        }
    }

    /// Takes what the speaker was given.
    pub(super) fn render(&mut self, block: &Block) {
        let piece = piece(&mut self.far, &mut self.waiting, block);
        self.rendered.push_back(piece);
        if self.rendered.len() > APART
            && let Some(early) = self.rendered.pop_front()
        {
            // The microphone has lost as much.
            self.filter.skip_ahead(&early);
        }
    }

    /// Takes what the microphone heard, and returns what of it is no echo, where that can be told; learns nothing
    /// of the rest of the echo while somebody speaks.
    pub(super) fn capture(&mut self, block: &Block, talker: NearEnd) -> Option<ResidualSignal> {
        let heard = piece(&mut self.near, &mut self.waiting, block);
        let played = self.played()?;
        let left = self.filter.take(&played, &heard);
        let above_db = self.above(&left);
        let stands_out = above_db > self.usual_db + CLEAR_DB;
        self.learn(above_db, &left, talker);
        Some(ResidualSignal { piece: left.piece, stands_out })
    }

    /// Returns what was played beside what is heard, silence where the speaker rests.
    fn played(&mut self) -> Option<BlockSamples> {
        let Some(played) = self.rendered.pop_front() else {
            self.missing += 1;
            return (self.missing > LATE).then_some([0.0; PIECE]);
        };
        if self.missing <= LATE {
            // What comes late from here on is less late than its echo by as much.
            self.filter.fall_behind(self.missing);
        }
        self.missing = 0;
        Some(played)
    }

    fn learn(&mut self, above_db: f32, left: &FilterOutput, talker: NearEnd) {
        match (std::mem::replace(&mut self.talker, talker), talker) {
            (
                NearEnd::Silent | NearEnd::Suspected | NearEnd::Speaks,
                NearEnd::Suspected | NearEnd::Speaks,
            ) => {
                self.unlearned.clear();
            }
            (NearEnd::Suspected, NearEnd::Silent) => self.usual_db += MISTAKEN_DB,
            (NearEnd::Silent | NearEnd::Speaks, NearEnd::Silent) => {}
        }
        if talker != NearEnd::Silent || left.doubt < FAINT {
            return;
        }
        self.unlearned.push_back(above_db);
        if self.unlearned.len() <= SHOWN {
            return;
        }
        let above_db = self.unlearned.pop_front().unwrap_or_default();
        let step = if above_db > self.usual_db { LOUDER_DB } else { -SOFTER_DB };
        self.usual_db = (self.usual_db + step).max(0.0);
    }

    /// Rests while the speaker is silent.
    pub(super) fn rest(&mut self) {
        self.rendered.pop_front();
        self.missing = 0;
        self.filter.rest();
    }

    /// Returns how much louder it is than foretold, in dB.
    fn above(&mut self, left: &FilterOutput) -> f32 {
        self.doubts.rotate_left(1);
        self.doubts[SMEARED - 1] = left.doubt;
        self.noise = left.power.min(self.noise * RISING).max(FAINT);
        let echo = self.doubts.iter().copied().fold(0.0, f32::max);
        decibels(left.power) - decibels(echo + self.noise * ABOVE_SOFTEST)
    }
}

fn piece(resampler: &mut Resampler, waiting: &mut Vec<f32>, block: &Block) -> BlockSamples {
    waiting.clear();
    resampler.process(block, waiting);
    waiting.first_chunk().copied().unwrap_or([0.0; PIECE])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::echo::BLOCK;
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
            let rest = forecast.capture(&near, NearEnd::Silent);
            count += usize::from(at >= TURN && rest.is_some_and(|rest| rest.stands_out));
        }
        count
    }

    #[test]
    fn nothing_but_a_voice_stands_out() {
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
    fn pieces_that_come_late_are_still_known() {
        for late in [1, 2, LATE] {
            let count = stood_out(late, |_, _| ());
            assert!(count <= SELDOM, "{count} when {late} are late");
        }
    }
}
