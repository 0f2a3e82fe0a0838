//! An open device as the audio thread holds it, and the attempt to open one.
//!
//! The device itself is kept by a thread of its own that opened it: opening, resting and closing can each
//! take as long as the sound system likes, and the audio thread waits for none of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel, sync_channel};
use std::thread;
use std::time::Duration;

use rtrb::{Consumer, Producer};

use crate::audio::api::{AudioCommand, DeviceState};
use crate::audio::backend::system::{self, AudioCallback};
use crate::audio::device::block_size::BlockSize;
use crate::audio::device::failure::DeviceTrouble;
use crate::audio::device::select::{self, DeviceRequest};
use crate::audio::error::{AudioError, Direction};
use crate::dsp::frame::SampleRate;

/// A device that asks for nothing for so long is at rest.
const RESTING: Duration = Duration::from_millis(500);

/// What is to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OpenRequest {
    pub(crate) wanted: DeviceRequest,
    /// The only sound system that counts, where it is known.
    pub(crate) host: Option<String>,
}

/// What is known of an open device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeviceInfo {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) host: String,
    pub(crate) rate: SampleRate,
    pub(crate) channels: u16,
    /// The format of a sample, such as `f32`.
    pub(crate) format: String,
}

impl DeviceInfo {
    /// Returns what to tell of a device that is in use from the start.
    pub(crate) fn at_start(&self, wanted: &DeviceRequest) -> DeviceState {
        match wanted {
            DeviceRequest::Preferred(name) if !select::means(name, &self.id, &self.name) => {
                DeviceState::Instead(self.name.clone())
            }
            DeviceRequest::Default | DeviceRequest::Named(_) | DeviceRequest::Preferred(_) => {
                DeviceState::Open(self.name.clone())
            }
        }
    }
}

/// An open device. Dropping it makes its callback deaf at once, and closes it on its own thread.
pub(crate) struct DeviceHandle<H> {
    pub(crate) facts: DeviceInfo,
    pub(crate) drive: WakeMode,
    giver: Producer<H>,
    hand: DeviceLink,
}

/// Who says that a device gave something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WakeMode {
    /// Its thread, which may wake whoever waits for that.
    Notify,
    /// Nobody: a callback must not, so that it is looked after all the time.
    Poll,
}

/// Wakes the audio thread. Never to be used by a realtime callback.
#[derive(Clone, Debug)]
pub(crate) struct Waker(Sender<AudioCommand>);

/// Wakes the thread of a device, where that waits for more than orders.
pub(crate) struct Notifier(Option<Box<dyn Fn() + Send>>);

/// What the device's own thread has of it.
pub(crate) struct OrderReceiver {
    orders: Receiver<DeviceOrder>,
}

/// The way to the device's own thread.
struct DeviceLink {
    orders: Sender<DeviceOrder>,
    bell: Notifier,
    signals: Arc<CallbackFlags>,
}

/// What the thread of a device can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeviceOrder {
    /// Stop asking for sound: a sound server then has nothing to do for it.
    Rest,
    /// Ask for sound again.
    Wake,
    /// Give blocks of this length, where the sound system lets one choose.
    Pace(BlockSize),
}

/// What the callbacks of one device leave behind.
#[derive(Debug, Default)]
pub(crate) struct CallbackFlags {
    blocks: AtomicU64,
    /// Samples a channel since the last one that was not zero.
    zeros: AtomicU64,
    /// Blocks that the device had to wait for.
    late: AtomicU64,
    closed: AtomicBool,
    /// The number of the last failure, or 0.
    trouble: AtomicU32,
}

