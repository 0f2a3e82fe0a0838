//! One stream of a sound server, on a thread of its own that waits for the server and for orders.
//!
//! A block costs one wake-up. The halves are called here as a sound card's callback would call them.

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use pulseaudio::protocol::stream::{BufferAttr, StreamFlags};
use pulseaudio::protocol::{
    ChannelMap, Command, CorkStreamParams, CreatePlaybackStreamReply, CreateRecordStreamReply,
    PlaybackStreamParams, Prop, Props, RecordStreamParams, SampleFormat, SampleSpec,
    SetPlaybackStreamBufferAttrParams, SetRecordStreamBufferAttrParams,
};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use crate::audio::backend::system::pulse::client::{Client, Filled, Message, PulseError};
use crate::audio::device::block_size::Pace;
use crate::audio::device::failure::Trouble;
use crate::audio::device::open::{Kept, Order, Signals, Slot, Waker};
use crate::audio::realtime::callback::{Capture, Playback};
use crate::dsp::frame::Rate;

/// How many bytes a sample has: all streams are mono `f32`, and the server mixes.
const SAMPLE: usize = size_of::<f32>();
/// How many blocks a server keeps for somebody who does not fetch them: a quarter of a second.
const KEPT_BLOCKS: u32 = 25;

/// A stream that runs.
pub(super) struct Stream<H> {
    client: Client,
    channel: u32,
    rate: Rate,
    slot: Slot<H>,
    signals: Arc<Signals>,
    waker: Waker,
    /// Room for the longest block.
    scratch: Vec<f32>,
    /// How many samples a block has.
    block: usize,
    /// How many bytes the server wants.
    owed: usize,
}

/// What a stream is made of.
pub(super) struct Parts<H> {
    pub(super) client: Client,
    /// The device's number at the server.
    pub(super) index: u32,
    pub(super) rate: Rate,
    pub(super) slot: Slot<H>,
    pub(super) signals: Arc<Signals>,
    pub(super) waker: Waker,
}

/// What differs between the directions.
pub(crate) trait Flow: Send + Sized + 'static {
    /// Makes a stream, and returns its channel and how many bytes it wants at once.
    fn create(client: &mut Client, index: u32, rate: Rate) -> Result<(u32, usize), PulseError>;

    /// Returns what stops a stream or lets it go on.
    fn cork(params: CorkStreamParams) -> Command;

    /// Returns what makes a stream's blocks so many bytes long.
    fn set_block(index: u32, bytes: u32) -> Command;

    /// Takes a block that was given.
    fn take(&mut self, block: &[f32]);

    /// Fills a block that is wanted.
    fn fill(&mut self, block: &mut [f32]);
}

impl Flow for Capture {
    fn create(client: &mut Client, index: u32, rate: Rate) -> Result<(u32, usize), PulseError> {
        let made: CreateRecordStreamReply = client.ask(&Command::CreateRecordStream(RecordStreamParams {
            sample_spec: spec(rate),
            channel_map: ChannelMap::mono(),
            source_index: Some(index),
            buffer_attr: record_buffer(bytes(rate, Pace::Brisk)),
            flags: StreamFlags { adjust_latency: true, ..StreamFlags::default() },
            props: named(c"microphone"),
            ..RecordStreamParams::default()
        }))?;
        Ok((made.channel, 0))
    }

    fn cork(params: CorkStreamParams) -> Command {
        Command::CorkRecordStream(params)
    }

    fn set_block(index: u32, bytes: u32) -> Command {
        Command::SetRecordStreamBufferAttr(SetRecordStreamBufferAttrParams {
            index,
            buffer_attr: record_buffer(bytes),
            adjust_latency: true,
            early_requests: false,
        })
    }

    fn take(&mut self, block: &[f32]) {
        self.on_input(block, 1);
    }

    fn fill(&mut self, _: &mut [f32]) {}
}

