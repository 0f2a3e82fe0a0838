//! The line of a call: connected, being dialled again, or down.

use std::future::pending;
use std::pin::Pin;

use crate::app::connect::connect;
use crate::app::target::Target;
use crate::error::Error;
use crate::net::dial_error::DialError;
use crate::net::link::{Link, LinkEvent};
use crate::net::stream::Stream;
use crate::session::io::{DialFailure, Failure};

/// The close code of a normal end (RFC 6455, section 7.4.1).
const NORMAL: u16 = 1000;

/// A call's line.
pub(super) enum Line {
    /// Connected.
    Up(Box<Link<Stream>>),
    /// Being dialled. Kept while other things are waited for: dialling is not begun again.
    Dialling(Pin<Box<dyn Future<Output = Result<Link<Stream>, Error>>>>),
    /// Neither.
    Down,
}

/// What happens on the line.
pub(super) enum LineEvent {
    /// It is up.
    Opened,
    /// It could not be had.
    Failed(DialFailure),
    /// The other side says something, or the line has ended.
    Link(LinkEvent),
}

impl Line {
    /// Begins to dial.
    pub(super) fn dial(target: &std::rc::Rc<Target>) -> Self {
        let target = std::rc::Rc::clone(target);
        Self::Dialling(Box::pin(async move { connect(&target).await }))
    }

    /// Returns how many bytes wait to be sent; a line that is not up takes any.
    pub(super) fn backlog(&self) -> usize {
        match self {
            Self::Up(link) => link.backlog(),
            // The session keeps what is said meanwhile, within its own bound.
            Self::Dialling(_) | Self::Down => 0,
        }
    }

    /// Queues an event.
    pub(super) fn queue(&mut self, text: String) {
        match self {
            Self::Up(link) => link.queue(text),
            // The session sends nothing while the line is down.
            Self::Dialling(_) | Self::Down => {}
        }
    }

    /// Says goodbye.
    pub(super) fn close(&mut self) {
        match self {
            Self::Up(link) => link.close(NORMAL, ""),
            Self::Dialling(_) | Self::Down => *self = Self::Down,
        }
    }

    /// Waits for what happens next. Cancel-safe because the link and the dialling stay in `self`.
    pub(super) async fn next(&mut self) -> LineEvent {
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
