//! The program from outside, and the rules by which its code is kept.

mod support;
mod call;
mod screen;
mod staying;
mod profiles;
mod tidy;
mod talk;
mod chat;
mod transcribe;
mod formats;
mod refusals;
mod faults;
