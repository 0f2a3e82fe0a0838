//! Dialing over real sockets on this machine, with ports chosen by the system.

mod limits;
mod steps;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;

use super::*;
use crate::net::dial::error::DialErrorKind;
use crate::net::endpoint::url::EndpointUrl;
use crate::net::endpoint::{Auth, Purpose};
use crate::net::ws::connection::WebSocketEvent;
use crate::secret::Secret;

const KEY: &str = "sk-proj-0123456789abcdef";

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn endpoint(url: &str) -> Endpoint {
    let purpose = Purpose::Conversation { model: Some("m".to_owned()) };
    Endpoint::new(EndpointUrl::parse(url).unwrap(), purpose, Auth::Bearer(Secret::new(KEY)))
}

async fn dialled(url: String) -> Result<WebSocketClient<NetStream>, DialError> {
    dial(&endpoint(&url), &DialOptions::default()).await
}

/// Returns the error; checks that its texts do not contain the key.
fn failure(outcome: Result<WebSocketClient<NetStream>, DialError>) -> DialError {
    let error = outcome.expect_err("it must not connect");
    let shown = format!("{error} {error:?} {:?} {:?}", error.hint(), error.body());
    assert!(!shown.contains("0123456789"), "{shown}");
    error
}

/// Answers one connection with these bytes, then closes it.
async fn failure_after(answer: &str) -> (DialError, u16) {
    let (listener, port) = listener().await;
    let serving = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_buf(&mut Vec::with_capacity(4096)).await.unwrap();
        stream.write_all(answer.as_bytes()).await.unwrap();
    };
    let (outcome, ()) = tokio::join!(dialled(format!("ws://127.0.0.1:{port}")), serving);
    (failure(outcome), port)
}

#[tokio::test]
async fn a_websocket_server_is_reached_and_both_sides_talk() {
    let (listener, port) = listener().await;
    let serving = async {
        let (stream, _) = listener.accept().await.unwrap();
        let mut server = accept_async(stream).await.unwrap();
        futures_util::SinkExt::send(&mut server, Message::text("hello")).await.unwrap();
        server.next().await.unwrap().unwrap()
    };
    let talking = async {
        let mut link = dialled(format!("ws://localhost:{port}")).await.unwrap();
        assert_eq!(link.next().await, WebSocketEvent::Text("hello".into()));
        link.queue("hello yourself".to_owned());
        assert_eq!(link.next().await, WebSocketEvent::Drained);
        link
    };
    let (heard, _link) = tokio::join!(serving, talking);
    assert_eq!(heard, Message::text("hello yourself"));
}

#[tokio::test]
async fn a_refused_connection_names_the_port() {
    let (listener, port) = listener().await;
    drop(listener);
    let error = failure(dialled(format!("ws://127.0.0.1:{port}")).await);
    assert_eq!(error.to_string(), format!("connection refused by 127.0.0.1:{port}"));
    assert_eq!(error.kind(), DialErrorKind::Network);
    assert_eq!(error.hint().unwrap(), "is the server running? check the port");
}

#[tokio::test]
async fn an_unknown_host_is_named() {
    // A label of more than 63 characters is rejected without a network request.
    let host = format!("{}.invalid", "x".repeat(64));
    let mut endpoint = endpoint(&format!("ws://{host}"));
    endpoint.auth = Auth::None;
    let error = failure(dial(&endpoint, &DialOptions::default()).await);
    assert_eq!(error.to_string(), format!("unknown host {host}"));
    assert_eq!(error.kind(), DialErrorKind::Network);
}

#[tokio::test]
async fn an_unencrypted_key_is_refused_before_dialing() {
    let error = failure(dialled("ws://no-such-host.invalid".to_owned()).await);
    assert_eq!(error.to_string(), "the key would be sent to no-such-host.invalid unencrypted");
    assert_eq!(error.kind(), DialErrorKind::Settings);
}

#[tokio::test]
async fn a_web_server_is_not_an_endpoint() {
    let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html><title>It works</title>";
    let (error, port) = failure_after(page).await;
    assert_eq!(
        error.to_string(),
        format!(
            "ws://127.0.0.1:{port}/v1/realtime is not a WebSocket endpoint: it answered 200 OK: It works"
        )
    );
    assert_eq!(error.hint().unwrap(), "check the path of the URL; it is usually /v1/realtime");
    assert_eq!(error.kind(), DialErrorKind::Server);

    let (error, port) = failure_after("SSH-2.0-OpenSSH_9.2\r\n").await;
    assert_eq!(
        error.to_string(),
        format!(
            "ws://127.0.0.1:{port}/v1/realtime is not a WebSocket endpoint: it answered something that is not HTTP"
        )
    );
    assert_eq!(error.body(), ["SSH-2.0-OpenSSH_9.2"]);
}

