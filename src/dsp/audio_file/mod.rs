//! Reads WAV, AU and raw PCM streams as mono samples, as leniently as ffmpeg does.

mod alignment;
mod au_header;
mod container;
mod sample_format;
mod wav_header;

use std::borrow::Cow;
use std::io::{self, Read};
use std::ops::RangeInclusive;

use crate::dsp::downmix::Downmix;
use crate::dsp::frame::SampleRate;
use crate::dsp::media_file::MediaError;

use alignment::Alignment;
use container::ContainerKind;
use sample_format::SampleFormat;

/// Why a stream cannot be read as sound.
#[derive(Debug, thiserror::Error)]
pub enum AudioFileError {
    /// It has no signature that is known.
    #[error("this is neither a WAV nor an AU file")]
    Unrecognized,
    /// A sound or video format without a decoder here.
    #[error("this is {0}, which cannot be decoded")]
    Undecodable(&'static str),
    /// Text, a picture, an archive or a program.
    #[error("this is {0}, not sound")]
    NotSound(&'static str),
    /// It has a header and no samples.
    #[error("the file holds no sound")]
    Empty,
    /// Its samples have an encoding without a decoder here.
    #[error("the file holds {0}, which cannot be decoded (PCM of 8 to 32 bits, float and G.711 can)")]
    Unsupported(Cow<'static, str>),
    /// Its header is cut off or impossible.
    #[error("the file is broken: {0}")]
    Broken(Cow<'static, str>),
    /// It is compressed, or sound of a video, and cannot be decoded.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// It cannot be read.
    #[error("the file cannot be read")]
    Io(#[from] io::Error),
}

impl AudioFileError {
    fn broken(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Broken(reason.into())
    }

    /// Maps the end of the stream to what it means at this place.
    fn at_end(error: io::Error, meaning: Self) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof { meaning } else { Self::Io(error) }
    }

    fn cut_off() -> Self {
        Self::broken("its header is cut off")
    }
}

/// The most channels of a file; 64 is seventh-order Ambisonics.
const MAX_CHANNELS: u16 = 64;
/// The sample rates of a file, in hertz: from too low for any speech to 16 times 48 kHz, the highest that
/// converters have.
const RATES: RangeInclusive<u32> = 1_000..=768_000;
/// How many bytes are read at once, at most.
const READ_BYTES: usize = 4_096;
/// How much sound is read ahead where the header does not say how samples are aligned, in seconds and bytes.
const LOOKAHEAD_SECONDS: usize = 2;
const LOOKAHEAD_BYTES: usize = 1 << 20;

/// What a header says of the sound behind it.
struct Header {
    rate: SampleRate,
    channels: usize,
    format: SampleFormat,
    length: Length,
    flaws: FileWarnings,
}

/// How much sound a header announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    /// This many bytes remain.
    Known(u64),
    /// At most this many bytes remain: a placeholder of a program that writes to a pipe.
    AtMost(u64),
    /// All bytes up to the end.
    ToTheEnd,
}

/// What is wrong with a file that can be read all the same, each fault once.
#[derive(Debug, Default)]
struct FileWarnings(Vec<Cow<'static, str>>);

impl FileWarnings {
    fn add(&mut self, flaw: impl Into<Cow<'static, str>>) {
        let flaw = flaw.into();
        if !self.0.contains(&flaw) {
            self.0.push(flaw);
        }
    }
}

/// Reads a WAV, AU or raw PCM stream as mono samples of ±1.
///
/// No number of a header decides how much memory is reserved.
pub struct AudioReader<R> {
    source: PeekedSource<R>,
    rate: SampleRate,
    channels: usize,
    format: SampleFormat,
    length: Length,
    /// Bytes that are read and not decoded.
    bytes: Vec<u8>,
    downmix: Downmix,
    /// One sample of each channel.
    frame: Vec<f32>,
    flaws: FileWarnings,
    has_warned: bool,
}

impl<R: Read> AudioReader<R> {
    /// Reads the header of a WAV or AU stream and the beginning of its sound.
    ///
    /// # Errors
    ///
    /// Names what the stream holds instead of sound, or what is wrong with it.
    pub fn new(source: R) -> Result<Self, AudioFileError> {
        Self::open(source, || Err(AudioFileError::Unrecognized))
    }

    /// Does the same, and takes a stream without any known signature for PCM of 16 bits, mono, 24 kHz.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn or_raw(source: R) -> Result<Self, AudioFileError> {
        Self::open(source, || Ok(Header::raw()))
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
            ContainerKind::NotSound(name) => return Err(AudioFileError::NotSound(name)),
            ContainerKind::Unknown if source.head.is_empty() => return Err(AudioFileError::Empty),
            ContainerKind::Unknown => otherwise()?,
        };
        let Header { rate, channels, format, length, flaws } = header;
        let mut reader = Self {
            source,
            rate,
            channels,
            format,
            length,
            bytes: Vec::with_capacity(READ_BYTES),
            downmix: Downmix::new(rate, channels),
            frame: Vec::with_capacity(channels),
            flaws,
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

    /// Compares the header with the length of the whole file, so that a file that is cut off is noticed early.
    pub fn expect_length(&mut self, file_bytes: u64) {
        let available = file_bytes.saturating_sub(self.source.consumed);
        if let Length::Known(announced) = self.length
            && announced > available
        {
            self.note_missing(announced - available);
            self.length = Length::ToTheEnd;
        }
    }

    /// Returns once what is wrong with a stream that can be read all the same.
    pub fn take_warning(&mut self) -> Option<String> {
        if self.has_warned || self.flaws.0.is_empty() {
            return None;
        }
        self.has_warned = true;
        Some(self.flaws.0.join("; "))
    }

    /// Returns whether the header leaves open on which side of its container a sample stands.
    pub fn is_alignment_open(&self) -> bool {
        self.format.alignment().is_some_and(|alignment| !alignment.is_certain())
    }

    /// Reads on for at most `bytes` to find out on which side of its container a sample stands.
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

    /// Takes over what [`Self::scan_alignment`] found in the same file.
    pub fn set_alignment(&mut self, found: Option<Alignment>) {
        self.format.set_alignment(found);
    }

    /// Appends the next mono samples and returns how many; 0 at the end.
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
            output.push(self.downmix.mix(&self.frame));
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
        if let Some(flaw) = self.format.settle(&self.bytes, self.channels, is_complete) {
            self.flaws.add(flaw);
        }
    }

    /// Reads until `wanted` bytes wait, or the stream ends.
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
        self.flaws.add(format!("shorter than its header says: {bytes} bytes ({seconds:.1} s) are missing"));
    }
}

impl Header {
    fn raw() -> Self {
        Self {
            rate: SampleRate::HZ_24000,
            channels: 1,
            format: SampleFormat::PCM16,
            length: Length::ToTheEnd,
            flaws: FileWarnings::default(),
        }
    }
}

/// Checks what a header says of channels and rate.
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

/// A stream whose first bytes have been looked at; reading it gives them, too.
#[derive(Debug)]
pub struct PeekedSource<R> {
    /// The first bytes.
    head: Vec<u8>,
    stream: R,
    /// How many bytes have been handed out, the head included.
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
