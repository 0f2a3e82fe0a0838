//! A WebSocket in one task, with a bounded send queue; either side of it.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::task::coop::has_budget_remaining;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_tungstenite::tungstenite::error::Error as SocketError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig};

use crate::net::ws::ignore_write_errors::IgnoreWriteErrors;

/// Side and sizes of a WebSocket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SocketOptions {
    /// Whether the peer is a client or a server.
    pub(crate) role: Role,
    /// Maximum message size; a larger one closes the connection with 1009.
    pub(crate) message_bytes: usize,
    /// Maximum size of the send queue.
    pub(crate) unread_bytes: usize,
    /// Size of the read buffer.
    pub(crate) buffer_bytes: usize,
}

/// Bytes after which the stream is flushed between messages.
const WRITE_STEP_BYTES: usize = 64 << 10;

/// Cost of a queued message in addition to its text, so that many small ones are bounded, too.
const MESSAGE_OVERHEAD_BYTES: usize = 64;

/// Maximum size of queued pongs. They cannot be dropped individually, and a client that sends thousands of
/// pings without reading is broken or malicious.
const MAX_UNREAD_PONG_BYTES: usize = 64 << 10;

/// The header of a pong.
const PONG_HEADER_BYTES: usize = 2;

/// An event from the client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// A text message.
    Text(Utf8Bytes),
    /// A binary message, which the protocol does not define.
    Binary,
    /// A violation of the transport: close the connection with this code and reason.
    Violation(u16, &'static str),
    /// The end of the connection, with the close code and reason if the peer sent them.
    Closed(Option<(u16, String)>),
}

