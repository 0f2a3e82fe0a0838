//! HTTP service of the relay: answers requests, dials, upgrades, and starts the pump of a call.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, UNIX_EPOCH};

use hyper::body::Incoming;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::upgrade::OnUpgrade;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::net::endpoint::Purpose;
use crate::protocol::price::Prices;
use crate::server::http::socket::{Socket, SocketOptions};
use crate::server::relay::address::{FORWARDED_FOR, Subnet, client_address, limit_group};
use crate::server::relay::admission::{
    AdmissionRules, AdmittedCall, Decision, RelayRefusal, RelayRoute, RelayState, admit, draining,
};
use crate::server::relay::call_log::{CallLine, refusal_line};
use crate::server::relay::limits::{CallSlots, RateBucket, RelayLimits};
use crate::server::relay::metrics::RelayMetrics;
use crate::server::relay::policy::{EventPolicy, PolicyRefusal};
use crate::server::relay::pump;
use crate::server::relay::pump::call::CallPlan;
use crate::server::relay::upstream::{OpenedUpstream, Upstream, UpstreamFailure, is_beta};

/// Time for which a page that asks again learns why the last dial failed.
const FAILURE_MEMORY: Duration = Duration::from_secs(10);

/// Log lines about refusals in a second.
const REFUSAL_LINES_PER_SECOND: f64 = 10.0;

/// Everything that the operator configures.
#[derive(Debug)]
pub struct RelayOptions {
    /// Rules of admission.
    pub rules: AdmissionRules,
    /// Proxies whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<Subnet>,
    /// The endpoint.
    pub upstream: Upstream,
    /// Policy of events, without the model of a call.
    pub policy: EventPolicy,
    /// Limits.
    pub limits: RelayLimits,
    /// Largest message of a client in bytes.
    pub message_bytes: usize,
    /// Prices of the endpoint.
    pub prices: Option<Rc<Prices>>,
    /// Model that captions speech on the voice route.
    pub caption_model: String,
    /// Whether each refused event has a line in the log.
    pub is_verbose: bool,
}

/// The running relay, in one thread.
pub(crate) struct Relay {
    options: RelayOptions,
    slots: RefCell<CallSlots>,
    pub(crate) metrics: RelayMetrics,
    log: mpsc::Sender<String>,
    start: Instant,
    is_draining: Cell<bool>,
    restart: watch::Sender<bool>,
    last_failure: RefCell<Option<(Duration, RelayRefusal)>>,
    refusal_lines: Cell<RateBucket>,
    has_warned: Cell<bool>,
    random: SystemRandom,
}

/// A connection that no call was admitted on; dropped with the connection, or when its call is admitted.
pub(crate) struct PendingConnection(Rc<Cell<usize>>);

