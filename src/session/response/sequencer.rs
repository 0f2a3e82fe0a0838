//! The one sequencer that owns `response.create`: at most one answer at a time.

use std::collections::VecDeque;
use std::time::Duration;

use crate::protocol::events::error::ErrorInfo;
use crate::protocol::events::response::ResponseConfig;
use crate::session::io::{Deadline, Reason};
use crate::session::metering::latency::PreviousResponse;

/// How long an answer may stand still before it is given up.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// How many ended responses are remembered, for events of theirs that are still in flight.
const REMEMBERED: usize = 16;

/// The responses of a session.
#[derive(Debug, Default)]
pub(crate) struct Responses {
    active: Option<ActiveResponse>,
    pending: Option<ResponseConfig>,
    ended: VecDeque<DiscardedResponse>,
    /// The server answers the turn it has just found; some begin seconds later.
    expected: bool,
}

/// The response that is being made.
#[derive(Debug)]
struct ActiveResponse {
    /// Unknown until the server names it.
    id: Option<String>,
    /// What was asked for, where it was this side that asked.
    asked: Option<ResponseConfig>,
    fate: Disposition,
    last_event: Duration,
    /// Whether any event of it has come.
    begun: bool,
    /// An error that may be about it, and when it is given up for that.
    doubt: Option<(Duration, ErrorInfo)>,
}

/// A response of which nothing is wanted any more.
#[derive(Debug)]
struct DiscardedResponse {
    id: String,
    /// Whether its `response.done` has come.
    told: bool,
}

/// What a `response.done` ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DoneTarget {
    /// The active response.
    Answer,
    /// The active response, which nobody wants to hear.
    CutOff,
    /// A response that was given up or replaced before.
    Late,
    /// Nothing: it was told before.
    Twice,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Disposition {
    Wanted,
    /// The user spoke over it: what still comes of it is not for them.
    CutOff,
}

impl Responses {
    pub(crate) fn is_active(&self) -> bool {
        self.active.is_some()
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.pending.is_some()
    }

    /// The server has found a turn that it will answer by itself.
    pub(crate) fn expect(&mut self) {
        self.expected = true;
    }

    /// Returns whether an answer of the server's own is still to begin.
    pub(crate) fn is_expected(&self) -> bool {
        self.expected
    }

    /// Returns whether an answer was asked for, or is expected, of which nothing has come yet.
    pub(crate) fn is_due(&self) -> bool {
        self.expected || self.active.as_ref().is_some_and(|active| active.id.is_none())
    }

    pub(crate) fn active_id(&self) -> Option<String> {
        self.active.as_ref()?.id.clone()
    }

    /// Returns what another response must not be taken for.
    pub(crate) fn older(&self) -> PreviousResponse {
        match &self.active {
            None => PreviousResponse::None,
            Some(ActiveResponse { id: Some(id), .. }) => PreviousResponse::Named(id.clone()),
            Some(ActiveResponse { id: None, .. }) => PreviousResponse::Unnamed,
        }
    }

    /// Returns whether an answer was asked for and no event of it has come.
    pub(crate) fn awaits_begin(&self) -> bool {
        self.active.as_ref().is_some_and(|active| active.asked.is_some() && !active.begun)
    }

    /// Returns whether any event of the active response has come.
    pub(crate) fn has_begun(&self) -> bool {
        self.active.as_ref().is_some_and(|active| active.begun)
    }

    /// An error may be about the active response: it is given up at `until` if it does not go on.
    pub(crate) fn doubt(&mut self, until: Duration, error: ErrorInfo) {
        if let Some(active) = &mut self.active {
            active.doubt.get_or_insert((until, error));
        }
    }

    /// Takes the error that may be about the active response.
    pub(crate) fn take_doubt(&mut self) -> Option<ErrorInfo> {
        self.active.as_mut()?.doubt.take().map(|(_, error)| error)
    }

    /// Returns when the active response is given up.
    pub(crate) fn deadline(&self) -> Option<Deadline> {
        let active = self.active.as_ref()?;
        let silent = active.last_event + ANSWER_WITHIN;
        let at = active.doubt.as_ref().map_or(silent, |(until, _)| silent.min(*until));
        Some(Deadline { at, reason: Reason::NoAnswer })
    }

    pub(crate) fn note_activity(&mut self, now: Duration) {
        if let Some(active) = &mut self.active {
            active.last_event = now;
        }
    }

