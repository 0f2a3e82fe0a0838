//! Detection of gaps: blocks that one of the two devices lost.
//!
//! Both devices count time in blocks of 10 ms. The difference of the two counts varies with the block sizes of
//! the devices and, slowly, with their clocks. A jump is a gap: the speaker ran dry behind its callback, or
//! microphone blocks were dropped. AEC3 counts blocks as well, so that it loses the echo path unless the
//! missing ones are replaced.

use std::collections::VecDeque;

/// Blocks that form a range; device blocks are up to 100 ms long.
const WINDOW: u32 = 25;
/// Ranges that are usual: five seconds. Blocks that arrive at the same time as those of the other device change
/// their order at times.
const WINDOWS: usize = 20;
/// Least jump whose length is certain; a single block may be clock drift.
const MIN_CERTAIN: i32 = 2;
/// Longest gap. A longer one is a speaker that was paused.
const MAX_GAP: i32 = 25;
/// Widest range while both devices run. A wider one is a device that started, paused or stalled.
const MAX_RANGE: i32 = 12;

/// Lost blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    /// The speaker played this many blocks of silence.
    Speaker(i32),
    /// The microphone lost this many blocks.
    Microphone(i32),
    /// The devices are out of step by an unknown number.
    Unknown,
}

/// Tracks the surplus of rendered over captured blocks.
#[derive(Debug, Default)]
pub(super) struct GapDetector {
    offset: i32,
    has_rendered: bool,
    /// Range of the offset in the current window, and the length of the window so far.
    window: Option<(i32, i32)>,
    blocks: u32,
    /// Ranges in the last complete windows.
    ranges: VecDeque<(i32, i32)>,
}

impl GapDetector {
    /// Counts a rendered block.
    pub(super) fn rendered(&mut self) {
        self.offset += 1;
        self.has_rendered = true;
    }

    /// Counts a captured block, and returns the gap before it, which counts as replaced. Blocks of the speaker
    /// may be late, so only those that follow show how many were lost.
    pub(super) fn captured(&mut self) -> Option<Gap> {
        let gap = if std::mem::take(&mut self.has_rendered) { self.evaluate() } else { None };
        self.offset -= 1;
        gap
    }

    fn evaluate(&mut self) -> Option<Gap> {
        let ranges = self.ranges.iter().copied();
        let (low, high) = ranges.reduce(union).unwrap_or((self.offset, self.offset));
        let jump = self.offset - self.offset.clamp(low, high);
        let gap = match jump.abs() {
            0 => None,
            MIN_CERTAIN..MAX_GAP => {
                self.offset -= jump;
                Some(if jump < 0 { Gap::Speaker(-jump) } else { Gap::Microphone(jump) })
            }
            length => {
                if length >= MAX_GAP {
                    self.ranges.clear();
                    self.window = None;
                }
                self.ranges.push_back((self.offset, self.offset));
                Some(Gap::Unknown)
            }
        };
        let here = (self.offset, self.offset);
        let window = union(self.window.unwrap_or(here), here);
        self.window = Some(window);
        self.blocks += 1;
        if self.blocks == WINDOW {
            (self.window, self.blocks) = (None, 0);
            if window.1 - window.0 <= MAX_RANGE {
                self.ranges.push_back(window);
            } else {
                self.ranges.clear();
            }
        }
        let surplus = self.ranges.len().saturating_sub(WINDOWS);
        self.ranges.drain(..surplus);
        gap
    }
}

fn union(one: (i32, i32), other: (i32, i32)) -> (i32, i32) {
    (one.0.min(other.0), one.1.max(other.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts blocks of 10 ms, those of the speaker in groups, and returns the gaps and their times.
    fn gaps(
        detector: &mut GapDetector,
        group: u32,
        is_rendered: impl Fn(u32) -> bool,
        is_captured: impl Fn(u32) -> bool,
    ) -> Vec<(u32, Gap)> {
        let tick = |tick: u32| {
            if tick % group == group - 1 && is_rendered(tick) {
                (0..group).for_each(|_| detector.rendered());
            }
            let gap = if is_captured(tick) { detector.captured() } else { None };
            gap.map(|gap| (tick, gap))
        };
        (0..300).filter_map(tick).collect()
    }

    #[test]
    fn an_underrun_behind_the_callback_is_measured_when_it_ends() {
        for group in [1, 2] {
            let is_rendered = |tick| !(100..104).contains(&tick);
            let gaps = gaps(&mut GapDetector::default(), group, is_rendered, |_| true);
            assert_eq!(gaps, [(103 + group, Gap::Speaker(4))]);
        }
    }

    #[test]
    fn lost_microphone_blocks_are_measured_at_once() {
        for lost in 2..6 {
            let is_captured = |tick| !(101..101 + lost).contains(&tick);
            let gaps = gaps(&mut GapDetector::default(), 1, |_| true, is_captured);
            assert_eq!(gaps, [(101 + lost, Gap::Microphone(lost.cast_signed()))]);
        }
    }

    #[test]
    fn a_jump_of_one_block_is_of_uncertain_length_and_noted_once() {
        let mut detector = GapDetector::default();
        let found = gaps(&mut detector, 1, |_| true, |tick| tick != 150);
        assert_eq!(found, [(151, Gap::Unknown)], "drift or a gap");
        assert_eq!(gaps(&mut detector, 1, |tick| tick != 150, |_| true), [], "and back again");
    }

    #[test]
    fn a_late_callback_and_a_started_speaker_are_not_gaps() {
        assert_eq!(gaps(&mut GapDetector::default(), 2, |tick| tick > 150, |_| true), [], "started late");
        let mut detector = GapDetector::default();
        for tick in 0..300 {
            // Four blocks arrive together after the last of them.
            match tick {
                100..103 => {}
                103 => (0..4).for_each(|_| detector.rendered()),
                _ => detector.rendered(),
            }
            assert_eq!(detector.captured(), None);
        }
    }

    #[test]
    fn a_paused_speaker_is_a_gap_of_unknown_length() {
        let gaps = gaps(&mut GapDetector::default(), 1, |tick| !(100..200).contains(&tick), |_| true);
        assert_eq!(gaps, [(200, Gap::Unknown)]);
    }
}
