//! Addresses of clients: behind proxies, grouped for limits, shortened for logs.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use hyper::HeaderMap;
use thiserror::Error;

use crate::server::http::request::header_words;

/// A range of addresses, such as `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    address: IpAddr,
    prefix: u32,
}

/// An invalid range.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("expected an address or a range, for example 10.0.0.5 or 10.0.0.0/8")]
pub struct SubnetError;

impl FromStr for Subnet {
    type Err = SubnetError;

    fn from_str(text: &str) -> Result<Self, SubnetError> {
        let (address, prefix) =
            text.split_once('/').map_or((text, None), |(text, prefix)| (text, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| SubnetError)?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(bits), |prefix| prefix.parse().map_err(|_| SubnetError))?;
        if prefix > bits { Err(SubnetError) } else { Ok(Self { address, prefix }) }
    }
}

impl Subnet {
    fn contains(self, address: IpAddr) -> bool {
        let (own, other) = (mask(self.address, self.prefix), mask(address, self.prefix));
        self.address.is_ipv4() == address.is_ipv4() && own == other
    }
}

/// Returns the address of the client: the peer, or behind trusted proxies the last one that none of them is.
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[Subnet]) -> IpAddr {
    let forwarded_for = hyper::header::HeaderName::from_static(FORWARDED_FOR);
    let mut hops = header_words(headers, &forwarded_for);
    let mut address = peer.to_canonical();
    while trusted.iter().any(|subnet| subnet.contains(address)) {
        match hops.pop().and_then(|hop| hop.parse::<IpAddr>().ok()) {
            Some(hop) => address = hop.to_canonical(),
            None => break,
        }
    }
    address
}

/// Header in which proxies name the client.
pub const FORWARDED_FOR: &str = "x-forwarded-for";

/// Returns the address by which limits count: one customer usually has a whole IPv6 /64.
pub fn limit_group(address: IpAddr) -> IpAddr {
    if address.is_ipv4() { address } else { mask(address, 64) }
}

/// Returns the network of an address for the log, which does not name single clients.
pub fn network(address: IpAddr) -> String {
    let prefix = if address.is_ipv4() { 24 } else { 64 };
    format!("{}/{prefix}", mask(address, prefix))
}

/// Returns the address with all bits after the prefix cleared.
fn mask(address: IpAddr, prefix: u32) -> IpAddr {
    match address {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(prefix)).unwrap_or(0);
            IpAddr::V4((u32::from(ip) & mask).into())
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(prefix)).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from(u128::from(ip) & mask))
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_forwarded_address_counts_only_from_trusted_proxies() {
        let check = |peer: &str, forwarded: &[&str], expected: &str| {
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append(FORWARDED_FOR, HeaderValue::from_str(value).unwrap());
            }
            let trusted = ["127.0.0.1".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
            assert_eq!(client_address(ip(peer), &headers, &trusted), ip(expected), "{peer} {forwarded:?}");
        };
        check("203.0.113.9", &["1.2.3.4"], "203.0.113.9");
        check("127.0.0.1", &["1.2.3.4"], "1.2.3.4");
        check("::ffff:127.0.0.1", &["1.2.3.4"], "1.2.3.4");
        check("127.0.0.1", &["9.9.9.9, 1.2.3.4"], "1.2.3.4");
        check("127.0.0.1", &["9.9.9.9, 1.2.3.4", "10.1.1.1"], "1.2.3.4");
        check("127.0.0.1", &["10.1.1.1"], "10.1.1.1");
        check("127.0.0.1", &["1.2.3.4, nonsense"], "127.0.0.1");
        check("127.0.0.1", &[], "127.0.0.1");
        check("127.0.0.1", &["2001:db8::1"], "2001:db8::1");
    }

    #[test]
    fn ranges_are_parsed_and_invalid_ones_refused() {
        for text in ["", "localhost", "10.0.0.0/33", "::/129", "10.0.0.0/", "1.2.3/8", "1.2.3.4/-1"] {
            assert_eq!(text.parse::<Subnet>(), Err(SubnetError), "{text}");
        }
        let contains = |range: &str, address| range.parse::<Subnet>().unwrap().contains(ip(address));
        assert!(contains("0.0.0.0/0", "8.8.8.8") && !contains("0.0.0.0/0", "::1"));
        assert!(contains("fd00::/8", "fd12::1") && !contains("fd00::/8", "2001::1"));
        assert!(contains("192.0.2.1", "192.0.2.1") && !contains("192.0.2.1", "192.0.2.2"));
    }

    #[test]
    fn limits_count_ipv6_networks_and_logs_name_networks_only() {
        assert_eq!(limit_group(ip("2001:db8:1:2:3::4")), ip("2001:db8:1:2::"));
        assert_eq!(limit_group(ip("192.0.2.7")), ip("192.0.2.7"));
        assert_eq!(network(ip("192.0.2.7")), "192.0.2.0/24");
        assert_eq!(network(ip("2001:db8:1:2:3::4")), "2001:db8:1:2::/64");
    }
}
