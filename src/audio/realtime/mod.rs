//! All code that runs in a device callback: arithmetic, ring buffers and atomics, nothing that can block.

pub mod callback;
pub mod counters;
#[cfg_attr(not(feature = "device"), allow(dead_code, reason = "only real devices use all of it"))]
pub mod slot;
#[cfg(feature = "device")]
pub mod cards;
pub(crate) mod test_tone;
