//! How exactly audio passes through whole calls, against recordings of a virtual sound server.
//!
//! These measure milliseconds of real time, so they need a machine with nothing else to do, and the test suite
//! leaves them out: `cargo test --test fidelity -- --test-threads 1`.
#![cfg(target_os = "linux")]

#[path = "../it/support/mod.rs"]
#[expect(dead_code, reason = "shared with the end-to-end tests, which use all of it")]
mod support;
mod call;
mod delivery;
mod echo;
mod interrupting;
mod recording;
mod rollover;
mod silence;
mod truncation;
