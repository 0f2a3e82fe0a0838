//! The WebSocket connection and its keepalive.

pub mod connection;
pub(super) mod keepalive;
pub(super) mod ignore_write_errors;
