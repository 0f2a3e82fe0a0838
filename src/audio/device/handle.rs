//! An open device: the audio thread's handle, and the order channel to the device's own thread.
//!
//! A dedicated thread opens and keeps each device, since opening, corking and closing can each block for as long as
//! the sound system takes. The audio thread never waits for it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use rtrb::Producer;

use crate::audio::api::{AudioCommand, DeviceRequest, DeviceState};
use crate::audio::device::block_size::BlockSize;
use crate::audio::device::failure::DeviceTrouble;
use crate::audio::device::select;
use crate::audio::realtime::slot::CallbackFlags;
use crate::dsp::frame::SampleRate;

/// A request to open a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OpenRequest {
    pub(crate) wanted: DeviceRequest,
    /// The only sound system to search, if known.
    pub(crate) host: Option<String>,
}

/// Description of an open device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeviceInfo {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) host: String,
    pub(crate) rate: SampleRate,
    pub(crate) channels: u16,
    /// Sample format, such as `f32`.
    pub(crate) format: String,
}

impl DeviceInfo {
    /// Returns the state to report for a device that is in use from the start.
    pub(crate) fn initial_state(&self, wanted: &DeviceRequest) -> DeviceState {
        match wanted {
            DeviceRequest::Preferred(name) if !select::matches(name, &self.id, &self.name) => {
                DeviceState::Instead(self.name.clone())
            }
            DeviceRequest::Default | DeviceRequest::Named(_) | DeviceRequest::Preferred(_) => {
                DeviceState::Open(self.name.clone())
            }
        }
    }
}

/// An open device. Dropping it disables its callback at once, and closes it on its own thread.
pub(crate) struct DeviceHandle<C> {
    pub(crate) info: DeviceInfo,
    pub(crate) wake_mode: WakeMode,
    callback: Producer<C>,
    link: DeviceLink,
}

/// How the audio thread learns that a device has data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WakeMode {
    /// The device's thread wakes it.
    Notify,
    /// It polls, since a realtime callback must not wake a thread.
    Poll,
}

/// Wakes the audio thread. Not for realtime callbacks.
#[derive(Clone, Debug)]
pub(crate) struct Waker(Sender<AudioCommand>);

/// Wakes the thread of a device if it waits for more than orders.
pub(crate) struct Notifier(Option<Box<dyn Fn() + Send>>);

/// Receiver of orders, held by the device's own thread.
pub(crate) struct OrderReceiver {
    orders: Receiver<DeviceOrder>,
}

/// Connection to the device's own thread.
struct DeviceLink {
    orders: Sender<DeviceOrder>,
    notifier: Notifier,
    flags: Arc<CallbackFlags>,
}

/// An order to the thread of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeviceOrder {
    /// Stop requesting audio, which leaves a sound server idle.
    Pause,
    /// Request audio again.
    Resume,
    /// Use blocks of this size, if the sound system supports it.
    SetBlockSize(BlockSize),
}

impl Waker {
    /// Wakes through the command channel of the audio thread.
    pub(crate) fn new(commands: Sender<AudioCommand>) -> Self {
        Self(commands)
    }

    /// Wakes the audio thread.
    pub(crate) fn wake(&self) {
        // The audio thread may have ended.
        let _ = self.0.send(AudioCommand::Poll);
    }
}

impl Notifier {
    /// Returns a notifier that calls `notify`.
    pub(crate) fn new(notify: impl Fn() + Send + 'static) -> Self {
        Self(Some(Box::new(notify)))
    }

    /// Returns the notifier of a thread that waits only for orders.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    fn notify(&self) {
        if let Some(notify) = &self.0 {
            notify();
        }
    }
}

impl<C> DeviceHandle<C> {
    /// Creates both ends of an open device; `callback` leads to its callback slot.
    pub(crate) fn new(
        info: DeviceInfo,
        callback: Producer<C>,
        flags: Arc<CallbackFlags>,
        (wake_mode, notifier): (WakeMode, Notifier),
    ) -> (Self, OrderReceiver) {
        let (sender, orders) = channel();
        let link = DeviceLink { orders: sender, notifier, flags };
        (Self { info, wake_mode, callback, link }, OrderReceiver { orders })
    }

    /// Installs the callback. Until then the device discards input and plays silence.
    pub(crate) fn connect(&mut self, callback: C) {
        // There is room for the only one.
        let _ = self.callback.push(callback);
    }

    /// Sends an order to the device's thread. The health check notices a thread that has ended.
    pub(crate) fn order(&self, order: DeviceOrder) {
        let _ = self.link.orders.send(order);
        self.link.notifier.notify();
    }

    /// Returns the number of blocks transferred.
    pub(crate) fn blocks(&self) -> u64 {
        self.link.flags.blocks()
    }

    /// Returns the number of blocks that came late.
    pub(crate) fn late(&self) -> u64 {
        self.link.flags.late()
    }

    /// Returns for how long the device has delivered only zeros.
    pub(crate) fn zeros(&self) -> Duration {
        self.info.rate.duration(self.link.flags.zeros())
    }

    /// Returns the last trouble reported.
    pub(crate) fn trouble(&self) -> Option<DeviceTrouble> {
        self.link.flags.trouble()
    }
}

impl Drop for DeviceLink {
    fn drop(&mut self) {
        // A hung device may call back hours later, when another has replaced it.
        self.flags.close();
        self.notifier.notify();
    }
}

impl OrderReceiver {
    /// Waits for orders until the device is to be closed.
    pub(crate) fn iter(&self) -> impl Iterator<Item = DeviceOrder> + '_ {
        self.orders.iter()
    }

    /// Returns a pending order.
    pub(crate) fn try_next(&self) -> Option<DeviceOrder> {
        self.orders.try_recv().ok()
    }
}
