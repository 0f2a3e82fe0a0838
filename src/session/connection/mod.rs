//! Connection to the server: opening, sending, rollover to the next session, reconnecting, closing.

pub(super) mod phase;
pub(super) mod opening;
pub(super) mod requests;
pub(super) mod errors;
pub(super) mod reconnect;
pub(super) mod rollover;
pub(super) mod closing;
pub(super) mod close_reason;
mod attribution;
pub(super) mod deduplication;
pub(super) mod placement;
pub(super) mod ids;

use std::time::Duration;

use crate::dsp::frame::Frame;
use crate::protocol::dialect::Dialect;
use crate::protocol::events::client::ClientBody;
use crate::protocol::events::item::Item;
use crate::protocol::events::server::{ServerBody, ServerEvent};
use crate::session::activity::Activity;
use crate::session::connection::closing::Closing;
use crate::session::connection::deduplication::EventDeduplicator;
use crate::session::connection::errors::ErrorLog;
use crate::session::connection::opening::{NextAction, Opening};
use crate::session::connection::phase::{Live, Phase};
use crate::session::connection::placement::Placement;
use crate::session::connection::reconnect::{Backoff, Reconnecting};
use crate::session::connection::requests::{RequestKind, SentRequests};
use crate::session::connection::rollover::{Rollover, StandbyChange, SwitchReason};
use crate::session::io::{
    ConnectionState, Deadline, EndReason, Failure, Handshake, NextEvent, Notice, Output, Ready,
};
use crate::session::outputs::Outputs;
use crate::session::plan::{ConnectionPolicy, Plan};

/// The connection in use and the phase of the session.
#[derive(Debug)]
pub(crate) struct Connection {
    phase: Phase,
    dialect: Dialect,
    handshake: Handshake,
    requests: SentRequests,
    errors: ErrorLog,
    deduplicator: EventDeduplicator,
    placement: Placement,
    backoff: Backoff,
    /// Why a component asked for the end of the call.
    end_request: Option<EndReason>,
    /// Whether a connection was ever configured.
    was_live: bool,
}

/// Result of opening a connection.
#[derive(Debug)]
pub(crate) enum OpeningResult {
    Live(Ready),
    Refused(Failure),
}

#[expect(clippy::too_many_arguments, reason = "components are separate borrows of the session")]
impl Connection {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            phase: match plan.connecting {
                ConnectionPolicy::Once | ConnectionPolicy::Resumable => Phase::Connecting,
                ConnectionPolicy::OnDemand { .. } => Phase::Disconnected,
            },
            dialect: plan.dialect.unwrap_or_default(),
            handshake: Handshake::default(),
            requests: SentRequests::default(),
            errors: ErrorLog::default(),
            deduplicator: EventDeduplicator::default(),
            placement: Placement::default(),
            backoff: Backoff::default(),
            end_request: None,
            was_live: false,
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub(crate) fn handshake(&self) -> Handshake {
        self.handshake
    }

    pub(crate) fn phase(&self) -> &Phase {
        &self.phase
    }

