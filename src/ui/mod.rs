//! What the user sees and does: the screen, plain lines and JSON lines, all fed with the session's notices.
//!
//! Everything but [`terminal`] works on data. Texts come from servers and are not trusted: each way out
//! passes through [`text::sanitize`].

pub mod model;
pub mod view;
pub mod terminal;
pub mod input;
pub mod output;
pub mod text;
pub mod draw_throttle;

#[cfg(test)]
pub(crate) mod fixture;
