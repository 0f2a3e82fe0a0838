//! A small world on this machine: an endpoint, and real proxies that lead to it by any name.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rtvoice::secret::Secret;
use rtvoice::server::demo::{self, EndpointOptions, VoiceEngine};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{LocalSet, spawn_local};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::support::watched::Watched;

/// What a proxy was asked for: a line a connection.
pub(crate) type Asked = Watched<Vec<String>>;

/// A private authority, and the means to serve as `voice.test`, `proxy.test` and `localhost`.
pub(crate) struct Authority {
    pem: String,
    config: Arc<ServerConfig>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        Self::of(&["voice.test", "proxy.test", "localhost"])
    }

    /// Makes one whose server is each of these hosts.
    pub(crate) fn of(hosts: &[&str]) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        let names: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .unwrap();
        Self { pem, config: Arc::new(config) }
    }

    /// Writes the authority's certificate, as `--ca-file` wants it.
    pub(crate) fn write(&self, path: &Path) {
        std::fs::write(path, &self.pem).unwrap();
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}

/// Starts the endpoint behind TLS; it wants this key. Returns its port.
pub(crate) fn endpoint_with_tls(authority: &Authority, key: &str) -> u16 {
    let acceptor = authority.acceptor();
    let options = Arc::new(options(Some(Secret::new(key))));
    listen(move |stream| {
        let (acceptor, options) = (acceptor.clone(), Arc::clone(&options));
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                demo::serve_connection(stream, options).await;
            }
        }
    })
}

/// Starts the endpoint without TLS and without a key. Returns its port.
pub(crate) fn endpoint() -> u16 {
    let options = Arc::new(options(None));
    listen(move |stream| demo::serve_connection(stream, Arc::clone(&options)))
}

fn options(key: Option<Secret>) -> EndpointOptions {
    EndpointOptions { voice: VoiceEngine::Clips, pace: f64::INFINITY, key, ..EndpointOptions::default() }
}

/// Starts a proxy for `CONNECT` that wants this login, as `user:password`, if any. Every host is
/// this machine.
pub(crate) fn http_proxy(login: Option<&'static str>) -> (u16, Asked) {
    let asked = Asked::new(Vec::new());
    let kept = asked.clone();
    (listen(move |stream| lead_by_connect(stream, login, kept.clone())), asked)
}

/// The same, behind TLS.
pub(crate) fn https_proxy(authority: &Authority) -> (u16, Asked) {
    let asked = Asked::new(Vec::new());
    let (kept, acceptor) = (asked.clone(), authority.acceptor());
    let port = listen(move |stream| {
        let (acceptor, kept) = (acceptor.clone(), kept.clone());
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                lead_by_connect(stream, None, kept).await;
            }
        }
    });
    (port, asked)
}

async fn lead_by_connect<S>(mut stream: S, login: Option<&'static str>, asked: Asked)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let target = head.split(' ').nth(1).unwrap().to_owned();
    asked.with(|asked| asked.push(head.clone()));
    let right = login.map(|login| format!("Proxy-Authorization: Basic {}\r\n", STANDARD.encode(login)));
    if right.is_some_and(|right| !head.contains(&right)) {
        // It repeats what it was sent, as bad servers do.
        let answer = format!(
            "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"test\"\r\n\
             Content-Length: {}\r\n\r\n{head}",
            head.len()
        );
        let _ = stream.write_all(answer.as_bytes()).await;
        return;
    }
    let port = target.rsplit(':').next().unwrap().parse().unwrap();
    if target.starts_with("forbidden.test:") {
        let answer = format!("HTTP/1.1 403 Forbidden\r\nContent-Length: {}\r\n\r\n{head}", head.len());
        let _ = stream.write_all(answer.as_bytes()).await;
        return;
    }
    let mut beyond = to_this_machine(port).await.unwrap();
    stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
    let _ = copy_bidirectional(&mut stream, &mut beyond).await;
}

/// Starts a SOCKS5 proxy that wants this login, if any. Every host is this machine.
pub(crate) fn socks_proxy(login: Option<(&'static str, &'static str)>) -> (u16, Asked) {
    let asked = Asked::new(Vec::new());
    let kept = asked.clone();
    (listen(move |stream| lead_by_socks(stream, login, kept.clone())), asked)
}

async fn lead_by_socks(mut stream: TcpStream, login: Option<(&'static str, &'static str)>, asked: Asked) {
    let _version = stream.read_u8().await.unwrap();
    let methods = counted(&mut stream).await;
    let method = if login.is_some() { 2 } else { 0 };
    if !methods.contains(&method) {
        stream.write_all(&[5, 0xff]).await.unwrap();
        return;
    }
    stream.write_all(&[5, method]).await.unwrap();
    if let Some((user, password)) = login {
        let _version = stream.read_u8().await.unwrap();
        let shown = (counted(&mut stream).await, counted(&mut stream).await);
        let right = shown == (user.as_bytes().to_vec(), password.as_bytes().to_vec());
        stream.write_all(&[1, u8::from(!right)]).await.unwrap();
        if !right {
            return;
        }
    }
    let mut request = [0; 4];
    stream.read_exact(&mut request).await.unwrap();
    let host = match request[3] {
        1 => Ipv4Addr::from(stream.read_u32().await.unwrap()).to_string(),
        3 => String::from_utf8(counted(&mut stream).await).unwrap(),
        4 => std::net::Ipv6Addr::from(stream.read_u128().await.unwrap()).to_string(),
        other => panic!("address kind {other}"),
    };
    let port = stream.read_u16().await.unwrap();
    asked.with(|asked| asked.push(format!("{host} {port}")));
    // One without IPv6 is common.
    let code = match host.as_str() {
        "forbidden.test" => 2,
        host if host.contains(':') => 8,
        _ => 0,
    };
    stream.write_all(&[5, code, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
    if code == 0 {
        let mut beyond = to_this_machine(port).await.unwrap();
        let _ = copy_bidirectional(&mut stream, &mut beyond).await;
    }
}

async fn counted(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = vec![0; stream.read_u8().await.unwrap().into()];
    stream.read_exact(&mut bytes).await.unwrap();
    bytes
}

pub(crate) async fn to_this_machine(port: u16) -> std::io::Result<TcpStream> {
    TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await
}

/// Attends to each connection of a port that the system chose, for as long as the tests run.
pub(crate) fn listen<F, T>(attend: F) -> u16
where
    F: Fn(TcpStream) -> T + Send + 'static,
    T: Future<Output = ()> + 'static,
{
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        LocalSet::new().block_on(&runtime, async {
            let listener = TcpListener::from_std(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                spawn_local(attend(stream));
            }
        });
    });
    port
}
