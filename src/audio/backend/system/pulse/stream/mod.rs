//! One stream of a sound server, on its own thread, which waits for the server and for orders.
//!
//! Each block costs one wake-up. The audio callbacks are called as by a sound card.

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
use crate::audio::device::handle::{DeviceOrder, OrderReceiver, Waker};
use crate::audio::realtime::callback::{CaptureCallback, PlaybackCallback};
use crate::audio::realtime::slot::{CallbackFlags, CallbackSlot, SAMPLE_BYTES};
use crate::dsp::frame::SampleRate;

/// Blocks the server buffers for a slow reader: a quarter of a second.
const BUFFERED_BLOCKS: u32 = 25;

/// A running stream.
pub(super) struct PulseStream<C> {
    client: PulseClient,
    channel: u32,
    rate: SampleRate,
    slot: CallbackSlot<C>,
    flags: Arc<CallbackFlags>,
    waker: Waker,
    /// Buffer of the size of the longest block.
    scratch: Vec<f32>,
    /// Samples per block.
    block: usize,
    /// Bytes the server has requested but not received.
    requested_bytes: usize,
}

/// Parts of a stream.
pub(super) struct StreamParts<C> {
    pub(super) client: PulseClient,
    /// Index of the device at the server.
    pub(super) index: u32,
    pub(super) rate: SampleRate,
    pub(super) slot: CallbackSlot<C>,
    pub(super) flags: Arc<CallbackFlags>,
    pub(super) waker: Waker,
}

/// The difference between record and playback streams.
pub(crate) trait StreamKind: Send + Sized + 'static {
    /// Creates a stream, and returns its channel and the bytes it requests at once.
    fn create(client: &mut PulseClient, index: u32, rate: SampleRate) -> Result<(u32, usize), PulseError>;

    /// Returns the command that corks or uncorks a stream.
    fn cork(params: CorkStreamParams) -> Command;

    /// Returns the command that sets the block size.
    fn set_block_size(index: u32, bytes: u32) -> Command;

    /// Passes received samples on.
    fn capture(slot: &mut CallbackSlot<Self>, bytes: &[u8], scratch: &mut [f32]);

    /// Fills a requested block.
    fn fill(slot: &mut CallbackSlot<Self>, block: &mut [f32]);
}

impl StreamKind for CaptureCallback {
    fn create(client: &mut PulseClient, index: u32, rate: SampleRate) -> Result<(u32, usize), PulseError> {
        let reply: CreateRecordStreamReply =
            client.request(&Command::CreateRecordStream(RecordStreamParams {
                sample_spec: spec(rate),
                channel_map: ChannelMap::mono(),
                source_index: Some(index),
                buffer_attr: record_buffer(bytes(rate, BlockSize::Short)),
                flags: StreamFlags { adjust_latency: true, ..StreamFlags::default() },
                props: named(c"microphone"),
                ..RecordStreamParams::default()
            }))?;
        Ok((reply.channel, 0))
    }

    fn cork(params: CorkStreamParams) -> Command {
        Command::CorkRecordStream(params)
    }

    fn set_block_size(index: u32, bytes: u32) -> Command {
        Command::SetRecordStreamBufferAttr(SetRecordStreamBufferAttrParams {
            index,
            buffer_attr: record_buffer(bytes),
            adjust_latency: true,
            early_requests: false,
        })
    }

    fn capture(slot: &mut CallbackSlot<Self>, bytes: &[u8], scratch: &mut [f32]) {
        slot.capture_bytes(bytes, scratch);
    }

    fn fill(_: &mut CallbackSlot<Self>, _: &mut [f32]) {}
}

impl StreamKind for PlaybackCallback {
    fn create(client: &mut PulseClient, index: u32, rate: SampleRate) -> Result<(u32, usize), PulseError> {
        let reply: CreatePlaybackStreamReply =
            client.request(&Command::CreatePlaybackStream(PlaybackStreamParams {
                sample_spec: spec(rate),
                channel_map: ChannelMap::mono(),
                sink_index: Some(index),
                buffer_attr: playback_buffer(bytes(rate, BlockSize::Short)),
                flags: StreamFlags { adjust_latency: true, ..StreamFlags::default() },
                props: named(c"speaker"),
                ..PlaybackStreamParams::default()
            }))?;
        Ok((reply.channel, reply.requested_bytes as usize))
    }

    fn cork(params: CorkStreamParams) -> Command {
        Command::CorkPlaybackStream(params)
    }

    fn set_block_size(index: u32, bytes: u32) -> Command {
        Command::SetPlaybackStreamBufferAttr(SetPlaybackStreamBufferAttrParams {
            index,
            buffer_attr: playback_buffer(bytes),
            adjust_latency: true,
            early_requests: false,
        })
    }

    fn capture(_: &mut CallbackSlot<Self>, _: &[u8], _: &mut [f32]) {}

