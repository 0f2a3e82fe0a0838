//! WAV files: reading any of them as mono over a plain `Read`, writing 16 bits, mono or stereo.

use std::io::{self, Read, Seek, Write};

use crate::pcm::frame::Rate;
use crate::pcm::g711;
use crate::pcm::resample::to_float;

/// Why a WAV file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum WavError {
    /// It does not begin as a WAV file does.
    #[error("this is not a WAV file")]
    NotWav,
    /// It has a header and no sound.
    #[error("the WAV file is empty")]
    Empty,
    /// Its samples are encoded in a way that is not understood.
    #[error("the WAV file holds {0}, which cannot be decoded (PCM of 8 to 32 bits, float and G.711 can)")]
    Unsupported(String),
    /// Its header says more than there is, or contradicts itself.
    #[error("the WAV file is broken: {0}")]
    Broken(&'static str),
    /// It is as long as its header can say.
    #[error("a WAV file cannot be longer than 4 GB")]
    Full,
    /// It could not be read or written.
    #[error("the WAV file could not be read or written")]
    Io(#[from] io::Error),
}

/// What a sample looks like in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Unsigned8,
    /// Signed, little-endian, the bits at the top; the number of bytes.
    Signed(usize),
    Float32,
    Float64,
    Ulaw,
    Alaw,
}

/// Reads a WAV stream as mono samples of ±1; channels are averaged.
pub struct WavReader<R> {
    source: R,
    rate: Rate,
    channels: usize,
    encoding: Encoding,
    length: Length,
    /// Bytes read and not yet decoded; less than one sample of all channels between calls.
    bytes: Vec<u8>,
}

/// How much sound the header announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    /// So many bytes are still to come.
    Known(u64),
    /// The writer could not know (`espeak-ng --stdout`, sox, ffmpeg on a pipe): all there is.
    ToTheEnd,
}

/// Lengths from here up are what programs write that do not know theirs.
const BOGUS_LENGTH: u32 = 0x7fff_0000;
/// How much is read at a time.
const READ_BYTES: usize = 16 * 1024;

impl<R: Read> WavReader<R> {
    /// Reads the header and the beginning of the sound.
    ///
    /// # Errors
    ///
    /// Says whether it is no WAV, has no sound, or is encoded in a way that is not understood.
    pub fn new(mut source: R) -> Result<Self, WavError> {
        let (format, length) = read_header(&mut source)?;
        let bytes = Vec::with_capacity(READ_BYTES);
        let Format { rate, channels, encoding } = format;
        let mut reader = Self { source, rate, channels, encoding, length, bytes };
        reader.fill()?;
        if reader.bytes.len() < reader.frame_bytes() {
            return Err(WavError::Empty);
        }
        Ok(reader)
    }

    /// Returns the sample rate of the file.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Returns how many bytes the header still announces beyond what has been read; nothing if it does not say.
    pub fn announced(&self) -> Option<u64> {
        match self.length {
            Length::Known(bytes) => Some(bytes),
            Length::ToTheEnd => None,
        }
    }

    /// Appends the next mono samples and returns how many; 0 at the end.
    ///
    /// # Errors
    ///
    /// Fails if the source does, or ends before the length in its header.
    pub fn read(&mut self, output: &mut Vec<f32>) -> Result<usize, WavError> {
        if self.bytes.len() < self.frame_bytes() {
            self.fill()?;
        }
        let frame_bytes = self.frame_bytes();
        let frames = self.bytes.len() / frame_bytes;
        let (encoding, channels) = (self.encoding, self.channels as f32);
        let width = encoding.bytes();
        output.extend(self.bytes[..frames * frame_bytes].chunks_exact(frame_bytes).map(|frame| {
            let sum: f32 = frame.chunks_exact(width).map(|sample| encoding.decode(sample)).sum();
            sum / channels
        }));
        self.bytes.drain(..frames * frame_bytes);
        Ok(frames)
    }

    fn frame_bytes(&self) -> usize {
        self.encoding.bytes() * self.channels
    }

    /// Reads at least one sample of all channels, if there is one more.
    fn fill(&mut self) -> Result<(), WavError> {
        while self.bytes.len() < self.frame_bytes() {
            let wanted = match self.length {
                Length::Known(left) => left.min(READ_BYTES as u64),
                Length::ToTheEnd => READ_BYTES as u64,
            };
            if wanted == 0 {
                return Ok(());
            }
            let begin = self.bytes.len();
            self.bytes.resize(begin + wanted as usize, 0);
            let read = read_some(&mut self.source, &mut self.bytes[begin..]);
            self.bytes.truncate(begin + *read.as_ref().unwrap_or(&0));
            match (read?, &mut self.length) {
                (0, Length::Known(_)) => return Err(WavError::Broken("it ends in the middle of the sound")),
                (0, Length::ToTheEnd) => return Ok(()),
                (read, Length::Known(left)) => *left -= read as u64,
                (_, Length::ToTheEnd) => {}
            }
        }
        Ok(())
    }
}

