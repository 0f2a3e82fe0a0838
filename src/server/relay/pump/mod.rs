//! The pump of a call: passes events on between two connections in one task, in order and with back-pressure.

pub(crate) mod call;

use std::borrow::Cow;
use std::cell::Cell;
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::protocol::dialect::Dialect;
use crate::protocol::{decode, encode};
use crate::server::http::socket::{Received, Socket};
use crate::server::relay::close::{self, ClosingFrame};
use crate::server::relay::limits::{CallLimit, CallMeter};
use crate::server::relay::policy::{PolicyRefusal, ServerEventKind, Verdict};
use crate::server::relay::pump::call::{CallPlan, CallReport};
use crate::server::relay::setup;
use crate::server::relay::tally::UsageTally;

/// Bytes that one side may have to read before the other is not read any more.
const BACKLOG_MAX_BYTES: usize = 256 << 10;

/// Ticks, of one second, after which a side that does not read ends the call.
const STALLED_TICKS: u32 = 30;

/// Ticks between pings. Load balancers end connections after 60 s without data, some in either direction.
const PING_TICKS: u64 = 20;

/// Ticks without a byte after which a side counts as gone.
const SILENT_TICKS: u32 = 45;

/// Refused events after which the call ends.
const REFUSALS_MAX: u64 = 20;

/// Time for each side to read the last events and to answer the close frame.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// Time for the endpoint to report the usage of a cancelled response.
const SETTLE_LIMIT: Duration = Duration::from_secs(10);

/// The same while the relay is ending.
const RESTART_SETTLE_LIMIT: Duration = Duration::from_secs(3);

/// Cause of the end of a call.
enum PumpEnd {
    /// The client closed or is gone.
    Client(Option<u16>),
    /// The endpoint closed or is gone.
    Upstream(Option<(u16, String)>),
    /// The relay ends it.
    Relay(ClosingFrame, &'static str),
}

/// A side of the call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CallSide {
    Client,
    Upstream,
}

struct Pump<'a, C, U> {
    client: Socket<C>,
    upstream: Socket<U>,
    plan: &'a CallPlan<'a>,
    meter: CallMeter,
    report: CallReport,
    start: Instant,
    /// Whether the relay's own settings were sent.
    is_set_up: bool,
    /// The side that is read first; alternates, so that neither starves the other.
    first: CallSide,
    /// Ticks without room at the client, and at the endpoint.
    stalled_ticks: [u32; 2],
    /// Ticks without a byte from the client, and from the endpoint.
    silent_ticks: [u32; 2],
}

/// Relays until either side or the relay ends the call. `first` are events that the endpoint sent already.
pub(crate) async fn run<C, U>(
    client: Socket<C>,
    upstream: Socket<U>,
    first: Vec<Utf8Bytes>,
    plan: &CallPlan<'_>,
) -> CallReport
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let start = ticks.tick().await;
    let tally = UsageTally::new(plan.prices.clone(), plan.policy.model.clone());
    let mut pump = Pump {
        client,
        upstream,
        plan,
        meter: CallMeter::new(plan.limits.clone()),
        report: CallReport { tally, ..CallReport::default() },
        start,
        is_set_up: false,
        first: CallSide::Client,
        stalled_ticks: [0; 2],
        silent_ticks: [0; 2],
    };
    let end = pump.relay(first, &mut ticks).await;
    pump.finish(end).await
}

