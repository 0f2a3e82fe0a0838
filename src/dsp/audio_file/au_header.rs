//! The header of an AU file, also called Sun or NeXT audio; `pw-record -` writes one.

use std::io::Read;

use crate::dsp::audio_file::sample_format::{ByteOrder, Encoding, SampleFormat};
use crate::dsp::audio_file::{AudioFileError, FileWarnings, Header, Length, check_layout, skip};

const HEADER_BYTES: u32 = 24;

/// Reads up to the first byte of audio.
pub(super) fn read(source: &mut impl Read) -> Result<Header, AudioFileError> {
    let mut head = [[0; 4]; HEADER_BYTES as usize / 4];
    source
        .read_exact(head.as_flattened_mut())
        .map_err(|error| AudioFileError::at_end(error, AudioFileError::cut_off()))?;
    let [magic, fields @ ..] = head;
    let order = if &magic == b".snd" { ByteOrder::Big } else { ByteOrder::Little };
    let [offset, length, encoding, rate, channels] = fields.map(|bytes| match order {
        ByteOrder::Big => u32::from_be_bytes(bytes),
        ByteOrder::Little => u32::from_le_bytes(bytes),
    });
    let (channels, rate) = check_layout(channels, rate)?;
    let format = find_format(encoding, order)?;
    // A comment may follow the header.
    skip(source, u64::from(offset.saturating_sub(HEADER_BYTES)))?;
    let length = match length {
        0 | u32::MAX => Length::ToTheEnd,
        length => Length::Known(length.into()),
    };
    Ok(Header { rate, channels, format, length, warnings: FileWarnings::default() })
}

fn find_format(encoding: u32, order: ByteOrder) -> Result<SampleFormat, AudioFileError> {
    let signed = |bytes| Ok(SampleFormat::new(Encoding::Signed, bytes, order));
    match encoding {
        1 => Ok(SampleFormat::new(Encoding::Ulaw, 1, order)),
        2 => signed(1),
        3 => signed(2),
        4 => signed(3),
        5 => signed(4),
        6 => Ok(SampleFormat::new(Encoding::Float, 4, order)),
        7 => Ok(SampleFormat::new(Encoding::Float, 8, order)),
        27 => Ok(SampleFormat::new(Encoding::Alaw, 1, order)),
        23..=26 => Err(AudioFileError::Unsupported("G.721, G.722 or G.723".into())),
        _ => Err(AudioFileError::Unsupported(format!("an unknown encoding (AU encoding {encoding})").into())),
    }
}
