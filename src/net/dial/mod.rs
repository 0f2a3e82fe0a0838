//! Dials an endpoint: name, TCP, proxy, TLS, upgrade, each with a time limit. No other file dials out.

mod proxied;
pub mod error;
pub mod certificate;
pub mod tls;
pub mod observer;
pub mod stream;
pub(super) mod tunnel;
pub mod upgrade;
pub mod http_response;
pub(super) mod http_date;

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
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ProtocolVersion};

use crate::net::dial::error::{DialError, DialPhase};
use crate::net::dial::observer::{DialObserver, DialStep};
use crate::net::dial::stream::{NetStream, Transport};
use crate::net::dial::tls::{TlsFault, client_config};
use crate::net::endpoint::Endpoint;
use crate::net::endpoint::url::Scheme;
use crate::net::proxy::ProxySettings;
use crate::net::ws::connection::WebSocketClient;

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
    pub limits: DialTimeouts,
    /// Authorities to trust besides the system's, from `--ca-file`.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// Which proxy leads where.
    pub proxies: ProxySettings,
    /// Who is told of each step.
    pub witness: DialObserver,
}

/// How long each step of dialling may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DialTimeouts {
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

impl Default for DialTimeouts {
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
pub async fn dial(
    endpoint: &Endpoint,
    options: &DialOptions,
) -> Result<WebSocketClient<NetStream>, DialError> {
    let proxy = options.proxies.choose(&endpoint.url)?;
    if let Some(proxy) = &proxy {
        endpoint.check_clear_key_through(proxy)?;
    }
    let request = endpoint.request()?;
    options.witness.tell(|| DialStep::Begun(proxy.clone()));
    let route = Route::to(endpoint.url.host(), endpoint.url.port());
    let tls = match endpoint.url.scheme() {
        Scheme::Ws => None,
        Scheme::Wss => Some(route.start_tls_config(options)?),
    };
    let carrier = match &proxy {
        None => Transport::Tcp(route.reach(options).await?),
        Some(proxy) => proxied::lead(proxy, &route, options).await?,
    };
    let stream = match tls {
        None => NetStream::Plain(carrier),
        Some(tls) => NetStream::Tls(route.tls_handshake(carrier, tls, options).await?),
    };
    let upgraded = within(options.limits.upgrade, WebSocketClient::over(stream, request)).await;
    upgraded.map_err(|limit| route.timeout(DialPhase::Upgrade, limit))?.map_err(|error| {
        let url = endpoint.redactor().redact(&endpoint.url.to_string()).into_owned();
        let names = [route.host.to_owned(), route.address.clone(), url];
        DialError::of_upgrade(error, names)
    })
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
    config: JoinHandle<Result<ClientConfig, TlsFault>>,
}

impl<'a> Route<'a> {
    fn to(host: &'a str, port: u16) -> Self {
        let address = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        Self { host, port, address }
    }

    fn start_tls_config(&self, options: &DialOptions) -> Result<Tls, DialError> {
        let name = ServerName::try_from(self.host.to_owned())
            .map_err(|error| self.tls_error(TlsFault::Other(error.to_string())))?;
        let (extra_roots, witness) = (options.extra_roots.clone(), options.witness.clone());
        Ok(Tls { name, config: spawn_blocking(move || client_config(&extra_roots, witness)) })
    }

    async fn reach(&self, options: &DialOptions) -> Result<TcpStream, DialError> {
        let addresses = self.look_up(options).await?;
        let stream = self.connect(&addresses, options.limits.connect).await?;
        if let Ok(address) = stream.peer_addr() {
            options.witness.tell(|| DialStep::Connected(address));
        }
        Ok(stream)
    }

    async fn look_up(&self, options: &DialOptions) -> Result<Vec<SocketAddr>, DialError> {
        if let Ok(address) = self.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, self.port)]);
        }
        let unknown = |source| DialError::UnknownHost { host: self.host.to_owned(), source };
        let found: Vec<SocketAddr> = within(options.limits.lookup, lookup_host((self.host, self.port)))
            .await
            .map_err(|limit| self.timeout(DialPhase::Lookup, limit))?
            .map_err(unknown)?
            .collect();
        if found.is_empty() {
            return Err(unknown(io::Error::new(io::ErrorKind::NotFound, "it has no address")));
        }
        let step = || DialStep::LookedUp { host: self.host.to_owned(), addresses: found.clone() };
        options.witness.tell(step);
        Ok(found)
    }

    async fn connect(&self, addresses: &[SocketAddr], limit: Duration) -> Result<TcpStream, DialError> {
        let address = || self.address.clone();
        let connected = within(limit, connect_first(addresses)).await;
        connected.map_err(|limit| self.timeout(DialPhase::Connect, limit))?.map_err(|source| {
            if source.kind() == io::ErrorKind::ConnectionRefused {
                DialError::Refused { address: address(), source }
            } else {
                DialError::Unreachable { address: address(), source }
            }
        })
    }

    async fn tls_handshake<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        tls: Tls,
        options: &DialOptions,
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
        let agreed = within(options.limits.tls, agreeing).await;
        let stream = agreed.map_err(|limit| self.timeout(DialPhase::Tls, limit))??;
        options.witness.tell(|| DialStep::Agreed(version(stream.get_ref().1.protocol_version())));
        Ok(stream)
    }

    fn failed_tls(&self, error: io::Error) -> DialError {
        match TlsFault::of(&error) {
            Some(trouble) => self.tls_error(trouble),
            None => {
                let source = Some(error).filter(|error| error.kind() != io::ErrorKind::UnexpectedEof);
                DialError::Broken { address: self.address.clone(), step: DialPhase::Tls, source }
            }
        }
    }

    fn tls_error(&self, trouble: TlsFault) -> DialError {
        DialError::Tls { host: self.host.to_owned(), trouble }
    }

    fn timeout(&self, step: DialPhase, limit: Duration) -> DialError {
        DialError::Timeout { address: self.address.clone(), step, limit }
    }
}

fn version(agreed: Option<ProtocolVersion>) -> &'static str {
    match agreed {
        Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
        Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "TLS",
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
