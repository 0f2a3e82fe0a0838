//! An open device as the audio thread holds it, and the attempt to open one.
//!
//! The device itself is kept by a thread of its own that opened it: opening, resting and closing can each
//! take as long as the sound system likes, and the audio thread waits for none of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel, sync_channel};
use std::thread;
use std::time::Duration;

use rtrb::{Consumer, Producer, RingBuffer};

use crate::audio::choice::{self, Wanted};
use crate::audio::device::{self, Half, Systems};
use crate::audio::error::{AudioError, Direction};
use crate::audio::event::DeviceState;
use crate::audio::pace::Pace;
use crate::pcm::frame::Rate;

/// What is to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) wanted: Wanted,
    /// The only sound system that counts, where it is known.
    pub(crate) host: Option<String>,
}

/// What is known of an open device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) host: String,
    pub(crate) rate: Rate,
}

impl Facts {
    /// Returns what to tell of a device that is in use from the start.
    pub(crate) fn at_start(&self, wanted: &Wanted) -> DeviceState {
        match wanted {
            Wanted::Preferred(name) if !choice::means(name, &self.id, &self.name) => {
                DeviceState::Instead(self.name.clone())
            }
            Wanted::Default | Wanted::Named(_) | Wanted::Preferred(_) => DeviceState::Open(self.name.clone()),
        }
    }
}

/// An open device. Dropping it makes its callback deaf at once, and closes it on its own thread.
pub(crate) struct Open<H> {
    pub(crate) facts: Facts,
    giver: Producer<H>,
    hand: Hand,
}

/// What the device's own thread has of it.
pub(crate) struct Kept {
    orders: Receiver<Order>,
}

/// The way to the device's own thread.
struct Hand {
    orders: Sender<Order>,
    signals: Arc<Signals>,
}

/// What the thread of a device can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Stop asking for sound: a sound server then has nothing to do for it.
    Rest,
    /// Ask for sound again.
    Wake,
    /// Give blocks of this length, where the sound system lets one choose.
    Pace(Pace),
}

/// What the callbacks of one device leave behind.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    blocks: AtomicU64,
    /// Samples a channel since the last one that was not zero.
    zeros: AtomicU64,
    closed: AtomicBool,
    /// One more than the number of the last complaint, or 0.
    complaint: AtomicU32,
    /// The number of the newest stream that runs.
    running: AtomicU32,
    /// The number of the stream that is to serve the half.
    wanted: AtomicU32,
    /// The number of the one that does.
    serving: AtomicU32,
}

impl Signals {
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

    /// Returns whether the stream of this number has begun to call back.
    pub(crate) fn is_running(&self, stream: u32) -> bool {
        self.running.load(Ordering::Acquire) == stream
    }

    /// Has the stream of this number serve the half from here on.
    pub(crate) fn want(&self, stream: u32) {
        self.wanted.store(stream, Ordering::Release);
    }

    /// Returns whether the stream of this number serves the half.
    pub(crate) fn is_served_by(&self, stream: u32) -> bool {
        self.serving.load(Ordering::Acquire) == stream
    }

    /// Keeps the number of a complaint.
    pub(crate) fn complain(&self, number: u32) {
        self.complaint.store(number + 1, Ordering::Relaxed);
    }
}

/// Where a callback finds its half once the engine has made one for the device's rate, and where it leaves
/// it when another stream of the same device is to go on with it.
pub(crate) struct Slot<H> {
    taker: Consumer<H>,
    half: Option<H>,
    successor: Producer<H>,
    stream: u32,
    signals: Arc<Signals>,
}

impl<H> Slot<H> {
    /// Makes the place of the half that `taker` brings, for the callback of a device's stream of this number;
    /// what is returned beside it brings the half to the stream that follows.
    pub(crate) fn new(taker: Consumer<H>, stream: u32, signals: &Arc<Signals>) -> (Self, Consumer<H>) {
        let (successor, next) = RingBuffer::new(1);
        (Self { taker, half: None, successor, stream, signals: Arc::clone(signals) }, next)
    }

    /// Returns the half, if it has come and anybody still wants it, and counts a block of so many samples a
    /// channel.
    pub(crate) fn count(&mut self, samples: u64, sounds: bool) -> Option<&mut H> {
        if self.signals.is_closed() {
            return None;
        }
        self.signals.running.fetch_max(self.stream, Ordering::Release);
        if self.half.is_none() {
            self.half = self.taker.pop().ok();
            if self.half.is_some() {
                self.signals.serving.store(self.stream, Ordering::Release);
            }
        }
        if self.signals.is_served_by(self.stream) {
            self.signals.count(samples, sounds);
        }
        self.half.as_mut()
    }

    /// Leaves the half to the stream that follows, where one is to go on; `before` prepares it for that.
    pub(crate) fn leave(&mut self, before: impl FnOnce(&mut H)) {
        if self.signals.wanted.load(Ordering::Acquire) <= self.stream {
            return;
        }
        if let Some(mut half) = self.half.take() {
            before(&mut half);
            // There is room for the one half that there is.
            let _ = self.successor.push(half);
        }
    }
}

impl<H> Open<H> {
    /// Makes both sides of an open device; `giver` leads to its callback.
    pub(crate) fn new(facts: Facts, giver: Producer<H>, signals: Arc<Signals>) -> (Self, Kept) {
        let (orders, kept) = channel();
        (Self { facts, giver, hand: Hand { orders, signals } }, Kept { orders: kept })
    }

