//! The screen of a call in a terminal.
