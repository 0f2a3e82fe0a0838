//! Layout of raw PCM, which has no header to say it.

use crate::dsp::frame::SampleRate;

/// How raw PCM is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawFormat {
    /// Its sample rate.
    pub rate: SampleRate,
    /// Number of interleaved channels.
    pub channels: u16,
    /// How each sample is encoded.
    pub encoding: RawEncoding,
}

impl Default for RawFormat {
    fn default() -> Self {
        Self { rate: SampleRate::HZ_24000, channels: 1, encoding: RawEncoding::S16le }
    }
}

/// How a raw sample is encoded, named as ffmpeg does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RawEncoding {
    /// Unsigned, 8 bits.
    U8,
    /// Signed, 16 bits, little-endian.
    #[default]
    S16le,
    /// Signed, 16 bits, big-endian.
    S16be,
    /// Signed, 24 bits, little-endian.
    S24le,
    /// Signed, 24 bits, big-endian.
    S24be,
    /// Signed, 32 bits, little-endian.
    S32le,
    /// Signed, 32 bits, big-endian.
    S32be,
    /// Float, 32 bits, little-endian.
    F32le,
    /// Float, 32 bits, big-endian.
    F32be,
    /// G.711 µ-law.
    Mulaw,
    /// G.711 A-law.
    Alaw,
}
