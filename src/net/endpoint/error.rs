//! What is wrong with an endpoint's settings, found before anything is dialled.

use thiserror::Error;

/// Why no request can be made; nothing was dialled.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum EndpointError {
    /// The key would go to another machine unencrypted.
    #[error("the key would go to {host} in the clear{}", by_proxy(.proxy.as_deref()))]
    KeyInClear {
        /// The host.
        host: String,
        /// The proxy on the way, which would see the key, too.
        proxy: Option<String>,
    },
    /// There is a key, of no characters.
    #[error("the key is empty")]
    KeyEmpty,
    /// Usually a key that was pasted with the end of its line.
    #[error("the key has a line break in it")]
    KeyLineBreak,
    /// A blank, a control character, a letter outside ASCII.
    #[error("the key has a character in it that cannot be sent")]
    KeyCharacter,
    /// A key with `=` or `/`, which no subprotocol can have.
    #[error("the key has a character in it that cannot be sent as a subprotocol")]
    KeyNoSubprotocol,
    /// A header's name that is none.
    #[error("{name:?} is no header name")]
    HeaderName {
        /// As it was written.
        name: String,
    },
    /// A header's value with a line break or another control character.
    #[error("the value of the header {name:?} has a character in it that cannot be sent")]
    HeaderValue {
        /// The header's name.
        name: String,
    },
    /// A header that is set by the handshake, or twice.
    #[error("the header {name:?} is set already")]
    HeaderTwice {
        /// The header's name.
        name: String,
    },
    /// The URL with its query is longer than any server takes.
    #[error("the URL is too long")]
    TooLong,
}

fn by_proxy(proxy: Option<&str>) -> String {
    proxy.map(|proxy| format!(" through the proxy {proxy}")).unwrap_or_default()
}

impl EndpointError {
    /// Returns one sentence on what to do, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::KeyInClear { proxy: Some(_), .. } => {
                "use wss://, or go without a key or without the proxy; only to this machine is a key sent unencrypted"
            }
            Self::KeyInClear { proxy: None, .. } => {
                "use wss://, or go without a key; only to this machine is a key sent unencrypted"
            }
            Self::KeyEmpty => "set RTVOICE_API_KEY to the key",
            Self::KeyLineBreak => "set it again without the line break at its end",
            Self::KeyCharacter => "copy the key again, without blanks and quotes",
            Self::KeyNoSubprotocol => "show the key in a header instead",
            Self::HeaderName { .. } => "use letters, digits and hyphens",
            Self::HeaderValue { .. } => "write it in one line of plain text",
            Self::HeaderTwice { .. } => "leave it out",
            Self::TooLong => return None,
        };
        Some(hint.to_owned())
    }
}
