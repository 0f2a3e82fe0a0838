//! Where a paced input has its samples from: a sound or video file, standard input, or nowhere.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Seek};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::Duration;

use crate::audio::error::{AudioError, Direction};
use crate::dsp::audio_file::{AudioFileError, AudioReader, PeekedSource};
use crate::dsp::frame::SampleRate;
use crate::dsp::media_file::{MediaError, MediaReader, Selection};
use crate::dsp::resample::Resampler;
use crate::files;

/// The rate that a pipe is resampled to.
const PIPE_RATE: SampleRate = SampleRate::HZ_24000;
/// How much is skipped at once, in samples.
const SKIPPED_AT_ONCE: u64 = 1 << 16;
/// How many pieces wait between the reader of the pipe and the audio thread: at most about half a second.
const PIPE_PIECES: usize = 6;
/// How much of a file is searched for how its samples are aligned, if its header leaves that open.
const SCANNED_BYTES: u64 = 64 << 20;

/// A source of mono samples.
pub(crate) enum SampleSource {
    /// Silence at a rate.
    Silence(SampleRate),
    /// A file.
    File(Box<ReadBuffer<SoundReader<File>>>),
    /// Standard input or a named pipe, read by a thread of its own.
    Pipe(ReadBuffer<Receiver<PipeChunk>>),
}

/// A reader of whatever format the source has.
pub(crate) enum SoundReader<R> {
    /// WAV, AU or raw PCM.
    Pcm(Box<AudioReader<R>>),
    /// Compressed sound, or that of a video.
    Media(Box<MediaReader>),
}

impl<R: Read> SoundReader<R> {
    fn rate(&self) -> SampleRate {
        match self {
            Self::Pcm(reader) => reader.rate(),
            Self::Media(reader) => reader.rate(),
        }
    }

    fn read(&mut self, samples: &mut Vec<f32>) -> Result<usize, AudioFileError> {
        match self {
            Self::Pcm(reader) => reader.read(samples),
            Self::Media(reader) => Ok(reader.read(samples)?),
        }
    }

    fn take_warning(&mut self) -> Option<String> {
        match self {
            Self::Pcm(reader) => reader.take_warning(),
            Self::Media(reader) => reader.take_warning(),
        }
    }
}

/// What the thread that reads a pipe hands over.
pub(crate) enum PipeChunk {
    Sound(Vec<f32>),
    Warning(String),
    Failed(AudioFileError),
}

/// A source and what it gave beyond what was wanted.
pub(crate) struct ReadBuffer<S> {
    source: S,
    /// What messages call it.
    name: String,
    rate: SampleRate,
    samples: Vec<f32>,
    at: usize,
}

/// What a feed could do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ReadStatus {
    /// It gave all that was wanted.
    More,
    /// It gave less; the rest comes later.
    Late,
    /// It gave nothing so far; the first sample is still to come.
    NotYet,
    /// It may have given less, because its header is wrong and can be read all the same; one sentence.
    Warning(String),
    /// It gave its last; from here on it gives silence.
    Ended,
    /// It broke; from here on it gives silence.
    Broken(String),
    /// It has given nothing and never will; one sentence.
    Nothing(String),
}

impl SampleSource {
    /// Opens a sound or video file, or a named pipe.
    pub(crate) fn open(path: &Path) -> Result<Self, AudioError> {
        let open_input = |source| AudioError::OpenInput { path: path.to_owned(), source };
        let bad_input = |source| AudioError::BadInput { path: path.to_owned(), source };
        let mut file = files::open_input(path).map_err(open_input)?;
        let metadata = file.metadata().map_err(open_input)?;
        // Opening a folder succeeds on Unix; reading it is what fails.
        if metadata.is_dir() {
            return Err(open_input(io::ErrorKind::IsADirectory.into()));
        }
        let name = path.display().to_string();
        if !metadata.is_file() {
            return Self::pipe(file, name);
        }
        let is_media = PeekedSource::peek(&mut file).map_err(bad_input)?.is_media();
        file.rewind().map_err(open_input)?;
        let reader = if is_media {
            let media = MediaReader::of_file(file, Selection::default());
            SoundReader::Media(Box::new(media.map_err(AudioFileError::from).map_err(bad_input)?))
        } else {
            SoundReader::Pcm(Box::new(open_pcm(file, path, metadata.len()).map_err(bad_input)?))
        };
        let rate = reader.rate();
        Ok(Self::File(Box::new(ReadBuffer { source: reader, name, rate, samples: Vec::new(), at: 0 })))
    }

