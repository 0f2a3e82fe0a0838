//! The thread that reads keys.
//!
//! It is apart from drawing because crossterm's reading can wait longer than it is told: for the rest of an
//! escape sequence that never comes (Alt-`[`), and for ever where the terminal has hung up.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossterm::event::{self, Event};

use crate::ui::term::grip::Grip;

/// How often it is seen that nobody wants keys any more.
const PATIENCE: Duration = Duration::from_millis(50);

/// Enough for what is typed during one drawing. When it is full, the terminal keeps what is typed.
const MOST_WAITING: usize = 64;

/// Starts to read; the first error is the last thing that comes.
pub(super) fn start(grip: Arc<Grip>) -> io::Result<(JoinHandle<()>, Receiver<io::Result<Event>>)> {
    let (tx, rx) = sync_channel(MOST_WAITING);
    let reader = thread::Builder::new().name("keys".to_owned()).spawn(move || read(&grip, &tx))?;
    Ok((reader, rx))
}

fn read(grip: &Grip, tx: &SyncSender<io::Result<Event>>) {
    while grip.is_wanted() {
        let event = match event::poll(PATIENCE) {
            Ok(false) => continue,
            Ok(true) => event::read(),
            Err(error) => Err(error),
        };
        let is_last = event.is_err();
        if tx.send(event).is_err() || is_last {
            return;
        }
    }
}
