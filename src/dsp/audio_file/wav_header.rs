//! The header of a WAV file: RIFF, big-endian RIFX, and RF64 or BW64 for files beyond 4 GB.

use std::io::Read;

use crate::dsp::audio_file::sample_format::{ByteOrder, Encoding, SampleFormat, wrong_block};
use crate::dsp::audio_file::{AudioFileError, FileWarnings, Header, Length, check_layout, skip};

/// Lengths from here up are placeholders of programs writing to a pipe: espeak-ng, sox, arecord.
const FIRST_PLACEHOLDER: u32 = 0x7fff_0000;
/// The required part of a format chunk, up to nBlockAlign; wBitsPerSample may be missing.
const FORMAT_BYTES: usize = 14;
/// The relevant part of a format chunk, up to the format tag in the GUID of WAVE_FORMAT_EXTENSIBLE.
const USED_FORMAT_BYTES: usize = 26;
/// The relevant part of a ds64 chunk: the lengths of file and audio.
const USED_DS64_BYTES: usize = 16;

const EXTENSIBLE: u16 = 0xfffe;

/// Reads up to the first byte of audio.
pub(super) fn read(source: &mut impl Read) -> Result<Header, AudioFileError> {
    let mut riff = [0; 12];
    read_exact(source, &mut riff)?;
    let mut chunks = ChunkReader {
        source,
        order: if riff.starts_with(b"RIFX") { ByteOrder::Big } else { ByteOrder::Little },
        needs_padding: false,
        warnings: FileWarnings::default(),
    };
    let (mut format, mut long_length) = (None, None);
    loop {
        let (id, length) = match chunks.next()? {
            Some(head) => head,
            None if format.is_some() => return Err(AudioFileError::Empty),
            None => return Err(AudioFileError::cut_off()),
        };
        match &id {
            b"fmt " => format = Some(chunks.read_format(length)?),
            b"ds64" => long_length = Some(chunks.read_long_length(length)?),
            b"data" => {
                let Some(FormatChunk { rate, channels, format }) = format else {
                    return Err(AudioFileError::broken("its audio precedes its format"));
                };
                let length = announced_length(length, long_length);
                return Ok(Header { rate, channels, format, length, warnings: chunks.warnings });
            }
            _ => skip(chunks.source, length.into())?,
        }
        chunks.needs_padding = length % 2 == 1;
    }
}

fn announced_length(length: u32, long_length: Option<u64>) -> Length {
    match (length, long_length) {
        (0, _) => Length::ToTheEnd,
        (u32::MAX, None | Some(0 | u64::MAX)) => Length::ToTheEnd,
        (u32::MAX, Some(length)) => Length::Known(length),
        (FIRST_PLACEHOLDER.., _) => Length::AtMost(length.into()),
        (_, _) => Length::Known(length.into()),
    }
}

fn read_exact(source: &mut impl Read, bytes: &mut [u8]) -> Result<(), AudioFileError> {
    source.read_exact(bytes).map_err(|error| AudioFileError::at_end(error, AudioFileError::cut_off()))
}

struct FormatChunk {
    rate: crate::dsp::frame::SampleRate,
    channels: usize,
    format: SampleFormat,
}

/// The chunks of a file, read in order.
struct ChunkReader<'a, R> {
    source: &'a mut R,
    order: ByteOrder,
    /// The previous chunk has an odd length.
    needs_padding: bool,
    warnings: FileWarnings,
}

