//! The lines of a call: the one in use, the one that is to follow, and the one that is being left.

use std::future::pending;
use std::pin::Pin;
use std::rc::Rc;

use crate::call::connect::connect;
use crate::call::setup::target::Target;
use crate::error::Error;
use crate::net::dial::error::DialError;
use crate::net::dial::stream::Stream;
use crate::net::ws::connection::{Link, LinkEvent};
use crate::session::io::{DialFailure, Door, Failure};

/// The close code of a normal end (RFC 6455, section 7.4.1).
const NORMAL: u16 = 1000;

/// All lines of a call. Only for the change from one session to the next there is more than one.
pub(crate) struct Phone {
    target: Rc<Target>,
    current: Line,
    next: Line,
    /// Says goodbye; what it hears is for nobody.
    left: Line,
}

/// What happens on which line.
pub(crate) enum PhoneEvent {
    /// On the one in use.
    Current(LineEvent),
    /// On the one that is to follow.
    Next(LineEvent),
}

impl Phone {
    /// Makes a phone that is connected.
    pub(crate) fn new(target: Target, link: Link<Stream>) -> Self {
        let current = Line::Up(Box::new(link));
        Self { target: Rc::new(target), current, next: Line::Down, left: Line::Down }
    }

    /// Begins to dial in place of the line that was in use.
    pub(crate) fn dial(&mut self, door: Door) {
        self.current = Line::dial(&self.target, door);
    }

    /// Begins to dial the line that is to follow.
    pub(crate) fn dial_next(&mut self, door: Door) {
        self.next = Line::dial(&self.target, door);
    }

    /// Puts the line that is to follow in the place of the one in use, which is left.
    pub(crate) fn switch(&mut self) {
        let next = std::mem::replace(&mut self.next, Line::Down);
        self.left = std::mem::replace(&mut self.current, next);
        self.left.close();
    }

    /// Leaves the line that was to follow.
    pub(crate) fn drop_next(&mut self) {
        self.left = std::mem::replace(&mut self.next, Line::Down);
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
        self.next = Line::Down;
        self.current.close();
    }

    /// Waits for what happens next. Cancel-safe because the lines stay in `self`.
    pub(crate) async fn next(&mut self) -> PhoneEvent {
        loop {
            tokio::select! {
                event = self.current.next() => return PhoneEvent::Current(event),
                event = self.next.next() => return PhoneEvent::Next(event),
                // A line that hears nothing any more ends by itself, and at once when another is left.
                _ = self.left.next() => {}
            }
        }
    }
}

/// One line: connected, being dialled, or down.
enum Line {
    /// Connected.
    Up(Box<Link<Stream>>),
    /// Being dialled. Kept while other things are waited for: dialling is not begun again.
    Dialling(Pin<Box<dyn Future<Output = Result<Link<Stream>, Error>>>>),
    /// Neither.
    Down,
}

/// What happens on a line.
pub(crate) enum LineEvent {
    /// It is up.
    Opened,
    /// It could not be had.
    Failed(DialFailure),
    /// The other side says something, or the line has ended.
    Link(LinkEvent),
}

impl Line {
    fn dial(target: &Rc<Target>, door: Door) -> Self {
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

    async fn next(&mut self) -> LineEvent {
        let dialled = match self {
            Self::Up(link) => {
                let event = link.next().await;
                if matches!(event, LinkEvent::Closed(_)) {
                    *self = Self::Down;
                }
                return LineEvent::Link(event);
            }
            Self::Dialling(dialling) => dialling.await,
            Self::Down => return pending().await,
        };
        match dialled {
            Ok(link) => {
                *self = Self::Up(Box::new(link));
                LineEvent::Opened
            }
            Err(error) => {
                *self = Self::Down;
                LineEvent::Failed(failure(&error))
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
    if dialled.is_some_and(DialError::is_passing) {
        let retry_after = refusal.and_then(|refusal| refusal.retry_after);
        DialFailure::Passing { failure, retry_after }
    } else {
        DialFailure::Final(failure)
    }
}
