//! Ballistics of a level meter: how its bar and its peak mark follow the level, so that the eye can follow them.

use std::time::Duration;

use crate::dsp::level::{FLOOR_DBFS, LevelReading};

/// Both the bar and the mark fall 20 dB in 1.5 s, as in common peak meters.
const FALL_DB_PER_SECOND: f32 = 20.0 / 1.5;

/// The peak mark stays this long before it falls.
const HOLD: Duration = Duration::from_millis(1_200);

/// Time constant of the bar: it reaches 99% of a level in 300 ms, as a VU meter.
const TIME_CONSTANT: f32 = 0.065;

/// Speech below this level is hard to understand.
const SOFT_DBFS: f32 = -50.0;

/// How long speech must be soft, so that a pause does not count.
const SOFT_FOR: Duration = Duration::from_secs(5);

/// Samples above this level are probably clipped.
const CLIPPING_DBFS: f32 = -1.0;

/// Three peaks within this time are too loud. The warning stays as long.
const CLIPPING_WITHIN: Duration = Duration::from_secs(2);

/// What a meter shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeterLevel {
    /// Length of the bar in dBFS.
    pub rms_dbfs: f32,
    /// Place of the peak mark in dBFS.
    pub peak_dbfs: f32,
    /// What is wrong with the level.
    pub warning: Option<LevelWarning>,
}

/// What is wrong with the level of a microphone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LevelWarning {
    /// Speech is hard to understand.
    Soft,
    /// The signal is clipped.
    Loud,
}

impl MeterLevel {
    /// Silence.
    pub const SILENCE: Self = Self { rms_dbfs: FLOOR_DBFS, peak_dbfs: FLOOR_DBFS, warning: None };
}

/// State of one meter.
#[derive(Clone, Debug)]
pub struct MeterBallistics {
    updated: Duration,
    power: f32,
    shown: MeterLevel,
    peak_at: Duration,
    /// Start of the soft speech, or the last time without.
    soft_since: Duration,
    /// Times of the last clipped peaks, the latest first.
    clipped: [Option<Duration>; 3],
}

impl Default for MeterBallistics {
    fn default() -> Self {
        Self {
            updated: Duration::ZERO,
            power: 0.0,
            shown: MeterLevel::SILENCE,
            peak_at: Duration::ZERO,
            soft_since: Duration::ZERO,
            clipped: [None; 3],
        }
    }
}

impl MeterBallistics {
    /// Follows a reading, and returns what the meter shows.
    pub fn update(&mut self, now: Duration, reading: LevelReading, is_speech: bool) -> MeterLevel {
        let seconds = now.saturating_sub(self.updated).as_secs_f32();
        self.updated = now;
        let fall = FALL_DB_PER_SECOND * seconds;
        let power = 10_f32.powf(reading.rms_dbfs / 10.0);
        self.power += (power - self.power) * (1.0 - (-seconds / TIME_CONSTANT).exp());
        let shown = &mut self.shown;
        shown.rms_dbfs = (10.0 * self.power.log10()).max(shown.rms_dbfs - fall).max(FLOOR_DBFS);
        if reading.peak_dbfs >= shown.peak_dbfs {
            (shown.peak_dbfs, self.peak_at) = (reading.peak_dbfs, now);
        } else if now.saturating_sub(self.peak_at) > HOLD {
            shown.peak_dbfs = (shown.peak_dbfs - fall).max(reading.peak_dbfs);
        }
        if !is_speech || reading.rms_dbfs >= SOFT_DBFS {
            self.soft_since = now;
        }
        if reading.peak_dbfs > CLIPPING_DBFS {
            self.clipped = [Some(now), self.clipped[0], self.clipped[1]];
        }
        let is_recent =
            |at: &Option<Duration>| at.is_some_and(|at| now.saturating_sub(at) <= CLIPPING_WITHIN);
        shown.warning = if self.clipped.iter().all(is_recent) {
            Some(LevelWarning::Loud)
        } else {
            (now.saturating_sub(self.soft_since) >= SOFT_FOR).then_some(LevelWarning::Soft)
        };
        *shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_millis(30);

    /// Feeds a level for a number of frames, and returns the time and what is shown then.
    fn feed(
        meter: &mut MeterBallistics,
        from: Duration,
        frames: u32,
        (dbfs, is_speech): (f32, bool),
    ) -> (Duration, MeterLevel) {
        let reading = LevelReading { rms_dbfs: dbfs, peak_dbfs: dbfs };
        let mut shown = MeterLevel::SILENCE;
        for frame in 1..=frames {
            shown = meter.update(from + FRAME * frame, reading, is_speech);
        }
        (from + FRAME * frames, shown)
    }

    #[test]
    fn the_bar_rises_in_300_ms_and_falls_20_db_in_1_5_s() {
        let mut meter = MeterBallistics::default();
        let (now, loud) = feed(&mut meter, Duration::ZERO, 10, (-10.0, false));
        assert!((loud.rms_dbfs + 10.0).abs() < 0.1, "{loud:?}");
        let (_, later) = feed(&mut meter, now, 50, (FLOOR_DBFS, false));
        assert!((later.rms_dbfs + 30.0).abs() < 0.5, "{later:?}");
    }

    #[test]
    fn the_peak_mark_is_held_for_1_2_s_and_then_falls() {
        let mut meter = MeterBallistics::default();
        let (now, _) = feed(&mut meter, Duration::ZERO, 1, (-6.0, false));
        let (now, held) = feed(&mut meter, now, 40, (FLOOR_DBFS, false));
        assert!((held.peak_dbfs + 6.0).abs() < 0.01, "{held:?}");
        let (_, fallen) = feed(&mut meter, now, 50, (FLOOR_DBFS, false));
        assert!((fallen.peak_dbfs + 26.0).abs() < 0.5, "{fallen:?}");
    }

    #[test]
    fn speech_that_is_soft_for_five_seconds_is_very_soft() {
        let mut meter = MeterBallistics::default();
        let (now, shown) = feed(&mut meter, Duration::ZERO, 200, (-55.0, false));
        assert_eq!(shown.warning, None, "no speech");
        let (now, shown) = feed(&mut meter, now, 160, (-55.0, true));
        assert_eq!(shown.warning, None, "not yet five seconds");
        let (now, shown) = feed(&mut meter, now, 10, (-55.0, true));
        assert_eq!(shown.warning, Some(LevelWarning::Soft));
        assert_eq!(feed(&mut meter, now, 1, (-40.0, true)).1.warning, None);
    }

    #[test]
    fn three_clipped_peaks_in_two_seconds_are_too_loud() {
        let mut meter = MeterBallistics::default();
        let (now, shown) = feed(&mut meter, Duration::ZERO, 2, (0.0, false));
        assert_eq!(shown.warning, None);
        let (now, shown) = feed(&mut meter, now, 1, (-0.5, false));
        assert_eq!(shown.warning, Some(LevelWarning::Loud));
        assert_eq!(feed(&mut meter, now, 70, (-20.0, false)).1.warning, None);
    }
}
