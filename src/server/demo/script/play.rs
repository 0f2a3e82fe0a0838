//! Playing of a script to the clients of a listener.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role};

use crate::server::demo::script::{Script, ScriptAction, ScriptedConnection, ScriptedHandshake};

/// Time limit for each client action, even on a busy machine.
const STEP_TIMEOUT: Duration = Duration::from_secs(30);

/// Maximum request size; clients of this protocol send less.
const MAX_REQUEST_BYTES: usize = 16 * 1024;

/// Headers of every upgrade, with values chosen by the client, in any order.
const COMMON_HEADERS: [&str; 5] =
    ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", KEY, "User-Agent: rtvoice/"];
const KEY: &str = "Sec-WebSocket-Key: ";

/// Deviation of a client from the script.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Mismatch {
    /// Another request.
    #[error("expected the request\n{expected}\nbut got\n{got}")]
    Request {
        /// Request in the script.
        expected: String,
        /// Request received.
        got: String,
    },
    /// Not a WebSocket upgrade.
    #[error("not an upgrade request: {0}")]
    NoUpgrade(String),
    /// Another event.
    #[error("line {line} of the script expects\n{expected}\nbut the client sent\n{got}")]
    Event {
        /// Line of the script.
        line: usize,
        /// Event in the script.
        expected: String,
        /// Event received.
        got: String,
    },
    /// An event that the script does not expect.
    #[error("unexpected client message: {0}")]
    Unexpected(String),
    /// Timeout.
    #[error("timed out waiting for {0}")]
    Timeout(String),
    /// The client closed the connection.
    #[error("the client closed the connection before {0}")]
    Gone(String),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(String),
}

/// Plays all connections of a script in sequence.
///
/// # Errors
///
/// At the first deviation of a client from the script.
pub async fn play(listener: TcpListener, script: &Script) -> Result<(), Mismatch> {
    for connection in &script.connections {
        let accepted = timeout(STEP_TIMEOUT, listener.accept()).await;
        let accepted = accepted.map_err(|_| Mismatch::Timeout(connection.head[0].clone()))?;
        let (stream, _) = accepted.map_err(|error| Mismatch::Broken(error.to_string()))?;
        play_one(stream, connection).await?;
    }
    Ok(())
}

async fn play_one<S>(mut stream: S, connection: &ScriptedConnection) -> Result<(), Mismatch>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (head, tail) = read_head(&mut stream).await?;
    let key = check_head(&head, &connection.head)?;
    let answer = match &connection.answer {
        ScriptedHandshake::Upgrade(headers) => upgrade(&key, headers),
        ScriptedHandshake::Refusal(status, body) => refusal(*status, body),
    };
    let broken = |error: std::io::Error| Mismatch::Broken(error.to_string());
    stream.write_all(answer.as_bytes()).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    match connection.answer {
        ScriptedHandshake::Refusal(..) => {
            let _ = stream.shutdown().await;
            Ok(())
        }
        ScriptedHandshake::Upgrade(_) => {
            let socket = WebSocketStream::from_partially_read(stream, tail, Role::Server, None).await;
            ScriptPlayer { socket, audio_bytes: 0, events: VecDeque::new() }.play(connection).await
        }
    }
}

/// Reads to the end of the request head; also returns the bytes after it.
async fn read_head<S: AsyncRead + Unpin>(stream: &mut S) -> Result<(String, Vec<u8>), Mismatch> {
    let mut bytes = Vec::new();
    while bytes.len() < MAX_REQUEST_BYTES {
        let read = timeout(STEP_TIMEOUT, stream.read_buf(&mut bytes)).await;
        match read.map_err(|_| Mismatch::Timeout("a request".to_owned()))? {
            Ok(0) | Err(_) => return Err(Mismatch::Gone("the end of its request".to_owned())),
            Ok(_) => {}
        }
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let tail = bytes.split_off(end + 4);
            return Ok((String::from_utf8_lossy(&bytes[..end]).into_owned(), tail));
        }
    }
    Err(Mismatch::NoUpgrade("too long".to_owned()))
}

/// Checks a request against the script; returns the key of its handshake.
fn check_head(head: &str, expected: &[String]) -> Result<String, Mismatch> {
    let mut key = String::new();
    for common in COMMON_HEADERS {
        let found: Vec<&str> = head.split("\r\n").filter(|line| line.starts_with(common)).collect();
        let [line] = found[..] else {
            return Err(Mismatch::NoUpgrade(format!("{} occurrences of {common:?}\n{head}", found.len())));
        };
        if let Some(value) = line.strip_prefix(KEY) {
            value.clone_into(&mut key);
        }
    }
    let own = head.split("\r\n").filter(|line| !COMMON_HEADERS.iter().any(|common| line.starts_with(common)));
    let (got, expected) = (own.collect::<Vec<_>>().join("\n"), expected.join("\n"));
    if got == expected { Ok(key) } else { Err(Mismatch::Request { expected, got }) }
}

