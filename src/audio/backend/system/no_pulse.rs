//! Stands in for the sound server client on systems without sound servers.

use std::convert::Infallible;
use std::sync::mpsc::SyncSender;

use crate::audio::device::open::{DeviceHandle, Waker};
use crate::audio::device::select::{DeviceRequest, ListedDevice, Lookup};
use crate::audio::error::{AudioError, Direction};
use crate::audio::realtime::callback::{CaptureCallback, PlaybackCallback};

/// The name of this sound system.
pub(super) const HOST: &str = "pulseaudio";

/// The stream of one direction.
pub(crate) trait StreamKind {}

impl StreamKind for CaptureCallback {}
impl StreamKind for PlaybackCallback {}

/// A device of a sound server, of which there are none.
pub(super) struct PulseDevice(Infallible);

/// Returns whether a sound server is there.
pub(super) fn is_there() -> bool {
    false
}

/// Returns the sound server that is named but does not answer.
pub(super) fn unanswered_server() -> Option<String> {
    None
}

/// Finds nothing.
pub(super) fn find(
    _: Direction,
    _: Option<&str>,
    _: &mut Vec<String>,
) -> Result<Option<PulseDevice>, AudioError> {
    Ok(None)
}

/// Lists nothing.
pub(super) fn list() -> Result<Vec<ListedDevice>, AudioError> {
    Ok(Vec::new())
}

impl PulseDevice {
    /// Cannot be called.
    pub(super) fn keep<H>(self, _: &SyncSender<Result<DeviceHandle<H>, AudioError>>, _: Waker) {
        match self.0 {}
    }
}

/// Finds no devices.
pub(super) struct PulseLookup;

impl PulseLookup {
    /// Makes one; it connects to nothing.
    pub(super) fn new() -> Self {
        Self
    }

    /// Returns [`Lookup::Unknown`].
    pub(super) fn see(&mut self, _: Direction, _: &DeviceRequest) -> Lookup {
        Lookup::Unknown
    }
}
