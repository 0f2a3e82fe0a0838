//! Promises of the turn taking.

mod server_turns;
mod manual_turns;
pub(super) mod local_turns;
mod interruption;
mod ducking;
mod piped_lines;
mod devices;
mod live_captions;
mod missing_captions;
