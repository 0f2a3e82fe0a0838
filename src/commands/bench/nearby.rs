//! Built-in endpoint on a local socket, to measure this machine without a network.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::Context;
use tokio::sync::oneshot;

use crate::call::setup::target::{EndpointRoute, Target};
use crate::config::values::BetaMarkerSetting;
use crate::error::{Error, Kind};
use crate::net::dial::DialOptions;
use crate::net::endpoint::url::EndpointUrl;
use crate::net::endpoint::{Auth, Endpoint, Purpose};
use crate::server::demo::{self, EndpointOptions, VoiceEngine};

/// An endpoint on its own thread, so that its work is not attributed to the client. Dropping it stops it.
pub(super) struct LocalEndpoint {
    address: SocketAddr,
    thread: Option<Serving>,
}

/// Dropping the sender ends the thread.
type Serving = (oneshot::Sender<()>, JoinHandle<()>);

impl LocalEndpoint {
    /// Starts listening on a free port.
    ///
    /// # Errors
    ///
    /// If the system has no port or thread.
    pub(super) fn start() -> Result<Self, Error> {
        let (address, thread) = serve().context("cannot serve on this machine").map_err(internal)?;
        Ok(Self { address, thread: Some(thread) })
    }

    /// Returns the target of this endpoint.
    ///
    /// # Errors
    ///
    /// None known: its address is a valid URL.
    pub(super) fn target(&self) -> Result<Target, Error> {
        let url = EndpointUrl::parse(&format!("ws://{}/v1/realtime", self.address));
        let url = url.map_err(|error| internal(error.into()))?;
        let name = url.host().to_owned();
        let endpoint =
            Endpoint::new(url, Purpose::Conversation { model: Some("bench".to_owned()) }, Auth::None);
        Ok(Target {
            way: EndpointRoute::Network(Box::new(endpoint)),
            marker: BetaMarkerSetting::Never,
            name,
            dial_options: DialOptions::default(),
        })
    }
}

impl Drop for LocalEndpoint {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.thread.take() {
            drop(stop);
            // A panic was reported by the hook.
            let _ = thread.join();
        }
    }
}

fn serve() -> anyhow::Result<(SocketAddr, Serving)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = {
        let _guard = runtime.enter();
        tokio::net::TcpListener::from_std(listener)?
    };
    let (stop, stopped) = oneshot::channel();
    // Clips start at once; a speech synthesizer would have to be launched.
    let options = Arc::new(EndpointOptions { voice: VoiceEngine::Clips, ..EndpointOptions::default() });
    let thread = std::thread::Builder::new().name("nearby".to_owned()).spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                () = demo::serve(listener, options) => {}
                _ = stopped => {}
            }
        });
        runtime.shutdown_background();
    })?;
    Ok((address, (stop, thread)))
}

fn internal(error: anyhow::Error) -> Error {
    Error::new(Kind::Internal, error)
}
