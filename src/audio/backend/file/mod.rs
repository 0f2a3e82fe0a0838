//! Sources of paced input: audio and video files, standard input, silence.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Seek};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::Duration;

use crate::audio::api::Direction;
use crate::audio::error::AudioError;
use crate::dsp::audio_file::{AudioFileError, AudioReader, PeekedSource};
use crate::dsp::frame::SampleRate;
use crate::dsp::media_file::{MediaError, MediaReader, TrackSelection};
use crate::dsp::resample::Resampler;
use crate::files;

/// Rate that pipes are resampled to.
const PIPE_RATE: SampleRate = SampleRate::HZ_24000;
/// Number of samples skipped at once.
const SKIPPED_AT_ONCE: u64 = 1 << 16;
/// Pieces buffered between the reader of a pipe and the audio thread: at most about half a second.
const PIPE_PIECES: usize = 6;
/// Length of a file scanned for the alignment of its samples, if the header leaves it open.
const SCANNED_BYTES: u64 = 64 << 20;

/// A source of mono samples.
pub(crate) enum SampleSource {
    /// Silence at a rate.
    Silence(SampleRate),
    /// A file.
    File(Box<ReadBuffer<FormatReader<File>>>),
    /// Standard input or a named pipe, read by its own thread.
    Pipe(ReadBuffer<Receiver<PipeChunk>>),
    /// A source that ended while its beginning was skipped; the next read reports how, then it is silent.
    Over(SampleRate, ReadStatus),
}

/// A reader of any supported format.
pub(crate) enum FormatReader<R> {
    /// WAV, AU or raw PCM.
    Pcm(Box<AudioReader<R>>),
    /// Compressed audio, or the audio track of a video.
    Media(Box<MediaReader>),
}

impl<R: Read> FormatReader<R> {
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

/// A message of the thread that reads a pipe.
pub(crate) enum PipeChunk {
    Audio(Vec<f32>),
    Warning(String),
    Failed(AudioFileError),
}

/// A source with samples read ahead.
pub(crate) struct ReadBuffer<S> {
    source: S,
    /// Name for messages.
    name: String,
    rate: SampleRate,
    /// Length of the whole source, if known.
    duration: Option<Duration>,
    samples: Vec<f32>,
    position: usize,
}

/// Result of reading from a source.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ReadStatus {
    /// All samples were delivered.
    More,
    /// Fewer samples were delivered; more will follow.
    Late,
    /// Nothing has been delivered so far; the first sample is still to come.
    NotStarted,
    /// Possibly fewer samples, since the header is wrong but usable; one sentence.
    Warning(String),
    /// The source has ended and delivers silence from here on.
    Ended,
    /// The source failed and delivers silence from here on.
    Broken(String),
    /// The source never delivered a sample and never will; one sentence.
    Nothing(String),
}

impl SampleSource {
    /// Opens an audio or video file, or a named pipe.
    pub(crate) fn open(path: &Path, selection: TrackSelection) -> Result<Self, AudioError> {
        let open_input = |source| AudioError::OpenInput { path: path.to_owned(), source };
        let bad_input = |source| AudioError::BadInput { path: path.to_owned(), source };
        let mut file = files::open_input(path).map_err(open_input)?;
        let metadata = file.metadata().map_err(open_input)?;
        // Opening a folder succeeds on Unix; reading it fails.
        if metadata.is_dir() {
            return Err(open_input(io::ErrorKind::IsADirectory.into()));
        }
        let name = path.display().to_string();
        if !metadata.is_file() {
            return Self::pipe(file, name, selection);
        }
        let is_media =
            selection.raw.is_none() && PeekedSource::peek(&mut file).map_err(bad_input)?.is_media();
        file.rewind().map_err(open_input)?;
        let (source, duration) = if is_media {
            let media = MediaReader::of_file(file, selection);
            let media = media.map_err(AudioFileError::from).map_err(bad_input)?;
            let duration = media.duration();
            (FormatReader::Media(Box::new(media)), duration)
        } else {
            let pcm = match selection.raw {
                Some(format) => AudioReader::raw(file, format),
                None => open_pcm(file, path, metadata.len()),
            };
            let mut pcm = pcm.map_err(bad_input)?;
            pcm.select(selection).map_err(AudioFileError::from).map_err(bad_input)?;
            let duration = pcm.duration(metadata.len());
            (FormatReader::Pcm(Box::new(pcm)), Some(duration))
        };
        let rate = source.rate();
        Ok(Self::File(Box::new(ReadBuffer {
            source,
            name,
            rate,
            duration,
            samples: Vec::new(),
            position: 0,
        })))
    }

