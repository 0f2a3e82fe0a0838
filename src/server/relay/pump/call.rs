//! What a call needs, and what is reported of it.

use std::rc::Rc;
use std::time::Duration;

use tokio::sync::watch;

use crate::net::endpoint::redaction::Redactor;
use crate::protocol::price::Prices;
use crate::server::relay::admission::RelayRoute;
use crate::server::relay::limits::RelayLimits;
use crate::server::relay::policy::{EventPolicy, PolicyRefusal};
use crate::server::relay::tally::UsageTally;

/// Everything that a call needs apart from its connections.
pub(crate) struct CallPlan<'a> {
    /// Random id, for logs and errors.
    pub(crate) id: &'a str,
    /// The client's resource.
    pub(crate) route: RelayRoute,
    /// Policy of its events.
    pub(crate) policy: EventPolicy,
    /// Redactor of the relay's keys.
    pub(crate) redactor: Redactor,
    /// Limits of the call.
    pub(crate) limits: RelayLimits,
    /// Prices of the endpoint.
    pub(crate) prices: Option<Rc<Prices>>,
    /// Model that captions speech on the voice route.
    pub(crate) caption_model: String,
    /// Whether the client speaks beta and the endpoint does not.
    pub(crate) speaks_beta: bool,
    /// Adds a cost to the client's day; returns whether its limit is reached.
    pub(crate) spend: &'a dyn Fn(f64) -> bool,
    /// Notes an event that the policy refused.
    pub(crate) refused: &'a dyn Fn(&PolicyRefusal),
    /// Becomes true when calls have to end.
    pub(crate) restart: watch::Receiver<bool>,
}

/// What happened in a call, for log and metrics.
#[derive(Debug, Default)]
pub(crate) struct CallReport {
    /// In one word.
    pub(crate) outcome: &'static str,
    /// `client`, `upstream` or `relay`.
    pub(crate) closed_by: &'static str,
    /// Close code received from or sent to the client.
    pub(crate) close_client: Option<u16>,
    /// Close code received from the endpoint.
    pub(crate) close_upstream: Option<u16>,
    /// Duration of the pump.
    pub(crate) duration: Duration,
    /// Events of the client.
    pub(crate) events_in: u64,
    /// Events of the endpoint.
    pub(crate) events_out: u64,
    /// Bytes of the client's events.
    pub(crate) bytes_in: u64,
    /// Bytes of the endpoint's events.
    pub(crate) bytes_out: u64,
    /// Events that the policy refused.
    pub(crate) blocked_events: u64,
    /// Seconds in which one side was not read because of the other.
    pub(crate) paused_seconds: u64,
    /// Cost in US dollars.
    pub(crate) usd: f64,
    /// Usage.
    pub(crate) tally: UsageTally,
}
