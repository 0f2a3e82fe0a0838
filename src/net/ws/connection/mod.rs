//! WebSocket client over any byte stream, with the cause of its end.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::coop::has_budget_remaining;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error as SocketError, ProtocolError};
use tokio_tungstenite::tungstenite::http::Request;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

use crate::net::dial::upgrade::{UpgradeError, upgrade};
use crate::net::endpoint::excerpt::plain_line;
use crate::net::endpoint::redaction::Redactor;
use crate::net::endpoint::redaction::stream::EventRedactor;
use crate::net::ws::ignore_write_errors::IgnoreWriteErrors;
use crate::net::ws::keepalive::{Keepalive, KeepaliveEvent};
use crate::protocol::close::CloseCause;

/// Read buffer. The default of 128 KiB would be a measurable part of an idle call's memory; the largest
/// common message, a second of speech, takes four reads.
const READ_BUFFER_BYTES: usize = 16 << 10;

/// Maximum frame size; the largest observed is a retrieved item with audio.
const FRAME_MAX_BYTES: usize = 16 << 20;

/// Maximum message size, over all its frames.
const MESSAGE_MAX_BYTES: usize = 64 << 20;

/// Maximum bytes of queued pongs. The library queues one per ping without bound; a server that sends
/// thousands of pings and reads no answer is broken or malicious.
const UNREAD_PONGS_MAX_BYTES: usize = 64 << 10;

/// Header of a masked pong.
const PONG_HEADER_BYTES: usize = 6;

/// Maximum length of the reason in a close frame (RFC 6455, section 5.5).
const REASON_MAX_BYTES: usize = 123;

/// An event of the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebSocketEvent {
    /// A text message.
    Text(Utf8Bytes),
    /// Everything queued has been handed to the stream.
    Drained,
    /// A message that is not text, described in one line for debugging.
    Malformed(String),
    /// The end, after all received messages; returned again by later calls.
    Closed(CloseCause),
}

/// A WebSocket client in one task: sends and receives only inside [`WebSocketClient::next`].
pub struct WebSocketClient<S> {
    socket: WebSocketStream<IgnoreWriteErrors<S>>,
    /// Messages not yet given to the socket. Unbounded: the caller checks [`WebSocketClient::backlog`] and
    /// stops sending microphone audio, the only data that can grow.
    queue: VecDeque<Utf8Bytes>,
    /// Bytes in `queue`.
    queued_bytes: usize,
    /// Bytes given to the socket that the stream may not have accepted yet.
    writing_bytes: usize,
    /// Pongs queued by the library since the last complete flush.
    pong_bytes: usize,
    /// Whether [`WebSocketEvent::Drained`] is due after the next flush.
    reports_drained: bool,
    close_handshake: CloseHandshake,
    keepalive: Keepalive,
    /// Whether a ping is due.
    ping_due: bool,
    /// Hides keys in the server's messages, since servers echo what they receive.
    redactor: EventRedactor,
    /// Cause of the end, once closed.
    closed: Option<CloseCause>,
}

