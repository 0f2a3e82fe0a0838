//! Why a proxy leads nowhere, in one sentence, and what to do about it.

use std::fmt;
use std::io;
use std::time::Duration;

use thiserror::Error;

use crate::net::dial::error::DialError;
use crate::net::dial::http_response::HttpRefusal;

/// What is wrong with a variable that names a proxy. None of it holds a password.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ProxySettingError {
    /// `socks4://…`, `ftp://…`.
    #[error("{variable} names a proxy of an unknown kind, {scheme}://")]
    UnknownKind {
        /// The variable.
        variable: &'static str,
        /// What stands before `://`.
        scheme: String,
    },
    /// No host, or no usable port.
    #[error("{variable} is no proxy's address: {shown:?} is no host and port")]
    Address {
        /// The variable.
        variable: &'static str,
        /// What stands where host and port should.
        shown: String,
    },
    /// Not UTF-8, or too long or too short for SOCKS5.
    #[error("the user name and the password in {variable} cannot be sent to that proxy")]
    Login {
        /// The variable.
        variable: &'static str,
    },
}

impl ProxySettingError {
    /// Returns one sentence on what to do.
    pub fn hint(&self) -> String {
        match self {
            Self::UnknownKind { .. } => "http://, https://, socks5:// and socks5h:// are known",
            Self::Address { .. } => "write it as in http://proxy.example:3128",
            Self::Login { .. } => {
                "SOCKS5 takes 1 to 255 bytes of each, and what is escaped with % must be UTF-8"
            }
        }
        .to_owned()
    }
}

/// A proxy leads nowhere.
#[derive(Debug)]
pub struct ProxyError {
    /// Host and port.
    pub address: String,
    /// The variable that named it.
    pub variable: &'static str,
    /// What is wrong.
    pub trouble: ProxyFault,
}

impl fmt::Display for ProxyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the proxy {} from {} {}", self.address, self.variable, self.trouble)
    }
}

impl std::error::Error for ProxyError {
    /// The trouble is in the message; its cause is not.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.trouble.source()
    }
}

/// What is wrong with a proxy; the texts go on after its name. What it said is masked, cleaned and short.
#[derive(Debug, Error)]
pub enum ProxyFault {
    /// Its name, TCP, or TLS to it.
    #[error("cannot be reached")]
    NotReached(#[source] Box<DialError>),
    /// It did not lead on in time.
    #[error("did not lead to {target} within {} s", limit.as_secs_f32())]
    Late {
        /// Host and port of the endpoint.
        target: String,
        /// How long it was waited for.
        limit: Duration,
    },
    /// It broke the connection.
    #[error("ended the connection")]
    Broken(#[source] Option<io::Error>),
    /// It is something else.
    #[error("{said}")]
    NotProxy {
        /// What it answered, and how that begins.
        said: String,
    },
    /// It answered `CONNECT` with a status that is no success.
    #[error("refused the way to {target}: {refusal}")]
    Refused {
        /// Host and port of the endpoint.
        target: String,
        /// Status and body.
        refusal: Box<HttpRefusal>,
    },
    /// It wants a user name and a password, and there is none.
    #[error("wants a user name and a password")]
    WantsLogin,
    /// It knows another user name or password.
    #[error("refused the user name or the password")]
    LoginRefused,
    /// It wants to be logged in to in a way that is not known here.
    #[error("wants another kind of login: {0}")]
    OtherLogin(String),
    /// It said why it does not lead there, by a SOCKS5 code.
    #[error("does not lead to {target}: {reason}")]
    Socks {
        /// Host and port of the endpoint.
        target: String,
        /// The code.
        reason: SocksReason,
    },
}

/// The codes of RFC 1928, section 6.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SocksReason {
    /// 1.
    #[error("it failed, and does not say why")]
    Failed,
    /// 2.
    #[error("its rules do not allow it")]
    NotAllowed,
    /// 3.
    #[error("it has no way to that network")]
    NetworkUnreachable,
    /// 4.
    #[error("it does not know the host, or has no way to it")]
    HostUnreachable,
    /// 5.
    #[error("nobody listens there")]
    Refused,
    /// 6.
    #[error("the host is too far away")]
    TooFar,
    /// 7.
    #[error("it does not lead on at all")]
    NoCommand,
    /// 8.
    #[error("it does not take addresses of that kind")]
    NoAddressKind,
}

impl SocksReason {
    /// Returns whether another address of the same host may do.
    pub(crate) fn is_of_the_address(self) -> bool {
        match self {
            Self::Failed
            | Self::NetworkUnreachable
            | Self::HostUnreachable
            | Self::Refused
            | Self::TooFar
            | Self::NoAddressKind => true,
            Self::NotAllowed | Self::NoCommand => false,
        }
    }
}

impl ProxyError {
    /// Returns whether only the user can mend it, by other settings.
    pub fn is_of_settings(&self) -> bool {
        match &self.trouble {
            ProxyFault::WantsLogin | ProxyFault::LoginRefused | ProxyFault::OtherLogin(_) => true,
            ProxyFault::NotReached(_)
            | ProxyFault::Late { .. }
            | ProxyFault::Broken(_)
            | ProxyFault::NotProxy { .. }
            | ProxyFault::Refused { .. }
            | ProxyFault::Socks { .. } => false,
        }
    }

