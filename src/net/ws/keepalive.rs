//! When a silent server is asked whether it is there, and when it is given up.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

/// How often is looked. What is received only sets a mark, so that sound costs no question for the
/// time; an idle call wakes the machine twelve times a minute.
const TICK: Duration = Duration::from_secs(5);

/// After so many ticks without a byte a ping is due: 15 s, or what was missing of the first tick less.
const PING_AFTER_TICKS: u32 = 3;

/// After so many ticks without a byte nobody is there: 30 s, or up to 5 s less.
const DEAD_AFTER_TICKS: u32 = 6;

/// What the time without a byte calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeepaliveEvent {
    /// Ask the other side whether it is there; any answer will do, even none to the question.
    Ping,
    /// It is not.
    Dead,
}

/// Counts ticks in which nothing came.
///
/// A tick that comes late is one in which this program did not run, because the machine slept or a
/// shell held it: what was sent meanwhile may wait unread, so nobody is judged by such a tick. The
/// other side is asked at once, and has the usual time to answer.
#[derive(Debug)]
pub(crate) struct Keepalive {
    tick: Pin<Box<Sleep>>,
    silent_ticks: u32,
}

impl Keepalive {
    /// Begins to count. Only inside a runtime with time.
    pub(crate) fn start() -> Self {
        Self { tick: Box::pin(sleep(TICK)), silent_ticks: 0 }
    }

    /// Something came.
    pub(crate) fn heard(&mut self) {
        self.silent_ticks = 0;
    }

    /// Ready when something is to be done; wakes the task for the next tick.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<KeepaliveEvent> {
        while self.tick.as_mut().poll(context).is_ready() {
            let was_held = self.tick.deadline().elapsed() >= TICK;
            self.tick.set(sleep(TICK));
            self.silent_ticks = if was_held { PING_AFTER_TICKS } else { self.silent_ticks + 1 };
            match self.silent_ticks {
                PING_AFTER_TICKS => return Poll::Ready(KeepaliveEvent::Ping),
                DEAD_AFTER_TICKS.. => return Poll::Ready(KeepaliveEvent::Dead),
                _ => {}
            }
        }
        Poll::Pending
    }
}
