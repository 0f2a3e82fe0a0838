//! The relay: keeps the key of an endpoint on a server and passes Realtime calls on to it.
//!
//! Admission, policy, limits and close codes are pure: no I/O, no clock.

pub mod address;
pub mod admission;
pub mod limits;
pub mod policy;
pub mod close;
