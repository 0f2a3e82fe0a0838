//! The lines of a call: the one in use, the one that is to follow, and the one that is being left.

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

/// All lines of a call. Only for the change from one session to the next there is more than one.
pub(crate) struct Connections {
    target: Rc<Target>,
    current: Connection,
    next: Connection,
    /// Says goodbye; what it hears is for nobody.
    left: Connection,
}

/// What happens on which line.
pub(crate) enum ConnectionsEvent {
    /// On the one in use.
    Current(ConnectionEvent),
    /// On the one that is to follow.
    Next(ConnectionEvent),
}

impl Connections {
    /// Makes a phone that is connected.
    pub(crate) fn new(target: Target, link: WebSocketClient<NetStream>) -> Self {
        let current = Connection::Up(Box::new(link));
        Self { target: Rc::new(target), current, next: Connection::Down, left: Connection::Down }
    }

    /// Begins to dial in place of the line that was in use.
    pub(crate) fn dial(&mut self, door: Handshake) {
        self.current = Connection::dial(&self.target, door);
    }

    /// Begins to dial the line that is to follow.
    pub(crate) fn dial_next(&mut self, door: Handshake) {
        self.next = Connection::dial(&self.target, door);
    }

    /// Puts the line that is to follow in the place of the one in use, which is left.
    pub(crate) fn switch(&mut self) {
        let next = std::mem::replace(&mut self.next, Connection::Down);
        self.left = std::mem::replace(&mut self.current, next);
        self.left.close();
    }

    /// Leaves the line that was to follow.
    pub(crate) fn drop_next(&mut self) {
        self.left = std::mem::replace(&mut self.next, Connection::Down);
        self.left.close();
    }

    /// Returns how many bytes wait to be sent; a line that is not up takes any.
    pub(crate) fn backlog(&self) -> usize {
        self.current.backlog()
    }

    /// Queues an event on the line in use.
    pub(crate) fn queue(&mut self, text: String) {
        self.current.queue(text);
    }

    /// Queues an event on the line that is to follow.
    pub(crate) fn queue_next(&mut self, text: String) {
        self.next.queue(text);
    }

    /// Says goodbye.
    pub(crate) fn close(&mut self) {
        self.next = Connection::Down;
        self.current.close();
    }

    /// Waits for what happens next. Cancel-safe because the lines stay in `self`.
    pub(crate) async fn next(&mut self) -> ConnectionsEvent {
        loop {
            tokio::select! {
                event = self.current.next() => return ConnectionsEvent::Current(event),
                event = self.next.next() => return ConnectionsEvent::Next(event),
                // A line that hears nothing any more ends by itself, and at once when another is left.
                _ = self.left.next() => {}
            }
        }
    }
}

/// One line: connected, being dialled, or down.
enum Connection {
    /// Connected.
    Up(Box<WebSocketClient<NetStream>>),
    /// Being dialled. Kept while other things are waited for: dialling is not begun again.
    Dialling(Pin<Box<dyn Future<Output = Result<WebSocketClient<NetStream>, Error>>>>),
    /// Neither.
    Down,
}

/// What happens on a line.
pub(crate) enum ConnectionEvent {
    /// It is up.
    Opened,
    /// It could not be had.
    Failed(DialFailure),
    /// The other side says something, or the line has ended.
    Link(WebSocketEvent),
}

impl Connection {
    fn dial(target: &Rc<Target>, door: Handshake) -> Self {
        let target = Rc::clone(target);
        // What there is to know was told when the call began.
        Self::Dialling(Box::pin(async move { connect(&target, door).await.map(|reached| reached.link) }))
    }

    fn backlog(&self) -> usize {
        match self {
            Self::Up(link) => link.backlog(),
            // The session keeps what is said meanwhile, within its own bound.
            Self::Dialling(_) | Self::Down => 0,
        }
    }

    fn queue(&mut self, text: String) {
        match self {
            Self::Up(link) => link.queue(text),
            // The session sends nothing while the line is down.
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

/// A server that refuses at the door, or a name that is wrong, will do so again; one that is busy will not.
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
