//! Text: sanitizing, width and wrapping, wording of states.

pub mod sanitize;
pub mod speakers;
pub mod growing;
pub mod wrap;
pub mod json;
pub mod charset;
pub mod language;
pub mod wording;
pub mod devices;
