//! Dials an endpoint: name, TCP, proxy, TLS, upgrade, each with a time limit. No other file dials out.

mod proxied;

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};

use crate::net::dial_error::{DialError, Step};
use crate::net::endpoint::Endpoint;
use crate::net::link::Link;
use crate::net::proxy::ProxySettings;
use crate::net::stream::{Carrier, Stream};
use crate::net::tls::{TlsTrouble, client_config};
use crate::net::url::Scheme;

/// As long an address has before the next one is tried beside it (RFC 8305, section 8): a broken
/// IPv6 then costs a quarter of a second.
const HEAD_START: Duration = Duration::from_millis(250);

/// How much the system may hold that was not sent: about a second of speech. Left alone it grows to
/// megabytes, and a network that stalls for a moment would deliver speech that nobody waits for.
const SEND_BUFFER_BYTES: u32 = 64 << 10;

/// How to dial.
#[derive(Clone, Debug, Default)]
pub struct DialOptions {
    /// How long each step may take.
    pub limits: Limits,
    /// Authorities to trust besides the system's, from `--ca-file`.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// Which proxy leads where.
    pub proxies: ProxySettings,
}

/// How long each step of dialling may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Looking up the host's name.
    pub lookup: Duration,
    /// Connecting, all addresses together.
    pub connect: Duration,
    /// The proxy's part: agreeing with it, and waiting until it has dialled on.
    pub proxy: Duration,
    /// The TLS handshake.
    pub tls: Duration,
    /// The WebSocket handshake. Longer, because gateways dial on before they answer.
    pub upgrade: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let usual = Duration::from_secs(10);
        let dials_on = Duration::from_secs(20);
        Self { lookup: usual, connect: usual, proxy: dials_on, tls: usual, upgrade: dials_on }
    }
}

/// Dials an endpoint. Nothing is dialled when its request cannot be made or would show the key.
///
/// # Errors
/// When a step fails or takes longer than its limit; see [`DialError`].
pub async fn dial(endpoint: &Endpoint, options: &DialOptions) -> Result<Link<Stream>, DialError> {
    dial_watched(endpoint, options, &mut |_| {}).await
}

/// Dials as [`dial`] does, and tells `passed` of each step that is done. What a proxy does is part of
/// [`Step::Connect`]; there is no [`Step::Lookup`] where the proxy looks up the name, and no [`Step::Tls`]
/// without encryption.
///
/// # Errors
/// As [`dial`].
pub async fn dial_watched(
    endpoint: &Endpoint,
    options: &DialOptions,
    passed: &mut dyn FnMut(Step),
) -> Result<Link<Stream>, DialError> {
    let request = endpoint.request()?;
    let proxy = options.proxies.choose(&endpoint.url)?;
    if proxy.is_some() {
        endpoint.check_clear_key_by_proxy()?;
    }
    let route = Route::to(endpoint.url.host(), endpoint.url.port());
    let tls = match endpoint.url.scheme() {
        Scheme::Ws => None,
        Scheme::Wss => Some(route.start_tls_config(options.extra_roots.clone())?),
    };
    let carrier = match &proxy {
        None => {
            let addresses = route.look_up(options.limits.lookup).await?;
            passed(Step::Lookup);
            Carrier::Tcp(route.connect(&addresses, options.limits.connect).await?)
        }
        Some(proxy) => proxied::lead(proxy, &route, options).await?,
    };
    passed(Step::Connect);
    let stream = match tls {
        None => Stream::Plain(carrier),
        Some(tls) => {
            let agreed = route.agree_on_tls(carrier, tls, options.limits.tls).await?;
            passed(Step::Tls);
            Stream::Tls(agreed)
        }
    };
    let upgraded = within(options.limits.upgrade, Link::over(stream, request)).await;
    let link = upgraded.map_err(|limit| route.timeout(Step::Upgrade, limit))?.map_err(|error| {
        let names = [route.host.to_owned(), route.address.clone(), endpoint.url.to_string()];
        DialError::of_upgrade(error, names)
    })?;
    passed(Step::Upgrade);
    Ok(link)
}

/// Where a connection goes, for the system and for messages.
struct Route<'a> {
    host: &'a str,
    port: u16,
    /// Host and port as a person reads them.
    address: String,
}

/// What TLS needs; the roots are read while TCP connects.
struct Tls {
    name: ServerName<'static>,
    config: JoinHandle<Result<ClientConfig, TlsTrouble>>,
}

impl<'a> Route<'a> {
    fn to(host: &'a str, port: u16) -> Self {
        let address = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        Self { host, port, address }
    }