impl<C, U> Pump<'_, C, U>
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    async fn relay(&mut self, first: Vec<Utf8Bytes>, ticks: &mut Interval) -> PumpEnd {
        let mut restart = self.plan.restart.clone();
        for text in first {
            if let Some(end) = self.pass_to_client(&text) {
                return end;
            }
        }
        // Some endpoints never announce their session.
        if !self.is_set_up {
            self.set_up(Dialect::Ga);
        }
        let mut count = 0;
        loop {
            // Cancel-safe because the branches hold only borrows.
            let end = tokio::select! {
                (side, received) = poll_fn(|context| self.poll_received(context)) => match side {
                    CallSide::Client => self.received_from_client(received),
                    CallSide::Upstream => self.received_from_upstream(received),
                },
                _ = ticks.tick() => {
                    count += 1;
                    self.tick(count)
                }
                Ok(_) = restart.wait_for(|is_due| *is_due) => {
                    let frame = ClosingFrame::new(1001, "the relay is restarting: connect again");
                    Some(PumpEnd::Relay(frame, "restart"))
                }
            };
            if let Some(end) = end {
                return end;
            }
        }
    }

    /// Writes to both sides, then reads a message from one whose opposite has room.
    fn poll_received(&mut self, context: &mut Context<'_>) -> Poll<(CallSide, Received)> {
        let _ = self.upstream.poll_write(context);
        let _ = self.client.poll_write(context);
        let now = self.start.elapsed();
        for side in [self.first, self.first.opposite()] {
            let received = match side {
                CallSide::Client if self.has_room(CallSide::Upstream) && !self.meter.is_too_fast(now) => {
                    self.client.poll_read(context)
                }
                CallSide::Upstream if self.has_room(CallSide::Client) => self.upstream.poll_read(context),
                CallSide::Client | CallSide::Upstream => Poll::Pending,
            };
            if let Poll::Ready(received) = received {
                self.first = side.opposite();
                return Poll::Ready((side, received));
            }
        }
        Poll::Pending
    }

    fn has_room(&mut self, side: CallSide) -> bool {
        let backlog = match side {
            CallSide::Client => self.client.backlog(),
            CallSide::Upstream => self.upstream.backlog(),
        };
        let has_room = backlog <= BACKLOG_MAX_BYTES;
        if has_room {
            self.stalled_ticks[side as usize] = 0;
        }
        has_room
    }

    fn received_from_client(&mut self, received: Received) -> Option<PumpEnd> {
        match received {
            Received::Text(text) => self.pass_to_upstream(text),
            Received::Binary => {
                let message = "Events are text messages; the relay does not pass on binary ones.";
                self.refuse(&PolicyRefusal::new("invalid_event", message))
            }
            Received::Violation(code, reason) => {
                Some(PumpEnd::Relay(ClosingFrame::new(code, reason), "protocol_error"))
            }
            Received::Closed(frame) => Some(PumpEnd::Client(frame.map(|(code, _)| code))),
        }
    }

    fn received_from_upstream(&mut self, received: Received) -> Option<PumpEnd> {
        match received {
            Received::Text(text) => self.pass_to_client(&text),
            // The protocol has none.
            Received::Binary => None,
            Received::Violation(..) => Some(PumpEnd::Upstream(None)),
            Received::Closed(frame) => Some(PumpEnd::Upstream(frame)),
        }
    }

    fn pass_to_upstream(&mut self, text: Utf8Bytes) -> Option<PumpEnd> {
        self.meter.note_message(self.start.elapsed(), text.len());
        self.report.events_in += 1;
        self.report.bytes_in += text.len() as u64;
        let text = match self.plan.speaks_beta.then(|| decode::client_event(&text)) {
            Some(Ok(event)) => encode::client_event(&event, Dialect::Ga).into(),
            Some(Err(_)) | None => text,
        };
        // The queue has no limit: this side is not read while the other has none left.
        let _ = match self.plan.policy.client_event(&text) {
            Verdict::Pass => self.upstream.queue(text),
            Verdict::Replace(text) => self.upstream.queue(text),
            Verdict::Refuse(refusal) => return self.refuse(&refusal),
        };
        None
    }

    fn refuse(&mut self, refusal: &PolicyRefusal) -> Option<PumpEnd> {
        self.report.blocked_events += 1;
        (self.plan.refused)(refusal);
        self.send_error(refusal);
        (self.report.blocked_events >= REFUSALS_MAX).then(|| {
            PumpEnd::Relay(ClosingFrame::new(1008, "too many events that the relay does not allow"), "policy")
        })
    }

    fn send_error(&mut self, refusal: &PolicyRefusal) {
        let event = json!({
            "type": "error",
            "event_id": format!("event_relay_{}", self.plan.id),
            "error": {
                "type": "invalid_request_error",
                "code": refusal.code,
                "message": refusal.message,
                "param": refusal.param,
                "event_id": refusal.event_id,
            },
        });
        let _ = self.client.queue(event.to_string());
    }

    fn pass_to_client(&mut self, text: &Utf8Bytes) -> Option<PumpEnd> {
        self.report.events_out += 1;
        self.report.bytes_out += text.len() as u64;
        let (kind, shown) = self.plan.policy.server_event(text, &self.plan.redactor);
        let limit = self.account(kind, text);
        let shown = match self.plan.speaks_beta.then(|| decode::server_event(&shown)) {
            Some(Ok(event)) => encode::server_event(&event, Dialect::Beta).into(),
            Some(Err(_)) | None => match shown {
                Cow::Borrowed(_) => text.clone(),
                Cow::Owned(shown) => shown.into(),
            },
        };
        let _ = self.client.queue(shown);
        if kind == ServerEventKind::SessionCreated && !self.is_set_up {
            self.set_up(dialect_of(text));
        }
        if kind == ServerEventKind::Error && refuses_setup(text) {
            // Otherwise the default session would run: another voice, no captions, no instructions.
            let frame = ClosingFrame::new(1011, "the endpoint refused the settings of the relay");
            return Some(PumpEnd::Relay(frame, "setup_refused"));
        }
        limit.map(|limit| self.reach(limit))
    }

    /// Adds the usage of an event; returns the limit that it reached.
    fn account(&mut self, kind: ServerEventKind, text: &str) -> Option<CallLimit> {
        let usd = self.report.tally.note(kind, text);
        if usd == 0.0 {
            return None;
        }
        self.meter.spend(usd);
        let is_day_over = (self.plan.spend)(usd);
        self.meter.reached(self.start.elapsed()).or(is_day_over.then_some(CallLimit::DailySpend))
    }

    fn set_up(&mut self, dialect: Dialect) {
        self.is_set_up = true;
        let plan = self.plan;
        if let Some(event) = setup::event(plan.route, &plan.policy, &plan.caption_model, dialect) {
            let _ = self.upstream.queue(event);
        }
    }

    fn tick(&mut self, count: u64) -> Option<PumpEnd> {
        if let Some(limit) = self.meter.reached(self.start.elapsed()) {
            return Some(self.reach(limit));
        }
        for side in [CallSide::Client, CallSide::Upstream] {
            let is_stalled = !self.has_room(side);
            let stalled = &mut self.stalled_ticks[side as usize];
            if is_stalled {
                *stalled += 1;
                self.report.paused_seconds += 1;
            }
            if *stalled >= STALLED_TICKS {
                return Some(self.give_up(side));
            }
        }
        if let Some(end) = self.silence() {
            return Some(end);
        }
        if count.is_multiple_of(PING_TICKS) {
            let _ = self.client.queue_ping();
            let _ = self.upstream.queue_ping();
        }
        None
    }

    fn reach(&mut self, limit: CallLimit) -> PumpEnd {
        self.send_error(&PolicyRefusal::new(limit.code(), limit.message()));
        PumpEnd::Relay(ClosingFrame::new(1008, limit.code()), limit.code())
    }

    fn give_up(&mut self, side: CallSide) -> PumpEnd {
        match side {
            CallSide::Client => {
                self.client.clear_queue();
                PumpEnd::Relay(ClosingFrame::new(1013, "the client does not read"), "slow_client")
            }
            CallSide::Upstream => {
                self.upstream.clear_queue();
                PumpEnd::Relay(ClosingFrame::new(1013, "the endpoint does not read"), "slow_upstream")
            }
        }
    }

    /// Finds a side that sent no byte for too long. One that is not read cannot be silent.
    fn silence(&mut self) -> Option<PumpEnd> {
        let read = [self.has_room(CallSide::Upstream), self.has_room(CallSide::Client)];
        let received = [self.client.take_received(), self.upstream.take_received()];
        for (ticks, (is_read, received)) in self.silent_ticks.iter_mut().zip(read.into_iter().zip(received)) {
            *ticks = if is_read && !received { *ticks + 1 } else { 0 };
        }
        match self.silent_ticks {
            [(SILENT_TICKS..), _] => Some(PumpEnd::Client(None)),
            [_, (SILENT_TICKS..)] => Some(PumpEnd::Upstream(None)),
            _ => None,
        }
    }

    async fn finish(mut self, end: PumpEnd) -> CallReport {
        let report = &mut self.report;
        match end {
            PumpEnd::Client(code) => {
                (report.outcome, report.closed_by) =
                    (if code.is_some() { "completed" } else { "client_lost" }, "client");
                report.close_client = code;
                // The library has queued the answer to a close frame.
                let _ = timeout(CLOSE_LIMIT, self.client.flush()).await;
                settle(&mut self.upstream, &mut self.report, self.plan, SETTLE_LIMIT).await;
                self.upstream.close(1000, "", CLOSE_LIMIT).await;
            }
            PumpEnd::Upstream(received) => {
                let received = received.as_ref().map(|(code, reason)| (*code, reason.as_str()));
                let frame = close::to_client(received, |reason| self.plan.redactor.redact(reason));
                report.close_upstream = received.map(|(code, _)| code);
                (report.outcome, report.closed_by) =
                    (if frame.code == 1000 { "completed" } else { "upstream_closed" }, "upstream");
                report.close_client = Some(frame.code);
                let _ = timeout(CLOSE_LIMIT, self.upstream.flush()).await;
                self.client.close(frame.code, &frame.reason, CLOSE_LIMIT).await;
            }
            PumpEnd::Relay(frame, outcome) => {
                (report.outcome, report.closed_by) = (outcome, "relay");
                report.close_client = Some(frame.code);
                let limit = if outcome == "restart" { RESTART_SETTLE_LIMIT } else { SETTLE_LIMIT };
                let (client, report) = (self.client, &mut self.report);
                let ending = async {
                    settle(&mut self.upstream, report, self.plan, limit).await;
                    self.upstream.close(1000, "", CLOSE_LIMIT).await;
                };
                tokio::join!(client.close(frame.code, &frame.reason, CLOSE_LIMIT), ending);
            }
        }
        self.report.duration = self.start.elapsed();
        self.report.usd += self.meter.usd();
        self.report
    }
}

