//! Convergence of the canceller. Until it has converged it leaks, and the microphone is silenced.
//!
//! AEC3 suppresses everything during the first 0.4 s of far-end speech. From then on it trusts its linear
//! filter, converged or not, and for up to two seconds bursts of nearly full echo pass.

use crate::audio::echo::block::decibels;

/// Far-end speech threshold in dBFS.
const FAR_DBFS: f32 = -50.0;
/// A residual above this level, and not this much below the microphone, is a leak.
const LEAK_DBFS: f32 = -45.0;
const SUPPRESSED_DB: f32 = 15.0;

/// Near-end level of an audible echo in dBFS, and blocks of far-end speech that show that there is none.
const AUDIBLE_DBFS: f32 = -55.0;
const INAUDIBLE_BLOCKS: u32 = 60;

/// Blocks of far-end speech until the filter counts as converged.
#[derive(Clone, Copy, Debug)]
struct ConvergenceLimits {
    least: u32,
    /// Since the last leak.
    clean: u32,
    /// Even if it leaks: then the cause is not the start of the filter.
    most: u32,
}

/// An unknown echo path: 1.5 to 3 s. Speech of the user looks like a leak, and must not wait longer.
const START: ConvergenceLimits = ConvergenceLimits { least: 150, clean: 80, most: 300 };
/// An echo path known before a long silence: 0.3 to 2 s. Gaps need no wait: their blocks are replaced.
const RESTART: ConvergenceLimits = ConvergenceLimits { least: 30, clean: 30, most: 200 };

/// Progress of the adaptive filter.
#[derive(Debug)]
pub(super) struct Convergence {
    limits: ConvergenceLimits,
    /// Blocks of far-end speech, and those since the last leak.
    far: u32,
    clean: u32,
    is_echo_audible: bool,
}

impl Default for Convergence {
    fn default() -> Self {
        Self { limits: START, far: 0, clean: 0, is_echo_audible: false }
    }
}

impl Convergence {
    pub(super) fn is_converged(&self) -> bool {
        let Self { limits, far, clean, is_echo_audible } = self;
        *far >= limits.most
            || (*far >= limits.least && *clean >= limits.clean)
            || (*far >= INAUDIBLE_BLOCKS && !is_echo_audible)
    }

    /// Takes the power of a far-end block.
    pub(super) fn render(&mut self, power: f32) {
        if !self.is_converged() && decibels(power) > FAR_DBFS {
            self.far += 1;
            self.clean += 1;
        }
    }

    /// Takes the power of a near-end block before and after the canceller.
    pub(super) fn capture(&mut self, power: f32, residual: f32) {
        let (power_db, residual_db) = (decibels(power), decibels(residual));
        if self.is_converged() || self.far == 0 {
            return;
        }
        self.is_echo_audible |= power_db > AUDIBLE_DBFS;
        if residual_db > LEAK_DBFS && residual_db > power_db - SUPPRESSED_DB {
            self.clean = 0;
        }
    }

    /// Waits for the echo path to be confirmed; the first convergence continues.
    pub(super) fn restart(&mut self) {
        if self.is_converged() || self.limits.most == RESTART.most {
            *self = Self { limits: RESTART, ..Self::default() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEECH: f32 = 0.01;
    const ECHO: f32 = 1e-3;

    /// Returns the number of far-end speech blocks until convergence, with leaks in some of them.
    fn converged_after(convergence: &mut Convergence, leaks: std::ops::Range<usize>) -> Option<usize> {
        (1..1_000).find(|block| {
            convergence.render(SPEECH);
            convergence.capture(ECHO, if leaks.contains(block) { ECHO } else { 1e-8 });
            convergence.is_converged()
        })
    }

    #[test]
    fn the_filter_has_converged_after_far_end_speech_without_a_leak() {
        for (leaks, after) in [(0..0, 150), (110..151, 230), (110..1_000, 300)] {
            assert_eq!(converged_after(&mut Convergence::default(), leaks.clone()), Some(after), "{leaks:?}");
        }
    }

    #[test]
    fn a_long_silence_restarts_with_a_shorter_wait() {
        let mut convergence = Convergence::default();
        converged_after(&mut convergence, 0..0);
        convergence.restart();
        assert_eq!(converged_after(&mut convergence, 0..0), Some(30));
        let mut unconverged = Convergence::default();
        unconverged.restart();
        assert_eq!(
            converged_after(&mut unconverged, 0..0),
            Some(150),
            "a silence does not shorten the first wait"
        );
    }

    #[test]
    fn without_an_audible_echo_the_wait_is_short() {
        let mut convergence = Convergence::default();
        let after = (1..1_000).find(|_| {
            convergence.render(SPEECH);
            convergence.capture(1e-7, 1e-7);
            convergence.is_converged()
        });
        assert_eq!(after, Some(60));
    }

    #[test]
    fn far_end_silence_is_no_progress() {
        let mut convergence = Convergence::default();
        for _ in 0..1_000 {
            convergence.render(1e-9);
            convergence.capture(1e-9, 1e-9);
        }
        assert!(!convergence.is_converged());
    }
}
