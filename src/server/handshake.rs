//! The HTTP request in front of the WebSocket: read, judged by `admission`, answered.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::tungstenite::handshake::machine::TryParse;
use tokio_tungstenite::tungstenite::handshake::server::{Request, write_response};
use tokio_tungstenite::tungstenite::http::StatusCode;

use crate::server::Options;
use crate::server::admission::{Admission, Peer, admit};

/// Longer requests are not from clients of this protocol.
const LONGEST_REQUEST: usize = 16 * 1024;

/// Who has not asked for anything by then never will.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection that has become a WebSocket.
pub(crate) struct Upgrade {
    /// Who is at the other end.
    pub(crate) peer: Peer,
    /// What came behind the request already.
    pub(crate) tail: Vec<u8>,
}

/// Reads the request and answers it; `None` when there is no WebSocket to serve.
pub(crate) async fn receive<S>(stream: &mut S, options: &Options) -> Option<Upgrade>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let head = tokio::time::timeout(PATIENCE, read_head(stream)).await.ok()??;
    let (answer, upgrade) = match head {
        Head::Request(request, tail) => match admit(&request, options) {
            Admission::Upgrade(response, peer) => {
                let mut answer = Vec::new();
                write_response(&mut answer, &response).ok()?;
                (answer, Some(Upgrade { peer, tail }))
            }
            Admission::Plain(status, body) => (plain(status, &body), None),
        },
        Head::Malformed => {
            let error =
                serde_json::json!({ "message": "Malformed HTTP request.", "type": "invalid_request_error" });
            (plain(StatusCode::BAD_REQUEST, &serde_json::json!({ "error": error })), None)
        }
    };
    stream.write_all(&answer).await.ok()?;
    stream.flush().await.ok()?;
    if upgrade.is_none() {
        let _ = stream.shutdown().await;
    }
    upgrade
}

enum Head {
    Request(Box<Request>, Vec<u8>),
    Malformed,
}

/// Reads up to the end of the request; `None` when the client has gone.
async fn read_head<S: AsyncRead + Unpin>(stream: &mut S) -> Option<Head> {
    let mut bytes = Vec::new();
    while bytes.len() < LONGEST_REQUEST {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        match Request::try_parse(&bytes) {
            Ok(Some((length, request))) => {
                return Some(Head::Request(Box::new(request), bytes.split_off(length)));
            }
            Ok(None) => {}
            Err(_) => return Some(Head::Malformed),
        }
    }
    Some(Head::Malformed)
}

fn plain(status: StatusCode, body: &serde_json::Value) -> Vec<u8> {
    let body = body.to_string();
    let mut text = format!("HTTP/1.1 {status}\r\n");
    for (name, value) in [
        ("Content-Type", "application/json".to_owned()),
        ("Content-Length", body.len().to_string()),
        ("Connection", "close".to_owned()),
    ] {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    text.push_str("\r\n");
    text.push_str(&body);
    text.into_bytes()
}
