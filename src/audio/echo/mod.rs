//! Echo control: keeps the assistant's voice out of the microphone signal.
//!
//! Works on blocks of 10 ms at 24 kHz, independent of devices, rings and clocks.

mod aec3;
pub(crate) mod activity;
mod canceller;
mod convergence;
mod gap_detector;
pub(crate) mod block;
mod meter;
#[cfg(test)]
pub(crate) mod room;
pub(crate) mod residual;
mod mic_gate;
pub mod path_test;
mod auto_mode;

use std::time::Duration;

use crate::audio::api::{EchoMode, EchoReason, EchoStatus};
use crate::audio::echo::activity::{FarEnd, NearEnd, SpeechGate};
use crate::audio::echo::auto_mode::AutoEchoMode;
use crate::audio::echo::block::{BLOCK, BLOCK_TIME, Block, power};
use crate::audio::echo::canceller::{Canceller, CancellerOutput};
use crate::audio::echo::convergence::Convergence;
use crate::audio::echo::gap_detector::{GapDetector, LostBlocks};
use crate::audio::echo::meter::{EchoMeter, Measurement};
use crate::audio::echo::mic_gate::MicGate;
use crate::audio::echo::residual::{ResidualMonitor, ResidualSignal};
use crate::audio::options::{EchoPolicy, Processing};

/// Far-end activity threshold: -66 dBFS.
const ACTIVE: f32 = 5e-4;
/// How long an echo may follow its source: device buffers and room.
const TAIL: Duration = Duration::from_secs(1);
/// How long half duplex keeps the microphone closed after playback. Shorter than [`TAIL`], so that a user who
/// waits for the end is heard.
const HALF_TAIL: Duration = Duration::from_millis(400);
/// After this much silence of the far end, the room may have changed.
const LONG_SILENCE: Duration = Duration::from_secs(60);
/// `speech_started` of the server may refer to near-end speech this long ago: end of speech and network delay.
const NEAR_END_MEMORY: Duration = Duration::from_millis(1_500);
/// Measurements without an echo that show that there is none.
const CONFIRMING: u32 = 3;

/// Least change of the ERLE that is reported.
const REPORT_STEP_DB: f32 = 3.0;

