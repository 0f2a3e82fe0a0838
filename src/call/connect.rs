//! Connects to a target: over the network, or in memory to the embedded endpoint.

use std::sync::Arc;
use std::time::Duration;

use crate::call::clock::Clock;
use crate::call::setup::target::{EndpointRoute, Target};
use crate::config::values::BetaMarkerSetting;
use crate::error::{Error, Kind};
use crate::net::dial::dial;
use crate::net::dial::error::{DialError, DialErrorKind};
use crate::net::dial::observer::{DialObserver, DialStep};
use crate::net::dial::stream::NetStream;
use crate::net::endpoint::Endpoint;
use crate::net::ws::connection::WebSocketClient;
use crate::server::demo;
use crate::session::io::Handshake;

/// Buffer between client and embedded endpoint, like the send buffer of a socket.
const PIPE_BYTES: usize = 64 << 10;

/// A connected endpoint.
pub(crate) struct EndpointConnection {
    /// The connection.
    pub(crate) link: WebSocketClient<NetStream>,
    /// Note for the user about the handshake.
    pub(crate) note: Option<&'static str>,
}

/// Note after a retry without the beta header.
const BETA_HEADER_REFUSED: &str = "the endpoint refused the beta header (400), so rtvoice retried without \
                                   it; beta_marker = \"never\" in the configuration avoids this";

/// Connects to `target`.
///
/// # Errors
///
/// If it cannot be reached, with a hint.
pub(crate) async fn connect(target: &Target, handshake: Handshake) -> Result<EndpointConnection, Error> {
    let options = &target.dial_options;
    let endpoint = match &target.way {
        EndpointRoute::Demo(endpoint) => {
            return connect_in_memory(endpoint).await.map(|link| EndpointConnection { link, note: None });
        }
        EndpointRoute::Network(endpoint) => endpoint,
    };
    let without_header = target.without_marker();
    let connected = match (handshake, target.marker, &without_header) {
        (Handshake::WithoutBetaHeader, _, Some(without_header)) => dial(without_header, options).await,
        (Handshake::Default, BetaMarkerSetting::Try, Some(without_header)) => match dial(endpoint, options)
            .await
        {
            Err(first) if is_bad_request(&first) => {
                let again = dial(without_header, options).await;
                let again = again.map(|link| EndpointConnection { link, note: Some(BETA_HEADER_REFUSED) });
                return again.map_err(|second| both_refused(&first, second));
            }
            connected => connected,
        },
        (Handshake::Default | Handshake::WithoutBetaHeader, _, _) => dial(endpoint, options).await,
    };
    connected.map(|link| EndpointConnection { link, note: None }).map_err(dial_failure)
}

/// Connects to `target`; also returns the completed steps, each with its time.
pub(crate) async fn connect_observed(
    target: &Target,
    clock: Clock,
) -> (Result<EndpointConnection, Error>, Vec<(DialStep, Duration)>) {
    let mut target = target.clone();
    let (observer, mut received) = DialObserver::new();
    target.dial_options.observer = observer;
    let mut steps = Vec::new();
    let mut dialling = std::pin::pin!(connect(&target, Handshake::Default));
    let connected = loop {
        tokio::select! {
            biased;
            Some(step) = received.recv() => steps.push((step, clock.now())),
            connected = &mut dialling => break connected,
        }
    };
    // Steps completed at the same time as the last one.
    while let Ok(step) = received.try_recv() {
        steps.push((step, clock.now()));
    }
    (connected, steps)
}

/// Returns whether the endpoint may have refused the beta header.
fn is_bad_request(error: &DialError) -> bool {
    matches!(error, DialError::HttpRefused { refusal, .. } if refusal.status == 400)
}

/// Reports the first attempt as well: it is the documented one.
fn both_refused(first: &DialError, second: DialError) -> Error {
    let error = dial_failure(second);
    let context = format!("with the beta header: {first}; without it");
    Error { source: error.source.context(context), ..error }
}

async fn connect_in_memory(endpoint: &Endpoint) -> Result<WebSocketClient<NetStream>, Error> {
    let (near, far) = tokio::io::duplex(PIPE_BYTES);
    tokio::task::spawn_local(demo::serve_connection(far, Arc::new(demo::EndpointOptions::default())));
    let request = endpoint.request().map_err(|error| Error::new(Kind::Internal, error))?;
    WebSocketClient::over(NetStream::InProcess(near), request)
        .await
        .map_err(|error| Error::new(Kind::Internal, error))
}

fn dial_failure(error: DialError) -> Error {
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
