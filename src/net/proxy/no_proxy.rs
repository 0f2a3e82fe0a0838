//! `NO_PROXY`: hosts reached without a proxy.

use std::net::IpAddr;

/// The exceptions; their order does not matter.
#[derive(Clone, Debug, Default)]
pub(super) struct NoProxy {
    entries: Vec<NoProxyEntry>,
}

/// An exception, optionally for one port only. curl has no ports, but they are common.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NoProxyEntry {
    which: NoProxyMatch,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum NoProxyMatch {
    /// `*`.
    Everything,
    /// A domain and its subdomains, in lower case.
    Name(String),
    /// A network, or a single address.
    Network { address: IpAddr, bits: u8 },
}

impl NoProxy {
    /// Parses entries separated by commas or white space. Invalid entries match nothing, as with curl.
    pub(super) fn parse(text: &str) -> Self {
        let entries = text.split(|character: char| character == ',' || character.is_whitespace());
        Self { entries: entries.filter(|entry| !entry.is_empty()).map(NoProxyEntry::parse).collect() }
    }

    /// Returns whether this host is reached without a proxy. An IPv6 address has no brackets.
    pub(super) fn covers(&self, host: &str, port: u16) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let applies = |entry: &&NoProxyEntry| entry.port.is_none_or(|entry_port| entry_port == port);
        self.entries.iter().filter(applies).any(|entry| entry.which.covers(&host))
    }
}

impl NoProxyEntry {
    fn parse(text: &str) -> Self {
        if let Some(which) = NoProxyMatch::network(text) {
            return Self { which, port: None };
        }
        // An IPv6 address can have a port only after brackets; other ones were matched above.
        let (which, port) = match text.rsplit_once(':') {
            Some((which, port)) if port.parse::<u16>().is_ok() => (which, port.parse().ok()),
            Some(_) | None => (text, None),
        };
        Self { which: NoProxyMatch::parse(which), port }
    }
}

impl NoProxyMatch {
    fn parse(text: &str) -> Self {
        if text == "*" {
            return Self::Everything;
        }
        Self::network(text).unwrap_or_else(|| {
            let name = text.strip_prefix('*').unwrap_or(text);
            Self::Name(name.trim_matches('.').to_ascii_lowercase())
        })
    }

    fn network(text: &str) -> Option<Self> {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        let (address, bits) = match bare.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().ok()?)),
            None => (bare, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(all);
        (bits <= all).then_some(Self::Network { address, bits })
    }

    fn covers(&self, host: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Name(name) => {
                let before = host.strip_suffix(name.as_str()).filter(|_| !name.is_empty());
                // A suffix of an address is meaningless.
                let is_name = host.parse::<IpAddr>().is_err();
                is_name && before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
            }
            Self::Network { address, bits } => {
                host.parse::<IpAddr>().is_ok_and(|host| shares_bits(host.to_canonical(), *address, *bits))
            }
        }
    }
}

fn shares_bits(one: IpAddr, other: IpAddr, bits: u8) -> bool {
    let differing = match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => u128::from(one.to_bits() ^ other.to_bits()) << 96,
        (IpAddr::V6(one), IpAddr::V6(other)) => one.to_bits() ^ other.to_bits(),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
    };
    differing.leading_zeros() >= u32::from(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_matches_as_in_curl() {
        for (list, host, covered) in [
            ("*", "api.openai.com", true),
            ("local, *", "api.openai.com", true),
            ("example.com", "example.com", true),
            ("example.com", "www.example.com", true),
            ("example.com", "nonexample.com", false),
            ("www.example.com", "example.com", false),
            (".example.com", "example.com", true),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "example.org", false),
            ("Example.COM.", "www.example.com.", true),
            ("one.test  two.test,three.test", "two.test", true),
            ("one.test  two.test,three.test", "three.test", true),
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.10", false),
            ("0.0.1", "10.0.0.1", false),
            ("10.0.0.0/8", "10.200.3.4", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("192.168.0.0/17", "192.168.127.255", true),
            ("192.168.0.0/17", "192.168.128.0", false),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("10.0.0.0/99", "10.0.0.1", false),
            ("::1", "::1", true),
            ("[2001:db8::1]", "2001:db8::1", true),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            (".", "example.com", false),
            ("", "example.com", false),
        ] {
            assert_eq!(NoProxy::parse(list).covers(host, 443), covered, "{list:?} and {host}");
        }
    }

    #[test]
    fn an_entry_with_a_port_holds_for_that_port_only() {
        for (list, host, port, covered) in [
            ("example.com:8443", "www.example.com", 8443, true),
            ("example.com:8443", "www.example.com", 443, false),
            ("10.0.0.1:80", "10.0.0.1", 80, true),
            ("[::1]:80", "::1", 80, true),
            ("[::1]:80", "::1", 81, false),
            ("*:80", "example.com", 80, true),
        ] {
            assert_eq!(NoProxy::parse(list).covers(host, port), covered, "{list:?} and {host}:{port}");
        }
    }

    proptest::proptest! {
        #[test]
        fn parsing_never_panics(list in "[a-z0-9.:/*, \\[\\]-]{0,60}", host in "[a-z0-9.:-]{0,30}") {
            NoProxy::parse(&list).covers(&host, 443);
        }
    }
}
