//! The life of a device during a call: open, recover, watch, select.

#[allow(dead_code, reason = "only devices use all of it, and of those only a sound server's")]
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
