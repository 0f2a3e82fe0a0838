//! Stands in for sound cards where the program was built without them (feature `device`).

use crate::audio::callback::{Capture, Playback};
use crate::audio::error::{AudioError, Direction};
use crate::pcm::frame::Rate;

/// The sound systems of this machine, none of which is known.
pub(crate) struct Systems;

/// A device that was found: there is none.
pub(crate) enum Found {}

/// An open device: there is none.
pub(crate) enum Open {}

impl Systems {
    pub(crate) fn new() -> Self {
        Self
    }

    /// Refuses.
    pub(crate) fn find(&mut self, _: Direction, _: Option<&str>) -> Result<Found, AudioError> {
        Err(AudioError::NoDevicesBuilt)
    }
}

impl Found {
    pub(crate) fn rate(&self) -> Rate {
        match *self {}
    }

    pub(crate) fn capture(self, _: Capture) -> Result<Open, AudioError> {
        match self {}
    }

    pub(crate) fn play(self, _: Playback) -> Result<Open, AudioError> {
        match self {}
    }
}

impl Open {
    pub(crate) fn rest(&self) -> Result<(), AudioError> {
        match *self {}
    }

    pub(crate) fn wake(&self) -> Result<(), AudioError> {
        match *self {}
    }

    pub(crate) fn last_error(&self) -> Option<&'static str> {
        match *self {}
    }
}