/// Progress of this side's close.
#[derive(Debug)]
enum CloseHandshake {
    /// Not requested.
    None,
    /// To be sent once the queue is empty.
    Requested(CloseFrame),
    /// Given to the socket.
    Sent,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocketClient<S> {
    /// Opens a client over a stream with the client's side of the upgrade. Sets no time limit.
    ///
    /// # Errors
    /// When the stream ends, or the peer refuses or is not a WebSocket server. Its texts, here and later, are
    /// redacted by the [`Redactor`] in the request's extensions, if any.
    pub async fn over(mut stream: S, request: Request<()>) -> Result<Self, UpgradeError> {
        let early = upgrade(&mut stream, &request).await?;
        let redactor = request.extensions().get::<Redactor>().cloned().unwrap_or_default();
        Ok(Self::after_upgrade(stream, early, redactor).await)
    }

    /// Opens a client over an upgraded stream; `early` are the bytes received after the response.
    pub(crate) async fn after_upgrade(stream: S, early: Vec<u8>, redactor: Redactor) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0)
            .max_frame_size(Some(FRAME_MAX_BYTES))
            .max_message_size(Some(MESSAGE_MAX_BYTES));
        let stream = IgnoreWriteErrors::new(stream);
        let socket = WebSocketStream::from_partially_read(stream, early, Role::Client, Some(config)).await;
        Self {
            socket,
            queue: VecDeque::new(),
            queued_bytes: 0,
            writing_bytes: 0,
            pong_bytes: 0,
            reports_drained: false,
            close_handshake: CloseHandshake::None,
            keepalive: Keepalive::start(),
            ping_due: false,
            redactor: EventRedactor::new(redactor),
            closed: None,
        }
    }

    /// Queues a text message for [`WebSocketClient::next`] to send. Ignored after [`WebSocketClient::close`]
    /// and after the end.
    pub fn queue(&mut self, text: String) {
        if self.closed.is_some() || !matches!(self.close_handshake, CloseHandshake::None) {
            return;
        }
        self.queued_bytes += text.len();
        self.queue.push_back(text.into());
        self.reports_drained = true;
    }

    /// Returns the number of bytes waiting for the stream. A message counts in full until its last byte is
    /// accepted.
    pub fn backlog(&self) -> usize {
        self.queued_bytes + self.writing_bytes
    }

    /// Sends a close frame after everything queued. [`WebSocketClient::next`] returns the peer's messages
    /// until it answers, then `Closed(Ours)`; the caller decides how long to wait. The reason is truncated to
    /// 123 bytes.
    pub fn close(&mut self, code: u16, reason: &str) {
        if matches!(self.close_handshake, CloseHandshake::None) {
            let reason = &reason[..reason.floor_char_boundary(REASON_MAX_BYTES)];
            self.close_handshake =
                CloseHandshake::Requested(CloseFrame { code: CloseCode::from(code), reason: reason.into() });
        }
    }

    /// Sends queued messages and returns the next event.
    ///
    /// Cancel-safe because the future holds only a borrow: partly sent or received data stays in the socket,
    /// and an event is taken only to be returned at once.
    pub async fn next(&mut self) -> WebSocketEvent {
        let event = poll_fn(|context| self.poll_event(context)).await;
        self.redacted(event)
    }

    fn redacted(&mut self, event: WebSocketEvent) -> WebSocketEvent {
        let hide = |text: String| self.redactor.redactor().redact(&text).into_owned();
        match event {
            WebSocketEvent::Text(text) => WebSocketEvent::Text(match self.redactor.redact(&text) {
                Cow::Borrowed(_) => text,
                Cow::Owned(redacted) => redacted.into(),
            }),
            WebSocketEvent::Drained | WebSocketEvent::Malformed(_) => event,
            WebSocketEvent::Closed(CloseCause::Peer { code, reason }) => {
                WebSocketEvent::Closed(CloseCause::Peer { code, reason: hide(reason) })
            }
            WebSocketEvent::Closed(CloseCause::Broken(what)) => {
                WebSocketEvent::Closed(CloseCause::Broken(hide(what)))
            }
            WebSocketEvent::Closed(CloseCause::Ours) => event,
        }
    }

    /// Writes first, so that a chatty server cannot delay the microphone; then reads one message per call, so
    /// that a server that does not read is still read from.
    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<WebSocketEvent> {
        if let Some(cause) = &self.closed {
            return Poll::Ready(WebSocketEvent::Closed(cause.clone()));
        }
        let written = self.poll_write(context).is_ready() && self.socket.get_ref().failure().is_none();
        if written && std::mem::take(&mut self.reports_drained) {
            return Poll::Ready(WebSocketEvent::Drained);
        }
        let read = self.poll_read(context);
        if self.socket.get_mut().take_received() {
            self.keepalive.note_received();
        }
        match read {
            Poll::Pending => self.poll_failure(context),
            ready @ Poll::Ready(_) => ready,
        }
    }

    /// Ends the connection once neither writing nor reading is possible.
    fn poll_failure(&mut self, context: &mut Context<'_>) -> Poll<WebSocketEvent> {
        let Some(failure) = self.socket.get_ref().failure() else {
            return self.poll_keepalive(context);
        };
        if !has_budget_remaining() {
            // Reading only paused for other tasks; more data may follow.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let cause = broken_or_ours(&self.close_handshake, io_sentence(failure));
        Poll::Ready(self.end(cause))
    }

    /// Sends a due ping, and ends the connection after too long a silence.
    fn poll_keepalive(&mut self, context: &mut Context<'_>) -> Poll<WebSocketEvent> {
        match self.keepalive.poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(KeepaliveEvent::Ping) => {
                // After a close request the caller limits the wait.
                self.ping_due = matches!(self.close_handshake, CloseHandshake::None);
                // The next poll sends it and waits for the next tick.
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Ready(KeepaliveEvent::Dead) => {
                let cause = broken_or_ours(&self.close_handshake, NO_ANSWER.to_owned());
                Poll::Ready(self.end(cause))
            }
        }
    }

    /// Ready when the queue and a requested close frame have been handed to the stream. Never fails: write
    /// errors are found in [`IgnoreWriteErrors::failure`], after reading.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            if Pin::new(&mut self.socket).poll_ready(context).is_pending() {
                return Poll::Pending;
            }
            let message = if std::mem::take(&mut self.ping_due) {
                Message::Ping(Bytes::new())
            } else if let Some(text) = self.queue.pop_front() {
                self.queued_bytes -= text.len();
                self.writing_bytes = text.len();
                Message::Text(text)
            } else if let CloseHandshake::Requested(frame) = &self.close_handshake {
                let frame = frame.clone();
                self.close_handshake = CloseHandshake::Sent;
                Message::Close(Some(frame))
            } else {
                break;
            };
            // Fails only after the peer's close frame, which the next read returns.
            let _ = Pin::new(&mut self.socket).start_send(message);
        }
        if Pin::new(&mut self.socket).poll_flush(context).is_pending() {
            return Poll::Pending;
        }
        self.writing_bytes = 0;
        self.pong_bytes = 0;
        Poll::Ready(())
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<WebSocketEvent> {
        loop {
            let message = match Pin::new(&mut self.socket).poll_next(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(message) => message,
            };
            return Poll::Ready(match message {
                Some(Ok(Message::Text(text))) => WebSocketEvent::Text(text),
                Some(Ok(Message::Binary(bytes))) => match json_text(bytes) {
                    Ok(text) => WebSocketEvent::Text(text),
                    Err(bytes) => WebSocketEvent::Malformed(binary_note(&bytes, self.redactor.redactor())),
                },
                // The library queues a pong and writes it with the next read or write.
                Some(Ok(Message::Ping(payload))) => {
                    self.pong_bytes += payload.len() + PONG_HEADER_BYTES;
                    if self.pong_bytes > UNREAD_PONGS_MAX_BYTES && self.poll_write(context).is_pending() {
                        let cause = broken_or_ours(&self.close_handshake, PING_FLOOD.to_owned());
                        return Poll::Ready(self.end(cause));
                    }
                    continue;
                }
                Some(Ok(Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Ok(Message::Close(frame))) => {
                    let cause = close_cause(&self.close_handshake, frame);
                    self.answer_close(context, None);
                    self.end(cause)
                }
                Some(Err(error)) => {
                    let cause = broken_or_ours(&self.close_handshake, sentence(&error));
                    self.answer_close(context, error_frame(&error));
                    self.end(cause)
                }
                None => self.end(broken_or_ours(&self.close_handshake, NO_CLOSE_FRAME.to_owned())),
            });
        }
    }

    /// Answers a close frame, only if the stream accepts it at once.
    fn answer_close(&mut self, context: &mut Context<'_>, frame: Option<CloseFrame>) {
        if let Some(frame) = frame {
            let _ = Pin::new(&mut self.socket).start_send(Message::Close(Some(frame)));
        }
        let _ = Pin::new(&mut self.socket).poll_flush(context);
    }

    fn end(&mut self, cause: CloseCause) -> WebSocketEvent {
        self.queue.clear();
        self.queued_bytes = 0;
        self.writing_bytes = 0;
        self.closed = Some(cause.clone());
        WebSocketEvent::Closed(cause)
    }
}

