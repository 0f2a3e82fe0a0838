//! The echo canceller, and noise suppression and gain control after it; suspended while the far end is silent.

use std::collections::VecDeque;

use sonora::config::{AdaptiveDigital, GainController2, NoiseSuppression};
use sonora::{AudioProcessing, Config, StreamConfig};

use crate::audio::api::EchoMode;
use crate::audio::echo::aec3::{Aec3, LinearOutput};
use crate::audio::echo::block::{BLOCK, Block, RATE};
use crate::audio::options::{Processing, ProcessingStep};

/// Delay in samples of the band split before noise suppression and gain control, and of noise suppression.
const BAND_SPLIT_DELAY: usize = 32;
const SUPPRESSION_DELAY: usize = 144;
/// Blocks after waking that still contain audio from before the suspension.
const WARM_UP: u32 = 3;
/// Largest offset of the two sides in blocks while both run. More means that the speaker was paused.
const MAX_OFFSET: i32 = 10;

/// Removes the echo of the rendered signal from the captured one.
///
/// While suspended it is bypassed with the same delay, so that waking is inaudible.
pub(super) struct Canceller {
    aec: Option<Aec3>,
    /// Noise suppression and gain control, which always run.
    enhancer: Option<Box<AudioProcessing>>,
    output: Block,
    /// Linear output of the last block, while the canceller runs.
    linear: Option<LinearOutput>,
    /// The unprocessed microphone signal, delayed like the output.
    plain: VecDeque<f32>,
    delay: usize,
    state: ProcessorState,
    /// Share of the processed signal in the output: 0 or 1, or a cross-fade within one block.
    share: f32,
}

/// Selects the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CancellerOutput {
    /// Without echo.
    Clean,
    /// The unprocessed microphone signal.
    Plain,
}

/// State of the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ProcessorState {
    /// Suspended; surplus of rendered over captured blocks meanwhile.
    Suspended(i32),
    /// Running, but the filters still contain old audio; blocks left.
    Waking(u32),
    /// Running.
    Running,
}

impl Canceller {
    /// Creates the canceller if `mode` or another step needs it.
    pub(super) fn for_mode(mode: EchoMode, processing: &Processing) -> Option<Self> {
        let aec = (mode == EchoMode::Cancel).then(Aec3::new);
        let enhancer = enhancer(processing);
        if aec.is_none() && enhancer.is_none() {
            return None;
        }
        let delay = if aec.is_some() { Aec3::DELAY } else { 0 }
            + if enhancer.is_some() { BAND_SPLIT_DELAY } else { 0 }
            + if processing.noise_suppression == ProcessingStep::On { SUPPRESSION_DELAY } else { 0 };
        let always = enhancer.is_some();
        Some(Self {
            aec,
            enhancer,
            output: [0.0; BLOCK],
            linear: None,
            plain: VecDeque::from(vec![0.0; delay]),
            delay,
            state: if always { ProcessorState::Running } else { ProcessorState::Suspended(0) },
            share: if always { 1.0 } else { 0.0 },
        })
    }

    pub(super) fn delay(&self) -> u64 {
        self.delay as u64
    }

    /// Returns the last near-end block before residual suppression, while the canceller runs.
    pub(super) fn linear(&self) -> Option<&LinearOutput> {
        self.linear.as_ref()
    }

    /// Takes a block of the far end; wakes if it is active.
    pub(super) fn render(&mut self, block: &Block, is_active: bool) {
        match self.state {
            ProcessorState::Suspended(ahead) if is_active => {
                self.catch_up(ahead);
                self.state = ProcessorState::Waking(WARM_UP);
                self.feed(block);
            }
            ProcessorState::Suspended(ahead) => self.state = ProcessorState::Suspended(ahead + 1),
            ProcessorState::Waking(_) | ProcessorState::Running => self.feed(block),
        }
    }

    /// Aligns both sides as without the suspension, so that the echo delay is unchanged.
    fn catch_up(&mut self, ahead: i32) {
        // A paused speaker starts anew.
        if ahead.abs() <= MAX_OFFSET {
            (0..ahead).for_each(|_| self.feed(&[0.0; BLOCK]));
            (ahead..0).for_each(|_| self.process(&[0.0; BLOCK]));
        }
    }

    fn feed(&mut self, block: &Block) {
        if let Some(aec) = &mut self.aec {
            aec.render(block);
        }
    }

    fn process(&mut self, block: &Block) {
        let block = self.aec.as_mut().map_or(*block, |aec| aec.capture(block));
        self.linear = self.aec.as_mut().map(Aec3::linear_output);
        self.output = block;
        if let Some(enhancer) = &mut self.enhancer {
            // It fails only for wrong lengths.
            let _ = enhancer.process_capture_f32(&[&block], &mut [&mut self.output]);
        }
    }

    /// Replaces a lost near-end block.
    pub(super) fn skip(&mut self) {
        match self.state {
            ProcessorState::Suspended(ahead) => self.state = ProcessorState::Suspended(ahead - 1),
            ProcessorState::Waking(_) | ProcessorState::Running => {
                if let Some(aec) = &mut self.aec {
                    aec.skip();
                }
            }
        }
    }

    /// Processes a near-end block; suspends after the far end has become inactive.
    pub(super) fn capture(&mut self, block: &mut Block, output: CancellerOutput, is_active: bool) {
        self.plain.extend(block.iter());
        match self.state {
            ProcessorState::Suspended(ahead) => {
                self.state = ProcessorState::Suspended(ahead - 1);
                (self.output, self.linear) = ([0.0; BLOCK], None);
            }
            ProcessorState::Waking(_) | ProcessorState::Running => self.process(block),
        }
        let always = self.enhancer.is_some();
        let stays = is_active || always;
        let is_used =
            stays && self.state == ProcessorState::Running && (output == CancellerOutput::Clean || always);
        self.mix(block, if is_used { 1.0 } else { 0.0 });
        self.state = match self.state {
            ProcessorState::Waking(0 | 1) => ProcessorState::Running,
            ProcessorState::Waking(left) => ProcessorState::Waking(left - 1),
            ProcessorState::Running if !stays && self.share == 0.0 => ProcessorState::Suspended(0),
            state @ (ProcessorState::Suspended(_) | ProcessorState::Running) => state,
        };
    }

    /// Crosses from one output to the other within a block.
    fn mix(&mut self, block: &mut Block, target: f32) {
        let step = (target - self.share) / BLOCK as f32;
        for ((sample, plain), processed) in block.iter_mut().zip(self.plain.drain(..BLOCK)).zip(self.output) {
            self.share += step;
            *sample = plain + (processed - plain) * self.share;
        }
        self.share = target;
    }
}

fn enhancer(processing: &Processing) -> Option<Box<AudioProcessing>> {
    let suppresses = processing.noise_suppression == ProcessingStep::On;
    let controls = processing.gain_control == ProcessingStep::On;
    let config = Config {
        noise_suppression: suppresses.then(NoiseSuppression::default),
        gain_controller2: controls.then(|| GainController2 {
            adaptive_digital: Some(AdaptiveDigital::default()),
            ..GainController2::default()
        }),
        ..Config::default()
    };
    let stream = StreamConfig::new(RATE.0, 1);
    (suppresses || controls).then(|| {
        Box::new(
            AudioProcessing::builder().config(config).capture_config(stream).render_config(stream).build(),
        )
    })
}
