//! What the end-to-end tests share: running the program, a terminal, a sound server, judging what came out.

pub(crate) mod watched;
pub(crate) mod program;
#[cfg(unix)]
pub(crate) mod pty;
#[cfg(target_os = "linux")]
pub(crate) mod seats;
#[cfg(target_os = "linux")]
pub(crate) mod sound;
pub(crate) mod signal;
pub(crate) mod trace;
pub(crate) mod schema;
pub(crate) mod speech;
pub(crate) mod server;
pub(crate) mod stranger;
pub(crate) mod secrecy;
#[cfg(unix)]
pub(crate) mod between;
pub(crate) mod short;
