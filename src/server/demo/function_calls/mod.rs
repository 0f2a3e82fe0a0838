//! Function calls of the demo endpoint: which function, with which arguments.

pub(super) mod choice;
pub(super) mod arguments;
