//! Tests of the audio thread without devices in virtual time: files in, files out.

use std::path::Path;

use tokio::sync::broadcast::error::TryRecvError;

use super::*;
use crate::dsp::audio_file::read_clip;
use crate::dsp::frame::{ClipId, Frame};
use crate::dsp::media_file::TrackSelection;
use crate::dsp::resample::to_int;
use crate::dsp::wav::WavWriter;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A runner with the clock of the test.
struct ThreadCall {
    runner: Runner,
    ends: AudioChannels,
    now: Duration,
    frames: Vec<Frame>,
    events: Vec<AudioEvent>,
}

impl ThreadCall {
    fn open(input: AudioSource, output: AudioSink) -> Self {
        let options = AudioOptions { input, output, ..AudioOptions::default() };
        let (runner, ends) = Runner::open(&options, &waker()).unwrap();
        Self { runner, ends, now: Duration::ZERO, frames: Vec::new(), events: Vec::new() }
    }

    /// Lets time pass in uneven ticks, with a session that receives everything.
    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        for tick in [3, 10, 1, 17, 8].into_iter().cycle() {
            self.now = end.min(self.now + ms(tick));
            self.runner.poll(self.now);
            self.receive();
            if self.now == end {
                return;
            }
        }
    }

    fn receive(&mut self) {
        while let Ok(frame) = self.ends.mic.try_recv() {
            self.frames.push(frame);
        }
        while let Ok(event) = self.ends.events.try_recv() {
            self.events.push(event);
        }
    }

    fn play(&mut self, clip: u64, samples: &[i16]) {
        self.runner.engine.play(ClipId(clip), Frame::new(SampleRate::HZ_24000, samples));
    }

    fn captured(&self) -> Vec<i16> {
        self.frames.iter().flat_map(|frame| frame.samples.to_vec()).collect()
    }
}

/// A waker without a receiver, since no device is open.
fn waker() -> Waker {
    Waker::new(std::sync::mpsc::channel().0)
}

fn write(path: &Path, samples: &[i16]) {
    let mut writer = WavWriter::new(std::fs::File::create(path).unwrap(), SampleRate::HZ_24000).unwrap();
    writer.write(samples).unwrap();
    writer.finish().unwrap();
}

fn read(path: &Path) -> Vec<i16> {
    let (rate, samples) = read_clip(std::fs::File::open(path).unwrap()).unwrap();
    assert_eq!(rate, SampleRate::HZ_24000);
    samples.into_iter().map(to_int).collect()
}

fn ramp(samples: usize) -> Vec<i16> {
    (1..=samples).map(|n| (n % 30_000 + 1) as i16).collect()
}

#[test]
fn a_file_is_captured_in_real_time_and_followed_by_silence() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("speech.wav");
    write(&path, &ramp(12_100));
    let mut call = ThreadCall::open(AudioSource::File(path), AudioSink::Null);
    call.run(ms(400));
    assert_eq!(call.captured(), ramp(9_600));
    assert!(!call.events.contains(&AudioEvent::InputEnded));
    call.run(ms(600));
    let captured = call.captured();
    assert_eq!(captured[..12_100], ramp(12_100));
    assert_eq!(captured[12_100..], [0; 24_000 - 12_100]);
    assert_eq!(call.events, [AudioEvent::InputStarted, AudioEvent::InputEnded]);
}

#[test]
fn a_truncated_file_ends_with_a_warning() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("speech.wav");
    write(&path, &ramp(12_100));
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 2_400]).unwrap();
    let mut call = ThreadCall::open(AudioSource::File(path), AudioSink::Null);
    call.run(ms(1_000));
    assert_eq!(call.captured()[..10_900], ramp(10_900));
    let warnings = call.events.iter().filter(|event| matches!(event, AudioEvent::InputWarning(_))).count();
    assert_eq!((warnings, call.events.last()), (1, Some(&AudioEvent::InputEnded)));
    assert_eq!(call.runner.close(PacedOutput::close), Ok(()));
}

#[test]
fn an_input_that_fails_ends_and_the_failure_is_the_result() {
    struct FailingInput(u8);
    impl std::io::Read for FailingInput {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.0 = self.0.checked_sub(1).ok_or_else(|| std::io::Error::other("disk on fire"))?;
            buffer.fill(self.0);
            Ok(buffer.len())
        }
    }
    let mut call = ThreadCall::open(AudioSource::Null, AudioSink::Null);
    let feed =
        SampleSource::pipe(FailingInput(3), "standard input".to_owned(), TrackSelection::default()).unwrap();
    let capture = call.runner.engine.connect_microphone(feed.rate());
    call.runner.input = InputSource::Paced(Box::new(PacedInput::new(feed, capture)));
    while !call.events.contains(&AudioEvent::InputEnded) {
        call.run(ms(10));
    }
    let failure = "standard input: cannot read the file: disk on fire";
    assert_eq!(call.runner.close(PacedOutput::close), Err(failure.to_owned()));
}

#[test]
fn a_file_waits_for_a_slow_session() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("speech.wav");
    write(&path, &ramp(48_000));
    let mut call = ThreadCall::open(AudioSource::File(path), AudioSink::Null);
    for n in 1..1_000 {
        call.now = ms(n * 10);
        call.runner.poll(call.now);
    }
    assert!(call.runner.engine.is_crowded());
    call.run(ms(3_000));
    assert_eq!(call.captured()[..48_000], ramp(48_000), "not one sample is lost");
}

