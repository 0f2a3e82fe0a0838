//! The embedded endpoint: a Realtime server for all dialects that measures speech and plays it back.
//!
//! It runs as `rtvoice serve`, and in-process for `--demo`. It does not recognize words: to speech it answers
//! with the measured duration and a playback, to text with its own help, and as a transcriber it sends its
//! measurements. It never uses the client's session, so that client and server cannot share a mistake.
//!
//! [`serve_connection`] serves one stream, [`serve`] a listener. All decisions are in the machine, which is
//! pure and has no clock; only `drive` and `speech` do I/O.

pub mod faults;
#[cfg(debug_assertions)]
pub mod script;
mod ids;
mod client_error;
mod check;
mod active_settings;
mod usage;
mod conversation;
mod answer;
pub(crate) mod machine;
mod drive;
pub mod http;
pub mod voice;
pub mod input_audio;
pub mod function_calls;

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::protocol::dialect::Dialect;
use crate::secret::Secret;
use crate::server::demo::faults::Faults;
use crate::server::http::origin::{AllowList, Host, Origin};

/// Behaviour of the endpoint.
#[derive(Clone, Debug)]
pub struct EndpointOptions {
    /// Host names accepted by a listener, in addition to those of its address.
    pub allow_hosts: Vec<Host>,
    /// Web origins whose pages may connect to a listener, in addition to its own.
    pub allow_origins: Vec<Origin>,
    /// Source of the endpoint's speech.
    pub voice: VoiceEngine,
    /// Speed of answers relative to real time, at least 0.01; infinity sends everything at once.
    pub pace: f64,
    /// Key that clients must send; without one every client is accepted.
    pub key: Option<Secret>,
    /// Dialect regardless of the client's request; `None` means beta for clients that send `OpenAI-Beta:
    /// realtime=v1` and GA for all others.
    pub dialect: Option<Dialect>,
    /// Simulated faults.
    pub faults: Faults,
}

impl Default for EndpointOptions {
    fn default() -> Self {
        Self {
            allow_hosts: Vec::new(),
            allow_origins: Vec::new(),
            voice: VoiceEngine::Auto,
            pace: 5.0,
            key: None,
            dialect: None,
            faults: Faults::default(),
        }
    }
}

/// Source of the demo's speech.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VoiceEngine {
    /// `espeak-ng` if it is on the `PATH`, else the recorded clips.
    #[default]
    Auto,
    /// `espeak-ng`, or the clips if it fails.
    EspeakNg,
    /// The clips embedded in this program.
    Clips,
}

/// Pause after a failed `accept`, for example if file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Maximum number of connections, handshakes included. A client can make one take about 200 MB; most take
/// less than 1 MB. More than this many at once indicate a client that leaks them.
const MAX_CONNECTIONS: usize = 128;

/// Maximum number of connections above [`MAX_CONNECTIONS`] that are answered with 503; others are closed
/// without an answer.
const MAX_REFUSALS: usize = 32;

/// Serves the connections of `listener`; dropping the future closes all of them. Requests must name one of
/// the listener's addresses, and web pages must have an allowed origin (see [`crate::server::http::origin`]).
pub async fn serve(listener: TcpListener, options: Arc<EndpointOptions>) {
    // A bound listener always has an address.
    let Ok(address) = listener.local_addr() else { return };
    let allowed = Arc::new(AllowList::new(address, &options.allow_hosts, &options.allow_origins));
    let mut connections = JoinSet::new();
    let mut refusals = JoinSet::new();
    loop {
        tokio::select! {
            // Cancel-safe because `accept` is: a connection is either returned or still pending.
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() < MAX_CONNECTIONS => {
                    // Deltas are small and frequent; waiting for a full packet would only delay them.
                    let _ = stream.set_nodelay(true);
                    let (options, allowed) = (Arc::clone(&options), Arc::clone(&allowed));
                    connections.spawn(async move { serve_stream(stream, &options, Some(&allowed)).await });
                }
                Ok((stream, _)) if refusals.len() < MAX_REFUSALS => {
                    refusals.spawn(http::handshake::refuse_as_full(stream));
                }
                Ok(_) => {}
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
            Some(_) = refusals.join_next() => {}
        }
    }
}

/// Serves one connection, from the HTTP request to the end of the stream. Accepts any `Host` and `Origin`,
/// since the caller knows the origin of the stream.
pub async fn serve_connection<S: AsyncRead + AsyncWrite + Unpin>(stream: S, options: Arc<EndpointOptions>) {
    serve_stream(stream, &options, None).await;
}

async fn serve_stream<S>(mut stream: S, options: &EndpointOptions, allowed: Option<&AllowList>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if let Some(upgrade) = http::handshake::receive(&mut stream, options, allowed).await {
        drive::run(stream, upgrade, options).await;
    }
}
