//! Signals become commands: the first ends the call politely, the second at once.

use tokio::sync::mpsc;

use crate::error::{Error, Kind};
use crate::session::io::{Command, EndReason};

/// Turns the signals that ask a program to end into hang-ups, as long as somebody listens.
///
/// # Errors
///
/// When the system refuses to deliver signals.
#[cfg(unix)]
pub(super) fn listen(commands: &mpsc::Sender<Command>) -> Result<(), Error> {
    use tokio::signal::unix::{SignalKind, signal};

    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        let mut signals = signal(kind).map_err(|error| Error::new(Kind::Internal, error))?;
        let commands = commands.clone();
        tokio::task::spawn_local(async move {
            while signals.recv().await.is_some() {
                let reason = EndReason::Signal(kind.as_raw_value());
                if commands.send(Command::HangUp(reason)).await.is_err() {
                    return;
                }
            }
        });
    }
    Ok(())
}

/// Turns Ctrl-C into hang-ups, as long as somebody listens.
///
/// # Errors
///
/// None.
#[cfg(not(unix))]
pub(super) fn listen(commands: &mpsc::Sender<Command>) -> Result<(), Error> {
    const INTERRUPT: i32 = 2;
    let commands = commands.clone();
    tokio::task::spawn_local(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if commands.send(Command::HangUp(EndReason::Signal(INTERRUPT))).await.is_err() {
                return;
            }
        }
    });
    Ok(())
}