impl PendingConnection {
    /// Counts a connection.
    pub(crate) fn new(count: Rc<Cell<usize>>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for PendingConnection {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// A counted call, from its admission to its end.
struct CallSlot {
    relay: Rc<Relay>,
    token: Option<usize>,
    address: IpAddr,
}

impl Drop for CallSlot {
    fn drop(&mut self) {
        self.relay.slots.borrow_mut().release(self.token, self.address);
    }
}

/// A call whose client gets the upgrade.
struct UpgradingCall {
    call: AdmittedCall,
    opened: OpenedUpstream,
    line: CallLine,
    _slot: CallSlot,
}

impl Relay {
    /// Returns a relay without calls that starts at `start`.
    pub(crate) fn new(options: RelayOptions, log: mpsc::Sender<String>, start: Instant) -> Self {
        let slots = RefCell::new(CallSlots::new(options.limits.clone()));
        let refusal_lines =
            RateBucket::new(Duration::ZERO, REFUSAL_LINES_PER_SECOND, REFUSAL_LINES_PER_SECOND);
        Self {
            options,
            slots,
            metrics: RelayMetrics::default(),
            log,
            start,
            is_draining: Cell::new(false),
            restart: watch::Sender::new(false),
            last_failure: RefCell::new(None),
            refusal_lines: Cell::new(refusal_lines),
            has_warned: Cell::new(false),
            random: SystemRandom::new(),
        }
    }

    /// Returns the number of calls.
    pub(crate) fn calls(&self) -> u32 {
        self.slots.borrow().calls()
    }

    /// Returns whether no more calls are taken.
    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.get()
    }

    /// Takes no more calls.
    pub(crate) fn start_draining(&self) {
        self.is_draining.set(true);
    }

    /// Ends all calls.
    pub(crate) fn end_calls(&self) {
        self.restart.send_replace(true);
    }

    /// Answers a request. `pending` is released when a call is admitted.
    pub(crate) async fn respond(
        self: Rc<Self>,
        peer: IpAddr,
        pending: Rc<RefCell<Option<PendingConnection>>>,
        request: Request<Incoming>,
    ) -> Result<Response<String>, Infallible> {
        let id = self.random_id();
        let (mut parts, _) = request.into_parts();
        let upgrade = parts.extensions.remove::<OnUpgrade>();
        let client = self.client_address(peer, &parts);
        let line = CallLine::new(&id, client, &parts);
        let address = limit_group(client);
        let decision = {
            let (slots, is_draining) = (&mut self.slots.borrow_mut(), self.is_draining());
            slots.start_day(today());
            admit(&self.options.rules, &parts, RelayState { now: self.now(), address, is_draining, slots })
        };
        let call = match decision {
            Decision::Answer(route) => return Ok(self.answer(route)),
            Decision::Options(route) => return Ok(options(route)),
            Decision::Refuse(refusal) => return Ok(self.refuse(&line, &self.explained(refusal), None)),
            Decision::Call(call) => call,
        };
        let (Some(upgrade), Some(key)) = (upgrade, parts.headers.get(header::SEC_WEBSOCKET_KEY)) else {
            let message = "This connection cannot be upgraded.";
            let refusal = RelayRefusal::new(StatusCode::BAD_REQUEST, "invalid_handshake", message);
            return Ok(self.refuse(&line, &refusal, None));
        };
        let accept = derive_accept_key(key.as_bytes());
        let slot = self.take_slot(&call, address);
        pending.borrow_mut().take();
        let opened = match self.dial(&call).await {
            Ok(opened) => opened,
            Err(failure) => return Ok(self.refuse(&line, &failure.refusal, Some(&failure.cause))),
        };
        if self.is_draining() {
            return Ok(self.refuse(&line, &draining(), None));
        }
        let response = switching(&accept, call.subprotocol, &id);
        tokio::task::spawn_local(self.run_call(upgrade, UpgradingCall { call, opened, line, _slot: slot }));
        Ok(response)
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn random_id(&self) -> String {
        let mut bytes = [0; 10];
        // Ids need not be secret: without random numbers they are only less useful.
        let _ = self.random.fill(&mut bytes);
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn client_address(&self, peer: IpAddr, parts: &Parts) -> IpAddr {
        let client = client_address(peer, &parts.headers, &self.options.trusted_proxies);
        let is_ignored = client == peer.to_canonical() && parts.headers.contains_key(FORWARDED_FOR);
        if is_ignored && !self.has_warned.replace(true) {
            let warning = "a peer sends X-Forwarded-For but is not in RELAY_TRUSTED_PROXIES: behind it, all \
                           clients count as one address";
            self.write_log(json!({ "warning": warning }).to_string());
        }
        client
    }

    fn take_slot(self: &Rc<Self>, call: &AdmittedCall, address: IpAddr) -> CallSlot {
        self.slots.borrow_mut().take(self.now(), call.token, address);
        CallSlot { relay: Rc::clone(self), token: call.token, address }
    }

    fn who(&self, call: &AdmittedCall) -> Option<&str> {
        call.token.map(|token| self.options.rules.tokens.name(token))
    }

    async fn dial(&self, call: &AdmittedCall) -> Result<OpenedUpstream, UpstreamFailure> {
        let upstream = &self.options.upstream;
        let start = self.start + self.now();
        let opened = upstream.open(&upstream.endpoint(call, self.who(call)), start).await;
        match &opened {
            Ok(opened) => {
                self.metrics.dialed(opened.dial_time);
                self.last_failure.replace(None);
            }
            Err(failure) => {
                self.last_failure.replace(Some((self.now(), failure.refusal.clone())));
            }
        }
        opened
    }

    /// Tells a plain request that would be admitted why the last call failed nevertheless.
    fn explained(&self, refusal: RelayRefusal) -> RelayRefusal {
        let last = self.last_failure.borrow();
        match last.as_ref().filter(|(at, _)| self.now().saturating_sub(*at) < FAILURE_MEMORY) {
            Some((_, failure)) if refusal.code == "upgrade_required" => failure.clone(),
            Some(_) | None => refusal,
        }
    }

    fn answer(&self, route: RelayRoute) -> Response<String> {
        let is_taking = !self.is_draining() && !self.slots.borrow().is_full();
        let (status, body) = match route {
            RelayRoute::Ready => {
                let upstream = if self.last_failure.borrow().is_some() { "failing" } else { "ok" };
                let status = if is_taking { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
                (status, json!({ "ready": is_taking, "calls": self.calls(), "upstream": upstream }))
            }
            RelayRoute::Health => (StatusCode::OK, json!({ "status": "ok" })),
            RelayRoute::Index | RelayRoute::Voice | RelayRoute::TextChat | RelayRoute::Realtime => {
                (StatusCode::OK, json!({ "relay": "rtvoice", "endpoint": RelayRoute::Realtime.path() }))
            }
        };
        json_response(status, body.to_string())
    }

    /// Answers with a refusal, counts it and writes a line, unless there are too many.
    fn refuse(&self, line: &CallLine, refusal: &RelayRefusal, cause: Option<&str>) -> Response<String> {
        self.metrics.refused(refusal.code);
        let mut lines = self.refusal_lines.get();
        if lines.take(self.now(), 1.0) {
            self.write_log(refusal_line(line, refusal, cause));
        }
        self.refusal_lines.set(lines);
        let mut response = json_response(refusal.status, refusal.body(&line.id));
        let headers = response.headers_mut();
        let mut put = |name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        put(HeaderName::from_static("x-request-id"), &line.id);
        if let Some(seconds) = refusal.retry_after {
            put(header::RETRY_AFTER, &seconds.to_string());
        }
        match refusal.status {
            StatusCode::UNAUTHORIZED => put(header::WWW_AUTHENTICATE, "Bearer"),
            StatusCode::UPGRADE_REQUIRED => {
                put(header::UPGRADE, "websocket");
                put(header::SEC_WEBSOCKET_VERSION, "13");
            }
            StatusCode::METHOD_NOT_ALLOWED => put(header::ALLOW, line.allowed_methods()),
            _ => {}
        }
        response
    }

    async fn run_call(self: Rc<Self>, upgrade: OnUpgrade, started: UpgradingCall) {
        let UpgradingCall { call, opened, line, _slot } = started;
        let Ok(upgraded) = upgrade.await else { return };
        let client = SocketOptions {
            role: Role::Server,
            message_bytes: self.options.message_bytes,
            unread_bytes: usize::MAX,
            buffer_bytes: 16 << 10,
        };
        let client = Socket::new(TokioIo::new(upgraded), Vec::new(), client).await;
        let who = self.who(&call);
        let endpoint = self.options.upstream.endpoint(&call, who);
        let model = match &endpoint.purpose {
            Purpose::Conversation { model } => model.clone(),
            Purpose::Transcription => None,
        };
        let is_set_up = matches!(call.route, RelayRoute::Voice | RelayRoute::TextChat);
        let spend = |usd: f64| {
            let mut slots = self.slots.borrow_mut();
            slots.spend(today(), call.token, usd);
            slots.is_spent(call.token)
        };
        let plan = CallPlan {
            id: &line.id,
            route: call.route,
            policy: self.options.policy.for_call(model, call.transcribes),
            redactor: endpoint.redactor(),
            limits: self.options.limits.clone(),
            prices: self.options.prices.clone(),
            caption_model: self.options.caption_model.clone(),
            speaks_beta: is_set_up && call.is_beta && !is_beta(&endpoint),
            spend: &spend,
            refused: &|refusal| self.note_blocked(&line, refusal),
            restart: self.restart.subscribe(),
        };
        let times = (opened.dial_time, opened.first_event_time);
        let report = pump::run(client, opened.socket, opened.first, &plan).await;
        self.metrics.finished(&report);
        self.write_log(line.finished(who, times, &report));
    }

    fn note_blocked(&self, line: &CallLine, refusal: &PolicyRefusal) {
        if self.options.is_verbose {
            let (code, param) = (refusal.code, refusal.param.as_deref());
            self.write_log(json!({ "call": line.id, "blocked": code, "param": param }).to_string());
        }
    }

    /// Writes a line to the log, unless its writer is behind.
    pub(crate) fn write_log(&self, line: String) {
        if self.log.try_send(line).is_err() {
            self.metrics.log_dropped.set(self.metrics.log_dropped.get() + 1);
        }
    }
}

/// Returns the day, counted from 1970.
fn today() -> u64 {
    UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs() / 86_400)
}

fn json_response(status: StatusCode, body: String) -> Response<String> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

fn options(route: RelayRoute) -> Response<String> {
    let mut response = Response::new(String::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(route.methods()));
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

fn switching(accept: &str, subprotocol: bool, id: &str) -> Response<String> {
    let mut response = Response::new(String::new());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    for (name, value) in
        [(header::SEC_WEBSOCKET_ACCEPT, accept), (HeaderName::from_static("x-request-id"), id)]
    {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    if subprotocol {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("realtime"));
    }
    response
}
