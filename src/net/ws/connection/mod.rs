//! A WebSocket over any byte stream: text in, text out, and why it ended.

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
use crate::net::endpoint::redaction::{EventRedactor, Redactor};
use crate::net::ws::ignore_write_errors::IgnoreWriteErrors;
use crate::net::ws::keepalive::{Keepalive, KeepaliveEvent};
use crate::protocol::close::CloseCause;

/// How much is read at once. The usual 128 KiB would be a measurable part of an idle call's memory,
/// and the largest common message, a second of speech, still comes in four reads.
const READ_BUFFER_BYTES: usize = 16 << 10;

/// The largest frame taken, in bytes; the largest seen is a retrieved item with its sound.
const FRAME_MAX_BYTES: usize = 16 << 20;

/// The largest message taken, in bytes, all its frames together.
const MESSAGE_MAX_BYTES: usize = 64 << 20;

/// How many bytes of pongs may wait for a server that does not read. The library queues one for each ping, without
/// bound; a server that sends thousands of pings and reads none of the answers is broken or malicious.
const UNREAD_PONGS_MAX_BYTES: usize = 64 << 10;

/// The header of a pong with its mask.
const PONG_HEADER_BYTES: usize = 6;

/// The longest reason that fits in a close frame (RFC 6455, section 5.5), in bytes.
const REASON_MAX_BYTES: usize = 123;

/// What comes out of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebSocketEvent {
    /// A message.
    Text(Utf8Bytes),
    /// All that was queued has been handed to the stream.
    Drained,
    /// Something came that is no text: a note of what, in one line, for a developer.
    Garbled(String),
    /// The end. All that was said before it has been returned; it is returned again if asked again.
    Closed(CloseCause),
}

/// A WebSocket client in one task: nothing is sent or received but in `WebSocketClient::next`.
pub struct WebSocketClient<S> {
    socket: WebSocketStream<IgnoreWriteErrors<S>>,
    /// What the socket has not been given. Not bounded: the caller looks at `WebSocketClient::backlog` and
    /// stops taking microphone sound, which is all that can grow.
    queue: VecDeque<Utf8Bytes>,
    /// The bytes in `queue`.
    queued_bytes: usize,
    /// The bytes that the socket was given and the stream may not have taken yet.
    writing_bytes: usize,
    /// The pongs that the library queued since everything was written.
    pong_bytes: usize,
    /// Whether `WebSocketEvent::Drained` is owed once all is written.
    owes_drained: bool,
    goodbye: CloseHandshake,
    pulse: Keepalive,
    /// Whether the other side is to be asked whether it is there.
    owes_ping: bool,
    /// Hides the keys in what the other side says: servers repeat what they are sent.
    redactor: EventRedactor,
    /// Set at the end.
    closed: Option<CloseCause>,
}

/// How far this side's goodbye is.
#[derive(Debug)]
enum CloseHandshake {
    /// Not asked for.
    No,
    /// To be said when the queue is empty.
    Asked(CloseFrame),
    /// Handed to the socket.
    Said,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocketClient<S> {
    /// Makes a link of a stream by the client's side of the upgrade. Sets no time limit.
    ///
    /// # Errors
    /// When the stream ends, or the other side refuses or is no WebSocket server. What it says, here and
    /// later, is redacted by the [`Redactor`] among the request's extensions, if any.
    pub async fn over(mut stream: S, request: Request<()>) -> Result<Self, UpgradeError> {
        let early = upgrade(&mut stream, &request).await?;
        let redactor = request.extensions().get::<Redactor>().cloned().unwrap_or_default();
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0)
            .max_frame_size(Some(FRAME_MAX_BYTES))
            .max_message_size(Some(MESSAGE_MAX_BYTES));
        let stream = IgnoreWriteErrors::new(stream);
        let socket = WebSocketStream::from_partially_read(stream, early, Role::Client, Some(config)).await;
        Ok(Self {
            socket,
            queue: VecDeque::new(),
            queued_bytes: 0,
            writing_bytes: 0,
            pong_bytes: 0,
            owes_drained: false,
            goodbye: CloseHandshake::No,
            pulse: Keepalive::start(),
            owes_ping: false,
            redactor: EventRedactor::new(redactor),
            closed: None,
        })
    }

    /// Puts a text message in the outgoing queue; `WebSocketClient::next` sends it. Ignored after
    /// `WebSocketClient::close` and after the end, where nothing can be sent.
    pub fn queue(&mut self, text: String) {
        if self.closed.is_some() || !matches!(self.goodbye, CloseHandshake::No) {
            return;
        }
        self.queued_bytes += text.len();
        self.queue.push_back(text.into());
        self.owes_drained = true;
    }

    /// Returns how many bytes of text wait to be handed to the stream. A message counts in full
    /// until its last byte is taken.
    pub fn backlog(&self) -> usize {
        self.queued_bytes + self.writing_bytes
    }