/// A WebSocket that writes its queue while being read.
pub(crate) struct Socket<S> {
    inner: WebSocketStream<IgnoreWriteErrors<S>>,
    unread_limit: usize,
    queue: VecDeque<Message>,
    /// Text in `queue` and in the message being written.
    unread_bytes: usize,
    /// The part of `unread_bytes` given to `inner` and possibly not yet to the stream.
    writing_bytes: usize,
    /// Pongs since the last complete flush.
    pong_bytes: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// Wraps a stream after the upgrade; `tail` contains the bytes after the request or response.
    pub(crate) async fn new(stream: S, tail: Vec<u8>, options: SocketOptions) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(options.buffer_bytes)
            .max_message_size(Some(options.message_bytes))
            .max_frame_size(Some(options.message_bytes));
        let stream = IgnoreWriteErrors::new(stream);
        let inner = WebSocketStream::from_partially_read(stream, tail, options.role, Some(config)).await;
        let unread_limit = options.unread_bytes;
        Self { inner, unread_limit, queue: VecDeque::new(), unread_bytes: 0, writing_bytes: 0, pong_bytes: 0 }
    }

    /// Returns the number of bytes waiting for the stream.
    pub(crate) fn backlog(&self) -> usize {
        self.unread_bytes
    }

    /// Returns whether bytes were received since the last call: messages, pongs or parts of either.
    pub(crate) fn take_received(&mut self) -> bool {
        self.inner.get_mut().take_received()
    }

    /// Queues a text message; fails if the queue is full.
    pub(crate) fn queue(&mut self, text: impl Into<Utf8Bytes>) -> Result<(), SendQueueFull> {
        self.push(Message::Text(text.into()))
    }

    /// Queues a ping.
    pub(crate) fn queue_ping(&mut self) -> Result<(), SendQueueFull> {
        self.push(Message::Ping("ping".into()))
    }

    fn push(&mut self, message: Message) -> Result<(), SendQueueFull> {
        let bytes = cost(&message);
        if self.unread_bytes + bytes > self.unread_limit {
            return Err(SendQueueFull);
        }
        self.unread_bytes += bytes;
        self.queue.push_back(message);
        Ok(())
    }

    /// Queues a close frame after everything else.
    pub(crate) fn queue_close(&mut self, code: u16, reason: &str) {
        let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
        self.queue.push_back(Message::Close(Some(frame)));
    }

    /// Drops queued messages that have not been started, for a client that would not read them in time.
    pub(crate) fn clear_queue(&mut self) {
        self.queue.clear();
        self.unread_bytes = self.writing_bytes;
    }

    /// Writes the queue and returns the next event.
    ///
    /// Cancel-safe because the future holds only a borrow.
    pub(crate) async fn next(&mut self) -> Received {
        poll_fn(|context| self.poll_received(context)).await
    }

    /// Writes the whole queue. Ready early if the stream fails.
    pub(crate) async fn flush(&mut self) {
        // Messages received meanwhile are irrelevant, and pings need no answer.
        let _ = poll_fn(|context| self.poll_write(context)).await;
    }

    /// Closes the connection after everything queued; each of both steps may take as long as the limit.
    pub(crate) async fn close(mut self, code: u16, reason: &str, limit: Duration) {
        self.queue_close(code, reason);
        // Write everything before reading: messages of a peer that does not read would accumulate again.
        if timeout(limit, self.flush()).await.is_ok() {
            let _ = timeout(limit, self.await_close()).await;
        }
    }

    /// Waits for the peer's close frame and the end of the stream: closing a socket with unread bytes resets
    /// it, and the peer may lose the close frame.
    async fn await_close(mut self) {
        while let Received::Text(_) | Received::Binary = self.next().await {}
        let mut stream = self.into_stream();
        let _ = stream.shutdown().await;
        let mut unread = vec![0; 16 << 10];
        while let Ok(1..) = stream.read(&mut unread).await {}
    }

    /// Returns the stream.
    pub(crate) fn into_stream(self) -> S {
        self.inner.into_inner().into_inner()
    }

    fn poll_received(&mut self, context: &mut Context<'_>) -> Poll<Received> {
        // A failure is found after reading, since the peer may have explained it.
        let _ = self.poll_write(context);
        self.poll_read(context)
    }

    /// Ready with the next event. Does not write the queue.
    pub(crate) fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Received> {
        loop {
            let message = match Pin::new(&mut self.inner).poll_next(context) {
                // Without budget, reading only paused for other tasks, and this one is woken again.
                Poll::Pending if self.inner.get_ref().failure().is_some() && has_budget_remaining() => {
                    return Poll::Ready(Received::Closed(None));
                }
                Poll::Pending => return Poll::Pending,
                Poll::Ready(message) => message,
            };
            return Poll::Ready(match message {
                Some(Ok(Message::Text(text))) => Received::Text(text),
                Some(Ok(Message::Binary(_))) => Received::Binary,
                // The library queues a pong and writes it with the next read or write.
                Some(Ok(Message::Ping(payload))) => {
                    self.pong_bytes += payload.len() + PONG_HEADER_BYTES;
                    if self.pong_bytes > MAX_UNREAD_PONG_BYTES && self.poll_write(context).is_pending() {
                        return Poll::Ready(Received::Violation(1008, "too many pings without reading"));
                    }
                    continue;
                }
                Some(Ok(Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Err(SocketError::Capacity(_))) => Received::Violation(1009, "message too big"),
                Some(Err(SocketError::Utf8(_))) => Received::Violation(1007, "text is not UTF-8"),
                Some(Ok(Message::Close(frame))) => {
                    Received::Closed(frame.map(|frame| (frame.code.into(), frame.reason.as_str().to_owned())))
                }
                Some(Err(_)) | None => Received::Closed(None),
            });
        }
    }

    /// Ready when everything is with the stream, pongs included.
    pub(crate) fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        while !self.queue.is_empty() {
            // Without this, a client that reads constantly but never catches up would seem to read nothing.
            if self.writing_bytes >= WRITE_STEP_BYTES {
                match self.poll_flush(context) {
                    Poll::Ready(Ok(())) => {}
                    blocked @ (Poll::Ready(Err(_)) | Poll::Pending) => return blocked,
                }
            }
            match Pin::new(&mut self.inner).poll_ready(context) {
                Poll::Ready(Ok(())) => {}
                blocked @ (Poll::Ready(Err(_)) | Poll::Pending) => return blocked,
            }
            if let Some(message) = self.queue.pop_front() {
                self.writing_bytes += cost(&message);
                Pin::new(&mut self.inner).start_send(message)?;
            }
        }
        self.poll_flush(context)
    }

    /// Ready when the library has handed everything to the stream.
    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(context);
        if flushed.is_ready() {
            self.unread_bytes -= self.writing_bytes;
            self.writing_bytes = 0;
            self.pong_bytes = 0;
        }
        flushed
    }
}

/// The send queue of a client that does not read is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SendQueueFull;

