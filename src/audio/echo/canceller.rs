//! The echo canceller (AEC3), suspended while the far end is silent.

use std::collections::VecDeque;

use sonora::config::{AdaptiveDigital, EchoCanceller, GainController2, NoiseSuppression};
use sonora::{AudioProcessing, Config, StreamConfig};

use crate::audio::api::EchoMode;
use crate::audio::echo::block::{BLOCK, Block, RATE};
use crate::audio::options::{Processing, ProcessingStep};

/// Delay of the canceller and of noise suppression in samples, caused by their filter banks.
const CANCELLER_DELAY: usize = 224;
const SUPPRESSION_DELAY: usize = 144;
/// Blocks after waking that still contain audio from before the suspension.
const WARM_UP: u32 = 3;
/// Largest offset of the two sides in blocks while both run. More means that the speaker was paused.
const MAX_OFFSET: i32 = 10;

/// Removes the echo of the rendered signal from the captured one.
///
/// While suspended it is bypassed with the same delay, so that waking is inaudible.
pub(super) struct Canceller {
    processor: Box<AudioProcessing>,
    scratch: Block,
    /// The unprocessed microphone signal, delayed like the output of the canceller.
    plain: VecDeque<f32>,
    delay: usize,
    need: ProcessorNeed,
    state: ProcessorState,
    /// Share of the canceller in the output: 0 or 1, or a cross-fade within one block.
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

/// When the processor must run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ProcessorNeed {
    /// During playback.
    Echo,
    /// Always, for noise suppression or gain control.
    Always,
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
        let cancels = mode == EchoMode::Cancel;
        let suppresses = processing.noise_suppression == ProcessingStep::On;
        let controls = processing.gain_control == ProcessingStep::On;
        if !(cancels || suppresses || controls) {
            return None;
        }
        let config = Config {
            echo_canceller: cancels.then(EchoCanceller::default),
            noise_suppression: suppresses.then(NoiseSuppression::default),
            gain_controller2: controls.then(|| GainController2 {
                adaptive_digital: Some(AdaptiveDigital::default()),
                ..GainController2::default()
            }),
            ..Config::default()
        };
        let stream = StreamConfig::new(RATE.0, 1);
        let processor =
            AudioProcessing::builder().config(config).capture_config(stream).render_config(stream).build();
        let delay = CANCELLER_DELAY + if suppresses { SUPPRESSION_DELAY } else { 0 };
        let need = if suppresses || controls { ProcessorNeed::Always } else { ProcessorNeed::Echo };
        Some(Self {
            processor: Box::new(processor),
            scratch: [0.0; BLOCK],
            plain: VecDeque::from(vec![0.0; delay]),
            delay,
            need,
            state: if need == ProcessorNeed::Always {
                ProcessorState::Running
            } else {
                ProcessorState::Suspended(0)
            },
            share: if need == ProcessorNeed::Always { 1.0 } else { 0.0 },
        })
    }

    pub(super) fn delay(&self) -> u64 {
        self.delay as u64
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
            (ahead..0).for_each(|_| self.clean(&[0.0; BLOCK]));
        }
    }

    fn clean(&mut self, block: &Block) {
        // It fails only for wrong lengths.
        let _ = self.processor.process_capture_f32(&[block], &mut [&mut self.scratch]);
    }

    fn feed(&mut self, block: &Block) {
        // It fails only for wrong lengths.
        let _ = self.processor.process_render_f32(&[block], &mut [&mut self.scratch]);
    }

    /// Processes a near-end block; suspends after the far end has become inactive.
    pub(super) fn capture(&mut self, block: &mut Block, output: CancellerOutput, is_active: bool) {
        self.plain.extend(block.iter());
        match self.state {
            ProcessorState::Suspended(ahead) => {
                self.state = ProcessorState::Suspended(ahead - 1);
                self.scratch = [0.0; BLOCK];
            }
            ProcessorState::Waking(_) | ProcessorState::Running => {
                self.clean(block);
            }
        }
        let target = match (self.state, output, self.need) {
            (ProcessorState::Running, _, ProcessorNeed::Always)
            | (ProcessorState::Running, CancellerOutput::Clean, ProcessorNeed::Echo)
                if self.stays(is_active) =>
            {
                1.0
            }
            (ProcessorState::Suspended(_) | ProcessorState::Waking(_) | ProcessorState::Running, _, _) => 0.0,
        };
        self.mix(block, target);
        self.state = match self.state {
            ProcessorState::Waking(0 | 1) => ProcessorState::Running,
            ProcessorState::Waking(left) => ProcessorState::Waking(left - 1),
            ProcessorState::Running if !self.stays(is_active) && self.share == 0.0 => {
                ProcessorState::Suspended(0)
            }
            state @ (ProcessorState::Suspended(_) | ProcessorState::Running) => state,
        };
    }

    fn stays(&self, is_active: bool) -> bool {
        is_active || self.need == ProcessorNeed::Always
    }

    /// Crosses from one output to the other within a block.
    fn mix(&mut self, block: &mut Block, target: f32) {
        let step = (target - self.share) / BLOCK as f32;
        for ((sample, plain), clean) in block.iter_mut().zip(self.plain.drain(..BLOCK)).zip(self.scratch) {
            self.share += step;
            *sample = plain + (clean - plain) * self.share;
        }
        self.share = target;
    }
}
