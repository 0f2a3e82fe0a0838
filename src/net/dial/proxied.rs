//! Dialing through a proxy: connects to it, then opens a tunnel.

use std::net::SocketAddr;

use crate::net::dial::error::DialError;
use crate::net::dial::error::{ProxyError, ProxyFault};
use crate::net::dial::observer::DialStep;
use crate::net::dial::stream::Transport;
use crate::net::dial::tunnel;
use crate::net::dial::{DialOptions, Route, within};
use crate::net::proxy::{Proxy, ProxyKind};

/// Connects to `target` through the proxy.
///
/// # Errors
/// When the proxy cannot be reached, refuses, or times out.
pub(super) async fn connect(
    proxy: &Proxy,
    target: &Route<'_>,
    options: &DialOptions,
) -> Result<Transport, DialError> {
    match proxy.kind {
        ProxyKind::Http | ProxyKind::Https | ProxyKind::Socks5h => {
            Ok(connect_to(proxy, target, None, options).await.map_err(|fault| proxy_error(proxy, fault))?)
        }
        ProxyKind::Socks5 => {
            let addresses = target.look_up(options).await?;
            connect_to_first(proxy, target, &addresses, options).await
        }
    }
}

/// Connects to the first address that the proxy can reach: proxies without IPv6 are common.
async fn connect_to_first(
    proxy: &Proxy,
    target: &Route<'_>,
    addresses: &[SocketAddr],
    options: &DialOptions,
) -> Result<Transport, DialError> {
    let mut waiting = addresses.iter();
    loop {
        match connect_to(proxy, target, waiting.next().copied(), options).await {
            Err(ProxyFault::Socks { reason, .. }) if reason.depends_on_address() && waiting.len() > 0 => {}
            connected => return Ok(connected.map_err(|fault| proxy_error(proxy, fault))?),
        }
    }
}

async fn connect_to(
    proxy: &Proxy,
    target: &Route<'_>,
    address: Option<SocketAddr>,
    options: &DialOptions,
) -> Result<Transport, ProxyFault> {
    let mut transport =
        reach(proxy, options).await.map_err(|error| ProxyFault::NotReached(Box::new(error)))?;
    let target =
        tunnel::TunnelTarget { host: target.host, port: target.port, address, shown: &target.address };
    let opened = within(options.limits.proxy, tunnel::open(&mut transport, proxy, &target)).await;
    opened.map_err(|limit| ProxyFault::Timeout { target: target.shown.to_owned(), limit })??;
    options.observer.report(|| DialStep::ProxyConnected);
    Ok(transport)
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

fn proxy_error(proxy: &Proxy, fault: ProxyFault) -> ProxyError {
    ProxyError { address: proxy.address(), variable: proxy.variable, fault }
}
