//! Detection of gaps: blocks that one of the two devices lost.
//!
//! Both devices count time in blocks of 10 ms. The difference of the two counts varies with the block sizes of
//! the devices and, slowly, with their clocks. A jump is a gap: the speaker ran dry behind its callback, or
//! microphone blocks were dropped. AEC3 counts blocks as well: unless each missing one is replaced at once, it
//! searches its delay anew and leaks for seconds.

use std::collections::VecDeque;

/// Blocks that form a range; device blocks are up to 100 ms long.
const WINDOW: u32 = 25;
/// Ranges that are usual: five seconds. Blocks that arrive at the same time as those of the other device change
/// their order at times.
const WINDOWS: usize = 20;
/// Widest range while both devices run. A wider one is a device that started or stalled.
const MAX_RANGE: i32 = 12;
/// Captured blocks in which a missing block of the speaker may still arrive.
const LATE: u32 = 10;

/// Lost blocks, to be replaced by silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LostBlocks {
    Speaker(i32),
    Microphone(i32),
}

/// Tracks the surplus of rendered over captured blocks.
#[derive(Debug, Default)]
pub(super) struct GapDetector {
    offset: i32,
    /// Range of the offset in the current window, and the length of the window so far.
    window: Option<(i32, i32)>,
    blocks: u32,
    /// Ranges in the last complete windows, and all of them.
    ranges: VecDeque<(i32, i32)>,
    usual: Option<(i32, i32)>,
    /// Blocks of the speaker replaced, and captured blocks since then.
    replaced: i32,
    since: u32,
}

impl GapDetector {
    /// Counts a rendered block, and returns whether to use it. One that is late was replaced already.
    pub(super) fn rendered(&mut self) -> bool {
        let is_late = self.replaced > 0 && self.usual.is_some_and(|(_, high)| self.offset >= high);
        if is_late {
            self.replaced -= 1;
        } else {
            self.offset += 1;
        }
        !is_late
    }

    /// Counts a captured block, and returns the gap before it, which counts as replaced.
    pub(super) fn captured(&mut self) -> Option<LostBlocks> {
        let (low, high) = self.usual.unwrap_or((self.offset, self.offset));
        let jump = self.offset - self.offset.clamp(low, high);
        self.offset -= jump;
        self.since += 1;
        if jump < 0 {
            (self.replaced, self.since) = (self.replaced - jump, 0);
        } else if self.since > LATE {
            self.replaced = 0;
        }
        self.note();
        self.offset -= 1;
        match jump {
            0 => None,
            1.. => Some(LostBlocks::Microphone(jump)),
            _ => Some(LostBlocks::Speaker(-jump)),
        }
    }

    fn note(&mut self) {
        let here = (self.offset, self.offset);
        let (low, high) = union(self.window.unwrap_or(here), here);
        self.window = Some((low, high));
        self.blocks += 1;
        if self.blocks == WINDOW {
            (self.window, self.blocks) = (None, 0);
            if high - low > MAX_RANGE {
                self.ranges.clear();
            } else {
                self.ranges.push_back((low, high));
            }
            let surplus = self.ranges.len().saturating_sub(WINDOWS);
            self.ranges.drain(..surplus);
            self.usual = self.ranges.iter().copied().reduce(union);
        }
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
    ) -> Vec<(u32, LostBlocks)> {
        let tick = |tick: u32| {
            if tick % group == group - 1 && is_rendered(tick) {
                (0..group).for_each(|_| assert!(detector.rendered()));
            }
            let gap = if is_captured(tick) { detector.captured() } else { None };
            gap.map(|gap| (tick, gap))
        };
        (0..300).filter_map(tick).collect()
    }

    #[test]
    fn an_underrun_behind_the_callback_is_replaced_block_by_block() {
        let is_rendered = |tick| !(100..104).contains(&tick);
        let found = gaps(&mut GapDetector::default(), 1, is_rendered, |_| true);
        assert_eq!(found, [100, 101, 102, 103].map(|tick| (tick, LostBlocks::Speaker(1))));
        let found = gaps(&mut GapDetector::default(), 2, is_rendered, |_| true);
        assert_eq!(found.len(), 4, "{found:?}");
    }

    #[test]
    fn lost_microphone_blocks_are_counted_at_once() {
        for lost in 1..6 {
            let is_captured = |tick| !(101..101 + lost).contains(&tick);
            let found = gaps(&mut GapDetector::default(), 1, |_| true, is_captured);
            assert_eq!(found, [(101 + lost, LostBlocks::Microphone(lost.cast_signed()))]);
        }
    }

    #[test]
    fn late_blocks_of_the_speaker_are_not_used_twice() {
        let (mut detector, mut replaced, mut unused) = (GapDetector::default(), 0, 0);
        for tick in 0..300 {
            // Four blocks arrive together with the last of them.
            let arriving = match tick {
                100..103 => 0,
                103 => 4,
                _ => 1,
            };
            unused += (0..arriving).filter(|_| !detector.rendered()).count();
            match detector.captured() {
                Some(LostBlocks::Speaker(blocks)) => replaced += blocks,
                Some(LostBlocks::Microphone(_)) => panic!("nothing of it is lost"),
                None => {}
            }
        }
        assert_eq!((replaced, unused), (3, 3));
    }

    #[test]
    fn a_started_speaker_is_not_a_gap() {
        assert_eq!(gaps(&mut GapDetector::default(), 2, |tick| tick > 150, |_| true), []);
    }
}
