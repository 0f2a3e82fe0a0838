//! Base64 audio in JSON: written strictly, read leniently.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Writes padding; reads with or without it and ignores trailing bits.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Returns the base64 length of `bytes` bytes.
pub(crate) fn encoded_length(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

/// Appends `bytes` to `text` as base64.
pub(crate) fn push_base64(text: &mut String, bytes: &[u8]) {
    ENGINE.encode_string(bytes, text);
}

/// Returns `bytes` as base64.
pub(crate) fn to_base64(bytes: &[u8]) -> String {
    ENGINE.encode(bytes)
}

/// Decodes base64 of either alphabet, with or without padding and line breaks.
///
/// Returns `None` if the text is not base64.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    ENGINE.decode(text).ok().or_else(|| ENGINE.decode(normalized(text)).ok())
}

/// Removes white space and translates the URL-safe alphabet.
fn normalized(text: &str) -> String {
    let standard = |letter| match letter {
        '-' => '+',
        '_' => '/',
        other => other,
    };
    text.chars().filter(|letter| !letter.is_ascii_whitespace()).map(standard).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_with_and_without_padding_and_in_both_alphabets() {
        for text in ["+/8=", "+/8", "-_8=", "-_8", "+/\n8=\r\n", "+/9="] {
            assert_eq!(from_base64(text), Some(vec![0xfb, 0xff]), "{text:?}");
        }
        assert_eq!(from_base64(""), Some(vec![]));
    }

    #[test]
    fn invalid_base64_is_rejected() {
        for text in ["A", "AAAAA", "äöü", "A=AA", "{}"] {
            assert_eq!(from_base64(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_encoded_length_is_predicted() {
        for length in 0..20 {
            assert_eq!(to_base64(&vec![7; length]).len(), encoded_length(length));
        }
    }
}
