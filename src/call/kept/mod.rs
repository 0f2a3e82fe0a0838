//! Kept conversations: files of JSON lines in the data folder, and continuing them.

pub(crate) mod record;
pub(crate) mod folder;
pub(crate) mod recorder;
pub(crate) mod continuing;
