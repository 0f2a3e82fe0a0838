//! Input audio of the demo endpoint: buffer, voice activity detection, measurements.

pub(super) mod buffer;
pub(super) mod vad;
pub(super) mod measure;