    /// Begins to read standard input on a thread of its own, which ends with the process at the latest.
    pub(crate) fn stdin() -> Result<Self, AudioError> {
        if io::stdin().is_terminal() {
            return Err(AudioError::Terminal(Direction::Input));
        }
        Self::pipe(io::stdin(), "standard input".to_owned())
    }

    /// Begins to read a pipe on a thread of its own.
    pub(crate) fn pipe(source: impl Read + Send + Sync + 'static, name: String) -> Result<Self, AudioError> {
        let (pieces, receiver) = sync_channel(PIPE_PIECES);
        // Detached: nothing can wake it from a read, and it holds nothing that must be closed.
        thread::Builder::new()
            .name("pipe".to_owned())
            .spawn(move || {
                if let Err(error) = read_pipe(source, &pieces) {
                    let _ = pieces.send(PipeChunk::Failed(error));
                }
            })
            .map_err(AudioError::Thread)?;
        Ok(Self::Pipe(ReadBuffer { source: receiver, name, rate: PIPE_RATE, samples: Vec::new(), at: 0 }))
    }

    /// Leaves out the beginning of a file. What goes wrong there comes up when the rest is read.
    pub(crate) fn skip(&mut self, start: Duration) {
        let mut left = self.rate().samples(start);
        let mut block = Vec::new();
        while left > 0 {
            let wanted = left.min(SKIPPED_AT_ONCE);
            block.clear();
            match self.read(usize::try_from(wanted).unwrap_or(0), &mut block) {
                ReadStatus::More => left -= wanted,
                ReadStatus::Warning(_) => left -= block.len() as u64,
                ReadStatus::Late
                | ReadStatus::NotYet
                | ReadStatus::Ended
                | ReadStatus::Broken(_)
                | ReadStatus::Nothing(_) => return,
            }
        }
    }

    pub(crate) fn rate(&self) -> SampleRate {
        match self {
            Self::Silence(rate) => *rate,
            Self::File(stash) => stash.rate,
            Self::Pipe(stash) => stash.rate,
        }
    }

    /// Appends up to `wanted` samples to `block`.
    pub(crate) fn read(&mut self, wanted: usize, block: &mut Vec<f32>) -> ReadStatus {
        let supply = match self {
            Self::Silence(_) => {
                block.resize(block.len() + wanted, 0.0);
                ReadStatus::More
            }
            Self::File(stash) => stash.read(wanted, block, read_file),
            Self::Pipe(stash) => stash.read(wanted, block, receive_piece),
        };
        if matches!(supply, ReadStatus::Ended | ReadStatus::Broken(_) | ReadStatus::Nothing(_)) {
            *self = Self::Silence(self.rate());
        }
        supply
    }
}

/// What became of an attempt to get more samples.
enum Refill {
    More,
    Late,
    Warning(String),
    Ended,
    Failed(AudioFileError),
}

impl<S> ReadBuffer<S> {
    /// Gives what is wanted; `refill` brings the next samples, or says why there are none.
    fn read(
        &mut self,
        wanted: usize,
        block: &mut Vec<f32>,
        refill: impl Fn(&mut S, &mut Vec<f32>) -> Refill,
    ) -> ReadStatus {
        let end = block.len() + wanted;
        while block.len() < end {
            if self.at == self.samples.len() {
                // Never given anything: its first sample may be long in coming.
                let first = self.samples.is_empty();
                let mut samples = Vec::new();
                match refill(&mut self.source, &mut samples) {
                    Refill::More => (self.samples, self.at) = (samples, 0),
                    Refill::Late if first => return ReadStatus::NotYet,
                    Refill::Late => return ReadStatus::Late,
                    Refill::Warning(flaws) => {
                        return ReadStatus::Warning(format!("warning: {}: {flaws}", self.name));
                    }
                    Refill::Ended => return ReadStatus::Ended,
                    Refill::Failed(error) if first => return ReadStatus::Nothing(self.refusal(&error)),
                    Refill::Failed(error) => return ReadStatus::Broken(self.failure(&error)),
                }
            }
            let rest = &self.samples[self.at..];
            let count = rest.len().min(end - block.len());
            block.extend_from_slice(&rest[..count]);
            self.at += count;
        }
        ReadStatus::More
    }

