//! Keeps the assistant from hearing itself: between what goes to the speaker and what goes to the endpoint.
//!
//! Works on blocks of 10 ms at 24 kHz and knows nothing of devices, rings or clocks.

mod canceller;
mod meter;
#[cfg(test)]
pub(crate) mod room;
mod kalman_filter;
pub(crate) mod estimator;
mod mic_gate;
pub mod path_test;
mod auto_mode;

use std::time::Duration;

use crate::audio::capture::speech_detector::{FarEnd, ListenMode};
use crate::audio::echo::auto_mode::AutoEchoMode;
use crate::audio::echo::canceller::{Canceller, CancellerOutput};
use crate::audio::echo::estimator::{EchoEstimator, ResidualSignal};
use crate::audio::echo::meter::{EchoMeter, Measurement};
use crate::audio::echo::mic_gate::MicGate;
use crate::dsp::frame::SampleRate;

/// Samples in a block: 10 ms at 24 kHz.
pub(crate) const BLOCK: usize = 240;
/// How long a block is.
const BLOCK_TIME: Duration = Duration::from_millis(10);
/// What is softer is no sound of the speaker: 66 dB below full scale.
const AUDIBLE: f32 = 5e-4;
/// How long an echo may come after its sound: what the devices hold, and the room.
const TAIL: Duration = Duration::from_secs(1);
/// How long the microphone stays closed behind the sound in half duplex: the room and the devices again,
/// but a user who waits for the end of an answer must be heard.
const HALF_TAIL: Duration = Duration::from_millis(400);
/// How many measurements without an echo make sure that there is none.
const SURE: u32 = 3;

/// How much another value must be to be told.
const TELLING_DB: f32 = 3.0;

/// Ten milliseconds at 24 kHz.
pub(crate) type Block = [f32; BLOCK];

/// What is to be done against the echo.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EchoPolicy {
    /// The canceller, and what is stronger where that is not enough; nothing between files.
    #[default]
    Auto,
    /// This, whatever comes.
    Fixed(EchoMode),
}

/// What is done against the echo, mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EchoMode {
    /// Nothing: a headset, or files.
    Off,
    /// The echo is computed and taken away; both sides may speak at once.
    Cancel,
    /// The microphone is turned down while the speaker sounds, until somebody is louder than the echo.
    Duck,
    /// The microphone sends silence while the speaker sounds.
    HalfDuplex,
}

/// Whether a step of the processing is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProcessingStep {
    /// It is.
    On,
    /// It is not.
    #[default]
    Off,
}

/// How the microphone's sound is worked on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Processing {
    /// What is done against the echo.
    pub echo: EchoPolicy,
    /// Whether steady noise is taken away (about 12 dB).
    pub noise_suppression: ProcessingStep,
    /// Whether a soft microphone is made louder.
    pub gain_control: ProcessingStep,
    /// What somebody's voice is listened for.
    pub voice: ListenMode,
}

/// What is known of the echo.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EchoState {
    /// What is done against it.
    pub mode: EchoMode,
    /// How late it is, where there is one.
    pub delay: Option<Duration>,
    /// How much softer it is than what was played, in dB, where there is one.
    pub loss_db: Option<f32>,
    /// How much of it the canceller takes away, in dB, where there is one (echo return loss enhancement).
    pub enhancement_db: Option<f32>,
}

impl EchoState {
    /// Returns whether this is worth telling to whoever knows `other`.
    fn differs(&self, other: &Self) -> bool {
        let away = |state: &Self| state.enhancement_db.unwrap_or_default();
        self.mode != other.mode
            || self.delay.is_some() != other.delay.is_some()
            || (away(self) - away(other)).abs() >= TELLING_DB
    }
}

/// Whether a block of the microphone may be somebody's voice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpeechGate {
    /// It is the room, and perhaps somebody who speaks.
    Open,
    /// It is no louder than the echo.
    Masked,
}

/// Somebody's voice, as the switch needs to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NearEnd {
    /// Nobody speaks.
    Silent,
    /// Somebody seems to.
    Suspected,
    /// Somebody speaks over the speaker.
    Speaks,
}

/// The way of the microphone's blocks, with what the speaker played beside it.
pub(crate) struct EchoControl {
    mode: EchoMode,
    auto: Option<AutoEchoMode>,
    canceller: Option<Canceller>,
    /// Beside a canceller of echo, and what it left of the last block while the speaker sounds.
    forecast: Option<EchoEstimator>,
    rest: Option<ResidualSignal>,
    /// Nothing where nothing is done against the echo.
    meter: Option<EchoMeter>,
    switch: MicGate,
    /// How long nothing has been heard of the speaker.
    quiet: Duration,
    /// Measurements without an echo, one after the other.
    unheard: u32,
    /// The power of the last block before and behind the canceller.
    passed: (f32, f32),
    state: EchoState,
    news: bool,
}

