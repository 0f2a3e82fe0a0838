//! Sources and sinks of samples: sound server, sound cards, files and pipes.

pub(crate) mod file;
pub(super) mod paced;
pub(super) mod sink;
#[cfg(feature = "device")]
pub(super) mod system;
#[cfg(not(feature = "device"))]
#[path = "no_system.rs"]
pub(super) mod system;