/// Processes microphone blocks with the far-end signal as reference.
pub(crate) struct EchoControl {
    mode: EchoMode,
    auto: Option<AutoEchoMode>,
    gaps: GapDetector,
    canceller: Option<Canceller>,
    convergence: Convergence,
    monitor: ResidualMonitor,
    /// Residual of the last block during playback.
    residual: Option<ResidualSignal>,
    /// None without echo control.
    meter: Option<EchoMeter>,
    gate: MicGate,
    /// Time since the far end was last active.
    silent_for: Duration,
    /// Captured time, and the time since near-end speech was last suspected.
    elapsed: Duration,
    near_end_ago: Duration,
    /// Consecutive measurements without an echo.
    echo_free: u32,
    /// Power of the last block before and after the canceller.
    powers: (f32, f32),
    /// The last near-end block for speech detection, which ducking attenuates less.
    detectable: Block,
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
            gaps: GapDetector::default(),
            canceller: Canceller::for_mode(mode, processing),
            convergence: Convergence::default(),
            monitor: ResidualMonitor::default(),
            residual: None,
            meter: (mode != EchoMode::Off).then(EchoMeter::default),
            gate: MicGate::default(),
            silent_for: TAIL,
            elapsed: Duration::ZERO,
            near_end_ago: Duration::MAX,
            echo_free: 0,
            powers: (0.0, 0.0),
            detectable: [0.0; BLOCK],
            state: EchoStatus {
                mode,
                reason: EchoReason::Configured,
                delay: None,
                erl_db: None,
                erle_db: None,
            },
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
            EchoMode::HalfDuplex => self.is_echo_loud(),
        };
        if is_active { FarEnd::Active } else { FarEnd::Silent }
    }

    /// Returns the residual of the last block during playback, if the microphone is open.
    pub(crate) fn residual(&self) -> Option<&ResidualSignal> {
        self.residual.as_ref()
    }

    /// Returns whether the far end is active, or its echo still loud.
    fn is_echo_loud(&self) -> bool {
        self.silent_for < HALF_TAIL
    }

    /// Returns the status, if it changed.
    pub(crate) fn changed_status(&mut self) -> Option<EchoStatus> {
        std::mem::take(&mut self.is_status_changed).then_some(self.state)
    }

    /// Returns the last near-end block for speech detection.
    pub(crate) fn detectable(&self) -> &Block {
        &self.detectable
    }

    /// Takes the next block of the far end.
    pub(crate) fn render(&mut self, block: &Block) {
        if !self.gaps.rendered() {
            return;
        }
        if block.iter().any(|sample| sample.abs() > ACTIVE) {
            if self.silent_for >= LONG_SILENCE {
                self.convergence.restart();
            }
            self.silent_for = Duration::ZERO;
        }
        let power = power(block);
        self.convergence.render(power);
        if let Some(meter) = &mut self.meter {
            meter.render(power);
        }
        self.gate.render(power);
        let is_active = self.is_far_end_active();
        if let Some(canceller) = &mut self.canceller {
            canceller.render(block, is_active);
        }
    }

    /// Processes the next block of the microphone, and returns whether it may contain speech.
    pub(crate) fn capture(&mut self, block: &mut Block, near_end: NearEnd) -> SpeechGate {
        if let Some(gap) = self.gaps.captured() {
            self.realign(gap);
        }
        let raw = power(block);
        let is_active = self.is_far_end_active();
        // Without an echo suppression could only harm.
        let transparent =
            self.mode == EchoMode::Cancel && self.auto.is_some() && self.echo_free >= CONFIRMING;
        // Nothing of the echo is sent until the canceller has found it.
        let holds = self.mode == EchoMode::Cancel
            && !transparent
            && self.is_echo_loud()
            && !self.convergence.is_converged();
        if let Some(canceller) = &mut self.canceller {
            canceller.capture(
                block,
                if transparent { CancellerOutput::Plain } else { CancellerOutput::Clean },
                is_active,
            );
        }
        let linear = self.canceller.as_ref().and_then(Canceller::linear);
        self.residual = linear
            .filter(|_| is_active && self.mode == EchoMode::Cancel && !transparent)
            .map(|linear| self.monitor.evaluate(linear, near_end));
        let clean = power(block);
        self.powers = (raw, clean);
        self.detectable = *block;
        self.convergence.capture(raw, clean);
        if let Some(measurement) = self.meter.as_mut().and_then(|meter| meter.capture(raw, clean)) {
            self.apply_measurement(&measurement);
        }
        self.silent_for = self.silent_for.saturating_add(BLOCK_TIME);
        self.elapsed += BLOCK_TIME;
        self.near_end_ago = match near_end {
            NearEnd::Silent => self.near_end_ago.saturating_add(BLOCK_TIME),
            NearEnd::Suspected | NearEnd::Speaks => Duration::ZERO,
        };
        let (closes, ducks) = match self.mode {
            EchoMode::Off => (false, false),
            EchoMode::Cancel => (holds, false),
            EchoMode::Duck => (false, is_active),
            EchoMode::HalfDuplex => (self.is_echo_loud(), false),
        };
        if closes {
            self.residual = None;
            self.gate.close(block);
            SpeechGate::Masked
        } else if ducks {
            let gate = self.gate.duck(block, clean, near_end);
            let gain = self.gate.detection_gain();
            self.detectable.iter_mut().for_each(|sample| *sample *= gain);
            gate
        } else {
            self.gate.open(block);
            SpeechGate::Open
        }
    }

    /// Takes note of `speech_started` from the server. During playback and without near-end speech, the server
    /// heard the echo.
    pub(crate) fn note_server_speech(&mut self) {
        if let Some(auto) = &mut self.auto
            && self.silent_for < TAIL
            && self.near_end_ago >= NEAR_END_MEMORY
        {
            auto.count_false_interruption(self.elapsed);
            self.apply_mode();
        }
    }

    /// Replaces lost blocks by silence, so that the echo path of the canceller does not change.
    fn realign(&mut self, gap: LostBlocks) {
        let Some(canceller) = &mut self.canceller else { return };
        match gap {
            LostBlocks::Speaker(blocks) => (0..blocks).for_each(|_| canceller.render(&[0.0; BLOCK], false)),
            LostBlocks::Microphone(blocks) => (0..blocks).for_each(|_| canceller.skip()),
        }
    }

    fn apply_mode(&mut self) {
        if let Some(auto) = &self.auto
            && auto.mode != self.mode
        {
            self.mode = auto.mode;
            (self.state.mode, self.state.reason) = (auto.mode, auto.reason);
            self.is_status_changed = true;
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
            auto.update(self.elapsed, measurement);
        }
        self.apply_mode();
        let state = EchoStatus {
            delay: measurement.echo.map(|echo| echo.delay),
            erl_db: measurement.echo.map(|echo| echo.erl_db),
            erle_db: measurement.echo.map(|echo| echo.erle_db),
            ..self.state
        };
        // An inconclusive measurement does not reset the status.
        if measurement.is_conclusive() && differs(&state, &self.state) {
            (self.state, self.is_status_changed) = (state, true);
        }
    }
}

/// Returns whether a status differs enough from the reported one to be reported.
fn differs(status: &EchoStatus, reported: &EchoStatus) -> bool {
    let erle_db = |status: &EchoStatus| status.erle_db.unwrap_or_default();
    status.delay.is_some() != reported.delay.is_some()
        || (erle_db(status) - erle_db(reported)).abs() >= REPORT_STEP_DB
}
