//! Hints: what the user can do about a failure of dialing.

use std::time::Duration;

use crate::net::dial::error::{DialError, DialPhase, ProxyError, ProxyFault, SocksReason};
use crate::net::dial::http_response::HttpRefusal;

impl DialError {
    /// Returns advice for the user, if any.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Request(error) => return error.hint(),
            Self::ProxySetting(error) => return Some(error.hint()),
            Self::Proxy(error) => return error.hint(),
            Self::Tls { fault, .. } => return fault.hint(),
            Self::HttpRefused { refusal, .. } => return refusal_hint(refusal),
            Self::UnknownHost { .. } => "check the name for typos, and that this machine is online",
            Self::Refused { .. } => "is the server running? check the port",
            Self::Unreachable { .. } => "check the network connection and the VPN, if any",
            Self::Timeout { step: DialPhase::Upgrade, .. } => {
                "the server accepts connections but does not answer; try again, or check the URL"
            }
            Self::Timeout { .. } => "check the network connection and the firewall",
            Self::Broken { step: DialPhase::Tls, .. } => {
                "use ws:// for a server on this machine, or check the port"
            }
            Self::Broken { .. } => "check the port and the server's log",
            Self::NeedsTls { .. } => "use wss:// instead of ws://",
            Self::NotWebSocket { .. } => "check the path of the URL; it is usually /v1/realtime",
            Self::NoSubprotocol { .. } => "send the key in a header instead of a subprotocol",
        };
        Some(hint.to_owned())
    }
}

impl ProxyError {
    /// Returns advice for the user, if any.
    pub fn hint(&self) -> Option<String> {
        let variable = self.variable;
        Some(match &self.fault {
            ProxyFault::NotReached(error) if matches!(**error, DialError::Tls { .. }) => {
                return error.hint();
            }
            ProxyFault::NotReached(_) => {
                format!("check {variable}; hosts listed in NO_PROXY are reached without a proxy")
            }
            ProxyFault::Timeout { .. } => "check that the proxy can reach the host, or try again".to_owned(),
            ProxyFault::Broken(_) => format!("check the port in {variable} and the proxy's log"),
            ProxyFault::NotProxy { .. } => {
                format!("check the port and the scheme (http://, https:// or socks5h://) in {variable}")
            }
            ProxyFault::Refused { refusal, .. } => refused_hint(refusal.status, variable),
            ProxyFault::LoginRequired => {
                format!("set {variable} to http://USER:PASSWORD@HOST:PORT, with @ : / escaped as %40 %3A %2F")
            }
            ProxyFault::LoginRejected => {
                format!("check {variable}; escape @ : / in a password as %40 %3A %2F")
            }
            ProxyFault::UnsupportedLogin(_) => {
                "only Basic authentication is supported; a local forwarding proxy can log in for you"
                    .to_owned()
            }
            ProxyFault::Socks { reason, .. } => socks_hint(*reason).to_owned(),
        })
    }
}

/// Hint for a gateway that cannot serve the model.
const NO_CHANNEL: &str = "ask the gateway's administrator for a realtime channel for this model, \
                          or choose another one with --model";

fn refusal_hint(refusal: &HttpRefusal) -> Option<String> {
    if refusal.lacks_channel() {
        return Some(NO_CHANNEL.to_owned());
    }
    if refusal.is_transient() {
        return Some(try_again(refusal.retry_after));
    }
    let hint = match (refusal.status, &refusal.location) {
        (300..400, Some(location)) => {
            return Some(format!("the server redirects to {location}; use that URL if you trust it"));
        }
        (401, _) => "check that the key is valid and belongs to this endpoint",
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
        Some(0) | None => "try again later".to_owned(),
    }
}

fn refused_hint(status: u16, variable: &str) -> String {
    match status {
        403 => "ask the proxy's administrator to allow the host, or list it in NO_PROXY".to_owned(),
        500.. => "check the host name; if it is correct, the proxy cannot reach it".to_owned(),
        _ => format!("check {variable}: it may be a web server, or the proxy does not allow this port"),
    }
}

fn socks_hint(reason: SocksReason) -> &'static str {
    match reason {
        SocksReason::NotAllowed => "ask the proxy's administrator to allow the host, or list it in NO_PROXY",
        SocksReason::Refused => "is the server running? check the port",
        SocksReason::AddressTypeNotSupported | SocksReason::NetworkUnreachable => {
            "use socks5h:// so that the proxy resolves the name"
        }
        SocksReason::Failed
        | SocksReason::HostUnreachable
        | SocksReason::TtlExpired
        | SocksReason::CommandNotSupported => {
            "check the host name; if it is correct, the proxy cannot reach it"
        }
    }
}
