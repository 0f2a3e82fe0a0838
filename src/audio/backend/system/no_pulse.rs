//! Replacement for the PulseAudio client on systems without one.

use std::convert::Infallible;
use std::sync::mpsc::SyncSender;

use crate::audio::api::{DeviceRequest, Direction};
use crate::audio::device::handle::{DeviceHandle, Waker};
use crate::audio::device::select::{ListedDevice, Lookup};
use crate::audio::error::AudioError;
use crate::audio::realtime::callback::{CaptureCallback, PlaybackCallback};

/// The name of this sound system.
pub(super) const HOST: &str = "pulseaudio";

/// The stream of one direction.
pub(crate) trait StreamKind {}

impl StreamKind for CaptureCallback {}
impl StreamKind for PlaybackCallback {}

/// A device of a sound server; there are none.
pub(super) struct PulseDevice(Infallible);

/// Returns whether a sound server may be available.
pub(super) fn is_available() -> bool {
    false
}

/// Returns the unanswered sound server selected by `PULSE_SERVER`.
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
    pub(super) fn open_and_run<C>(self, _: &SyncSender<Result<DeviceHandle<C>, AudioError>>, _: Waker) {
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
    pub(super) fn lookup(&mut self, _: Direction, _: &DeviceRequest) -> Lookup {
        Lookup::Unknown
    }
}
