//! All code that runs in a device callback: arithmetic, ring buffers and atomics, nothing that can block.

pub mod callback;
pub mod counters;
pub(crate) mod slot;
#[cfg(feature = "device")]
pub(crate) mod cards;