impl Flow for Playback {
    fn create(client: &mut Client, index: u32, rate: Rate) -> Result<(u32, usize), PulseError> {
        let made: CreatePlaybackStreamReply =
            client.ask(&Command::CreatePlaybackStream(PlaybackStreamParams {
                sample_spec: spec(rate),
                channel_map: ChannelMap::mono(),
                sink_index: Some(index),
                buffer_attr: playback_buffer(bytes(rate, Pace::Brisk)),
                flags: StreamFlags { adjust_latency: true, ..StreamFlags::default() },
                props: named(c"speaker"),
                ..PlaybackStreamParams::default()
            }))?;
        Ok((made.channel, made.requested_bytes as usize))
    }

    fn cork(params: CorkStreamParams) -> Command {
        Command::CorkPlaybackStream(params)
    }

    fn set_block(index: u32, bytes: u32) -> Command {
        Command::SetPlaybackStreamBufferAttr(SetPlaybackStreamBufferAttrParams {
            index,
            buffer_attr: playback_buffer(bytes),
            adjust_latency: true,
            early_requests: false,
        })
    }

    fn take(&mut self, _: &[f32]) {}

    fn fill(&mut self, block: &mut [f32]) {
        self.on_output(block, 1);
    }
}

fn spec(rate: Rate) -> SampleSpec {
    SampleSpec { format: SampleFormat::Float32Le, channels: 1, sample_rate: rate.0 }
}

fn named(name: &std::ffi::CStr) -> Props {
    let mut props = Props::new();
    props.set(Prop::MediaName, name);
    props
}

/// Blocks of so many bytes as soon as there are as many.
fn record_buffer(bytes: u32) -> BufferAttr {
    BufferAttr { max_length: bytes * KEPT_BLOCKS, fragment_size: bytes, ..BufferAttr::default() }
}

/// One block in hand while another is made.
fn playback_buffer(bytes: u32) -> BufferAttr {
    BufferAttr {
        max_length: bytes * 2,
        target_length: bytes * 2,
        minimum_request_length: bytes,
        ..BufferAttr::default()
    }
}

fn samples(rate: Rate, pace: Pace) -> usize {
    rate.samples(pace.block()) as usize
}

fn bytes(rate: Rate, pace: Pace) -> u32 {
    u32::try_from(samples(rate, pace) * SAMPLE).unwrap_or(u32::MAX)
}

impl<H: Flow> Stream<H> {
    /// Makes a stream of a device, which begins at once.
    pub(super) fn begin(parts: Parts<H>) -> Result<Self, PulseError> {
        let Parts { mut client, index, rate, slot, signals, waker } = parts;
        let (channel, owed) = H::create(&mut client, index, rate)?;
        // Whoever finds more waiting than this has slept, and what waits is old.
        client.make_room(bytes(rate, Pace::Brisk) as usize * KEPT_BLOCKS as usize);
        let scratch = vec![0.0; samples(rate, Pace::Calm)];
        let block = samples(rate, Pace::Brisk);
        Ok(Self { client, channel, rate, slot, signals, waker, scratch, block, owed })
    }

    /// Runs until nobody has anything to do with the device any more, or until it is lost.
    pub(super) fn run(mut self, kept: &Kept, bell: &UnixStream) {
        if let Err(error) = self.turn(kept, bell) {
            self.signals.complain(match error {
                PulseError::Refused(_) => Trouble::Disconnected,
                PulseError::NotThere | PulseError::Connect(_) | PulseError::Hangs => Trouble::Ended,
                PulseError::Closed | PulseError::Garbled(_) => Trouble::Closed,
            });
            // The complaint is heard before the end of this thread could be.
            self.waker.wake();
        }
    }

    fn turn(&mut self, kept: &Kept, bell: &UnixStream) -> Result<(), PulseError> {
        loop {
            self.pay()?;
            let (is_rung, has_news) = self.wait(bell)?;
            if is_rung {
                silence(bell);
                while let Some(order) = kept.next_order() {
                    self.obey(order)?;
                }
            }
            if self.signals.is_closed() {
                return Ok(());
            }
            if has_news {
                self.hear()?;
            }
        }
    }

