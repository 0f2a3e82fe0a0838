//! Playback flush in progress.

use std::time::Duration;

use crate::dsp::frame::ClipId;
use crate::session::io::{Deadline, Reason};

/// Maximum time for the flush report. A block of the device and a tick of the engine take about 30 ms; after
/// this the last known playback position counts.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(150);

/// Playback was flushed and its final position is not known yet.
#[derive(Debug)]
pub(crate) struct Flushing {
    until: Duration,
    clips: Vec<ClipId>,
}

impl Flushing {
    pub(crate) fn new(now: Duration, clips: Vec<ClipId>) -> Self {
        Self { until: now + FLUSH_TIMEOUT, clips }
    }

    pub(crate) fn deadline(&self) -> Deadline {
        Deadline { at: self.until, reason: Reason::NoFlushed }
    }

    pub(crate) fn into_clips(self) -> Vec<ClipId> {
        self.clips
    }
}
