//! Automatic escalation of echo control, by the level of the residual echo and by false interruptions.

use std::time::Duration;

use crate::audio::api::{EchoMode, EchoReason};
use crate::audio::echo::meter::Measurement;

/// Largest residual echo in dBFS with only the canceller: softer than a whisper.
const CANCEL_LEAK_LIMIT_DBFS: f32 = -50.0;
/// Largest residual echo in dBFS with ducking.
const DUCK_LEAK_LIMIT_DBFS: f32 = -28.0;
/// Measurements during which the canceller converges.
const CONVERGENCE: u32 = 3;
/// Surplus of bad measurements that escalates.
const ESCALATE_AFTER: u32 = 3;
/// Consecutive good measurements that de-escalate.
const RELAX_AFTER: u32 = 15;
/// Largest time between two false interruptions that escalate.
const INTERRUPTION_INTERVAL: Duration = Duration::from_secs(60);
/// Time in half duplex before the canceller is tried again. It doubles each time, up to the second value.
const FIRST_RETRY: Duration = Duration::from_secs(120);
const LAST_RETRY: Duration = Duration::from_secs(960);

/// Starts with the canceller, and escalates if too much echo remains.
#[derive(Debug)]
pub(super) struct AutoEchoMode {
    pub(super) mode: EchoMode,
    /// Why it is in force.
    pub(super) reason: EchoReason,
    count: u32,
    bad: u32,
    good: u32,
    last_interruption: Option<Duration>,
    /// End of half duplex because of false interruptions, and the next time until a retry.
    retry_at: Option<Duration>,
    retry: Duration,
}

impl Default for AutoEchoMode {
    fn default() -> Self {
        Self {
            mode: EchoMode::Cancel,
            reason: EchoReason::Configured,
            count: 0,
            bad: 0,
            good: 0,
            last_interruption: None,
            retry_at: None,
            retry: FIRST_RETRY,
        }
    }
}

impl AutoEchoMode {
    /// Counts an answer that the server interrupted because of its echo. Two escalate to half duplex.
    pub(super) fn count_false_interruption(&mut self, now: Duration) {
        let is_repeated = self
            .last_interruption
            .replace(now)
            .is_some_and(|last| now.saturating_sub(last) < INTERRUPTION_INTERVAL);
        if is_repeated && self.retry_at.is_none() {
            self.retry_at = Some(now + self.retry);
            self.switch_to(EchoMode::HalfDuplex, EchoReason::FalseInterruptions { retry: self.retry });
            self.retry = (self.retry * 2).min(LAST_RETRY);
        }
    }

    /// Evaluates a measurement.
    pub(super) fn update(&mut self, now: Duration, measurement: &Measurement) {
        if let Some(retry_at) = self.retry_at {
            if now >= retry_at {
                (self.retry_at, self.last_interruption) = (None, None);
                self.switch_to(EchoMode::Cancel, EchoReason::Retry);
            }
            return;
        }
        self.count = self.count.saturating_add(1);
        let left = measurement.left_dbfs.unwrap_or(f32::MIN);
        let (too_much, little) = match self.mode {
            EchoMode::Off => (f32::MAX, f32::MIN),
            EchoMode::Cancel => (CANCEL_LEAK_LIMIT_DBFS, f32::MIN),
            EchoMode::Duck => (DUCK_LEAK_LIMIT_DBFS, CANCEL_LEAK_LIMIT_DBFS),
            EchoMode::HalfDuplex => (f32::MAX, DUCK_LEAK_LIMIT_DBFS),
        };
        let counts = self.count > CONVERGENCE;
        if left > too_much {
            self.bad += u32::from(counts);
        } else if measurement.is_conclusive() {
            self.bad = self.bad.saturating_sub(1);
        }
        if left > little {
            self.good = 0;
        } else if measurement.is_conclusive() {
            self.good += 1;
        }
        if self.bad >= ESCALATE_AFTER {
            let mode = match self.mode {
                EchoMode::Off | EchoMode::Cancel => EchoMode::Duck,
                EchoMode::Duck | EchoMode::HalfDuplex => EchoMode::HalfDuplex,
            };
            self.switch_to(mode, EchoReason::ResidualEcho);
        } else if self.good >= RELAX_AFTER {
            let mode = match self.mode {
                EchoMode::Off | EchoMode::Cancel | EchoMode::Duck => EchoMode::Cancel,
                EchoMode::HalfDuplex => EchoMode::Duck,
            };
            self.switch_to(mode, EchoReason::LittleEcho);
        }
    }

