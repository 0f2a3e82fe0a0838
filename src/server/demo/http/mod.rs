//! HTTP side of the demo endpoint: handshake, admission, Origin and Host checks, bounded WebSocket.

pub(super) mod handshake;
pub(crate) mod admission;
pub mod origin;
pub(super) mod socket;
