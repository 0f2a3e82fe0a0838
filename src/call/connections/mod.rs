//! Connections of a call: current, standby and draining.

pub(crate) mod wire;
pub(crate) mod observed;

use std::future::pending;
use std::pin::Pin;
use std::rc::Rc;

use crate::call::connect::connect;
use crate::call::setup::target::Target;
use crate::error::Error;
use crate::net::dial::error::DialError;
use crate::net::dial::stream::NetStream;
use crate::net::ws::connection::{WebSocketClient, WebSocketEvent};
use crate::session::io::{DialFailure, Failure, Handshake};

/// The close code of a normal end (RFC 6455, section 7.4.1).
const NORMAL: u16 = 1000;

/// All connections of a call. There is more than one only during session rollover.
pub(crate) struct Connections {
    target: Rc<Target>,
    current: EndpointLink,
    next: EndpointLink,
    /// Completes its close handshake; further messages are discarded.
    draining: EndpointLink,
}

/// Event of a connection.
pub(crate) enum ConnectionsEvent {
    /// On the current connection.
    Current(ConnectionEvent),
    /// On the standby connection.
    Next(ConnectionEvent),
}

impl Connections {
    /// Returns connections with `link` as the current one.
    pub(crate) fn new(target: Target, link: WebSocketClient<NetStream>) -> Self {
        let current = EndpointLink::Up(Box::new(link));
        Self { target: Rc::new(target), current, next: EndpointLink::Down, draining: EndpointLink::Down }
    }

    /// Returns connections of which none is open yet.
    pub(crate) fn closed(target: Target) -> Self {
        let [current, next, draining] = [EndpointLink::Down, EndpointLink::Down, EndpointLink::Down];
        Self { target: Rc::new(target), current, next, draining }
    }

    /// Dials this model from now on. Returns whether the endpoint takes it.
    pub(crate) fn set_model(&mut self, model: String) -> bool {
        Rc::make_mut(&mut self.target).set_model(model)
    }

    /// Starts dialling a replacement of the current connection.
    pub(crate) fn dial(&mut self, handshake: Handshake) {
        self.current = EndpointLink::dial(&self.target, handshake);
    }

    /// Starts dialling the standby connection.
    pub(crate) fn dial_next(&mut self, handshake: Handshake) {
        self.next = EndpointLink::dial(&self.target, handshake);
    }

    /// Makes the standby connection current and drains the old one.
    pub(crate) fn switch(&mut self) {
        let next = std::mem::replace(&mut self.next, EndpointLink::Down);
        self.draining = std::mem::replace(&mut self.current, next);
        self.draining.close();
    }

    /// Closes the standby connection.
    pub(crate) fn drop_next(&mut self) {
        self.draining = std::mem::replace(&mut self.next, EndpointLink::Down);
        self.draining.close();
    }

    /// Closes all connections; further messages are discarded.
    pub(crate) fn disconnect(&mut self) {
        self.next = EndpointLink::Down;
        self.draining = std::mem::replace(&mut self.current, EndpointLink::Down);
        self.draining.close();
    }

    /// Returns the bytes waiting to be sent; 0 while not connected.
    pub(crate) fn backlog(&self) -> usize {
        self.current.backlog()
    }

    /// Queues an event on the current connection.
    pub(crate) fn queue(&mut self, text: String) {
        self.current.queue(text);
    }

    /// Queues an event on the standby connection.
    pub(crate) fn queue_next(&mut self, text: String) {
        self.next.queue(text);
    }

    /// Starts the close handshake.
    pub(crate) fn close(&mut self) {
        self.next = EndpointLink::Down;
        self.current.close();
    }

    /// Waits for the next event. Cancel-safe because the connections stay in `self`.
    pub(crate) async fn next(&mut self) -> ConnectionsEvent {
        loop {
            tokio::select! {
                event = self.current.next() => return ConnectionsEvent::Current(event),
                event = self.next.next() => return ConnectionsEvent::Next(event),
                // A draining connection ends by its own timeout, or when another one starts draining.
                _ = self.draining.next() => {}
            }
        }
    }
}

/// One connection.
enum EndpointLink {
    /// Connected.
    Up(Box<WebSocketClient<NetStream>>),
    /// Being dialled. Kept in place, so that dialling is not restarted by `select!`.
    Dialling(Pin<Box<dyn Future<Output = Result<WebSocketClient<NetStream>, Error>>>>),
    /// Closed.
    Down,
}

/// Event of one connection.
pub(crate) enum ConnectionEvent {
    /// Connected.
    Opened,
    /// Dialling failed.
    Failed(DialFailure),
    /// A message, or the end of the connection.
    Link(WebSocketEvent),
}

impl EndpointLink {
    fn dial(target: &Rc<Target>, handshake: Handshake) -> Self {
        let target = Rc::clone(target);
        // Notes about the handshake were shown when the call began.
        Self::Dialling(Box::pin(async move { connect(&target, handshake).await.map(|reached| reached.link) }))
    }

    fn backlog(&self) -> usize {
        match self {
            Self::Up(link) => link.backlog(),
            // The session keeps input meanwhile, within its own bound.
            Self::Dialling(_) | Self::Down => 0,
        }
    }

    fn queue(&mut self, text: String) {
        match self {
            Self::Up(link) => link.queue(text),
            // The session sends nothing while disconnected.
            Self::Dialling(_) | Self::Down => {}
        }
    }

    fn close(&mut self) {
        match self {
            Self::Up(link) => link.close(NORMAL, ""),
            Self::Dialling(_) | Self::Down => *self = Self::Down,
        }
    }

    async fn next(&mut self) -> ConnectionEvent {
        let dialled = match self {
            Self::Up(link) => {
                let event = link.next().await;
                if matches!(event, WebSocketEvent::Closed(_)) {
                    *self = Self::Down;
                }
                return ConnectionEvent::Link(event);
            }
            Self::Dialling(dialling) => dialling.await,
            Self::Down => return pending().await,
        };
        match dialled {
            Ok(link) => {
                *self = Self::Up(Box::new(link));
                ConnectionEvent::Opened
            }
            Err(error) => {
                *self = Self::Down;
                ConnectionEvent::Failed(failure(&error))
            }
        }
    }
}

/// A refused handshake or a wrong name fails again; a busy server may not.
fn failure(error: &Error) -> DialFailure {
    let dialled = error.source.downcast_ref::<DialError>();
    let refusal = dialled.and_then(DialError::refusal);
    let code = refusal.and_then(|refusal| refusal.code.clone());
    let failure = Failure { message: format!("{:#}", error.source), code };
    if dialled.is_some_and(DialError::is_transient) {
        let retry_after = refusal.and_then(|refusal| refusal.retry_after);
        DialFailure::Passing { failure, retry_after }
    } else {
        DialFailure::Final(failure)
    }
}
