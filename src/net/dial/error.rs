//! Why an endpoint could not be reached, in one sentence, and what to do about it.

use std::fmt;
use std::io;
use std::time::Duration;

use thiserror::Error;

use crate::net::dial::http_response::HttpRefusal;
use crate::net::dial::tls::TlsFault;
use crate::net::dial::upgrade::UpgradeError;
use crate::net::endpoint::error::EndpointError;
use crate::net::proxy::error::{ProxyError, ProxySettingError};

/// A step of dialling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialPhase {
    /// The host's name is looked up.
    Lookup,
    /// TCP connects.
    Connect,
    /// TLS is agreed.
    Tls,
    /// HTTP is upgraded to WebSocket.
    Upgrade,
}

impl fmt::Display for DialPhase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Lookup => "looking up the host's name",
            Self::Connect => "connecting",
            Self::Tls => "the TLS handshake",
            Self::Upgrade => "the WebSocket handshake",
        })
    }
}

/// Whose fault it is, for exit codes and for trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialErrorKind {
    /// The settings: the request cannot be made, or the scheme is wrong.
    Settings,
    /// The way there: names, TCP, TLS, time.
    Network,
    /// The server: it is another kind of server, or it refused.
    Server,
    /// The key: the server refused it.
    Key,
}

