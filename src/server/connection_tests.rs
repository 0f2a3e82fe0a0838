//! What a client sees on the wire: real HTTP, real WebSocket framing, no network, paused time.

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::Message;

use super::*;
use crate::server::faults::Fault;

type Client = WebSocketStream<DuplexStream>;

const URL: &str = "ws://demo/v1/realtime?model=gpt-realtime-2";

fn start(options: Options) -> DuplexStream {
    let (near, far) = tokio::io::duplex(64 * 1024);
    tokio::spawn(attend(far, Arc::new(options)));
    near
}

async fn connect(options: Options, url: &str, headers: &[(&'static str, &str)]) -> Client {
    let mut request = url.into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    tokio_tungstenite::client_async(request, start(options)).await.unwrap().0
}

async fn next(client: &mut Client) -> Value {
    loop {
        match client.next().await.unwrap().unwrap() {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Ping(_) => {}
            other => panic!("expected an event, got {other:?}"),
        }
    }
}

async fn close(client: &mut Client) -> (u16, String) {
    match client.next().await.unwrap().unwrap() {
        Message::Close(Some(frame)) => (frame.code.into(), frame.reason.as_str().to_owned()),
        other => panic!("expected a close frame, got {other:?}"),
    }
}

async fn http(options: Options, request: &str) -> String {
    let mut stream = start(options);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn with_key() -> Options {
    Options { key: Some(Secret::new("sk-right")), ..Options::default() }
}

#[tokio::test(start_paused = true)]
async fn the_first_frame_is_a_session_in_the_dialect_that_was_asked_for() {
    let mut client = connect(Options::default(), URL, &[]).await;
    let event = next(&mut client).await;
    assert_eq!(event["type"], "session.created");
    assert_eq!(event["session"]["audio"]["input"]["format"]["rate"], 24_000);
    assert_eq!(event["session"]["model"], "gpt-realtime-2");

    let mut client = connect(Options::default(), URL, &[("openai-beta", "realtime=v1")]).await;
    let event = next(&mut client).await;
    assert_eq!(event["session"]["input_audio_format"], "pcm16");
    assert_eq!(event["session"].get("type"), None);
}

#[tokio::test(start_paused = true)]
async fn a_key_is_taken_from_each_documented_place() {
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
async fn a_wrong_key_is_refused_after_the_upgrade_by_an_error_and_close_3000() {
    let mut client = connect(with_key(), URL, &[("authorization", "Bearer sk-wrong")]).await;
    assert_eq!(next(&mut client).await["error"]["code"], "invalid_api_key");
    assert_eq!(close(&mut client).await, (3000, "invalid_request_error.invalid_api_key".to_owned()));

    let mut client = connect(with_key(), URL, &[]).await;
    assert_eq!(next(&mut client).await["error"]["code"], Value::Null);
    assert_eq!(close(&mut client).await, (3000, "invalid_request_error".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_or_missing_model_is_refused_by_close_4000() {
    for (url, code) in [
        ("ws://demo/v1/realtime", "missing_model"),
        ("ws://demo/v1/realtime?model=gpt-4o-transcribe", "invalid_model"),
        ("ws://demo/v1/realtime?intent=transcription&model=gpt-4o-transcribe", "invalid_model"),
    ] {
        let mut client = connect(Options::default(), url, &[]).await;
        assert_eq!(next(&mut client).await["error"]["code"], code, "{url}");
        assert_eq!(close(&mut client).await.0, 4000, "{url}");
    }
}

#[tokio::test(start_paused = true)]
async fn plain_http_gets_plain_answers() {
    let health = http(Options::default(), "GET /health HTTP/1.1\r\nHost: demo\r\n\r\n").await;
    assert!(health.starts_with("HTTP/1.1 200 OK\r\n") && health.ends_with(r#"{"status":"ok"}"#), "{health}");
    for (request, status) in [
        ("GET /v1/chat HTTP/1.1\r\n\r\n", "404"),
        ("GET /v1/realtime HTTP/1.1\r\n\r\n", "426"),
        ("POST /v1/realtime HTTP/1.1\r\n\r\n", "400"),
        ("\x16\x03\x01 this is TLS", "400"),
    ] {
        let answer = http(Options::default(), request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_can_be_refused_before_the_upgrade() {
    let faults = Faults::default().with(Fault::Refuse401);
    let request = URL.into_client_request().unwrap();
    let stream = start(Options { faults, ..Options::default() });
    let error = tokio_tungstenite::client_async(request, stream).await.unwrap_err();
    assert!(error.to_string().contains("401"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_goodbye_gets_a_goodbye() {
    let mut client = connect(Options::default(), URL, &[]).await;
    next(&mut client).await;
    client.send(Message::Close(None)).await.unwrap();
    assert!(matches!(client.next().await, Some(Ok(Message::Close(_)))));
    assert!(client.next().await.is_none());
}
