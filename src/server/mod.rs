//! Servers: the embedded demo endpoint.

pub mod demo;
