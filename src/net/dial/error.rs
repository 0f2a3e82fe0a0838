//! Failures of dialing, with their kind and the server's explanation.

use std::fmt;
use std::io;
use std::time::Duration;

use thiserror::Error;

use crate::net::dial::http_response::HttpRefusal;
use crate::net::dial::tls::TlsFault;
use crate::net::dial::upgrade::UpgradeError;
use crate::net::endpoint::error::EndpointError;
use crate::net::proxy::error::ProxySettingError;

/// A phase of dialing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialPhase {
    /// DNS lookup.
    Lookup,
    /// TCP connection.
    Connect,
    /// TLS handshake.
    Tls,
    /// Upgrade from HTTP to WebSocket.
    Upgrade,
}

impl fmt::Display for DialPhase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Lookup => "name resolution",
            Self::Connect => "the TCP connection",
            Self::Tls => "the TLS handshake",
            Self::Upgrade => "the WebSocket handshake",
        })
    }
}

/// Area of a failure, for exit codes and retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialErrorKind {
    /// Settings: the request is invalid or the scheme is wrong.
    Settings,
    /// Network: DNS, TCP, TLS, proxy or a timeout.
    Network,
    /// Server: not a WebSocket endpoint, or it refused.
    Server,
    /// Key: rejected by the server.
    Key,
}

/// Failure to connect. None of its texts contains a key.
#[derive(Debug, Error)]
pub enum DialError {
    /// The request is invalid or must not be sent.
    #[error(transparent)]
    Request(#[from] EndpointError),
    /// A proxy variable is invalid.
    #[error(transparent)]
    ProxySetting(#[from] ProxySettingError),
    /// The proxy failed.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// DNS has no such host.
    #[error("unknown host {host}")]
    UnknownHost {
        /// The host's name.
        host: String,
        /// Error of the system.
        source: io::Error,
    },
    /// Connection refused.
    #[error("connection refused by {address}")]
    Refused {
        /// Host and port.
        address: String,
        /// Error of the system.
        source: io::Error,
    },
    /// No route to the address.
    #[error("{address} cannot be reached")]
    Unreachable {
        /// Host and port.
        address: String,
        /// Error of the system.
        source: io::Error,
    },
    /// A phase timed out.
    #[error("{address} did not answer in time: {step} took more than {} s", limit.as_secs_f32())]
    Timeout {
        /// Host and port.
        address: String,
        /// The phase.
        step: DialPhase,
        /// Its time limit.
        limit: Duration,
    },
    /// The certificate is not accepted, or TLS failed otherwise.
    #[error("TLS connection to {host} failed: {fault}")]
    Tls {
        /// The host.
        host: String,
        /// Cause.
        fault: TlsFault,
    },
    /// The connection closed during a phase.
    #[error("connection closed by {address} during {step}")]
    Broken {
        /// Host and port.
        address: String,
        /// The phase.
        step: DialPhase,
        /// Error of the system; absent at a regular end of stream.
        source: Option<io::Error>,
    },
    /// `ws://` to a TLS port.
    #[error("{address} requires TLS")]
    NeedsTls {
        /// Host and port.
        address: String,
    },
    /// An HTTP or other server without WebSocket at this URL.
    #[error("{url} is not a WebSocket endpoint: {reason}")]
    NotWebSocket {
        /// The endpoint without its query.
        url: String,
        /// What the server answered.
        reason: String,
        /// At most three lines of the answer.
        body: Vec<String>,
    },
    /// The server refused with an HTTP status.
    #[error("{host} refused the connection: {refusal}")]
    HttpRefused {
        /// The host.
        host: String,
        /// Status, body and retry time.
        refusal: Box<HttpRefusal>,
    },
    /// The server accepted no offered subprotocol.
    #[error("{host} accepted none of the offered subprotocols")]
    NoSubprotocol {
        /// The host.
        host: String,
    },
}

impl DialError {
    /// Returns the area of the failure.
    pub fn kind(&self) -> DialErrorKind {
        match self {
            Self::Request(_) | Self::ProxySetting(_) => DialErrorKind::Settings,
            Self::Proxy(error) if error.is_settings_error() => DialErrorKind::Settings,
            Self::Proxy(_) => DialErrorKind::Network,
            Self::UnknownHost { .. }
            | Self::Refused { .. }
            | Self::Unreachable { .. }
            | Self::Timeout { .. }
            | Self::Tls { .. }
            | Self::Broken { .. } => DialErrorKind::Network,
            Self::NeedsTls { .. } => DialErrorKind::Settings,
            Self::NotWebSocket { .. } | Self::NoSubprotocol { .. } => DialErrorKind::Server,
            Self::HttpRefused { refusal, .. } => match refusal.status {
                401 | 403 => DialErrorKind::Key,
                _ => DialErrorKind::Server,
            },
        }
    }

    /// Returns whether a retry may succeed.
    pub fn is_transient(&self) -> bool {
        match self.kind() {
            DialErrorKind::Network => true,
            DialErrorKind::Server => self.refusal().is_some_and(HttpRefusal::is_transient),
            DialErrorKind::Settings | DialErrorKind::Key => false,
        }
    }

    /// Returns the server's HTTP refusal, if any.
    pub fn refusal(&self) -> Option<&HttpRefusal> {
        if let Self::HttpRefused { refusal, .. } = self { Some(refusal) } else { None }
    }

    /// Returns up to three lines of the server's answer; the first is also in the message.
    pub fn body(&self) -> &[String] {
        if let Self::NotWebSocket { body, .. } = self {
            return body;
        }
        if let Self::Proxy(error) = self {
            return error.body();
        }
        self.refusal().map_or(&[][..], |refusal| &refusal.body[..])
    }

    /// Adds the server's host, its host and port, and its URL to a failed upgrade.
    pub(crate) fn of_upgrade(error: UpgradeError, [host, address, url]: [String; 3]) -> Self {
        match error {
            UpgradeError::Broken { source } => {
                Self::Broken { address, step: DialPhase::Upgrade, source: Some(source) }
            }
            UpgradeError::Closed => Self::Broken { address, step: DialPhase::Upgrade, source: None },
            UpgradeError::SpeaksTls => Self::NeedsTls { address },
            UpgradeError::NotHttp { start } => Self::NotWebSocket {
                url,
                reason: "it answered something that is not HTTP".to_owned(),
                body: Some(start).filter(|start| !start.is_empty()).into_iter().collect(),
            },
            UpgradeError::Refused(refusal) if refusal.status < 300 => {
                Self::NotWebSocket { url, reason: format!("it answered {refusal}"), body: refusal.body }
            }
            UpgradeError::Refused(refusal) => Self::HttpRefused { host, refusal },
            UpgradeError::Invalid(what) => {
                Self::NotWebSocket { url, reason: format!("invalid upgrade, {what}"), body: Vec::new() }
            }
            UpgradeError::NoSubprotocol => Self::NoSubprotocol { host },
        }
    }
}

/// A failure of a proxy.
#[derive(Debug)]
pub struct ProxyError {
    /// Host and port.
    pub address: String,
    /// The variable that names the proxy.
    pub variable: &'static str,
    /// The cause.
    pub fault: ProxyFault,
}

impl fmt::Display for ProxyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the proxy {} from {} {}", self.address, self.variable, self.fault)
    }
}

