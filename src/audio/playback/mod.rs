//! The playback path: queue, jitter buffer, clock drift, playout position.

pub(super) mod queue;
pub(super) mod clip;
pub(super) mod jitter_buffer;
pub(super) mod clock_drift;
pub(super) mod time_stretch;
pub(super) mod position;
pub(super) mod output;
pub(super) mod overflow;
