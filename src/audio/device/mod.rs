//! Devices during a call: open, recover, watch, select.

#[allow(dead_code, reason = "only a sound server uses all of it")]
pub(crate) mod handle;
pub(crate) mod open;
pub(super) mod recovery;
pub(super) mod failure;
pub(super) mod managed;
pub(super) mod watcher;
pub(super) mod enumerator;
pub mod select;
pub(crate) mod silence;
#[cfg_attr(not(feature = "device"), allow(dead_code, reason = "only real devices use all of it"))]
pub(super) mod block_size;
