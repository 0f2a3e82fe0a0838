//! Detection of gaps: blocks that one of the two devices lost.
//!
//! Both devices count time in blocks of 10 ms. The difference of the two counts varies with the block sizes of
//! the devices and, slowly, with their clocks. A jump is a gap: the speaker ran dry behind its callback, or
//! microphone blocks were dropped. AEC3 finds the new delay by itself; filling gaps with silence did not help.

/// Captured blocks whose offsets form a range; device blocks are up to 100 ms long.
const WINDOW: u32 = 25;
/// Least jump that is a gap; a single block may be clock drift.
const MIN_GAP: i32 = 2;
/// Widest range while both devices run. A wider one is a device that started, paused or stalled.
const MAX_RANGE: i32 = 12;

/// Tracks the surplus of rendered over captured blocks.
#[derive(Debug, Default)]
pub(super) struct GapDetector {
    offset: i32,
    /// Range of the offset in the current window, and the length of the window so far.
    window: Option<(i32, i32)>,
    blocks: u32,
    /// Range in the last complete window.
    usual: Option<(i32, i32)>,
}

impl GapDetector {
    /// Counts a rendered block.
    pub(super) fn rendered(&mut self) {
        self.offset += 1;
    }

    /// Counts a captured block, and returns whether the offset jumped: blocks were lost, or are late.
    pub(super) fn captured(&mut self) -> bool {
        self.offset -= 1;
        let (low, high) = self.window.unwrap_or((self.offset, self.offset));
        let (low, high) = (low.min(self.offset), high.max(self.offset));
        self.window = Some((low, high));
        let is_gap = self
            .usual
            .is_some_and(|(low, high)| self.offset <= low - MIN_GAP || self.offset >= high + MIN_GAP);
        self.blocks += 1;
        if self.blocks == WINDOW {
            self.usual = (high - low <= MAX_RANGE).then_some((low, high));
            (self.window, self.blocks) = (None, 0);
        }
        is_gap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts blocks of 10 ms, those of the speaker in groups, and returns when a gap was noticed first.
    fn first_gap(
        detector: &mut GapDetector,
        group: u32,
        is_rendered: impl Fn(u32) -> bool,
        is_captured: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        let tick = |tick: &u32| {
            if tick % group == group - 1 && is_rendered(*tick) {
                (0..group).for_each(|_| detector.rendered());
            }
            is_captured(*tick) && detector.captured()
        };
        (0..300).filter(tick).collect::<Vec<_>>().first().copied()
    }

    #[test]
    fn an_underrun_behind_the_callback_is_noticed_at_once() {
        let noticed = first_gap(&mut GapDetector::default(), 2, |tick| !(100..104).contains(&tick), |_| true);
        assert!(noticed.is_some_and(|tick| (100..106).contains(&tick)), "{noticed:?}");
    }

    #[test]
    fn lost_microphone_blocks_are_noticed_at_once() {
        let noticed = first_gap(&mut GapDetector::default(), 2, |_| true, |tick| !(100..103).contains(&tick));
        assert!(noticed.is_some_and(|tick| (103..106).contains(&tick)), "{noticed:?}");
    }

    #[test]
    fn clock_drift_and_a_paused_speaker_are_not_gaps() {
        let mut detector = GapDetector::default();
        for _ in 0..10 {
            let noticed = first_gap(&mut detector, 2, |_| true, |tick| tick != 150);
            assert_eq!(noticed, None, "10 ms in three seconds");
        }
        let mut detector = GapDetector::default();
        assert_eq!(first_gap(&mut detector, 2, |tick| tick > 150, |_| true), None, "started late");
    }
}
