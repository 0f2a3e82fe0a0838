//! Stream wrapper that keeps reading after a write error.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Records the first write error and discards later writes.
///
/// A WebSocket answers pings while reading and gives up if the answer cannot be written. A server that
/// refuses a session explains itself and then closes; the explanation must still be read.
#[derive(Debug)]
pub(crate) struct IgnoreWriteErrors<S> {
    stream: S,
    failure: Option<io::Error>,
    /// Whether bytes were received since the last query.
    received: bool,
}

impl<S> IgnoreWriteErrors<S> {
    /// Wraps a stream.
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, failure: None, received: false }
    }

    /// Returns the stream.
    pub(crate) fn into_inner(self) -> S {
        self.stream
    }

    /// Returns the first write error.
    pub(crate) fn failure(&self) -> Option<&io::Error> {
        self.failure.as_ref()
    }

    /// Returns whether bytes were received since the last call: messages, pongs or parts of either.
    pub(crate) fn take_received(&mut self) -> bool {
        std::mem::take(&mut self.received)
    }

    /// Records an error and reports success.
    fn swallow<T>(&mut self, outcome: Poll<io::Result<T>>, success: T) -> Poll<io::Result<T>> {
        match outcome {
            Poll::Ready(Err(failure)) => {
                self.failure = Some(failure);
                Poll::Ready(Ok(success))
            }
            Poll::Ready(Ok(_)) | Poll::Pending => outcome,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for IgnoreWriteErrors<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.received |= buffer.filled().len() > before;
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for IgnoreWriteErrors<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.failure.is_some() {
            return Poll::Ready(Ok(bytes.len()));
        }
        let outcome = match Pin::new(&mut self.stream).poll_write(context, bytes) {
            Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            outcome @ (Poll::Ready(_) | Poll::Pending) => outcome,
        };
        self.swallow(outcome, bytes.len())
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.failure.is_some() {
            return Poll::Ready(Ok(()));
        }
        let outcome = Pin::new(&mut self.stream).poll_flush(context);
        self.swallow(outcome, ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
