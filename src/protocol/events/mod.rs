//! Client and server events, and what they carry: items, responses, audio.

pub mod client;
pub mod server;
pub mod item;
pub mod response;
pub(super) mod audio;
