//! `--record`: both sides of a call in one WAV file.

pub(super) mod recorder;
pub(super) mod track;
