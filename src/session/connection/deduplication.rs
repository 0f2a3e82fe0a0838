//! Events that come twice: told by their ids, as far as a server's ids mean anything.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem::{Discriminant, discriminant};

use crate::protocol::events::server::{ServerBody, ServerEvent};

/// How many events back a repetition is known.
const REMEMBERED: usize = 256;

/// What came last.
#[derive(Debug, Default)]
pub(crate) struct EventDeduplicator {
    seen: VecDeque<(String, EventFingerprint)>,
    ids: EventIds,
}

/// What two events with the same id have in common if they are one.
type EventFingerprint = (Discriminant<ServerBody>, u64);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum EventIds {
    #[default]
    Unique,
    /// The server gives the same id to different events.
    Meaningless,
}

impl EventDeduplicator {
    /// Notes an event; returns whether it came before.
    pub(crate) fn is_repeat(&mut self, event: &ServerEvent) -> bool {
        let Some(id) = event.event_id.as_deref().filter(|id| !id.is_empty()) else { return false };
        if self.ids == EventIds::Meaningless {
            return false;
        }
        let looks = (discriminant(&event.body), content(&event.body));
        match self.seen.iter().find(|(seen, _)| seen == id) {
            Some((_, seen)) if *seen == looks => return true,
            Some(_) => {
                self.ids = EventIds::Meaningless;
                self.seen.clear();
            }
            None => {
                if self.seen.len() == REMEMBERED {
                    self.seen.pop_front();
                }
                self.seen.push_back((id.to_owned(), looks));
            }
        }
        false
    }
}

/// Returns a hash of what a delta adds: there the ids of a server are first seen to mean nothing, and
/// nothing of an answer is to be lost by it.
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
