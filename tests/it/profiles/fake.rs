//! A server that keeps the bytes of each handshake, and refuses or holds a written conversation.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Message, accept_hdr};

/// A client that says nothing for so long is given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a connection is answered.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    /// An HTTP status with a body.
    Status(u16, &'static str),
    /// A session that answers one question.
    Session,
}

/// The server; it takes as many connections as it has answers.
pub(super) struct Fake {
    address: SocketAddr,
    heads: Receiver<String>,
}

impl Fake {
    /// Starts a server.
    pub(super) fn answering(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let answers: Vec<Answer> = answers.into_iter().collect();
        let (sender, heads) = mpsc::channel();
        thread::spawn(move || {
            for answer in answers {
                let Ok((stream, _)) = listener.accept() else { return };
                stream.set_read_timeout(Some(PATIENCE)).expect("a socket has a timeout");
                let Some(head) = peek_head(&stream) else { return };
                if sender.send(head).is_err() {
                    return;
                }
                match answer {
                    Answer::Status(status, body) => refuse(stream, status, body),
                    Answer::Session => converse(stream),
                }
            }
        });
        Self { address, heads }
    }

    /// Returns where it listens.
    pub(super) fn url(&self) -> String {
        format!("ws://{}/v1/realtime", self.address)
    }

    /// Returns the next handshake, as it went over the wire.
    pub(super) fn head(&self, limit: Duration) -> String {
        self.heads.recv_timeout(limit).expect("the program dials")
    }

    /// Returns how many handshakes there were that no one has looked at.
    pub(super) fn count(&self) -> usize {
        self.heads.try_iter().count()
    }
}

fn peek_head(stream: &TcpStream) -> Option<String> {
    let mut buffer = [0; 8192];
    loop {
        let length = match stream.peek(&mut buffer) {
            Ok(0) => return None,
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => return None,
        };
        let seen = String::from_utf8_lossy(&buffer[..length]);
        if let Some((head, _)) = seen.split_once("\r\n\r\n") {
            return Some(format!("{head}\r\n"));
        }
        thread::yield_now();
    }
}

fn refuse(mut stream: TcpStream, status: u16, body: &str) {
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status} No\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    // The head is still unread: a close over it would be a reset, and take the answer along.
    let mut head = [0; 8192];
    let _ = stream.read(&mut head);
    stream.write_all(answer.as_bytes()).expect("the client reads its answer");
}

#[expect(clippy::result_large_err, reason = "the library's own signature")]
fn converse(stream: TcpStream) {
    let echo = |request: &Request, mut response: Response| {
        if request.headers().contains_key("sec-websocket-protocol") {
            response.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("realtime"));
        }
        Ok(response)
    };
    let mut socket = accept_hdr(stream, echo).expect("the client upgrades");
    let say = |socket: &mut tokio_tungstenite::tungstenite::WebSocket<TcpStream>, texts: &[&str]| {
        for text in texts {
            // A client that has hung up is no matter of this server.
            let _ = socket.send(Message::text(*text));
        }
    };
    say(
        &mut socket,
        &[
            r#"{"type":"session.created","event_id":"e1","session":{"id":"sess_1","type":"realtime","object":"realtime.session","output_modalities":["text"]}}"#,
        ],
    );
    while let Ok(message) = socket.read() {
        let Ok(event) = message.to_text().map(serde_json::from_str::<Value>) else { continue };
        match event.unwrap_or_default()["type"].as_str() {
            Some("session.update") => say(
                &mut socket,
                &[
                    r#"{"type":"session.updated","event_id":"e2","session":{"id":"sess_1","type":"realtime","object":"realtime.session","output_modalities":["text"]}}"#,
                ],
            ),
            Some("response.create") => say(
                &mut socket,
                &[
                    r#"{"type":"response.created","event_id":"e3","response":{"id":"resp_1","object":"realtime.response","status":"in_progress","output":[]}}"#,
                    r#"{"type":"response.output_text.delta","event_id":"e4","response_id":"resp_1","item_id":"item_1","output_index":0,"content_index":0,"delta":"It works."}"#,
                    r#"{"type":"response.output_text.done","event_id":"e5","response_id":"resp_1","item_id":"item_1","output_index":0,"content_index":0,"text":"It works."}"#,
                    r#"{"type":"response.done","event_id":"e6","response":{"id":"resp_1","object":"realtime.response","status":"completed","output":[]}}"#,
                ],
            ),
            Some(_) | None => {}
        }
    }
}
