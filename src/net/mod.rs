//! The WebSocket, and how an endpoint is reached: addresses, keys, TLS, the upgrade.
//!
//! [`dial`] is the only file that dials out. [`link`] works over any byte stream, so that the demo
//! inside the process and the tests need no socket. Nothing here knows an event's meaning.

pub mod link;
mod steady;
mod pulse;
pub mod upgrade;
pub mod answer;
mod http_date;
pub mod excerpt;
pub mod redact;
pub mod url;
pub mod endpoint;
pub mod endpoint_error;
pub mod dial;
pub mod dial_error;
pub mod proxy;
pub mod proxy_error;
mod tunnel;
pub mod certificate;
pub mod witness;
pub mod tls;
pub mod stream;
