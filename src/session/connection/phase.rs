//! Phases of a session.

use std::time::Duration;

use crate::session::connection::closing::Closing;
use crate::session::connection::opening::Opening;
use crate::session::connection::reconnect::Reconnecting;
use crate::session::connection::rollover::Rollover;

/// Phase of a session. Each owns the state that exists only in it.
#[derive(Debug)]
pub(crate) enum Phase {
    /// The socket is being opened.
    Connecting,
    /// The socket is open and the session is not configured yet.
    Opening(Opening),
    /// The call itself.
    Live(Live),
    /// The connection is lost and will be opened again.
    Reconnecting(Reconnecting),
    /// Closed on purpose; it will be opened again on request.
    Disconnected,
    /// The close handshake is in progress.
    Closing(Closing),
    /// The session has ended.
    Over,
}

/// State of a configured connection.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) since: Duration,
    /// Preparation of the next session.
    pub(crate) rollover: Rollover,
}
