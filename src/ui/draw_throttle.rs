//! When the screen is drawn: often while something moves, seldom while nothing does.

use std::time::Duration;

use crate::ui::view::LiveStatus;
use crate::ui::view::meter;

/// At most thirty drawings a second: more cannot be seen, and each one costs the terminal work.
pub const FRAME: Duration = Duration::from_millis(34);

/// How often the clock on the screen is looked at; it shows seconds that begin at any time.
const CLOCK: Duration = Duration::from_millis(500);

/// Decides when to draw.
#[derive(Debug, Default)]
pub struct DrawThrottle {
    is_touched: bool,
    drawn: Option<(Duration, VisibleState)>,
}

/// What of a glance can be seen: while this stays the same, a drawing would be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct VisibleState {
    clock: u128,
    input: usize,
    output: usize,
}

impl DrawThrottle {
    /// Takes note that something other than levels and time has changed.
    pub fn touch(&mut self) {
        self.is_touched = true;
    }

    /// Returns whether it is time to draw.
    pub fn is_due(&self, glance: &LiveStatus) -> bool {
        let Some((drawn_at, sight)) = self.drawn else { return true };
        (self.is_touched || sight != VisibleState::of(glance)) && glance.now.saturating_sub(drawn_at) >= FRAME
    }

    /// Takes note of a drawing.
    pub fn drawn(&mut self, glance: &LiveStatus) {
        *self = Self { is_touched: false, drawn: Some((glance.now, VisibleState::of(glance))) };
    }

    /// Returns how long to wait for a key before the next look; at most one frame.
    pub fn patience(&self, now: Duration) -> Duration {
        match self.drawn {
            Some((drawn_at, _)) if self.is_touched => (drawn_at + FRAME).saturating_sub(now).min(FRAME),
            Some(_) => FRAME,
            None => Duration::ZERO,
        }
    }
}

impl VisibleState {
    fn of(glance: &LiveStatus) -> Self {
        Self {
            clock: glance.now.as_millis() / CLOCK.as_millis(),
            input: meter::step(glance.input_dbfs),
            output: meter::step(glance.output_dbfs),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts the drawings of ten seconds looked at every millisecond.
    fn drawings(level: impl Fn(u64) -> f32, touched: impl Fn(u64) -> bool) -> usize {
        let mut pace = DrawThrottle::default();
        let mut count = 0;
        for millisecond in 0..10_000 {
            let now = Duration::from_millis(millisecond);
            let glance = LiveStatus { now, input_dbfs: level(millisecond), output_dbfs: f32::NEG_INFINITY };
            if touched(millisecond) {
                pace.touch();
            }
            if pace.is_due(&glance) {
                count += 1;
                pace.drawn(&glance);
            }
        }
        count
    }

    #[test]
    fn nothing_is_drawn_more_than_thirty_times_a_second() {
        let busy = drawings(|millisecond| (millisecond % 50) as f32 - 50.0, |_| true);
        assert!((280..=300).contains(&busy), "{busy} drawings in ten seconds");
    }

    #[test]
    fn a_silent_screen_is_drawn_twice_a_second() {
        assert_eq!(drawings(|_| f32::NEG_INFINITY, |_| false), 20);
    }

    #[test]
    fn noise_below_the_meter_moves_nothing() {
        assert_eq!(drawings(|millisecond| -90.0 + (millisecond % 20) as f32, |_| false), 20);
    }

    #[test]
    fn a_change_is_drawn_within_a_frame() {
        let mut pace = DrawThrottle::default();
        let glance = |now| LiveStatus { now, input_dbfs: -100.0, output_dbfs: -100.0 };
        pace.drawn(&glance(Duration::from_millis(500)));
        pace.touch();
        let now = Duration::from_millis(510);
        assert!(!pace.is_due(&glance(now)));
        assert!(pace.is_due(&glance(now + pace.patience(now))));
    }
}
