//! Automatic escalation of echo control by the level of the residual echo.

use crate::audio::api::EchoMode;
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

/// Starts with the canceller, and escalates if too much echo remains.
#[derive(Debug)]
pub(super) struct AutoEchoMode {
    mode: EchoMode,
    count: u32,
    bad: u32,
    good: u32,
}

impl Default for AutoEchoMode {
    fn default() -> Self {
        Self { mode: EchoMode::Cancel, count: 0, bad: 0, good: 0 }
    }
}

impl AutoEchoMode {
    /// Evaluates a measurement and returns the mode.
    pub(super) fn update(&mut self, measurement: &Measurement) -> EchoMode {
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
            self.switch_to(match self.mode {
                EchoMode::Off | EchoMode::Cancel => EchoMode::Duck,
                EchoMode::Duck | EchoMode::HalfDuplex => EchoMode::HalfDuplex,
            });
        } else if self.good >= RELAX_AFTER {
            self.switch_to(match self.mode {
                EchoMode::Off | EchoMode::Cancel | EchoMode::Duck => EchoMode::Cancel,
                EchoMode::HalfDuplex => EchoMode::Duck,
            });
        }
        self.mode
    }

    fn switch_to(&mut self, mode: EchoMode) {
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
        (0..times).map(|_| auto.update(&measurement)).last().unwrap()
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
}
