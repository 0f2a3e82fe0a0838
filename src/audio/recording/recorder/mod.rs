//! `--record`: both sides of a call in one WAV file, left what the microphone sent, right what the speaker
//! played, each where it was in time.

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

/// The rate of the file.
const RATE: SampleRate = SampleRate::HZ_24000;
/// How late what was heard may be told; then there was silence.
const PATIENCE: Duration = Duration::from_millis(500);
/// How much is written at a time.
const BLOCK: Duration = Duration::from_millis(100);
/// How many blocks wait for a disk that is slow: half a minute of a call.
const BLOCKS: usize = 300;
/// How long the end waits for the disk.
const GOODBYE: Duration = Duration::from_secs(5);
/// What the speaker may play before the recorder looks; as much as its ring holds.
const TAP: Duration = Duration::from_millis(500);
/// How many samples are taken out of the tap at a time.
const PIECE: usize = 1_024;

/// Records a call. Dropping it completes the file, but waits for nothing.
pub(crate) struct Recorder {
    state: RecorderState,
    mic: broadcast::Receiver<Frame>,
    speaker: Consumer<f32>,
    speaker_rate: SampleRate,
    sent: Track,
    heard: Track,
    piece: Vec<f32>,
    path: PathBuf,
}

/// How far the recording is.
enum RecorderState {
    /// The file was found to be writable and is as it was.
    Ready(WritableFile),
    /// It runs, since the first step.
    Running(Option<Duration>, RecordWriter),
    /// It has ended.
    Over,
}

/// The thread that writes, because a disk may block.
struct RecordWriter {
    blocks: SyncSender<Vec<i16>>,
    /// Says how the writing ended.
    end: Receiver<Result<(), WavError>>,
}

impl Recorder {
    /// Makes sure that the file can be written, and changes nothing in it.
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
            heard: Track::new(RATE),
            piece: vec![0.0; PIECE],
            path: path.to_owned(),
        })
    }

    /// Returns where a speaker of this rate tells what it plays; the one before it is not listened to any more.
    pub(crate) fn tap(&mut self, speaker: SampleRate) -> Producer<f32> {
        let (tap, tapped) = RingBuffer::new((speaker.samples(TAP) as usize).max(1));
        (self.speaker, self.speaker_rate) = (tapped, speaker);
        tap
    }

    /// Begins the file, unless that was done; its time begins with the next step.
    ///
    /// # Errors
    ///
    /// Says why it cannot begin.
    pub(crate) fn begin(&mut self) -> Result<(), String> {
        match std::mem::replace(&mut self.state, RecorderState::Over) {
            RecorderState::Ready(openable) => {
                // What was before is not part of it.
                while matches!(self.mic.try_recv(), Ok(_) | Err(TryRecvError::Lagged(_))) {}
                while !self.speaker.pop_partial_slice(&mut self.piece).0.is_empty() {}
                let writer = RecordWriter::start(openable).map_err(|error| self.ended(&error))?;
                self.state = RecorderState::Running(None, writer);
            }
            state @ (RecorderState::Running(..) | RecorderState::Over) => self.state = state,
        }
        Ok(())
    }

    /// Takes what was heard and said up to `now`.
    ///
    /// # Errors
    ///
    /// Says once why the recording has ended.
    pub(crate) fn step(&mut self, now: Duration) -> Result<(), String> {
        let RecorderState::Running(began, _) = &mut self.state else { return Ok(()) };
        let here = now.saturating_sub(*began.get_or_insert(now));
        self.listen(here);
        let told = RATE.samples(here.saturating_sub(PATIENCE)) as usize;
        self.sent.reach(told);
        self.heard.reach(told);
        let block = RATE.samples(BLOCK) as usize;
        while self.sent.len().min(self.heard.len()) >= block {
            self.write(block)?;
        }
        Ok(())
    }

    /// Completes the file.
    ///
    /// # Errors
    ///
    /// Says why that cannot be, unless that was told.
    pub(crate) fn finish(mut self, now: Duration) -> Result<(), String> {
        self.step(now)?;
        let rest = self.sent.len().max(self.heard.len());
        self.sent.reach_len(rest);
        self.heard.reach_len(rest);
        self.write(rest)?;
        match std::mem::replace(&mut self.state, RecorderState::Over) {
            RecorderState::Running(_, writer) => writer.finish().map_err(|error| self.ended(&error)),
            RecorderState::Ready(_) | RecorderState::Over => Ok(()),
        }
    }

    /// Lays what came since the last step where it belongs; the last of it is of `here`.
    fn listen(&mut self, here: Duration) {
        loop {
            match self.mic.try_recv() {
                Ok(frame) => self.sent.take_frame(&frame),
                Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        self.sent.lay(here);
        loop {
            let (samples, _) = self.speaker.pop_partial_slice(&mut self.piece);
            if samples.is_empty() {
                break;
            }
            self.heard.take(self.speaker_rate, samples);
        }
        self.heard.lay(here);
    }

    fn write(&mut self, samples: usize) -> Result<(), String> {
        let RecorderState::Running(_, writer) = &self.state else { return Ok(()) };
        let both = self.sent.drain(samples).zip(self.heard.drain(samples));
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
            WavError::Io(error) => format!("the recording has ended: cannot write {path}: {error}"),
            error @ WavError::Full => format!("the recording {path} has ended: {error}"),
        }
    }
}

impl RecordWriter {
    fn start(openable: WritableFile) -> Result<Self, WavError> {
        let (blocks, receiver) = sync_channel::<Vec<i16>>(BLOCKS);
        let (told, end) = channel();
        thread::Builder::new().name("record".to_owned()).spawn(move || {
            // If nobody waits for the end any more, nobody needs to know.
            let _ = told.send(write_all(openable, &receiver));
        })?;
        Ok(Self { blocks, end })
    }

    fn finish(self) -> Result<(), WavError> {
        let Self { blocks, end } = self;
        drop(blocks);
        match end.recv_timeout(GOODBYE) {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
            Err(RecvTimeoutError::Disconnected) => Err(io::Error::other("its thread has ended").into()),
        }
    }
}

fn write_all(openable: WritableFile, blocks: &Receiver<Vec<i16>>) -> Result<(), WavError> {
    let mut writer = openable.begin(|file| WavBuffer::stereo(BufWriter::new(file), RATE))?;
    let result = blocks.iter().try_for_each(|block| writer.write(&block));
    match result {
        // What there is of it is whole.
        Err(WavError::Full) => writer.finish().and(Err(WavError::Full)),
        Ok(()) => writer.finish(),
        Err(error) => Err(error),
    }
}

type WavBuffer = crate::dsp::wav::WavWriter<BufWriter<std::fs::File>>;

#[cfg(test)]
mod tests;
