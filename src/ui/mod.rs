//! User interfaces of a call: the screen, plain lines and JSON lines, all driven by the session's notices.
//!
//! Only [`terminal`] does I/O of its own. Text from servers is untrusted; every output path goes through
//! [`text::sanitize`].

pub mod model;
pub mod view;
pub mod terminal;
pub mod input;
pub mod output;
pub mod text;
pub mod draw_throttle;
pub mod event_log;

#[cfg(test)]
pub(crate) mod fixture;