    /// Starts to read standard input on its own thread, which may run until the process ends.
    pub(crate) fn stdin(selection: TrackSelection) -> Result<Self, AudioError> {
        if io::stdin().is_terminal() {
            return Err(AudioError::Terminal(Direction::Input));
        }
        Self::pipe(io::stdin(), "standard input".to_owned(), selection)
    }

    /// Starts to read a pipe on its own thread.
    pub(crate) fn pipe(
        source: impl Read + Send + Sync + 'static,
        name: String,
        selection: TrackSelection,
    ) -> Result<Self, AudioError> {
        let (pieces, receiver) = sync_channel(PIPE_PIECES);
        // Detached: nothing can interrupt its read, and it holds nothing to close.
        thread::Builder::new()
            .name("pipe".to_owned())
            .spawn(move || {
                if let Err(error) = read_pipe(source, &pieces, selection) {
                    let _ = pieces.send(PipeChunk::Failed(error));
                }
            })
            .map_err(AudioError::Thread)?;
        Ok(Self::Pipe(ReadBuffer {
            source: receiver,
            name,
            rate: PIPE_RATE,
            duration: None,
            samples: Vec::new(),
            position: 0,
        }))
    }

    /// Skips the beginning of a file. An end or an error there is reported by the next read.
    pub(crate) fn skip(&mut self, start: Duration) {
        let mut left = self.rate().samples(start);
        let mut block = Vec::new();
        while left > 0 {
            let wanted = left.min(SKIPPED_AT_ONCE);
            block.clear();
            match self.read(usize::try_from(wanted).unwrap_or(0), &mut block) {
                ReadStatus::More => left -= wanted,
                ReadStatus::Warning(_) => left -= block.len() as u64,
                status @ (ReadStatus::Ended | ReadStatus::Broken(_) | ReadStatus::Nothing(_)) => {
                    *self = Self::Over(self.rate(), status);
                    return;
                }
                ReadStatus::Late | ReadStatus::NotStarted => return,
            }
        }
    }

    pub(crate) fn rate(&self) -> SampleRate {
        match self {
            Self::Silence(rate) | Self::Over(rate, _) => *rate,
            Self::File(buffer) => buffer.rate,
            Self::Pipe(buffer) => buffer.rate,
        }
    }

    /// Returns the length of a file, if its header says so.
    pub(crate) fn duration(&self) -> Option<Duration> {
        match self {
            Self::File(buffer) => buffer.duration,
            Self::Silence(_) | Self::Pipe(_) | Self::Over(..) => None,
        }
    }

    /// Appends up to `wanted` samples to `block`.
    pub(crate) fn read(&mut self, wanted: usize, block: &mut Vec<f32>) -> ReadStatus {
        let status = match self {
            Self::Silence(_) => {
                block.resize(block.len() + wanted, 0.0);
                ReadStatus::More
            }
            Self::Over(_, status) => std::mem::replace(status, ReadStatus::Ended),
            Self::File(buffer) => buffer.read(wanted, block, read_file),
            Self::Pipe(buffer) => buffer.read(wanted, block, receive_piece),
        };
        if matches!(status, ReadStatus::Ended | ReadStatus::Broken(_) | ReadStatus::Nothing(_)) {
            *self = Self::Silence(self.rate());
        }
        status
    }
}

/// Result of a refill.
enum Refill {
    More,
    Late,
    Warning(String),
    Ended,
    Failed(AudioFileError),
}

