//! Access control of a listener: exact lists of `Host` and `Origin` values.
//!
//! Browsers let any page open a WebSocket to 127.0.0.1, and DNS rebinding lets a page reach it under its own
//! host name. Therefore `Host` must be an address of the listener, and an `Origin`, which only browsers must
//! send, must be on the list. Comparing the two headers would not help: after rebinding both name the
//! attacker. Programs other than browsers send no `Origin` and are accepted.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use thiserror::Error;
use tokio_tungstenite::tungstenite::http::{HeaderMap, StatusCode, Uri, header};

/// Names of a loopback address.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// A host name or address and its port, as in a `Host` header: `localhost:8642`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// In lower case; an IPv6 address in brackets.
    name: String,
    /// Absent means the default port in a header, and any port in a list.
    port: Option<u16>,
}

/// A web origin: scheme, host and port, as in an `Origin` header: `https://app.example:8443`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// In lower case.
    scheme: String,
    host: Host,
}

/// Invalid host or origin.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum OriginError {
    /// Not `HOST` or `HOST:PORT`.
    #[error("expected HOST or HOST:PORT, for example devbox:8642")]
    Host,
    /// Not `SCHEME://HOST` or `SCHEME://HOST:PORT`.
    #[error("expected SCHEME://HOST or SCHEME://HOST:PORT without a path, for example http://localhost:3000")]
    Origin,
}

impl FromStr for Host {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let (name, port) = match text.rsplit_once(':') {
            // The colons of a bracketed address belong to the name.
            Some((name, port)) if !port.ends_with(']') => {
                (name, Some(digits(port).ok_or(OriginError::Host)?))
            }
            Some(_) | None => (text, None),
        };
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
        let is_address = |letter: char| letter.is_ascii_hexdigit() || ":.".contains(letter);
        let valid = match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(address) => !address.is_empty() && address.chars().all(is_address),
            None => !name.is_empty() && name.chars().all(is_name),
        };
        if !valid {
            return Err(OriginError::Host);
        }
        Ok(Self { name: name.to_ascii_lowercase(), port })
    }
}

impl Host {
    fn is_address(&self) -> bool {
        let name = self.name.trim_start_matches('[').trim_end_matches(']');
        name.parse::<IpAddr>().is_ok()
    }
}

/// Parses a port; unlike the integer parser it accepts no sign.
fn digits(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)?;
        self.port.map_or(Ok(()), |port| write!(formatter, ":{port}"))
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let (scheme, host) = text.split_once("://").ok_or(OriginError::Origin)?;
        let is_scheme = |letter: char| letter.is_ascii_alphanumeric() || "+-.".contains(letter);
        if scheme.is_empty() || !scheme.chars().all(is_scheme) {
            return Err(OriginError::Origin);
        }
        Ok(Self::new(&scheme.to_ascii_lowercase(), host.parse().map_err(|_| OriginError::Origin)?))
    }
}

impl Origin {
    /// Removes the default port of the scheme, which browsers omit and other programs may not.
    fn new(scheme: &str, host: Host) -> Self {
        let port = host.port.filter(|port| Some(*port) != default_port(scheme));
        Self { scheme: scheme.to_owned(), host: Host { port, ..host } }
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

/// Hosts and origins accepted by a listener.
#[derive(Clone, Debug)]
pub struct AllowList {
    hosts: Vec<Host>,
    /// Whether any address is a name of the listener. DNS rebinding uses host names only.
    has_all_addresses: bool,
    origins: Vec<Origin>,
}

/// Refusal of a request before the upgrade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OriginRefusal {
    /// 400, 403 or 421.
    pub status: StatusCode,
    /// Error code in the body.
    pub code: &'static str,
    /// Error message in the body.
    pub message: &'static str,
}

const NO_HOST: OriginRefusal = OriginRefusal {
    status: StatusCode::BAD_REQUEST,
    code: "invalid_host",
    message: "The request needs exactly one valid Host header.",
};

const UNKNOWN_HOST: OriginRefusal = OriginRefusal {
    status: StatusCode::MISDIRECTED_REQUEST,
    code: "unknown_host",
    message: "This server does not answer to the name in the Host header.",
};

const ORIGIN_NOT_ALLOWED: OriginRefusal = OriginRefusal {
    status: StatusCode::FORBIDDEN,
    code: "origin_not_allowed",
    message: "Pages of this origin may not connect to this server.",
};

impl AllowList {
    /// Allows the names of a listener's address and the listed hosts and origins.
    ///
    /// The listener's names are allowed with any port, since tunnels and forwarded ports have other ones:
    /// browsers resolve these names to this machine only. A listed host without a port is also allowed with
    /// any port.
    #[must_use]
    pub fn new(address: SocketAddr, hosts: &[Host], origins: &[Origin]) -> Self {
        let mut names: Vec<String> = Vec::new();
        if address.ip().is_loopback() || address.ip().is_unspecified() {
            names.extend(LOOPBACK.map(str::to_owned));
        }
        if !address.ip().is_unspecified() {
            names.push(match address.ip() {
                IpAddr::V4(ip) => ip.to_string(),
                IpAddr::V6(ip) => format!("[{ip}]"),
            });
        }
        let own = names.into_iter().map(|name| Host { name, port: None });
        Self {
            hosts: own.chain(hosts.iter().cloned()).collect(),
            has_all_addresses: address.ip().is_unspecified(),
            origins: origins.to_vec(),
        }
    }