    /// Says goodbye after all that is queued. `WebSocketClient::next` goes on returning what the other side
    /// says until it answers, then `Closed(Ours)`; how long to wait is the caller's business.
    /// The reason is cut to what fits, 123 bytes.
    pub fn close(&mut self, code: u16, reason: &str) {
        if matches!(self.goodbye, CloseHandshake::No) {
            let reason = &reason[..reason.floor_char_boundary(REASON_MAX_BYTES)];
            self.goodbye =
                CloseHandshake::Asked(CloseFrame { code: CloseCode::from(code), reason: reason.into() });
        }
    }

    /// Sends what is queued and returns what happens next.
    ///
    /// Cancel-safe because there is nothing in the future but a borrow: what is half sent or half
    /// received stays in the socket, and an event is taken from it only to be returned at once.
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
            WebSocketEvent::Drained | WebSocketEvent::Garbled(_) => event,
            WebSocketEvent::Closed(CloseCause::Peer { code, reason }) => {
                WebSocketEvent::Closed(CloseCause::Peer { code, reason: hide(reason) })
            }
            WebSocketEvent::Closed(CloseCause::Broken(what)) => {
                WebSocketEvent::Closed(CloseCause::Broken(hide(what)))
            }
            WebSocketEvent::Closed(CloseCause::Ours) => event,
        }
    }

    /// Writes first, so that a talkative server cannot hold up the microphone; then reads one message,
    /// and with the next call the one after it, so that a server that does not read can still be heard.
    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<WebSocketEvent> {
        if let Some(cause) = &self.closed {
            return Poll::Ready(WebSocketEvent::Closed(cause.clone()));
        }
        let written = self.poll_write(context).is_ready() && self.socket.get_ref().failure().is_none();
        if written && std::mem::take(&mut self.owes_drained) {
            return Poll::Ready(WebSocketEvent::Drained);
        }
        let read = self.poll_read(context);
        if self.socket.get_mut().take_heard() {
            self.pulse.heard();
        }
        match read {
            Poll::Pending => self.poll_failure(context),
            ready @ Poll::Ready(_) => ready,
        }
    }

    /// Ends the link when it can neither be written nor read any more.
    fn poll_failure(&mut self, context: &mut Context<'_>) -> Poll<WebSocketEvent> {
        let Some(failure) = self.socket.get_ref().failure() else {
            return self.poll_pulse(context);
        };
        if !has_budget_remaining() {
            // Reading paused for the other tasks' sake, and there may be more.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let cause = broken_or_ours(&self.goodbye, io_sentence(failure));
        Poll::Ready(self.end(cause))
    }

    /// Ends the link when the other side has been silent for too long, after it was asked.
    fn poll_pulse(&mut self, context: &mut Context<'_>) -> Poll<WebSocketEvent> {
        match self.pulse.poll(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(KeepaliveEvent::Ping) => {
                // After a goodbye the caller knows how long to wait.
                self.owes_ping = matches!(self.goodbye, CloseHandshake::No);
                // It leaves with the next poll, which also waits for the next tick.
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Ready(KeepaliveEvent::Dead) => {
                let cause = broken_or_ours(&self.goodbye, NO_ANSWER.to_owned());
                Poll::Ready(self.end(cause))
            }
        }
    }

    /// Ready when the queue, and the goodbye if asked for, are with the stream. Never fails: a stream
    /// that cannot be written is found by `IgnoreWriteErrors::failure`, after it has been read.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            if Pin::new(&mut self.socket).poll_ready(context).is_pending() {
                return Poll::Pending;
            }
            let message = if std::mem::take(&mut self.owes_ping) {
                Message::Ping(Bytes::new())
            } else if let Some(text) = self.queue.pop_front() {
                self.queued_bytes -= text.len();
                self.writing_bytes = text.len();
                Message::Text(text)
            } else if let CloseHandshake::Asked(frame) = &self.goodbye {
                let frame = frame.clone();
                self.goodbye = CloseHandshake::Said;
                Message::Close(Some(frame))
            } else {
                break;
            };
            // Fails only after a goodbye of the other side, which the next reading returns.
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
                    Err(bytes) => WebSocketEvent::Garbled(binary_note(&bytes, self.redactor.redactor())),
                },
                // The library queues a pong, and writes it with the next reading or writing.
                Some(Ok(Message::Ping(payload))) => {
                    self.pong_bytes += payload.len() + PONG_HEADER_BYTES;
                    if self.pong_bytes > UNREAD_PONGS_MAX_BYTES && self.poll_write(context).is_pending() {
                        let cause = broken_or_ours(&self.goodbye, PING_FLOOD.to_owned());
                        return Poll::Ready(self.end(cause));
                    }
                    continue;
                }
                Some(Ok(Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Ok(Message::Close(frame))) => {
                    let cause = close_cause(&self.goodbye, frame);
                    self.answer_goodbye(context, None);
                    self.end(cause)
                }
                Some(Err(error)) => {
                    let cause = broken_or_ours(&self.goodbye, sentence(&error));
                    self.answer_goodbye(context, complaint(&error));
                    self.end(cause)
                }
                None => self.end(broken_or_ours(&self.goodbye, NO_GOODBYE.to_owned())),
            });
        }
    }

    /// Out of politeness, and so only if the stream takes it at once.
    fn answer_goodbye(&mut self, context: &mut Context<'_>, frame: Option<CloseFrame>) {
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

/// Without what is queued, which is what somebody said.
impl<S> fmt::Debug for WebSocketClient<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Link")
            .field("queued_bytes", &self.queued_bytes)
            .field("writing_bytes", &self.writing_bytes)
            .field("goodbye", &self.goodbye)
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

const NO_GOODBYE: &str = "the server ended the connection without a goodbye";

const PING_FLOOD: &str = "the server sent pings without reading the answers";
const ILLEGAL_CLOSE_CODE: &str = "the server closed it with an illegal close code";

const NO_ANSWER: &str = "no answer for 30 s";

fn close_cause(goodbye: &CloseHandshake, frame: Option<CloseFrame>) -> CloseCause {
    match (goodbye, frame) {
        (CloseHandshake::Said, _) => CloseCause::Ours,
        (CloseHandshake::No | CloseHandshake::Asked(_), Some(frame)) if is_illegal(&frame) => {
            CloseCause::Broken(ILLEGAL_CLOSE_CODE.to_owned())
        }
        (CloseHandshake::No | CloseHandshake::Asked(_), Some(frame)) => {
            CloseCause::Peer { code: Some(frame.code.into()), reason: frame.reason.as_str().to_owned() }
        }
        (CloseHandshake::No | CloseHandshake::Asked(_), None) => {
            CloseCause::Peer { code: None, reason: String::new() }
        }
    }
}

/// Returns whether a close frame had a code that must not be on the wire. tungstenite does not pass such a
/// code on, but this frame in its place; a peer sends that itself only in reply to an illegal code of ours.
fn is_illegal(frame: &CloseFrame) -> bool {
    frame.code == CloseCode::Protocol && frame.reason.as_str() == "Protocol violation"
}

/// Once this side wants to go, it does not matter how it ends.
fn broken_or_ours(goodbye: &CloseHandshake, sentence: String) -> CloseCause {
    match goodbye {
        CloseHandshake::Asked(_) | CloseHandshake::Said => CloseCause::Ours,
        CloseHandshake::No => CloseCause::Broken(sentence),
    }
}

/// What a server is told that broke the protocol (RFC 6455, section 7.4.1).
#[expect(clippy::wildcard_enum_match_arm, reason = "the other errors are of a stream that is gone")]
fn complaint(error: &SocketError) -> Option<CloseFrame> {
    let (code, reason) = match error {
        SocketError::Capacity(_) => (CloseCode::Size, "message too big"),
        SocketError::Utf8(_) => (CloseCode::Invalid, "text is not UTF-8"),
        SocketError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => return None,
        SocketError::Protocol(_) => (CloseCode::Protocol, "protocol error"),
        _ => return None,
    };
    Some(CloseFrame { code, reason: Utf8Bytes::from_static(reason) })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "what has no words of ours is said by the library")]