impl CallbackFlags {
    /// Counts a block of so many samples a channel; called by one callback of the device alone.
    pub(crate) fn count(&self, samples: u64, sounds: bool) {
        let zeros = if sounds { 0 } else { self.zeros.load(Ordering::Relaxed) + samples };
        self.zeros.store(zeros, Ordering::Relaxed);
        self.blocks.store(self.blocks.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// Returns whether nobody has anything to do with the device any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Counts a block that the device had to wait for.
    pub(crate) fn count_late(&self) {
        self.late.fetch_add(1, Ordering::Relaxed);
    }

    /// Keeps what is wrong.
    pub(crate) fn complain(&self, trouble: DeviceTrouble) {
        self.trouble.store(trouble.number(), Ordering::Relaxed);
    }
}

impl Waker {
    /// Wakes through the commands of the audio thread.
    pub(crate) fn new(commands: Sender<AudioCommand>) -> Self {
        Self(commands)
    }

    /// Wakes it.
    pub(crate) fn wake(&self) {
        // One that has ended needs no waking.
        let _ = self.0.send(AudioCommand::Turn);
    }
}

impl Notifier {
    /// Makes one that is rung so.
    pub(crate) fn new(ring: impl Fn() + Send + 'static) -> Self {
        Self(Some(Box::new(ring)))
    }

    /// Makes one for a thread that waits for nothing but orders.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    fn ring(&self) {
        if let Some(ring) = &self.0 {
            ring();
        }
    }
}

/// Where a callback finds its half once the engine has made one for the device's rate.
pub(crate) struct CallbackSlot<H> {
    taker: Consumer<H>,
    half: Option<H>,
    signals: Arc<CallbackFlags>,
}

impl<H> CallbackSlot<H> {
    /// Makes the place of the half that `taker` brings.
    pub(crate) fn new(taker: Consumer<H>, signals: &Arc<CallbackFlags>) -> Self {
        Self { taker, half: None, signals: Arc::clone(signals) }
    }

    /// Returns the half, if it has come and anybody still wants it, and counts a block of so many samples a
    /// channel.
    pub(crate) fn count(&mut self, samples: u64, sounds: bool) -> Option<&mut H> {
        if self.signals.is_closed() {
            return None;
        }
        self.signals.count(samples, sounds);
        if self.half.is_none() {
            self.half = self.taker.pop().ok();
        }
        self.half.as_mut()
    }

    /// Counts a block that comes so long after the one before, which lasted for `block`.
    pub(crate) fn count_gap(&self, since_last: Duration, block: Duration) {
        // The device has one block in hand while another is made. What is later still was at rest.
        if since_last > block * 2 && since_last < RESTING {
            self.signals.count_late();
        }
    }
}

impl<H> DeviceHandle<H> {
    /// Makes both sides of an open device; `giver` leads to its callback.
    pub(crate) fn new(
        facts: DeviceInfo,
        giver: Producer<H>,
        signals: Arc<CallbackFlags>,
        (drive, bell): (WakeMode, Notifier),
    ) -> (Self, OrderReceiver) {
        let (orders, kept) = channel();
        (
            Self { facts, drive, giver, hand: DeviceLink { orders, bell, signals } },
            OrderReceiver { orders: kept },
        )
    }

    /// Gives the callback its half; until then it takes nothing and gives silence.
    pub(crate) fn connect(&mut self, half: H) {
        // There is room for the one half that it gets.
        let _ = self.giver.push(half);
    }

    /// Tells the device's thread; one that has ended shows by its callback.
    pub(crate) fn order(&self, order: DeviceOrder) {
        let _ = self.hand.orders.send(order);
        self.hand.bell.ring();
    }

    /// Returns how many blocks it has given or taken.
    pub(crate) fn blocks(&self) -> u64 {
        self.hand.signals.blocks.load(Ordering::Relaxed)
    }

    /// Returns how many blocks it had to wait for.
    pub(crate) fn late(&self) -> u64 {
        self.hand.signals.late.load(Ordering::Relaxed)
    }

    /// Returns for how long it has given nothing but zeros.
    pub(crate) fn zeros(&self) -> Duration {
        self.facts.rate.duration(self.hand.signals.zeros.load(Ordering::Relaxed))
    }

