//! Observations of an endpoint during a probe.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::protocol::close::CloseCause;
use crate::protocol::dialect::Dialect;
use crate::protocol::events::error::ErrorInfo;
use crate::protocol::foreign::ForeignProtocol;
use crate::protocol::settings::SessionInfo;

/// Event or content that an endpoint may send or leave out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Capability {
    /// `session.created`.
    Created,
    /// `session.updated`.
    Updated,
    /// `input_audio_buffer.cleared`.
    Clear,
    /// Any reply to `conversation.item.truncate` of an item that does not exist.
    Truncate,
    /// A written answer.
    Text,
    /// A spoken answer.
    Audio,
    /// The transcript of a spoken answer.
    Transcript,
    /// `conversation.item.truncated` of an existing item.
    Cut,
    /// A function call.
    Tools,
    /// Captions of the user's speech before they are final.
    CaptionDeltas,
    /// Captions of the user's speech.
    Captions,
}

impl Capability {
    /// Returns how long to wait for it. A call waits 3 s for `session.created`; answers may take longer.
    fn limit(self) -> Duration {
        Duration::from_secs(match self {
            Self::Created => 6,
            Self::Updated | Self::Cut => 3,
            Self::Clear | Self::Truncate => 2,
            Self::Text | Self::Audio | Self::Transcript | Self::Tools => 20,
            Self::CaptionDeltas | Self::Captions => 15,
        })
    }
}

/// Outcome of a request for a capability.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Reply {
    /// Not requested.
    #[default]
    NotAsked,
    /// Requested at this time.
    Waiting(Duration),
    /// Received, this long after the request.
    Came(Duration),
    /// Refused.
    Refused(Box<ErrorInfo>),
    /// The answer ended without it.
    Missing,
    /// Nothing came within this time.
    Silent(Duration),
    /// The connection ended first.
    Lost,
}

/// Everything observed.
#[derive(Debug, Default)]
pub(crate) struct ProbeObservations {
    replies: BTreeMap<Capability, Reply>,
    /// The session at its start.
    pub(crate) created: Option<SessionInfo>,
    /// The session with the settings of a call.
    pub(crate) updated: Option<SessionInfo>,
    /// Settings that the endpoint does not know.
    pub(crate) left_out: Vec<String>,
    /// The dialect of the endpoint, as far as known.
    pub(crate) dialect: Option<Dialect>,
    /// Number of events.
    pub(crate) events: u64,
    /// Number of messages that are not events.
    pub(crate) malformed: u64,
    /// Bytes of received audio.
    pub(crate) audio_bytes: usize,
    /// An error after which the probe cannot continue.
    pub(crate) error: Option<ErrorInfo>,
    /// Another protocol that the endpoint speaks.
    pub(crate) foreign: Option<ForeignProtocol>,
    /// How the endpoint or the network ended the connection.
    pub(crate) closed: Option<CloseCause>,
}

impl ProbeObservations {
    /// Returns the outcome of a request.
    pub(crate) fn reply(&self, capability: Capability) -> &Reply {
        self.replies.get(&capability).unwrap_or(&Reply::NotAsked)
    }

    /// Returns how long a capability took, if it came.
    pub(crate) fn delay(&self, capability: Capability) -> Option<Duration> {
        if let Reply::Came(after) = self.reply(capability) { Some(*after) } else { None }
    }

    /// Returns whether the probe ended before its last call.
    pub(crate) fn is_over_early(&self) -> bool {
        self.closed.is_some() || self.foreign.is_some() || self.error.is_some()
    }

    /// Returns whether nothing but the start of the session was requested so far.
    pub(super) fn is_first_call(&self) -> bool {
        self.replies.keys().all(|capability| *capability <= Capability::Updated)
    }

    /// Notes that the endpoint or the network ended the connection.
    pub(super) fn end_early(&mut self, cause: CloseCause) {
        self.settle_all(&Reply::Lost);
        self.closed = Some(cause);
    }

    /// Waits for a capability from now on.
    pub(super) fn wait_for(&mut self, now: Duration, capability: Capability) {
        self.replies.insert(capability, Reply::Waiting(now));
    }

    pub(super) fn forget(&mut self, capability: Capability) {
        self.replies.remove(&capability);
    }

    /// Notes that something was sent which requests all that is waited for, except the start of the session.
    pub(super) fn asked_again(&mut self, now: Duration) {
        for (_, reply) in
            self.replies.iter_mut().filter(|(capability, _)| **capability != Capability::Created)
        {
            if let Reply::Waiting(since) = reply {
                *since = now;
            }
        }
    }

    pub(super) fn is_waiting_for(&self, capability: Capability) -> bool {
        matches!(self.reply(capability), Reply::Waiting(_))
    }

    /// Returns when the next request times out; none if there is no request.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let deadline = |(capability, reply): (&Capability, &Reply)| match reply {
            Reply::Waiting(since) => Some(*since + capability.limit()),
            Reply::NotAsked
            | Reply::Came(_)
            | Reply::Refused(_)
            | Reply::Missing
            | Reply::Silent(_)
            | Reply::Lost => None,
        };
        self.replies.iter().filter_map(deadline).min()
    }

    /// Gives up the requests that have timed out.
    pub(super) fn give_up(&mut self, now: Duration) {
        for (capability, reply) in &mut self.replies {
            if matches!(reply, Reply::Waiting(since) if *since + capability.limit() <= now) {
                *reply = Reply::Silent(capability.limit());
            }
        }
    }

    /// Gives up all requests.
    pub(super) fn give_up_all(&mut self, now: Duration) {
        for reply in self.replies.values_mut() {
            if let Reply::Waiting(since) = reply {
                *reply = Reply::Silent(now.saturating_sub(*since));
            }
        }
    }

    /// Notes that a capability came; only the first event counts.
    pub(super) fn came(&mut self, now: Duration, capability: Capability) {
        if let Some(reply) = self.replies.get_mut(&capability)
            && let Reply::Waiting(since) = reply
        {
            *reply = Reply::Came(now.saturating_sub(*since));
        }
    }

    /// Settles a request.
    pub(super) fn settle(&mut self, capability: Capability, outcome: Reply) {
        if self.is_waiting_for(capability) {
            self.replies.insert(capability, outcome);
        }
    }

    /// Settles all requests in the same way.
    pub(super) fn settle_all(&mut self, outcome: &Reply) {
        for reply in self.replies.values_mut().filter(|reply| matches!(reply, Reply::Waiting(_))) {
            reply.clone_from(outcome);
        }
    }
}
