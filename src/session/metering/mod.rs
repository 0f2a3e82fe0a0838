//! Metering: latency, token usage, prices, limits.

pub(super) mod latency;
pub(super) mod usage;
pub mod price;
pub mod limits;
