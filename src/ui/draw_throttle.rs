//! Draw throttle: limits the frame rate and skips frames that would look the same.

use std::time::Duration;

use crate::ui::view::meter::wave::Wave;
use crate::ui::view::meter::{self, MeterSteps};
use crate::ui::view::state::LiveStatus;

/// At most 30 frames per second; more are not visible and cost the terminal work.
pub const FRAME_INTERVAL: Duration = Duration::from_millis(34);

/// Levels alone are drawn at most 15 times per second.
const METER_INTERVAL: Duration = Duration::from_millis(67);

/// Redraw interval of the clock, which shows seconds that begin at any time.
const CLOCK_INTERVAL: Duration = Duration::from_millis(500);

/// Decides when to draw.
#[derive(Debug, Default)]
pub struct DrawThrottle {
    is_changed: bool,
    drawn: Option<(Duration, VisibleState)>,
}

/// Visible part of the live status: frames with equal values look the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct VisibleState {
    clock: u128,
    input: MeterSteps,
    output: MeterSteps,
    wave: Wave,
}

impl DrawThrottle {
    /// Marks a change other than levels and time.
    pub fn mark_changed(&mut self) {
        self.is_changed = true;
    }

    /// Returns whether a frame is due.
    pub fn is_due(&self, live: &LiveStatus) -> bool {
        let Some((drawn_at, visible)) = self.drawn else { return true };
        let since = live.now.saturating_sub(drawn_at);
        self.is_changed && since >= FRAME_INTERVAL
            || visible != VisibleState::of(live) && since >= METER_INTERVAL
    }

    /// Records a drawn frame.
    pub fn drawn(&mut self, live: &LiveStatus) {
        *self = Self { is_changed: false, drawn: Some((live.now, VisibleState::of(live))) };
    }

    /// Returns how long to wait for a key before the next check; at most one frame.
    pub fn wait(&self, now: Duration) -> Duration {
        match self.drawn {
            Some((drawn_at, _)) if self.is_changed => {
                (drawn_at + FRAME_INTERVAL).saturating_sub(now).min(FRAME_INTERVAL)
            }
            Some(_) => FRAME_INTERVAL,
            None => Duration::ZERO,
        }
    }
}

impl VisibleState {
    fn of(live: &LiveStatus) -> Self {
        Self {
            clock: live.now.as_millis() / CLOCK_INTERVAL.as_millis(),
            input: meter::steps(live.input),
            output: meter::steps(live.output),
            wave: live.wave,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::view::meter::ballistics::MeterLevel;

    fn meter_level(dbfs: f32) -> MeterLevel {
        MeterLevel { rms_dbfs: dbfs, ..MeterLevel::SILENCE }
    }

    /// Counts the frames of ten seconds, checked every millisecond.
    fn frames(level: impl Fn(u64) -> f32, changed: impl Fn(u64) -> bool) -> usize {
        let mut throttle = DrawThrottle::default();
        let mut count = 0;
        for millisecond in 0..10_000 {
            let now = Duration::from_millis(millisecond);
            let live = LiveStatus {
                now,
                input: meter_level(level(millisecond)),
                output: MeterLevel::SILENCE,
                wave: Wave::default(),
            };
            if changed(millisecond) {
                throttle.mark_changed();
            }
            if throttle.is_due(&live) {
                count += 1;
                throttle.drawn(&live);
            }
        }
        count
    }

    #[test]
    fn the_frame_rate_is_limited_to_thirty() {
        let busy = frames(|millisecond| (millisecond % 50) as f32 - 50.0, |_| true);
        assert!((280..=300).contains(&busy), "{busy} frames in ten seconds");
    }

    #[test]
    fn levels_alone_are_drawn_fifteen_times_a_second() {
        let levels = frames(|millisecond| (millisecond % 50) as f32 - 50.0, |_| false);
        assert!((140..=150).contains(&levels), "{levels} frames in ten seconds");
    }

    #[test]
    fn an_idle_screen_is_drawn_twice_a_second() {
        assert_eq!(frames(|_| f32::NEG_INFINITY, |_| false), 20);
    }

    #[test]
    fn levels_below_the_meter_cause_no_frames() {
        assert_eq!(frames(|millisecond| -90.0 + (millisecond % 20) as f32, |_| false), 20);
    }

    #[test]
    fn a_change_is_drawn_within_a_frame() {
        let mut throttle = DrawThrottle::default();
        let live = |now| LiveStatus {
            now,
            input: MeterLevel::SILENCE,
            output: MeterLevel::SILENCE,
            wave: Wave::default(),
        };
        throttle.drawn(&live(Duration::from_millis(500)));
        throttle.mark_changed();
        let now = Duration::from_millis(510);
        assert!(!throttle.is_due(&live(now)));
        assert!(throttle.is_due(&live(now + throttle.wait(now))));
    }
}
