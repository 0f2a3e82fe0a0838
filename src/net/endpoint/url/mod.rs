//! URL of an endpoint, validated once.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use thiserror::Error;
use tokio_tungstenite::tungstenite::http::Uri;
use tokio_tungstenite::tungstenite::http::uri::InvalidUri;

/// Default path, except for the hosts in [`OTHER_PATHS`].
const DEFAULT_PATH: &str = "/v1/realtime";

/// Host suffixes with another path: three of Azure, and Alibaba's Model Studio.
const OTHER_PATHS: [(&str, &str); 5] = [
    (".openai.azure.com", "/openai/v1/realtime"),
    (".cognitiveservices.azure.com", "/openai/v1/realtime"),
    (".services.ai.azure.com", "/openai/v1/realtime"),
    ("dashscope.aliyuncs.com", "/api-ws/v1/realtime"),
    ("dashscope-intl.aliyuncs.com", "/api-ws/v1/realtime"),
];

/// Characters escaped in a query. Slash and colon are legal there (RFC 3986, section 3.4) and documented
/// unescaped: `?model=opeai/AudioLLM/Voice2`.
const QUERY: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/').remove(b':');

/// Query parameters in which servers accept a key.
const KEY_NAMES: [&str; 7] = ["token", "api-key", "api_key", "apikey", "key", "access_token", "session"];

/// Replacement for a key in a path.
const HIDDEN: &str = "[key hidden]";

/// Key prefixes of common issuers, including JSON Web Tokens.
const KEY_PREFIXES: [&str; 10] = ["sk-", "sk_", "pk-", "pk_", "xai-", "gsk_", "hf_", "ghp_", "AIza", "eyJ"];

/// Minimum length of a key recognized by its prefix.
const PREFIXED_KEY_MIN: usize = 12;

/// Minimum length of a run of letters and digits that counts as a key.
const RANDOM_RUN_MIN: usize = 20;

/// Whether the connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `ws`, or its alias `http`.
    Ws,
    /// `wss`, or its alias `https`.
    Wss,
}

/// A URL that can be dialed: scheme, host, port, path and query.
#[derive(Clone, PartialEq, Eq)]
pub struct EndpointUrl {
    scheme: Scheme,
    /// In lower case; an IPv6 address without brackets.
    host: String,
    port: Option<u16>,
    path: String,
    query: Option<String>,
}

