//! Which proxy leads to an endpoint, decided as curl decides it from variables that are handed in.

mod no_proxy;
pub mod error;

use std::fmt;

use percent_encoding::percent_decode_str;

use crate::net::endpoint::redaction::Redactor;
use crate::net::endpoint::url::{EndpointUrl, Scheme, host_and_port};
use crate::net::proxy::error::ProxySettingError;
use crate::net::proxy::no_proxy::NoProxy;
use crate::secret::Secret;

/// The variable of the program's own: a proxy for every endpoint, those on this machine among them.
const OURS: &str = "RTVOICE_PROXY";

/// For `wss://`, the first that is set. The first two are curl's, which tries the scheme itself before
/// the one it grew from.
const FOR_WSS: &[&str] = &["wss_proxy", "WSS_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

/// For `ws://`. Never `HTTP_PROXY` in capitals: a web server sets it for its programs from a header that
/// any visitor can send (CVE-2016-5388).
const FOR_WS: &[&str] = &["ws_proxy", "WS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY"];

/// What is reached without a proxy.
const FOR_NONE: &[&str] = &["no_proxy", "NO_PROXY"];

/// The port of a proxy whose address names none; curl's.
const DEFAULT_PORT: u16 = 1080;

/// The port of an `https://` proxy whose address names none.
const DEFAULT_TLS_PORT: u16 = 443;

/// All that the environment says about proxies. Read without judging: what is wrong with a variable is
/// told when it is needed.
#[derive(Clone, Debug, Default)]
pub struct ProxySettings {
    ours: Option<ProxyVariable>,
    wss: Option<ProxyVariable>,
    ws: Option<ProxyVariable>,
    no_proxy: NoProxy,
}

/// A variable that is set; its value may hold a password.
#[derive(Clone, Debug)]
struct ProxyVariable {
    variable: &'static str,
    value: Secret,
}

/// A proxy that is to be used.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// What it speaks.
    pub kind: ProxyKind,
    /// Its name or address, an IPv6 address without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What it is shown, if anything.
    pub login: Option<Login>,
    /// The variable that named it.
    pub variable: &'static str,
}

/// What a proxy speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyKind {
    /// HTTP's `CONNECT`.
    Http,
    /// The same, over TLS.
    Https,
    /// SOCKS5 with an address that this machine looked up.
    Socks5,
    /// SOCKS5 with a name that the proxy looks up.
    Socks5h,
}

/// A user name and a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The user's name; hidden, too, because tokens are used as names.
    pub user: Secret,
    /// The password, empty where there is none.
    pub password: Secret,
}

impl ProxySettings {
    /// Takes what is needed of the environment. An empty variable is one that is not set.
    pub fn read(environment: impl Fn(&str) -> Option<String>) -> Self {
        let first = |variables: &[&'static str]| {
            variables.iter().find_map(|variable| {
                let value = environment(variable)?;
                let value = value.trim();
                (!value.is_empty()).then(|| ProxyVariable { variable, value: Secret::new(value) })
            })
        };
        let no_proxy = first(FOR_NONE).map(|setting| NoProxy::parse(setting.value.reveal()));
        Self {
            ours: first(&[OURS]),
            wss: first(FOR_WSS),
            ws: first(FOR_WS),
            no_proxy: no_proxy.unwrap_or_default(),
        }
    }

    /// Returns the proxy that leads to `url`, if any. To this machine none leads but one that was
    /// asked for by `RTVOICE_PROXY`.
    ///
    /// # Errors
    /// When the variable that counts is no proxy's address.
    pub fn choose(&self, url: &EndpointUrl) -> Result<Option<Proxy>, ProxySettingError> {
        let setting = match (&self.ours, url.scheme()) {
            (Some(ours), _) => Some(ours),
            (None, _) if url.is_loopback() || self.no_proxy.covers(url.host(), url.port()) => None,
            (None, Scheme::Wss) => self.wss.as_ref(),
            (None, Scheme::Ws) => self.ws.as_ref(),
        };
        setting.map(|setting| Proxy::parse(setting.variable, setting.value.reveal())).transpose()
    }
}

impl Proxy {
    /// Reads `[SCHEME://][USER[:PASSWORD]@]HOST[:PORT]`; without a scheme it is `http://`.
    fn parse(variable: &'static str, text: &str) -> Result<Self, ProxySettingError> {
        let is_scheme = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+');
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) if is_scheme(scheme) => (scheme.to_ascii_lowercase(), rest),
            Some(_) | None => ("http".to_owned(), text),
        };
        // The last one, and before any slash is looked for, so that no part of a password is taken
        // for the host and shown.
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, rest),
        };
        let kind = match scheme.as_str() {
            "http" => ProxyKind::Http,
            "https" => ProxyKind::Https,
            "socks5" => ProxyKind::Socks5,
            "socks5h" => ProxyKind::Socks5h,
            _ => return Err(ProxySettingError::UnknownKind { variable, scheme }),
        };
        let authority = place.split(['/', '?', '#']).next().unwrap_or_default();
        let (host, port) = host_and_port(authority)
            .map_err(|_| ProxySettingError::Address { variable, shown: authority.to_owned() })?;
        let login = login.map(|login| Login::parse(variable, kind, login)).transpose()?;
        Ok(Self { kind, host, port: port.unwrap_or(kind.default_port()), login, variable })
    }

    /// Returns host and port as a person reads them.
    pub fn address(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }

    /// Returns what hides the login in what a proxy says.
    pub(crate) fn redactor(&self) -> Redactor {
        let Some(login) = &self.login else { return Redactor::default() };
        let basic = Secret::new(login.basic());
        let pair = Secret::new(format!("{}:{}", login.user.reveal(), login.password.reveal()));
        Redactor::of([&pair, &login.user, &login.password, &basic])
    }
}

/// Without the login.
impl fmt::Display for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{} from {}", self.kind.scheme(), self.address(), self.variable)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Proxy({self})")
    }
}

impl ProxyKind {
    /// Returns the scheme of its address.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Socks5 => "socks5",
            Self::Socks5h => "socks5h",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Https => DEFAULT_TLS_PORT,
            Self::Http | Self::Socks5 | Self::Socks5h => DEFAULT_PORT,
        }
    }
}

impl Login {
    fn parse(variable: &'static str, kind: ProxyKind, text: &str) -> Result<Self, ProxySettingError> {
        let (user, password) = text.split_once(':').unwrap_or((text, ""));
        let decoded = |text: &str| percent_decode_str(text).decode_utf8().map(Secret::new);
        let (Ok(user), Ok(password)) = (decoded(user), decoded(password)) else {
            return Err(ProxySettingError::Login { variable });
        };
        // RFC 1929, section 2: each has a length of one byte, and none is empty.
        let fits = |text: &Secret| (1..=255).contains(&text.reveal().len());
        match kind {
            ProxyKind::Socks5 | ProxyKind::Socks5h if !fits(&user) || !fits(&password) => {
                Err(ProxySettingError::Login { variable })
            }
            ProxyKind::Socks5 | ProxyKind::Socks5h | ProxyKind::Http | ProxyKind::Https => {
                Ok(Self { user, password })
            }
        }
    }

    /// Returns what follows `Basic` in a header (RFC 7617, section 2).
    pub(crate) fn basic(&self) -> String {
        use base64::Engine;
        let pair = format!("{}:{}", self.user.reveal(), self.password.reveal());
        base64::engine::general_purpose::STANDARD.encode(pair)
    }
}

#[cfg(test)]
mod tests;
