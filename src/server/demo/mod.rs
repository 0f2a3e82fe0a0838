//! The embedded endpoint: a Realtime server of both dialects that measures speech and plays it back.
//!
//! It is what `rtvoice serve` runs and what `--demo` uses inside the process. It knows no words: in
//! voice it says how long it heard somebody speak and plays that back, in text it answers from its
//! own help, as a transcriber it tells what it measured. It never uses the client's session: it is
//! the other side, and must not share a mistake with it.
//!
//! [`serve_connection`] serves one stream, [`serve`] a listener. Everything that decides is in the machine,
//! which is pure and knows no clock; only `drive` and `speech` touch the outside.

pub mod faults;
pub mod script;
mod ids;
mod mistake;
mod check;
mod effective;
mod usage;
mod conversation;
mod answer;
mod machine;
mod drive;
pub mod http;
pub mod voice;
pub mod hearing;
pub mod function_calls;
#[cfg(test)]
mod connection_tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::protocol::dialect::Dialect;
use crate::secret::Secret;
use crate::server::demo::faults::Faults;
use crate::server::demo::http::origin::{AllowList, Host, Origin};

/// How the endpoint behaves.
#[derive(Clone, Debug)]
pub struct EndpointOptions {
    /// Host names a listener answers to besides those of its address.
    pub allow_hosts: Vec<Host>,
    /// Web origins whose pages may connect to a listener besides its own.
    pub allow_origins: Vec<Origin>,
    /// What speaks.
    pub voice: VoiceEngine,
    /// How many times faster than real time answers are sent, at least 0.01; infinity is all at once.
    pub pace: f64,
    /// The key that clients must show; without one everybody is welcome.
    pub key: Option<Secret>,
    /// The dialect spoken whatever the client asks for; `None` means beta to clients that send
    /// `OpenAI-Beta: realtime=v1` and GA to all others.
    pub dialect: Option<Dialect>,
    /// In which ways it misbehaves.
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

/// What makes the demo's speech.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VoiceEngine {
    /// The `espeak-ng` program where it is on the `PATH`, else the clips.
    #[default]
    Auto,
    /// The `espeak-ng` program; clips where it fails.
    EspeakNg,
    /// The clips inside this program.
    Clips,
}

/// How long the endpoint waits after a failed `accept`, such as when file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Connections at once, handshakes included. One can take about 200 MB if its client wants it to, most take
/// less than 1 MB; more than this many at once is a client that leaks them.
const MAX_CONNECTIONS: usize = 128;

/// Connections above [`MAX_CONNECTIONS`] that are answered with 503 at once; others are closed without a word.
const MAX_REFUSALS: usize = 32;

/// Serves the connections of `listener` until it is dropped, and all connections with it. What reaches it
/// must name one of its addresses, and a web page must be of an allowed origin (see [`http::origin`]).
pub async fn serve(listener: TcpListener, options: Arc<EndpointOptions>) {
    // A bound listener has an address.
    let Ok(address) = listener.local_addr() else { return };
    let allowed = Arc::new(AllowList::new(address, &options.allow_hosts, &options.allow_origins));
    let mut connections = JoinSet::new();
    let mut refusals = JoinSet::new();
    loop {
        tokio::select! {
            // Cancel-safe because `accept` is: a connection is either returned or still waiting.
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() < MAX_CONNECTIONS => {
                    // Deltas are small and many; waiting to fill a packet would only delay them.
                    let _ = stream.set_nodelay(true);
                    let (options, allowed) = (Arc::clone(&options), Arc::clone(&allowed));
                    connections.spawn(async move { attend_from(stream, &options, Some(&allowed)).await });
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

/// Serves one connection, from the HTTP request to the end of the stream. Any `Host` and `Origin` is accepted:
/// the caller knows where the stream comes from.
pub async fn serve_connection<S: AsyncRead + AsyncWrite + Unpin>(stream: S, options: Arc<EndpointOptions>) {
    attend_from(stream, &options, None).await;
}

async fn attend_from<S>(mut stream: S, options: &EndpointOptions, allowed: Option<&AllowList>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if let Some(upgrade) = http::handshake::receive(&mut stream, options, allowed).await {
        drive::run(stream, upgrade, options).await;
    }
}
