//! The client's side of the upgrade from HTTP to WebSocket (RFC 6455, section 4.1).
//!
//! Done here and not by the library because a refusal's body is wanted in full, a key must be in no
//! log whatever the level, and header names go out spelled as the endpoints' documents spell them.

use std::io;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::http::header::{
    CONNECTION, HeaderMap, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};
use tokio_tungstenite::tungstenite::http::{HeaderName, Request, StatusCode};

use crate::net::dial::http_response::{HttpRefusal, HttpResponse, HttpResponseError};
use crate::net::endpoint::redaction::Redactor;

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
    Refused(Box<HttpRefusal>),
    /// A 101 that is not as the RFC wants it.
    #[error("the server's upgrade is not valid: {0}")]
    Invalid(&'static str),
    /// Subprotocols were offered and none was taken.
    #[error("the server took none of the subprotocols")]
    NoSubprotocol,
}

impl From<HttpResponseError> for UpgradeError {
    fn from(error: HttpResponseError) -> Self {
        match error {
            HttpResponseError::Broken { source } => Self::Broken { source },
            HttpResponseError::HungUp => Self::HungUp,
            HttpResponseError::NotHttp { start } => Self::NotHttp { start },
            HttpResponseError::SpeaksTls => Self::SpeaksTls,
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
    let redactor = request.extensions().get::<Redactor>().cloned().unwrap_or_default();
    let answer = HttpResponse::read(stream, &redactor).await?;
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        check(request.headers(), answer.headers())?;
        return Ok(answer.into_rest());
    }
    Err(UpgradeError::Refused(Box::new(answer.refusal(stream, &redactor).await)))
}

fn written(request: &Request<()>) -> Vec<u8> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let mut bytes = format!("GET {path} HTTP/1.1\r\n").into_bytes();
    for (name, value) in request.headers() {
        bytes.extend_from_slice(canonical_header_name(name).as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

fn canonical_header_name(name: &HeaderName) -> &str {
    let known = SPELLED.iter().find(|known| known.eq_ignore_ascii_case(name.as_str()));
    known.copied().unwrap_or(name.as_str())
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

#[cfg(test)]
mod tests;
