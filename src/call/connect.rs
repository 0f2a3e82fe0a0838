//! Reaches a target: over the network, or through a pipe to the endpoint in this process.

use std::sync::Arc;

use crate::call::setup::target::{EndpointRoute, Target};
use crate::config::values::BetaMarkerSetting;
use crate::error::{Error, Kind};
use crate::net::dial::dial;
use crate::net::dial::error::{DialError, DialErrorKind};
use crate::net::dial::stream::NetStream;
use crate::net::endpoint::Endpoint;
use crate::net::ws::connection::WebSocketClient;
use crate::server::demo;
use crate::session::io::Handshake;

/// How much waits between this side and the embedded endpoint, as in the send buffer of a socket.
const PIPE_BYTES: usize = 64 << 10;

/// An endpoint that was reached.
pub(crate) struct EndpointConnection {
    /// The connection.
    pub(crate) link: WebSocketClient<NetStream>,
    /// What the user has to know of how it was reached.
    pub(crate) told: Option<&'static str>,
}

/// What the user is told when the marker had to be left out.
const WITHOUT_MARKER: &str = "the endpoint refused the marker of the beta protocol (400) and was asked again \
                              without; beta_marker = \"never\" in the configuration leaves it out at once";

/// Reaches `target`.
///
/// # Errors
///
/// When it cannot be reached, with what to do about it.
pub(crate) async fn connect(target: &Target, door: Handshake) -> Result<EndpointConnection, Error> {
    let options = &target.dial_options;
    let endpoint = match &target.way {
        EndpointRoute::Demo(endpoint) => {
            return connect_inside(endpoint).await.map(|link| EndpointConnection { link, told: None });
        }
        EndpointRoute::Network(endpoint) => endpoint,
    };
    let bare = target.without_marker();
    let reached = match (door, target.marker, &bare) {
        (Handshake::WithoutBetaHeader, _, Some(bare)) => dial(bare, options).await,
        (Handshake::Default, BetaMarkerSetting::Try, Some(bare)) => match dial(endpoint, options).await {
            Err(first) if is_bad_request(&first) => {
                let again = dial(bare, options).await;
                let again = again.map(|link| EndpointConnection { link, told: Some(WITHOUT_MARKER) });
                return again.map_err(|second| refused_twice(&first, second));
            }
            reached => reached,
        },
        (Handshake::Default | Handshake::WithoutBetaHeader, _, _) => dial(endpoint, options).await,
    };
    reached.map(|link| EndpointConnection { link, told: None }).map_err(not_reached)
}

/// What an endpoint answers that does not know the marker of the beta protocol.
fn is_bad_request(error: &DialError) -> bool {
    matches!(error, DialError::HttpRefused { refusal, .. } if refusal.status == 400)
}

/// Tells of the first attempt, too: it is what the documents of the endpoint know.
fn refused_twice(first: &DialError, second: DialError) -> Error {
    let error = not_reached(second);
    let told = format!("with the marker of the beta protocol: {first}; without it");
    Error { source: error.source.context(told), ..error }
}

async fn connect_inside(endpoint: &Endpoint) -> Result<WebSocketClient<NetStream>, Error> {
    let (near, far) = tokio::io::duplex(PIPE_BYTES);
    tokio::task::spawn_local(demo::serve_connection(far, Arc::new(demo::EndpointOptions::default())));
    let request = endpoint.request().map_err(|error| Error::new(Kind::Internal, error))?;
    WebSocketClient::over(NetStream::InProcess(near), request)
        .await
        .map_err(|error| Error::new(Kind::Internal, error))
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