#[test]
fn silence_does_not_wait_for_the_session() {
    let mut call = ThreadCall::open(AudioSource::Null, AudioSink::Null);
    for n in 1..1_000 {
        call.now = ms(n * 10);
        call.runner.poll(call.now);
    }
    assert!(matches!(call.ends.mic.try_recv(), Err(TryRecvError::Lagged(871))));
}

#[test]
fn an_output_file_contains_the_playback_without_pauses() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("answer.wav");
    let mut call = ThreadCall::open(AudioSource::Null, AudioSink::File(path.clone()));
    call.run(ms(500));
    call.play(1, &ramp(24_001));
    call.runner.engine.end_clip(ClipId(1));
    call.run(ms(3_000));
    assert!(read(&path).len() >= 24_000, "whole up to a second even before the end");
    call.play(2, &ramp(777));
    call.runner.engine.end_clip(ClipId(2));
    call.run(ms(500));
    let ThreadCall { runner, events, .. } = call;
    runner.close(PacedOutput::close).unwrap();
    assert_eq!(read(&path), [ramp(24_001), ramp(777)].concat());
    let played = |clip| events.iter().rev().find_map(|event| event.played_samples(ClipId(clip)));
    assert_eq!((played(1), played(2)), (Some(24_001), Some(777)));
    assert!(!events.iter().any(|event| matches!(event, AudioEvent::Counters(_))), "{events:?}");
}

#[test]
fn a_flush_ends_an_output_file_at_the_reported_position() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("answer.wav");
    let mut call = ThreadCall::open(AudioSource::Null, AudioSink::File(path.clone()));
    call.play(1, &ramp(240_000));
    call.run(ms(1_000));
    call.runner.engine.flush();
    call.run(ms(100));
    let flushed = call.events.iter().find_map(AudioEvent::flushed_clips);
    call.runner.close(PacedOutput::close).unwrap();
    let written = read(&path);
    assert_eq!(flushed, Some(vec![(ClipId(1), written.len() as u64)]));
    assert!((24_000 - 480..24_000 + 240).contains(&written.len()), "a second of it: {}", written.len());
    assert_eq!(written.last(), Some(&0), "faded");
}

#[test]
fn nothing_is_written_when_the_input_cannot_be_used() {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("answer.wav");
    std::fs::write(&output, "precious").unwrap();
    let input = directory.path().join("missing.wav");
    let options = AudioOptions {
        input: AudioSource::File(input),
        output: AudioSink::File(output.clone()),
        ..AudioOptions::default()
    };
    assert!(matches!(Runner::open(&options, &waker()), Err(AudioError::OpenInput { .. })));
    assert_eq!(std::fs::read(&output).unwrap(), b"precious");
}

#[test]
fn a_call_that_never_started_leaves_the_output_unchanged() {
    let directory = tempfile::tempdir().unwrap();
    let (kept, fresh) = (directory.path().join("kept.wav"), directory.path().join("fresh.wav"));
    std::fs::write(&kept, "precious").unwrap();
    for path in [&kept, &fresh] {
        let mut call = ThreadCall::open(AudioSource::Null, AudioSink::File(path.clone()));
        call.run(ms(500));
        call.runner.close(PacedOutput::abandon).unwrap();
    }
    assert_eq!(std::fs::read(&kept).unwrap(), b"precious");
    assert!(!fresh.exists());
}

#[test]
fn a_silent_call_leaves_an_empty_output_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("answer.wav");
    std::fs::write(&path, "an answer of another call").unwrap();
    let call = ThreadCall::open(AudioSource::Null, AudioSink::File(path.clone()));
    call.runner.close(PacedOutput::close).unwrap();
    assert_eq!(hound::WavReader::open(&path).unwrap().len(), 0);
}

#[test]
fn an_unwritable_output_is_reported_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    for path in [directory.path().join("no/such/folder.wav"), directory.path().to_owned()] {
        let options = AudioOptions {
            input: AudioSource::Null,
            output: AudioSink::File(path),
            ..AudioOptions::default()
        };
        assert!(matches!(Runner::open(&options, &waker()), Err(AudioError::OpenOutput { .. })));
    }
}

#[test]
fn a_suspended_audio_thread_loses_no_answer() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("answer.wav");
    let mut call = ThreadCall::open(AudioSource::Null, AudioSink::File(path.clone()));
    call.play(1, &ramp(48_000));
    call.runner.engine.end_clip(ClipId(1));
    for _ in 0..20 {
        call.run(ms(50));
        call.now += ms(700);
    }
    call.run(ms(2_500));
    assert!(call.events.contains(&AudioEvent::Drained));
    call.runner.close(PacedOutput::close).unwrap();
    assert_eq!(read(&path), ramp(48_000));
}

#[test]
fn a_microphone_is_polled_when_its_next_block_is_due() {
    // (block duration, time since the last block, time to the next poll) in milliseconds
    let cases = [
        (10, 0, 9),
        (10, 5, 4),
        (10, 9, 2),
        (40, 0, 39),
        (40, 19, 20),
        (40, 39, 2),
        (1, 0, 2),
        (2_000, 0, 100),
        (10, 99, 2),
        (10, 100, 10),
    ];
    for (block, ago, tick) in cases {
        assert_eq!(next_interval(ms(block), ms(ago)), ms(tick), "{block} ms, {ago} ms ago");
    }
}
