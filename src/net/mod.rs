//! The WebSocket, and how an endpoint is reached: addresses, keys, TLS, the upgrade.
//!
//! [`dial`] is the only file that dials out. [`ws::connection`] works over any byte stream, so that the demo
//! inside the process and the tests need no socket. Nothing here knows an event's meaning.

pub mod endpoint;
pub mod dial;
pub mod proxy;
pub mod ws;
