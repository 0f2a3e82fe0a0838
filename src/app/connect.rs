//! Reaches a target: over the network, or through a pipe to the endpoint in this process.

use std::sync::Arc;

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

/// Reaches `target`.
///
/// # Errors
///
/// When it cannot be reached, with what to do about it.
pub(super) async fn connect(target: &Target) -> Result<Link<Stream>, Error> {
    match &target.way {
        Way::Demo(endpoint) => connect_inside(endpoint).await,
        Way::Network(endpoint) => {
            let options = DialOptions::default();
            let reached = match (dial(endpoint, &options).await, &target.without_marker) {
                (Err(error), Some(endpoint)) if is_bad_request(&error) => dial(endpoint, &options).await,
                (reached, _) => reached,
            };
            reached.map_err(not_reached)
        }
    }
}

/// What an endpoint answers that does not know the marker of the beta protocol (PROTOCOL.md, section 2.4).
fn is_bad_request(error: &DialError) -> bool {
    matches!(error, DialError::HttpRefused { refusal, .. } if refusal.status == 400)
}

async fn connect_inside(endpoint: &Endpoint) -> Result<Link<Stream>, Error> {
    let (near, far) = tokio::io::duplex(PIPE_BYTES);
    tokio::task::spawn_local(server::attend(far, Arc::new(server::Options::default())));
    let request = endpoint.request().map_err(|error| Error::new(Kind::Internal, error))?;
    Link::over(Stream::Inside(near), request).await.map_err(|error| Error::new(Kind::Internal, error))
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
