//! Turns the microphone down and up again: ducking and half duplex.

use std::collections::VecDeque;

use crate::audio::echo::meter::Measurement;
use crate::audio::echo::{BLOCK_TIME, Block, NearEnd, SpeechGate};

/// How far the microphone is turned down while the speaker sounds: 26 dB.
const DUCKED: f32 = 0.05;
/// How late an echo may be, and how long it may last, in blocks.
const REACH: usize = 80;
/// How much softer an echo becomes with each block: 20 dB in a tenth of a second, as in a large room.
const DECAY: f32 = 0.63;
/// How far the measured delay may be off, in blocks.
const ABOUT: usize = 3;
/// Whoever speaks is louder than the echo may be by this: 5 dB.
const CLEAR: f32 = 3.2;
/// What is softer is nobody: 55 dB below full scale.
const FAINT: f32 = 3e-6;
/// How loud an echo is taken to be before it was measured: 6 dB softer than what is played.
const UNKNOWN_COUPLING: f32 = 0.25;

/// The gain of the microphone, and how loud an echo can be.
#[derive(Debug)]
pub(super) struct MicGate {
    gain: f32,
    rendered: VecDeque<f32>,
    /// Power of what is left of the echo, of what was played.
    coupling: f32,
    /// How late the echo is, in blocks, where that is known.
    late: Option<usize>,
}

impl Default for MicGate {
    fn default() -> Self {
        Self { gain: 1.0, rendered: VecDeque::new(), coupling: UNKNOWN_COUPLING, late: None }
    }
}

impl MicGate {
    /// Takes the power of a block that the speaker was given.
    pub(super) fn render(&mut self, power: f32) {
        self.rendered.push_back(power);
        if self.rendered.len() > REACH {
            self.rendered.pop_front();
        }
    }

    /// Learns how loud the echo is.
    pub(super) fn learn(&mut self, measurement: &Measurement) {
        let measured = match measurement.left_dbfs {
            Some(left) => 10.0_f32.powf((left - measurement.far_dbfs) / 10.0),
            None if measurement.is_still => 0.0,
            None => return,
        };
        self.coupling += (measured - self.coupling) * 0.5;
        let late = measurement.echo.map(|echo| echo.delay.as_millis() / BLOCK_TIME.as_millis());
        self.late = late.and_then(|blocks| usize::try_from(blocks).ok()).or(self.late);
    }

    /// Lets the microphone through.
    pub(super) fn open(&mut self, block: &mut Block) {
        self.turn(block, 1.0);
    }

    /// Lets nothing through.
    pub(super) fn close(&mut self, block: &mut Block) {
        self.turn(block, 0.0);
    }

    /// Lets the microphone through where somebody speaks, and little of it else; `power` is that of the block.
    pub(super) fn duck(&mut self, block: &mut Block, power: f32, talker: NearEnd) -> SpeechGate {
        self.turn(
            block,
            match talker {
                NearEnd::Silent => DUCKED,
                NearEnd::Suspected | NearEnd::Speaks => 1.0,
            },
        );
        let echo = self.loudest_played() * self.coupling;
        if power > FAINT && power > echo * CLEAR { SpeechGate::Open } else { SpeechGate::Masked }
    }

    /// Returns the largest power that was played and may sound in the room at this moment.
    fn loudest_played(&self) -> f32 {
        let back = self.rendered.iter().rev();
        match self.late {
            None => back.copied().fold(0.0, f32::max),
            Some(late) => {
                let direct = late.saturating_sub(ABOUT);
                let sounding = back.skip(direct).zip(0_i32..).map(|(power, ago)| {
                    let behind = ago - i32::try_from(2 * ABOUT).unwrap_or(i32::MAX);
                    power * DECAY.powi(behind.max(0))
                });
                sounding.fold(0.0, f32::max)
            }
        }
    }

    /// Comes to the gain within a block.
    fn turn(&mut self, block: &mut Block, gain: f32) {
        if self.gain == 1.0 && gain == 1.0 {
            return;
        }
        let step = (gain - self.gain) / block.len() as f32;
        for sample in block {
            self.gain += step;
            *sample *= self.gain;
        }
        self.gain = gain;
    }
}