    /// Checks `Host` first, then `Origin`: a page of the allowed host, or of a listed origin.
    ///
    /// # Errors
    ///
    /// When the request is refused, with its HTTP response.
    pub fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), OriginRefusal> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else { return Err(NO_HOST) };
        let host = self.allowed_host(host.to_str().map_err(|_| NO_HOST)?)?;
        // The authority of an absolute request target replaces the header (RFC 9112, section 3.2.2).
        if let Some(authority) = uri.authority() {
            self.allowed_host(authority.as_str())?;
        }
        // Behind a TLS proxy the same host has pages of the other scheme.
        let pages = ["http", "https"].map(|scheme| Origin::new(scheme, host.clone()));
        let is_allowed = |origin| pages.contains(&origin) || self.origins.contains(&origin);
        let allowed = |value: &str| value.parse().is_ok_and(is_allowed);
        let mut origins = headers.get_all(header::ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (None, _) => Ok(()),
            (Some(origin), None) if origin.to_str().is_ok_and(allowed) => Ok(()),
            (Some(_), _) => Err(ORIGIN_NOT_ALLOWED),
        }
    }

    fn allowed_host(&self, text: &str) -> Result<Host, OriginRefusal> {
        let host: Host = text.parse().map_err(|_| NO_HOST)?;
        let port = host.port.or(default_port("http"));
        let matches_host =
            |allowed: &Host| allowed.name == host.name && (allowed.port.is_none() || allowed.port == port);
        let is_own_address = self.has_all_addresses && host.is_address();
        if is_own_address || self.hosts.iter().any(matches_host) { Ok(host) } else { Err(UNKNOWN_HOST) }
    }
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::http::HeaderValue;

    use super::*;

    fn list(port: u16) -> AllowList {
        let hosts = ["devbox:9000".parse().unwrap()];
        let origins = ["http://localhost:3000".parse().unwrap(), "https://app.example".parse().unwrap()];
        AllowList::new(SocketAddr::from(([127, 0, 0, 1], port)), &hosts, &origins)
    }

    fn check(list: &AllowList, headers: &[(&'static str, &str)]) -> Result<(), u16> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        list.check(&Uri::from_static("/v1/realtime"), &map).map_err(|refusal| refusal.status.as_u16())
    }

    #[test]
    fn a_foreign_host_gets_421() {
        let list = list(8642);
        for host in [
            "localhost:8642",
            "LOCALHOST:8642",
            "127.0.0.1:8642",
            "[::1]:8642",
            "devbox:9000",
            // Through a tunnel.
            "localhost:9000",
            "localhost",
        ] {
            assert_eq!(check(&list, &[("host", host)]), Ok(()), "{host}");
        }
        for host in [
            "evil.example:8642",
            "localhost.:8642",
            "localhost.evil.example:8642",
            "evil-localhost:8642",
            "127.0.0.1.evil.example:8642",
            "127.0.0.2:8642",
            "2130706433:8642",
            "[::]:8642",
            "devbox:8642",
            "devbox",
        ] {
            assert_eq!(check(&list, &[("host", host)]), Err(421), "{host}");
        }
    }

    #[test]
    fn a_request_without_one_valid_host_gets_400() {
        let list = list(8642);
        assert_eq!(check(&list, &[]), Err(400));
        let localhost = ("host", "localhost:8642");
        assert_eq!(check(&list, &[localhost, localhost]), Err(400));
        for host in
            ["", ":8642", "localhost:", "localhost:x", "user@localhost:8642", "localhost:8642/x", "[::1"]
        {
            assert_eq!(check(&list, &[("host", host)]), Err(400), "{host:?}");
        }
    }

    #[test]
    fn a_page_of_another_origin_gets_403() {
        let list = list(8642);
        let with = |origin| check(&list, &[("host", "localhost:8642"), ("origin", origin)]);
        for origin in [
            "http://localhost:3000",
            "HTTPS://App.Example",
            "https://app.example:443",
            "http://localhost:8642",
        ] {
            assert_eq!(with(origin), Ok(()), "{origin}");
        }
        for origin in [
            "https://evil.example",
            "null",
            "",
            "http://localhost",
            "http://localhost:3001",
            "http://127.0.0.1:8642",
            "https://localhost:3000",
            "http://app.example",
            "https://app.example.evil.example",
            "https://evil-app.example",
            "https://app.example/path",
            "file://",
        ] {
            assert_eq!(with(origin), Err(403), "{origin:?}");
        }
        let twice = [("host", "localhost:8642"), ("origin", "http://localhost:3000"), ("origin", "null")];
        assert_eq!(check(&list, &twice), Err(403));
    }

    #[test]
    fn a_program_without_an_origin_is_accepted() {
        assert_eq!(check(&list(8642), &[("host", "127.0.0.1:8642")]), Ok(()));
    }

    #[test]
    fn an_absolute_request_target_also_counts_as_host() {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("localhost:8642"));
        let check = |uri: &'static str| list(8642).check(&Uri::from_static(uri), &headers);
        assert_eq!(check("http://localhost:8642/v1/realtime"), Ok(()));
        assert_eq!(check("http://evil.example/v1/realtime"), Err(UNKNOWN_HOST));
    }

    #[test]
    fn default_ports_may_be_omitted() {
        let hosts = ["devbox:80".parse().unwrap(), "anyport".parse().unwrap()];
        let list = AllowList::new(SocketAddr::from(([127, 0, 0, 1], 80)), &hosts, &[]);
        for (host, origin) in [
            ("localhost", "http://localhost:80"),
            ("localhost:80", "http://localhost"),
            ("devbox", "http://devbox"),
            ("devbox:80", "http://devbox"),
            ("anyport:1", "http://anyport:1"),
            ("anyport", "http://anyport"),
        ] {
            assert_eq!(check(&list, &[("host", host), ("origin", origin)]), Ok(()), "{host}");
        }
    }

    #[test]
    fn a_listener_on_a_network_address_accepts_that_address_only() {
        let list = AllowList::new("192.0.2.7:8642".parse().unwrap(), &[], &[]);
        assert_eq!(check(&list, &[("host", "192.0.2.7:8642")]), Ok(()));
        assert_eq!(check(&list, &[("host", "localhost:8642")]), Err(421));
    }

    #[test]
    fn a_listener_on_all_addresses_accepts_every_address_and_no_foreign_name() {
        let list = AllowList::new("0.0.0.0:8000".parse().unwrap(), &[], &[]);
        for host in ["192.0.2.7:8000", "[2001:db8::1]:8000", "localhost:8000"] {
            assert_eq!(check(&list, &[("host", host)]), Ok(()), "{host}");
        }
        for host in ["evil.example:8000", "192.0.2.7.evil.example", "1234"] {
            assert_eq!(check(&list, &[("host", host)]), Err(421), "{host}");
        }
    }

    #[test]
    fn only_a_complete_origin_can_be_allowed() {
        for text in ["*", "localhost:3000", "http://", "http://a/b", "http://*.example", "http://a:b"] {
            assert_eq!(text.parse::<Origin>(), Err(OriginError::Origin), "{text}");
        }
        assert!("vscode-webview://abc123".parse::<Origin>().is_ok());
    }
}