fn sentence(error: &SocketError) -> String {
    match error {
        SocketError::Io(error) => io_sentence(error),
        SocketError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => NO_GOODBYE.to_owned(),
        SocketError::Capacity(CapacityError::MessageTooLong { size, max_size }) => format!(
            "the server sent a message of {} MiB; more than {} MiB is not taken",
            size.div_ceil(1 << 20),
            max_size >> 20
        ),
        SocketError::Utf8(_) => "the server sent text that is not UTF-8".to_owned(),
        SocketError::Protocol(error) => format!("the server broke the WebSocket protocol: {error}"),
        other => format!("the WebSocket failed: {other}"),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the system has words for the other kinds")]
fn io_sentence(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe => NO_GOODBYE.to_owned(),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => "the connection was reset".to_owned(),
        ErrorKind::TimedOut => "the network stopped answering".to_owned(),
        _ => format!("the connection broke: {error}"),
    }
}

/// Returns the event in a binary frame: some servers and gateways send their JSON that way.
fn json_text(bytes: Bytes) -> Result<Utf8Bytes, Bytes> {
    let is_object = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    match Utf8Bytes::try_from(bytes.clone()) {
        Ok(text) if is_object => Ok(text),
        Ok(_) | Err(_) => Err(bytes),
    }
}

/// A key is taken out before the text is cut short: a part of one is not known for what it is.
fn binary_note(bytes: &[u8], redactor: &Redactor) -> String {
    let begins = match std::str::from_utf8(bytes) {
        Ok(text) => format!(", beginning {}", plain_line(&redactor.redact(text), 60)),
        Err(_) => String::new(),
    };
    format!("a binary frame of {} bytes{begins}", bytes.len())
}

#[cfg(test)]
mod tests;
