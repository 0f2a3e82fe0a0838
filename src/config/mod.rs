//! Where settings come from besides the flags: the environment and `.env`.

pub mod key;
