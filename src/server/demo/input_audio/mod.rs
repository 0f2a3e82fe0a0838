//! The client's audio at the demo endpoint: buffer, voice activity, measurements.

pub(super) mod buffer;
pub(super) mod vad;
pub(super) mod measure;
