//! The assistant's response: sequencing, streaming, playback.

pub(super) mod sequencer;
pub(super) mod streaming;
pub(super) mod playback;