impl CallSide {
    fn opposite(self) -> Self {
        match self {
            Self::Client => Self::Upstream,
            Self::Upstream => Self::Client,
        }
    }
}

/// Cancels the response in progress and waits for its usage, which is billed in any case.
async fn settle<U: AsyncRead + AsyncWrite + Unpin>(
    upstream: &mut Socket<U>,
    report: &mut CallReport,
    plan: &CallPlan<'_>,
    limit: Duration,
) {
    if !report.tally.is_answering || upstream.queue(r#"{"type":"response.cancel"}"#).is_err() {
        return;
    }
    let spent = Cell::new(0.0);
    let reading = async {
        while report.tally.is_answering {
            let Received::Text(text) = upstream.next().await else { return };
            let (kind, _) = plan.policy.server_event(&text, &plan.redactor);
            spent.set(spent.get() + report.tally.note(kind, &text));
        }
    };
    let _ = timeout(limit, reading).await;
    (plan.spend)(spent.get());
    report.usd += spent.get();
}

fn dialect_of(created: &str) -> Dialect {
    #[derive(Deserialize)]
    struct Created {
        session: serde_json::Map<String, serde_json::Value>,
    }
    let created = serde_json::from_str::<Created>(created).ok();
    created.and_then(|created| Dialect::of_session(&created.session)).unwrap_or_default()
}

fn refuses_setup(error: &str) -> bool {
    let error = serde_json::from_str::<serde_json::Value>(error).unwrap_or_default();
    error["error"]["event_id"] == setup::SETUP_ID
}

#[cfg(test)]
mod tests;
