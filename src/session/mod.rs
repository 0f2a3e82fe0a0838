//! The call as a pure state machine: what happens goes in, what is to be done comes out.
//!
//! No I/O, no clock, no async, no threads. `now` is the time since the start of the program.

pub mod io;