impl<R: Read> ChunkReader<'_, R> {
    /// Returns the id and length of the next chunk; none at the end of the file.
    fn next(&mut self) -> Result<Option<([u8; 4], u32)>, AudioFileError> {
        let mut head = [0; 8];
        let mut read = 0;
        while read < head.len() {
            match super::read_some(self.source, &mut head[read..])? {
                0 => return Ok(None),
                more => read += more,
            }
        }
        if self.needs_padding && !self.is_padding_missing(&head) {
            head.rotate_left(1);
            if self.source.read_exact(&mut head[7..]).is_err() {
                return Ok(None);
            }
        }
        let [id @ .., a, b, c, d] = head;
        if !is_id(&id) {
            return Err(AudioFileError::broken("its chunks do not follow each other"));
        }
        let length = match self.order {
            ByteOrder::Little => u32::from_le_bytes([a, b, c, d]),
            ByteOrder::Big => u32::from_be_bytes([a, b, c, d]),
        };
        Ok(Some((id, length)))
    }

    /// Returns whether a chunk follows one of odd length without padding. The padding byte should be zero.
    fn is_padding_missing(&mut self, head: &[u8; 8]) -> bool {
        const COMMON: [&[u8; 4]; 8] =
            [b"fmt ", b"data", b"fact", b"LIST", b"bext", b"JUNK", b"PEAK", b"id3 "];
        let padded = COMMON.iter().any(|id| head[1..].starts_with(&id[..]));
        let is_missing = is_id(&head[..4]) && !padded;
        if is_missing {
            self.warnings.add("no padding after a chunk of odd length");
        }
        is_missing
    }

    fn read_format(&mut self, length: u32) -> Result<FormatChunk, AudioFileError> {
        let mut chunk = [0; USED_FORMAT_BYTES];
        let used = chunk.len().min(length as usize);
        if used < FORMAT_BYTES {
            return Err(AudioFileError::broken("its format has an impossible length"));
        }
        read_exact(self.source, &mut chunk[..used])?;
        skip(self.source, u64::from(length) - used as u64)?;
        let order = self.order;
        let word = |at: usize| match order {
            ByteOrder::Little => u16::from_le_bytes([chunk[at], chunk[at + 1]]),
            ByteOrder::Big => u16::from_be_bytes([chunk[at], chunk[at + 1]]),
        };
        let rate = match order {
            ByteOrder::Little => u32::from_le_bytes([chunk[4], chunk[5], chunk[6], chunk[7]]),
            ByteOrder::Big => u32::from_be_bytes([chunk[4], chunk[5], chunk[6], chunk[7]]),
        };
        let (channels, rate) = check_layout(word(2).into(), rate)?;
        let is_extensible = word(0) == EXTENSIBLE;
        // The tag is the head of the GUID. Some writers omit the extension; then it is PCM.
        let tag = match (is_extensible, used == USED_FORMAT_BYTES) {
            (true, true) => word(24),
            (true, false) => 1,
            (false, _) => word(0),
        };
        let declared = DeclaredLayout {
            tag,
            bits: word(14).into(),
            valid_bits: if is_extensible { word(18).into() } else { 0 },
            block: word(12).into(),
            channels,
        };
        let format = declared.sample_format(order, &mut self.warnings)?;
        Ok(FormatChunk { rate, channels, format })
    }

    fn read_long_length(&mut self, length: u32) -> Result<u64, AudioFileError> {
        let mut chunk = [0; USED_DS64_BYTES];
        let used = chunk.len().min(length as usize);
        read_exact(self.source, &mut chunk[..used])?;
        skip(self.source, u64::from(length) - used as u64)?;
        let [_, _, _, _, _, _, _, _, length @ ..] = chunk;
        Ok(match self.order {
            ByteOrder::Little => u64::from_le_bytes(length),
            ByteOrder::Big => u64::from_be_bytes(length),
        })
    }
}

fn is_id(id: &[u8]) -> bool {
    id.iter().all(|byte| matches!(byte, b' '..=b'~'))
}

/// The sample format of a format chunk.
struct DeclaredLayout {
    tag: u16,
    bits: u32,
    /// Valid bits; 0 if unknown.
    valid_bits: u32,
    /// nBlockAlign: bytes per frame.
    block: usize,
    channels: usize,
}

impl DeclaredLayout {
    /// Returns the format. Bits and channels take precedence over a contradicting nBlockAlign.
    fn sample_format(
        &self,
        order: ByteOrder,
        warnings: &mut FileWarnings,
    ) -> Result<SampleFormat, AudioFileError> {
        let unsupported = |what: String| Err(AudioFileError::Unsupported(what.into()));
        let format = match (self.tag, self.bits) {
            (1, 0) if matches!(self.container(), Some(1..=4)) => {
                Self { bits: self.container().unwrap_or_default() as u32 * 8, ..*self }.integer(order)
            }
            (1, 1..=32) => self.integer(order),
            (3, 32) => SampleFormat::new(Encoding::Float, 4, order),
            (3, 64) => SampleFormat::new(Encoding::Float, 8, order),
            (6, _) => SampleFormat::new(Encoding::Alaw, 1, order),
            (7, _) => SampleFormat::new(Encoding::Ulaw, 1, order),
            (1, bits) => return unsupported(format!("PCM of {bits} bits")),
            (3, bits) => return unsupported(format!("float of {bits} bits")),
            (2, _) => return unsupported("Microsoft ADPCM".to_owned()),
            (0x11, _) => return unsupported("IMA ADPCM".to_owned()),
            (0x31, _) => return unsupported("GSM 6.10".to_owned()),
            (0x50 | 0x55, _) => return unsupported("MPEG audio".to_owned()),
            (tag, _) => return unsupported(format!("an unknown encoding (format tag {tag:#06x})")),
        };
        let right = format.bytes() * self.channels;
        if self.block != right {
            let bits = if self.bits == 0 { format.bytes() as u32 * 8 } else { self.bits };
            warnings.add(wrong_block(self.block, bits, self.channels, right));
        }
        Ok(format)
    }

    fn integer(&self, order: ByteOrder) -> SampleFormat {
        // 17 to 24 bits may be in 32-bit containers, which only nBlockAlign shows outside of
        // WAVE_FORMAT_EXTENSIBLE.
        let is_wide = matches!(self.bits, 17..=24) && self.container() == Some(4);
        let bytes = if is_wide { 4 } else { self.bits.div_ceil(8) as usize };
        let valid_bits = if self.valid_bits == 0 { self.bits } else { self.valid_bits.min(self.bits) };
        if bytes == 1 {
            return SampleFormat::new(Encoding::Unsigned, 1, order);
        }
        let format = SampleFormat::padded(bytes, valid_bits, order);
        if is_wide { format.or_packed() } else { format }
    }

    /// Returns the bytes per sample according to nBlockAlign.
    fn container(&self) -> Option<usize> {
        self.block.is_multiple_of(self.channels).then(|| self.block / self.channels)
    }
}
