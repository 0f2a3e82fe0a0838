//! Tests of a stream against a server played by the test.

use std::thread::JoinHandle;

use pulseaudio::protocol::{CreatePlaybackStreamReply, Request, Underflow};
use rtrb::{Consumer, Producer, RingBuffer};

use super::*;
use crate::audio::api;
use crate::audio::backend::system::pulse::client::tests::PulseServer;
use crate::audio::backend::system::pulse::notifier;
use crate::audio::device::handle::{DeviceHandle, DeviceInfo, WakeMode};
use crate::audio::realtime::counters::CallbackCounters;

const CHANNEL: u32 = 5;
const RATE: SampleRate = SampleRate(48_000);
/// Ten milliseconds, in samples and in bytes.
const BLOCK: usize = 480;
const BLOCK_BYTES: u32 = 1_920;

/// A running stream.
struct Fixture<C> {
    server: PulseServer,
    handle: Option<DeviceHandle<C>>,
    thread: JoinHandle<()>,
    woken: std::sync::mpsc::Receiver<api::AudioCommand>,
}

impl<C: StreamKind> Fixture<C> {
    /// Starts a stream, whose creation the server handles by `answer`.
    fn begin(answer: impl FnOnce(&mut PulseServer, u32, Command)) -> Self {
        let (client, mut server) = PulseServer::with_client();
        let (commands, woken) = std::sync::mpsc::channel();
        let (opened, handles) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let flags = Arc::new(CallbackFlags::default());
            let (producer, consumer) = RingBuffer::new(1);
            let slot = CallbackSlot::new(consumer, &flags);
            let waker = Waker::new(commands);
            let parts = StreamParts { client, index: 2, rate: RATE, slot, flags: Arc::clone(&flags), waker };
            let stream = PulseStream::begin(parts).unwrap();
            let (notifier, notified) = notifier().unwrap();
            let info = DeviceInfo {
                id: String::new(),
                name: String::new(),
                host: String::new(),
                rate: RATE,
                channels: 1,
                format: String::new(),
            };
            let (handle, orders) = DeviceHandle::new(info, producer, flags, (WakeMode::Notify, notifier));
            opened.send(handle).unwrap();
            stream.run(&orders, &notified);
        });
        let (number, command) = server.read();
        answer(&mut server, number, command);
        Self { server, handle: Some(handles.recv().unwrap()), thread, woken }
    }

    fn handle(&mut self) -> &mut DeviceHandle<C> {
        self.handle.as_mut().unwrap()
    }

    /// Waits until the thread of the stream has ended.
    fn end(self) -> Option<DeviceHandle<C>> {
        self.thread.join().unwrap();
        self.handle
    }
}

fn speaker() -> (Fixture<PlaybackCallback>, Producer<f32>) {
    let mut fixture = Fixture::begin(|server, number, command| {
        let Command::CreatePlaybackStream(params) = command else { panic!("{command:?}") };
        assert_eq!((params.sink_index, params.sample_spec), (Some(2), spec(RATE)));
        assert_eq!(params.buffer_attr.target_length, 2 * BLOCK_BYTES);
        assert_eq!(params.buffer_attr.minimum_request_length, BLOCK_BYTES);
        let reply = CreatePlaybackStreamReply {
            channel: CHANNEL,
            requested_bytes: 2 * BLOCK_BYTES,
            sample_spec: spec(RATE),
            channel_map: ChannelMap::mono(),
            ..CreatePlaybackStreamReply::default()
        };
        server.reply(number, &reply);
    });
    // The initial request is filled with silence, since no callback is installed yet.
    for _ in 0..2 {
        assert_eq!(fixture.server.read_audio(), (CHANNEL, vec![0.0; BLOCK]));
    }
    let (ring, samples) = RingBuffer::new(10_000);
    fixture.handle().connect(PlaybackCallback::new(samples, Arc::default(), RATE));
    (fixture, ring)
}

fn microphone() -> (Fixture<CaptureCallback>, Consumer<f32>) {
    let mut fixture = Fixture::begin(|server, number, command| {
        let Command::CreateRecordStream(params) = command else { panic!("{command:?}") };
        assert_eq!((params.source_index, params.sample_spec), (Some(2), spec(RATE)));
        assert_eq!(params.buffer_attr.fragment_size, BLOCK_BYTES);
        let reply = CreateRecordStreamReply {
            channel: CHANNEL,
            sample_spec: spec(RATE),
            channel_map: ChannelMap::mono(),
            ..CreateRecordStreamReply::default()
        };
        server.reply(number, &reply);
    });
    let (samples, ring) = RingBuffer::new(100_000);
    fixture.handle().connect(CaptureCallback::new(samples, Arc::new(CallbackCounters::default())));
    (fixture, ring)
}

fn request(fixture: &mut Fixture<PlaybackCallback>, length: u32) {
    fixture.server.send(&Command::Request(Request { channel: CHANNEL, length }));
}

fn drain_ring(ring: &mut Consumer<f32>) -> Vec<f32> {
    std::iter::from_fn(|| ring.pop().ok()).collect()
}

