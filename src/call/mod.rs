//! A call: the driver loop, connections, presenters, trace; where session, audio, network and terminal meet.

pub mod clock;
pub mod streams;
pub mod trace;
pub(crate) mod local;
pub(crate) mod kept;
pub(crate) mod captions;
pub(crate) mod connect;
pub(crate) mod connections;
pub(crate) mod memory;
pub(crate) mod driver;
pub(crate) mod presenter;
pub(crate) mod signals;
pub(crate) mod run;
pub(crate) mod modes;
pub mod setup;