    fn fill(slot: &mut CallbackSlot<Self>, block: &mut [f32]) {
        slot.fill(block);
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

/// Returns the attributes for blocks of `bytes`, sent as soon as they are complete.
fn record_buffer(bytes: u32) -> BufferAttr {
    BufferAttr { max_length: bytes * BUFFERED_BLOCKS, fragment_size: bytes, ..BufferAttr::default() }
}

/// Returns the attributes for double buffering of blocks of `bytes`.
fn playback_buffer(bytes: u32) -> BufferAttr {
    BufferAttr {
        max_length: bytes * 2,
        target_length: bytes * 2,
        minimum_request_length: bytes,
        ..BufferAttr::default()
    }
}

fn samples(rate: SampleRate, size: BlockSize) -> usize {
    rate.samples(size.duration()) as usize
}

fn bytes(rate: SampleRate, size: BlockSize) -> u32 {
    u32::try_from(samples(rate, size) * SAMPLE_BYTES).unwrap_or(u32::MAX)
}

impl<C: StreamKind> PulseStream<C> {
    /// Creates and starts a stream of a device.
    pub(super) fn begin(parts: StreamParts<C>) -> Result<Self, PulseError> {
        let StreamParts { mut client, index, rate, slot, flags, waker } = parts;
        let (channel, requested_bytes) = C::create(&mut client, index, rate)?;
        // After a suspend more than this is pending, and it is stale.
        client.resize_buffers(bytes(rate, BlockSize::Short) as usize * BUFFERED_BLOCKS as usize);
        let scratch = vec![0.0; samples(rate, BlockSize::Long)];
        let block = samples(rate, BlockSize::Short);
        Ok(Self { client, channel, rate, slot, flags, waker, scratch, block, requested_bytes })
    }

    /// Runs until the device is closed or lost.
    pub(super) fn run(mut self, orders: &OrderReceiver, notified: &UnixStream) {
        if let Err(error) = self.run_loop(orders, notified) {
            self.flags.report(match error {
                PulseError::Refused(_) => DeviceTrouble::Disconnected,
                PulseError::NotThere | PulseError::Connect(_) | PulseError::Hangs => DeviceTrouble::Ended,
                PulseError::Closed | PulseError::Invalid(_) => DeviceTrouble::Closed,
            });
            // The trouble is visible before the end of this thread.
            self.waker.wake();
        }
    }

    fn run_loop(&mut self, orders: &OrderReceiver, notified: &UnixStream) -> Result<(), PulseError> {
        loop {
            self.write_requested()?;
            let (has_orders, has_data) = self.wait(notified)?;
            if has_orders {
                drain(notified);
                while let Some(order) = orders.try_next() {
                    self.handle_order(order)?;
                }
            }
            if self.flags.is_closed() {
                return Ok(());
            }
            if has_data {
                self.read_messages()?;
            }
        }
    }

    /// Waits for the server or an order, and returns whether there are orders and data.
    fn wait(&self, notified: &UnixStream) -> Result<(bool, bool), PulseError> {
        let mut ends = [PollFd::new(notified, PollFlags::IN), PollFd::new(&self.client, PollFlags::IN)];
        loop {
            match poll(&mut ends, None) {
                Err(Errno::INTR) => {}
                Err(_) => return Err(PulseError::Closed),
                Ok(_) => return Ok((!ends[0].revents().is_empty(), !ends[1].revents().is_empty())),
            }
        }
    }

    fn handle_order(&mut self, order: DeviceOrder) -> Result<(), PulseError> {
        let channel = self.channel;
        let command = match order {
            DeviceOrder::Pause => C::cork(CorkStreamParams { channel, cork: true }),
            DeviceOrder::Resume => C::cork(CorkStreamParams { channel, cork: false }),
            DeviceOrder::SetBlockSize(size) => {
                self.block = samples(self.rate, size);
                C::set_block_size(channel, bytes(self.rate, size))
            }
        };
        // The reply is not awaited; if the server refuses, nothing changes.
        self.client.send(&command).map(drop)
    }

    /// Handles all pending messages of the server.
    fn read_messages(&mut self) -> Result<(), PulseError> {
        let result = self.client.fill()?;
        let mut has_audio = false;
        while let Some(message) = self.client.next()? {
            match message {
                ServerMessage::Audio(channel, bytes) if channel == self.channel => {
                    if result == ReadResult::UpToDate {
                        C::capture(&mut self.slot, bytes, &mut self.scratch);
                    }
                    has_audio = true;
                }
                ServerMessage::Control(_, Command::Request(request), _)
                    if request.channel == self.channel =>
                {
                    self.requested_bytes += request.length as usize;
                }
                ServerMessage::Control(_, Command::Underflow(underflow), _)
                    if underflow.channel == self.channel =>
                {
                    self.flags.count_late();
                }
                ServerMessage::Control(
                    _,
                    Command::PlaybackStreamKilled(channel) | Command::RecordStreamKilled(channel),
                    _,
                ) if channel == self.channel => {
                    return Err(PulseError::Refused(pulseaudio::protocol::PulseError::Killed));
                }
                ServerMessage::Control(..) | ServerMessage::Audio(..) | ServerMessage::Unknown => {}
            }
        }
        if has_audio {
            self.waker.wake();
        }
        Ok(())
    }

    /// Writes the requested audio in blocks.
    fn write_requested(&mut self) -> Result<(), PulseError> {
        while self.requested_bytes >= SAMPLE_BYTES {
            let count = (self.requested_bytes / SAMPLE_BYTES).min(self.block);
            let block = &mut self.scratch[..count];
            C::fill(&mut self.slot, block);
            self.client.write_audio(self.channel, block)?;
            self.requested_bytes -= count * SAMPLE_BYTES;
        }
        Ok(())
    }
}

/// Discards all pending notifications.
fn drain(mut notified: &UnixStream) {
    let mut bytes = [0; 64];
    while notified.read(&mut bytes).is_ok_and(|count| count == bytes.len()) {}
}

#[cfg(test)]
mod tests;
