//! Audio encodings of the wire: PCM16 and G.711.

use crate::dsp::g711;

/// An audio encoding of the Realtime protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Signed 16-bit, little-endian.
    #[default]
    Pcm16,
    /// G.711 µ-law, one byte per sample.
    Ulaw,
    /// G.711 A-law, one byte per sample.
    Alaw,
}

impl Codec {
    /// Returns the bytes of `samples`.
    pub fn encode(&self, samples: &[i16]) -> Vec<u8> {
        match self {
            Self::Pcm16 => samples.iter().flat_map(|sample| sample.to_le_bytes()).collect(),
            Self::Ulaw => samples.iter().map(|sample| g711::encode_ulaw(*sample)).collect(),
            Self::Alaw => samples.iter().map(|sample| g711::encode_alaw(*sample)).collect(),
        }
    }
}

/// Decodes a byte stream cut at arbitrary positions.
#[derive(Clone, Debug)]
pub struct Decoder {
    codec: Codec,
    /// The first byte of a PCM16 sample whose second byte is in the next chunk.
    half: Option<u8>,
}

impl Decoder {
    /// Creates a decoder at the beginning of a stream.
    pub fn new(codec: Codec) -> Self {
        Self { codec, half: None }
    }

    /// Returns the samples completed by `bytes`; an odd byte is kept for the next chunk.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<i16> {
        match self.codec {
            Codec::Pcm16 => self.push_pcm16(bytes),
            Codec::Ulaw => bytes.iter().map(|code| g711::decode_ulaw(*code)).collect(),
            Codec::Alaw => bytes.iter().map(|code| g711::decode_alaw(*code)).collect(),
        }
    }

    fn push_pcm16(&mut self, bytes: &[u8]) -> Vec<i16> {
        let mut samples = Vec::with_capacity(bytes.len() / 2 + 1);
        let mut rest = bytes;
        if let (Some(low), [high, behind @ ..]) = (self.half, bytes) {
            samples.push(i16::from_le_bytes([low, *high]));
            self.half = None;
            rest = behind;
        }
        let (pairs, odd) = rest.as_chunks::<2>();
        samples.extend(pairs.iter().map(|pair| i16::from_le_bytes(*pair)));
        if let [byte] = odd {
            self.half = Some(*byte);
        }
        samples
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pcm16_is_little_endian() {
        assert_eq!(Codec::Pcm16.encode(&[0x1234, -2]), [0x34, 0x12, 0xfe, 0xff]);
    }

    #[test]
    fn an_odd_byte_belongs_to_the_next_chunk() {
        let mut decoder = Decoder::new(Codec::Pcm16);
        assert!(decoder.push(&[0x34]).is_empty());
        assert!(decoder.push(&[]).is_empty());
        assert_eq!(decoder.push(&[0x12, 0xfe]), [0x1234]);
        assert_eq!(decoder.push(&[0xff, 0x01, 0x00]), [-2, 1]);
    }

    proptest! {
        #[test]
        fn a_stream_is_the_same_wherever_it_is_cut(samples: Vec<i16>, cuts: Vec<u8>) {
            let bytes = Codec::Pcm16.encode(&samples);
            let mut decoder = Decoder::new(Codec::Pcm16);
            let mut rest = &bytes[..];
            let mut decoded = Vec::new();
            for cut in cuts {
                let (chunk, behind) = rest.split_at(usize::from(cut).min(rest.len()));
                decoded.extend(decoder.push(chunk));
                rest = behind;
            }
            decoded.extend(decoder.push(rest));
            prop_assert_eq!(decoded, samples);
        }

        #[test]
        fn telephone_codes_are_one_byte_a_sample(samples: Vec<i16>) {
            for codec in [Codec::Ulaw, Codec::Alaw] {
                let bytes = codec.encode(&samples);
                prop_assert_eq!(bytes.len(), samples.len());
                let decoded = Decoder::new(codec).push(&bytes);
                for (sample, decoded) in samples.iter().zip(decoded) {
                    let error = (i32::from(*sample) - i32::from(decoded)).abs();
                    prop_assert!(error <= i32::from(*sample).abs() / 16 + 8, "{sample} became {decoded}");
                }
            }
        }
    }
}
