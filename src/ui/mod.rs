//! What the user sees and does: the screen, plain lines and JSON lines, all fed with the session's notices.
//!
//! Everything but [`term`] works on data. Texts come from servers and are not trusted: each way out
//! passes through [`text`].

pub mod charset;
pub mod text;
pub mod wrap;
pub mod words;
pub mod device;
pub mod front;
pub mod plain;
pub mod json;
pub mod json_text;
pub mod model;
pub mod minutes;
pub mod editor;
pub mod talk_key;
pub mod keys;
pub mod view;
pub mod pace;
pub mod term;

#[cfg(test)]
mod fixture;
