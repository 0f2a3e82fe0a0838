//! Attribution of server errors to the request that caused them.

use std::time::Duration;

use crate::protocol::dialect::Dialect;
use crate::protocol::events::error::ErrorInfo;
use crate::session::connection::Connection;
use crate::session::connection::requests::{RequestKind, is_own_id};
use crate::session::io::Handshake;
use crate::session::plan::{Mode, Plan, TurnControl};

/// Error code of an endpoint that dropped the beta protocol, in the handshake or in the settings.
const BETA_DISABLED: &str = "beta_api_shape_disabled";

#[expect(clippy::too_many_arguments, reason = "components are separate borrows of the session")]
impl Connection {
    /// Returns which request caused an error: the one it names, or the only one in flight.
    pub(crate) fn cause_of(
        &mut self,
        now: Duration,
        plan: &Plan,
        error: &ErrorInfo,
        awaits_response: bool,
    ) -> Option<RequestKind> {
        let named = self.requests.take(error.event_id.as_deref());
        named.or_else(|| self.only_request_in_flight(now, plan, error, awaits_response))
    }

    /// Returns the request in flight if it is the only one. Appended audio is never acknowledged: while it
    /// streams, the cause is ambiguous.
    fn only_request_in_flight(
        &self,
        now: Duration,
        plan: &Plan,
        error: &ErrorInfo,
        awaits_response: bool,
    ) -> Option<RequestKind> {
        let is_ours = error.event_id.as_deref().is_some_and(is_own_id);
        let is_streaming = match plan.mode {
            Mode::Talk | Mode::Transcribe => plan.turn_control() == TurnControl::Server,
            Mode::Chat | Mode::Ask => false,
        };
        if is_ours || is_streaming || error.is_fatal() || !self.is_live() {
            return None;
        }
        let response = awaits_response.then_some(&RequestKind::ResponseCreate);
        let mut requests = self.requests.in_flight(now).chain(response);
        let only = requests.next()?;
        requests.next().is_none().then(|| only.clone())
    }

    /// Returns whether an endpoint refuses the beta protocol, which was not demanded.
    pub(crate) fn is_beta_refused(&self, plan: &Plan, error: &ErrorInfo) -> bool {
        let is_demanded = plan.dialect == Some(Dialect::Beta);
        error.code.as_deref() == Some(BETA_DISABLED) && self.handshake == Handshake::Default && !is_demanded
    }
}
