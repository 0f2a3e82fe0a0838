//! Stands in for sound cards where the program was built without them (feature `device`).

use std::sync::mpsc::SyncSender;

use crate::audio::callback::{Capture, Playback};
use crate::audio::choice::{Detail, Listed, Sight};
use crate::audio::error::{AudioError, Direction};
use crate::audio::open::{Connection, Open, Request};
use crate::audio::recovery::Complaint;

/// One direction of sound.
pub(crate) trait Half: Send + Sized + 'static {
    /// Which.
    const DIRECTION: Direction;
}

impl Half for Capture {
    const DIRECTION: Direction = Direction::Input;
}

impl Half for Playback {
    const DIRECTION: Direction = Direction::Output;
}

/// The sound systems of this machine, none of which is known.
pub(crate) struct Systems;

/// Refuses.
pub(crate) fn keep<H: Half>(
    _: &Request,
    told: &SyncSender<Result<Open<H>, AudioError>>,
    connection: &Connection<Systems>,
) {
    connection.pass_on(connection.take(|| Systems));
    // Whoever asked may have given up waiting.
    let _ = told.send(Err(AudioError::NoDevicesBuilt));
}

/// There are no complaints.
pub(crate) fn meaning(_: u32) -> Option<&'static str> {
    None
}

/// There are no complaints.
pub(crate) fn weight(_: Option<u32>) -> Complaint {
    Complaint::None
}

/// Looks, and sees nothing.
pub(crate) struct Lookout;

impl Lookout {
    pub(crate) fn new() -> Self {
        Self
    }

    /// Nothing can be seen.
    pub(crate) fn see(&mut self, _: Direction, _: &Request) -> Sight {
        Sight::Unknown
    }
}

/// Refuses.
///
/// # Errors
///
/// Always.
pub(crate) fn list(_: Detail) -> Result<Vec<Listed>, AudioError> {
    Err(AudioError::NoDevicesBuilt)
}
