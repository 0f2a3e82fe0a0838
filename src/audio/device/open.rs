//! An attempt to open a device, on a thread that then keeps it.

use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, sync_channel};
use std::thread;
use std::time::Duration;

use crate::audio::api::Direction;
use crate::audio::backend::system::{self, AudioCallback};
use crate::audio::device::handle::{DeviceHandle, OpenRequest, Waker};
use crate::audio::error::AudioError;

/// A device that is being opened. Dropping it abandons the attempt.
pub(crate) struct OpenAttempt<C> {
    pub(crate) request: OpenRequest,
    result: Receiver<Result<DeviceHandle<C>, AudioError>>,
}

impl<C: AudioCallback> OpenAttempt<C> {
    /// Starts to open a device.
    pub(crate) fn begin(request: OpenRequest, waker: &Waker) -> Result<Self, AudioError> {
        let (opened, result) = sync_channel(1);
        let name = match C::DIRECTION {
            Direction::Input => "microphone",
            Direction::Output => "speaker",
        };
        let (requested, waker) = (request.clone(), waker.clone());
        let open_and_run = move || system::open_and_run::<C>(&requested, &opened, waker);
        thread::Builder::new().name(name.to_owned()).spawn(open_and_run).map_err(AudioError::Thread)?;
        Ok(Self { request, result })
    }
}

impl<C> OpenAttempt<C> {
    /// Returns the result, once.
    pub(crate) fn poll(&self) -> Option<Result<DeviceHandle<C>, AudioError>> {
        match self.result.try_recv() {
            Ok(result) => Some(result),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(thread_ended())),
        }
    }

    /// Waits for the result.
    pub(crate) fn wait(self, timeout: Duration) -> Result<DeviceHandle<C>, AudioError> {
        self.result.recv_timeout(timeout).unwrap_or_else(|error| {
            Err(match error {
                RecvTimeoutError::Timeout => AudioError::Hangs(timeout.as_secs()),
                RecvTimeoutError::Disconnected => thread_ended(),
            })
        })
    }
}

fn thread_ended() -> AudioError {
    AudioError::Thread(std::io::Error::other("it ended while opening a device"))
}

#[cfg(test)]
impl<C> OpenAttempt<C> {
    /// Returns an attempt whose result the test sends.
    pub(crate) fn scripted(
        request: OpenRequest,
    ) -> (Self, std::sync::mpsc::SyncSender<Result<DeviceHandle<C>, AudioError>>) {
        let (opened, result) = sync_channel(1);
        (Self { request, result }, opened)
    }
}
