//! The echo canceller, which sleeps while the speaker is silent.

use std::collections::VecDeque;

use sonora::config::{AdaptiveDigital, EchoCanceller, GainController2, NoiseSuppression};
use sonora::{AudioProcessing, Config, StreamConfig};

use crate::audio::echo::{BLOCK, Block, EchoMode, Processing, ProcessingStep, RATE};

/// By how many samples the canceller is late, and what noise suppression adds: both are its filter banks'.
const CANCELLER_DELAY: usize = 224;
const SUPPRESSION_DELAY: usize = 144;
/// How many blocks after waking still hold what was heard before the sleep.
const WAKING: u32 = 3;
/// How many blocks the two sides of a device may be apart while both are at work. More is a speaker that rested.
const APART: i32 = 10;

/// Takes the echo of what was rendered out of what is captured.
///
/// While it sleeps the sound goes round it with the same delay, so that waking is not heard.
pub(super) struct Canceller {
    processor: Box<AudioProcessing>,
    scratch: Block,
    /// The microphone as it is, waiting to be as late as what the canceller gives.
    plain: VecDeque<f32>,
    delay: usize,
    need: ProcessorNeed,
    state: ProcessorState,
    /// How much of what comes out is the canceller's: 0 or 1, and between them for one block.
    share: f32,
}

/// Which of its two outputs is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CancellerOutput {
    /// Without echo.
    Clean,
    /// The microphone as it is.
    Plain,
}

/// When the processor is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ProcessorNeed {
    /// For the echo.
    Echo,
    /// For noise or loudness, too.
    Always,
}

/// Whether the processor is at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ProcessorState {
    /// It is not; so many more blocks were rendered than captured meanwhile.
    Asleep(i32),
    /// It is, and its filters are still to forget what was before; so many blocks.
    Waking(u32),
    /// It is.
    Awake,
}

impl Canceller {
    /// Makes what `mode` and the other steps need, if anything.
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
                ProcessorState::Awake
            } else {
                ProcessorState::Asleep(0)
            },
            share: if need == ProcessorNeed::Always { 1.0 } else { 0.0 },
        })
    }

    pub(super) fn delay(&self) -> u64 {
        self.delay as u64
    }

    /// Takes what the speaker was given; wakes when it `sounds`.
    pub(super) fn render(&mut self, block: &Block, sounds: bool) {
        match self.state {
            ProcessorState::Asleep(ahead) if sounds => {
                self.catch_up(ahead);
                self.state = ProcessorState::Waking(WAKING);
                self.feed(block);
            }
            ProcessorState::Asleep(ahead) => self.state = ProcessorState::Asleep(ahead + 1),
            ProcessorState::Waking(_) | ProcessorState::Awake => self.feed(block),
        }
    }

    /// Brings both sides to where they would be without the sleep, so that the echo is as late as it was.
    fn catch_up(&mut self, ahead: i32) {
        // A speaker that rested begins anew.
        if ahead.abs() <= APART {
            (0..ahead).for_each(|_| self.feed(&[0.0; BLOCK]));
            (ahead..0).for_each(|_| self.clean(&[0.0; BLOCK]));
        }
    }

    fn clean(&mut self, block: &Block) {
        // It refuses wrong lengths only.
        let _ = self.processor.process_capture_f32(&[block], &mut [&mut self.scratch]);
    }

    fn feed(&mut self, block: &Block) {
        // It refuses wrong lengths only.
        let _ = self.processor.process_render_f32(&[block], &mut [&mut self.scratch]);
    }

    /// Works on what the microphone heard; sleeps when nothing `sounds` any more.
    pub(super) fn capture(&mut self, block: &mut Block, wish: CancellerOutput, sounds: bool) {
        self.plain.extend(block.iter());
        match self.state {
            ProcessorState::Asleep(ahead) => {
                self.state = ProcessorState::Asleep(ahead - 1);
                self.scratch = [0.0; BLOCK];
            }
            ProcessorState::Waking(_) | ProcessorState::Awake => {
                self.clean(block);
            }
        }
        let goal = match (self.state, wish, self.need) {
            (ProcessorState::Awake, _, ProcessorNeed::Always)
            | (ProcessorState::Awake, CancellerOutput::Clean, ProcessorNeed::Echo)
                if self.stays(sounds) =>
            {
                1.0
            }
            (ProcessorState::Asleep(_) | ProcessorState::Waking(_) | ProcessorState::Awake, _, _) => 0.0,
        };
        self.mix(block, goal);
        self.state = match self.state {
            ProcessorState::Waking(0 | 1) => ProcessorState::Awake,
            ProcessorState::Waking(left) => ProcessorState::Waking(left - 1),
            ProcessorState::Awake if !self.stays(sounds) && self.share == 0.0 => ProcessorState::Asleep(0),
            state @ (ProcessorState::Asleep(_) | ProcessorState::Awake) => state,
        };
    }

    fn stays(&self, sounds: bool) -> bool {
        sounds || self.need == ProcessorNeed::Always
    }

    /// Crosses from one output to the other within a block.
    fn mix(&mut self, block: &mut Block, goal: f32) {
        let step = (goal - self.share) / BLOCK as f32;
        for ((sample, plain), clean) in block.iter_mut().zip(self.plain.drain(..BLOCK)).zip(self.scratch) {
            self.share += step;
            *sample = plain + (clean - plain) * self.share;
        }
        self.share = goal;
    }
}
