//! All code that runs in a device callback: arithmetic, ring buffers and atomics, nothing that can block.

pub mod callback;
pub mod counters;