    fn switch_to(&mut self, mode: EchoMode, reason: EchoReason) {
        if mode != self.mode {
            self.reason = reason;
        }
        (self.mode, self.bad, self.good) = (mode, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(dbfs: f32) -> Measurement {
        Measurement { far_dbfs: -20.0, echo: None, left_dbfs: Some(dbfs), is_still: false }
    }

    const NOTHING: Measurement = Measurement { far_dbfs: -20.0, echo: None, left_dbfs: None, is_still: true };
    /// Near-end speech.
    const UNCLEAR: Measurement = Measurement { is_still: false, ..NOTHING };

    fn after(auto: &mut AutoEchoMode, measurement: Measurement, times: u32) -> EchoMode {
        (0..times).for_each(|_| auto.update(Duration::ZERO, &measurement));
        auto.mode
    }

    #[test]
    fn the_canceller_has_some_seconds_to_converge() {
        let mut auto = AutoEchoMode::default();
        assert_eq!(after(&mut auto, left(-30.0), CONVERGENCE + ESCALATE_AFTER - 1), EchoMode::Cancel);
        assert_eq!(after(&mut auto, NOTHING, 100), EchoMode::Cancel);
        assert_eq!(
            after(&mut auto, left(-30.0), ESCALATE_AFTER - 1),
            EchoMode::Cancel,
            "two bad seconds are an accident"
        );
    }

    #[test]
    fn the_residual_echo_decides_the_mode() {
        let mut auto = AutoEchoMode::default();
        assert_eq!(after(&mut auto, left(-40.0), 20), EchoMode::Duck);
        assert_eq!(after(&mut auto, left(-40.0), 100), EchoMode::Duck, "ducking is enough for this");
        assert_eq!(after(&mut auto, left(-20.0), ESCALATE_AFTER), EchoMode::HalfDuplex);
        assert_eq!(after(&mut auto, left(-20.0), 100), EchoMode::HalfDuplex);
    }

    #[test]
    fn an_improved_room_is_noticed_step_by_step() {
        let mut auto = AutoEchoMode::default();
        after(&mut auto, left(-20.0), 20);
        assert_eq!(auto.mode, EchoMode::HalfDuplex);
        assert_eq!(after(&mut auto, NOTHING, RELAX_AFTER - 1), EchoMode::HalfDuplex);
        assert_eq!(
            after(&mut auto, UNCLEAR, RELAX_AFTER),
            EchoMode::HalfDuplex,
            "a user who speaks proves nothing"
        );
        assert_eq!(after(&mut auto, NOTHING, 1), EchoMode::Duck);
        assert_eq!(after(&mut auto, NOTHING, RELAX_AFTER), EchoMode::Cancel);
    }

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn repeated_false_interruptions_escalate_to_half_duplex() {
        let mut auto = AutoEchoMode::default();
        for at in [10, 80] {
            auto.count_false_interruption(seconds(at));
            assert_eq!(auto.mode, EchoMode::Cancel, "one a minute is an accident");
        }
        auto.count_false_interruption(seconds(100));
        assert_eq!(auto.mode, EchoMode::HalfDuplex);
        assert_eq!(auto.reason, EchoReason::FalseInterruptions { retry: FIRST_RETRY });
        auto.update(seconds(200), &NOTHING);
        assert_eq!(auto.mode, EchoMode::HalfDuplex, "independent of the meter");
    }

    #[test]
    fn the_canceller_is_retried_after_increasing_times() {
        let mut auto = AutoEchoMode::default();
        let mut now = seconds(0);
        for retry in [120, 240, 480, 960, 960] {
            (0..2).for_each(|_| auto.count_false_interruption(now));
            auto.update(now + seconds(retry - 1), &NOTHING);
            assert_eq!(auto.mode, EchoMode::HalfDuplex);
            now += seconds(retry);
            auto.update(now, &NOTHING);
            assert_eq!((auto.mode, auto.reason), (EchoMode::Cancel, EchoReason::Retry));
        }
    }
}
