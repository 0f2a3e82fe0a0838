//! Dialing of an endpoint: DNS, TCP, proxy, TLS and upgrade, each with a time limit. No other file opens
//! outgoing sockets.

mod proxied;
pub mod error;
mod hint;
pub mod certificate;
mod verifier;
pub mod tls;
pub mod observer;
pub mod stream;
pub(super) mod tunnel;
pub mod upgrade;
pub mod http_response;

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
use crate::net::dial::upgrade::upgrade;
use crate::net::endpoint::Endpoint;
use crate::net::endpoint::url::Scheme;
use crate::net::proxy::ProxySettings;
use crate::net::ws::connection::WebSocketClient;

/// Head start of an address before the next one is tried in parallel (RFC 8305, section 8): broken IPv6 then
/// costs a quarter of a second.
const HEAD_START: Duration = Duration::from_millis(250);

/// Size of the system's send buffer: about a second of speech. By default it grows to megabytes, and after a
/// short stall the network would deliver outdated speech.
const SEND_BUFFER_BYTES: u32 = 64 << 10;

/// Options for dialing.
#[derive(Clone, Debug, Default)]
pub struct DialOptions {
    /// Time limit of each phase.
    pub limits: DialTimeouts,
    /// Additional trusted roots, from `--ca-file`.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// Proxy selection.
    pub proxies: ProxySettings,
    /// Observer of the progress.
    pub observer: DialObserver,
}

/// Time limits of the dialing phases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DialTimeouts {
    /// DNS lookup.
    pub lookup: Duration,
    /// TCP connection, all addresses together.
    pub connect: Duration,
    /// Proxy negotiation, including its own connection to the endpoint.
    pub proxy: Duration,
    /// The TLS handshake.
    pub tls: Duration,
    /// The WebSocket handshake. Longer, since gateways connect upstream before they answer.
    pub upgrade: Duration,
}

impl Default for DialTimeouts {
    fn default() -> Self {
        let usual = Duration::from_secs(10);
        let with_upstream = Duration::from_secs(20);
        Self { lookup: usual, connect: usual, proxy: with_upstream, tls: usual, upgrade: with_upstream }
    }
}

/// A connection after the upgrade.
#[derive(Debug)]
pub struct UpgradedStream {
    /// The stream.
    pub stream: NetStream,
    /// Bytes received after the response.
    pub early: Vec<u8>,
}

/// Dials an endpoint and wraps the connection in a client.
///
/// # Errors
/// As [`open`].
pub async fn dial(
    endpoint: &Endpoint,
    options: &DialOptions,
) -> Result<WebSocketClient<NetStream>, DialError> {
    let UpgradedStream { stream, early } = open(endpoint, options).await?;
    Ok(WebSocketClient::after_upgrade(stream, early, endpoint.redactor()).await)
}

/// Dials an endpoint. Nothing is dialed if its request is invalid or would expose the key.
///
/// # Errors
/// When a step fails or takes longer than its limit; see [`DialError`].
pub async fn open(endpoint: &Endpoint, options: &DialOptions) -> Result<UpgradedStream, DialError> {
    let proxy = options.proxies.choose(&endpoint.url)?;
    if let Some(proxy) = &proxy {
        endpoint.check_clear_key_through(proxy)?;
    }
    let request = endpoint.request()?;
    options.observer.report(|| DialStep::Started(proxy.clone()));
    let route = Route::to(endpoint.url.host(), endpoint.url.port());
    let tls = match endpoint.url.scheme() {
        Scheme::Ws => None,
        Scheme::Wss => Some(route.start_tls_config(options)?),
    };
    let transport = match &proxy {
        None => Transport::Tcp(route.reach(options).await?),
        Some(proxy) => proxied::connect(proxy, &route, options).await?,
    };
    let mut stream = match tls {
        None => NetStream::Plain(transport),
        Some(tls) => NetStream::Tls(route.tls_handshake(transport, tls, options).await?),
    };
    let upgraded = within(options.limits.upgrade, upgrade(&mut stream, &request)).await;
    let upgraded = upgraded.map_err(|limit| route.timeout(DialPhase::Upgrade, limit))?;
    let early = upgraded.map_err(|error| {
        let url = endpoint.redactor().redact(&endpoint.url.to_string()).into_owned();
        let names = [route.host.to_owned(), route.address.clone(), url];
        DialError::of_upgrade(error, names)
    })?;
    Ok(UpgradedStream { stream, early })
}

/// Destination of a connection, for the system and for messages.
struct Route<'a> {
    host: &'a str,
    port: u16,
    /// Host and port for display.
    address: String,
}

/// Parameters of a TLS handshake; the roots are loaded while TCP connects.
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
        let (extra_roots, observer) = (options.extra_roots.clone(), options.observer.clone());
        Ok(Tls { name, config: spawn_blocking(move || client_config(&extra_roots, observer)) })
    }

    async fn reach(&self, options: &DialOptions) -> Result<TcpStream, DialError> {
        let addresses = self.look_up(options).await?;
        let stream = self.connect(&addresses, options.limits.connect).await?;
        if let Ok(address) = stream.peer_addr() {
            options.observer.report(|| DialStep::Connected(address));
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
        options.observer.report(step);
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
        let handshake = async {
            let config = tls.config.await.map_err(io::Error::other);
            match config {
                Ok(Ok(config)) => {
                    let connected = TlsConnector::from(Arc::new(config)).connect(tls.name, stream).await;
                    connected.map(Box::new).map_err(|error| self.failed_tls(error))
                }
                Ok(Err(fault)) => Err(self.tls_error(fault)),
                Err(error) => Err(self.failed_tls(error)),
            }
        };
        let connected = within(options.limits.tls, handshake).await;
        let stream = connected.map_err(|limit| self.timeout(DialPhase::Tls, limit))??;
        options.observer.report(|| DialStep::TlsEstablished(version(stream.get_ref().1.protocol_version())));
        Ok(stream)
    }

    fn failed_tls(&self, error: io::Error) -> DialError {
        match TlsFault::of(&error) {
            Some(fault) => self.tls_error(fault),
            None => {
                let source = Some(error).filter(|error| error.kind() != io::ErrorKind::UnexpectedEof);
                DialError::Broken { address: self.address.clone(), step: DialPhase::Tls, source }
            }
        }
    }

    fn tls_error(&self, fault: TlsFault) -> DialError {
        DialError::Tls { host: self.host.to_owned(), fault }
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

/// Runs a future with a time limit; returns the limit if it expired.
async fn within<F: Future>(limit: Duration, doing: F) -> Result<F::Output, Duration> {
    timeout(limit, doing).await.map_err(|_| limit)
}

/// Connects to the first address that answers, starting them in turn, each with a head start. A refused
/// connection is more informative than a missing route, so it is reported in preference.
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
                let refusal = failure.take_if(|known| known.kind() == io::ErrorKind::ConnectionRefused);
                failure = Some(refusal.unwrap_or(error));
            }
            None => {}
        }
    }
}

async fn connect_one(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    // Frames of 10 ms of speech are small and must not wait for more data.
    socket.set_nodelay(true)?;
    socket.connect(address).await
}

#[cfg(test)]
mod tests;
