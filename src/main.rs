//! The `rtvoice` program.

fn main() {}
