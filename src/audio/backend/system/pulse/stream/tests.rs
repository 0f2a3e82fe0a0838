//! Lives of a stream, with a server that the test plays.

use std::thread::JoinHandle;

use pulseaudio::protocol::{CreatePlaybackStreamReply, Request, Underflow};
use rtrb::{Consumer, Producer, RingBuffer};

use super::*;
use crate::audio::api;
use crate::audio::backend::system::pulse::bell;
use crate::audio::backend::system::pulse::client::tests::Server;
use crate::audio::device::open::{DeviceHandle, DeviceInfo, WakeMode};
use crate::audio::realtime::counters::CallbackCounters;

const CHANNEL: u32 = 5;
const RATE: SampleRate = SampleRate(48_000);
/// Ten milliseconds, in samples and in bytes.
const BLOCK: usize = 480;
const BLOCK_BYTES: u32 = 1_920;

/// A stream at work.
struct Life<H> {
    server: Server,
    open: Option<DeviceHandle<H>>,
    thread: JoinHandle<()>,
    woken: std::sync::mpsc::Receiver<api::AudioCommand>,
}

impl<H: StreamKind> Life<H> {
    /// Begins one, which the server makes as `answer` says.
    fn begin(answer: impl FnOnce(&mut Server, u32, Command)) -> Self {
        let (client, mut server) = Server::with_client();
        let (commands, woken) = std::sync::mpsc::channel();
        let (opened, begun) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let signals = Arc::new(CallbackFlags::default());
            let (giver, taker) = RingBuffer::new(1);
            let slot = CallbackSlot::new(taker, &signals);
            let waker = Waker::new(commands);
            let parts =
                StreamParts { client, index: 2, rate: RATE, slot, signals: Arc::clone(&signals), waker };
            let stream = PulseStream::begin(parts).unwrap();
            let (ring, here) = bell().unwrap();
            let facts = DeviceInfo {
                id: String::new(),
                name: String::new(),
                host: String::new(),
                rate: RATE,
                channels: 1,
                format: String::new(),
            };
            let (open, kept) = DeviceHandle::new(facts, giver, signals, (WakeMode::Notify, ring));
            opened.send(open).unwrap();
            stream.run(&kept, &here);
        });
        let (number, command) = server.read();
        answer(&mut server, number, command);
        Self { server, open: Some(begun.recv().unwrap()), thread, woken }
    }

    fn open(&mut self) -> &mut DeviceHandle<H> {
        self.open.as_mut().unwrap()
    }

    /// Waits until the stream's thread has nothing to do with the server any more.
    fn end(self) -> Option<DeviceHandle<H>> {
        self.thread.join().unwrap();
        self.open
    }
}

