//! Observation of the dialing steps, for `doctor` and `bench`.

use std::net::SocketAddr;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::net::dial::certificate::Certificate;
use crate::net::proxy::Proxy;

/// A completed step of dialing.
#[derive(Debug)]
pub enum DialStep {
    /// Dialing started, through this proxy if any.
    Started(Option<Proxy>),
    /// DNS lookup; skipped for an address.
    LookedUp {
        /// The host name.
        host: String,
        /// At least one address, in the order of attempts.
        addresses: Vec<SocketAddr>,
    },
    /// TCP connected to the endpoint or to the proxy.
    Connected(SocketAddr),
    /// The proxy connected to the endpoint.
    ProxyConnected,
    /// The server presented a certificate, not yet verified.
    CertificateReceived(Box<Certificate>),
    /// The TLS handshake completed, with this version.
    TlsEstablished(&'static str),
}

/// Reports the steps of dialing; by default to no one.
#[derive(Clone, Debug, Default)]
pub struct DialObserver {
    // Unbounded: dialing reports about ten steps.
    sender: Option<UnboundedSender<DialStep>>,
}

impl DialObserver {
    /// Returns an observer and the receiver of its steps.
    pub fn new() -> (Self, UnboundedReceiver<DialStep>) {
        let (sender, steps) = unbounded_channel();
        (Self { sender: Some(sender) }, steps)
    }

    /// Returns whether steps are observed.
    pub(crate) fn is_active(&self) -> bool {
        self.sender.is_some()
    }

    /// Reports a step, constructed only if observed.
    pub(crate) fn report(&self, step: impl FnOnce() -> DialStep) {
        if let Some(sender) = &self.sender {
            // The receiver may have been dropped.
            let _ = sender.send(step());
        }
    }
}
