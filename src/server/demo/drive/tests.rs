//! The endpoint on the wire: HTTP and WebSocket framing over a pipe, in paused time.

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::Message;

use super::*;
use crate::protocol::dialect::Dialect;
use crate::secret::Secret;
use crate::server::demo::faults::{Fault, Faults};
use crate::server::demo::{EndpointOptions, MAX_CONNECTIONS, VoiceEngine, serve, serve_connection};
use std::sync::Arc;
use tokio::net::TcpListener;

type TestClient = WebSocketStream<DuplexStream>;

const URL: &str = "ws://demo/v1/realtime?model=gpt-realtime-2";

fn start(options: EndpointOptions) -> DuplexStream {
    let (near, far) = tokio::io::duplex(64 * 1024);
    tokio::spawn(serve_connection(far, Arc::new(options)));
    near
}

async fn connect(options: EndpointOptions, url: &str, headers: &[(&'static str, &str)]) -> TestClient {
    let mut request = url.into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    tokio_tungstenite::client_async(request, start(options)).await.unwrap().0
}

async fn next(client: &mut TestClient) -> Value {
    loop {
        match client.next().await.unwrap().unwrap() {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Ping(_) => {}
            other @ (Message::Binary(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_)) => {
                panic!("expected an event, got {other:?}")
            }
        }
    }
}

async fn close(client: &mut TestClient) -> (u16, String) {
    let message = client.next().await.unwrap().unwrap();
    let Message::Close(Some(frame)) = message else { panic!("expected a close frame, got {message:?}") };
    (frame.code.into(), frame.reason.as_str().to_owned())
}

async fn http(options: EndpointOptions, request: &str) -> String {
    let mut stream = start(options);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn with_key() -> EndpointOptions {
    EndpointOptions { key: Some(Secret::new("sk-right")), ..EndpointOptions::default() }
}

#[tokio::test(start_paused = true)]
async fn the_first_frame_is_a_session_in_the_requested_dialect() {
    let mut client = connect(EndpointOptions::default(), URL, &[]).await;
    let event = next(&mut client).await;
    assert_eq!(event["type"], "session.created");
    assert_eq!(event["session"]["audio"]["input"]["format"]["rate"], 24_000);
    assert_eq!(event["session"]["model"], "gpt-realtime-2");

    let mut client = connect(EndpointOptions::default(), URL, &[("openai-beta", "realtime=v1")]).await;
    let event = next(&mut client).await;
    assert_eq!(event["session"]["input_audio_format"], "pcm16");
    assert_eq!(event["session"].get("type"), None);

    let url = "ws://demo/v1/realtime?intent=transcription";
    let mut client = connect(EndpointOptions::default(), url, &[("openai-beta", "realtime=v1")]).await;
    assert_eq!(next(&mut client).await["type"], "transcription_session.created");
}

#[tokio::test(start_paused = true)]
async fn a_fixed_dialect_overrides_the_clients_request() {
    let options = || EndpointOptions { dialect: Some(Dialect::Beta), ..EndpointOptions::default() };
    let mut client = connect(options(), URL, &[]).await;
    assert_eq!(next(&mut client).await["session"]["output_audio_format"], "pcm16");
}

#[tokio::test(start_paused = true)]
async fn a_key_is_accepted_in_each_documented_place() {
    let token = format!("{URL}&token=sk-right");
    let ways: [(&str, &[(&'static str, &str)]); 4] = [
        (URL, &[("authorization", "Bearer sk-right")]),
        (URL, &[("api-key", "sk-right")]),
        (URL, &[("sec-websocket-protocol", "realtime, openai-insecure-api-key.sk-right")]),
        (&token, &[]),
    ];
    for (url, headers) in ways {
        let mut client = connect(with_key(), url, headers).await;
        assert_eq!(next(&mut client).await["type"], "session.created", "{headers:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_key_is_rejected_after_the_upgrade_by_an_error_and_close_3000() {
    let mut client = connect(with_key(), URL, &[("authorization", "Bearer sk-wrong")]).await;
    assert_eq!(next(&mut client).await["error"]["code"], "invalid_api_key");
    assert_eq!(close(&mut client).await, (3000, "invalid_request_error.invalid_api_key".to_owned()));

    let mut client = connect(with_key(), URL, &[]).await;
    assert_eq!(next(&mut client).await["error"]["code"], Value::Null);
    assert_eq!(close(&mut client).await, (3000, "invalid_request_error".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_or_missing_model_is_rejected_by_close_4000() {
    for (url, code) in [
        ("ws://demo/v1/realtime", "missing_model"),
        ("ws://demo/v1/realtime?model=gpt-4o-transcribe", "invalid_model"),
        ("ws://demo/v1/realtime?intent=transcription&model=gpt-4o-transcribe", "invalid_model"),
    ] {
        let mut client = connect(EndpointOptions::default(), url, &[]).await;
        assert_eq!(next(&mut client).await["error"]["code"], code, "{url}");
        assert_eq!(close(&mut client).await.0, 4000, "{url}");
    }
}

#[tokio::test(start_paused = true)]
async fn plain_http_gets_plain_answers() {
    let health = http(EndpointOptions::default(), "GET /health HTTP/1.1\r\nHost: demo\r\n\r\n").await;
    assert!(health.starts_with("HTTP/1.1 200 OK\r\n") && health.ends_with(r#"{"status":"ok"}"#), "{health}");
    for (request, status) in [
        ("GET /v1/chat HTTP/1.1\r\n\r\n", "404"),
        ("GET /v1/realtime HTTP/1.1\r\n\r\n", "426"),
        ("POST /v1/realtime HTTP/1.1\r\n\r\n", "400"),
        ("\x16\x03\x01 this is TLS", "400"),
        // A request that never ends.
        ("GET /v1/realtime HTTP/1.1\r\n", "408"),
    ] {
        let answer = http(EndpointOptions::default(), request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_oversized_request_head_gets_431() {
    let request = format!("GET /v1/realtime HTTP/1.1\r\nCookie: {}", "x".repeat(16 * 1024));
    let answer = http(EndpointOptions::default(), &request).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

/// Returns the response of a listener to an upgrade with these headers.
async fn upgrade(address: std::net::SocketAddr, path: &str, headers: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.windows(4).any(|four| four == b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0);
    }
    let mut rest = String::new();
    if !answer.starts_with(b"HTTP/1.1 101") {
        stream.read_to_string(&mut rest).await.unwrap();
    }
    String::from_utf8(answer).unwrap() + &rest
}

const PATH: &str = "/v1/realtime?model=x";

#[tokio::test]
async fn a_page_of_another_origin_cannot_connect() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let options = EndpointOptions {
        allow_origins: vec!["http://localhost:3000".parse().unwrap()],
        allow_hosts: vec!["devbox".parse().unwrap()],
        ..clips("")
    };
    let server = tokio::spawn(serve(listener, Arc::new(options)));
    let own = format!("Host: {address}\r\n");
    let localhost = format!("Host: localhost:{}\r\n", address.port());
    for (headers, expected) in [
        (own.clone(), "101"),
        (localhost.clone(), "101"),
        (format!("{own}Origin: http://localhost:3000\r\n"), "101"),
        (format!("{own}Origin: http://{address}\r\n"), "101"),
        ("Host: devbox\r\n".to_owned(), "101"),
        // A forwarded port.
        ("Host: localhost:1\r\nOrigin: http://localhost:1\r\n".to_owned(), "101"),
        (format!("{own}Origin: https://evil.example\r\n"), "403"),
        (format!("{own}Origin: null\r\n"), "403"),
        (format!("{localhost}Origin: http://localhost\r\n"), "403"),
        // After DNS rebinding both headers name the page's host.
        (format!("Host: evil.example:{0}\r\nOrigin: http://evil.example:{0}\r\n", address.port()), "421"),
        ("Host: localhost.evil.example\r\n".to_owned(), "421"),
        (String::new(), "400"),
    ] {
        let answer = upgrade(address, PATH, &headers).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected} ")), "{headers}{answer}");
        let code = match expected {
            "403" => "origin_not_allowed",
            "421" => "unknown_host",
            "400" => "invalid_host",
            _ => "",
        };
        assert!(answer.contains(code), "{answer}");
    }
    let health = upgrade(address, "/health", "Host: 10.0.0.1\r\n").await;
    assert!(health.starts_with("HTTP/1.1 200 "), "probes use addresses of their own: {health}");
    server.abort();
}

#[tokio::test]
async fn concurrent_connections_are_limited() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(serve(listener, Arc::new(clips(""))));
    let host = format!("Host: {address}\r\n");
    let mut open = Vec::new();
    for _ in 0..MAX_CONNECTIONS {
        open.push(tokio::net::TcpStream::connect(address).await.unwrap());
    }
    let answer = upgrade(address, PATH, &host).await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("too_many_connections"), "{answer}");
    assert!(answer.contains("\r\nRetry-After: "), "{answer}");
    drop(open);
    let mut answer = upgrade(address, PATH, &host).await;
    // The endpoint may detect the other disconnects later.
    while answer.starts_with("HTTP/1.1 503 ") {
        answer = upgrade(address, PATH, &host).await;
    }
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    server.abort();
}

#[tokio::test(start_paused = true)]
async fn an_oversized_message_gets_a_close_code() {
    let mut client = connect(clips(""), URL, &[]).await;
    next(&mut client).await;
    let text = "x".repeat((32 << 20) + 1);
    let sending = client.send(Message::text(text)).await;
    let message = client.next().await;
    assert!(
        matches!(&message, Some(Ok(Message::Close(Some(frame)))) if u16::from(frame.code) == 1009),
        "{sending:?}, {message:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_can_be_rejected_before_the_upgrade() {
    let faults = Faults::default().with(Fault::Refuse401);
    let request = URL.into_client_request().unwrap();
    let stream = start(EndpointOptions { faults, ..EndpointOptions::default() });
    let error = tokio_tungstenite::client_async(request, stream).await.unwrap_err();
    assert!(error.to_string().contains("401"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_close_frame_is_answered() {
    let mut client = connect(EndpointOptions::default(), URL, &[]).await;
    next(&mut client).await;
    client.send(Message::Close(None)).await.unwrap();
    assert!(matches!(client.next().await, Some(Ok(Message::Close(_)))));
    assert!(client.next().await.is_none());
}

fn clips(faults: &str) -> EndpointOptions {
    EndpointOptions {
        voice: VoiceEngine::Clips,
        faults: Faults::parse(faults).unwrap(),
        ..EndpointOptions::default()
    }
}

async fn ask(client: &mut TestClient) {
    for event in [
        r#"{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_text","text":"xyzzy"}]}}"#,
        r#"{"type":"response.create"}"#,
    ] {
        client.send(Message::text(event)).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_is_answered_with_speech_over_a_real_websocket() {
    let mut client = connect(clips(""), URL, &[]).await;
    ask(&mut client).await;
    let mut names = Vec::new();
    let mut audio_letters = 0;
    while names.last().is_none_or(|name| name != "rate_limits.updated") {
        let event = next(&mut client).await;
        if event["type"] == "response.output_audio.delta" {
            audio_letters += event["delta"].as_str().unwrap().len();
        }
        names.push(event["type"].as_str().unwrap().to_owned());
    }
    // The sentence takes about five seconds; a second is 64,000 letters of base64.
    assert!((3 * 64_000..8 * 64_000).contains(&audio_letters), "{audio_letters}");
    assert!(names.contains(&"response.done".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_connection_can_break_after_half_a_message() {
    let mut client = connect(clips("half-message"), URL, &[]).await;
    ask(&mut client).await;
    let mut deltas = 0;
    let error = loop {
        match client.next().await.unwrap() {
            Ok(Message::Text(text)) => deltas += usize::from(text.contains("output_audio.delta")),
            Ok(other) => panic!("unexpected {other:?}"),
            Err(error) => break error,
        }
    };
    assert!(deltas > 3, "{deltas}");
    assert!(error.to_string().contains("without closing handshake"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_error_and_its_close_frame_both_arrive() {
    let mut client = connect(clips("refuse-model"), URL, &[]).await;
    let start = tokio::time::Instant::now();
    assert_eq!(next(&mut client).await["error"]["code"], "invalid_model");
    assert_eq!(close(&mut client).await, (4000, "invalid_request_error.invalid_model".to_owned()));
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_is_disconnected() {
    let (mut near, far) = tokio::io::duplex(64 * 1024);
    let served = tokio::spawn(serve_connection(far, Arc::new(clips(""))));
    let request = "GET /v1/realtime?model=x HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    near.write_all(request.as_bytes()).await.unwrap();
    let item = format!(
        r#"{{"type":"conversation.item.create","item":{{"id":"long","type":"message","role":"user",
            "content":[{{"type":"input_text","text":"{}"}}]}}}}"#,
        "x".repeat(200_000)
    );
    near.write_all(&text_frame(&item)).await.unwrap();
    let retrieve = text_frame(r#"{"type":"conversation.item.retrieve","item_id":"long"}"#);
    let mut sent = 0;
    while near.write_all(&retrieve).await.is_ok() {
        sent += 1;
    }
    served.await.unwrap();
    // Disconnected at 48 MiB; a few more requests may be in the pipe.
    assert!((230..2_000).contains(&sent), "{sent}");
}

/// Returns a client's text frame, masked with zeros.
fn text_frame(text: &str) -> Vec<u8> {
    let length = text.len() as u64;
    let mut frame = vec![0x81];
    match u16::try_from(length) {
        Ok(short @ ..126) => frame.push(0x80 | short.to_le_bytes()[0]),
        Ok(short) => {
            frame.push(0x80 | 126);
            frame.extend(short.to_be_bytes());
        }
        Err(_) => {
            frame.push(0x80 | 127);
            frame.extend(length.to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_that_answers_pings_stays_connected() {
    let mut client = connect(clips(""), URL, &[]).await;
    next(&mut client).await;
    for _ in 0..3 {
        assert!(matches!(client.next().await, Some(Ok(Message::Ping(_)))));
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_late_is_served() {
    let mut client = connect(clips(""), URL, &[]).await;
    for _ in 0..2_000 {
        client.send(Message::text(r#"{"type":"input_audio_buffer.clear"}"#)).await.unwrap();
    }
    next(&mut client).await;
    for _ in 0..2_000 {
        assert_eq!(next(&mut client).await["type"], "input_audio_buffer.cleared");
    }
}

#[tokio::test]
async fn a_listener_serves_several_clients_and_ends_when_it_is_dropped() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(serve(listener, Arc::new(clips(""))));
    let mut clients = Vec::new();
    for _ in 0..3 {
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let (mut client, _) =
            tokio_tungstenite::client_async(format!("ws://{address}/v1/realtime?model=x"), stream)
                .await
                .unwrap();
        assert!(client.next().await.unwrap().unwrap().to_text().unwrap().contains("session.created"));
        clients.push(client);
    }
    server.abort();
    for mut client in clients {
        assert!(client.next().await.is_none_or(|message| message.is_err()));
    }
}
