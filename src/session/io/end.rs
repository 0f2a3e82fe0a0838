//! Why a session ended.

use crate::session::io::unanswered::MissingReply;

/// Why a session ended. Only the last four are failures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The user ended it.
    User,
    /// A signal ended it.
    Signal(i32),
    /// The input ended and has its responses.
    InputEnded,
    /// The single question was answered.
    Answered,
    /// It reached a limit that the user set.
    Limit(Limit),
    /// The server closed it normally.
    ServerClosed(String),
    /// The input cannot be used; one sentence.
    NoInput(String),
    /// The endpoint did not respond to the input.
    Unanswered(MissingReply),
    /// The server refused the session: key, model, quota, protocol.
    Refused(Failure),
    /// The connection broke.
    Lost(Failure),
}

impl EndReason {
    /// Returns the failure of the endpoint or the network.
    pub fn failure(&self) -> Option<&Failure> {
        if let Self::Refused(failure) | Self::Lost(failure) = self { Some(failure) } else { None }
    }
}

/// Limit that the user set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Maximum time without activity.
    Idle,
    /// Maximum cost.
    Cost,
}

/// Failure, for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// One sentence on what failed. Text of a server is not sanitised.
    pub message: String,
    /// The server's error code.
    pub code: Option<String>,
}