impl EchoControl {
    pub(crate) fn new(processing: &Processing) -> Self {
        let (mode, auto) = match processing.echo {
            EchoPolicy::Auto => (EchoMode::Cancel, Some(AutoEchoMode::default())),
            EchoPolicy::Fixed(mode) => (mode, None),
        };
        Self {
            mode,
            auto,
            canceller: Canceller::for_mode(mode, processing),
            forecast: (mode == EchoMode::Cancel).then(EchoEstimator::new),
            rest: None,
            meter: (mode != EchoMode::Off).then(EchoMeter::default),
            switch: MicGate::default(),
            quiet: TAIL,
            unheard: 0,
            passed: (0.0, 0.0),
            state: EchoState { mode, delay: None, loss_db: None, enhancement_db: None },
            news: true,
        }
    }

    /// Returns by how many samples the sound comes later.
    pub(crate) fn delay(&self) -> u64 {
        self.canceller.as_ref().map_or(0, Canceller::delay)
    }

    /// Returns whether the speaker sounds, or its echo may still do.
    fn is_sounding(&self) -> bool {
        self.quiet < TAIL
    }

    /// Returns beside what somebody is listened to: in half duplex the echo is over once the microphone is open.
    pub(crate) fn beside(&self) -> FarEnd {
        let sounds = match self.mode {
            EchoMode::Off | EchoMode::Cancel | EchoMode::Duck => self.is_sounding(),
            EchoMode::HalfDuplex => self.is_closed(),
        };
        if sounds { FarEnd::Speaker } else { FarEnd::Silence }
    }

    /// Returns what the last block holds besides the echo, where that is foretold.
    pub(crate) fn rest(&self) -> Option<&ResidualSignal> {
        self.rest.as_ref()
    }

    /// Returns whether half duplex lets nothing through.
    fn is_closed(&self) -> bool {
        self.quiet < HALF_TAIL
    }

    /// Returns what is known of the echo, where that is new.
    pub(crate) fn news(&mut self) -> Option<EchoState> {
        std::mem::take(&mut self.news).then_some(self.state)
    }

    /// Takes the next block that the speaker was given.
    pub(crate) fn render(&mut self, block: &Block) {
        if block.iter().any(|sample| sample.abs() > AUDIBLE) {
            self.quiet = Duration::ZERO;
        }
        let power = power(block);
        if let Some(meter) = &mut self.meter {
            meter.render(power);
        }
        self.switch.render(power);
        if let Some(forecast) = &mut self.forecast {
            forecast.render(block);
        }
        let sounds = self.is_sounding();
        if let Some(canceller) = &mut self.canceller {
            canceller.render(block, sounds);
        }
    }

    /// Works on the next block of the microphone, and says whether it may be a voice.
    pub(crate) fn capture(&mut self, block: &mut Block, talker: NearEnd) -> SpeechGate {
        let raw = power(block);
        let sounds = self.is_sounding();
        // Where there is no echo, suppressing it could only harm.
        let transparent = self.mode == EchoMode::Cancel && self.auto.is_some() && self.unheard >= SURE;
        let foretells = sounds && self.mode == EchoMode::Cancel && !transparent;
        self.rest = self.forecast.as_mut().and_then(|forecast| {
            if foretells {
                return forecast.capture(block, talker);
            }
            forecast.rest();
            None
        });
        if let Some(canceller) = &mut self.canceller {
            canceller.capture(
                block,
                if transparent { CancellerOutput::Plain } else { CancellerOutput::Clean },
                sounds,
            );
        }
        let clean = power(block);
        self.passed = (raw, clean);
        if let Some(measurement) = self.meter.as_mut().and_then(|meter| meter.capture(raw, clean)) {
            self.judge(&measurement);
        }
        self.quiet = self.quiet.saturating_add(BLOCK_TIME);
        match self.mode {
            EchoMode::Off | EchoMode::Cancel => {
                self.switch.open(block);
                SpeechGate::Open
            }
            EchoMode::Duck if sounds => self.switch.duck(block, clean, talker),
            EchoMode::Duck => {
                self.switch.open(block);
                SpeechGate::Open
            }
            // Nobody is asked to speak over it.
            EchoMode::HalfDuplex if self.is_closed() => {
                self.switch.close(block);
                SpeechGate::Masked
            }
            EchoMode::HalfDuplex => {
                self.switch.open(block);
                SpeechGate::Open
            }
        }
    }

    fn judge(&mut self, measurement: &Measurement) {
        self.switch.learn(measurement);
        self.unheard = match measurement.echo {
            Some(_) => 0,
            None if measurement.is_unheard() => self.unheard.saturating_add(1),
            // Somebody speaks: this second tells nothing.
            None => self.unheard,
        };
        if let Some(auto) = &mut self.auto {
            self.mode = auto.judge(measurement);
        }
        let state = EchoState {
            mode: self.mode,
            delay: measurement.echo.map(|echo| echo.delay),
            loss_db: measurement.echo.map(|echo| echo.loss_db),
            enhancement_db: measurement.echo.map(|echo| echo.enhancement_db),
        };
        // What a second could not tell is not forgotten.
        let telling = state.mode != self.state.mode || measurement.is_conclusive();
        if telling && state.differs(&self.state) {
            (self.state, self.news) = (state, true);
        }
    }
}

fn power(block: &[f32]) -> f32 {
    block.iter().map(|sample| sample * sample).sum::<f32>() / block.len().max(1) as f32
}

fn decibels(power: f32) -> f32 {
    10.0 * power.max(1e-12).log10()
}

/// The rate of all blocks.
pub(crate) const RATE: SampleRate = SampleRate::HZ_24000;
