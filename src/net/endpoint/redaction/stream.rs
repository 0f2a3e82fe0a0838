//! Events of one connection: a key may be split between two deltas of one text.

use std::borrow::Cow;
use std::collections::VecDeque;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::net::endpoint::redaction::{ESCAPED_MAX, KEY_HIDDEN, Redactor};

/// How many texts may grow at a time; servers send one or two.
const STREAMS_MAX: usize = 32;

/// Replaces secrets in the events of a connection, one after the other.
#[derive(Clone, Default)]
pub struct EventRedactor {
    redactor: Redactor,
    /// The texts that grow, the one that grew last at the end.
    streams: VecDeque<DeltaRedactor>,
}

/// A text that comes in deltas.
#[derive(Clone)]
struct DeltaRedactor {
    id: StreamId,
    /// The last of it, as it came.
    tail: String,
}

/// What the deltas of one text have in common, as it is written in each of them.
type StreamId = [Option<String>; 5];

/// As much of an event as says which text its delta belongs to.
#[derive(Deserialize)]
struct DeltaEvent<'a> {
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
    #[serde(rename = "type", borrow, default)]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default)]
    item_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    response_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    output_index: Option<&'a RawValue>,
    #[serde(borrow, default)]
    content_index: Option<&'a RawValue>,
}

impl EventRedactor {
    /// Returns a redactor for a new connection.
    pub fn new(redactor: Redactor) -> Self {
        Self { redactor, streams: VecDeque::new() }
    }

    /// Returns what hides the same secrets in other texts.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Returns the text of an event with each secret replaced, also one that began in an earlier delta.
    pub fn redact<'a>(&mut self, event: &'a str) -> Cow<'a, str> {
        if self.redactor.is_empty() {
            return Cow::Borrowed(event);
        }
        match self.continued(event) {
            Some(event) => Cow::Owned(self.redactor.redact_json(&event).into_owned()),
            None => self.redactor.redact_json(event),
        }
    }

    /// Returns the event without what its delta holds of a secret that began before; none if it holds none.
    fn continued(&mut self, event: &str) -> Option<String> {
        let read: DeltaEvent = serde_json::from_str(event).ok()?;
        let raw = read.delta?;
        let delta: String = serde_json::from_str(raw.get()).ok()?;
        let id = [read.kind, read.response_id, read.item_id, read.output_index, read.content_index];
        let id = id.map(|part| part.map(|part| part.get().to_owned()));
        let before = self.take_tail(&id);
        let joined = format!("{before}{delta}");
        let secrets = self.redactor.secrets_in(&joined);
        let end = secrets.iter().map(|(place, _)| place.clone());
        let end = end.filter(|place| place.start < before.len()).map(|place| place.end).max().unwrap_or(0);
        self.keep_tail(id, &joined);
        let rest = delta.get(end.checked_sub(before.len()).filter(|inside| *inside > 0)?..)?;
        // The delta before says so, if it held enough of the key to be known for one.
        let is_shown =
            self.redactor.secrets_in(&before).last().is_some_and(|(place, _)| place.end == before.len());
        let shown = if is_shown { "" } else { KEY_HIDDEN };
        let text = serde_json::to_string(&format!("{shown}{rest}")).ok()?;
        let start = raw.get().as_ptr().addr().checked_sub(event.as_ptr().addr())?;
        Some(format!("{}{text}{}", event.get(..start)?, event.get(start + raw.get().len()..)?))
    }

    fn take_tail(&mut self, id: &StreamId) -> String {
        let at = self.streams.iter().position(|stream| stream.id == *id);
        at.and_then(|at| self.streams.remove(at)).map(|stream| stream.tail).unwrap_or_default()
    }

    fn keep_tail(&mut self, id: StreamId, text: &str) {
        if self.streams.len() == STREAMS_MAX {
            self.streams.pop_front();
        }
        let kept = self.redactor.longest() * ESCAPED_MAX;
        let start = text.ceil_char_boundary(text.len().saturating_sub(kept));
        self.streams.push_back(DeltaRedactor { id, tail: text[start..].to_owned() });
    }
}

impl std::fmt::Debug for EventRedactor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("EventRedactor(hidden)")
    }
}