/// Omits the queued messages, which may contain speech.
impl<S> fmt::Debug for WebSocketClient<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("WebSocketClient")
            .field("queued_bytes", &self.queued_bytes)
            .field("writing_bytes", &self.writing_bytes)
            .field("close_handshake", &self.close_handshake)
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

const NO_CLOSE_FRAME: &str = "the server closed the connection without a close frame";

const PING_FLOOD: &str = "the server sent pings without reading the pongs";
const ILLEGAL_CLOSE_CODE: &str = "the server sent an illegal close code";

const NO_ANSWER: &str = "no data for 30 s";

fn close_cause(close_handshake: &CloseHandshake, frame: Option<CloseFrame>) -> CloseCause {
    match (close_handshake, frame) {
        (CloseHandshake::Sent, _) => CloseCause::Ours,
        (CloseHandshake::None | CloseHandshake::Requested(_), Some(frame)) if is_illegal(&frame) => {
            CloseCause::Broken(ILLEGAL_CLOSE_CODE.to_owned())
        }
        (CloseHandshake::None | CloseHandshake::Requested(_), Some(frame)) => {
            CloseCause::Peer { code: Some(frame.code.into()), reason: frame.reason.as_str().to_owned() }
        }
        (CloseHandshake::None | CloseHandshake::Requested(_), None) => {
            CloseCause::Peer { code: None, reason: String::new() }
        }
    }
}

