//! Redaction of a connection's events, in which a key may be split across deltas.

use std::borrow::Cow;
use std::collections::VecDeque;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::net::endpoint::redaction::{ESCAPED_MAX, KEY_HIDDEN, Redactor};

/// Maximum number of concurrent streams; servers send one or two.
const STREAMS_MAX: usize = 32;

/// Replaces secrets in successive events of a connection.
#[derive(Clone, Default)]
pub struct EventRedactor {
    redactor: Redactor,
    /// Streams in progress, the most recent one last.
    streams: VecDeque<DeltaRedactor>,
}

/// A text received in deltas.
#[derive(Clone)]
struct DeltaRedactor {
    id: StreamId,
    /// The end of the text, verbatim.
    tail: String,
}

/// Raw fields common to the deltas of one text.
type StreamId = [Option<String>; 5];

/// The fields of an event that identify the text of its delta.
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

    /// Returns the redactor of the same secrets for other texts.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Returns an event with its secrets replaced, including one that began in an earlier delta.
    pub fn redact<'a>(&mut self, event: &'a str) -> Cow<'a, str> {
        if self.redactor.is_empty() {
            return Cow::Borrowed(event);
        }
        match self.continued(event) {
            Some(event) => Cow::Owned(self.redactor.redact_json(&event).into_owned()),
            None => self.redactor.redact_json(event),
        }
    }

    /// Returns the event without the rest of a secret begun in earlier deltas; `None` if there is none.
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
        // The earlier delta already shows the replacement if it held enough of the key.
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