#[tokio::test]
async fn a_refusal_is_reported_with_a_hint() {
    let json = |status: &str, message: &str| {
        let body = format!(r#"{{"error":{{"message":"{message}","type":"api_error","code":null}}}}"#);
        format!("HTTP/1.1 {status}\r\nRetry-After: 9\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    for (answer, said, hint, kind) in [
        (
            json("401 Unauthorized", &format!("Incorrect API key {KEY}")),
            "401 Unauthorized: Incorrect API key [key hidden] (api_error)",
            "check that the key is valid and belongs to this endpoint",
            DialErrorKind::Key,
        ),
        (
            json("404 Not Found", "no deployment"),
            "404 Not Found: no deployment (api_error)",
            "check the path and the model; the path is usually /v1/realtime",
            DialErrorKind::Server,
        ),
        (
            json("429 Too Many Requests", "slow down"),
            "429 Too Many Requests: slow down (api_error)",
            "try again in 9 s",
            DialErrorKind::Server,
        ),
        (
            "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n".to_owned(),
            "503 Service Unavailable",
            "try again later",
            DialErrorKind::Server,
        ),
        (
            "HTTP/1.1 301 X\r\nLocation: https://b.example/\r\nContent-Length: 0\r\n\r\n".to_owned(),
            "301 Moved Permanently",
            "the server redirects to https://b.example/; use that URL if you trust it",
            DialErrorKind::Server,
        ),
    ] {
        let (error, _) = failure_after(&answer).await;
        assert_eq!(error.to_string(), format!("127.0.0.1 refused the connection: {said}"));
        assert_eq!((error.hint().as_deref(), error.kind()), (Some(hint), kind));
    }
}

#[tokio::test]
async fn transient_and_permanent_failures_are_distinguished() {
    let busy = r#"{"error":{"code":"rate_limit_exceeded","message":"slow down"}}"#;
    let empty = r#"{"error":{"code":"insufficient_quota","message":"no credit"}}"#;
    for (status, body, passing) in [
        (429, "", true),
        (429, busy, true),
        (429, empty, false),
        (500, "", true),
        (501, "", false),
        (502, "", true),
        (503, "", true),
        (504, "", true),
        (522, "", true),
        (301, "", false),
        (400, "", false),
        (401, "", false),
        (402, "", false),
        (403, "", false),
        (404, "", false),
    ] {
        let length = body.len();
        let answer =
            format!("HTTP/1.1 {status} X\r\nRetry-After: 300\r\nContent-Length: {length}\r\n\r\n{body}");
        let (error, _) = failure_after(&answer).await;
        assert_eq!(error.is_transient(), passing, "{error}");
        let says_when = error.hint().is_some_and(|hint| hint == "try again in 5 minutes");
        assert_eq!(says_when, passing, "{error}");
    }
    assert!(failure_after("").await.0.is_transient());
}

#[tokio::test]
async fn a_server_that_closes_early_is_reported() {
    let (error, port) = failure_after("").await;
    let expected = format!("connection closed by 127.0.0.1:{port} during the WebSocket handshake");
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn a_dead_address_does_not_prevent_the_next_one() {
    let (listener, port) = listener().await;
    let (dead, dead_port) = self::listener().await;
    drop(dead);
    let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let connected = connect_first(&[address(dead_port), address(port)]).await.unwrap();
    assert_eq!(connected.peer_addr().unwrap().port(), port);
    assert!(connected.nodelay().unwrap());
    drop(listener);
    let error = connect_first(&[address(dead_port), address(port)]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    assert_eq!(connect_first(&[]).await.unwrap_err().kind(), io::ErrorKind::AddrNotAvailable);
}

#[tokio::test]
async fn an_ipv6_address_is_shown_in_brackets() {
    let Ok(listener) = TcpListener::bind("[::1]:0").await else {
        // This machine has no IPv6.
        return;
    };
    let port = listener.local_addr().unwrap().port();
    let serving = async {
        let (stream, _) = listener.accept().await.unwrap();
        let mut server = accept_async(stream).await.unwrap();
        futures_util::SinkExt::send(&mut server, Message::text("hello")).await.unwrap();
        server
    };
    let talking = async { dialled(format!("ws://[::1]:{port}")).await.unwrap().next().await };
    let (hello, server) = tokio::join!(talking, serving);
    assert_eq!(hello, WebSocketEvent::Text("hello".into()));
    drop((server, listener));
    let error = failure(dialled(format!("ws://[::1]:{port}")).await);
    assert_eq!(error.to_string(), format!("connection refused by [::1]:{port}"));
}

/// A private authority, and a server certificate signed by it.
struct Authority {
    root: CertificateDer<'static>,
    config: Arc<ServerConfig>,
}

impl Authority {
    fn signing_for(name: &str, adjust: impl Fn(&mut CertificateParams)) -> Self {
        let (root, issuer) = Self::root_of(name, IsCa::Ca(BasicConstraints::Unconstrained));
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        adjust(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap().der().clone();
        Self { root, config: Self::serving(certificate, &key) }
    }

    /// A server with a self-signed certificate.
    fn showing_itself(name: &str, is_ca: IsCa) -> Self {
        let (root, issuer) = Self::root_of(name, is_ca);
        Self { config: Self::serving(root.clone(), issuer.key()), root }
    }

    fn root_of(name: &str, is_ca: IsCa) -> (CertificateDer<'static>, Issuer<'static, KeyPair>) {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.is_ca = is_ca;
        params.distinguished_name.push(DnType::CommonName, format!("authority for {name}"));
        let key = KeyPair::generate().unwrap();
        (params.self_signed(&key).unwrap().der().clone(), Issuer::new(params, key))
    }

    fn serving(certificate: CertificateDer<'static>, key: &KeyPair) -> Arc<ServerConfig> {
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        Arc::new(config)
    }

    async fn dialled_as(
        &self,
        name: &str,
        extra_roots: Vec<CertificateDer<'static>>,
    ) -> Result<WebSocketEvent, DialError> {
        self.dialled_by(name, &DialOptions { extra_roots, ..DialOptions::default() }).await
    }

    /// Serves one TLS connection with a greeting, and dials it by name.
    async fn dialled_by(&self, name: &str, options: &DialOptions) -> Result<WebSocketEvent, DialError> {
        let (listener, port) = listener().await;
        let acceptor = TlsAcceptor::from(self.config.clone());
        let serving = async {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let mut server = accept_async(stream).await.unwrap();
            futures_util::SinkExt::send(&mut server, Message::text("hello")).await.unwrap();
            while server.next().await.is_some_and(|message| message.is_ok()) {}
        };
        let talking = async {
            let mut link = dial(&endpoint(&format!("wss://{name}:{port}")), options).await?;
            Ok(link.next().await)
        };
        tokio::join!(talking, serving).0
    }
}

async fn tls_fault(authority: &Authority, name: &str, roots: Vec<CertificateDer<'static>>) -> TlsFault {
    let error = authority.dialled_as(name, roots).await.unwrap_err();
    let DialError::Tls { host, fault } = error else { panic!("{error:?}") };
    assert_eq!(host, name);
    fault
}

#[tokio::test]
async fn a_private_authority_is_trusted_only_if_given() {
    for name in ["localhost", "127.0.0.1"] {
        let authority = Authority::signing_for(name, |_| {});
        // Another root, also one of the same name, so that a machine without system roots fails the same way.
        for stranger in ["stranger.test", name] {
            let roots = vec![Authority::signing_for(stranger, |_| {}).root];
            assert_eq!(tls_fault(&authority, name, roots).await, TlsFault::UnknownAuthority);
        }
        let hello = authority.dialled_as(name, vec![authority.root.clone()]).await.unwrap();
        assert_eq!(hello, WebSocketEvent::Text("hello".into()));
    }
}

#[tokio::test]
async fn a_given_self_signed_certificate_is_trusted_unless_it_is_an_authoritys() {
    let authority = Authority::showing_itself("localhost", IsCa::Ca(BasicConstraints::Unconstrained));
    let roots = vec![authority.root.clone()];
    assert_eq!(tls_fault(&authority, "localhost", roots).await, TlsFault::AuthorityItself);

    let server = Authority::showing_itself("localhost", IsCa::ExplicitNoCa);
    let hello = server.dialled_as("localhost", vec![server.root.clone()]).await.unwrap();
    assert_eq!(hello, WebSocketEvent::Text("hello".into()));
}

#[tokio::test]
async fn an_invalid_certificate_is_reported_with_its_cause() {
    let other_name = Authority::signing_for("other.test", |_| {});
    let expired = Authority::signing_for("localhost", |params| {
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
    });
    let early = Authority::signing_for("localhost", |params| {
        params.not_before = rcgen::date_time_ymd(4000, 1, 1);
        params.not_after = rcgen::date_time_ymd(4001, 1, 1);
    });
    for (authority, expected) in
        [(other_name, TlsFault::WrongName), (expired, TlsFault::Expired), (early, TlsFault::NotYetValid)]
    {
        let found = tls_fault(&authority, "localhost", vec![authority.root.clone()]).await;
        assert_eq!(found, expected);
        assert!(found.hint().is_some());
    }
}

#[tokio::test]
async fn a_mismatch_of_tls_and_plain_text_is_reported() {
    let (listener, port) = listener().await;
    let serving = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_buf(&mut Vec::with_capacity(4096)).await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    };
    let (outcome, ()) = tokio::join!(dialled(format!("wss://127.0.0.1:{port}")), serving);
    let error = failure(outcome);
    assert_eq!(error.to_string(), "TLS connection to 127.0.0.1 failed: the server does not speak TLS");

    let acceptor = TlsAcceptor::from(Authority::signing_for("localhost", |_| {}).config);
    let serving = async {
        let (stream, _) = listener.accept().await.unwrap();
        assert!(acceptor.accept(stream).await.is_err());
    };
    let (outcome, ()) = tokio::join!(dialled(format!("ws://127.0.0.1:{port}")), serving);
    let error = failure(outcome);
    assert_eq!(error.to_string(), format!("127.0.0.1:{port} requires TLS"));
    assert_eq!(error.hint().unwrap(), "use wss:// instead of ws://");
}
