//! Keyboard reader thread.
//!
//! Separate from drawing because crossterm can block longer than requested: for the rest of an escape sequence
//! that never arrives (Alt-`[`), and forever after a hang-up. A terminal may also never answer a query of its
//! features.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};

use crossterm::event::{self, Event};
use crossterm::terminal::supports_keyboard_enhancement;

use crate::keys::bindings::KeyBindings;
use crate::ui::input::keys;
use crate::ui::input::push_to_talk::ReleaseEvents;
use crate::ui::terminal::guard::{KeyReporting, TerminalGuard};

/// Polling interval where the thread cannot be woken.
#[cfg(not(unix))]
const POLL_INTERVAL: std::time::Duration = std::time::Duration::from_millis(50);

/// Sufficient for the keys typed during one frame. When full, the terminal keeps the input.
const MAX_WAITING: usize = 64;

/// Events of the reader.
pub(super) enum ReaderEvent {
    /// Whether the terminal reports key releases; the first event if that was requested.
    Releases(ReleaseEvents),
    /// A key, or another event of crossterm.
    Event(Event),
}

/// The other end of a reader.
pub(super) struct ReaderEvents {
    /// An error is the last event.
    pub(super) events: Receiver<io::Result<ReaderEvent>>,
    /// Continues reading after a key that may lend the terminal to another program.
    pub(super) resume: Sender<()>,
}

/// Starts reading. A screen that never lends the terminal has no keys for it.
pub(super) fn start(
    guard: Arc<TerminalGuard>,
    (keys, lending): (KeyReporting, Option<Arc<KeyBindings>>),
) -> io::Result<(JoinHandle<()>, ReaderEvents)> {
    let (tx, events) = sync_channel(MAX_WAITING);
    let (resume, resumed) = channel();
    let reader = thread::Builder::new().name("keys".to_owned()).spawn(move || {
        match keys {
            KeyReporting::Typed => {}
            KeyReporting::Held => {
                // Keys typed meanwhile are read afterwards.
                if tx.send(Ok(ReaderEvent::Releases(query_releases()))).is_err() {
                    return;
                }
            }
        }
        read_events((&guard, lending.as_deref()), &tx, &resumed);
    })?;
    Ok((reader, ReaderEvents { events, resume }))
}

/// Queries the terminal; without an answer within 2 s, releases are unsupported.
fn query_releases() -> ReleaseEvents {
    match supports_keyboard_enhancement() {
        Ok(true) => ReleaseEvents::Supported,
        Ok(false) | Err(_) => ReleaseEvents::Unsupported,
    }
}

fn read_events(
    (guard, lending): (&TerminalGuard, Option<&KeyBindings>),
    tx: &SyncSender<io::Result<ReaderEvent>>,
    resumed: &Receiver<()>,
) {
    while guard.is_active() {
        let Some(event) = next_event() else { continue };
        let is_last = event.is_err();
        let lends = match (&event, lending) {
            (Ok(Event::Key(key)), Some(bindings)) => keys::lends_terminal(key, bindings),
            (Ok(_) | Err(_), _) => false,
        };
        if tx.send(event.map(ReaderEvent::Event)).is_err() || is_last {
            return;
        }
        // The other program reads the keys meanwhile.
        if lends && resumed.recv().is_err() {
            return;
        }
    }
}

/// Waits for the next event, without a timeout: with one, crossterm spins for its last millisecond.
#[cfg(unix)]
fn next_event() -> Option<io::Result<Event>> {
    Some(event::read())
}

/// Waits for the next event; none after a timeout.
#[cfg(not(unix))]
fn next_event() -> Option<io::Result<Event>> {
    match event::poll(POLL_INTERVAL) {
        Ok(false) => None,
        Ok(true) => Some(event::read()),
        Err(error) => Some(Err(error)),
    }
}

/// Wakes the reader by a resize signal, so that it checks whether to continue.
pub(super) fn wake() {
    // A thread that cannot be woken is detached.
    #[cfg(unix)]
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::WINCH);
}
