//! The embedded endpoint: a Realtime server of both dialects that measures speech and plays it back.
//!
//! It is what `rtvoice serve` runs and what `--demo` uses inside the process. It knows no words: in
//! voice it says how long it heard somebody speak and plays that back, in text it answers from its
//! own help, as a transcriber it tells what it measured. It never uses the client's session: it is
//! the other side, and must not share a mistake with it.
//!
//! [`attend`] serves one stream, [`serve`] a listener. Everything that decides is in the machine,
//! which is pure and knows no clock; only `drive` and `speech` touch the outside.

pub mod faults;
pub mod script;
mod ids;
mod mistake;
mod admission;
mod handshake;
mod check;
mod effective;
mod buffer;
mod vad;
mod measure;
mod usage;
mod conversation;
mod help;
mod persona;
pub(crate) mod clips;
mod speech;
mod answer;
mod delivery;
mod machine;
mod drive;
#[cfg(test)]
mod connection_tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::protocol::dialect::Dialect;
use crate::secret::Secret;
use crate::server::faults::Faults;

/// How the endpoint behaves.
#[derive(Clone, Debug)]
pub struct Options {
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

impl Default for Options {
    fn default() -> Self {
        Self { voice: VoiceEngine::Auto, pace: 5.0, key: None, dialect: None, faults: Faults::default() }
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

/// Serves every connection of `listener` until it is dropped, and all connections with it.
pub async fn serve(listener: TcpListener, options: Arc<Options>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // Cancel-safe because `accept` is: a connection is either returned or still waiting.
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    // Deltas are small and many; waiting to fill a packet would only delay them.
                    let _ = stream.set_nodelay(true);
                    connections.spawn(attend(stream, Arc::clone(&options)));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Serves one connection, from the HTTP request to the end of the stream.
pub async fn attend<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, options: Arc<Options>) {
    if let Some(upgrade) = handshake::receive(&mut stream, &options).await {
        drive::run(stream, upgrade, &options).await;
    }
}
