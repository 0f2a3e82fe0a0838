//! Servers: the embedded demo endpoint, and what it shares with others.

pub mod http;
pub mod demo;
