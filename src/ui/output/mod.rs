//! Line output: labelled plain lines, JSON lines, the summary after a call.

pub mod plain;
pub mod captions;
pub mod copy;
pub mod export;
pub mod json;
pub mod summary;
pub mod presenter;
