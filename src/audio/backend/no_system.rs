//! Replacement for the sound system in a build without the feature `device`.

use std::sync::mpsc::SyncSender;

use crate::audio::api::Direction;
use crate::audio::device::handle::{DeviceHandle, OpenRequest, Waker};
use crate::audio::device::select::{ListDetail, ListedDevice, Lookup};
use crate::audio::error::AudioError;
use crate::audio::realtime::callback::{CaptureCallback, PlaybackCallback};

/// An audio callback.
pub(crate) trait AudioCallback: Send + Sized + 'static {
    /// Its direction.
    const DIRECTION: Direction;
}

impl AudioCallback for CaptureCallback {
    const DIRECTION: Direction = Direction::Input;
}

impl AudioCallback for PlaybackCallback {
    const DIRECTION: Direction = Direction::Output;
}

/// Reports that this build has no devices.
pub(crate) fn open_and_run<C: AudioCallback>(
    _: &OpenRequest,
    opened: &SyncSender<Result<DeviceHandle<C>, AudioError>>,
    _: Waker,
) {
    // The receiver may have been dropped.
    let _ = opened.send(Err(AudioError::NoDevicesBuilt));
}

/// Finds no devices.
pub(crate) struct DeviceLookup;

impl DeviceLookup {
    /// Makes one; it connects to nothing.
    pub(crate) fn new() -> Self {
        Self
    }

    /// Returns [`Lookup::Unknown`].
    pub(crate) fn lookup(&mut self, _: Direction, _: &OpenRequest) -> Lookup {
        Lookup::Unknown
    }
}

/// Lists the devices of this machine.
///
/// # Errors
///
/// Always: this build has no devices.
pub(crate) fn list(_: ListDetail) -> Result<Vec<ListedDevice>, AudioError> {
    Err(AudioError::NoDevicesBuilt)
}
