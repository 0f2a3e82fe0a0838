//! Sample formats: encoding, size, byte order and alignment.

use std::borrow::Cow;

use crate::dsp::audio_file::alignment::Alignment;
use crate::dsp::g711;
use crate::dsp::raw_format::RawEncoding;
use crate::dsp::resample::to_float;

/// The order of the bytes of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

/// Encoding of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Unsigned 8 bits with zero at 128.
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
    /// Alignment of samples narrower than their container.
    alignment: Option<Alignment>,
    /// Only nBlockAlign implies padding, and may be wrong.
    may_be_packed: bool,
}

impl SampleFormat {
    /// Creates the format of raw samples.
    pub(super) fn raw(encoding: RawEncoding) -> Self {
        use ByteOrder::{Big, Little};
        use Encoding::{Alaw, Float, Signed, Ulaw, Unsigned};
        let (encoding, bytes, order) = match encoding {
            RawEncoding::U8 => (Unsigned, 1, Little),
            RawEncoding::S16le => (Signed, 2, Little),
            RawEncoding::S16be => (Signed, 2, Big),
            RawEncoding::S24le => (Signed, 3, Little),
            RawEncoding::S24be => (Signed, 3, Big),
            RawEncoding::S32le => (Signed, 4, Little),
            RawEncoding::S32be => (Signed, 4, Big),
            RawEncoding::F32le => (Float, 4, Little),
            RawEncoding::F32be => (Float, 4, Big),
            RawEncoding::Mulaw => (Ulaw, 1, Little),
            RawEncoding::Alaw => (Alaw, 1, Little),
        };
        Self::new(encoding, bytes, order)
    }

    /// Creates a format without padding.
    pub(super) fn new(encoding: Encoding, bytes: usize, order: ByteOrder) -> Self {
        Self { encoding, bytes, order, alignment: None, may_be_packed: false }
    }

    /// Creates a format of signed samples narrower than their container.
    pub(super) fn padded(bytes: usize, valid_bits: u32, order: ByteOrder) -> Self {
        let alignment = (valid_bits < bytes as u32 * 8).then(|| Alignment::new(bytes as u32 * 8, valid_bits));
        Self { alignment, ..Self::new(Encoding::Signed, bytes, order) }
    }

    /// Marks the padding as implied by nBlockAlign only.
    pub(super) fn or_packed(self) -> Self {
        Self { may_be_packed: true, ..self }
    }

    /// Returns the bytes per sample.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the alignment, if samples are narrower than their container.
    pub(super) fn alignment(&self) -> Option<&Alignment> {
        self.alignment.as_ref()
    }

    /// Applies an alignment found for the same format.
    pub(super) fn set_alignment(&mut self, found: Option<Alignment>) {
        if let (Some(alignment), Some(found)) = (&mut self.alignment, found) {
            *alignment = found;
        }
    }

    /// Observes samples to determine the alignment.
    pub(super) fn observe(&mut self, samples: &[u8]) {
        if let Some(mut alignment) = self.alignment.take_if(|alignment| !alignment.is_certain()) {
            for bytes in samples.chunks_exact(self.bytes) {
                alignment.observe(self.integer(bytes));
            }
            self.alignment = Some(alignment);
        }
    }

    /// Marks the observation as complete.
    pub(super) fn complete(&mut self) {
        if let Some(alignment) = &mut self.alignment {
            alignment.complete();
        }
    }

    /// Decides the alignment by the beginning of the audio. Returns the fault of the header if the samples
    /// turn out to be packed without padding.
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
            // One-byte codes.
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
        // NaN would silence a resampler for good.
        if sample.is_nan() { 0.0 } else { sample.clamp(-1.0, 1.0) }
    }
}

/// Returns the warning about nBlockAlign.
pub(super) fn wrong_block(block: usize, bits: u32, channels: usize, right: usize) -> Cow<'static, str> {
    let plural = if channels == 1 { "" } else { "s" };
    format!(
        "wrong nBlockAlign in its header: {block}, where {bits} bits and {channels} channel{plural} make {right}"
    )
    .into()
}
