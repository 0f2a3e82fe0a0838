//! Stands in for sound cards where the program was built without them (feature `device`).

use crate::audio::callback::{Capture, Playback};
use crate::audio::error::{AudioError, Direction};
use crate::pcm::frame::Rate;

/// A device that was found: there is none.
pub(crate) enum Found {}

/// An open device: there is none.
pub(crate) enum Open {}

impl Found {
    /// Refuses.
    pub(crate) fn new(_: Direction, _: Option<&str>) -> Result<Self, AudioError> {
        Err(AudioError::NoDevicesBuilt)
    }

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
    pub(crate) fn last_error(&self) -> Option<&'static str> {
        match *self {}
    }
}
