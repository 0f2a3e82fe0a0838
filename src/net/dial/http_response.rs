//! Reading of an HTTP response: the head of an upgrade, or the whole refusal.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::handshake::machine::TryParse;
use tokio_tungstenite::tungstenite::http::header::{
    CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderMap, LOCATION, RETRY_AFTER, TRANSFER_ENCODING,
};
use tokio_tungstenite::tungstenite::http::{HeaderName, StatusCode};

use crate::net::endpoint::excerpt::{self, plain_line};
use crate::net::endpoint::redaction::Redactor;
use crate::protocol::error_codes::{self, Remedy};

/// Maximum length of a response head, in bytes; servers limit theirs to 8–16 KiB.
const HEAD_MAX_BYTES: usize = 64 << 10;

/// Maximum part read of a refusal's body, in bytes: only its first lines are shown.
const BODY_MAX_BYTES: usize = 16 << 10;

/// Time limit for a refusal's body, whose status is already known.
const BODY_LIMIT: Duration = Duration::from_secs(2);

/// Maximum plausible `Retry-After`.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(24);

/// Maximum excerpt of an answer that is not HTTP, in characters.
const START_MAX_CHARS: usize = 60;

/// An HTTP response that refuses the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRefusal {
    /// The HTTP status.
    pub status: u16,
    /// At most three readable lines of the body.
    pub body: Vec<String>,
    /// The error code in a JSON body.
    pub code: Option<String>,
    /// Requested delay before a retry.
    pub retry_after: Option<Duration>,
    /// Redirect target; not followed, since the key would be sent there.
    pub location: Option<String>,
}

impl HttpRefusal {
    /// Returns whether a gateway has no upstream channel for the model (new-api).
    pub fn lacks_channel(&self) -> bool {
        let names_channel = |line: &String| {
            let line = line.to_lowercase();
            line.contains("available channel") || line.contains("无可用渠道")
        };
        let unknown_model = self.code.as_deref() == Some("model_not_found") && self.status == 503;
        unknown_model || self.body.iter().any(names_channel)
    }

    /// Returns whether a retry may succeed: the server, or one behind it, is busy or starting. An empty
    /// account has the same status but is permanent.
    pub fn is_transient(&self) -> bool {
        let known = self.code.as_deref().and_then(error_codes::known);
        let permanent = known.is_some_and(|known| known.remedy == Remedy::Stop);
        matches!(self.status, 408 | 425 | 429 | 500 | 502..=504 | 520..=530) && !permanent
    }
}

/// Writes the status with its reason phrase, then the first line of the body.
impl std::fmt::Display for HttpRefusal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}", self.status)?;
        let reason = StatusCode::from_u16(self.status).ok().and_then(|status| status.canonical_reason());
        if let Some(reason) = reason {
            write!(formatter, " {reason}")?;
        }
        match self.body.first() {
            Some(line) => write!(formatter, ": {}", line.trim_end_matches('.')),
            None => Ok(()),
        }
    }
}

/// The head of a response, and the bytes that followed.
#[derive(Debug)]
pub(crate) struct HttpResponse {
    response: Response,
    rest: Vec<u8>,
}

/// Failure to read a response. Texts of the server are redacted, sanitized and short.
#[derive(Debug)]
pub(crate) enum HttpResponseError {
    /// The stream broke.
    Broken {
        /// The cause.
        source: io::Error,
    },
    /// The stream ended before the end of the response.
    Closed,
    /// The response is not HTTP.
    NotHttp {
        /// Its beginning, if it is text.
        start: String,
    },
    /// The response is TLS, which was not requested.
    SpeaksTls,
}