#[test]
fn playback_writes_exactly_the_requested_audio_in_blocks() {
    let (mut fixture, mut ring) = speaker();
    let audio: Vec<f32> = (0..2_000_u16).map(|n| f32::from(n) / 4_096.0).collect();
    ring.push_entire_slice(&audio).unwrap();
    fixture.server.send(&Command::Request(Request { channel: CHANNEL + 1, length: 400 }));
    let mut written = Vec::new();
    for (length, blocks) in [(BLOCK_BYTES, vec![480]), (4 * 600, vec![480, 120]), (8, vec![2])] {
        request(&mut fixture, length);
        for block in blocks {
            let (channel, samples) = fixture.server.read_audio();
            assert_eq!((channel, samples.len()), (CHANNEL, block));
            written.extend(samples);
        }
    }
    assert!(written == audio[..written.len()]);
    assert_eq!(fixture.handle().late(), 0);
    fixture.server.send(&Command::Underflow(Underflow { channel: CHANNEL, offset: 0 }));
    request(&mut fixture, 4);
    fixture.server.read_audio();
    assert_eq!(fixture.handle().late(), 1, "underflows are counted");
}

#[test]
fn all_captured_audio_arrives_and_each_block_wakes_the_audio_thread() {
    let (mut fixture, mut ring) = microphone();
    let audio: Vec<f32> = (0..2_400_u16).map(|n| f32::from(n) / 4_096.0).collect();
    fixture.server.send_audio(CHANNEL + 1, &[9.0; 10]);
    let mut all = Vec::new();
    for (begin, end) in [(0, 480), (480, 481), (481, 2_400)] {
        fixture.server.send_audio(CHANNEL, &audio[begin..end]);
        while all.len() < end {
            fixture.woken.recv().unwrap();
            all.extend(drain_ring(&mut ring));
        }
    }
    assert!(all == audio);
    assert_eq!(fixture.handle().zeros(), std::time::Duration::ZERO);
    fixture.server.send_audio(CHANNEL, &[0.0; 480]);
    fixture.woken.recv().unwrap();
    assert_eq!(fixture.handle().zeros(), std::time::Duration::from_millis(10));
}

#[test]
fn orders_reach_the_server_and_block_sizes_change_at_runtime() {
    let (mut fixture, _ring) = speaker();
    let cork = |cork| Command::CorkPlaybackStream(CorkStreamParams { channel: CHANNEL, cork });
    for (order, expected) in [(DeviceOrder::Pause, cork(true)), (DeviceOrder::Resume, cork(false))] {
        fixture.handle().order(order);
        assert_eq!(fixture.server.read().1, expected);
    }
    fixture.handle().order(DeviceOrder::SetBlockSize(BlockSize::Medium));
    let (_, Command::SetPlaybackStreamBufferAttr(set)) = fixture.server.read() else {
        panic!("no buffer attributes set")
    };
    assert_eq!((set.index, set.buffer_attr.minimum_request_length), (CHANNEL, 2 * BLOCK_BYTES));
    request(&mut fixture, 2 * BLOCK_BYTES);
    assert_eq!(fixture.server.read_audio().1.len(), 2 * BLOCK);

    let (mut fixture, _ring) = microphone();
    fixture.handle().order(DeviceOrder::SetBlockSize(BlockSize::Long));
    let (_, Command::SetRecordStreamBufferAttr(set)) = fixture.server.read() else {
        panic!("no buffer attributes set")
    };
    assert_eq!((set.index, set.buffer_attr.fragment_size), (CHANNEL, 4 * BLOCK_BYTES));
}

#[test]
fn dropping_the_handle_ends_the_thread() {
    let (mut fixture, _ring) = speaker();
    fixture.handle = None;
    assert!(fixture.end().is_none());
}

#[test]
fn a_killed_stream_and_an_ended_server_are_distinguished() {
    let (mut fixture, _ring) = microphone();
    fixture.server.send(&Command::RecordStreamKilled(CHANNEL));
    let handle = fixture.end().unwrap();
    assert_eq!(handle.trouble(), Some(DeviceTrouble::Disconnected));

    let (fixture, _ring) = speaker();
    let Fixture { server, handle, thread, woken } = fixture;
    drop(server);
    thread.join().unwrap();
    assert!(matches!(woken.recv(), Ok(api::AudioCommand::Poll)), "the audio thread is woken");
    assert_eq!(handle.unwrap().trouble(), Some(DeviceTrouble::Closed));
}

#[test]
fn after_a_suspend_at_most_a_quarter_second_of_stale_audio_is_captured() {
    let (client, mut server) = PulseServer::with_client();
    let flags = Arc::new(CallbackFlags::default());
    let (mut producer, consumer) = RingBuffer::new(1);
    let (commands, _woken) = std::sync::mpsc::channel();
    let (slot, waker) = (CallbackSlot::new(consumer, &flags), Waker::new(commands));
    let parts = StreamParts { client, index: 2, rate: RATE, slot, flags: Arc::clone(&flags), waker };
    let creation = std::thread::spawn(move || PulseStream::begin(parts).unwrap());
    let (number, _) = server.read();
    server.reply(number, &CreateRecordStreamReply { channel: CHANNEL, ..CreateRecordStreamReply::default() });
    let mut stream = creation.join().unwrap();
    let (samples, mut ring) = RingBuffer::new(100_000);
    assert!(producer.push(CaptureCallback::new(samples, Arc::new(CallbackCounters::default()))).is_ok());
    // 400 ms of stale audio, then current audio.
    (0..40).for_each(|_| server.send_audio(CHANNEL, &[0.5; BLOCK]));
    server.send_audio(CHANNEL, &[0.25; BLOCK]);
    let mut all = Vec::new();
    while !all.ends_with(&[0.25; BLOCK]) {
        stream.read_messages().unwrap();
        all.extend(drain_ring(&mut ring));
    }
    assert!(all.len() <= BUFFERED_BLOCKS as usize * BLOCK, "{} samples", all.len());
}
