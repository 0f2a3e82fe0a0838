//! Servers: the embedded demo endpoint, the relay, and what both share.

pub mod http;
pub mod demo;
pub mod relay;
