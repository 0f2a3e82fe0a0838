//! The address of an endpoint, taken apart once and known to be usable from then on.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use thiserror::Error;
use tokio_tungstenite::tungstenite::http::Uri;
use tokio_tungstenite::tungstenite::http::uri::InvalidUri;

/// The path of every documented endpoint but those in [`OTHER_PATHS`].
const DEFAULT_PATH: &str = "/v1/realtime";

/// Ends of hosts whose endpoints have another path: Azure's three, and Alibaba's Model Studio.
const OTHER_PATHS: [(&str, &str); 5] = [
    (".openai.azure.com", "/openai/v1/realtime"),
    (".cognitiveservices.azure.com", "/openai/v1/realtime"),
    (".services.ai.azure.com", "/openai/v1/realtime"),
    ("dashscope.aliyuncs.com", "/api-ws/v1/realtime"),
    ("dashscope-intl.aliyuncs.com", "/api-ws/v1/realtime"),
];

/// What stands in a query as it is. The slash and the colon are legal there (RFC 3986, section 3.4)
/// and are documented unescaped: `?model=opeai/AudioLLM/Voice2`.
const QUERY: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/').remove(b':');

/// Query names under which servers take a key.
const KEY_NAMES: [&str; 7] = ["token", "api-key", "api_key", "apikey", "key", "access_token", "session"];

/// What stands where a part of a path is a key.
const HIDDEN: &str = "[key hidden]";

/// How keys of common issuers begin, JSON Web Tokens among them.
const KEY_PREFIXES: [&str; 10] = ["sk-", "sk_", "pk-", "pk_", "xai-", "gsk_", "hf_", "ghp_", "AIza", "eyJ"];

/// The least length of a key that is known by its prefix.
const PREFIXED_KEY_MIN: usize = 12;

/// From this length on, letters and digits in one run are a key and not a name.
const RANDOM_RUN_MIN: usize = 20;

/// Whether the connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `ws`, and `http` by another name.
    Ws,
    /// `wss`, and `https` by another name.
    Wss,
}

/// A URL that can be dialled: scheme, host, port, path, and what its query says already.
#[derive(Clone, PartialEq, Eq)]
pub struct EndpointUrl {
    scheme: Scheme,
    /// In small letters; an IPv6 address without its brackets.
    host: String,
    port: Option<u16>,
    path: String,
    query: Option<String>,
}

