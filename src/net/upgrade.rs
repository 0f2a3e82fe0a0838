//! The client's side of the upgrade from HTTP to WebSocket (RFC 6455, section 4.1).
//!
//! Done here and not by the library because a refusal's body is wanted in full, a key must be in no
//! log whatever the level, and header names go out spelled as the endpoints' documents spell them.

use std::io;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::handshake::machine::TryParse;
use tokio_tungstenite::tungstenite::http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, TRANSFER_ENCODING, UPGRADE,
};
use tokio_tungstenite::tungstenite::http::{HeaderName, Request, StatusCode};

use crate::net::excerpt::{self, plain_line};
use crate::net::mask::Mask;

/// The longest answer head taken, in bytes; servers limit theirs to 8–16 KiB.
const HEAD_MAX_BYTES: usize = 64 << 10;

/// As much of a refusal's body is read, in bytes: its first lines are shown.
const BODY_MAX_BYTES: usize = 16 << 10;

/// As long is waited for a refusal's body: its status is known already.
const BODY_LIMIT: Duration = Duration::from_secs(2);

/// How much of an answer that is not HTTP is shown, in characters.
const START_MAX_CHARS: usize = 60;

/// Header names whose documented spelling is not small letters throughout. Servers must not care
/// (RFC 9110, section 5.1), some do.
const SPELLED: [&str; 13] = [
    "Host",
    "Connection",
    "Upgrade",
    "Sec-WebSocket-Version",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Protocol",
    "Authorization",
    "User-Agent",
    "OpenAI-Beta",
    "OpenAI-Organization",
    "OpenAI-Project",
    "OpenAI-Safety-Identifier",
    "X-API-Key",
];

/// Why there is no WebSocket. Texts of the server are masked, cleaned and short.
#[derive(Debug, Error)]
pub enum UpgradeError {
    /// The stream broke.
    #[error("the connection broke during the WebSocket handshake")]
    Broken {
        /// How.
        source: io::Error,
    },
    /// The stream ended before there was a whole answer.
    #[error("the server hung up during the WebSocket handshake")]
    HungUp,
    /// The answer is no HTTP.
    #[error("the server answered something that is not HTTP")]
    NotHttp {
        /// How it begins, if it is text.
        start: String,
    },
    /// The answer is TLS, which was not asked for.
    #[error("the server answered in TLS")]
    SpeaksTls,
    /// The server speaks HTTP and did not upgrade.
    #[error("the server answered {0}")]
    Refused(Box<Refusal>),
    /// A 101 that is not as the RFC wants it.
    #[error("the server's upgrade is not valid: {0}")]
    Invalid(&'static str),
    /// Subprotocols were offered and none was taken.
    #[error("the server took none of the subprotocols")]
    NoSubprotocol,
}

/// An HTTP answer other than 101.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// At most three lines of what the body says to a person.
    pub body: Vec<String>,
    /// When to try again, where the server says it in seconds.
    pub retry_after: Option<Duration>,
    /// Where the server sends the client instead; not followed, because the key would go along.
    pub location: Option<String>,
}

/// The status with its usual words, then the first line of the body.
impl std::fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}", self.status)?;
        let words = StatusCode::from_u16(self.status).ok().and_then(|status| status.canonical_reason());
        if let Some(words) = words {
            write!(formatter, " {words}")?;
        }
        match self.body.first() {
            Some(line) => write!(formatter, ": {}", line.trim_end_matches('.')),
            None => Ok(()),
        }
    }
}

/// Asks for the upgrade and checks the answer; returns what came after it.
///
/// # Errors
/// When the stream ends, or the other side refuses or is no WebSocket server.
pub(crate) async fn upgrade<S>(stream: &mut S, request: &Request<()>) -> Result<Vec<u8>, UpgradeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let broken = |source| UpgradeError::Broken { source };
    stream.write_all(&written(request)).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    let mask = request.extensions().get::<Mask>().cloned().unwrap_or_default();
    let mut received = Vec::new();
    let response = loop {
        if let Some((length, response)) = parsed(&mut received, &mask)? {
            received.drain(..length);
            if response.status() == StatusCode::SWITCHING_PROTOCOLS || !response.status().is_informational() {
                break response;
            }
            // An interim answer, such as 103; the real one follows.
            continue;
        }
        if received.len() > HEAD_MAX_BYTES {
            return Err(not_http(&received, &mask));
        }
        if stream.read_buf(&mut received).await.map_err(broken)? == 0 {
            let ended = received.is_empty() || received.starts_with(b"HTTP/");
            return Err(if ended { UpgradeError::HungUp } else { not_http(&received, &mask) });
        }
    };
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        check(request.headers(), response.headers())?;
        return Ok(received);
    }
    read_body(stream, &response, &mut received).await;
    Err(UpgradeError::Refused(Box::new(refusal(&response, &received, &mask))))
}

