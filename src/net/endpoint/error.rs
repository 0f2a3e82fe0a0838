//! Invalid settings of an endpoint, found before dialing.

use thiserror::Error;

/// Reason why no request can be made; nothing was dialed.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum EndpointError {
    /// The key would be sent to another machine unencrypted.
    #[error("the key would be sent to {host} unencrypted{}", by_proxy(.proxy.as_deref()))]
    KeyInClear {
        /// The host.
        host: String,
        /// The proxy in between, which would also see the key.
        proxy: Option<String>,
    },
    /// The key is the empty string.
    #[error("the key is empty")]
    KeyEmpty,
    /// Usually a key pasted with its line ending.
    #[error("the key contains a line break")]
    KeyLineBreak,
    /// White space, a control character, or a character outside ASCII.
    #[error("the key contains a character that cannot be sent")]
    KeyCharacter,
    /// A character such as `=` or `/` that a subprotocol cannot have.
    #[error("the key contains a character that cannot be sent in a subprotocol")]
    KeyNoSubprotocol,
    /// An invalid header name.
    #[error("invalid header name {name:?}")]
    HeaderName {
        /// As given.
        name: String,
    },
    /// A line break or another control character in a header value.
    #[error("the value of the header {name:?} contains a character that cannot be sent")]
    HeaderValue {
        /// The header's name.
        name: String,
    },
    /// A header set by the handshake, or given twice.
    #[error("the header {name:?} is already set")]
    HeaderTwice {
        /// The header's name.
        name: String,
    },
    /// The URL with its query exceeds every server's limit.
    #[error("the URL is too long")]
    TooLong,
}

fn by_proxy(proxy: Option<&str>) -> String {
    proxy.map(|proxy| format!(" through the proxy {proxy}")).unwrap_or_default()
}

impl EndpointError {
    /// Returns advice for the user, if any.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::KeyInClear { proxy: Some(_), .. } => {
                "use wss://, or omit the key or the proxy; keys are sent unencrypted to this machine only"
            }
            Self::KeyInClear { proxy: None, .. } => {
                "use wss://, or omit the key; keys are sent unencrypted to this machine only"
            }
            Self::KeyEmpty => "set RTVOICE_API_KEY",
            Self::KeyLineBreak => "set it again without the trailing line break",
            Self::KeyCharacter => "copy the key again, without spaces and quotes",
            Self::KeyNoSubprotocol => "send the key in a header instead",
            Self::HeaderName { .. } => "use letters, digits and hyphens",
            Self::HeaderValue { .. } => "use one line of plain text",
            Self::HeaderTwice { .. } => "remove it",
            Self::TooLong => return None,
        };
        Some(hint.to_owned())
    }
}
