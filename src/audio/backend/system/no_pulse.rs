//! Stands in for sound servers on systems that have none.

use std::convert::Infallible;
use std::sync::mpsc::SyncSender;

use crate::audio::device::open::{Open, Waker};
use crate::audio::device::select::{Listed, Sight, Wanted};
use crate::audio::error::{AudioError, Direction};
use crate::audio::realtime::callback::{Capture, Playback};

/// What this sound system would be called.
pub(super) const HOST: &str = "pulseaudio";

/// One direction of sound.
pub(crate) trait Flow {}

impl Flow for Capture {}
impl Flow for Playback {}

/// There is none.
pub(super) struct Found(Infallible);

/// Returns that no sound server is there.
pub(super) fn is_there() -> bool {
    false
}

/// Returns that no sound server is named.
pub(super) fn unanswered_server() -> Option<String> {
    None
}

/// Finds nothing.
pub(super) fn find(_: Direction, _: Option<&str>, _: &mut Vec<String>) -> Result<Option<Found>, AudioError> {
    Ok(None)
}

/// Lists nothing.
pub(super) fn list() -> Result<Vec<Listed>, AudioError> {
    Ok(Vec::new())
}

impl Found {
    /// Cannot be called.
    pub(super) fn keep<H>(self, _: &SyncSender<Result<Open<H>, AudioError>>, _: Waker) {
        match self.0 {}
    }
}

/// Sees nothing.
pub(super) struct Lookout;

impl Lookout {
    pub(super) fn new() -> Self {
        Self
    }

    /// Nothing can be seen.
    pub(super) fn see(&mut self, _: Direction, _: &Wanted) -> Sight {
        Sight::Unknown
    }
}
