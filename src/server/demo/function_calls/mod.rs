//! Function calls of the demo endpoint: selection and example arguments.

pub(super) mod choice;
pub(super) mod arguments;
