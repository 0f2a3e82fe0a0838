//! Dials by a proxy: reaches it, then lets it lead on.

use std::net::SocketAddr;

use crate::net::dial::error::DialError;
use crate::net::dial::observer::DialStep;
use crate::net::dial::stream::Transport;
use crate::net::dial::tunnel;
use crate::net::dial::{DialOptions, Route, within};
use crate::net::proxy::error::{ProxyError, ProxyFault};
use crate::net::proxy::{Proxy, ProxyKind};

/// Returns a stream to `target` as the proxy leads there.
///
/// # Errors
/// When the proxy cannot be reached, does not lead on, or takes too long.
pub(super) async fn lead(
    proxy: &Proxy,
    target: &Route<'_>,
    options: &DialOptions,
) -> Result<Transport, DialError> {
    match proxy.kind {
        ProxyKind::Http | ProxyKind::Https | ProxyKind::Socks5h => {
            Ok(lead_to(proxy, target, None, options).await.map_err(|trouble| of(proxy, trouble))?)
        }
        ProxyKind::Socks5 => {
            let addresses = target.look_up(options).await?;
            lead_to_first(proxy, target, &addresses, options).await
        }
    }
}

/// Leads to the first address that the proxy has a way to: one without IPv6 is common.
async fn lead_to_first(
    proxy: &Proxy,
    target: &Route<'_>,
    addresses: &[SocketAddr],
    options: &DialOptions,
) -> Result<Transport, DialError> {
    let mut waiting = addresses.iter();
    loop {
        match lead_to(proxy, target, waiting.next().copied(), options).await {
            Err(ProxyFault::Socks { reason, .. }) if reason.is_of_the_address() && waiting.len() > 0 => {}
            led => return Ok(led.map_err(|trouble| of(proxy, trouble))?),
        }
    }
}

async fn lead_to(
    proxy: &Proxy,
    target: &Route<'_>,
    address: Option<SocketAddr>,
    options: &DialOptions,
) -> Result<Transport, ProxyFault> {
    let mut carrier = reach(proxy, options).await.map_err(|error| ProxyFault::NotReached(Box::new(error)))?;
    let target =
        tunnel::TunnelTarget { host: target.host, port: target.port, address, shown: &target.address };
    let led = within(options.limits.proxy, tunnel::open(&mut carrier, proxy, &target)).await;
    led.map_err(|limit| ProxyFault::Late { target: target.shown.to_owned(), limit })??;
    options.witness.tell(|| DialStep::ProxyConnected);
    Ok(carrier)
}

async fn reach(proxy: &Proxy, options: &DialOptions) -> Result<Transport, DialError> {
    let route = Route::to(&proxy.host, proxy.port);
    match proxy.kind {
        ProxyKind::Http | ProxyKind::Socks5 | ProxyKind::Socks5h => {
            Ok(Transport::Tcp(route.reach(options).await?))
        }
        ProxyKind::Https => {
            let tls = route.start_tls_config(options)?;
            let tcp = route.reach(options).await?;
            Ok(Transport::Tls(route.tls_handshake(tcp, tls, options).await?))
        }
    }
}

fn of(proxy: &Proxy, trouble: ProxyFault) -> ProxyError {
    ProxyError { address: proxy.address(), variable: proxy.variable, trouble }
}
