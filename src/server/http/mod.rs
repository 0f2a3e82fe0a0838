//! HTTP and WebSocket parts of all servers: Origin and Host checks, request parameters, bounded WebSocket.

pub mod origin;
pub(crate) mod request;
pub(crate) mod socket;
