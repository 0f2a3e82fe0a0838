//! Promises of the connection: opening, errors, reconnecting, rollover, closing.

mod opening;
mod errors;
mod reconnect;
mod replay;
mod rollover;
mod closing;
mod revision;
mod history;
mod disconnection;
