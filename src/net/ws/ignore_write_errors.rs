//! A stream that goes on being read when it can no longer be written.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Keeps the first failure of writing to itself and swallows what is written after it.
///
/// A WebSocket answers pings while it reads, and gives up when that answer cannot be written. But a
/// server that refuses a session says why, then closes, and what it said is still to be read.
#[derive(Debug)]
pub(crate) struct IgnoreWriteErrors<S> {
    stream: S,
    failure: Option<io::Error>,
    /// Whether bytes came since it was last asked.
    heard: bool,
}

impl<S> IgnoreWriteErrors<S> {
    /// Wraps a stream.
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, failure: None, heard: false }
    }

    /// Returns why nothing can be written any more.
    pub(crate) fn failure(&self) -> Option<&io::Error> {
        self.failure.as_ref()
    }

    /// Returns whether bytes came since the last call, be they a message, a pong or a part of either.
    pub(crate) fn take_heard(&mut self) -> bool {
        std::mem::take(&mut self.heard)
    }

    /// Keeps a failure and says that all went well.
    fn swallow<T>(&mut self, outcome: Poll<io::Result<T>>, well: T) -> Poll<io::Result<T>> {
        match outcome {
            Poll::Ready(Err(failure)) => {
                self.failure = Some(failure);
                Poll::Ready(Ok(well))
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
        self.heard |= buffer.filled().len() > before;
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