impl<S> ReadBuffer<S> {
    /// Delivers `wanted` samples; `refill` reads more from the source.
    fn read(
        &mut self,
        wanted: usize,
        block: &mut Vec<f32>,
        refill: impl Fn(&mut S, &mut Vec<f32>) -> Refill,
    ) -> ReadStatus {
        let end = block.len() + wanted;
        while block.len() < end {
            if self.position == self.samples.len() {
                // The first sample may take long to arrive.
                let is_first = self.samples.is_empty();
                let mut samples = Vec::new();
                match refill(&mut self.source, &mut samples) {
                    Refill::More => (self.samples, self.position) = (samples, 0),
                    Refill::Late if is_first => return ReadStatus::NotStarted,
                    Refill::Late => return ReadStatus::Late,
                    Refill::Warning(warning) => {
                        return ReadStatus::Warning(format!("warning: {}: {warning}", self.name));
                    }
                    Refill::Ended => return ReadStatus::Ended,
                    Refill::Failed(error) if is_first => return ReadStatus::Nothing(self.refusal(&error)),
                    Refill::Failed(error) => return ReadStatus::Broken(self.failure(&error)),
                }
            }
            let rest = &self.samples[self.position..];
            let count = rest.len().min(end - block.len());
            block.extend_from_slice(&rest[..count]);
            self.position += count;
        }
        ReadStatus::More
    }

    /// Returns why a pipe cannot be used.
    fn refusal(&self, error: &AudioFileError) -> String {
        match error {
            AudioFileError::Empty => format!("{} contains no audio", self.name),
            AudioFileError::Undecodable(_) | AudioFileError::Unsupported(_) => {
                format!("{}; convert it: ffmpeg -i FILE -f wav - | rtvoice transcribe -", self.failure(error))
            }
            AudioFileError::Media(MediaError::Codec(_)) => {
                format!("{}; convert it: ffmpeg -i FILE -f wav - | rtvoice transcribe -", self.failure(error))
            }
            AudioFileError::Unrecognized
            | AudioFileError::HasHeader(_)
            | AudioFileError::NotAudio(_)
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

/// Opens a WAV or AU file and determines the alignment of its samples.
fn open_pcm(file: File, path: &Path, bytes: u64) -> Result<AudioReader<File>, AudioFileError> {
    let mut reader = AudioReader::new(file)?;
    reader.expect_length(bytes);
    if reader.is_alignment_open() {
        let scanned = AudioReader::new(File::open(path)?)?;
        reader.set_alignment(scanned.scan_alignment(SCANNED_BYTES)?);
    }
    Ok(reader)
}

fn read_file(reader: &mut FormatReader<File>, samples: &mut Vec<f32>) -> Refill {
    if let Some(warning) = reader.take_warning() {
        return Refill::Warning(warning);
    }
    match reader.read(samples) {
        Ok(0) => reader.take_warning().map_or(Refill::Ended, Refill::Warning),
        Ok(_) => Refill::More,
        Err(error) => Refill::Failed(error),
    }
}

fn receive_piece(pieces: &mut Receiver<PipeChunk>, samples: &mut Vec<f32>) -> Refill {
    match pieces.try_recv() {
        Ok(PipeChunk::Audio(piece)) => {
            *samples = piece;
            Refill::More
        }
        Ok(PipeChunk::Warning(warning)) => Refill::Warning(warning),
        Ok(PipeChunk::Failed(error)) => Refill::Failed(error),
        Err(TryRecvError::Empty) => Refill::Late,
        Err(TryRecvError::Disconnected) => Refill::Ended,
    }
}

/// Reads a pipe to its end, or until the receiver is dropped.
fn read_pipe(
    source: impl Read + Send + Sync + 'static,
    pieces: &SyncSender<PipeChunk>,
    selection: TrackSelection,
) -> Result<(), AudioFileError> {
    let source = PeekedSource::peek(source)?;
    let mut reader = if selection.raw.is_none() && source.is_media() {
        FormatReader::Media(Box::new(MediaReader::of_pipe(source, selection)?))
    } else {
        let mut pcm = match selection.raw {
            Some(format) => AudioReader::raw(source, format)?,
            None => AudioReader::or_raw(source)?,
        };
        pcm.select(selection)?;
        FormatReader::Pcm(Box::new(pcm))
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
        // An empty piece would look like a pipe without any audio.
        let audio = (!piece.is_empty()).then_some(PipeChunk::Audio(piece));
        for piece in warning.into_iter().chain(audio) {
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
