//! The thread that reads keys.
//!
//! It is apart from drawing because crossterm's reading can wait longer than it is told: for the rest of an
//! escape sequence that never comes (Alt-`[`), and for ever where the terminal has hung up. And a terminal
//! that is asked what it can do may never answer.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use crossterm::event::{self, Event};
use crossterm::terminal::supports_keyboard_enhancement;

use crate::ui::input::push_to_talk::ReleaseEvents;
use crate::ui::terminal::guard::{KeyReporting, TerminalGuard};

/// How often it is seen that nobody wants keys any more, where the thread cannot be woken.
#[cfg(not(unix))]
const PATIENCE: std::time::Duration = std::time::Duration::from_millis(50);

/// Enough for what is typed during one drawing. When it is full, the terminal keeps what is typed.
const MOST_WAITING: usize = 64;

/// What the thread reads.
pub(super) enum ReaderEvent {
    /// Whether the terminal tells when a key is let go; the first news where that was asked.
    Releases(ReleaseEvents),
    /// A key, or whatever else crossterm reads.
    Event(Event),
}

/// Starts to read; the first error is the last thing that comes.
pub(super) fn start(
    grip: Arc<TerminalGuard>,
    keys: KeyReporting,
) -> io::Result<(JoinHandle<()>, Receiver<io::Result<ReaderEvent>>)> {
    let (tx, rx) = sync_channel(MOST_WAITING);
    let reader = thread::Builder::new().name("keys".to_owned()).spawn(move || {
        match keys {
            KeyReporting::Typed => {}
            KeyReporting::Held => {
                // Keys that come meanwhile are read afterwards.
                if tx.send(Ok(ReaderEvent::Releases(releases()))).is_err() {
                    return;
                }
            }
        }
        read(&grip, &tx);
    })?;
    Ok((reader, rx))
}

/// Asks the terminal; one that does not answer is believed to tell nothing after 2 s.
fn releases() -> ReleaseEvents {
    match supports_keyboard_enhancement() {
        Ok(true) => ReleaseEvents::Told,
        Ok(false) | Err(_) => ReleaseEvents::Unsupported,
    }
}

fn read(grip: &TerminalGuard, tx: &SyncSender<io::Result<ReaderEvent>>) {
    while grip.is_wanted() {
        let Some(event) = next() else { continue };
        let is_last = event.is_err();
        if tx.send(event.map(ReaderEvent::Event)).is_err() || is_last {
            return;
        }
    }
}

/// Waits for what comes next.
// With a limit, crossterm would be busy for the last millisecond of each.
#[cfg(unix)]
fn next() -> Option<io::Result<Event>> {
    Some(event::read())
}

/// Waits for what comes next; nothing where that takes long.
#[cfg(not(unix))]
fn next() -> Option<io::Result<Event>> {
    match event::poll(PATIENCE) {
        Ok(false) => None,
        Ok(true) => Some(event::read()),
        Err(error) => Some(Err(error)),
    }
}

/// Has the thread see whether keys are still wanted: it takes this for a change of the terminal's size.
pub(super) fn wake() {
    // One that cannot be woken is left alone.
    #[cfg(unix)]
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::WINCH);
}
