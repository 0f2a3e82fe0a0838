//! Reads WAV, AU and raw PCM streams as mono samples, as leniently as ffmpeg does.

mod alignment;
mod au_header;
mod container;
mod sample_format;
mod wav_header;

use std::borrow::Cow;
use std::io::{self, Read};
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::dsp::downmix::Downmix;
use crate::dsp::frame::SampleRate;
use crate::dsp::media_file::{MediaError, TrackSelection};
use crate::dsp::raw_format::RawFormat;

use alignment::Alignment;
use container::ContainerKind;
use sample_format::SampleFormat;

/// An error of reading an audio file.
#[derive(Debug, thiserror::Error)]
pub enum AudioFileError {
    /// Unknown signature.
    #[error("not a WAV or AU file")]
    Unrecognized,
    /// An audio or video format without a decoder.
    #[error("{0} cannot be decoded")]
    Undecodable(&'static str),
    /// Text, a picture, an archive or a program.
    #[error("this is {0}, not audio")]
    NotAudio(&'static str),
    /// A header without samples.
    #[error("the file contains no audio")]
    Empty,
    /// A sample encoding without a decoder.
    #[error("{0} cannot be decoded (supported: PCM of 8 to 32 bits, float, G.711)")]
    Unsupported(Cow<'static, str>),
    /// A truncated or invalid header.
    #[error("invalid file: {0}")]
    Broken(Cow<'static, str>),
    /// A header where raw audio was announced.
    #[error("it is not raw audio: its header says {0}")]
    HasHeader(&'static str),
    /// Compressed audio or the audio track of a video cannot be decoded.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// Reading failed.
    #[error("cannot read the file")]
    Io(#[from] io::Error),
}

impl AudioFileError {
    fn broken(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Broken(reason.into())
    }

    /// Maps the end of the stream to its meaning at this position.
    fn at_end(error: io::Error, meaning: Self) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof { meaning } else { Self::Io(error) }
    }

    fn cut_off() -> Self {
        Self::broken("its header is cut off")
    }
}

/// Largest number of channels; 64 is seventh-order Ambisonics.
const MAX_CHANNELS: u16 = 64;
/// Accepted sample rates in Hz: from too low for speech to 16 times 48 kHz, the highest of any converter.
const RATES: RangeInclusive<u32> = 1_000..=768_000;
/// Largest read in bytes.
const READ_BYTES: usize = 4_096;
/// Lookahead in seconds and bytes if the header leaves the sample alignment open.
const LOOKAHEAD_SECONDS: usize = 2;
const LOOKAHEAD_BYTES: usize = 1 << 20;

/// The parsed header.
struct Header {
    rate: SampleRate,
    channels: usize,
    format: SampleFormat,
    length: Length,
    warnings: FileWarnings,
}

/// Length of the audio according to the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    /// This many bytes remain.
    Known(u64),
    /// At most this many bytes remain: a placeholder of a program that writes to a pipe.
    AtMost(u64),
    /// All bytes up to the end.
    ToTheEnd,
}

/// Faults of a readable file, each once.
#[derive(Debug, Default)]
struct FileWarnings(Vec<Cow<'static, str>>);

impl FileWarnings {
    fn add(&mut self, warning: impl Into<Cow<'static, str>>) {
        let warning = warning.into();
        if !self.0.contains(&warning) {
            self.0.push(warning);
        }
    }
}

/// Reads a WAV, AU or raw PCM stream as mono samples of ±1.
///
/// Header values never determine memory allocation.
pub struct AudioReader<R> {
    source: PeekedSource<R>,
    rate: SampleRate,
    channels: usize,
    format: SampleFormat,
    length: Length,
    /// Bytes read but not decoded.
    bytes: Vec<u8>,
    downmix: Downmix,
    /// The only channel to read, from 0.
    channel: Option<usize>,
    /// One sample of each channel.
    frame: Vec<f32>,
    warnings: FileWarnings,
    has_warned: bool,
}

impl<R: Read> AudioReader<R> {
    /// Reads the header of a WAV or AU stream and the beginning of its audio.
    ///
    /// # Errors
    ///
    /// Names what the stream contains instead of audio, or its fault.
    pub fn new(source: R) -> Result<Self, AudioFileError> {
        Self::open(source, || Err(AudioFileError::Unrecognized))
    }

    /// Like [`Self::new`], but reads a stream with an unknown signature as 16-bit mono PCM at 24 kHz.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn or_raw(source: R) -> Result<Self, AudioFileError> {
        Self::open(source, || Ok(Header::raw(RawFormat::default())))
    }

    /// Reads a stream without a header.
    ///
    /// # Errors
    ///
    /// As [`Self::new`], and if there is a header.
    pub fn raw(source: R, format: RawFormat) -> Result<Self, AudioFileError> {
        let source = PeekedSource::peek(source)?;
        match container::signature(&source.head) {
            Some(name) => Err(AudioFileError::HasHeader(name)),
            None if source.head.is_empty() => Err(AudioFileError::Empty),
            None => Self::begin(source, Header::raw(format)),
        }
    }

    fn open(
        source: R,
        otherwise: impl FnOnce() -> Result<Header, AudioFileError>,
    ) -> Result<Self, AudioFileError> {
        let mut source = PeekedSource::peek(source)?;
        let header = match container::identify(&source.head) {
            ContainerKind::Wav => wav_header::read(&mut source)?,
            ContainerKind::Au => au_header::read(&mut source)?,
            ContainerKind::Undecodable(name) => return Err(AudioFileError::Undecodable(name)),
            ContainerKind::NotAudio(name) => return Err(AudioFileError::NotAudio(name)),
            ContainerKind::Unknown if source.head.is_empty() => return Err(AudioFileError::Empty),
            ContainerKind::Unknown => otherwise()?,
        };
        Self::begin(source, header)
    }

    fn begin(source: PeekedSource<R>, header: Header) -> Result<Self, AudioFileError> {
        let Header { rate, channels, format, length, warnings } = header;
        let mut reader = Self {
            source,
            rate,
            channels,
            format,
            length,
            bytes: Vec::with_capacity(READ_BYTES),
            downmix: Downmix::new(rate, channels),
            channel: None,
            frame: Vec::with_capacity(channels),
            warnings,
            has_warned: false,
        };
        reader.fill(reader.lookahead())?;
        reader.settle_format();
        if reader.bytes.len() < reader.frame_bytes() {
            return Err(AudioFileError::Empty);
        }
        Ok(reader)
    }

    /// Returns the sample rate.
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Reads only the selected channel.
    ///
    /// # Errors
    ///
    /// When there is no such track or channel.
    pub fn select(&mut self, selection: TrackSelection) -> Result<(), MediaError> {
        if let Some(track) = selection.track.filter(|track| *track != 1) {
            return Err(MediaError::NoTrack { track, tracks: 1 });
        }
        let Some(channel) = selection.channel else { return Ok(()) };
        let index = channel.checked_sub(1).filter(|index| *index < self.channels);
        self.channel = Some(index.ok_or(MediaError::NoChannel { channel, channels: self.channels })?);
        Ok(())
    }

    /// Returns how long the audio of a file of this many bytes is, before any of it is read.
    pub fn duration(&self, file_bytes: u64) -> Duration {
        let buffered = self.bytes.len() as u64;
        let bytes = match self.length {
            Length::Known(bytes) => file_bytes.min(bytes + buffered),
            Length::AtMost(_) | Length::ToTheEnd => file_bytes,
        };
        self.rate.duration(bytes / (self.channels * self.format.bytes()).max(1) as u64)
    }

    /// Compares the header with the file length, so that truncation is reported early.
    pub fn expect_length(&mut self, file_bytes: u64) {
        let available = file_bytes.saturating_sub(self.source.consumed);
        if let Length::Known(announced) = self.length
            && announced > available
        {
            self.note_missing(announced - available);
            self.length = Length::ToTheEnd;
        }
    }

    /// Returns the faults of a readable stream, once.
    pub fn take_warning(&mut self) -> Option<String> {
        if self.has_warned || self.warnings.0.is_empty() {
            return None;
        }
        self.has_warned = true;
        Some(self.warnings.0.join("; "))
    }

    /// Returns whether the header leaves the sample alignment open.
    pub fn is_alignment_open(&self) -> bool {
        self.format.alignment().is_some_and(|alignment| !alignment.is_certain())
    }

    /// Reads up to `bytes` more to determine the sample alignment.
    ///
    /// # Errors
    ///
    /// Fails if the source does.
    pub fn scan_alignment(mut self, bytes: u64) -> Result<Option<Alignment>, AudioFileError> {
        let mut scanned = 0;
        while scanned < bytes && self.is_alignment_open() {
            let partial = self.bytes.len() % self.frame_bytes();
            self.bytes.drain(..self.bytes.len() - partial);
            self.fill(self.frame_bytes())?;
            if self.bytes.len() == partial {
                self.format.complete();
                break;
            }
            scanned += self.bytes.len() as u64;
            self.format.observe(&self.bytes);
        }
        Ok(self.format.alignment().cloned())
    }

    /// Applies the result of [`Self::scan_alignment`] for the same file.
    pub fn set_alignment(&mut self, found: Option<Alignment>) {
        self.format.set_alignment(found);
    }

    /// Appends mono samples and returns their number; 0 at the end.
    ///
    /// # Errors
    ///
    /// Fails if the source does.
    pub fn read(&mut self, output: &mut Vec<f32>) -> Result<usize, AudioFileError> {
        if self.bytes.len() < self.frame_bytes() {
            self.fill(self.frame_bytes())?;
        }
        let frame_bytes = self.frame_bytes();
        let frames = self.bytes.len() / frame_bytes;
        let whole = &self.bytes[..frames * frame_bytes];
        self.format.observe(whole);
        for frame in whole.chunks_exact(frame_bytes) {
            self.frame.clear();
            self.frame.extend(frame.chunks_exact(self.format.bytes()).map(|bytes| self.format.decode(bytes)));
            output.push(match self.channel {
                Some(channel) => self.frame[channel],
                None => self.downmix.mix(&self.frame),
            });
        }
        self.bytes.drain(..frames * frame_bytes);
        Ok(frames)
    }

    fn frame_bytes(&self) -> usize {
        self.format.bytes() * self.channels
    }

    fn lookahead(&self) -> usize {
        if self.format.alignment().is_none() {
            return self.frame_bytes();
        }
        (self.rate.0 as usize * self.frame_bytes() * LOOKAHEAD_SECONDS).min(LOOKAHEAD_BYTES)
    }

    fn settle_format(&mut self) {
        let is_complete = self.bytes.len() < self.lookahead();
        if let Some(warning) = self.format.settle(&self.bytes, self.channels, is_complete) {
            self.warnings.add(warning);
        }
    }

    /// Reads until `wanted` bytes are buffered, or the stream ends.
    fn fill(&mut self, wanted: usize) -> Result<(), AudioFileError> {
        while self.bytes.len() < wanted {
            let most = match self.length {
                Length::Known(left) | Length::AtMost(left) => left.min(READ_BYTES as u64) as usize,
                Length::ToTheEnd => READ_BYTES,
            };
            let begin = self.bytes.len();
            self.bytes.resize(begin + most, 0);
            let read = read_some(&mut self.source, &mut self.bytes[begin..]);
            self.bytes.truncate(begin + *read.as_ref().unwrap_or(&0));
            let read = read?;
            match &mut self.length {
                Length::Known(left) | Length::AtMost(left) => *left -= read as u64,
                Length::ToTheEnd => {}
            }
            if read == 0 {
                if let Length::Known(missing @ 1..) = self.length {
                    self.note_missing(missing);
                }
                self.length = Length::Known(0);
                return Ok(());
            }
        }
        Ok(())
    }

    fn note_missing(&mut self, bytes: u64) {
        let frames = bytes.div_ceil(self.frame_bytes() as u64);
        let seconds = frames as f64 / f64::from(self.rate.0);
        self.warnings.add(format!("shorter than its header says: {bytes} bytes ({seconds:.1} s) missing"));
    }
}

impl Header {
    fn raw(raw: RawFormat) -> Self {
        Self {
            rate: raw.rate,
            channels: raw.channels.into(),
            format: SampleFormat::raw(raw.encoding),
            length: Length::ToTheEnd,
            warnings: FileWarnings::default(),
        }
    }
}

/// Validates the channels and rate of a header.
fn check_layout(channels: u32, rate: u32) -> Result<(usize, SampleRate), AudioFileError> {
    match (channels, rate) {
        (0, _) => Err(AudioFileError::broken("it claims to have no channels")),
        (_, rate) if !RATES.contains(&rate) => {
            let (lowest, highest) = RATES.into_inner();
            let range = format!("which is not between {lowest} and {highest} Hz");
            Err(AudioFileError::broken(format!("it claims to have a sample rate of {rate} Hz, {range}")))
        }
        (channels, _) if channels > u32::from(MAX_CHANNELS) => Err(AudioFileError::broken(format!(
            "it claims to have {channels} channels, which is more than {MAX_CHANNELS}"
        ))),
        (channels, rate) => Ok((channels as usize, SampleRate(rate))),
    }
}

/// A stream with its first bytes buffered; reading returns them first.
#[derive(Debug)]
pub struct PeekedSource<R> {
    /// The first bytes.
    head: Vec<u8>,
    stream: R,
    /// Bytes consumed, the head included.
    consumed: u64,
}

impl<R: Read> PeekedSource<R> {
    /// Reads the first bytes of a stream.
    ///
    /// # Errors
    ///
    /// Fails if the stream does.
    pub fn peek(mut stream: R) -> Result<Self, AudioFileError> {
        let mut head = Vec::new();
        stream.by_ref().take(container::HEAD_BYTES).read_to_end(&mut head)?;
        let wanted = container::bytes_needed(&head);
        let missing = wanted.saturating_sub(head.len() as u64);
        if head.len() as u64 == container::HEAD_BYTES {
            stream.by_ref().take(missing).read_to_end(&mut head)?;
        }
        Ok(Self { head, stream, consumed: 0 })
    }

    /// Returns whether [`crate::dsp::media_file`] decodes what the first bytes announce.
    pub fn is_media(&self) -> bool {
        let kind = container::identify(&self.head);
        matches!(kind, ContainerKind::Undecodable(name) if container::MEDIA.contains(&name))
    }
}

impl<R: Read> Read for PeekedSource<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let consumed = usize::try_from(self.consumed).unwrap_or(usize::MAX);
        let rest = self.head.get(consumed..).filter(|rest| !rest.is_empty());
        let read = match rest {
            Some(mut rest) => rest.read(buffer)?,
            None => self.stream.read(buffer)?,
        };
        self.consumed += read as u64;
        Ok(read)
    }
}

/// Reads a whole WAV or AU stream as mono samples of ±1, with its rate.
///
/// # Errors
///
/// As [`AudioReader::new`] and [`AudioReader::read`].
pub fn read_clip(source: impl Read) -> Result<(SampleRate, Vec<f32>), AudioFileError> {
    let mut reader = AudioReader::new(source)?;
    let mut samples = Vec::new();
    while reader.read(&mut samples)? > 0 {}
    Ok((reader.rate(), samples))
}

/// Skips bytes without reserving memory for them.
fn skip(source: &mut impl Read, length: u64) -> Result<(), AudioFileError> {
    let skipped = io::copy(&mut source.by_ref().take(length), &mut io::sink())?;
    if skipped == length { Ok(()) } else { Err(AudioFileError::cut_off()) }
}

fn read_some(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests;
