//! Sequencer of responses: the one owner of `response.create`, with at most one response at a time.

use std::collections::VecDeque;
use std::time::Duration;

use crate::protocol::events::error::ErrorInfo;
use crate::protocol::events::response::ResponseConfig;
use crate::session::io::{Deadline, Reason};
use crate::session::metering::latency::PreviousResponse;

/// Maximum time without an event before a response is given up.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);

/// Number of ended responses that are remembered, for events still in flight.
const REMEMBERED: usize = 16;

/// Responses of one connection.
#[derive(Debug, Default)]
pub(crate) struct ResponseSequencer {
    active: Option<ActiveResponse>,
    pending: Option<ResponseConfig>,
    ended: VecDeque<DiscardedResponse>,
    /// The server will respond to the turn it has just found; some begin seconds later.
    is_expected: bool,
}

/// The response in progress.
#[derive(Debug)]
struct ActiveResponse {
    /// Unknown until the server names it.
    id: Option<String>,
    /// The request, if it was requested here.
    requested: Option<ResponseConfig>,
    disposition: Disposition,
    last_event: Duration,
    /// Whether any event of it has arrived.
    has_begun: bool,
    /// An error that may concern it, and when it is given up for that.
    doubt: Option<(Duration, ErrorInfo)>,
}

/// A response whose events are discarded.
#[derive(Debug)]
struct DiscardedResponse {
    id: String,
    /// Whether its `response.done` has arrived.
    is_done: bool,
}

/// Which response a `response.done` ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DoneTarget {
    Active,
    /// The active response, which was cut off.
    CutOff,
    /// A response that was given up or replaced before.
    Late,
    Duplicate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Disposition {
    Wanted,
    /// The user interrupted it; its further events are discarded.
    CutOff,
}

impl ResponseSequencer {
    pub(crate) fn is_active(&self) -> bool {
        self.active.is_some()
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.pending.is_some()
    }

    /// Expects a response to the turn that the server found.
    pub(crate) fn expect(&mut self) {
        self.is_expected = true;
    }

    /// Returns whether the server will begin a response unasked.
    pub(crate) fn is_expected(&self) -> bool {
        self.is_expected
    }

    /// Returns whether a response is requested or expected and has not begun.
    pub(crate) fn is_due(&self) -> bool {
        self.is_expected || self.active.as_ref().is_some_and(|active| active.id.is_none())
    }

    pub(crate) fn active_id(&self) -> Option<String> {
        self.active.as_ref()?.id.clone()
    }

    /// Returns the active response, which must not be mistaken for a later one.
    pub(crate) fn previous(&self) -> PreviousResponse {
        match &self.active {
            None => PreviousResponse::None,
            Some(ActiveResponse { id: Some(id), .. }) => PreviousResponse::Named(id.clone()),
            Some(ActiveResponse { id: None, .. }) => PreviousResponse::Unnamed,
        }
    }

    /// Returns whether a response was requested and no event of it has arrived.
    pub(crate) fn awaits_begin(&self) -> bool {
        self.active.as_ref().is_some_and(|active| active.requested.is_some() && !active.has_begun)
    }

    /// Returns whether any event of the active response has arrived.
    pub(crate) fn has_begun(&self) -> bool {
        self.active.as_ref().is_some_and(|active| active.has_begun)
    }

    /// Gives up the active response at `until` unless it continues, because an error may concern it.
    pub(crate) fn doubt(&mut self, until: Duration, error: ErrorInfo) {
        if let Some(active) = &mut self.active {
            active.doubt.get_or_insert((until, error));
        }
    }

    /// Takes the error that may concern the active response.
    pub(crate) fn take_doubt(&mut self) -> Option<ErrorInfo> {
        self.active.as_mut()?.doubt.take().map(|(_, error)| error)
    }

    /// Returns when the active response is given up.
    pub(crate) fn deadline(&self) -> Option<Deadline> {
        let active = self.active.as_ref()?;
        let stalled = active.last_event + STALL_TIMEOUT;
        let at = active.doubt.as_ref().map_or(stalled, |(until, _)| stalled.min(*until));
        Some(Deadline { at, reason: Reason::NoAnswer })
    }

    pub(crate) fn note_activity(&mut self, now: Duration) {
        if let Some(active) = &mut self.active {
            active.last_event = now;
        }
    }

