//! The WebSocket connection and its keepalive.

pub mod connection;
pub(super) mod keepalive;
pub(crate) mod ignore_write_errors;