/// Reads a whole WAV as mono samples of ±1, with its rate.
///
/// # Errors
///
/// As [`WavReader::new`] and [`WavReader::read`].
pub fn read_clip(source: impl Read) -> Result<(Rate, Vec<f32>), WavError> {
    let mut reader = WavReader::new(source)?;
    let mut samples = Vec::new();
    while reader.read(&mut samples)? > 0 {}
    Ok((reader.rate(), samples))
}

fn read_some(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

struct Format {
    rate: Rate,
    channels: usize,
    encoding: Encoding,
}

/// Reads up to the first byte of sound.
fn read_header(source: &mut impl Read) -> Result<(Format, Length), WavError> {
    let mut riff = [0; 12];
    source.read_exact(&mut riff).map_err(|error| at_end(error, WavError::NotWav))?;
    if !(matches!(&riff[..4], b"RIFF" | b"RF64" | b"BW64") && &riff[8..] == b"WAVE") {
        return Err(WavError::NotWav);
    }
    let mut format = None;
    loop {
        let mut head = [0; 8];
        source.read_exact(&mut head).map_err(|error| at_end(error, no_sound(format.is_some())))?;
        let [id @ .., a, b, c, d] = head;
        let length = u32::from_le_bytes([a, b, c, d]);
        match &id {
            b"fmt " => format = Some(read_format(source, length)?),
            b"data" => {
                let format = format.ok_or(WavError::Broken("its sound comes before its format"))?;
                return Ok((format, announced_length(length)));
            }
            _ => skip(source, u64::from(length) + u64::from(length & 1))?,
        }
    }
}

fn no_sound(has_format: bool) -> WavError {
    if has_format { WavError::Empty } else { WavError::Broken("its header is cut off") }
}

fn announced_length(length: u32) -> Length {
    // A program that writes to a pipe leaves the length at zero or at something near the largest number.
    if length == 0 || length >= BOGUS_LENGTH { Length::ToTheEnd } else { Length::Known(u64::from(length)) }
}

fn at_end(error: io::Error, meaning: WavError) -> WavError {
    if error.kind() == io::ErrorKind::UnexpectedEof { meaning } else { WavError::Io(error) }
}

fn skip(source: &mut impl Read, length: u64) -> Result<(), WavError> {
    let skipped = io::copy(&mut source.by_ref().take(length), &mut io::sink())?;
    if skipped == length { Ok(()) } else { Err(WavError::Broken("its header is cut off")) }
}

fn read_format(source: &mut impl Read, length: u32) -> Result<Format, WavError> {
    const CUT: WavError = WavError::Broken("its header is cut off");
    if !(16..=4_096).contains(&length) {
        return Err(WavError::Broken("its format has an impossible length"));
    }
    let mut chunk = vec![0; (length + (length & 1)) as usize];
    source.read_exact(&mut chunk).map_err(|error| at_end(error, CUT))?;
    let word = |at: usize| u16::from_le_bytes([chunk[at], chunk[at + 1]]);
    let rate = u32::from_le_bytes([chunk[4], chunk[5], chunk[6], chunk[7]]);
    let (channels, bits, block) = (usize::from(word(2)), word(14), usize::from(word(12)));
    // WAVE_FORMAT_EXTENSIBLE keeps the true tag at the head of its GUID.
    let tag = if word(0) == 0xfffe && chunk.len() >= 26 { word(24) } else { word(0) };
    if rate == 0 || channels == 0 {
        return Err(WavError::Broken("it claims to have no channels or no rate"));
    }
    let encoding = find_encoding(tag, bits, block / channels)?;
    if block != encoding.bytes() * channels {
        return Err(WavError::Broken("its format contradicts itself"));
    }
    Ok(Format { rate: Rate(rate), channels, encoding })
}

/// Finds the encoding by format tag, meaningful bits, and bytes a sample takes.
fn find_encoding(tag: u16, bits: u16, bytes: usize) -> Result<Encoding, WavError> {
    match (tag, bits, bytes) {
        (1, 1..=8, 1) => Ok(Encoding::Unsigned8),
        (1, 9..=32, 2..=4) => Ok(Encoding::Signed(bytes)),
        (3, 32, 4) => Ok(Encoding::Float32),
        (3, 64, 8) => Ok(Encoding::Float64),
        (6, _, 1) => Ok(Encoding::Alaw),
        (7, _, 1) => Ok(Encoding::Ulaw),
        (1, ..) => Err(WavError::Unsupported(format!("PCM of {bits} bits"))),
        (3, ..) => Err(WavError::Unsupported(format!("float of {bits} bits"))),
        (2, ..) => Err(WavError::Unsupported("Microsoft ADPCM".to_owned())),
        (0x11, ..) => Err(WavError::Unsupported("IMA ADPCM".to_owned())),
        (0x31, ..) => Err(WavError::Unsupported("GSM 6.10".to_owned())),
        (0x50 | 0x55, ..) => Err(WavError::Unsupported("MPEG audio".to_owned())),
        _ => Err(WavError::Unsupported(format!("an unknown encoding (format tag {tag:#06x})"))),
    }
}

impl Encoding {
    fn bytes(self) -> usize {
        match self {
            Self::Unsigned8 | Self::Ulaw | Self::Alaw => 1,
            Self::Signed(bytes) => bytes,
            Self::Float32 => 4,
            Self::Float64 => 8,
        }
    }

    /// Decodes one sample of [`Self::bytes`] bytes.
    fn decode(self, bytes: &[u8]) -> f32 {
        match (self, bytes) {
            (Self::Unsigned8, [byte]) => (f32::from(*byte) - 128.0) / 128.0,
            (Self::Ulaw, [code]) => to_float(g711::decode_ulaw(*code)),
            (Self::Alaw, [code]) => to_float(g711::decode_alaw(*code)),
            (Self::Signed(_), &[a, b]) => to_float(i16::from_le_bytes([a, b])),
            (Self::Signed(_), &[a, b, c]) => i32::from_le_bytes([0, a, b, c]) as f32 / 2_147_483_648.0,
            (Self::Signed(_), &[a, b, c, d]) => i32::from_le_bytes([a, b, c, d]) as f32 / 2_147_483_648.0,
            (Self::Float32, &[a, b, c, d]) => finite(f32::from_le_bytes([a, b, c, d])),
            (Self::Float64, bytes) => {
                bytes.try_into().map_or(0.0, |bytes| finite(f64::from_le_bytes(bytes) as f32))
            }
            (Self::Unsigned8 | Self::Ulaw | Self::Alaw | Self::Signed(_) | Self::Float32, _) => 0.0,
        }
    }
}

/// One sample that is no number would silence a resampler for good.
fn finite(sample: f32) -> f32 {
    if sample.is_finite() { sample } else { 0.0 }
}

/// The most that a header can count, with room for the header itself.
const MOST_BYTES: u64 = u32::MAX as u64 - 1_024;

/// Writes 16 bits; the header is right about once a second, whatever happens in between.
pub struct WavWriter<W: Write + Seek> {
    writer: hound::WavWriter<W>,
    /// Samples of all channels a second.
    a_second: u64,
    unsaved: u64,
    /// How many samples can still be counted.
    room: u64,
}

impl<W: Write + Seek> WavWriter<W> {
    /// Begins a file of one channel.
    ///
    /// # Errors
    ///
    /// Fails if the header cannot be written.
    pub fn new(target: W, rate: Rate) -> Result<Self, WavError> {
        Self::with_channels(target, rate, 1)
    }

    /// Begins a file of two channels, whose samples are written in turn.
    ///
    /// # Errors
    ///
    /// Fails if the header cannot be written.
    pub fn stereo(target: W, rate: Rate) -> Result<Self, WavError> {
        Self::with_channels(target, rate, 2)
    }

    fn with_channels(target: W, rate: Rate, channels: u16) -> Result<Self, WavError> {
        let sample_format = hound::SampleFormat::Int;
        let spec = hound::WavSpec { channels, sample_rate: rate.0, bits_per_sample: 16, sample_format };
        let mut writer = hound::WavWriter::new(target, spec).map_err(from_hound)?;
        writer.flush().map_err(from_hound)?;
        let a_second = u64::from(rate.0) * u64::from(channels);
        Ok(Self { writer, a_second, unsaved: 0, room: MOST_BYTES / 2 })
    }

    /// Appends samples.
    ///
    /// # Errors
    ///
    /// Fails if they cannot be written, and with [`WavError::Full`] if there is no room for all of them: then
    /// none is written.
    pub fn write(&mut self, samples: &[i16]) -> Result<(), WavError> {
        self.room = self.room.checked_sub(samples.len() as u64).ok_or(WavError::Full)?;
        for sample in samples {
            self.writer.write_sample(*sample).map_err(from_hound)?;
        }
        self.unsaved += samples.len() as u64;
        if self.unsaved >= self.a_second {
            self.writer.flush().map_err(from_hound)?;
            self.unsaved = 0;
        }
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    ///
    /// Fails if the end or the header cannot be written.
    pub fn finish(self) -> Result<(), WavError> {
        self.writer.finalize().map_err(from_hound)
    }
}

fn from_hound(error: hound::Error) -> WavError {
    match error {
        hound::Error::IoError(error) => WavError::Io(error),
        error @ (hound::Error::FormatError(_)
        | hound::Error::TooWide
        | hound::Error::UnfinishedSample
        | hound::Error::Unsupported
        | hound::Error::InvalidSampleFormat) => WavError::Io(io::Error::other(error)),
    }
}

#[cfg(test)]
#[path = "wav_tests.rs"]
mod tests;