    /// Requests a response. Returns the request to send now; it waits if another response is in progress.
    pub(crate) fn ask(&mut self, now: Duration, config: ResponseConfig) -> Option<ResponseConfig> {
        if self.active.is_some() {
            self.pending = Some(config);
            return None;
        }
        self.active = Some(ActiveResponse::new(now, None, Some(config.clone())));
        Some(config)
    }

    /// Returns the waiting request if no response is in progress.
    pub(crate) fn take_waiting(&mut self, now: Duration) -> Option<ResponseConfig> {
        if self.active.is_some() {
            return None;
        }
        let config = self.pending.take()?;
        self.ask(now, config)
    }

    /// Notes an event of response `id`: servers may omit `response.created`. A server that begins another
    /// response has given up the one before.
    pub(crate) fn see(&mut self, now: Duration, id: Option<&str>) {
        let Some(id) = id else {
            self.note_begun();
            return;
        };
        self.is_expected = false;
        if self.has_ended(id) {
            return;
        }
        match &mut self.active {
            Some(ActiveResponse { id: Some(known), .. }) if known == id => {}
            Some(ActiveResponse { id: Some(known), .. }) => {
                let replaced = std::mem::take(known);
                self.discard(replaced, false);
                self.active = Some(ActiveResponse::new(now, Some(id.to_owned()), None));
            }
            Some(active) => active.id = Some(id.to_owned()),
            None => self.active = Some(ActiveResponse::new(now, Some(id.to_owned()), None)),
        }
        self.note_begun();
    }

    fn note_begun(&mut self) {
        if let Some(active) = &mut self.active {
            active.has_begun = true;
            active.doubt = None;
        }
    }

    /// Notes `response.created`, with or without an id.
    pub(crate) fn created(&mut self, now: Duration, id: Option<&str>) {
        self.is_expected = false;
        self.see(now, id);
        if self.active.is_none() && id.is_none() {
            self.active = Some(ActiveResponse::new(now, None, None));
        }
    }

    /// Notes `response.done`; ends the active response unless `id` is another one.
    pub(crate) fn done(&mut self, id: Option<&str>) -> DoneTarget {
        if let Some(ended) = self.ended.iter_mut().find(|ended| Some(ended.id.as_str()) == id) {
            return if std::mem::replace(&mut ended.is_done, true) {
                DoneTarget::Duplicate
            } else {
                DoneTarget::Late
            };
        }
        if let Some(id) = id {
            self.discard(id.to_owned(), true);
        }
        match self.active.take().map(|active| active.disposition) {
            Some(Disposition::CutOff) => DoneTarget::CutOff,
            Some(Disposition::Wanted) | None => DoneTarget::Active,
        }
    }

    /// Lets the request wait, because the server has another response in progress.
    pub(crate) fn busy(&mut self, now: Duration) {
        let requested = self.active.take().and_then(|active| active.requested);
        self.pending = self.pending.take().or(requested);
        self.active = Some(ActiveResponse::new(now, None, None));
    }

    /// Gives up the active response.
    pub(crate) fn give_up(&mut self) {
        if let Some(id) = self.active.take().and_then(|active| active.id) {
            self.discard(id, false);
        }
    }

    /// Discards further events of the active response.
    pub(crate) fn cut_off(&mut self) {
        if let Some(active) = &mut self.active {
            active.disposition = Disposition::CutOff;
        }
    }

    /// Returns whether audio and text of response `id` are discarded.
    pub(crate) fn is_cut_off(&self, id: Option<&str>) -> bool {
        let is_active_cut = self.active.as_ref().is_some_and(|active| {
            active.disposition == Disposition::CutOff
                && (id.is_none() || active.id.is_none() || active.id.as_deref() == id)
        });
        is_active_cut || id.is_some_and(|id| self.has_ended(id))
    }

    fn has_ended(&self, id: &str) -> bool {
        self.ended.iter().any(|ended| ended.id == id)
    }

    fn discard(&mut self, id: String, is_done: bool) {
        if self.ended.len() == REMEMBERED {
            self.ended.pop_front();
        }
        self.ended.push_back(DiscardedResponse { id, is_done });
    }
}

impl ActiveResponse {
    fn new(now: Duration, id: Option<String>, requested: Option<ResponseConfig>) -> Self {
        let has_begun = requested.is_none();
        let disposition = Disposition::Wanted;
        Self { id, requested, disposition, last_event: now, has_begun, doubt: None }
    }
}