/// Returns a message's share of the send queue's limit. A close frame is free, since it is the last one.
fn cost(message: &Message) -> usize {
    if message.is_close() { 0 } else { message.len() + MESSAGE_OVERHEAD_BYTES }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, SinkExt, StreamExt};
    use tokio::io::{DuplexStream, duplex};

    use super::*;

    const MAX_MESSAGE_BYTES: usize = 32 << 20;
    const MAX_UNREAD_BYTES: usize = 48 << 20;
    const OPTIONS: SocketOptions = SocketOptions {
        role: Role::Server,
        message_bytes: MAX_MESSAGE_BYTES,
        unread_bytes: MAX_UNREAD_BYTES,
        buffer_bytes: 16 << 10,
    };

    type ClientStream = WebSocketStream<DuplexStream>;

    async fn pair(pipe_bytes: usize) -> (Socket<DuplexStream>, ClientStream) {
        let (near, far) = duplex(pipe_bytes);
        let client = WebSocketStream::from_raw_socket(near, Role::Client, None).await;
        (Socket::new(far, Vec::new(), OPTIONS).await, client)
    }

    /// An empty masked ping.
    const PING: [u8; 6] = [0x89, 0x80, 0, 0, 0, 0];

    #[tokio::test]
    async fn a_ping_flood_without_reading_ends_the_connection() {
        let (near, far) = duplex(4096);
        let mut socket = Socket::new(far, Vec::new(), OPTIONS).await;
        let (_unread, mut writing) = tokio::io::split(near);
        let flood = async {
            let mut pings = 0_usize;
            while writing.write_all(&PING).await.is_ok() {
                pings += 1;
            }
            pings
        };
        let received = tokio::select! {
            received = socket.next() => received,
            pings = flood => panic!("the flood of {pings} pings ended first"),
        };
        assert_eq!(received, Received::Violation(1008, "too many pings without reading"));
        assert!(socket.pong_bytes <= MAX_UNREAD_PONG_BYTES + 200, "{}", socket.pong_bytes);
    }

    #[tokio::test]
    async fn a_client_that_reads_may_ping_without_limit() {
        let (mut socket, client) = pair(4096).await;
        let (mut sink, mut source) = client.split();
        let payload = "x".repeat(100);
        let sending = async {
            for _ in 0..3 * MAX_UNREAD_PONG_BYTES / payload.len() {
                sink.send(Message::Ping(payload.clone().into())).await.unwrap();
            }
            sink.send(Message::text("done")).await.unwrap();
        };
        let reading = async {
            while let Some(Ok(message)) = source.next().await {
                assert!(message.is_pong(), "{message:?}");
            }
        };
        let received = tokio::select! {
            (received, ()) = async { tokio::join!(socket.next(), sending) } => received,
            () = reading => panic!("the socket ended the connection"),
        };
        assert_eq!(received, Received::Text("done".into()));
    }

    #[tokio::test]
    async fn the_send_queue_is_bounded() {
        let (mut socket, _client) = pair(64).await;
        let text = "x".repeat(1 << 20);
        let mut queued = 0;
        while socket.queue(text.clone()).is_ok() {
            queued += 1;
            assert_eq!(socket.next().now_or_never(), None);
        }
        assert_eq!(queued, 47, "48 MiB, less the overhead of the messages");
        let mut small = Socket::new(duplex(64).0, Vec::new(), OPTIONS).await;
        let count = std::iter::from_fn(|| small.queue(String::new()).ok()).count();
        assert_eq!(count, MAX_UNREAD_BYTES / MESSAGE_OVERHEAD_BYTES);
    }

    #[tokio::test]
    async fn read_messages_make_room() {
        let (mut socket, mut client) = pair(4096).await;
        let text = "x".repeat(1 << 20);
        // One message is always queued, so that the queue is never empty.
        socket.queue(text.clone()).unwrap();
        for _ in 0..100 {
            socket.queue(text.clone()).unwrap();
            tokio::select! {
                received = socket.next() => panic!("{received:?}"),
                message = client.next() => assert_eq!(message.unwrap().unwrap().len(), text.len()),
            }
        }
    }

    #[tokio::test]
    async fn an_oversized_message_is_rejected_with_1009() {
        let (mut socket, mut client) = pair(1 << 20).await;
        let text = "x".repeat(MAX_MESSAGE_BYTES + 1);
        let received = tokio::select! {
            received = socket.next() => received,
            sent = client.send(Message::text(text)) => panic!("{sent:?}"),
        };
        assert_eq!(received, Received::Violation(1009, "message too big"));
    }
}