    /// Returns what was last wrong with it.
    pub(crate) fn trouble(&self) -> Option<DeviceTrouble> {
        DeviceTrouble::from_number(self.hand.signals.trouble.load(Ordering::Relaxed))
    }
}

impl Drop for DeviceLink {
    fn drop(&mut self) {
        // A device that hangs may call back hours later, when another has its place.
        self.signals.closed.store(true, Ordering::Release);
        self.bell.ring();
    }
}

impl OrderReceiver {
    /// Waits for orders until the device is to be closed.
    pub(crate) fn orders(&self) -> impl Iterator<Item = DeviceOrder> + '_ {
        self.orders.iter()
    }

    /// Returns an order that came, for a thread that waits for other things too.
    pub(crate) fn next_order(&self) -> Option<DeviceOrder> {
        self.orders.try_recv().ok()
    }
}

/// A device that is being opened. Dropping it leaves that to itself.
pub(crate) struct OpenAttempt<H> {
    pub(crate) request: OpenRequest,
    result: Receiver<Result<DeviceHandle<H>, AudioError>>,
}

impl<H: AudioCallback> OpenAttempt<H> {
    /// Begins to open a device, on a thread that then keeps it.
    pub(crate) fn begin(request: OpenRequest, waker: &Waker) -> Result<Self, AudioError> {
        let (told, result) = sync_channel(1);
        let asked = request.clone();
        let name = match H::DIRECTION {
            Direction::Input => "microphone",
            Direction::Output => "speaker",
        };
        let waker = waker.clone();
        let keep = move || system::open_and_run::<H>(&asked, &told, waker);
        thread::Builder::new().name(name.to_owned()).spawn(keep).map_err(AudioError::Thread)?;
        Ok(Self { request, result })
    }
}

impl<H> OpenAttempt<H> {
    /// Returns what came of it, once.
    pub(crate) fn poll(&self) -> Option<Result<DeviceHandle<H>, AudioError>> {
        match self.result.try_recv() {
            Ok(result) => Some(result),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(ended())),
        }
    }

    /// Waits for what comes of it.
    pub(crate) fn wait(self, patience: Duration) -> Result<DeviceHandle<H>, AudioError> {
        self.result.recv_timeout(patience).unwrap_or_else(|error| {
            Err(match error {
                RecvTimeoutError::Timeout => AudioError::Hangs(patience.as_secs()),
                RecvTimeoutError::Disconnected => ended(),
            })
        })
    }
}

fn ended() -> AudioError {
    AudioError::Thread(std::io::Error::other("it ended while it opened a device"))
}

#[cfg(test)]
impl<H> OpenAttempt<H> {
    /// An attempt that the test decides.
    pub(crate) fn decided_by(
        request: OpenRequest,
    ) -> (Self, std::sync::mpsc::SyncSender<Result<DeviceHandle<H>, AudioError>>) {
        let (told, result) = sync_channel(1);
        (Self { request, result }, told)
    }
}

#[cfg(test)]
mod tests {
    use rtrb::RingBuffer;

    use super::*;

    #[test]
    fn a_half_is_served_once_it_has_come_and_blocks_count_before() {
        let signals = Arc::new(CallbackFlags::default());
        let (mut giver, taker) = RingBuffer::new(1);
        let mut slot = CallbackSlot::new(taker, &signals);
        assert_eq!(slot.count(10, true), None, "its half has not come");
        giver.push(7).unwrap();
        assert_eq!(slot.count(10, true), Some(&mut 7));
        assert_eq!(signals.blocks.load(Ordering::Relaxed), 2, "the device lives");
    }

    #[test]
    fn nobody_is_served_once_the_device_is_closed() {
        let signals = Arc::new(CallbackFlags::default());
        let (mut giver, taker) = RingBuffer::new(1);
        let mut slot = CallbackSlot::new(taker, &signals);
        giver.push(7).unwrap();
        signals.closed.store(true, Ordering::Release);
        assert_eq!(slot.count(10, true), None);
    }
}