    /// Gives the callback its half; until then it takes nothing and gives silence.
    pub(crate) fn connect(&mut self, half: H) {
        // There is room for the one half that it gets.
        let _ = self.giver.push(half);
    }

    /// Tells the device's thread; one that has ended shows by its callback.
    pub(crate) fn order(&self, order: Order) {
        let _ = self.hand.orders.send(order);
    }

    /// Returns how many blocks it has given or taken.
    pub(crate) fn blocks(&self) -> u64 {
        self.hand.signals.blocks.load(Ordering::Relaxed)
    }

    /// Returns for how long it has given nothing but zeros.
    pub(crate) fn zeros(&self) -> Duration {
        self.facts.rate.duration(self.hand.signals.zeros.load(Ordering::Relaxed))
    }

    /// Returns the number of its last complaint.
    pub(crate) fn complaint(&self) -> Option<u32> {
        self.hand.signals.complaint.load(Ordering::Relaxed).checked_sub(1)
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        // A device that hangs may call back hours later, when another has its place.
        self.signals.closed.store(true, Ordering::Release);
    }
}

impl Kept {
    /// Waits for orders until the device is to be closed.
    pub(crate) fn orders(&self) -> impl Iterator<Item = Order> + '_ {
        self.orders.iter()
    }
}

/// A device that is being opened. Dropping it leaves that to itself.
pub(crate) struct Attempt<H> {
    pub(crate) request: Request,
    result: Receiver<Result<Open<H>, AudioError>>,
}

/// Over which connection to the sound systems a device is looked for. Two devices on one of them cost less
/// while nothing happens than two that have one each.
pub(crate) enum Connection<S> {
    /// One of its own.
    Own,
    /// One of its own, that another device gets as soon as this one is found.
    Shared(Sender<S>),
    /// The one that another device was found over.
    Others(Receiver<S>),
}

impl<S> Connection<S> {
    /// Returns the connection; `make` makes one.
    pub(crate) fn take(&self, make: impl FnOnce() -> S) -> S {
        match self {
            Self::Own | Self::Shared(_) => make(),
            Self::Others(others) => others.recv().unwrap_or_else(|_| make()),
        }
    }

    /// Gives the connection to who waits for it.
    pub(crate) fn pass_on(&self, connection: S) {
        match self {
            Self::Own | Self::Others(_) => {}
            // The other one may have been given up.
            Self::Shared(other) => drop(other.send(connection)),
        }
    }
}

impl<H: Half> Attempt<H> {
    /// Begins to open a device, on a thread that then keeps it.
    pub(crate) fn begin(request: Request) -> Result<Self, AudioError> {
        Self::begin_over(request, Connection::Own)
    }

    /// Begins to open a device over a connection that is used for another one too.
    pub(crate) fn begin_over(request: Request, connection: Connection<Systems>) -> Result<Self, AudioError> {
        let (told, result) = sync_channel(1);
        let asked = request.clone();
        let name = match H::DIRECTION {
            Direction::Input => "microphone",
            Direction::Output => "speaker",
        };
        let keep = move || device::keep::<H>(&asked, &told, &connection);
        thread::Builder::new().name(name.to_owned()).spawn(keep).map_err(AudioError::Thread)?;
        Ok(Self { request, result })
    }
}

impl<H> Attempt<H> {
    /// Returns what came of it, once.
    pub(crate) fn poll(&self) -> Option<Result<Open<H>, AudioError>> {
        match self.result.try_recv() {
            Ok(result) => Some(result),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(ended())),
        }
    }

    /// Waits for what comes of it.
    pub(crate) fn wait(self, patience: Duration) -> Result<Open<H>, AudioError> {
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
impl<H> Attempt<H> {
    /// An attempt that the test decides.
    pub(crate) fn decided_by(
        request: Request,
    ) -> (Self, std::sync::mpsc::SyncSender<Result<Open<H>, AudioError>>) {
        let (told, result) = sync_channel(1);
        (Self { request, result }, told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_goes_from_stream_to_stream_and_is_served_by_one() {
        let signals = Arc::new(Signals::default());
        let (mut giver, taker) = RingBuffer::new(1);
        let (mut first, taker) = Slot::new(taker, 0, &signals);
        let (mut second, _next) = Slot::<u32>::new(taker, 1, &signals);
        assert_eq!(first.count(10, true), None, "its half has not come");
        giver.push(7).unwrap();
        assert_eq!((first.count(10, true), second.count(10, true)), (Some(&mut 7), None));
        assert!(signals.is_running(1) && signals.is_served_by(0));
        first.leave(|half| *half += 1);
        assert_eq!(first.count(10, true), Some(&mut 7), "nobody wants it to leave");
        signals.want(1);
        first.leave(|half| *half += 1);
        assert_eq!(first.count(10, true), None);
        assert_eq!(second.count(10, true), Some(&mut 8));
        assert!(signals.is_served_by(1));
        second.leave(|half| *half += 1);
        assert_eq!(second.count(10, true), Some(&mut 8), "it is the last one");
        assert_eq!(signals.blocks.load(Ordering::Relaxed), 6, "those of the stream in waiting do not count");
    }

    #[test]
    fn nobody_is_served_once_the_device_is_closed() {
        let signals = Arc::new(Signals::default());
        let (mut giver, taker) = RingBuffer::new(1);
        let (mut slot, _next) = Slot::new(taker, 0, &signals);
        giver.push(7).unwrap();
        signals.closed.store(true, Ordering::Release);
        assert_eq!(slot.count(10, true), None);
    }
}
