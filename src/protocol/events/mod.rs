//! Client and server events and their payloads: items, responses, errors, audio.

pub mod error;
pub mod client;
pub mod server;
pub mod item;
pub mod response;
pub(super) mod audio;
