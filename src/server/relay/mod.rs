//! The relay: keeps the key of an endpoint on a server and passes Realtime calls on to it.
//!
//! Admission, policy, limits and close codes are pure: no I/O, no clock. The endpoint is dialed before a client's
//! upgrade, so that refusals have an HTTP status and nothing is queued. One task pumps each call; all tasks share
//! one thread.

pub mod address;
pub mod admission;
pub mod limits;
pub mod policy;
pub mod close;
pub mod setup;
pub mod tally;
mod pump;
pub mod upstream;
mod call_log;
mod metrics;
pub mod service;
pub mod listener;