    /// Waits for the server or for an order, and returns which of them came.
    fn wait(&self, bell: &UnixStream) -> Result<(bool, bool), PulseError> {
        let mut ends = [PollFd::new(bell, PollFlags::IN), PollFd::new(&self.client, PollFlags::IN)];
        loop {
            match poll(&mut ends, None) {
                Err(Errno::INTR) => {}
                Err(_) => return Err(PulseError::Closed),
                Ok(_) => return Ok((!ends[0].revents().is_empty(), !ends[1].revents().is_empty())),
            }
        }
    }

    fn obey(&mut self, order: Order) -> Result<(), PulseError> {
        let channel = self.channel;
        let command = match order {
            Order::Rest => H::cork(CorkStreamParams { channel, cork: true }),
            Order::Wake => H::cork(CorkStreamParams { channel, cork: false }),
            Order::Pace(pace) => {
                self.block = samples(self.rate, pace);
                H::set_block(channel, bytes(self.rate, pace))
            }
        };
        // A server that does not do it goes on as before.
        self.client.say(&command).map(drop)
    }

    /// Takes what the server has said.
    fn hear(&mut self) -> Result<(), PulseError> {
        let filled = self.client.fill()?;
        let mut sounded = false;
        while let Some(message) = self.client.next()? {
            match message {
                Message::Sound(channel, sound) if channel == self.channel => {
                    if filled == Filled::Up {
                        take(&mut self.slot, sound, &mut self.scratch);
                    }
                    sounded = true;
                }
                Message::Said(_, Command::Request(request), _) if request.channel == self.channel => {
                    self.owed += request.length as usize;
                }
                Message::Said(_, Command::Underflow(underflow), _) if underflow.channel == self.channel => {
                    self.signals.count_late();
                }
                Message::Said(
                    _,
                    Command::PlaybackStreamKilled(channel) | Command::RecordStreamKilled(channel),
                    _,
                ) if channel == self.channel => {
                    return Err(PulseError::Refused(pulseaudio::protocol::PulseError::Killed));
                }
                Message::Said(..) | Message::Sound(..) | Message::Unknown => {}
            }
        }
        if sounded {
            self.waker.wake();
        }
        Ok(())
    }

    /// Gives the server what it wants, in blocks.
    fn pay(&mut self) -> Result<(), PulseError> {
        while self.owed >= SAMPLE {
            let count = (self.owed / SAMPLE).min(self.block);
            let block = &mut self.scratch[..count];
            match self.slot.count(count as u64, true) {
                Some(half) => half.fill(block),
                None => block.fill(0.0),
            }
            self.client.give(self.channel, block)?;
            self.owed -= count * SAMPLE;
        }
        Ok(())
    }
}

/// Brings a block of sound to the half that takes it, as many samples at a time as `scratch` holds.
fn take<H: Flow>(slot: &mut Slot<H>, sound: &[u8], scratch: &mut [f32]) {
    let (sound, _) = sound.as_chunks::<SAMPLE>();
    for piece in sound.chunks(scratch.len().max(1)) {
        let samples = &mut scratch[..piece.len()];
        for (sample, bytes) in samples.iter_mut().zip(piece) {
            *sample = f32::from_le_bytes(*bytes);
        }
        let sounds = samples.iter().any(|sample| *sample != 0.0);
        if let Some(half) = slot.count(samples.len() as u64, sounds) {
            half.take(samples);
        }
    }
}

/// Takes note of all that was rung.
fn silence(mut bell: &UnixStream) {
    let mut rings = [0; 64];
    while bell.read(&mut rings).is_ok_and(|count| count == rings.len()) {}
}

#[cfg(test)]
mod tests;
