//! Reaches a target: over the network, or through a pipe to the endpoint in this process.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use crate::app::target::{Target, Way};
use crate::error::{Error, Kind};
use crate::net::dial::{DialOptions, dial};
use crate::net::dial_error::{DialError, DialErrorKind};
use crate::net::endpoint::Endpoint;
use crate::net::link::Link;
use crate::net::stream::Stream;
use crate::server;

/// How much waits between this side and the embedded endpoint, as in the send buffer of a socket.
const PIPE_BYTES: usize = 64 << 10;

/// The way to an endpoint, whatever it is.
#[derive(Debug)]
pub(super) enum Wire {
    /// To another process.
    Socket(Stream),
    /// To the endpoint in this one.
    Pipe(DuplexStream),
}

/// Reaches `target`.
///
/// # Errors
///
/// When it cannot be reached, with what to do about it.
pub(super) async fn connect(target: &Target) -> Result<Link<Wire>, Error> {
    match &target.way {
        Way::Demo(endpoint) => connect_inside(endpoint).await,
        Way::Network(endpoint) => {
            let link = dial(endpoint, &DialOptions::default()).await.map_err(not_reached)?;
            Ok(link.map_stream(Wire::Socket))
        }
    }
}

async fn connect_inside(endpoint: &Endpoint) -> Result<Link<Wire>, Error> {
    let (near, far) = tokio::io::duplex(PIPE_BYTES);
    tokio::task::spawn_local(server::attend(far, Arc::new(server::Options::default())));
    let request = endpoint.request().map_err(|error| Error::new(Kind::Internal, error))?;
    Link::over(Wire::Pipe(near), request).await.map_err(|error| Error::new(Kind::Internal, error))
}

fn not_reached(error: DialError) -> Error {
    let kind = match error.kind() {
        DialErrorKind::Settings => Kind::Config,
        DialErrorKind::Network => Kind::Network,
        DialErrorKind::Server | DialErrorKind::Key => Kind::Server,
    };
    let hint = error.hint();
    let error = Error::new(kind, error);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Socket(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Pipe(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        match self.get_mut() {
            Self::Socket(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Pipe(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Socket(stream) => Pin::new(stream).poll_flush(context),
            Self::Pipe(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Socket(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Pipe(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
