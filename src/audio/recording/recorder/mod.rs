//! The recorder of `--record`: both sides of a call in one WAV file, left the microphone as sent, right the
//! speaker as played, aligned in time.

use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, channel, sync_channel};
use std::thread;
use std::time::Duration;

use rtrb::{Consumer, Producer, RingBuffer};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::TryRecvError;

use crate::audio::backend::sink::WritableFile;
use crate::audio::error::AudioError;
use crate::audio::recording::track::Track;
use crate::dsp::frame::{Frame, SampleRate};
use crate::dsp::wav::WavError;
use crate::files::FileAccess;

/// Sample rate of the file.
const RATE: SampleRate = SampleRate::HZ_24000;
/// Lateness after which missing audio counts as silence.
const MAX_LATENESS: Duration = Duration::from_millis(500);
/// Duration of a written block.
const BLOCK: Duration = Duration::from_millis(100);
/// Blocks buffered for a slow disk: half a minute.
const BLOCKS: usize = 300;
/// How long the end of the call waits for the disk.
const FINISH_TIMEOUT: Duration = Duration::from_secs(5);
/// Capacity of the playback tap; as much as the playback ring holds.
const TAP: Duration = Duration::from_millis(500);
/// Samples taken from the tap at a time.
const PIECE: usize = 1_024;

/// Records a call. Dropping it completes the file without waiting.
pub(crate) struct Recorder {
    state: RecorderState,
    mic: broadcast::Receiver<Frame>,
    speaker: Consumer<f32>,
    speaker_rate: SampleRate,
    sent: Track,
    played: Track,
    piece: Vec<f32>,
    path: PathBuf,
}

/// State of a recording.
enum RecorderState {
    /// The file is writable and unchanged.
    Ready(WritableFile),
    /// Recording, since the first step.
    Running(Option<Duration>, RecordWriter),
    /// Ended.
    Over,
}

/// The writer thread, since a disk may block.
struct RecordWriter {
    blocks: SyncSender<Vec<i16>>,
    /// Result of the writer thread.
    end: Receiver<Result<(), WavError>>,
}