impl EndpointUrl {
    /// Reads a URL as a person types it. A written path is kept, except that a base URL, which ends in `/v1`, is
    /// completed; without a path the URL gets the one that its host documents.
    ///
    /// # Errors
    /// When it has no scheme, a scheme that is no WebSocket's, a user name, no usable host or port,
    /// or characters that a URL cannot have. No error repeats the query, which may hold a key.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        Self::read(text, |path| match path.trim_end_matches('/') {
            base if base.ends_with("/v1") => format!("{base}/realtime"),
            _ => path.to_owned(),
        })
    }

    /// Reads a base URL such as `OPENAI_BASE_URL` holds: OpenAI's libraries put `/realtime` behind its path.
    ///
    /// # Errors
    /// As for [`EndpointUrl::parse`].
    pub fn parse_base(text: &str) -> Result<Self, UrlError> {
        Self::read(text, |path| match path.trim_end_matches('/') {
            base if base.is_empty() || base.ends_with("/realtime") => base.to_owned(),
            base => format!("{base}/realtime"),
        })
    }

    /// Reads a URL; `complete` makes the path to dial from one that is written.
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

    /// Returns the host's name or address, an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port, 80 or 443 where none is named.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(self.scheme.default_port())
    }

    /// Returns the path, with its first slash.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the host as a URL writes it, with the port where it is not the scheme's own.
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

    /// Returns the value of a name in the query, decoded.
    pub fn query_value(&self, wanted: &str) -> Option<String> {
        self.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value)
    }

    /// Returns the keys that the query holds by the usual names.
    pub fn keys_in_query(&self) -> impl Iterator<Item = String> + '_ {
        self.query_pairs()
            .filter(|(name, value)| {
                KEY_NAMES.contains(&name.to_ascii_lowercase().as_str()) && !value.is_empty()
            })
            .map(|(_, value)| value)
    }

    /// Returns what the URL shows that looks like a key, in its path or in its query, decoded.
    pub fn secrets(&self) -> impl Iterator<Item = String> + '_ {
        let in_path = self.path.split('/').map(decoded);
        let in_query = self.query_pairs().map(|(_, value)| value);
        in_path.chain(in_query).filter(|text| looks_like_key(text)).chain(self.keys_in_query())
    }

    /// Returns the URL with more names and values in its query, to be dialled.
    pub fn with_query(&self, more: &[(&str, &str)]) -> String {
        let mut parts: Vec<String> = self.query.iter().cloned().collect();
        parts.extend(
            more.iter().map(|(name, value)| format!("{}={}", encode_query(name), encode_query(value))),
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

/// For people: without the query, which may hold a key, and without keys in the path.
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
    /// Returns the scheme as a URL has it.
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

/// What is wrong with a URL.
#[derive(Debug, Error)]
pub enum UrlError {
    /// There is nothing.
    #[error("the URL is empty")]
    Empty,
    /// `api.example.com/v1/realtime`.
    #[error("the URL {shown:?} does not say how to connect")]
    NoScheme {
        /// The URL without what may be secret.
        shown: String,
    },
    /// `ftp://…`.
    #[error("the scheme {scheme:?} of the URL is no WebSocket's")]
    WrongScheme {
        /// As it was written, in small letters.
        scheme: String,
    },
    /// `wss://user:password@…`.
    #[error("the URL has a user name in it")]
    UserName,
    /// `wss:///v1/realtime`.
    #[error("the URL names no host")]
    NoHost,
    /// A host that is neither a name nor an address.
    #[error("{host:?} in the URL is no host name or address")]
    Host {
        /// As it was written.
        host: String,
    },
    /// A port that is no number, or out of range.
    #[error("the port {port:?} in the URL is no number from 1 to 65535")]
    Port {
        /// As it was written.
        port: String,
    },
    /// Something else.
    #[error("the URL cannot be read")]
    Malformed {
        /// What the reader says.
        source: InvalidUri,
    },
}

impl UrlError {
    /// Returns one sentence on what to do.
    pub fn hint(&self) -> String {
        match self {
            Self::Empty => "give the address of an endpoint, such as wss://api.openai.com/v1/realtime",
            Self::NoScheme { .. } => "write wss:// in front of it, or ws:// for a server on this machine",
            Self::WrongScheme { .. } => "use wss:// or ws://; https:// and http:// mean the same",
            Self::UserName => "leave it out; the key comes from RTVOICE_API_KEY",
            Self::NoHost => "write the host after the two slashes, as in wss://api.openai.com/v1/realtime",
            Self::Host { .. } => {
                "write the host in ASCII letters (xn--… for other scripts), an IPv6 address in brackets"
            }
            Self::Port { .. } => "write it as in ws://127.0.0.1:8080/v1/realtime, or leave it out",
            Self::Malformed { .. } => "check it for blanks, quotes and other characters that need escaping",
        }
        .to_owned()
    }
}

/// Returns a text as it stands for a name or value in a query.
pub fn encode_query(text: &str) -> String {
    utf8_percent_encode(text, QUERY).to_string()
}

/// Returns a path without the parts that look like keys.
pub(crate) fn without_keys(path: &str) -> String {
    let parts = path.split('/').map(|part| if looks_like_key(&decoded(part)) { HIDDEN } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// Returns whether a part of a URL is a key rather than a name: it begins like one, or is as long and as
/// mixed as no name is.
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

/// Takes `HOST[:PORT]` apart; the host in small letters, an IPv6 address without its brackets.
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
            // More than one colon is an IPv6 address without its brackets.
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

/// The underscore is no part of a host's name, but of many in a container network.
fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

fn port_number(text: &str) -> Result<u16, UrlError> {
    match text.parse::<u16>() {
        Ok(port) if port > 0 && text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(port),
        Ok(_) | Err(_) => Err(UrlError::Port { port: text.to_owned() }),
    }
}

/// Without query, user name and keys.
fn without_secrets(text: &str) -> String {
    let path = text.split(['?', '#']).next().unwrap_or_default();
    without_keys(path.rsplit('@').next().unwrap_or_default())
}

#[cfg(test)]
mod tests;