impl EndpointUrl {
    /// Parses a URL as users write it. The path is kept, except that a base URL ending in `/v1` is completed;
    /// without a path the host's default is used.
    ///
    /// # Errors
    /// When scheme, host or port is missing or invalid, or the URL contains a user name or illegal
    /// characters. No error repeats the query, which may contain a key.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        Self::read(text, |path| match path.trim_end_matches('/') {
            base if base.ends_with("/v1") => format!("{base}/realtime"),
            _ => path.to_owned(),
        })
    }

    /// Parses a base URL as in `OPENAI_BASE_URL`: OpenAI's libraries append `/realtime` to its path.
    ///
    /// # Errors
    /// As for [`EndpointUrl::parse`].
    pub fn parse_base(text: &str) -> Result<Self, UrlError> {
        Self::read(text, |path| match path.trim_end_matches('/') {
            base if base.is_empty() || base.ends_with("/realtime") => base.to_owned(),
            base => format!("{base}/realtime"),
        })
    }

    /// Parses a URL; `complete` derives the dialed path from the given one.
    fn read(text: &str, complete: impl Fn(&str) -> String) -> Result<Self, UrlError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(UrlError::Empty);
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(UrlError::NoScheme { shown: without_secrets(text) });
        };
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "ws" | "http" => Scheme::Ws,
            "wss" | "https" => Scheme::Wss,
            other => return Err(UrlError::WrongScheme { scheme: other.to_owned() }),
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err(UrlError::UserName);
        }
        let (host, port) = host_and_port(authority)?;
        let uri: Uri = format!("ws://{}", utf8_percent_encode(rest, CONTROLS))
            .parse()
            .map_err(|source| UrlError::Malformed { source })?;
        let has_path = rest[authority.len()..].starts_with('/');
        let path = if has_path { complete(uri.path()) } else { String::new() };
        Ok(Self {
            path: if path.is_empty() { default_path(&host).to_owned() } else { path },
            scheme,
            host,
            port,
            query: uri.query().filter(|query| !query.is_empty()).map(str::to_owned),
        })
    }

    /// Returns whether the connection is encrypted.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Returns the host name or address, an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port; 80 or 443 by default.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(self.scheme.default_port())
    }

    /// Returns the path, with its leading slash.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the host as in a URL, with the port unless it is the scheme's default.
    pub fn authority(&self) -> String {
        let host = match self.host.parse::<Ipv6Addr>() {
            Ok(address) => format!("[{address}]"),
            Err(_) => self.host.clone(),
        };
        match self.port.filter(|port| *port != self.scheme.default_port()) {
            Some(port) => format!("{host}:{port}"),
            None => host,
        }
    }

    /// Returns whether the host is this machine: `localhost`, 127.0.0.0/8 or `::1`.
    pub fn is_loopback(&self) -> bool {
        let name = self.host.trim_end_matches('.');
        match name.parse::<IpAddr>() {
            Ok(address) => address.to_canonical().is_loopback(),
            Err(_) => name == "localhost" || name.ends_with(".localhost"),
        }
    }

    /// Returns the decoded value of a query parameter.
    pub fn query_value(&self, wanted: &str) -> Option<String> {
        self.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value)
    }

    /// Returns the keys in the query's usual parameters.
    pub fn keys_in_query(&self) -> impl Iterator<Item = String> + '_ {
        self.query_pairs()
            .filter(|(name, value)| {
                KEY_NAMES.contains(&name.to_ascii_lowercase().as_str()) && !value.is_empty()
            })
            .map(|(_, value)| value)
    }

    /// Returns the decoded parts of path and query that look like keys.
    pub fn secrets(&self) -> impl Iterator<Item = String> + '_ {
        let in_path = self.path.split('/').map(decoded);
        let in_query = self.query_pairs().map(|(_, value)| value);
        in_path.chain(in_query).filter(|text| looks_like_key(text)).chain(self.keys_in_query())
    }

    /// Returns the URL for dialing, with additional query parameters.
    pub fn with_query(&self, additional: &[(&str, &str)]) -> String {
        let mut parts: Vec<String> = self.query.iter().cloned().collect();
        parts.extend(
            additional.iter().map(|(name, value)| format!("{}={}", encode_query(name), encode_query(value))),
        );
        let mark = if parts.is_empty() { "" } else { "?" };
        let (scheme, authority) = (self.scheme.as_str(), self.authority());
        format!("{scheme}://{authority}{}{mark}{}", self.path, parts.join("&"))
    }

    fn query_pairs(&self) -> impl Iterator<Item = (String, String)> + '_ {
        self.query.as_deref().unwrap_or_default().split('&').map(move |pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        })
    }
}

/// For display: omits the query, which may contain a key, and keys in the path.
impl fmt::Display for EndpointUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}{}", self.scheme.as_str(), self.authority(), without_keys(&self.path))
    }
}

impl fmt::Debug for EndpointUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let query = if self.query.is_some() { "?(hidden)" } else { "" };
        write!(formatter, "EndpointUrl({self}{query})")
    }
}

impl Scheme {
    /// Returns the scheme as in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Ws => 80,
            Self::Wss => 443,
        }
    }
}

/// An invalid URL.
#[derive(Debug, Error)]
pub enum UrlError {
    /// Empty.
    #[error("the URL is empty")]
    Empty,
    /// `api.example.com/v1/realtime`.
    #[error("the URL {shown:?} has no scheme")]
    NoScheme {
        /// The URL without secrets.
        shown: String,
    },
    /// `ftp://…`.
    #[error("unsupported URL scheme {scheme:?}")]
    WrongScheme {
        /// As given, in lower case.
        scheme: String,
    },
    /// `wss://user:password@…`.
    #[error("the URL contains a user name")]
    UserName,
    /// `wss:///v1/realtime`.
    #[error("the URL has no host")]
    NoHost,
    /// Neither a name nor an address.
    #[error("invalid host {host:?} in the URL")]
    Host {
        /// As given.
        host: String,
    },
    /// Not a number, or out of range.
    #[error("invalid port {port:?} in the URL")]
    Port {
        /// As given.
        port: String,
    },
    /// Any other syntax error.
    #[error("invalid URL")]
    Malformed {
        /// Error of the parser.
        source: InvalidUri,
    },
}