impl Recorder {
    /// Opens the file for writing without changing it.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub(crate) fn new(path: &Path, mic: broadcast::Receiver<Frame>) -> Result<Self, AudioError> {
        let (_, speaker) = RingBuffer::new(1);
        Ok(Self {
            state: RecorderState::Ready(WritableFile::new(path, FileAccess::Private)?),
            mic,
            speaker,
            speaker_rate: RATE,
            sent: Track::new(RATE),
            played: Track::new(RATE),
            piece: vec![0.0; PIECE],
            path: path.to_owned(),
        })
    }

    /// Returns the tap for a speaker of this rate, which replaces the former one.
    pub(crate) fn tap(&mut self, speaker: SampleRate) -> Producer<f32> {
        let (tap, tapped) = RingBuffer::new((speaker.samples(TAP) as usize).max(1));
        (self.speaker, self.speaker_rate) = (tapped, speaker);
        tap
    }

    /// Starts the file, unless done; its time starts with the next step.
    ///
    /// # Errors
    ///
    /// When it cannot start.
    pub(crate) fn begin(&mut self) -> Result<(), String> {
        match std::mem::replace(&mut self.state, RecorderState::Over) {
            RecorderState::Ready(file) => {
                // Earlier audio is not part of it.
                while matches!(self.mic.try_recv(), Ok(_) | Err(TryRecvError::Lagged(_))) {}
                while !self.speaker.pop_partial_slice(&mut self.piece).0.is_empty() {}
                let writer = RecordWriter::start(file).map_err(|error| self.ended(&error))?;
                self.state = RecorderState::Running(None, writer);
            }
            state @ (RecorderState::Running(..) | RecorderState::Over) => self.state = state,
        }
        Ok(())
    }

    /// Records audio up to `now`.
    ///
    /// # Errors
    ///
    /// Once, when the recording has ended.
    pub(crate) fn step(&mut self, now: Duration) -> Result<(), String> {
        let RecorderState::Running(started_at, _) = &mut self.state else { return Ok(()) };
        let elapsed = now.saturating_sub(*started_at.get_or_insert(now));
        self.receive(elapsed);
        let settled = RATE.samples(elapsed.saturating_sub(MAX_LATENESS)) as usize;
        self.sent.pad_to(settled);
        self.played.pad_to(settled);
        let block = RATE.samples(BLOCK) as usize;
        while self.sent.len().min(self.played.len()) >= block {
            self.write(block)?;
        }
        Ok(())
    }

    /// Completes the file.
    ///
    /// # Errors
    ///
    /// When it is incomplete, unless that was reported.
    pub(crate) fn finish(mut self, now: Duration) -> Result<(), String> {
        self.step(now)?;
        let rest = self.sent.len().max(self.played.len());
        self.sent.pad_len(rest);
        self.played.pad_len(rest);
        self.write(rest)?;
        match std::mem::replace(&mut self.state, RecorderState::Over) {
            RecorderState::Running(_, writer) => writer.finish().map_err(|error| self.ended(&error)),
            RecorderState::Ready(_) | RecorderState::Over => Ok(()),
        }
    }

    /// Places new audio on the tracks; the last of it is from `elapsed`.
    fn receive(&mut self, elapsed: Duration) {
        loop {
            match self.mic.try_recv() {
                Ok(frame) => self.sent.append_frame(&frame),
                Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        self.sent.place(elapsed);
        loop {
            let (samples, _) = self.speaker.pop_partial_slice(&mut self.piece);
            if samples.is_empty() {
                break;
            }
            self.played.append(self.speaker_rate, samples);
        }
        self.played.place(elapsed);
    }

    fn write(&mut self, samples: usize) -> Result<(), String> {
        let RecorderState::Running(_, writer) = &self.state else { return Ok(()) };
        let both = self.sent.drain(samples).zip(self.played.drain(samples));
        let block: Vec<i16> = both.flat_map(|(left, right)| [left, right]).collect();
        let error = match writer.blocks.try_send(block) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Full(_)) => WavError::Io(io::ErrorKind::TimedOut.into()),
            Err(TrySendError::Disconnected(_)) => match writer.end.recv() {
                Ok(Err(error)) => error,
                Ok(Ok(())) | Err(_) => WavError::Io(io::Error::other("its thread has ended")),
            },
        };
        self.state = RecorderState::Over;
        Err(self.ended(&error))
    }

    fn ended(&self, error: &WavError) -> String {
        let path = self.path.display();
        match error {
            WavError::Io(error) => format!("recording stopped: cannot write {path}: {error}"),
            error @ WavError::Full => format!("recording {path} stopped: {error}"),
        }
    }
}

impl RecordWriter {
    fn start(file: WritableFile) -> Result<Self, WavError> {
        let (blocks, receiver) = sync_channel::<Vec<i16>>(BLOCKS);
        let (result, end) = channel();
        thread::Builder::new().name("record".to_owned()).spawn(move || {
            // The receiver may have been dropped.
            let _ = result.send(write_all(file, &receiver));
        })?;
        Ok(Self { blocks, end })
    }

    fn finish(self) -> Result<(), WavError> {
        let Self { blocks, end } = self;
        drop(blocks);
        match end.recv_timeout(FINISH_TIMEOUT) {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
            Err(RecvTimeoutError::Disconnected) => Err(io::Error::other("its thread has ended").into()),
        }
    }
}

fn write_all(file: WritableFile, blocks: &Receiver<Vec<i16>>) -> Result<(), WavError> {
    let mut writer = file.begin(|file| WavBuffer::stereo(BufWriter::new(file), RATE))?;
    let result = blocks.iter().try_for_each(|block| writer.write(&block));
    match result {
        // The file is complete up to its size limit.
        Err(WavError::Full) => writer.finish().and(Err(WavError::Full)),
        Ok(()) => writer.finish(),
        Err(error) => Err(error),
    }
}

type WavBuffer = crate::dsp::wav::WavWriter<BufWriter<std::fs::File>>;

#[cfg(test)]
mod tests;