    fn start_tls_config(&self, extra_roots: Vec<CertificateDer<'static>>) -> Result<Tls, DialError> {
        let name = ServerName::try_from(self.host.to_owned())
            .map_err(|error| self.tls_error(TlsTrouble::Other(error.to_string())))?;
        Ok(Tls { name, config: spawn_blocking(move || client_config(&extra_roots)) })
    }

    async fn reach(&self, limits: Limits) -> Result<TcpStream, DialError> {
        let addresses = self.look_up(limits.lookup).await?;
        self.connect(&addresses, limits.connect).await
    }

    async fn look_up(&self, limit: Duration) -> Result<Vec<SocketAddr>, DialError> {
        if let Ok(address) = self.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, self.port)]);
        }
        let unknown = |source| DialError::UnknownHost { host: self.host.to_owned(), source };
        let found: Vec<SocketAddr> = within(limit, lookup_host((self.host, self.port)))
            .await
            .map_err(|limit| self.timeout(Step::Lookup, limit))?
            .map_err(unknown)?
            .collect();
        if found.is_empty() {
            return Err(unknown(io::Error::new(io::ErrorKind::NotFound, "it has no address")));
        }
        Ok(found)
    }

    async fn connect(&self, addresses: &[SocketAddr], limit: Duration) -> Result<TcpStream, DialError> {
        let address = || self.address.clone();
        let connected = within(limit, connect_first(addresses)).await;
        connected.map_err(|limit| self.timeout(Step::Connect, limit))?.map_err(|source| {
            if source.kind() == io::ErrorKind::ConnectionRefused {
                DialError::Refused { address: address(), source }
            } else {
                DialError::Unreachable { address: address(), source }
            }
        })
    }

    async fn agree_on_tls<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        tls: Tls,
        limit: Duration,
    ) -> Result<Box<TlsStream<S>>, DialError> {
        let agreeing = async {
            let config = tls.config.await.map_err(io::Error::other);
            match config {
                Ok(Ok(config)) => {
                    let connected = TlsConnector::from(Arc::new(config)).connect(tls.name, stream).await;
                    connected.map(Box::new).map_err(|error| self.failed_tls(error))
                }
                Ok(Err(trouble)) => Err(self.tls_error(trouble)),
                Err(error) => Err(self.failed_tls(error)),
            }
        };
        within(limit, agreeing).await.map_err(|limit| self.timeout(Step::Tls, limit))?
    }

    fn failed_tls(&self, error: io::Error) -> DialError {
        match TlsTrouble::of(&error) {
            Some(trouble) => self.tls_error(trouble),
            None => {
                let source = Some(error).filter(|error| error.kind() != io::ErrorKind::UnexpectedEof);
                DialError::Broken { address: self.address.clone(), step: Step::Tls, source }
            }
        }
    }

    fn tls_error(&self, trouble: TlsTrouble) -> DialError {
        DialError::Tls { host: self.host.to_owned(), trouble }
    }

    fn timeout(&self, step: Step, limit: Duration) -> DialError {
        DialError::Timeout { address: self.address.clone(), step, limit }
    }
}

/// Returns the limit if it was reached.
async fn within<F: Future>(limit: Duration, doing: F) -> Result<F::Output, Duration> {
    timeout(limit, doing).await.map_err(|_| limit)
}

/// Connects to the first address that answers. They are tried in turn, each with a head start; that
/// nobody listens says more than that there is no way, so it is what is reported.
async fn connect_first(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut waiting = addresses.iter();
    let mut attempts = FuturesUnordered::new();
    let mut failure: Option<io::Error> = None;
    loop {
        match waiting.next() {
            Some(address) => attempts.push(connect_one(*address)),
            None if attempts.is_empty() => {
                return Err(failure.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()));
            }
            None => {}
        }
        let outcome = if waiting.len() > 0 {
            timeout(HEAD_START, attempts.next()).await.unwrap_or_default()
        } else {
            attempts.next().await
        };
        match outcome {
            Some(Ok(stream)) => return Ok(stream),
            Some(Err(error)) => {
                let said_more = failure.take_if(|known| known.kind() == io::ErrorKind::ConnectionRefused);
                failure = Some(said_more.unwrap_or(error));
            }
            None => {}
        }
    }
}

async fn connect_one(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    // Ten milliseconds of speech are small and must not wait for more.
    socket.set_nodelay(true)?;
    socket.connect(address).await
}

#[cfg(test)]
mod tests;
