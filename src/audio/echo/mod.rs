//! Echo control: keeps the assistant's voice out of the microphone signal.
//!
//! Works on blocks of 10 ms at 24 kHz, independent of devices, rings and clocks.

mod canceller;
pub(crate) mod activity;
pub(crate) mod block;
mod meter;
#[cfg(test)]
pub(crate) mod room;
mod kalman_filter;
pub(crate) mod estimator;
mod mic_gate;
pub mod path_test;
mod auto_mode;

use std::time::Duration;

use crate::audio::api::{EchoMode, EchoStatus};
use crate::audio::echo::activity::{FarEnd, NearEnd, SpeechGate};
use crate::audio::echo::auto_mode::AutoEchoMode;
use crate::audio::echo::block::{BLOCK_TIME, Block, power};
use crate::audio::echo::canceller::{Canceller, CancellerOutput};
use crate::audio::echo::estimator::{EchoEstimator, ResidualSignal};
use crate::audio::echo::meter::{EchoMeter, Measurement};
use crate::audio::echo::mic_gate::MicGate;
use crate::audio::options::{EchoPolicy, Processing};

/// Far-end activity threshold: -66 dBFS.
const ACTIVE: f32 = 5e-4;
/// How long an echo may follow its source: device buffers and room.
const TAIL: Duration = Duration::from_secs(1);
/// How long half duplex keeps the microphone closed after playback. Shorter than [`TAIL`], so that a user who
/// waits for the end is heard.
const HALF_TAIL: Duration = Duration::from_millis(400);
/// Measurements without an echo that show that there is none.
const CONFIRMING: u32 = 3;

/// Least change of the ERLE that is reported.
const REPORT_STEP_DB: f32 = 3.0;

