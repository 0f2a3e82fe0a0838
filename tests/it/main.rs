//! The program from outside, and the rules by which its code is kept.

mod support;
mod network;
mod tidy;
