//! The endpoint as a pure state machine: what comes from the client goes in, what is to be done comes out.

use std::time::Duration;

use crate::protocol::server::{ServerBody, ServerEvent};
use crate::protocol::settings::{SessionInfo, SessionKind, Settings};
use crate::server::admission::Peer;
use crate::server::faults::{Fault, Faults};
use crate::server::ids::Ids;
use crate::server::wire;

/// Real sessions end after an hour (PROTOCOL.md, section 2.9).
const LONGEST_SESSION: Duration = Duration::from_secs(3_600);

/// What happens to the machine.
#[derive(Debug)]
pub(crate) enum Input {
    /// The WebSocket is open.
    Opened,
    /// A text message came.
    Text(String),
    /// A binary message came, which the protocol does not have.
    Binary,
    /// The deadline is reached.
    Tick,
}

/// What the machine wants to be done.
#[derive(Debug, PartialEq)]
pub(crate) enum Action {
    /// Send a text message.
    Send(String),
    /// Send a close frame, then wait for the client's.
    Close {
        /// The close code.
        code: u16,
        /// Its words.
        reason: String,
    },
}

/// What a machine is made from.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// Who is at the other end.
    pub(crate) peer: Peer,
    /// In which ways to misbehave.
    pub(crate) faults: Faults,
    /// How many times faster than real time answers are sent.
    pub(crate) pace: f64,
    /// Seconds since 1970 at the start.
    pub(crate) unix_time: u64,
    /// Of the ids.
    pub(crate) seed: u64,
}

/// One connection of the endpoint.
#[derive(Debug)]
pub(crate) struct Machine {
    setup: Setup,
    ids: Ids,
    actions: Vec<Action>,
    greeting_due: Option<Duration>,
}

impl Machine {
    /// Makes the machine of one connection.
    pub(crate) fn new(setup: Setup) -> Self {
        let ids = Ids::new(setup.seed);
        Self { setup, ids, actions: Vec::new(), greeting_due: None }
    }

    /// Takes one thing that happened, `now` after the start, and returns what is to be done, in order.
    pub(crate) fn handle(&mut self, now: Duration, input: Input) -> Vec<Action> {
        match input {
            Input::Opened => self.open(now),
            Input::Text(_) | Input::Binary => {}
            Input::Tick => {
                if self.greeting_due.is_some_and(|due| due <= now) {
                    self.greeting_due = None;
                    self.create_session();
                }
            }
        }
        std::mem::take(&mut self.actions)
    }

    /// When to call `handle` with `Input::Tick` if nothing else happens.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.greeting_due
    }

    fn open(&mut self, now: Duration) {
        if let Some(refusal) = self.setup.peer.refusal.clone() {
            let reason = refusal.reason();
            self.emit(ServerBody::Error(refusal.mistake.into_info(None)));
            self.actions.push(Action::Close { code: refusal.close, reason });
            return;
        }
        let late =
            self.setup.faults.find(|fault| if let Fault::Late(delay) = fault { Some(*delay) } else { None });
        match late {
            Some(delay) => self.greeting_due = Some(now + delay),
            None => self.create_session(),
        }
    }

    fn create_session(&mut self) {
        if self.setup.faults.has(Fault::NoSessionCreated) {
            return;
        }
        let kind = self.setup.peer.kind;
        let object = match kind {
            SessionKind::Realtime => "realtime.session",
            SessionKind::Transcription => "realtime.transcription_session",
        };
        let info = SessionInfo {
            id: Some(self.ids.next("sess")),
            object: Some(object.to_owned()),
            expires_at: Some(self.setup.unix_time + LONGEST_SESSION.as_secs()),
            shape: Some(self.setup.peer.dialect),
            settings: Settings { kind, model: self.setup.peer.model.clone(), ..Settings::default() },
            ..SessionInfo::default()
        };
        self.emit(ServerBody::SessionCreated(Box::new(info)));
    }

    fn emit(&mut self, body: ServerBody) {
        let event =
            ServerEvent { event_id: Some(self.ids.next("event")), body, unknown: serde_json::Map::new() };
        self.actions.push(Action::Send(wire::event(self.setup.peer.dialect, &event).to_string()));
    }
}