/// Returns whether the peer sent an illegal close code. tungstenite replaces such a frame with this one; a
/// peer sends it itself only in reply to an illegal code from this side.
fn is_illegal(frame: &CloseFrame) -> bool {
    frame.code == CloseCode::Protocol && frame.reason.as_str() == "Protocol violation"
}

/// Returns the cause of the end: once this side wants to close, the manner does not matter.
fn broken_or_ours(close_handshake: &CloseHandshake, sentence: String) -> CloseCause {
    match close_handshake {
        CloseHandshake::Requested(_) | CloseHandshake::Sent => CloseCause::Ours,
        CloseHandshake::None => CloseCause::Broken(sentence),
    }
}

/// Returns the close frame for a protocol violation (RFC 6455, section 7.4.1).
#[expect(clippy::wildcard_enum_match_arm, reason = "the stream is gone after the other errors")]
fn error_frame(error: &SocketError) -> Option<CloseFrame> {
    let (code, reason) = match error {
        SocketError::Capacity(_) => (CloseCode::Size, "message too big"),
        SocketError::Utf8(_) => (CloseCode::Invalid, "text is not UTF-8"),
        SocketError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => return None,
        SocketError::Protocol(_) => (CloseCode::Protocol, "protocol error"),
        _ => return None,
    };
    Some(CloseFrame { code, reason: Utf8Bytes::from_static(reason) })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "other variants use the library's message")]
fn sentence(error: &SocketError) -> String {
    match error {
        SocketError::Io(error) => io_sentence(error),
        SocketError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => NO_CLOSE_FRAME.to_owned(),
        SocketError::Capacity(CapacityError::MessageTooLong { size, max_size }) => format!(
            "the server sent a message of {} MiB; the limit is {} MiB",
            size.div_ceil(1 << 20),
            max_size >> 20
        ),
        SocketError::Utf8(_) => "the server sent text that is not UTF-8".to_owned(),
        SocketError::Protocol(error) => format!("the server broke the WebSocket protocol: {error}"),
        other => format!("the WebSocket failed: {other}"),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "other kinds use the system's message")]
fn io_sentence(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe => NO_CLOSE_FRAME.to_owned(),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => "the connection was reset".to_owned(),
        ErrorKind::TimedOut => "the network stopped answering".to_owned(),
        _ => format!("the connection broke: {error}"),
    }
}

/// Returns the JSON text of a binary frame, as some servers and gateways send it.
fn json_text(bytes: Bytes) -> Result<Utf8Bytes, Bytes> {
    let is_object = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    match Utf8Bytes::try_from(bytes.clone()) {
        Ok(text) if is_object => Ok(text),
        Ok(_) | Err(_) => Err(bytes),
    }
}

/// Describes a binary frame. Redacts before truncating, since part of a key is not recognisable.
fn binary_note(bytes: &[u8], redactor: &Redactor) -> String {
    let begins = match std::str::from_utf8(bytes) {
        Ok(text) => format!(", beginning {}", plain_line(&redactor.redact(text), 60)),
        Err(_) => String::new(),
    };
    format!("a binary frame of {} bytes{begins}", bytes.len())
}

#[cfg(test)]
mod tests;
