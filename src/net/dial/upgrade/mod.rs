//! Client side of the upgrade from HTTP to WebSocket (RFC 6455, section 4.1).
//!
//! Implemented here instead of by tungstenite: a refusal's body is needed in full, a key must not be logged
//! at any level, and header names are sent as documented by the endpoints.

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

/// Header names with documented capitals. Servers must ignore case (RFC 9110, section 5.1), but some do not.
const CANONICAL_NAMES: [&str; 13] = [
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

/// Failure of the upgrade. Texts of the server are redacted, sanitized and short.
#[derive(Debug, Error)]
pub enum UpgradeError {
    /// The stream broke.
    #[error("the connection broke during the WebSocket handshake")]
    Broken {
        /// The cause.
        source: io::Error,
    },
    /// The stream ended before the end of the response.
    #[error("the server closed the connection during the WebSocket handshake")]
    Closed,
    /// The response is not HTTP.
    #[error("the server answered something that is not HTTP")]
    NotHttp {
        /// Its beginning, if it is text.
        start: String,
    },
    /// The response is TLS, which was not requested.
    #[error("the server answered in TLS")]
    SpeaksTls,
    /// An HTTP response other than 101.
    #[error("the server answered {0}")]
    Refused(Box<HttpRefusal>),
    /// A 101 that violates the RFC.
    #[error("invalid upgrade: {0}")]
    Invalid(&'static str),
    /// The server accepted no offered subprotocol.
    #[error("the server accepted none of the offered subprotocols")]
    NoSubprotocol,
}

impl From<HttpResponseError> for UpgradeError {
    fn from(error: HttpResponseError) -> Self {
        match error {
            HttpResponseError::Broken { source } => Self::Broken { source },
            HttpResponseError::Closed => Self::Closed,
            HttpResponseError::NotHttp { start } => Self::NotHttp { start },
            HttpResponseError::SpeaksTls => Self::SpeaksTls,
        }
    }
}

/// Requests the upgrade and checks the response; returns the bytes after it.
///
/// # Errors
/// When the stream ends, or the peer refuses or is not a WebSocket server.
pub(crate) async fn upgrade<S>(stream: &mut S, request: &Request<()>) -> Result<Vec<u8>, UpgradeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let broken = |source| UpgradeError::Broken { source };
    stream.write_all(&encoded(request)).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    let redactor = request.extensions().get::<Redactor>().cloned().unwrap_or_default();
    let response = HttpResponse::read(stream, &redactor).await?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        check(request.headers(), response.headers())?;
        return Ok(response.into_rest());
    }
    Err(UpgradeError::Refused(Box::new(response.refusal(stream, &redactor).await)))
}

fn encoded(request: &Request<()>) -> Vec<u8> {
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
    let known = CANONICAL_NAMES.iter().find(|known| known.eq_ignore_ascii_case(name.as_str()));
    known.copied().unwrap_or(name.as_str())
}

/// Checks a 101 against the request (RFC 6455, section 4.1, second list).
fn check(request: &HeaderMap, response: &HeaderMap) -> Result<(), UpgradeError> {
    let has = |name: HeaderName, word: &str| {
        let mut words = response.get_all(name).iter().filter_map(|value| value.to_str().ok());
        words.any(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(word)))
    };
    if !has(UPGRADE, "websocket") {
        return Err(UpgradeError::Invalid("its Upgrade header lacks websocket"));
    }
    if !has(CONNECTION, "upgrade") {
        return Err(UpgradeError::Invalid("its Connection header lacks Upgrade"));
    }
    let accept = request.get(SEC_WEBSOCKET_KEY).map(|key| derive_accept_key(key.as_bytes()));
    let accepted = response.get(SEC_WEBSOCKET_ACCEPT);
    if accept.is_none() || accepted.map(|value| value.as_bytes()) != accept.as_deref().map(str::as_bytes) {
        return Err(UpgradeError::Invalid("its Sec-WebSocket-Accept does not match the request"));
    }
    if response.contains_key(SEC_WEBSOCKET_EXTENSIONS) {
        return Err(UpgradeError::Invalid("it requires an extension that was not offered"));
    }
    check_subprotocol(request, response)
}

fn check_subprotocol(request: &HeaderMap, response: &HeaderMap) -> Result<(), UpgradeError> {
    let offered = request.get(SEC_WEBSOCKET_PROTOCOL).and_then(|value| value.to_str().ok());
    let chosen = response.get(SEC_WEBSOCKET_PROTOCOL).map(|value| value.to_str().unwrap_or_default());
    match (offered, chosen) {
        (None, None) => Ok(()),
        (Some(_), None) => Err(UpgradeError::NoSubprotocol),
        (Some(offered), Some(chosen)) if offered.split(',').any(|one| one.trim() == chosen.trim()) => Ok(()),
        (_, Some(_)) => Err(UpgradeError::Invalid("it chose a subprotocol that was not offered")),
    }
}

#[cfg(test)]
mod tests;
