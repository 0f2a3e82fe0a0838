//! Errors reported by a server.

use crate::protocol::value::Unknown;

/// An error as sent by servers; every field can be absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ErrorInfo {
    /// `invalid_request_error`, `server_error` …; too coarse to branch on alone.
    pub kind: Option<String>,
    /// `invalid_api_key`, `unknown_parameter` …
    pub code: Option<String>,
    /// Human-readable text.
    pub message: Option<String>,
    /// The rejected field.
    pub param: Option<String>,
    /// Id of the client event that caused it.
    pub event_id: Option<String>,
    /// Unrecognized fields.
    pub unknown: Unknown,
}
