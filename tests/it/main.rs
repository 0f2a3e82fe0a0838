//! The program from outside, and the rules by which its code is kept.

mod support;
mod profiles;
mod tidy;
