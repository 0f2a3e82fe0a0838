//! The capture path: echo control, noise suppression, speech detection, framing.

pub(super) mod framing;
pub(crate) mod processing;
pub mod speech_detector;
pub(super) mod input;
