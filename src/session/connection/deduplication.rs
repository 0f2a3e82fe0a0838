//! Deduplication of events by their ids, as long as a server's ids are unique.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem::{Discriminant, discriminant};

use crate::protocol::events::server::{ServerBody, ServerEvent};

/// How many events back a repetition is recognised.
const REMEMBERED: usize = 256;

/// Recent events.
#[derive(Debug, Default)]
pub(crate) struct EventDeduplicator {
    seen: VecDeque<(String, EventFingerprint)>,
    ids: EventIds,
}

/// What two events with the same id share if they are the same event.
type EventFingerprint = (Discriminant<ServerBody>, u64);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum EventIds {
    #[default]
    Unique,
    /// The server gives different events the same id.
    NotUnique,
}

impl EventDeduplicator {
    /// Notes an event; returns whether it is a repetition.
    pub(crate) fn is_repeat(&mut self, event: &ServerEvent) -> bool {
        let Some(id) = event.event_id.as_deref().filter(|id| !id.is_empty()) else { return false };
        if self.ids == EventIds::NotUnique {
            return false;
        }
        let fingerprint = (discriminant(&event.body), content(&event.body));
        match self.seen.iter().find(|(seen, _)| seen == id) {
            Some((_, seen)) if *seen == fingerprint => return true,
            Some(_) => {
                self.ids = EventIds::NotUnique;
                self.seen.clear();
            }
            None => {
                if self.seen.len() == REMEMBERED {
                    self.seen.pop_front();
                }
                self.seen.push_back((id.to_owned(), fingerprint));
            }
        }
        false
    }
}

/// Returns a hash of a delta. Ids that are not unique show first in deltas, none of which may be lost.
fn content(body: &ServerBody) -> u64 {
    let mut hasher = DefaultHasher::new();
    if let ServerBody::AudioDelta { delta, .. } = body {
        delta.hash(&mut hasher);
    } else if let ServerBody::TextDelta { delta, .. }
    | ServerBody::TranscriptDelta { delta, .. }
    | ServerBody::TranscriptionDelta { delta, .. } = body
    {
        delta.hash(&mut hasher);
    }
    hasher.finish()
}