impl std::error::Error for ProxyError {
    /// The fault is part of the message, so its own source is returned.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.fault.source()
    }
}

/// Cause of a proxy failure; the texts follow the proxy's name. Texts of the proxy are redacted, sanitized
/// and short.
#[derive(Debug, Error)]
pub enum ProxyFault {
    /// DNS, TCP or TLS to the proxy failed.
    #[error("cannot be reached")]
    NotReached(#[source] Box<DialError>),
    /// The proxy timed out.
    #[error("did not connect to {target} within {} s", limit.as_secs_f32())]
    Timeout {
        /// Host and port of the endpoint.
        target: String,
        /// The time limit.
        limit: Duration,
    },
    /// The connection to the proxy broke.
    #[error("closed the connection")]
    Broken(#[source] Option<io::Error>),
    /// Another kind of server.
    #[error("{reason}")]
    NotProxy {
        /// The answer, with its beginning.
        reason: String,
    },
    /// An HTTP response to `CONNECT` other than success.
    #[error("refused to connect to {target}: {refusal}")]
    Refused {
        /// Host and port of the endpoint.
        target: String,
        /// Status and body.
        refusal: Box<HttpRefusal>,
    },
    /// The proxy requires credentials and there are none.
    #[error("requires a user name and password")]
    LoginRequired,
    /// The proxy rejected the credentials.
    #[error("rejected the user name or password")]
    LoginRejected,
    /// The proxy requires an unsupported authentication scheme.
    #[error("requires an unsupported authentication scheme: {0}")]
    UnsupportedLogin(String),
    /// A SOCKS5 error code.
    #[error("cannot connect to {target}: {reason}")]
    Socks {
        /// Host and port of the endpoint.
        target: String,
        /// The code.
        reason: SocksReason,
    },
}

/// SOCKS5 error codes (RFC 1928, section 6).
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SocksReason {
    /// 1.
    #[error("general failure")]
    Failed,
    /// 2.
    #[error("not allowed by its rules")]
    NotAllowed,
    /// 3.
    #[error("network unreachable")]
    NetworkUnreachable,
    /// 4.
    #[error("host unknown or unreachable")]
    HostUnreachable,
    /// 5.
    #[error("connection refused")]
    Refused,
    /// 6.
    #[error("TTL expired")]
    TtlExpired,
    /// 7.
    #[error("CONNECT is not supported")]
    CommandNotSupported,
    /// 8.
    #[error("address type not supported")]
    AddressTypeNotSupported,
}

impl SocksReason {
    /// Returns whether another address of the same host may work.
    pub(crate) fn depends_on_address(self) -> bool {
        !matches!(self, Self::NotAllowed | Self::CommandNotSupported)
    }
}

impl ProxyError {
    /// Returns whether only other settings can help.
    pub fn is_settings_error(&self) -> bool {
        matches!(
            self.fault,
            ProxyFault::LoginRequired | ProxyFault::LoginRejected | ProxyFault::UnsupportedLogin(_)
        )
    }

    /// Returns up to three lines of the proxy's answer; the first is also in the message.
    pub fn body(&self) -> &[String] {
        if let ProxyFault::NotReached(error) = &self.fault {
            return error.body();
        }
        if let ProxyFault::Refused { refusal, .. } = &self.fault { &refusal.body } else { &[] }
    }
}
