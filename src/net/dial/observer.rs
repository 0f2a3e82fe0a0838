//! Who is told of each step of dialling as it is done, for a person who wants to know where it fails.

use std::net::SocketAddr;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::net::dial::certificate::Certificate;
use crate::net::proxy::Proxy;

/// A step of dialling that is done.
#[derive(Debug)]
pub enum DialStep {
    /// It begins, by this proxy or straight.
    Begun(Option<Proxy>),
    /// A name was looked up; an address needs none.
    LookedUp {
        /// The name.
        host: String,
        /// In the order in which they are tried, at least one.
        addresses: Vec<SocketAddr>,
    },
    /// TCP is connected to this address: the endpoint's, or the proxy's.
    Connected(SocketAddr),
    /// The proxy has led on to the endpoint.
    ProxyConnected,
    /// A certificate was shown, and has not been judged yet.
    Shown(Box<Certificate>),
    /// TLS is agreed, in this version.
    Agreed(&'static str),
}

/// Tells whoever asked for it what is done; by default nobody.
#[derive(Clone, Debug, Default)]
pub struct DialObserver {
    // Its channel has no bound: dialling once tells about ten things.
    told: Option<UnboundedSender<DialStep>>,
}

impl DialObserver {
    /// Returns a witness, and what it is told.
    pub fn new() -> (Self, UnboundedReceiver<DialStep>) {
        let (told, steps) = unbounded_channel();
        (Self { told: Some(told) }, steps)
    }

    /// Returns whether anybody wants to know.
    pub(crate) fn is_there(&self) -> bool {
        self.told.is_some()
    }

    /// Tells a step, which is made only where somebody wants to know it.
    pub(crate) fn tell(&self, step: impl FnOnce() -> DialStep) {
        if let Some(told) = &self.told {
            // Whoever asked may have gone.
            let _ = told.send(step());
        }
    }
}
