//! Keys and what they do: one table of actions for the screen, its help and hints, and the configuration.

pub mod action;
pub mod bindings;
pub mod chord;
