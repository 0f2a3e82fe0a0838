//! How a sample stands in the bytes of a file.

use std::borrow::Cow;

use crate::dsp::audio_file::alignment::Alignment;
use crate::dsp::g711;
use crate::dsp::resample::to_float;

/// The order of the bytes of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

/// What the bits of a sample mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// 8 bits, 128 is zero.
    Unsigned,
    /// Two's complement of 1 to 4 bytes.
    Signed,
    /// IEEE 754 of 4 or 8 bytes.
    Float,
    Ulaw,
    Alaw,
}

/// The encoding of samples, their size and their byte order.
#[derive(Clone, Debug)]
pub(super) struct SampleFormat {
    encoding: Encoding,
    bytes: usize,
    order: ByteOrder,
    /// Where samples have fewer bits than their container: on which side they stand.
    alignment: Option<Alignment>,
    /// Only nBlockAlign says that there is padding, and may be wrong.
    may_be_packed: bool,
}

impl SampleFormat {
    /// Signed 16 bits, little-endian.
    pub(super) const PCM16: Self = Self {
        encoding: Encoding::Signed,
        bytes: 2,
        order: ByteOrder::Little,
        alignment: None,
        may_be_packed: false,
    };

    /// Makes a format whose samples fill their bytes.
    pub(super) fn new(encoding: Encoding, bytes: usize, order: ByteOrder) -> Self {
        Self { encoding, bytes, order, alignment: None, may_be_packed: false }
    }

    /// Makes a format of signed samples that have fewer bits than their container.
    pub(super) fn padded(bytes: usize, valid_bits: u32, order: ByteOrder) -> Self {
        let alignment = (valid_bits < bytes as u32 * 8).then(|| Alignment::new(bytes as u32 * 8, valid_bits));
        Self { alignment, ..Self::new(Encoding::Signed, bytes, order) }
    }

    /// Notes that only nBlockAlign says that there is padding.
    pub(super) fn or_packed(self) -> Self {
        Self { may_be_packed: true, ..self }
    }

    /// Returns how many bytes a sample has.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns where samples stand in their container, if they do not fill it.
    pub(super) fn alignment(&self) -> Option<&Alignment> {
        self.alignment.as_ref()
    }

    /// Takes over what was found out about the alignment of the same format.
    pub(super) fn set_alignment(&mut self, found: Option<Alignment>) {
        if let (Some(alignment), Some(found)) = (&mut self.alignment, found) {
            *alignment = found;
        }
    }

    /// Notes on which side of their containers these samples stand.
    pub(super) fn observe(&mut self, samples: &[u8]) {
        if let Some(mut alignment) = self.alignment.take_if(|alignment| !alignment.is_certain()) {
            for bytes in samples.chunks_exact(self.bytes) {
                alignment.observe(self.integer(bytes));
            }
            self.alignment = Some(alignment);
        }
    }

    /// Notes that all samples of the file have been observed.
    pub(super) fn complete(&mut self) {
        if let Some(alignment) = &mut self.alignment {
            alignment.complete();
        }
    }

    /// Decides the alignment by the beginning of the sound. Returns what is wrong with the header if the sound
    /// shows that samples are packed and have no padding at all.
    pub(super) fn settle(
        &mut self,
        beginning: &[u8],
        channels: usize,
        is_complete: bool,
    ) -> Option<Cow<'static, str>> {
        let whole = beginning.len() - beginning.len() % self.bytes;
        self.observe(&beginning[..whole]);
        if is_complete {
            self.complete();
        }
        let alignment = self.alignment.as_ref()?;
        if !(self.may_be_packed && alignment.is_filled()) {
            return None;
        }
        let packed = alignment.valid_bits().div_ceil(8) as usize;
        let (bits, block) = (alignment.valid_bits(), self.bytes * channels);
        *self = Self::padded(packed, bits, self.order);
        Some(wrong_block(block, bits, channels, packed * channels))
    }

    /// Decodes one sample of [`Self::bytes`] bytes to ±1.
    pub(super) fn decode(&self, bytes: &[u8]) -> f32 {
        match (self.encoding, bytes) {
            (Encoding::Unsigned, [byte]) => (f32::from(*byte) - 128.0) / 128.0,
            (Encoding::Ulaw, [code]) => to_float(g711::decode_ulaw(*code)),
            (Encoding::Alaw, [code]) => to_float(g711::decode_alaw(*code)),
            (Encoding::Signed, bytes) => {
                let padding = self.alignment.as_ref().map_or(0, Alignment::left_padding);
                let value = self.integer(bytes) << padding << (32 - 8 * self.bytes as u32);
                value as f32 / 2_147_483_648.0
            }
            (Encoding::Float, bytes) => self.float(bytes),
            // All codes of one byte come as one byte.
            (Encoding::Unsigned | Encoding::Ulaw | Encoding::Alaw, _) => 0.0,
        }
    }

    /// Returns the whole container as a number.
    fn integer(&self, bytes: &[u8]) -> i32 {
        let push = |value: i32, byte: &u8| value << 8 | i32::from(*byte);
        let unsigned = match self.order {
            ByteOrder::Big => bytes.iter().fold(0, push),
            ByteOrder::Little => bytes.iter().rev().fold(0, push),
        };
        let unused = 32 - 8 * self.bytes as u32;
        unsigned << unused >> unused
    }

    fn float(&self, bytes: &[u8]) -> f32 {
        let sample = match (bytes.len(), self.order) {
            (4, ByteOrder::Little) => bytes.try_into().map(f32::from_le_bytes),
            (4, ByteOrder::Big) => bytes.try_into().map(f32::from_be_bytes),
            (_, ByteOrder::Little) => bytes.try_into().map(|bytes| f64::from_le_bytes(bytes) as f32),
            (_, ByteOrder::Big) => bytes.try_into().map(|bytes| f64::from_be_bytes(bytes) as f32),
        };
        let sample = sample.unwrap_or(0.0);
        // One sample that is no number would silence a resampler for good.
        if sample.is_nan() { 0.0 } else { sample.clamp(-1.0, 1.0) }
    }
}

/// Says that nBlockAlign is wrong.
pub(super) fn wrong_block(block: usize, bits: u32, channels: usize, right: usize) -> Cow<'static, str> {
    let plural = if channels == 1 { "" } else { "s" };
    format!(
        "wrong nBlockAlign in its header: {block}, where {bits} bits and {channels} channel{plural} make {right}"
    )
    .into()
}