/// Why there is no connection. No text of it holds a key.
#[derive(Debug, Error)]
pub enum DialError {
    /// The request cannot be made, or must not be sent.
    #[error(transparent)]
    Request(#[from] EndpointError),
    /// A variable that names a proxy cannot be used.
    #[error(transparent)]
    ProxySetting(#[from] ProxySettingError),
    /// The proxy leads nowhere.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The host is not known.
    #[error("the host {host} is not known")]
    UnknownHost {
        /// The host's name.
        host: String,
        /// What the system says.
        source: io::Error,
    },
    /// Nobody listens there.
    #[error("nobody listens at {address}")]
    Refused {
        /// Host and port.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// No way leads there.
    #[error("{address} cannot be reached")]
    Unreachable {
        /// Host and port.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// A step took too long.
    #[error("{address} did not answer in time: {step} took more than {} s", limit.as_secs_f32())]
    Timeout {
        /// Host and port.
        address: String,
        /// Which step.
        step: DialPhase,
        /// How long it was waited for.
        limit: Duration,
    },
    /// The host is not who it should be, or TLS failed otherwise.
    #[error("no trusted connection to {host}: {trouble}")]
    Tls {
        /// The host.
        host: String,
        /// What is wrong.
        trouble: TlsFault,
    },
    /// The connection ended while it was being made.
    #[error("{address} ended the connection: {step} was not finished")]
    Broken {
        /// Host and port.
        address: String,
        /// Which step.
        step: DialPhase,
        /// What the system says, where it was not a plain end.
        source: Option<io::Error>,
    },
    /// `ws://` to a port that speaks TLS.
    #[error("{address} wants TLS")]
    WantsTls {
        /// Host and port.
        address: String,
    },
    /// A server, but none that speaks WebSocket there.
    #[error("{url} is no WebSocket endpoint: {said}")]
    NotWebSocket {
        /// The endpoint without its query.
        url: String,
        /// What the server did instead.
        said: String,
        /// At most three lines of what it answered.
        body: Vec<String>,
    },
    /// The server refused with an HTTP status.
    #[error("{host} refused the connection: {refusal}")]
    HttpRefused {
        /// The host.
        host: String,
        /// Status, body, and when to try again.
        refusal: Box<HttpRefusal>,
    },
    /// Subprotocols were offered and none was taken.
    #[error("{host} took none of the subprotocols")]
    NoSubprotocol {
        /// The host.
        host: String,
    },
}

impl DialError {
    /// Returns whose fault it is.
    pub fn kind(&self) -> DialErrorKind {
        match self {
            Self::Request(_) | Self::ProxySetting(_) => DialErrorKind::Settings,
            Self::Proxy(error) if error.is_of_settings() => DialErrorKind::Settings,
            Self::Proxy(_) => DialErrorKind::Network,
            Self::UnknownHost { .. }
            | Self::Refused { .. }
            | Self::Unreachable { .. }
            | Self::Timeout { .. }
            | Self::Tls { .. }
            | Self::Broken { .. } => DialErrorKind::Network,
            Self::WantsTls { .. } => DialErrorKind::Settings,
            Self::NotWebSocket { .. } | Self::NoSubprotocol { .. } => DialErrorKind::Server,
            Self::HttpRefused { refusal, .. } => match refusal.status {
                401 | 403 => DialErrorKind::Key,
                _ => DialErrorKind::Server,
            },
        }
    }

    /// Returns whether the same may work later.
    pub fn is_passing(&self) -> bool {
        match self.kind() {
            DialErrorKind::Network => true,
            DialErrorKind::Server => self.refusal().is_some_and(HttpRefusal::is_passing),
            DialErrorKind::Settings | DialErrorKind::Key => false,
        }
    }

    /// Returns what the server said, where it refused with an HTTP status.
    pub fn refusal(&self) -> Option<&HttpRefusal> {
        if let Self::HttpRefused { refusal, .. } = self { Some(refusal) } else { None }
    }

    /// Returns more of what the server said, at most three lines; the first is in the message.
    pub fn body(&self) -> &[String] {
        match self {
            Self::NotWebSocket { body, .. } => body,
            Self::HttpRefused { refusal, .. } => &refusal.body,
            Self::Proxy(error) => error.body(),
            Self::Request(_)
            | Self::ProxySetting(_)
            | Self::UnknownHost { .. }
            | Self::Refused { .. }
            | Self::Unreachable { .. }
            | Self::Timeout { .. }
            | Self::Tls { .. }
            | Self::Broken { .. }
            | Self::WantsTls { .. }
            | Self::NoSubprotocol { .. } => &[],
        }
    }

    /// Returns one sentence on what to do, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Request(error) => return error.hint(),
            Self::ProxySetting(error) => return Some(error.hint()),
            Self::Proxy(error) => return error.hint(),
            Self::Tls { trouble, .. } => return trouble.hint(),
            Self::HttpRefused { refusal, .. } => return refusal_hint(refusal),
            Self::UnknownHost { .. } => "check the name for typing errors, and that this machine is online",
            Self::Refused { .. } => "check the port, and that the server is running",
            Self::Unreachable { .. } => "check that this machine is online, and the VPN if there is one",
            Self::Timeout { step: DialPhase::Upgrade, .. } => {
                "the server is there but does not answer; try again, or check the URL"
            }
            Self::Timeout { .. } => "check that this machine is online, and whether a firewall is in the way",
            Self::Broken { step: DialPhase::Tls, .. } => {
                "use ws:// if it is a server on this machine, or check the port"
            }
            Self::Broken { .. } => "check the port, and the server's log",
            Self::WantsTls { .. } => "write wss:// in place of ws://",
            Self::NotWebSocket { .. } => "check the path of the URL; it is usually /v1/realtime",
            Self::NoSubprotocol { .. } => "show the key in a header instead of a subprotocol",
        };
        Some(hint.to_owned())
    }

    /// Says for which server an upgrade failed: its host, its host and port, and its URL.
    pub(crate) fn of_upgrade(error: UpgradeError, [host, address, url]: [String; 3]) -> Self {
        match error {
            UpgradeError::Broken { source } => {
                Self::Broken { address, step: DialPhase::Upgrade, source: Some(source) }
            }
            UpgradeError::HungUp => Self::Broken { address, step: DialPhase::Upgrade, source: None },
            UpgradeError::SpeaksTls => Self::WantsTls { address },
            UpgradeError::NotHttp { start } => Self::NotWebSocket {
                url,
                said: "it answered something that is not HTTP".to_owned(),
                body: Some(start).filter(|start| !start.is_empty()).into_iter().collect(),
            },
            UpgradeError::Refused(refusal) if refusal.status < 300 => {
                Self::NotWebSocket { url, said: format!("it answered {refusal}"), body: refusal.body }
            }
            UpgradeError::Refused(refusal) => Self::HttpRefused { host, refusal },
            UpgradeError::Invalid(what) => Self::NotWebSocket {
                url,
                said: format!("its upgrade is not valid, {what}"),
                body: Vec::new(),
            },
            UpgradeError::NoSubprotocol => Self::NoSubprotocol { host },
        }
    }
}

/// What to do about a gateway that cannot serve the model.
const NO_CHANNEL: &str = "ask the gateway's administrator for a realtime channel for this model, \
                          or name another one with --model";

fn refusal_hint(refusal: &HttpRefusal) -> Option<String> {
    if refusal.lacks_channel() {
        return Some(NO_CHANNEL.to_owned());
    }
    if refusal.is_passing() {
        return Some(try_again(refusal.retry_after));
    }
    let hint = match (refusal.status, &refusal.location) {
        (300..400, Some(location)) => {
            return Some(format!("it points to {location}; use that URL if you trust it"));
        }
        (401, _) => "check the key, and that it belongs to this endpoint",
        (403, _) => "check that the key may use this model, and that the endpoint serves your region",
        (404, _) => "check the path and the model; the path is usually /v1/realtime",
        (400 | 405 | 426, _) => "check the URL and the model",
        (402 | 429, _) => "the account needs credit",
        _ => return None,
    };
    Some(hint.to_owned())
}

fn try_again(after: Option<Duration>) -> String {
    match after.map(|after| after.as_secs()) {
        Some(seconds @ 1..120) => format!("try again in {seconds} s"),
        Some(seconds @ 120..) => format!("try again in {} minutes", seconds.div_ceil(60)),
        Some(0) | None => "try again in a while".to_owned(),
    }
}
