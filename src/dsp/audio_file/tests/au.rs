//! Tests of AU files in all encodings.

use super::*;
use crate::dsp::g711;

fn au(length: u32, encoding: u32, comment: &[u8], sound: &[u8]) -> Vec<u8> {
    let fields = [24 + comment.len() as u32, length, encoding, 16_000, 1].map(u32::to_be_bytes);
    [b".snd", fields.as_flattened(), comment, sound].concat()
}

#[test]
fn au_is_read_in_all_its_encodings() {
    let each = |bytes: fn(i16) -> Vec<u8>| voice().into_iter().flat_map(bytes).collect::<Vec<u8>>();
    let encodings: [(u32, Vec<u8>, f32); 8] = [
        (1, each(|sample| vec![g711::encode_ulaw(sample)]), 0.02),
        (2, each(|sample| vec![(sample >> 8) as u8]), 0.01),
        (3, each(|sample| sample.to_be_bytes().to_vec()), 0.0),
        (4, each(|sample| (i32::from(sample) << 16).to_be_bytes()[..3].to_vec()), 0.0),
        (5, each(|sample| (i32::from(sample) << 16).to_be_bytes().to_vec()), 0.0),
        (6, each(|sample| to_float(sample).to_be_bytes().to_vec()), 0.0),
        (7, each(|sample| f64::from(to_float(sample)).to_be_bytes().to_vec()), 0.0),
        (27, each(|sample| vec![g711::encode_alaw(sample)]), 0.02),
    ];
    for (encoding, sound, tolerance) in encodings {
        let DecodedFile { rate, samples, warnings } = read(&au(sound.len() as u32, encoding, b"", &sound));
        assert!(
            (rate, samples.len()) == (SampleRate(16_000), voice().len()) && warnings.is_empty(),
            "{encoding}"
        );
        for (sample, expected) in samples.iter().zip(floats(&voice())) {
            assert!((sample - expected).abs() <= tolerance, "encoding {encoding}: {sample} for {expected}");
        }
    }
}

#[test]
fn au_with_a_placeholder_length_is_read_to_its_end() {
    let sound: Vec<u8> = voice().iter().flat_map(|sample| sample.to_be_bytes()).collect();
    let DecodedFile { samples, warnings, .. } = read(&au(u32::MAX, 3, b"\0\0\0\0", &sound));
    assert!(samples == floats(&voice()) && warnings.is_empty());
}

#[test]
fn little_endian_au_is_read() {
    let fields = [24, u32::MAX, 3, 16_000, 1].map(u32::to_le_bytes);
    let file = [b"dns.", fields.as_flattened(), &pcm16(&voice())].concat();
    assert!(read(&file).samples == floats(&voice()));
}

#[test]
fn au_with_an_invalid_header_is_refused() {
    let cases: [(Vec<u8>, &str); 4] = [
        (b".snd\0\0\0\x18".to_vec(), "cut off"),
        (au(u32::MAX, 23, b"", &[0; 100]), "G.721"),
        (au(u32::MAX, 99, b"", &[0; 100]), "AU encoding 99"),
        ([&b".snd\xff\xff\xff\xff"[..], &au(0, 3, b"", &[0; 100])[8..]].concat(), "cut off"),
    ];
    for (file, words) in cases {
        let message = read_clip(&file[..]).unwrap_err().to_string();
        assert!(message.contains(words), "{message:?} should say {words:?}");
    }
}