fn speaker() -> (Life<PlaybackCallback>, Producer<f32>) {
    let mut life = Life::begin(|server, number, command| {
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
    // What is wanted at once is silence, since nothing can be there yet.
    for _ in 0..2 {
        assert_eq!(life.server.read_sound(), (CHANNEL, vec![0.0; BLOCK]));
    }
    let (ring, samples) = RingBuffer::new(10_000);
    life.open().connect(PlaybackCallback::new(samples, Arc::default(), RATE));
    (life, ring)
}

fn microphone() -> (Life<CaptureCallback>, Consumer<f32>) {
    let mut life = Life::begin(|server, number, command| {
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
    life.open().connect(CaptureCallback::new(samples, Arc::new(CallbackCounters::default())));
    (life, ring)
}

fn ask(life: &mut Life<PlaybackCallback>, length: u32) {
    life.server.tell(&Command::Request(Request { channel: CHANNEL, length }));
}

fn heard(ring: &mut Consumer<f32>) -> Vec<f32> {
    std::iter::from_fn(|| ring.pop().ok()).collect()
}

#[test]
fn a_speaker_is_given_exactly_what_it_asks_for_in_blocks() {
    let (mut life, mut ring) = speaker();
    let sound: Vec<f32> = (0..2_000_u16).map(|n| f32::from(n) / 4_096.0).collect();
    ring.push_entire_slice(&sound).unwrap();
    life.server.tell(&Command::Request(Request { channel: CHANNEL + 1, length: 400 }));
    let mut given = Vec::new();
    for (length, blocks) in [(BLOCK_BYTES, vec![480]), (4 * 600, vec![480, 120]), (8, vec![2])] {
        ask(&mut life, length);
        for block in blocks {
            let (channel, samples) = life.server.read_sound();
            assert_eq!((channel, samples.len()), (CHANNEL, block));
            given.extend(samples);
        }
    }
    assert!(given == sound[..given.len()]);
    assert_eq!(life.open().late(), 0);
    life.server.tell(&Command::Underflow(Underflow { channel: CHANNEL, offset: 0 }));
    ask(&mut life, 4);
    life.server.read_sound();
    assert_eq!(life.open().late(), 1, "the server tells of gaps");
}

#[test]
fn a_microphone_is_heard_whole_and_whoever_waits_is_woken_by_each_block() {
    let (mut life, mut ring) = microphone();
    let sound: Vec<f32> = (0..2_400_u16).map(|n| f32::from(n) / 4_096.0).collect();
    life.server.give(CHANNEL + 1, &[9.0; 10]);
    let mut all = Vec::new();
    for (begin, end) in [(0, 480), (480, 481), (481, 2_400)] {
        life.server.give(CHANNEL, &sound[begin..end]);
        while all.len() < end {
            life.woken.recv().unwrap();
            all.extend(heard(&mut ring));
        }
    }
    assert!(all == sound);
    assert_eq!(life.open().zeros(), std::time::Duration::ZERO);
    life.server.give(CHANNEL, &[0.0; 480]);
    life.woken.recv().unwrap();
    assert_eq!(life.open().zeros(), std::time::Duration::from_millis(10));
}

#[test]
fn orders_reach_the_server_and_blocks_change_their_length_while_it_runs() {
    let (mut life, _ring) = speaker();
    let cork = |cork| Command::CorkPlaybackStream(CorkStreamParams { channel: CHANNEL, cork });
    for (order, expected) in [(DeviceOrder::Rest, cork(true)), (DeviceOrder::Wake, cork(false))] {
        life.open().order(order);
        assert_eq!(life.server.read().1, expected);
    }
    life.open().order(DeviceOrder::Pace(BlockSize::Steady));
    let (_, Command::SetPlaybackStreamBufferAttr(set)) = life.server.read() else { panic!("nothing is set") };
    assert_eq!((set.index, set.buffer_attr.minimum_request_length), (CHANNEL, 2 * BLOCK_BYTES));
    ask(&mut life, 2 * BLOCK_BYTES);
    assert_eq!(life.server.read_sound().1.len(), 2 * BLOCK);

    let (mut life, _ring) = microphone();
    life.open().order(DeviceOrder::Pace(BlockSize::Calm));
    let (_, Command::SetRecordStreamBufferAttr(set)) = life.server.read() else { panic!("nothing is set") };
    assert_eq!((set.index, set.buffer_attr.fragment_size), (CHANNEL, 4 * BLOCK_BYTES));
}

#[test]
fn a_device_that_nobody_wants_any_more_leaves_no_thread_behind() {
    let (mut life, _ring) = speaker();
    life.open = None;
    assert!(life.end().is_none());
}

#[test]
fn a_stream_that_is_killed_and_a_server_that_ends_are_told_apart() {
    let (mut life, _ring) = microphone();
    life.server.tell(&Command::RecordStreamKilled(CHANNEL));
    let open = life.end().unwrap();
    assert_eq!(open.trouble(), Some(DeviceTrouble::Disconnected));

    let (life, _ring) = speaker();
    let Life { server, open, thread, woken } = life;
    drop(server);
    thread.join().unwrap();
    assert!(matches!(woken.recv(), Ok(api::AudioCommand::Turn)), "it is looked after at once");
    assert_eq!(open.unwrap().trouble(), Some(DeviceTrouble::Closed));
}

#[test]
fn who_has_slept_hears_the_last_quarter_of_a_second_at_most() {
    let (client, mut server) = Server::with_client();
    let signals = Arc::new(CallbackFlags::default());
    let (mut giver, taker) = RingBuffer::new(1);
    let (commands, _woken) = std::sync::mpsc::channel();
    let (slot, waker) = (CallbackSlot::new(taker, &signals), Waker::new(commands));
    let parts = StreamParts { client, index: 2, rate: RATE, slot, signals: Arc::clone(&signals), waker };
    let making = std::thread::spawn(move || PulseStream::begin(parts).unwrap());
    let (number, _) = server.read();
    server.reply(number, &CreateRecordStreamReply { channel: CHANNEL, ..CreateRecordStreamReply::default() });
    let mut stream = making.join().unwrap();
    let (samples, mut ring) = RingBuffer::new(100_000);
    assert!(giver.push(CaptureCallback::new(samples, Arc::new(CallbackCounters::default()))).is_ok());
    // What nobody fetched for 400 ms, then what is said now.
    (0..40).for_each(|_| server.give(CHANNEL, &[0.5; BLOCK]));
    server.give(CHANNEL, &[0.25; BLOCK]);
    let mut all = Vec::new();
    while !all.ends_with(&[0.25; BLOCK]) {
        stream.hear().unwrap();
        all.extend(heard(&mut ring));
    }
    assert!(all.len() <= KEPT_BLOCKS as usize * BLOCK, "{} samples", all.len());
}
