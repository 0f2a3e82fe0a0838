//! Listeners of the relay: connections, metrics, and the orderly end.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::server::relay::service::{PendingConnection, Relay, RelayOptions};

/// Maximum size of a request head. Clients of this protocol send less than 2 KiB; proxies add little.
const HEAD_MAX_BYTES: usize = 16 << 10;

/// Time limit for a request head, and for a TLS handshake.
const HEAD_LIMIT: Duration = Duration::from_secs(10);

/// Maximum number of connections on which no call was admitted yet.
const PENDING_MAX: usize = 256;

/// Pause after a failed `accept`, for example if file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Time for which a draining relay still listens, so that load balancers see its refusals.
const DRAIN_LISTEN: Duration = Duration::from_secs(5);

/// Time for ended calls to say so to both sides.
const END_LIMIT: Duration = Duration::from_secs(5);

/// Interval of the check whether all calls have ended.
const DRAIN_TICK: Duration = Duration::from_millis(50);

/// Answer to connections above the maximum.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n\
    Content-Length: 0\r\n\r\n";

/// Sockets of the relay.
pub struct RelayListeners {
    /// For clients.
    pub calls: TcpListener,
    /// For metrics.
    pub metrics: Option<TcpListener>,
    /// Encryption of `calls`.
    pub tls: Option<TlsAcceptor>,
}

/// Serves until `stop` is ready and all calls have ended: by themselves within the time that it returns, or by the
/// relay. Lines of the log go to `log`. Must run in a `LocalSet`.
pub async fn serve(
    listeners: RelayListeners,
    options: RelayOptions,
    log: mpsc::Sender<String>,
    stop: impl Future<Output = Duration>,
) {
    let start = interval(DRAIN_TICK).tick().await;
    let relay = Rc::new(Relay::new(options, log, start));
    let RelayListeners { calls, metrics, tls } = listeners;
    let metrics = tokio::task::spawn_local(serve_metrics(Rc::clone(&relay), metrics));
    let mut connections = JoinSet::new();
    let mut accepting = Box::pin(accept(&relay, calls, tls, &mut connections));
    let drain = tokio::select! {
        never = &mut accepting => match never {},
        drain = stop => drain,
    };
    relay.start_draining();
    tokio::select! {
        never = &mut accepting => match never {},
        () = sleep(DRAIN_LISTEN.min(drain)) => {}
    }
    drop(accepting);
    let _ = timeout(drain.saturating_sub(DRAIN_LISTEN), no_calls(&relay)).await;
    relay.end_calls();
    let _ = timeout(END_LIMIT, no_calls(&relay)).await;
    metrics.abort();
}

/// Waits for the end of all calls.
async fn no_calls(relay: &Relay) {
    let mut ticks = interval(DRAIN_TICK);
    while relay.calls() > 0 {
        ticks.tick().await;
    }
}

async fn accept(
    relay: &Rc<Relay>,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    connections: &mut JoinSet<()>,
) -> Infallible {
    let pending = Rc::new(Cell::new(0));
    loop {
        let (mut stream, peer) = tokio::select! {
            // Cancel-safe because `accept` is: a connection is either returned or still pending.
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(_) => {
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
            Some(_) = connections.join_next() => continue,
        };
        if pending.get() >= PENDING_MAX {
            relay.metrics.refused("too_many_connections");
            let refusing = async move {
                let _ = timeout(HEAD_LIMIT, stream.write_all(FULL)).await;
            };
            connections.spawn_local(refusing);
            continue;
        }
        // Deltas are small and frequent; waiting for a full packet would only delay them.
        let _ = stream.set_nodelay(true);
        let guard = PendingConnection::new(Rc::clone(&pending));
        let (relay, tls) = (Rc::clone(relay), tls.clone());
        connections.spawn_local(async move {
            match tls {
                None => serve_stream(relay, stream, peer.ip(), guard).await,
                Some(tls) => {
                    if let Ok(Ok(stream)) = timeout(HEAD_LIMIT, tls.accept(stream)).await {
                        serve_stream(relay, stream, peer.ip(), guard).await;
                    }
                }
            }
        });
    }
}

async fn serve_stream<S>(relay: Rc<Relay>, stream: S, peer: IpAddr, guard: PendingConnection)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let guard = Rc::new(RefCell::new(Some(guard)));
    let service = service_fn(move |request| Rc::clone(&relay).respond(peer, Rc::clone(&guard), request));
    // Errors are those of clients: broken connections and malformed requests, which hyper answers.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .max_buf_size(HEAD_MAX_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
}

/// Serves the metrics, to anybody who reaches the address.
async fn serve_metrics(relay: Rc<Relay>, listener: Option<TcpListener>) {
    let Some(listener) = listener else { return };
    let mut connections = JoinSet::new();
    loop {
        let stream: TcpStream = tokio::select! {
            // Cancel-safe because `accept` is.
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() < PENDING_MAX => stream,
                Ok(_) => continue,
                Err(_) => {
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
            Some(_) = connections.join_next() => continue,
        };
        let relay = Rc::clone(&relay);
        let service = service_fn(move |request: Request<Incoming>| {
            let response = metrics_response(&relay, request.uri().path());
            async move { Ok::<_, Infallible>(response) }
        });
        let serving = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_LIMIT)
            .max_buf_size(HEAD_MAX_BYTES)
            .keep_alive(false)
            .serve_connection(TokioIo::new(stream), service);
        connections.spawn_local(async move {
            let _ = serving.await;
        });
    }
}

fn metrics_response(relay: &Relay, path: &str) -> Response<String> {
    let is_metrics = path == "/metrics";
    let text =
        if is_metrics { relay.metrics.text(relay.calls(), relay.is_draining()) } else { String::new() };
    let mut response = Response::new(text);
    if !is_metrics {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
}
