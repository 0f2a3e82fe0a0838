//! The connection of a session: opening, reconnecting, rollover to the next session, closing.

pub(super) mod opening;
pub(super) mod reconnect;
pub(super) mod rollover;
pub(super) mod closing;
pub(super) mod deduplication;
pub(super) mod placement;
pub(super) mod ids;