/// Processes microphone blocks with the far-end signal as reference.
pub(crate) struct EchoControl {
    mode: EchoMode,
    auto: Option<AutoEchoMode>,
    canceller: Option<Canceller>,
    /// Next to a canceller: the echo estimator, and the residual of the last block during playback.
    estimator: Option<EchoEstimator>,
    residual: Option<ResidualSignal>,
    /// None without echo control.
    meter: Option<EchoMeter>,
    gate: MicGate,
    /// Time since the far end was last active.
    silent_for: Duration,
    /// Consecutive measurements without an echo.
    echo_free: u32,
    /// Power of the last block before and after the canceller.
    powers: (f32, f32),
    state: EchoStatus,
    is_status_changed: bool,
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
            estimator: (mode == EchoMode::Cancel).then(EchoEstimator::new),
            residual: None,
            meter: (mode != EchoMode::Off).then(EchoMeter::default),
            gate: MicGate::default(),
            silent_for: TAIL,
            echo_free: 0,
            powers: (0.0, 0.0),
            state: EchoStatus { mode, delay: None, erl_db: None, erle_db: None },
            is_status_changed: true,
        }
    }

    /// Returns the delay in samples.
    pub(crate) fn delay(&self) -> u64 {
        self.canceller.as_ref().map_or(0, Canceller::delay)
    }

    /// Returns whether the far end is active, or its echo may still be.
    fn is_far_end_active(&self) -> bool {
        self.silent_for < TAIL
    }

    /// Returns the far-end activity for the speech detector. In half duplex the echo is over once the
    /// microphone is open.
    pub(crate) fn far_end(&self) -> FarEnd {
        let is_active = match self.mode {
            EchoMode::Off | EchoMode::Cancel | EchoMode::Duck => self.is_far_end_active(),
            EchoMode::HalfDuplex => self.is_closed(),
        };
        if is_active { FarEnd::Active } else { FarEnd::Silent }
    }

    /// Returns the residual of the last block, if estimated.
    pub(crate) fn residual(&self) -> Option<&ResidualSignal> {
        self.residual.as_ref()
    }

    /// Returns whether half duplex keeps the microphone closed.
    fn is_closed(&self) -> bool {
        self.silent_for < HALF_TAIL
    }

    /// Returns the status, if it changed.
    pub(crate) fn changed_status(&mut self) -> Option<EchoStatus> {
        std::mem::take(&mut self.is_status_changed).then_some(self.state)
    }

    /// Takes the next block of the far end.
    pub(crate) fn render(&mut self, block: &Block) {
        if block.iter().any(|sample| sample.abs() > ACTIVE) {
            self.silent_for = Duration::ZERO;
        }
        let power = power(block);
        if let Some(meter) = &mut self.meter {
            meter.render(power);
        }
        self.gate.render(power);
        if let Some(estimator) = &mut self.estimator {
            estimator.render(block);
        }
        let is_active = self.is_far_end_active();
        if let Some(canceller) = &mut self.canceller {
            canceller.render(block, is_active);
        }
    }

    /// Processes the next block of the microphone, and returns whether it may contain speech.
    pub(crate) fn capture(&mut self, block: &mut Block, near_end: NearEnd) -> SpeechGate {
        let raw = power(block);
        let is_active = self.is_far_end_active();
        // Without an echo suppression could only harm.
        let transparent =
            self.mode == EchoMode::Cancel && self.auto.is_some() && self.echo_free >= CONFIRMING;
        let estimates = is_active && self.mode == EchoMode::Cancel && !transparent;
        self.residual = self.estimator.as_mut().and_then(|estimator| {
            if estimates {
                return estimator.capture(block, near_end);
            }
            estimator.pause();
            None
        });
        if let Some(canceller) = &mut self.canceller {
            canceller.capture(
                block,
                if transparent { CancellerOutput::Plain } else { CancellerOutput::Clean },
                is_active,
            );
        }
        let clean = power(block);
        self.powers = (raw, clean);
        if let Some(measurement) = self.meter.as_mut().and_then(|meter| meter.capture(raw, clean)) {
            self.apply_measurement(&measurement);
        }
        self.silent_for = self.silent_for.saturating_add(BLOCK_TIME);
        match self.mode {
            EchoMode::Off | EchoMode::Cancel => {
                self.gate.open(block);
                SpeechGate::Open
            }
            EchoMode::Duck if is_active => self.gate.duck(block, clean, near_end),
            EchoMode::Duck => {
                self.gate.open(block);
                SpeechGate::Open
            }
            // Speech is not expected now.
            EchoMode::HalfDuplex if self.is_closed() => {
                self.gate.close(block);
                SpeechGate::Masked
            }
            EchoMode::HalfDuplex => {
                self.gate.open(block);
                SpeechGate::Open
            }
        }
    }

    fn apply_measurement(&mut self, measurement: &Measurement) {
        self.gate.adapt(measurement);
        self.echo_free = match measurement.echo {
            Some(_) => 0,
            None if measurement.is_echo_free() => self.echo_free.saturating_add(1),
            // With near-end speech this measurement is inconclusive.
            None => self.echo_free,
        };
        if let Some(auto) = &mut self.auto {
            self.mode = auto.update(measurement);
        }
        let state = EchoStatus {
            mode: self.mode,
            delay: measurement.echo.map(|echo| echo.delay),
            erl_db: measurement.echo.map(|echo| echo.erl_db),
            erle_db: measurement.echo.map(|echo| echo.erle_db),
        };
        // An inconclusive measurement does not reset the status.
        let conclusive = state.mode != self.state.mode || measurement.is_conclusive();
        if conclusive && differs(&state, &self.state) {
            (self.state, self.is_status_changed) = (state, true);
        }
    }
}

/// Returns whether a status differs enough from the reported one to be reported.
fn differs(status: &EchoStatus, reported: &EchoStatus) -> bool {
    let erle_db = |status: &EchoStatus| status.erle_db.unwrap_or_default();
    status.mode != reported.mode
        || status.delay.is_some() != reported.delay.is_some()
        || (erle_db(status) - erle_db(reported)).abs() >= REPORT_STEP_DB
}
