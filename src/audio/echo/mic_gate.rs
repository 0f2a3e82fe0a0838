//! The microphone gate: ducking and half duplex.

use std::collections::VecDeque;

use crate::audio::echo::activity::{NearEnd, SpeechGate};
use crate::audio::echo::block::{BLOCK_TIME, Block};
use crate::audio::echo::meter::Measurement;

/// Gain while ducked: -54 dB. The neural VAD of a server still finds speech at -26 dB.
const DUCKED: f32 = 0.002;
/// Gain for speech detection meanwhile: -26 dB, at which residual echo is no speech, and loud speech is.
const DETECTION_GAIN: f32 = 0.05;
/// Delay and length of an echo in blocks.
const REACH: usize = 80;
/// Decay of an echo per block: 20 dB in 100 ms, as in a large room.
const DECAY: f32 = 0.63;
/// Tolerance of the measured delay in blocks.
const DELAY_TOLERANCE: usize = 3;
/// Near-end speech exceeds the echo by this: 5 dB.
const SPEECH_RATIO: f32 = 3.2;
/// Near-end activity threshold: -55 dBFS.
const SPEECH_FLOOR: f32 = 3e-6;
/// Assumed coupling before a measurement: -6 dB.
const ASSUMED_COUPLING: f32 = 0.25;

/// The gate.
#[derive(Debug)]
pub(super) struct MicGate {
    gain: f32,
    rendered: VecDeque<f32>,
    /// Power of the residual echo relative to the far end.
    coupling: f32,
    /// Echo delay in blocks, if known.
    delay: Option<usize>,
}

impl Default for MicGate {
    fn default() -> Self {
        Self { gain: 1.0, rendered: VecDeque::new(), coupling: ASSUMED_COUPLING, delay: None }
    }
}

impl MicGate {
    /// Takes the power of a far-end block.
    pub(super) fn render(&mut self, power: f32) {
        self.rendered.push_back(power);
        if self.rendered.len() > REACH {
            self.rendered.pop_front();
        }
    }

    /// Adapts to a measurement.
    pub(super) fn adapt(&mut self, measurement: &Measurement) {
        let measured = match measurement.left_dbfs {
            Some(left) => 10.0_f32.powf((left - measurement.far_dbfs) / 10.0),
            None if measurement.is_still => 0.0,
            None => return,
        };
        self.coupling += (measured - self.coupling) * 0.5;
        let delay = measurement.echo.map(|echo| echo.delay.as_millis() / BLOCK_TIME.as_millis());
        self.delay = delay.and_then(|blocks| usize::try_from(blocks).ok()).or(self.delay);
    }

    /// Opens the gate.
    pub(super) fn open(&mut self, block: &mut Block) {
        self.ramp(block, 1.0);
    }

    /// Closes the gate.
    pub(super) fn close(&mut self, block: &mut Block) {
        self.ramp(block, 0.0);
    }

    /// Ducks the microphone without near-end speech; `power` is that of the block.
    pub(super) fn duck(&mut self, block: &mut Block, power: f32, near_end: NearEnd) -> SpeechGate {
        self.ramp(
            block,
            match near_end {
                NearEnd::Silent => DUCKED,
                NearEnd::Suspected | NearEnd::Speaks => 1.0,
            },
        );
        let echo = self.loudest_echo_source() * self.coupling;
        if power > SPEECH_FLOOR && power > echo * SPEECH_RATIO {
            SpeechGate::Open
        } else {
            SpeechGate::Masked
        }
    }

    /// Returns the current gain for speech detection.
    pub(super) fn detection_gain(&self) -> f32 {
        self.gain.max(DETECTION_GAIN)
    }

    /// Returns the largest far-end power that may still echo.
    fn loudest_echo_source(&self) -> f32 {
        let back = self.rendered.iter().rev();
        match self.delay {
            None => back.copied().fold(0.0, f32::max),
            Some(delay) => {
                let direct = delay.saturating_sub(DELAY_TOLERANCE);
                let sounding = back.skip(direct).zip(0_i32..).map(|(power, ago)| {
                    let behind = ago - i32::try_from(2 * DELAY_TOLERANCE).unwrap_or(i32::MAX);
                    power * DECAY.powi(behind.max(0))
                });
                sounding.fold(0.0, f32::max)
            }
        }
    }

    /// Ramps to the gain within a block.
    fn ramp(&mut self, block: &mut Block, gain: f32) {
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