    pub(crate) fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live(_))
    }

    pub(crate) fn is_disconnected(&self) -> bool {
        matches!(self.phase, Phase::Disconnected)
    }

    /// Returns whether a connection was ever configured.
    pub(crate) fn was_live(&self) -> bool {
        self.was_live
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }

    pub(crate) fn errors(&mut self) -> &mut ErrorLog {
        &mut self.errors
    }

    pub(crate) fn deadline(&self, activity: Activity) -> Option<Deadline> {
        let phase = match &self.phase {
            Phase::Opening(opening) => Some(opening.deadline()),
            Phase::Live(live) => live.rollover.deadline(activity),
            Phase::Reconnecting(reconnecting) => reconnecting.deadline(),
            Phase::Closing(closing) => Some(closing.deadline()),
            Phase::Connecting | Phase::Disconnected | Phase::Over => None,
        };
        phase.into_iter().chain(self.errors.deadline()).min_by_key(|deadline| deadline.at)
    }

    /// Sends an event with an id, so that an error can be matched to it.
    pub(crate) fn send(
        &mut self,
        now: Duration,
        mut body: ClientBody,
        kind: RequestKind,
        outputs: &mut Outputs,
    ) {
        let is_closed = match self.phase {
            Phase::Connecting | Phase::Opening(_) | Phase::Live(_) => self.end_request.is_some(),
            Phase::Reconnecting(_) | Phase::Disconnected | Phase::Closing(_) | Phase::Over => true,
        };
        if is_closed {
            return;
        }
        self.placement.translate_to_server_ids(&mut body);
        let event_id = self.requests.note(now, kind);
        outputs.push(Output::Send(Box::new(body.with_id(event_id))));
    }

    /// Notes that the oldest request of a kind was acknowledged.
    pub(crate) fn acknowledge(&mut self, kind: &RequestKind) {
        self.requests.acknowledge(kind);
    }

    /// Takes an event of the server, unless it is to be ignored.
    pub(crate) fn accept(&mut self, event: ServerEvent, outputs: &mut Outputs) -> Option<ServerEvent> {
        if matches!(self.phase, Phase::Closing(_)) {
            return None;
        }
        if self.deduplicator.is_repeat(&event) {
            outputs.debug("the endpoint sent an event twice");
            return None;
        }
        if let Some(foreign) = event.foreign() {
            self.request_end(EndReason::Refused(Failure { message: foreign.refusal(), code: None }));
            return None;
        }
        Some(event)
    }

    /// Gives an event the ids of its item and response.
    pub(crate) fn resolve(&mut self, body: ServerBody, is_response_due: bool) -> ServerBody {
        self.placement.resolve(body, is_response_due)
    }

    /// Returns the id of an item that is created here under the id `wanted`.
    pub(crate) fn own_item(&mut self, wanted: &str) -> String {
        self.placement.own_item(wanted)
    }

    /// Returns whether the server in use has named an item.
    pub(crate) fn is_on_server(&self, item_id: &str) -> bool {
        self.placement.is_on_server(item_id)
    }

    /// Expects no further events of the response in progress.
    pub(crate) fn abandon_response(&mut self) {
        self.placement.abandon_response();
    }

    /// Asks for the end of the call as soon as the current input is handled.
    pub(crate) fn request_end(&mut self, reason: EndReason) {
        self.end_request.get_or_insert(reason);
    }

    pub(crate) fn take_end_request(&mut self) -> Option<EndReason> {
        self.end_request.take()
    }

    pub(crate) fn is_end_requested(&self) -> bool {
        self.end_request.is_some()
    }

    /// Starts to configure an open connection.
    pub(crate) fn open(&mut self, now: Duration, plan: &Plan, outputs: &mut Outputs) {
        outputs.show(Notice::Connection(ConnectionState::Configuring));
        let opening = Opening::new(now, plan);
        self.placement.new_server();
        self.dialect = opening.dialect();
        self.phase = Phase::Opening(opening);
    }

    /// Advances the opening by one step; returns its result once known.
    pub(crate) fn advance_opening(
        &mut self,
        now: Duration,
        plan: &mut Plan,
        outputs: &mut Outputs,
        step: impl FnOnce(&mut Opening, &mut Plan) -> NextAction,
    ) -> Option<OpeningResult> {
        let Phase::Opening(opening) = &mut self.phase else { return None };
        match step(opening, plan) {
            NextAction::Wait => None,
            NextAction::SendSettings(message) => {
                self.dialect = opening.dialect();
                if let Some(message) = message {
                    outputs.info(message);
                }
                if !plan.omitted.is_empty() {
                    let omitted = plan.omitted.join(", ");
                    outputs.debug(format!("settings not sent to this endpoint: {omitted}"));
                }
                let settings = Box::new(plan.settings_to_send());
                self.send(now, ClientBody::SessionUpdate(settings), RequestKind::SessionUpdate, outputs);
                None
            }
            NextAction::GoLive(ready, warnings) => {
                for Failure { message, .. } in warnings {
                    self.errors.warn(&format!("the endpoint did not apply a setting: {message}"), outputs);
                }
                let rollover = Rollover::new(now, plan, ready.expires_at);
                self.was_live = true;
                self.phase = Phase::Live(Live { since: now, rollover });
                Some(OpeningResult::Live(ready))
            }
            NextAction::Refused(failure) => Some(OpeningResult::Refused(failure)),
        }
    }

    /// Forgets the previous server.
    pub(crate) fn forget_server(&mut self) {
        self.errors = ErrorLog::default();
        self.requests = SentRequests::default();
        self.deduplicator = EventDeduplicator::default();
    }

    pub(crate) fn backoff(&mut self) -> &mut Backoff {
        &mut self.backoff
    }

    /// Returns since when the connection has been live.
    pub(crate) fn live_since(&self) -> Option<Duration> {
        if let Phase::Live(live) = &self.phase { Some(live.since) } else { None }
    }

    pub(crate) fn reconnect(&mut self, reconnecting: Reconnecting) {
        self.phase = Phase::Reconnecting(reconnecting);
    }

    /// Uses a handshake without the marker of the beta protocol from here on.
    pub(crate) fn leave_beta(&mut self) {
        self.handshake = Handshake::WithoutBetaHeader;
    }

    /// Opens the socket again once the pause is over.
    pub(crate) fn tick_reconnect(&mut self, now: Duration, outputs: &mut Outputs) {
        if let Phase::Reconnecting(reconnecting) = &mut self.phase
            && reconnecting.is_due(now)
        {
            outputs.show(Notice::Connection(ConnectionState::Connecting));
            outputs.push(Output::Open(self.handshake));
        }
    }

    /// Stays without a connection; the next one begins with new attempts.
    pub(crate) fn disconnect(&mut self) {
        self.backoff = Backoff::default();
        self.phase = Phase::Disconnected;
    }

    pub(crate) fn close(&mut self, closing: Closing) {
        self.phase = Phase::Closing(closing);
    }

    pub(crate) fn closing(&mut self) -> Option<&mut Closing> {
        if let Phase::Closing(closing) = &mut self.phase { Some(closing) } else { None }
    }

    pub(crate) fn end(&mut self) {
        self.phase = Phase::Over;
    }

    fn rollover(&mut self) -> Option<&mut Rollover> {
        if let Phase::Live(live) = &mut self.phase { Some(&mut live.rollover) } else { None }
    }

    /// Notes the level of the microphone, which decides when to switch.
    pub(crate) fn note_input(&mut self, now: Duration, frame: &Frame) {
        if let Some(rollover) = self.rollover() {
            rollover.note_input(now, frame);
        }
    }

    /// Handles an event of the standby connection.
    pub(crate) fn standby_event(
        &mut self,
        now: Duration,
        plan: &mut Plan,
        event: NextEvent,
        outputs: &mut Outputs,
    ) -> StandbyChange {
        self.rollover().map_or(StandbyChange::None, |rollover| rollover.on_event(now, plan, event, outputs))
    }

    /// Opens or configures the standby connection once its time has come.
    pub(crate) fn tick_standby(
        &mut self,
        now: Duration,
        plan: &mut Plan,
        outputs: &mut Outputs,
    ) -> StandbyChange {
        let handshake = self.handshake;
        self.rollover().map_or(StandbyChange::None, |rollover| rollover.tick(now, handshake, plan, outputs))
    }

    /// Returns why the call should switch to the standby connection at this time.
    pub(crate) fn switch_reason(&mut self, now: Duration, activity: Activity) -> Option<SwitchReason> {
        self.rollover()?.switch_reason(now, activity)
    }

    pub(crate) fn has_standby(&mut self) -> bool {
        self.rollover().is_some_and(|rollover| rollover.is_ready())
    }

    /// Sends items of the conversation on the standby connection.
    pub(crate) fn send_to_standby(&mut self, now: Duration, items: Vec<Item>, outputs: &mut Outputs) {
        if let Some(rollover) = self.rollover() {
            rollover.send_items(now, items, outputs);
        }
    }

    pub(crate) fn drop_standby(&mut self, outputs: &mut Outputs) {
        if let Some(rollover) = self.rollover() {
            rollover.drop_standby(outputs);
        }
    }

    /// Switches to the standby connection.
    pub(crate) fn switch_to_standby(
        &mut self,
        now: Duration,
        plan: &Plan,
        outputs: &mut Outputs,
    ) -> Option<Ready> {
        let standby = self.rollover()?.take_ready()?;
        outputs.push(Output::Switch);
        self.requests = standby.requests;
        self.dialect = standby.dialect;
        self.deduplicator = EventDeduplicator::default();
        self.placement.new_server();
        let rollover = Rollover::new(now, plan, standby.ready.expires_at);
        self.phase = Phase::Live(Live { since: now, rollover });
        Some(standby.ready)
    }
}