fn written(request: &Request<()>) -> Vec<u8> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let mut bytes = format!("GET {path} HTTP/1.1\r\n").into_bytes();
    for (name, value) in request.headers() {
        bytes.extend_from_slice(spelled(name).as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

fn spelled(name: &HeaderName) -> &str {
    let known = SPELLED.iter().find(|known| known.eq_ignore_ascii_case(name.as_str()));
    known.copied().unwrap_or(name.as_str())
}

fn parsed(received: &mut [u8], mask: &Mask) -> Result<Option<(usize, Response)>, UpgradeError> {
    if received.starts_with(b"HTTP/1.0 ") {
        // Small servers answer so, and the library takes nothing below 1.1.
        received[7] = b'1';
    }
    Response::try_parse(received).map_err(|_| not_http(received, mask))
}

fn not_http(received: &[u8], mask: &Mask) -> UpgradeError {
    // The record types "alert" and "handshake", version 3 (RFC 8446, section 5.1).
    if received.starts_with(&[21, 3]) || received.starts_with(&[22, 3]) {
        return UpgradeError::SpeaksTls;
    }
    let start = match std::str::from_utf8(&received[..received.len().min(512)]) {
        Ok(text) => plain_line(&mask.apply(text), START_MAX_CHARS),
        Err(_) => String::new(),
    };
    UpgradeError::NotHttp { start }
}

/// Checks a 101 against what was asked for (RFC 6455, section 4.1, second list).
fn check(asked: &HeaderMap, answered: &HeaderMap) -> Result<(), UpgradeError> {
    let says = |name: HeaderName, word: &str| {
        let mut words = answered.get_all(name).iter().filter_map(|value| value.to_str().ok());
        words.any(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(word)))
    };
    if !says(UPGRADE, "websocket") {
        return Err(UpgradeError::Invalid("it names no WebSocket"));
    }
    if !says(CONNECTION, "upgrade") {
        return Err(UpgradeError::Invalid("its Connection header does not say Upgrade"));
    }
    let accept = asked.get(SEC_WEBSOCKET_KEY).map(|key| derive_accept_key(key.as_bytes()));
    let accepted = answered.get(SEC_WEBSOCKET_ACCEPT);
    if accept.is_none() || accepted.map(|value| value.as_bytes()) != accept.as_deref().map(str::as_bytes) {
        return Err(UpgradeError::Invalid("it does not belong to this request"));
    }
    if answered.contains_key(SEC_WEBSOCKET_EXTENSIONS) {
        return Err(UpgradeError::Invalid("it wants an extension that was not offered"));
    }
    check_subprotocol(asked, answered)
}

fn check_subprotocol(asked: &HeaderMap, answered: &HeaderMap) -> Result<(), UpgradeError> {
    let offered = asked.get(SEC_WEBSOCKET_PROTOCOL).and_then(|value| value.to_str().ok());
    let chosen = answered.get(SEC_WEBSOCKET_PROTOCOL).map(|value| value.to_str().unwrap_or_default());
    match (offered, chosen) {
        (None, None) => Ok(()),
        (Some(_), None) => Err(UpgradeError::NoSubprotocol),
        (Some(offered), Some(chosen)) if offered.split(',').any(|one| one.trim() == chosen.trim()) => Ok(()),
        (_, Some(_)) => Err(UpgradeError::Invalid("it chose a subprotocol that was not offered")),
    }
}

/// Reads until the body is whole, long enough or late; what there is of it is shown.
async fn read_body<S: AsyncRead + Unpin>(stream: &mut S, response: &Response, body: &mut Vec<u8>) {
    let wanted = header_text(response.headers(), CONTENT_LENGTH)
        .and_then(|text| text.parse::<usize>().ok())
        .map_or(BODY_MAX_BYTES, |length| length.min(BODY_MAX_BYTES));
    let chunked = is_chunked(response);
    let reading = async {
        while body.len() < wanted && !(chunked && body.ends_with(b"0\r\n\r\n")) {
            if !matches!(stream.read_buf(body).await, Ok(count) if count > 0) {
                break;
            }
        }
    };
    // A late body is shown as far as it came.
    let _ = timeout(BODY_LIMIT, reading).await;
    body.truncate(wanted);
}

fn refusal(response: &Response, body: &[u8], mask: &Mask) -> Refusal {
    let headers = response.headers();
    let body = if is_chunked(response) { unchunked(body) } else { body.to_vec() };
    let is_html = header_text(headers, CONTENT_TYPE).is_some_and(|kind| kind.contains("html"));
    let text = mask.apply(&String::from_utf8_lossy(&body));
    let lines = if is_html { excerpt::of_html(&text) } else { excerpt::of_text(&text) };
    Refusal {
        status: response.status().as_u16(),
        // Once more, because taking entities and tags out may have put a key together.
        body: lines.iter().map(|line| mask.apply(line)).collect(),
        retry_after: header_text(headers, RETRY_AFTER)
            .and_then(|text| text.parse().ok())
            .map(Duration::from_secs),
        location: header_text(headers, LOCATION).map(|text| plain_line(&mask.apply(text), 200)),
    }
}

fn header_text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}

fn is_chunked(response: &Response) -> bool {
    header_text(response.headers(), TRANSFER_ENCODING).is_some_and(|value| value.ends_with("chunked"))
}

/// Takes the chunk sizes out (RFC 9112, section 7.1), as far as the body came.
fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(line_end) = rest.windows(2).position(|pair| pair == b"\r\n") {
        let line = String::from_utf8_lossy(&rest[..line_end]);
        let size = line.split(';').next().unwrap_or_default().trim();
        let Ok(size) = usize::from_str_radix(size, 16) else { break };
        rest = &rest[line_end + 2..];
        let take = size.min(rest.len());
        body.extend_from_slice(&rest[..take]);
        rest = rest[take..].strip_prefix(b"\r\n").unwrap_or_default();
    }
    body
}

#[cfg(test)]
mod tests;