fn upgrade(key: &str, headers: &[String]) -> String {
    let accepted = derive_accept_key(key.as_bytes());
    let mut text = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accepted}\r\n"
    );
    for header in headers {
        let _ = write!(text, "{header}\r\n");
    }
    text + "\r\n"
}

fn refusal(status: u16, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
}

/// A connection being played.
struct ScriptPlayer<S> {
    socket: WebSocketStream<S>,
    /// Bytes of audio received.
    audio_bytes: usize,
    /// Events received while waiting for audio, not yet matched.
    events: VecDeque<Value>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> ScriptPlayer<S> {
    async fn play(mut self, connection: &ScriptedConnection) -> Result<(), Mismatch> {
        for step in &connection.steps {
            match &step.action {
                ScriptAction::Send(text) => self.send(Message::text(text.as_str())).await?,
                ScriptAction::Expect(expected) => self.expect(step.line, expected).await?,
                ScriptAction::AwaitAudio(bytes) => self.await_audio(*bytes).await?,
                ScriptAction::Close(code, reason) => {
                    let frame = CloseFrame { code: (*code).into(), reason: reason.as_str().into() };
                    self.send(Message::Close(Some(frame))).await?;
                }
                ScriptAction::Drop => return Ok(()),
            }
        }
        while let Some(event) = self.next("the end of the connection").await? {
            reject_event(event)?;
        }
        Ok(())
    }

    async fn send(&mut self, message: Message) -> Result<(), Mismatch> {
        self.socket.send(message).await.map_err(|error| Mismatch::Broken(error.to_string()))
    }

    async fn expect(&mut self, line: usize, expected: &Value) -> Result<(), Mismatch> {
        let what = format!("{} of line {line}", expected["type"]);
        loop {
            let event = self.next(&what).await?.ok_or_else(|| Mismatch::Gone(what.clone()))?;
            let ClientMessage::Event(mut event) = event else { continue };
            if expected.get("event_id").is_none()
                && let Some(fields) = event.as_object_mut()
            {
                fields.remove("event_id");
            }
            return if event == *expected {
                Ok(())
            } else {
                Err(Mismatch::Event { line, expected: expected.to_string(), got: event.to_string() })
            };
        }
    }

    /// Waits for audio; events received meanwhile stay in order.
    async fn await_audio(&mut self, bytes: usize) -> Result<(), Mismatch> {
        let what = format!("{bytes} bytes of audio");
        let mut meanwhile = VecDeque::new();
        while self.audio_bytes < bytes {
            match self.next(&what).await? {
                Some(ClientMessage::Audio) => {}
                Some(ClientMessage::Event(event)) => meanwhile.push_back(event),
                None => return Err(Mismatch::Gone(format!("{what}; there were {}", self.audio_bytes))),
            }
        }
        self.events.extend(meanwhile);
        Ok(())
    }

    /// Returns the client's next message; `None` once it has closed the connection.
    async fn next(&mut self, what: &str) -> Result<Option<ClientMessage>, Mismatch> {
        if let Some(event) = self.events.pop_front() {
            return Ok(Some(ClientMessage::Event(event)));
        }
        loop {
            let message = timeout(STEP_TIMEOUT, self.socket.next()).await;
            let message = message.map_err(|_| Mismatch::Timeout(what.to_owned()))?;
            let text = match message {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Ok(Message::Binary(_))) => return Err(Mismatch::Unexpected("binary".to_owned())),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Ok(None),
            };
            let event: Value =
                serde_json::from_str(&text).map_err(|_| Mismatch::Unexpected(text.as_str().to_owned()))?;
            if event["type"] != "input_audio_buffer.append" {
                return Ok(Some(ClientMessage::Event(event)));
            }
            let audio_bytes = event["audio"].as_str().and_then(|audio| STANDARD.decode(audio).ok());
            let only_audio = event.as_object().is_some_and(|fields| fields.len() == 2);
            match audio_bytes {
                Some(audio_bytes) if only_audio && !audio_bytes.is_empty() => {
                    self.audio_bytes += audio_bytes.len();
                }
                Some(_) | None => return Err(Mismatch::Unexpected(text.as_str().to_owned())),
            }
            return Ok(Some(ClientMessage::Audio));
        }
    }
}

/// A message of the client.
enum ClientMessage {
    Audio,
    Event(Value),
}

fn reject_event(message: ClientMessage) -> Result<(), Mismatch> {
    match message {
        ClientMessage::Audio => Ok(()),
        ClientMessage::Event(event) => Err(Mismatch::Unexpected(event.to_string())),
    }
}
