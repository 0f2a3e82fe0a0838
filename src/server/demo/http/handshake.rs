//! The HTTP request before the WebSocket: reading, admission and response.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::machine::TryParse;
use tokio_tungstenite::tungstenite::handshake::server::{Request, write_response};
use tokio_tungstenite::tungstenite::http::StatusCode;

use crate::server::demo::EndpointOptions;
use crate::server::demo::http::admission::{Admission, Peer, admit, plain_error};
use crate::server::http::origin::AllowList;

/// Maximum size of a request head. Clients of this protocol send less than 2 KiB; proxies add little.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// Time limit for receiving the request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Time limit for the client to read the response, which is less than 1 KiB.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// An upgraded connection.
pub(crate) struct Upgrade {
    /// Properties of the client.
    pub(crate) peer: Peer,
    /// Bytes received after the request.
    pub(crate) tail: Vec<u8>,
}

/// Reads and answers the request; `None` if there is no WebSocket to serve.
pub(crate) async fn receive<S>(
    stream: &mut S,
    options: &EndpointOptions,
    allowed: Option<&AllowList>,
) -> Option<Upgrade>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let head = match timeout(REQUEST_TIMEOUT, read_head(stream)).await {
        Ok(head) => head?,
        Err(_) => RequestHead::Refused(StatusCode::REQUEST_TIMEOUT, "The request did not arrive in time."),
    };
    let (admission, tail) = match head {
        RequestHead::Request(request, tail) => (admit(&request, options, allowed), tail),
        RequestHead::Refused(status, message) => (plain_error(status, None, message), Vec::new()),
    };
    timeout(ANSWER_TIMEOUT, answer(stream, admission, tail)).await.ok()?
}

/// Writes the response; an upgrade leaves the stream open.
async fn answer<S>(stream: &mut S, admission: Admission, tail: Vec<u8>) -> Option<Upgrade>
where
    S: AsyncWrite + Unpin,
{
    match admission {
        Admission::Upgrade(response, peer) => {
            let mut bytes = Vec::new();
            write_response(&mut bytes, &response).ok()?;
            stream.write_all(&bytes).await.ok()?;
            stream.flush().await.ok()?;
            Some(Upgrade { peer, tail })
        }
        Admission::Plain(status, body) => {
            stream.write_all(&plain(status, &body)).await.ok()?;
            stream.flush().await.ok()?;
            let _ = stream.shutdown().await;
            None
        }
    }
}

/// Refuses a client because of too many connections, without reading its request first.
pub(crate) async fn refuse_as_full<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    let message = "Too many connections; try again later.";
    let full = plain_error(StatusCode::SERVICE_UNAVAILABLE, Some("too_many_connections"), message);
    let refusing = async {
        answer(&mut stream, full, Vec::new()).await;
        // Closing a socket with unread bytes resets it, and the client may lose the response.
        let mut request = [0; 1024];
        let mut read = 0;
        while read < MAX_HEAD_BYTES {
            match stream.read(&mut request).await {
                Ok(count @ 1..) => read += count,
                Ok(0) | Err(_) => break,
            }
        }
    };
    let _ = timeout(ANSWER_TIMEOUT, refusing).await;
}

enum RequestHead {
    /// A request, and the bytes after it.
    Request(Box<Request>, Vec<u8>),
    /// An invalid request: status and message of the response.
    Refused(StatusCode, &'static str),
}

/// Reads to the end of the request head; `None` if the client is gone.
async fn read_head<S: AsyncRead + Unpin>(stream: &mut S) -> Option<RequestHead> {
    let mut bytes = Vec::new();
    while bytes.len() < MAX_HEAD_BYTES {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        match Request::try_parse(&bytes) {
            Ok(Some((length, request))) => {
                return Some(RequestHead::Request(Box::new(request), bytes.split_off(length)));
            }
            Ok(None) => {}
            Err(_) => return Some(RequestHead::Refused(StatusCode::BAD_REQUEST, "Malformed HTTP request.")),
        }
    }
    Some(RequestHead::Refused(
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        "The request head is larger than 16 KiB.",
    ))
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
    if status == StatusCode::SERVICE_UNAVAILABLE {
        text.push_str("Retry-After: 5\r\n");
    }
    if status == StatusCode::UPGRADE_REQUIRED {
        text.push_str("Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
    }
    text.push_str("\r\n");
    text.push_str(&body);
    text.into_bytes()
}