    /// Says why a pipe cannot be used at all.
    fn refusal(&self, error: &AudioFileError) -> String {
        match error {
            AudioFileError::Empty => format!("{} holds no sound", self.name),
            AudioFileError::Undecodable(_) | AudioFileError::Unsupported(_) => {
                format!("{}; convert it: ffmpeg -i FILE -f wav - | rtvoice transcribe -", self.failure(error))
            }
            AudioFileError::Media(MediaError::Codec(_)) => {
                format!("{}; convert it: ffmpeg -i FILE -f wav - | rtvoice transcribe -", self.failure(error))
            }
            AudioFileError::Unrecognized
            | AudioFileError::NotSound(_)
            | AudioFileError::Broken(_)
            | AudioFileError::Media(_)
            | AudioFileError::Io(_) => self.failure(error),
        }
    }

    fn failure(&self, error: &AudioFileError) -> String {
        match std::error::Error::source(error) {
            Some(cause) => format!("{}: {error}: {cause}", self.name),
            None => format!("{}: {error}", self.name),
        }
    }
}

/// Opens a file of WAV or AU, and finds out how its samples are aligned.
fn open_pcm(file: File, path: &Path, bytes: u64) -> Result<AudioReader<File>, AudioFileError> {
    let mut reader = AudioReader::new(file)?;
    reader.expect_length(bytes);
    if reader.is_alignment_open() {
        let scanned = AudioReader::new(File::open(path)?)?;
        reader.set_alignment(scanned.scan_alignment(SCANNED_BYTES)?);
    }
    Ok(reader)
}

fn read_file(reader: &mut SoundReader<File>, samples: &mut Vec<f32>) -> Refill {
    if let Some(flaws) = reader.take_warning() {
        return Refill::Warning(flaws);
    }
    match reader.read(samples) {
        Ok(0) => reader.take_warning().map_or(Refill::Ended, Refill::Warning),
        Ok(_) => Refill::More,
        Err(error) => Refill::Failed(error),
    }
}

fn receive_piece(pieces: &mut Receiver<PipeChunk>, samples: &mut Vec<f32>) -> Refill {
    match pieces.try_recv() {
        Ok(PipeChunk::Sound(piece)) => {
            *samples = piece;
            Refill::More
        }
        Ok(PipeChunk::Warning(flaws)) => Refill::Warning(flaws),
        Ok(PipeChunk::Failed(error)) => Refill::Failed(error),
        Err(TryRecvError::Empty) => Refill::Late,
        Err(TryRecvError::Disconnected) => Refill::Ended,
    }
}

/// Reads a pipe to its end, or until the receiver is dropped.
fn read_pipe(
    source: impl Read + Send + Sync + 'static,
    pieces: &SyncSender<PipeChunk>,
) -> Result<(), AudioFileError> {
    let source = PeekedSource::peek(source)?;
    let mut reader = if source.is_media() {
        let media = MediaReader::of_pipe(source, Selection::default())?;
        SoundReader::Media(Box::new(media))
    } else {
        SoundReader::Pcm(Box::new(AudioReader::or_raw(source)?))
    };
    let mut resampler = Resampler::new(reader.rate(), PIPE_RATE);
    let mut input = Vec::new();
    loop {
        input.clear();
        let read = reader.read(&mut input)?;
        let mut piece = Vec::new();
        if read == 0 {
            resampler.flush(&mut piece);
        } else {
            resampler.process(&input, &mut piece);
        }
        let warning = reader.take_warning().map(PipeChunk::Warning);
        // An empty piece would be taken for a pipe that never gave anything.
        let sound = (!piece.is_empty()).then_some(PipeChunk::Sound(piece));
        for piece in warning.into_iter().chain(sound) {
            if pieces.send(piece).is_err() {
                return Ok(());
            }
        }
        if read == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests;
