//! What goes over the wire: the events of both sides, session settings, and the two dialects.
//!
//! One reader understands every name of both dialects whatever the profile says; what is written
//! depends on the [`dialect::Dialect`]. Nothing here knows a clock or a socket. What is unknown
//! (events, fields, values) is kept by name and is never an error.

pub mod settings;
pub mod language;
pub mod value;
pub mod dialect;
pub mod close;
pub mod foreign;
pub mod error_codes;
pub mod refusal;
mod params;
pub mod decode;
pub mod encode;
pub mod events;
#[cfg(test)]
pub(crate) mod tests;
