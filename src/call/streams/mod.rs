//! The standard streams: console lines, typed lines, signals.

pub(crate) mod answers;
pub(crate) mod console;
pub mod standard;
pub(crate) mod typed_lines;
pub mod stderr;
