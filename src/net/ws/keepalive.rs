//! Keepalive: ping of a silent server, and its timeout.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

/// Interval of the check. Received data only sets a flag, so audio needs no clock reading; an idle call wakes
/// the machine twelve times a minute.
const TICK: Duration = Duration::from_secs(5);

/// Silent ticks before a ping: 15 s, or up to 5 s less.
const PING_AFTER_TICKS: u32 = 3;

/// Silent ticks before the connection counts as dead: 30 s, or up to 5 s less.
const DEAD_AFTER_TICKS: u32 = 6;

/// Action required by silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeepaliveEvent {
    /// Send a ping; any received byte counts as an answer.
    Ping,
    /// The connection is dead.
    Dead,
}

/// Counts ticks without received data.
///
/// A late tick means that this program did not run: the machine slept, or a shell stopped it. Data received
/// meanwhile may be unread, so a late tick never counts as silence; it sends a ping, and the peer has the
/// usual time to answer.
#[derive(Debug)]
pub(crate) struct Keepalive {
    tick: Pin<Box<Sleep>>,
    silent_ticks: u32,
}

impl Keepalive {
    /// Starts counting. Requires a runtime with time.
    pub(crate) fn start() -> Self {
        Self { tick: Box::pin(sleep(TICK)), silent_ticks: 0 }
    }

    /// Notes received data.
    pub(crate) fn note_received(&mut self) {
        self.silent_ticks = 0;
    }

    /// Ready when an action is due; wakes the task for the next tick.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<KeepaliveEvent> {
        while self.tick.as_mut().poll(context).is_ready() {
            let was_late = self.tick.deadline().elapsed() >= TICK;
            self.tick.set(sleep(TICK));
            self.silent_ticks = if was_late { PING_AFTER_TICKS } else { self.silent_ticks + 1 };
            match self.silent_ticks {
                PING_AFTER_TICKS => return Poll::Ready(KeepaliveEvent::Ping),
                DEAD_AFTER_TICKS.. => return Poll::Ready(KeepaliveEvent::Dead),
                _ => {}
            }
        }
        Poll::Pending
    }
}
