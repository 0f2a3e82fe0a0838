//! Which way against the echo is strong enough, decided by what is left of it.

use crate::audio::echo::EchoMode;
use crate::audio::echo::meter::Measurement;

/// How loud what is left of the echo may be, in dB below full scale: softer than whoever whispers.
const LEAKS_DBFS: f32 = -50.0;
/// How loud it may be where the microphone is turned down besides.
const FLOODS_DBFS: f32 = -28.0;
/// Measurements that a canceller needs to find the room.
const FINDING: u32 = 3;
/// So many more bad measurements than good ones, and the next stronger way is taken.
const BAD: u32 = 3;
/// So many good ones in a row, and the milder way is tried again.
const GOOD: u32 = 15;

/// Begins with the canceller, and takes what is stronger when too much is left of the echo.
#[derive(Debug)]
pub(super) struct AutoEchoMode {
    mode: EchoMode,
    seen: u32,
    bad: u32,
    good: u32,
}

impl Default for AutoEchoMode {
    fn default() -> Self {
        Self { mode: EchoMode::Cancel, seen: 0, bad: 0, good: 0 }
    }
}

impl AutoEchoMode {
    /// Takes what a second has shown, and returns the way to go.
    pub(super) fn judge(&mut self, measurement: &Measurement) -> EchoMode {
        self.seen = self.seen.saturating_add(1);
        let left = measurement.left_dbfs.unwrap_or(f32::MIN);
        let (too_much, little) = match self.mode {
            EchoMode::Off => (f32::MAX, f32::MIN),
            EchoMode::Cancel => (LEAKS_DBFS, f32::MIN),
            EchoMode::Duck => (FLOODS_DBFS, LEAKS_DBFS),
            EchoMode::HalfDuplex => (f32::MAX, FLOODS_DBFS),
        };
        let counts = self.seen > FINDING;
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
        if self.bad >= BAD {
            self.turn_to(match self.mode {
                EchoMode::Off | EchoMode::Cancel => EchoMode::Duck,
                EchoMode::Duck | EchoMode::HalfDuplex => EchoMode::HalfDuplex,
            });
        } else if self.good >= GOOD {
            self.turn_to(match self.mode {
                EchoMode::Off | EchoMode::Cancel | EchoMode::Duck => EchoMode::Cancel,
                EchoMode::HalfDuplex => EchoMode::Duck,
            });
        }
        self.mode
    }

    fn turn_to(&mut self, mode: EchoMode) {
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
    /// Somebody speaks.
    const UNCLEAR: Measurement = Measurement { is_still: false, ..NOTHING };

    fn after(auto: &mut AutoEchoMode, measurement: Measurement, times: u32) -> EchoMode {
        (0..times).map(|_| auto.judge(&measurement)).last().unwrap()
    }

    #[test]
    fn a_canceller_may_take_some_seconds_to_find_the_room() {
        let mut auto = AutoEchoMode::default();
        assert_eq!(after(&mut auto, left(-30.0), FINDING + BAD - 1), EchoMode::Cancel);
        assert_eq!(after(&mut auto, NOTHING, 100), EchoMode::Cancel);
        assert_eq!(
            after(&mut auto, left(-30.0), BAD - 1),
            EchoMode::Cancel,
            "two bad seconds are an accident"
        );
    }

    #[test]
    fn what_is_left_of_the_echo_decides_how_far_it_goes() {
        let mut auto = AutoEchoMode::default();
        assert_eq!(after(&mut auto, left(-40.0), 20), EchoMode::Duck);
        assert_eq!(after(&mut auto, left(-40.0), 100), EchoMode::Duck, "ducking is enough for this");
        assert_eq!(after(&mut auto, left(-20.0), BAD), EchoMode::HalfDuplex);
        assert_eq!(after(&mut auto, left(-20.0), 100), EchoMode::HalfDuplex);
    }

    #[test]
    fn a_room_that_has_become_better_is_noticed_step_by_step() {
        let mut auto = AutoEchoMode::default();
        after(&mut auto, left(-20.0), 20);
        assert_eq!(auto.mode, EchoMode::HalfDuplex);
        assert_eq!(after(&mut auto, NOTHING, GOOD - 1), EchoMode::HalfDuplex);
        assert_eq!(after(&mut auto, UNCLEAR, GOOD), EchoMode::HalfDuplex, "a user who speaks proves nothing");
        assert_eq!(after(&mut auto, NOTHING, 1), EchoMode::Duck);
        assert_eq!(after(&mut auto, NOTHING, GOOD), EchoMode::Cancel);
    }
}
