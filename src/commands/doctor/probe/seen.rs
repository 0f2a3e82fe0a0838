//! What a probe has seen of an endpoint.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::protocol::close::CloseCause;
use crate::protocol::dialect::Dialect;
use crate::protocol::events::error::ErrorInfo;
use crate::protocol::foreign::ForeignProtocol;
use crate::protocol::settings::SessionInfo;

/// What an endpoint may answer, or leave out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Capability {
    /// `session.created`.
    Created,
    /// `session.updated`.
    Updated,
    /// `input_audio_buffer.cleared`.
    Clear,
    /// Any answer to `conversation.item.truncate` of an item that does not exist.
    Truncate,
    /// A written answer.
    Text,
    /// A spoken answer.
    Audio,
    /// The transcript of a spoken answer.
    Transcript,
    /// `conversation.item.truncated`, of an item that exists.
    Cut,
    /// A call of a function.
    Tools,
    /// Captions of the user's speech while it is being understood.
    CaptionDeltas,
    /// Captions of the user's speech.
    Captions,
}

/// What became of something that was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Reply {
    /// It was not asked for.
    #[default]
    NotAsked,
    /// It may still come.
    Waiting,
    /// It came, so long after it was asked for.
    Came(Duration),
    /// It was refused.
    Refused(Box<ErrorInfo>),
    /// There was an answer without it.
    Missing,
    /// Nothing came within so long.
    Silent(Duration),
    /// The connection ended before.
    Lost,
}

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct ProbeObservations {
    replies: BTreeMap<Capability, Reply>,
    /// The session as it was when it began.
    pub(crate) created: Option<SessionInfo>,
    /// The session with the settings of a call.
    pub(crate) updated: Option<SessionInfo>,
    /// Settings that the endpoint does not know.
    pub(crate) left_out: Vec<String>,
    /// Which dialect the endpoint speaks, as far as it showed it.
    pub(crate) dialect: Option<Dialect>,
    /// How many events came.
    pub(crate) events: u64,
    /// How many messages came that are none.
    pub(crate) malformed: u64,
    /// How many bytes of sound came.
    pub(crate) sound_bytes: usize,
    /// An error that belongs to nothing that was asked for, or after which nothing comes.
    pub(crate) error: Option<ErrorInfo>,
    /// The other protocol that the endpoint speaks.
    pub(crate) foreign: Option<ForeignProtocol>,
    /// How the connection ended, if the endpoint or the network ended it.
    pub(crate) closed: Option<CloseCause>,
}

impl ProbeObservations {
    /// Returns what became of a part.
    pub(crate) fn reply(&self, part: Capability) -> &Reply {
        self.replies.get(&part).unwrap_or(&Reply::NotAsked)
    }

    /// Returns whether the connection ended, or was to, before the probe was at its end.
    pub(crate) fn is_over_early(&self) -> bool {
        self.closed.is_some()
            || self.foreign.is_some()
            || self.error.as_ref().is_some_and(|error| error.is_fatal() || error.is_permanent())
    }

    /// Notes that a part was asked for.
    pub(super) fn wait_for(&mut self, part: Capability) {
        self.replies.insert(part, Reply::Waiting);
    }

    /// Notes what became of a part that is waited for; the first word counts.
    pub(super) fn settle(&mut self, part: Capability, reply: Reply) {
        if let Some(waiting @ Reply::Waiting) = self.replies.get_mut(&part) {
            *waiting = reply;
        }
    }

    /// Notes that a part came after all.
    pub(super) fn came_late(&mut self, part: Capability, after: Duration) {
        self.replies.insert(part, Reply::Came(after));
    }
}
