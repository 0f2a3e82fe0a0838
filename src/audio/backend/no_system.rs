//! Stands in for sound cards where the program was built without them (feature `device`).

use std::sync::mpsc::SyncSender;

use crate::audio::device::open::{Open, Request, Waker};
use crate::audio::device::select::{Detail, Listed, Sight};
use crate::audio::error::{AudioError, Direction};
use crate::audio::realtime::callback::{Capture, Playback};

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

/// Refuses.
pub(crate) fn keep<H: Half>(_: &Request, told: &SyncSender<Result<Open<H>, AudioError>>, _: Waker) {
    // Whoever asked may have given up waiting.
    let _ = told.send(Err(AudioError::NoDevicesBuilt));
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
