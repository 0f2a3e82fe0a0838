//! Leaves long silences of a file out: they are neither sent nor billed.

use std::collections::VecDeque;
use std::time::Duration;

use crate::dsp::frame::Frame;
use crate::session::plan::Plan;

/// Silence that is sent before speech, in frames: detection is late.
const FRAMES_BEFORE: usize = 10;
/// Silence that is sent after speech in addition to what ends a turn.
const AFTER: Duration = Duration::from_secs(2);
/// Frames are left out in groups of this number: 400 ms. With other lengths, the voice activity detection of an
/// endpoint, whose frames are 16 ms, would find other times after a silence than without it.
const GROUP: usize = 4;

/// The frames of a silence that may precede speech.
#[derive(Debug, Default)]
pub(super) struct SilenceGate {
    kept: VecDeque<Frame>,
}

impl SilenceGate {
    /// Takes a frame after this much silence; returns what is to be sent.
    pub(super) fn pass(&mut self, plan: &Plan, frame: Frame, silence: Duration) -> VecDeque<Frame> {
        self.kept.push_back(frame);
        if silence <= plan.silence() + AFTER {
            return std::mem::take(&mut self.kept);
        }
        if self.kept.len() >= FRAMES_BEFORE + GROUP {
            self.kept.drain(..GROUP);
        }
        VecDeque::new()
    }

    /// Forgets the frames.
    pub(super) fn clear(&mut self) {
        self.kept.clear();
    }
}
