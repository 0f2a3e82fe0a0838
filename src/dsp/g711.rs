//! G.711: the logarithmic telephone codes of the ITU-T, one byte per sample.

use std::sync::LazyLock;

/// Bias added to a magnitude before the segment search (G.711 table 2).
const ULAW_BIAS: i32 = 132;
/// Largest magnitude that fits a µ-law segment after the bias.
const ULAW_LARGEST: i32 = 32_767 - ULAW_BIAS;
/// A-law inverts every other bit (G.711 table 1a, note 2).
const ALAW_EVEN_BITS: u8 = 0x55;

static ULAW_VALUES: LazyLock<[i16; 256]> =
    LazyLock::new(|| std::array::from_fn(|code| ulaw_value(code as u8)));
static ALAW_VALUES: LazyLock<[i16; 256]> =
    LazyLock::new(|| std::array::from_fn(|code| alaw_value(code as u8)));

/// Returns the µ-law code of a sample.
pub fn encode_ulaw(sample: i16) -> u8 {
    let magnitude = i32::from(sample).abs().min(ULAW_LARGEST) + ULAW_BIAS;
    let segment = magnitude.ilog2() - 7;
    let step = (magnitude >> (segment + 3)) & 0x0f;
    !(sign_bit(sample < 0) | (segment as u8) << 4 | step as u8)
}

/// Returns the sample of a µ-law code.
pub fn decode_ulaw(code: u8) -> i16 {
    ULAW_VALUES[usize::from(code)]
}

/// Returns the A-law code of a sample.
pub fn encode_alaw(sample: i16) -> u8 {
    // The negative half is the one's complement, so that both halves have equal steps.
    let magnitude = i32::from(if sample < 0 { !sample } else { sample });
    let (segment, step) = match magnitude {
        0..256 => (0, magnitude >> 4),
        _ => {
            let segment = magnitude.ilog2() - 7;
            (segment, (magnitude >> (segment + 3)) & 0x0f)
        }
    };
    (sign_bit(sample >= 0) | (segment as u8) << 4 | step as u8) ^ ALAW_EVEN_BITS
}

/// Returns the sample of an A-law code.
pub fn decode_alaw(code: u8) -> i16 {
    ALAW_VALUES[usize::from(code)]
}

fn sign_bit(set: bool) -> u8 {
    if set { 0x80 } else { 0 }
}

fn ulaw_value(code: u8) -> i16 {
    let code = !code;
    let segment = (code >> 4) & 0x07;
    let magnitude = (((i32::from(code & 0x0f) << 3) + ULAW_BIAS) << segment) - ULAW_BIAS;
    signed(magnitude, code & 0x80 == 0)
}

fn alaw_value(code: u8) -> i16 {
    let code = code ^ ALAW_EVEN_BITS;
    let segment = (code >> 4) & 0x07;
    let step = i32::from(code & 0x0f) << 4;
    let magnitude = if segment == 0 { step + 8 } else { (step + 0x108) << (segment - 1) };
    signed(magnitude, code & 0x80 != 0)
}

fn signed(magnitude: i32, positive: bool) -> i16 {
    let value = if positive { magnitude } else { -magnitude };
    i16::try_from(value).expect("the largest code stands for 32,256")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_samples_have_the_codes_of_the_standard() {
        // Reference values from Python's `audioop`.
        let ulaw = [(0, 0xff), (8, 0xfe), (1_000, 0xce), (-1_000, 0x4e), (12_345, 0x97)];
        for (sample, code) in ulaw.into_iter().chain([(i16::MAX, 0x80), (i16::MIN, 0x00)]) {
            assert_eq!(encode_ulaw(sample), code, "µ-law of {sample}");
        }
        let alaw = [(0, 0xd5), (-1, 0x55), (8, 0xd5), (1_000, 0xfa), (-1_000, 0x7a)];
        for (sample, code) in alaw.into_iter().chain([(i16::MAX, 0xaa), (i16::MIN, 0x2a)]) {
            assert_eq!(encode_alaw(sample), code, "A-law of {sample}");
        }
        assert_eq!([decode_ulaw(0x80), decode_ulaw(0x00), decode_ulaw(0xff)], [32_124, -32_124, 0]);
        assert_eq!([decode_alaw(0xaa), decode_alaw(0x2a), decode_alaw(0xd5)], [32_256, -32_256, 8]);
    }

    #[test]
    fn every_code_survives_decoding_and_encoding() {
        for code in 0..=u8::MAX {
            assert_eq!(encode_alaw(decode_alaw(code)), code);
            // µ-law has two zeros; the negative one comes back as the positive.
            let expected = if code == 0x7f { 0xff } else { code };
            assert_eq!(encode_ulaw(decode_ulaw(code)), expected);
        }
    }

    #[test]
    fn the_error_is_at_most_half_a_step() {
        for sample in i16::MIN..=i16::MAX {
            let magnitude = i32::from(sample).abs();
            let ulaw = (i32::from(decode_ulaw(encode_ulaw(sample))) - i32::from(sample)).abs();
            let alaw = (i32::from(decode_alaw(encode_alaw(sample))) - i32::from(sample)).abs();
            // A step is a sixteenth of a segment, which is as wide as its lower bound; the last one ends at
            // full scale.
            assert!(ulaw <= (magnitude + ULAW_BIAS) / 32 + 4 || magnitude > 32_124, "{sample}: {ulaw}");
            assert!(alaw <= magnitude / 32 + 8, "{sample}: {alaw}");
        }
    }
}
