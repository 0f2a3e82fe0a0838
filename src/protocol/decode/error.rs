//! Reasons why a text is not an event.

/// Failure to decode an event.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The text is not JSON.
    #[error("not JSON")]
    NotJson(#[source] serde_json::Error),
    /// The text is JSON, but not an object.
    #[error("not a JSON object")]
    NotAnObject,
    /// The object has no string `type`.
    #[error("no event type")]
    NoType,
}
