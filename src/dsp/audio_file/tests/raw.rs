//! Tests of raw audio whose layout the user says.

use super::*;
use crate::dsp::g711;
use crate::dsp::raw_format::RawEncoding;

/// The layouts, each with 0.5 and -0.25 in it.
fn pairs() -> [(RawEncoding, Vec<u8>); 11] {
    let (half, quarter) = (1_i32 << 30, -(1_i32 << 29));
    let top = |value: i32, bytes: usize| value.to_be_bytes()[..bytes].to_vec();
    let big = |bytes: usize| [top(half, bytes), top(quarter, bytes)].concat();
    let little = |bytes: usize| big(bytes).chunks(bytes).flat_map(|one| one.iter().rev().copied()).collect();
    let int = |value: i32| (value >> 16) as i16;
    [
        (RawEncoding::U8, vec![192, 96]),
        (RawEncoding::S16le, little(2)),
        (RawEncoding::S16be, big(2)),
        (RawEncoding::S24le, little(3)),
        (RawEncoding::S24be, big(3)),
        (RawEncoding::S32le, little(4)),
        (RawEncoding::S32be, big(4)),
        (RawEncoding::F32le, [0.5_f32.to_le_bytes(), (-0.25_f32).to_le_bytes()].concat()),
        (RawEncoding::F32be, [0.5_f32.to_be_bytes(), (-0.25_f32).to_be_bytes()].concat()),
        (RawEncoding::Mulaw, vec![g711::encode_ulaw(int(half)), g711::encode_ulaw(int(quarter))]),
        (RawEncoding::Alaw, vec![g711::encode_alaw(int(half)), g711::encode_alaw(int(quarter))]),
    ]
}

#[test]
fn each_raw_encoding_is_read_by_channel() {
    for (encoding, pair) in pairs() {
        let format = RawFormat { rate: SampleRate(8_000), channels: 2, encoding };
        // The last frame is not whole.
        let stream = [pair.repeat(50), pair[..1].to_vec()].concat();
        for (channel, expected) in [(1, 0.5), (2, -0.25)] {
            let mut reader = AudioReader::raw(Cursor::new(&stream), format).unwrap();
            let selection = TrackSelection { channel: Some(channel), ..TrackSelection::default() };
            reader.select(selection).unwrap();
            let mut samples: Vec<f32> = Vec::new();
            while reader.read(&mut samples).unwrap() > 0 {}
            assert_eq!((reader.rate(), samples.len()), (SampleRate(8_000), 50), "{encoding:?}");
            let is_near = |sample: &f32| (sample - expected).abs() < 0.02;
            assert!(samples.iter().all(is_near), "{encoding:?}: {:?}", samples.first());
        }
    }
}

#[test]
fn a_header_is_not_read_as_raw_audio() {
    let raw =
        |bytes: &[u8]| AudioReader::raw(bytes, RawFormat::default()).err().map(|error| error.to_string());
    let wav = WavFile::new(16, 1, vec![0; 400]).bytes();
    assert_eq!(raw(&wav).as_deref(), Some("it is not raw audio: its header says WAV"));
    assert_eq!(raw(b"fLaC\0\0\0\x22").as_deref(), Some("it is not raw audio: its header says FLAC"));
    assert_eq!(raw(b"").as_deref(), Some("the file contains no audio"));
    // Loud samples look like the frames of an MP3, and letters like a text.
    assert_eq!(raw(&[0xff, 0xfb].repeat(400)), None);
    assert_eq!(raw(b"hello hello hello hello hello"), None);
}
