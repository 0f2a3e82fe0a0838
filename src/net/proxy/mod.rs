//! Proxy selection from environment variables, with the rules of curl.

mod no_proxy;
pub mod error;

use std::fmt;

use percent_encoding::percent_decode_str;

use crate::net::endpoint::redaction::Redactor;
use crate::net::endpoint::url::{EndpointUrl, Scheme, host_and_port};
use crate::net::proxy::error::ProxySettingError;
use crate::net::proxy::no_proxy::NoProxy;
use crate::secret::Secret;

/// The program's own variable: a proxy for every endpoint, including those on this machine.
const OWN: &str = "RTVOICE_PROXY";

/// Variables for `wss://`, in order of precedence. The first two follow curl, which tries the scheme itself
/// first.
const FOR_WSS: &[&str] = &["wss_proxy", "WSS_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

/// Variables for `ws://`. Never upper-case `HTTP_PROXY`: a CGI server sets it from a request header
/// (CVE-2016-5388).
const FOR_WS: &[&str] = &["ws_proxy", "WS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY"];

/// Variables listing the exceptions.
const FOR_NONE: &[&str] = &["no_proxy", "NO_PROXY"];

/// Default port of a proxy, as in curl.
const DEFAULT_PORT: u16 = 1080;

/// Default port of an `https://` proxy.
const DEFAULT_TLS_PORT: u16 = 443;

/// All proxy variables of the environment. Not validated here: errors are reported when the variable is used.
#[derive(Clone, Debug, Default)]
pub struct ProxySettings {
    own: Option<ProxyVariable>,
    wss: Option<ProxyVariable>,
    ws: Option<ProxyVariable>,
    no_proxy: NoProxy,
}

/// A variable that is set; its value may contain a password.
#[derive(Clone, Debug)]
struct ProxyVariable {
    variable: &'static str,
    value: Secret,
}

/// A proxy to use.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Its protocol.
    pub kind: ProxyKind,
    /// Host name or address, an IPv6 address without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Credentials, if any.
    pub login: Option<Login>,
    /// The variable that names it.
    pub variable: &'static str,
}

/// Protocol of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyKind {
    /// HTTP `CONNECT`.
    Http,
    /// HTTP `CONNECT` over TLS.
    Https,
    /// SOCKS5 with local name resolution.
    Socks5,
    /// SOCKS5 with name resolution by the proxy.
    Socks5h,
}

/// User name and password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// User name; secret, since tokens are used as user names.
    pub user: Secret,
    /// Password; may be empty.
    pub password: Secret,
}

impl ProxySettings {
    /// Reads the variables. An empty variable counts as unset.
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
            own: first(&[OWN]),
            wss: first(FOR_WSS),
            ws: first(FOR_WS),
            no_proxy: no_proxy.unwrap_or_default(),
        }
    }

    /// Returns the proxy for `url`, if any. An endpoint on this machine is reached directly unless
    /// `RTVOICE_PROXY` is set.
    ///
    /// # Errors
    /// When the variable in force is not a valid proxy address.
    pub fn choose(&self, url: &EndpointUrl) -> Result<Option<Proxy>, ProxySettingError> {
        let setting = match (&self.own, url.scheme()) {
            (Some(own), _) => Some(own),
            (None, _) if url.is_loopback() || self.no_proxy.covers(url.host(), url.port()) => None,
            (None, Scheme::Wss) => self.wss.as_ref(),
            (None, Scheme::Ws) => self.ws.as_ref(),
        };
        setting.map(|setting| Proxy::parse(setting.variable, setting.value.reveal())).transpose()
    }
}

impl Proxy {
    /// Parses `[SCHEME://][USER[:PASSWORD]@]HOST[:PORT]`; the scheme defaults to `http://`.
    fn parse(variable: &'static str, text: &str) -> Result<Self, ProxySettingError> {
        let is_scheme = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+');
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) if is_scheme(scheme) => (scheme.to_ascii_lowercase(), rest),
            Some(_) | None => ("http".to_owned(), text),
        };
        // Split at the last `@` and before any slash, so that no part of a password is mistaken for the host
        // and shown.
        let (login, address) = match rest.rsplit_once('@') {
            Some((login, address)) => (Some(login), address),
            None => (None, rest),
        };
        let kind = match scheme.as_str() {
            "http" => ProxyKind::Http,
            "https" => ProxyKind::Https,
            "socks5" => ProxyKind::Socks5,
            "socks5h" => ProxyKind::Socks5h,
            _ => return Err(ProxySettingError::UnknownKind { variable, scheme }),
        };
        let authority = address.split(['/', '?', '#']).next().unwrap_or_default();
        let (host, port) = host_and_port(authority)
            .map_err(|_| ProxySettingError::Address { variable, shown: authority.to_owned() })?;
        let login = login.map(|login| Login::parse(variable, kind, login)).transpose()?;
        Ok(Self { kind, host, port: port.unwrap_or(kind.default_port()), login, variable })
    }

    /// Returns host and port for display.
    pub fn address(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }

    /// Returns a redactor that hides the credentials in the proxy's answers.
    pub(crate) fn redactor(&self) -> Redactor {
        let Some(login) = &self.login else { return Redactor::default() };
        let basic = Secret::new(login.basic());
        let pair = Secret::new(format!("{}:{}", login.user.reveal(), login.password.reveal()));
        Redactor::of([&pair, &login.user, &login.password, &basic])
    }
}

/// Omits the credentials.
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
    /// Returns the URL scheme.
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
        // RFC 1929, section 2: lengths are one byte and at least 1.
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

    /// Returns the credentials of a `Basic` header (RFC 7617, section 2).
    pub(crate) fn basic(&self) -> String {
        use base64::Engine;
        let pair = format!("{}:{}", self.user.reveal(), self.password.reveal());
        base64::engine::general_purpose::STANDARD.encode(pair)
    }
}

#[cfg(test)]
mod tests;