    /// Returns more of what the proxy said, at most three lines; the first is in the message.
    pub fn body(&self) -> &[String] {
        match &self.trouble {
            ProxyFault::Refused { refusal, .. } => &refusal.body,
            ProxyFault::NotReached(error) => error.body(),
            ProxyFault::Late { .. }
            | ProxyFault::Broken(_)
            | ProxyFault::NotProxy { .. }
            | ProxyFault::WantsLogin
            | ProxyFault::LoginRefused
            | ProxyFault::OtherLogin(_)
            | ProxyFault::Socks { .. } => &[],
        }
    }

    /// Returns one sentence on what to do.
    pub fn hint(&self) -> Option<String> {
        let variable = self.variable;
        Some(match &self.trouble {
            ProxyFault::NotReached(error) if matches!(**error, DialError::Tls { .. }) => {
                return error.hint();
            }
            ProxyFault::NotReached(_) => {
                format!("check {variable}; what is listed in NO_PROXY is reached without a proxy")
            }
            ProxyFault::Late { .. } => "check that the proxy may reach that host, or try again".to_owned(),
            ProxyFault::Broken(_) => format!("check the port in {variable}, and the proxy's log"),
            ProxyFault::NotProxy { .. } => {
                format!("check {variable}: the port, and whether it is http://, https:// or socks5h://")
            }
            ProxyFault::Refused { refusal, .. } => refused_hint(refusal.status, variable),
            ProxyFault::WantsLogin => format!(
                "write them into {variable}, as in http://USER:PASSWORD@HOST:PORT, with @ : / as %40 %3A %2F"
            ),
            ProxyFault::LoginRefused => {
                format!("check them in {variable}; @ : / in a password are written as %40 %3A %2F")
            }
            ProxyFault::OtherLogin(_) => {
                "only a user name with a password can be shown; a proxy on this machine may log in for you"
                    .to_owned()
            }
            ProxyFault::Socks { reason, .. } => socks_hint(*reason).to_owned(),
        })
    }
}

fn refused_hint(status: u16, variable: &str) -> String {
    match status {
        403 => "ask who runs the proxy to allow it, or list the host in NO_PROXY".to_owned(),
        500.. => "check the host's name; if it is right, the proxy has no way to it".to_owned(),
        _ => format!("check {variable}: it may be a web server, or a proxy that leads to no other port"),
    }
}

fn socks_hint(reason: SocksReason) -> &'static str {
    match reason {
        SocksReason::NotAllowed => "ask who runs the proxy to allow it, or list the host in NO_PROXY",
        SocksReason::Refused => "check the port, and that the server is running",
        SocksReason::NoAddressKind | SocksReason::NetworkUnreachable => {
            "use socks5h:// to let the proxy look up the name"
        }
        SocksReason::Failed | SocksReason::HostUnreachable | SocksReason::TooFar | SocksReason::NoCommand => {
            "check the host's name; if it is right, the proxy has no way to it"
        }
    }
}
