//! The wire protocol: events of both sides, session settings and dialects.
//!
//! One decoder accepts every name of all dialects; the encoder writes the chosen [`dialect::Dialect`].
//! Nothing here uses a clock or a socket. Unknown events, fields and values are kept by name and are never an
//! error.

pub mod settings;
pub mod language;
pub mod value;
pub mod dialect;
pub mod close;
pub mod foreign;
pub mod error_codes;
pub mod refusal;
pub mod price;
mod params;
pub mod decode;
pub mod encode;
pub mod events;
#[cfg(test)]
pub(crate) mod tests;
