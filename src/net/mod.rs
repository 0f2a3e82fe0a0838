//! Network access: endpoints, proxies, dialing and the WebSocket.
//!
//! Only [`dial`] opens outgoing sockets. [`ws::connection`] works over any byte stream, so that the
//! in-process demo and the tests need no socket. Nothing here interprets events.

pub mod endpoint;
pub mod dial;
pub mod proxy;
pub mod ws;
