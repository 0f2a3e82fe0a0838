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

use crate::audio::backend::system::pulse::client::{PulseClient, PulseError, ReadResult, ServerMessage};
use crate::audio::device::block_size::BlockSize;
use crate::audio::device::failure::DeviceTrouble;
use crate::audio::device::open::{CallbackFlags, CallbackSlot, DeviceOrder, OrderReceiver, Waker};
use crate::audio::realtime::callback::{CaptureCallback, PlaybackCallback};
use crate::dsp::frame::SampleRate;

/// How many bytes a sample has: all streams are mono `f32`, and the server mixes.
const SAMPLE: usize = size_of::<f32>();
/// How many blocks a server keeps for somebody who does not fetch them: a quarter of a second.
const KEPT_BLOCKS: u32 = 25;

/// A stream that runs.
pub(super) struct PulseStream<H> {
    client: PulseClient,
    channel: u32,
    rate: SampleRate,
    slot: CallbackSlot<H>,
    signals: Arc<CallbackFlags>,
    waker: Waker,
    /// Room for the longest block.
    scratch: Vec<f32>,
    /// How many samples a block has.
    block: usize,
    /// How many bytes the server wants.
    requested_bytes: usize,
}

/// What a stream is made of.
pub(super) struct StreamParts<H> {
    pub(super) client: PulseClient,
    /// The device's number at the server.
    pub(super) index: u32,
    pub(super) rate: SampleRate,
    pub(super) slot: CallbackSlot<H>,
    pub(super) signals: Arc<CallbackFlags>,
    pub(super) waker: Waker,
}

/// What differs between the directions.
pub(crate) trait StreamKind: Send + Sized + 'static {
    /// Makes a stream, and returns its channel and how many bytes it wants at once.
    fn create(client: &mut PulseClient, index: u32, rate: SampleRate) -> Result<(u32, usize), PulseError>;

    /// Returns what stops a stream or lets it go on.
    fn cork(params: CorkStreamParams) -> Command;

    /// Returns what makes a stream's blocks so many bytes long.
    fn set_block(index: u32, bytes: u32) -> Command;

    /// Takes a block that was given.
    fn take(&mut self, block: &[f32]);

    /// Fills a block that is wanted.
    fn fill(&mut self, block: &mut [f32]);
}

impl StreamKind for CaptureCallback {
    fn create(client: &mut PulseClient, index: u32, rate: SampleRate) -> Result<(u32, usize), PulseError> {
        let made: CreateRecordStreamReply = client.ask(&Command::CreateRecordStream(RecordStreamParams {
            sample_spec: spec(rate),
            channel_map: ChannelMap::mono(),
            source_index: Some(index),
            buffer_attr: record_buffer(bytes(rate, BlockSize::Brisk)),
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

impl StreamKind for PlaybackCallback {
    fn create(client: &mut PulseClient, index: u32, rate: SampleRate) -> Result<(u32, usize), PulseError> {
        let made: CreatePlaybackStreamReply =
            client.ask(&Command::CreatePlaybackStream(PlaybackStreamParams {
                sample_spec: spec(rate),
                channel_map: ChannelMap::mono(),
                sink_index: Some(index),
                buffer_attr: playback_buffer(bytes(rate, BlockSize::Brisk)),
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

fn spec(rate: SampleRate) -> SampleSpec {
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

fn samples(rate: SampleRate, pace: BlockSize) -> usize {
    rate.samples(pace.block()) as usize
}

fn bytes(rate: SampleRate, pace: BlockSize) -> u32 {
    u32::try_from(samples(rate, pace) * SAMPLE).unwrap_or(u32::MAX)
}

impl<H: StreamKind> PulseStream<H> {
    /// Makes a stream of a device, which begins at once.
    pub(super) fn begin(parts: StreamParts<H>) -> Result<Self, PulseError> {
        let StreamParts { mut client, index, rate, slot, signals, waker } = parts;
        let (channel, owed) = H::create(&mut client, index, rate)?;
        // Whoever finds more waiting than this has slept, and what waits is old.
        client.make_room(bytes(rate, BlockSize::Brisk) as usize * KEPT_BLOCKS as usize);
        let scratch = vec![0.0; samples(rate, BlockSize::Calm)];
        let block = samples(rate, BlockSize::Brisk);
        Ok(Self { client, channel, rate, slot, signals, waker, scratch, block, requested_bytes: owed })
    }

    /// Runs until nobody has anything to do with the device any more, or until it is lost.
    pub(super) fn run(mut self, kept: &OrderReceiver, bell: &UnixStream) {
        if let Err(error) = self.turn(kept, bell) {
            self.signals.complain(match error {
                PulseError::Refused(_) => DeviceTrouble::Disconnected,
                PulseError::NotThere | PulseError::Connect(_) | PulseError::Hangs => DeviceTrouble::Ended,
                PulseError::Closed | PulseError::Garbled(_) => DeviceTrouble::Closed,
            });
            // The complaint is heard before the end of this thread could be.
            self.waker.wake();
        }
    }

    fn turn(&mut self, kept: &OrderReceiver, bell: &UnixStream) -> Result<(), PulseError> {
        loop {
            self.write_requested()?;
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

    fn obey(&mut self, order: DeviceOrder) -> Result<(), PulseError> {
        let channel = self.channel;
        let command = match order {
            DeviceOrder::Rest => H::cork(CorkStreamParams { channel, cork: true }),
            DeviceOrder::Wake => H::cork(CorkStreamParams { channel, cork: false }),
            DeviceOrder::Pace(pace) => {
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
                ServerMessage::Sound(channel, sound) if channel == self.channel => {
                    if filled == ReadResult::Up {
                        take(&mut self.slot, sound, &mut self.scratch);
                    }
                    sounded = true;
                }
                ServerMessage::Said(_, Command::Request(request), _) if request.channel == self.channel => {
                    self.requested_bytes += request.length as usize;
                }
                ServerMessage::Said(_, Command::Underflow(underflow), _)
                    if underflow.channel == self.channel =>
                {
                    self.signals.count_late();
                }
                ServerMessage::Said(
                    _,
                    Command::PlaybackStreamKilled(channel) | Command::RecordStreamKilled(channel),
                    _,
                ) if channel == self.channel => {
                    return Err(PulseError::Refused(pulseaudio::protocol::PulseError::Killed));
                }
                ServerMessage::Said(..) | ServerMessage::Sound(..) | ServerMessage::Unknown => {}
            }
        }
        if sounded {
            self.waker.wake();
        }
        Ok(())
    }

    /// Gives the server what it wants, in blocks.
    fn write_requested(&mut self) -> Result<(), PulseError> {
        while self.requested_bytes >= SAMPLE {
            let count = (self.requested_bytes / SAMPLE).min(self.block);
            let block = &mut self.scratch[..count];
            match self.slot.count(count as u64, true) {
                Some(half) => half.fill(block),
                None => block.fill(0.0),
            }
            self.client.give(self.channel, block)?;
            self.requested_bytes -= count * SAMPLE;
        }
        Ok(())
    }
}

/// Brings a block of sound to the half that takes it, as many samples at a time as `scratch` holds.
fn take<H: StreamKind>(slot: &mut CallbackSlot<H>, sound: &[u8], scratch: &mut [f32]) {
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
