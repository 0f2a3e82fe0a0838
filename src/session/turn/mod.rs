//! The user's turn: microphone, local VAD, interruption, ducking, audio that no server has acknowledged.

pub(super) mod microphone;
pub(super) mod media_time;
pub(super) mod local_vad;
pub(super) mod interruption;
pub(super) mod ducking;
pub(super) mod unacked_audio;
pub(super) mod ready_prompt;
pub(super) mod piped_lines;