impl HttpResponse {
    /// Reads the head of the response to a request.
    ///
    /// # Errors
    /// When the stream ends early or the response is not HTTP.
    pub(crate) async fn read<S>(stream: &mut S, redactor: &Redactor) -> Result<Self, HttpResponseError>
    where
        S: AsyncRead + Unpin,
    {
        let mut received = Vec::new();
        loop {
            if let Some((length, response)) = parsed(&mut received, redactor)? {
                received.drain(..length);
                let status = response.status();
                if status == StatusCode::SWITCHING_PROTOCOLS || !status.is_informational() {
                    return Ok(Self { response, rest: received });
                }
                // An interim response, such as 103; the final one follows.
                continue;
            }
            if received.len() > HEAD_MAX_BYTES {
                return Err(not_http(&received, redactor));
            }
            let count = stream.read_buf(&mut received).await;
            if count.map_err(|source| HttpResponseError::Broken { source })? == 0 {
                let ended = received.is_empty() || received.starts_with(b"HTTP/");
                return Err(if ended { HttpResponseError::Closed } else { not_http(&received, redactor) });
            }
        }
    }

    /// Returns the status.
    pub(crate) fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// Returns the headers.
    pub(crate) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// Returns the bytes after the head.
    pub(crate) fn into_rest(self) -> Vec<u8> {
        self.rest
    }

    /// Reads the body and returns the refusal.
    pub(crate) async fn refusal<S: AsyncRead + Unpin>(
        mut self,
        stream: &mut S,
        redactor: &Redactor,
    ) -> HttpRefusal {
        read_body(stream, &self.response, &mut self.rest).await;
        refusal(&self.response, &self.rest, redactor)
    }
}

fn parsed(received: &mut [u8], redactor: &Redactor) -> Result<Option<(usize, Response)>, HttpResponseError> {
    if received.starts_with(b"HTTP/1.0 ") {
        // Small servers answer with 1.0; the parser requires 1.1.
        received[7] = b'1';
    }
    Response::try_parse(received).map_err(|_| not_http(received, redactor))
}

fn not_http(received: &[u8], redactor: &Redactor) -> HttpResponseError {
    // The record types "alert" and "handshake", version 3 (RFC 8446, section 5.1).
    if received.starts_with(&[21, 3]) || received.starts_with(&[22, 3]) {
        return HttpResponseError::SpeaksTls;
    }
    let start = match std::str::from_utf8(&received[..received.len().min(512)]) {
        Ok(text) => plain_line(&redactor.redact(text), START_MAX_CHARS),
        Err(_) => String::new(),
    };
    HttpResponseError::NotHttp { start }
}

/// Reads until the body is complete, at its size limit or timed out; a partial body is shown.
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
    // A late body is shown as far as it arrived.
    let _ = timeout(BODY_LIMIT, reading).await;
    body.truncate(wanted);
}

fn refusal(response: &Response, body: &[u8], redactor: &Redactor) -> HttpRefusal {
    let headers = response.headers();
    let body = if is_chunked(response) { unchunked(body) } else { body.to_vec() };
    let is_html = header_text(headers, CONTENT_TYPE).is_some_and(|kind| kind.contains("html"));
    let text = redactor.redact(&String::from_utf8_lossy(&body)).into_owned();
    let lines = if is_html { excerpt::of_html(&text) } else { excerpt::of_text(&text) };
    HttpRefusal {
        status: response.status().as_u16(),
        // Redact again: removing entities and tags may have joined the parts of a key.
        body: lines.iter().map(|line| redactor.redact(line).into_owned()).collect(),
        code: excerpt::code(&body).map(|code| plain_line(&redactor.redact(&code), 60)),
        retry_after: retry_after(headers),
        location: header_text(headers, LOCATION).map(|text| plain_line(&redactor.redact(text), 200)),
    }
}

/// Returns the requested delay. A date is compared with the server's own clock, since this machine's may be
/// wrong. Implausible values are ignored.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = header_text(headers, RETRY_AFTER)?;
    let until = || {
        let now = httpdate::parse_http_date(header_text(headers, DATE)?).ok()?;
        httpdate::parse_http_date(text).ok()?.duration_since(now).ok()
    };
    let wait = text.parse().ok().map(Duration::from_secs).or_else(until)?;
    (wait <= RETRY_AFTER_MAX).then_some(wait)
}

fn header_text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}

fn is_chunked(response: &Response) -> bool {
    header_text(response.headers(), TRANSFER_ENCODING).is_some_and(|value| value.ends_with("chunked"))
}

/// Decodes chunks (RFC 9112, section 7.1) as far as the body arrived.
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
