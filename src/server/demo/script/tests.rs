//! Parsing and playing of scripts, with an independent client.

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::*;
use crate::server::demo::script::play::{Mismatch, play};

const SCRIPT: &str = r#"
# A connection.
GET /v1/realtime?model=m HTTP/1.1
Host: example.com
Authorization: Bearer k
answer 101 X-One: 1; X-Two: 2
> {"type":"session.created"}
< {"type":"session.update","session":{}}
sound 4
> {"type":"done"}
close 4000 over
"#;

/// Uses the key of RFC 6455, section 1.3, which also prints the answer.
const HEAD: &str = "GET /v1/realtime{query} HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Authorization: Bearer k\r\nUser-Agent: rtvoice/0\r\n\r\n";

fn failure(script: &str) -> ScriptError {
    Script::parse(script).expect_err("it is no script")
}

#[test]
fn an_invalid_line_is_named() {
    for (script, line, what) in [
        ("", 0, "ends too early"),
        ("> {}", 1, "comes before any request"),
        ("answer 101", 1, "has no request to answer"),
        ("GET / HTTP/1.1\nGET / HTTP/1.1", 2, "follows a request without an answer"),
        ("GET / HTTP/1.1\nanswer yes", 2, "is an invalid answer"),
        ("GET / HTTP/1.1\nHost", 2, "is not a header"),
        ("GET / HTTP/1.1\nanswer 101\n< {", 3, "is not a step"),
        ("GET / HTTP/1.1\nanswer 101\nsing", 3, "is not a step"),
        ("GET / HTTP/1.1\nHost: a", 2, "ends too early"),
    ] {
        let error = failure(script);
        assert_eq!((error.line, error.what), (line, what), "{script}");
    }
}

/// Plays the script to a client that sends `events`; returns the client's messages and the outcome.
async fn played(query: &str, events: &[&str]) -> (Vec<String>, Result<(), Mismatch>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let script = Script::parse(SCRIPT).unwrap();
    let client = async {
        let head = HEAD.replace("{query}", query);
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let Ok(byte) = stream.read_u8().await else { return Vec::new() };
            answer.push(byte);
        }
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{answer}");
        assert!(answer.ends_with("\r\nX-One: 1\r\nX-Two: 2\r\n\r\n"), "{answer}");
        let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
        for event in events {
            let _ = socket.send(Message::text(*event)).await;
        }
        let _ = socket.flush().await;
        let mut received = Vec::new();
        while let Some(Ok(message)) = socket.next().await {
            received.push(message.to_string());
        }
        received
    };
    tokio::join!(client, async { play(listener, &script).await })
}

const UPDATE: &str = r#"{"type":"session.update","event_id":"e1","session":{}}"#;
const SOUND: &str = r#"{"type":"input_audio_buffer.append","audio":"AAAA"}"#;

#[tokio::test]
async fn a_script_is_played() {
    let (received, judgement) = played("?model=m", &[SOUND, UPDATE, SOUND]).await;
    assert_eq!(judgement, Ok(()));
    assert_eq!(received, [r#"{"type":"session.created"}"#, r#"{"type":"done"}"#, "over"]);
}

#[tokio::test]
async fn a_deviation_from_the_script_is_an_error() {
    let (_, judgement) = played("?model=n", &[]).await;
    assert!(matches!(judgement, Err(Mismatch::Request { .. })), "{judgement:?}");
    let other = r#"{"type":"session.update","session":{"voice":"alloy"}}"#;
    let (_, judgement) = played("?model=m", &[other]).await;
    assert!(matches!(judgement, Err(Mismatch::Event { line: 8, .. })), "{judgement:?}");
    let (_, judgement) = played("?model=m", &[UPDATE, SOUND, r#"{"type":"more"}"#, SOUND]).await;
    assert!(matches!(judgement, Err(Mismatch::Unexpected(_))), "{judgement:?}");
    let odd_byte = r#"{"type":"input_audio_buffer.append","audio":"AAAA","more":1}"#;
    let (_, judgement) = played("?model=m", &[UPDATE, odd_byte]).await;
    assert!(matches!(judgement, Err(Mismatch::Unexpected(_))), "{judgement:?}");
}
