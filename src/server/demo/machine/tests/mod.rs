//! The endpoint in virtual time, tested by its raw JSON output.

mod harness;
mod turns;
mod replies;
mod items;
mod faults;
mod tools;
mod limits;
