//! Plays a script to the clients of a listener.

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

/// How long a client may take for what it is to do next, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(30);

/// Longer requests are not from clients of this protocol.
const LONGEST_REQUEST: usize = 16 * 1024;

/// What every upgrade has, with values of the client's own; it may stand anywhere.
const EVERY: [&str; 5] =
    ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", KEY, "User-Agent: rtvoice/"];
const KEY: &str = "Sec-WebSocket-Key: ";

/// What a client did that the script does not say.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Mismatch {
    /// Another request.
    #[error("the request should be\n{expected}\nbut is\n{got}")]
    Request {
        /// What the script says.
        expected: String,
        /// What came.
        got: String,
    },
    /// The request is no upgrade to a WebSocket.
    #[error("the request is no upgrade: {0}")]
    NoUpgrade(String),
    /// Another event than the one that is due.
    #[error("at line {line} of the script the client should say\n{expected}\nbut said\n{got}")]
    Event {
        /// Of the script.
        line: usize,
        /// What the script says.
        expected: String,
        /// What came.
        got: String,
    },
    /// An event where none may come.
    #[error("the client said what the script does not know: {0}")]
    Unasked(String),
    /// Nothing more came.
    #[error("{0} was waited for, and nothing came")]
    Nothing(String),
    /// The client went away.
    #[error("the client ended the connection before {0}")]
    Gone(String),
    /// The connection could not be used.
    #[error("the connection broke: {0}")]
    Broken(String),
}

/// Plays all connections of a script, one after the other.
///
/// # Errors
///
/// At the first thing a client does that is not in the script, or does not do that is.
pub async fn play(listener: TcpListener, script: &Script) -> Result<(), Mismatch> {
    for connection in &script.connections {
        let accepted = timeout(PATIENCE, listener.accept()).await;
        let accepted = accepted.map_err(|_| Mismatch::Nothing(connection.head[0].clone()))?;
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
            ScriptPlayer { socket, sound: 0, events: VecDeque::new() }.play(connection).await
        }
    }
}

/// Reads up to the end of the request; returns what came behind it, too.
async fn read_head<S: AsyncRead + Unpin>(stream: &mut S) -> Result<(String, Vec<u8>), Mismatch> {
    let mut bytes = Vec::new();
    while bytes.len() < LONGEST_REQUEST {
        let read = timeout(PATIENCE, stream.read_buf(&mut bytes)).await;
        match read.map_err(|_| Mismatch::Nothing("a request".to_owned()))? {
            Ok(0) | Err(_) => return Err(Mismatch::Gone("its request was whole".to_owned())),
            Ok(_) => {}
        }
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let tail = bytes.split_off(end + 4);
            return Ok((String::from_utf8_lossy(&bytes[..end]).into_owned(), tail));
        }
    }
    Err(Mismatch::NoUpgrade("it is too long".to_owned()))
}

/// Checks a request against the script; returns the key of its handshake.
fn check_head(head: &str, expected: &[String]) -> Result<String, Mismatch> {
    let mut key = String::new();
    for every in EVERY {
        let found: Vec<&str> = head.split("\r\n").filter(|line| line.starts_with(every)).collect();
        let [line] = found[..] else {
            return Err(Mismatch::NoUpgrade(format!("it has {} times {every:?}\n{head}", found.len())));
        };
        if let Some(value) = line.strip_prefix(KEY) {
            value.clone_into(&mut key);
        }
    }
    let own = head.split("\r\n").filter(|line| !EVERY.iter().any(|every| line.starts_with(every)));
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

/// A connection that is being played.
struct ScriptPlayer<S> {
    socket: WebSocketStream<S>,
    /// Bytes of sound so far.
    sound: usize,
    /// What came while sound was waited for, and is still to be heard.
    events: VecDeque<Value>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> ScriptPlayer<S> {
    async fn play(mut self, connection: &ScriptedConnection) -> Result<(), Mismatch> {
        for step in &connection.steps {
            match &step.act {
                ScriptAction::Say(text) => self.send(Message::text(text.as_str())).await?,
                ScriptAction::Hear(expected) => self.hear(step.line, expected).await?,
                ScriptAction::Sound(bytes) => self.listen(*bytes).await?,
                ScriptAction::Close(code, reason) => {
                    let frame = CloseFrame { code: (*code).into(), reason: reason.as_str().into() };
                    self.send(Message::Close(Some(frame))).await?;
                }
                ScriptAction::Drop => return Ok(()),
            }
        }
        while let Some(event) = self.next("the end of the connection").await? {
            unless_sound(event)?;
        }
        Ok(())
    }

    async fn send(&mut self, message: Message) -> Result<(), Mismatch> {
        self.socket.send(message).await.map_err(|error| Mismatch::Broken(error.to_string()))
    }

    async fn hear(&mut self, line: usize, expected: &Value) -> Result<(), Mismatch> {
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

    /// Waits for sound; events meanwhile keep their place.
    async fn listen(&mut self, bytes: usize) -> Result<(), Mismatch> {
        let what = format!("{bytes} bytes of sound");
        let mut meanwhile = VecDeque::new();
        while self.sound < bytes {
            match self.next(&what).await? {
                Some(ClientMessage::Sound) => {}
                Some(ClientMessage::Event(event)) => meanwhile.push_back(event),
                None => return Err(Mismatch::Gone(format!("{what}; there were {}", self.sound))),
            }
        }
        self.events.extend(meanwhile);
        Ok(())
    }

    /// Returns what the client says next; nothing when it has ended the connection.
    async fn next(&mut self, what: &str) -> Result<Option<ClientMessage>, Mismatch> {
        if let Some(event) = self.events.pop_front() {
            return Ok(Some(ClientMessage::Event(event)));
        }
        loop {
            let message = timeout(PATIENCE, self.socket.next()).await;
            let message = message.map_err(|_| Mismatch::Nothing(what.to_owned()))?;
            let text = match message {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Ok(Message::Binary(_))) => return Err(Mismatch::Unasked("binary".to_owned())),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Ok(None),
            };
            let event: Value =
                serde_json::from_str(&text).map_err(|_| Mismatch::Unasked(text.as_str().to_owned()))?;
            if event["type"] != "input_audio_buffer.append" {
                return Ok(Some(ClientMessage::Event(event)));
            }
            let sound = event["audio"].as_str().and_then(|audio| STANDARD.decode(audio).ok());
            let only_sound = event.as_object().is_some_and(|fields| fields.len() == 2);
            match sound {
                Some(sound) if only_sound && !sound.is_empty() => self.sound += sound.len(),
                Some(_) | None => return Err(Mismatch::Unasked(text.as_str().to_owned())),
            }
            return Ok(Some(ClientMessage::Sound));
        }
    }
}

/// What a client said.
enum ClientMessage {
    Sound,
    Event(Value),
}

fn unless_sound(heard: ClientMessage) -> Result<(), Mismatch> {
    match heard {
        ClientMessage::Sound => Ok(()),
        ClientMessage::Event(event) => Err(Mismatch::Unasked(event.to_string())),
    }
}