impl UrlError {
    /// Returns advice for the user.
    pub fn hint(&self) -> String {
        match self {
            Self::Empty => "use the URL of an endpoint, such as wss://api.openai.com/v1/realtime",
            Self::NoScheme { .. } => "prefix it with wss://, or with ws:// for a server on this machine",
            Self::WrongScheme { .. } => "use wss:// or ws:// (or the aliases https:// and http://)",
            Self::UserName => "remove it; set the key in RTVOICE_API_KEY",
            Self::NoHost => "add the host after the two slashes, as in wss://api.openai.com/v1/realtime",
            Self::Host { .. } => {
                "use ASCII letters (xn--… for other scripts), and brackets around an IPv6 address"
            }
            Self::Port { .. } => "use 1 to 65535, as in ws://127.0.0.1:8080/v1/realtime, or omit it",
            Self::Malformed { .. } => "check for spaces, quotes and other characters that need escaping",
        }
        .to_owned()
    }
}

/// Encodes a name or value for a query.
pub fn encode_query(text: &str) -> String {
    utf8_percent_encode(text, QUERY).to_string()
}

/// Returns a path with the parts that look like keys replaced.
pub(crate) fn without_keys(path: &str) -> String {
    let parts = path.split('/').map(|part| if looks_like_key(&decoded(part)) { HIDDEN } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// Returns whether a part of a URL looks like a key: a known prefix, or a long mix of letters and digits.
fn looks_like_key(text: &str) -> bool {
    let has_prefix = KEY_PREFIXES.iter().any(|prefix| text.starts_with(prefix));
    let is_random = |run: &str| {
        run.len() >= RANDOM_RUN_MIN
            && run.bytes().any(|byte| byte.is_ascii_digit())
            && run.bytes().any(|byte| byte.is_ascii_alphabetic())
    };
    has_prefix && text.len() >= PREFIXED_KEY_MIN
        || text.split(|character: char| !character.is_ascii_alphanumeric()).any(is_random)
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn default_path(host: &str) -> &'static str {
    let other = OTHER_PATHS.iter().find(|(end, _)| host.ends_with(end));
    other.map_or(DEFAULT_PATH, |(_, path)| path)
}

/// Splits `HOST[:PORT]`; returns the host in lower case, an IPv6 address without brackets.
pub(crate) fn host_and_port(authority: &str) -> Result<(String, Option<u16>), UrlError> {
    let no_host = || UrlError::Host { host: authority.to_owned() };
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, after) = rest.split_once(']').ok_or_else(no_host)?;
            let address: Ipv6Addr = address.parse().map_err(|_| no_host())?;
            let port =
                if after.is_empty() { None } else { Some(after.strip_prefix(':').ok_or_else(no_host)?) };
            (address.to_string(), port)
        }
        None => {
            let (host, port) = match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            };
            // Several colons mean an IPv6 address without brackets.
            if !host.bytes().all(is_host_byte) || port.is_some_and(|port| port.contains(':')) {
                return Err(no_host());
            }
            (host.to_ascii_lowercase(), port)
        }
    };
    if host.is_empty() {
        return Err(UrlError::NoHost);
    }
    Ok((host, port.map(port_number).transpose()?))
}

/// Allows the underscore, which is common in container networks.
fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

fn port_number(text: &str) -> Result<u16, UrlError> {
    match text.parse::<u16>() {
        Ok(port) if port > 0 && text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(port),
        Ok(_) | Err(_) => Err(UrlError::Port { port: text.to_owned() }),
    }
}

/// Removes query, user name and keys.
fn without_secrets(text: &str) -> String {
    let path = text.split(['?', '#']).next().unwrap_or_default();
    without_keys(path.rsplit('@').next().unwrap_or_default())
}

#[cfg(test)]
mod tests;
