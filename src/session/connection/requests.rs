//! Sent requests, so that errors can be matched to their cause by `event_id`.

use std::collections::BTreeMap;
use std::time::Duration;

/// Kind of a client event that may fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RequestKind {
    SessionUpdate,
    Commit,
    Clear,
    ItemCreate,
    /// A message of the user, by its item.
    Message(String),
    ItemDelete,
    Truncate,
    ResponseCreate,
    ResponseCancel,
}

/// Recently sent client events.
#[derive(Debug, Default)]
pub(crate) struct SentRequests {
    count: u64,
    requests: BTreeMap<u64, Request>,
}

/// A client event that may still fail.
#[derive(Debug)]
struct Request {
    kind: RequestKind,
    at: Duration,
}

/// How many events back an error can be matched. Errors come within a round trip or two.
const REMEMBERED: u64 = 256;

/// How long a request counts as in flight if the server acknowledges nothing.
const IN_FLIGHT_FOR: Duration = Duration::from_secs(5);

/// Prefix of our event ids.
const OWN_ID: &str = "rtv_";

impl SentRequests {
    /// Returns a fresh event id and remembers the kind of its request.
    pub(crate) fn note(&mut self, now: Duration, kind: RequestKind) -> String {
        self.count += 1;
        self.requests.insert(self.count, Request { kind, at: now });
        if let Some(old) = self.count.checked_sub(REMEMBERED) {
            self.requests.remove(&old);
        }
        format!("{OWN_ID}{}", self.count)
    }

    /// Removes the request with this event id and returns its kind.
    pub(crate) fn take(&mut self, event_id: Option<&str>) -> Option<RequestKind> {
        let number = event_id?.strip_prefix(OWN_ID)?.parse().ok()?;
        self.requests.remove(&number).map(|request| request.kind)
    }

    /// Notes that the oldest request of a kind was acknowledged.
    pub(crate) fn acknowledge(&mut self, kind: &RequestKind) {
        let oldest = self.requests.iter().find(|(_, request)| request.kind == *kind);
        if let Some(number) = oldest.map(|(number, _)| *number) {
            self.requests.remove(&number);
        }
    }

    /// Returns the recent requests without an acknowledgement. `response.create` is tracked by its response,
    /// and the text it answers counts as part of it.
    pub(crate) fn in_flight(&self, now: Duration) -> impl Iterator<Item = &RequestKind> {
        let recent = self.requests.values().filter(move |request| now < request.at + IN_FLIGHT_FOR);
        recent.map(|request| &request.kind).filter(|kind| match kind {
            RequestKind::Commit
            | RequestKind::Clear
            | RequestKind::Truncate
            | RequestKind::ResponseCancel => true,
            RequestKind::SessionUpdate
            | RequestKind::ItemCreate
            | RequestKind::Message(_)
            | RequestKind::ItemDelete
            | RequestKind::ResponseCreate => false,
        })
    }
}

/// Returns whether an event id is one of ours.
pub(crate) fn is_own_id(event_id: &str) -> bool {
    event_id.starts_with(OWN_ID)
}