    /// Asks for a response; what is returned is to be sent at once, anything else waits.
    pub(crate) fn ask(&mut self, now: Duration, config: ResponseConfig) -> Option<ResponseConfig> {
        if self.active.is_some() {
            self.pending = Some(config);
            return None;
        }
        self.active = Some(ActiveResponse::new(now, None, Some(config.clone())));
        Some(config)
    }

    /// Returns what has waited, once nothing is active.
    pub(crate) fn take_waiting(&mut self, now: Duration) -> Option<ResponseConfig> {
        if self.active.is_some() {
            return None;
        }
        let config = self.pending.take()?;
        self.ask(now, config)
    }

    /// Notes that events of response `id` come in: servers may leave out `response.created`. A server that
    /// begins another response has given up the one before.
    pub(crate) fn see(&mut self, now: Duration, id: Option<&str>) {
        let Some(id) = id else {
            self.note_begun();
            return;
        };
        self.expected = false;
        if self.has_ended(id) {
            return;
        }
        match &mut self.active {
            Some(ActiveResponse { id: Some(known), .. }) if known == id => {}
            Some(ActiveResponse { id: Some(known), .. }) => {
                let replaced = std::mem::take(known);
                self.remember(replaced, false);
                self.active = Some(ActiveResponse::new(now, Some(id.to_owned()), None));
            }
            Some(active) => active.id = Some(id.to_owned()),
            None => self.active = Some(ActiveResponse::new(now, Some(id.to_owned()), None)),
        }
        self.note_begun();
    }

    /// The active response goes on.
    fn note_begun(&mut self) {
        if let Some(active) = &mut self.active {
            active.begun = true;
            active.doubt = None;
        }
    }

    /// Notes that a response has begun, whether it has a name or not.
    pub(crate) fn created(&mut self, now: Duration, id: Option<&str>) {
        self.expected = false;
        self.see(now, id);
        if self.active.is_none() && id.is_none() {
            self.active = Some(ActiveResponse::new(now, None, None));
        }
    }

    /// Ends the active response, if it is the one that `id` means.
    pub(crate) fn done(&mut self, id: Option<&str>) -> DoneTarget {
        if let Some(ended) = self.ended.iter_mut().find(|ended| Some(ended.id.as_str()) == id) {
            return if std::mem::replace(&mut ended.told, true) {
                DoneTarget::Twice
            } else {
                DoneTarget::Late
            };
        }
        if let Some(id) = id {
            self.remember(id.to_owned(), true);
        }
        match self.active.take().map(|active| active.fate) {
            Some(Disposition::CutOff) => DoneTarget::CutOff,
            Some(Disposition::Wanted) | None => DoneTarget::Answer,
        }
    }

    /// What was asked for could not be made because another response is in progress.
    pub(crate) fn busy(&mut self, now: Duration) {
        let asked = self.active.take().and_then(|active| active.asked);
        self.pending = self.pending.take().or(asked);
        self.active = Some(ActiveResponse::new(now, None, None));
    }

    /// Gives up the active response.
    pub(crate) fn give_up(&mut self) {
        if let Some(id) = self.active.take().and_then(|active| active.id) {
            self.remember(id, false);
        }
    }

    /// The user does not want to hear more of the active response.
    pub(crate) fn cut_off(&mut self) {
        if let Some(active) = &mut self.active {
            active.fate = Disposition::CutOff;
        }
    }

    /// Returns whether sound and text of response `id` are not wanted any more.
    pub(crate) fn is_cut_off(&self, id: Option<&str>) -> bool {
        let active_cut = self.active.as_ref().is_some_and(|active| {
            active.fate == Disposition::CutOff
                && (id.is_none() || active.id.is_none() || active.id.as_deref() == id)
        });
        active_cut || id.is_some_and(|id| self.has_ended(id))
    }

    fn has_ended(&self, id: &str) -> bool {
        self.ended.iter().any(|ended| ended.id == id)
    }

    fn remember(&mut self, id: String, told: bool) {
        if self.ended.len() == REMEMBERED {
            self.ended.pop_front();
        }
        self.ended.push_back(DiscardedResponse { id, told });
    }
}

impl ActiveResponse {
    fn new(now: Duration, id: Option<String>, asked: Option<ResponseConfig>) -> Self {
        let begun = asked.is_none();
        Self { id, asked, fate: Disposition::Wanted, last_event: now, begun, doubt: None }
    }
}
