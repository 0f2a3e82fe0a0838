//! Promises of the WAV reader and writer.

use std::io::Cursor;

use proptest::prelude::*;

use super::*;

/// Half a step of the coarsest format, 8 bits.
const HALF_AN_EIGHT_BIT_STEP: f32 = 1.0 / 256.0;

fn header(tag: u16, bits: u16, channels: u16, data_length: u32) -> Vec<u8> {
    let block = bits / 8 * channels;
    let mut bytes = b"RIFF\xff\xff\xff\xffWAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0".to_vec();
    bytes.extend(tag.to_le_bytes());
    bytes.extend(channels.to_le_bytes());
    bytes.extend(11_025_u32.to_le_bytes());
    bytes.extend((11_025 * u32::from(block)).to_le_bytes());
    bytes.extend(block.to_le_bytes());
    bytes.extend(bits.to_le_bytes());
    bytes.extend(b"data");
    bytes.extend(data_length.to_le_bytes());
    bytes
}

/// Writes a ramp with `hound`, the third party, once per channel.
fn hound_file(bits: u16, sample_format: hound::SampleFormat, channels: u16) -> Vec<u8> {
    let spec = hound::WavSpec { channels, sample_rate: 11_025, bits_per_sample: bits, sample_format };
    let mut file = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut file, spec).unwrap();
    for n in 0..5_000 {
        let value = ramp(n);
        for _ in 0..channels {
            match sample_format {
                hound::SampleFormat::Float => writer.write_sample(value).unwrap(),
                hound::SampleFormat::Int => {
                    let scale = 2_f64.powi(i32::from(bits) - 1);
                    writer.write_sample((f64::from(value) * scale) as i32).unwrap();
                }
            }
        }
    }
    writer.finalize().unwrap();
    file.into_inner()
}

fn ramp(n: i32) -> f32 {
    (n - 2_500) as f32 / 2_600.0
}

/// A source that gives out a few bytes at a time, as a pipe does.
struct Trickle<'a>(&'a [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(7);
        self.0.read(&mut buffer[..length])
    }
}

#[test]
fn every_format_and_channel_count_is_read_as_mono() {
    use hound::SampleFormat::{Float, Int};
    for (bits, format) in [(8, Int), (16, Int), (24, Int), (32, Int), (32, Float)] {
        for channels in [1, 2, 5, 8] {
            let file = hound_file(bits, format, channels);
            for (rate, samples) in [read_clip(&file[..]).unwrap(), read_clip(Trickle(&file)).unwrap()] {
                assert_eq!((rate, samples.len()), (Rate(11_025), 5_000), "{bits} bits, {channels} channels");
                for (n, sample) in (0..).zip(&samples) {
                    let error = (sample - ramp(n)).abs();
                    assert!(error <= 2.0 * HALF_AN_EIGHT_BIT_STEP, "{bits} bits: {n} is {sample}");
                }
            }
        }
    }
}

#[test]
fn channels_are_averaged() {
    let mut file = header(1, 16, 2, 4);
    file.extend([0x00, 0x40, 0x00, 0xe0]);
    assert_eq!(read_clip(&file[..]).unwrap().1, [(0.5 - 0.25) / 2.0]);
}

#[test]
fn telephone_codes_and_doubles_are_read() {
    let mut file = header(7, 8, 1, 2);
    file.extend([0x80, 0xff]);
    assert_eq!(read_clip(&file[..]).unwrap().1, [to_float(32_124), 0.0]);
    let mut file = header(3, 64, 1, 16);
    file.extend([0.25_f64.to_le_bytes(), f64::NAN.to_le_bytes()].concat());
    assert_eq!(read_clip(&file[..]).unwrap().1, [0.25, 0.0]);
}

#[test]
fn a_length_that_the_writer_could_not_know_is_read_to_the_end() {
    for length in [0, 0x7fff_0000, 0x7fff_f000, u32::MAX] {
        let mut file = header(1, 16, 1, length);
        file.extend([1, 0].repeat(1_000));
        file.push(9);
        assert_eq!(read_clip(&file[..]).unwrap().1.len(), 1_000, "length {length:#x}");
    }
}

#[test]
fn what_follows_the_sound_is_not_read_as_sound() {
    let mut file = header(1, 16, 1, 4);
    file.extend([1, 0, 2, 0]);
    file.extend(b"LIST\x04\0\0\0INFO");
    assert_eq!(read_clip(&file[..]).unwrap().1.len(), 2);
}

#[test]
fn each_way_to_be_wrong_has_its_own_words() {
    let cases: [(Vec<u8>, &str); 8] = [
        (b"ID3\x04 this is no WAV at all".to_vec(), "not a WAV"),
        (b"RIF".to_vec(), "not a WAV"),
        (Vec::new(), "not a WAV"),
        (header(1, 16, 1, 0), "empty"),
        (header(0x55, 16, 2, 100), "MPEG audio"),
        (header(1, 40, 1, 100), "PCM of 40 bits"),
        (header(1, 16, 0, 100), "no channels"),
        (b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0".to_vec(), "cut off"),
    ];
    for (file, words) in cases {
        let message = read_clip(&file[..]).unwrap_err().to_string();
        assert!(message.contains(words), "{message:?} should say {words:?}");
    }
}

#[test]
fn a_file_that_ends_early_gives_what_it_has_and_says_so() {
    let mut file = header(1, 16, 1, 4_000);
    file.extend([1, 0].repeat(700));
    let mut reader = WavReader::new(&file[..]).unwrap();
    let mut samples = Vec::new();
    let error = loop {
        match reader.read(&mut samples) {
            Ok(read) => assert_ne!(read, 0, "it does not end as if all were well"),
            Err(error) => break error,
        }
    };
    assert_eq!(samples.len(), 700);
    assert!(matches!(error, WavError::Broken(_)), "{error}");
}

#[test]
fn a_written_file_is_whole_before_it_is_finished() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out.wav");
    let mut writer = WavWriter::new(std::fs::File::create(&path).unwrap(), Rate(24_000)).unwrap();
    assert_eq!(hound::WavReader::open(&path).unwrap().len(), 0);
    for _ in 0..250 {
        writer.write(&[1_000; 100]).unwrap();
    }
    assert!(hound::WavReader::open(&path).unwrap().len() >= 24_000);
    writer.finish().unwrap();
    let (rate, samples) = read_clip(std::fs::File::open(&path).unwrap()).unwrap();
    assert_eq!((rate, samples), (Rate(24_000), vec![to_float(1_000); 25_000]));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>, tag in 0_u16..8, bits: u16, channels in 0_u16..9) {
        let _ = read_clip(&bytes[..]);
        let length = bytes.len() as u32;
        let mut file = header(tag, bits % 72, channels, length);
        file.extend(&bytes);
        if let Ok((_, samples)) = read_clip(&file[..]) {
            prop_assert!(samples.iter().all(|sample| sample.is_finite()));
        }
    }
}

#[test]
fn a_file_that_no_header_can_count_is_not_written() {
    let mut file = std::io::Cursor::new(Vec::new());
    let mut writer = WavWriter::stereo(&mut file, Rate(24_000)).unwrap();
    writer.room = 1_000;
    writer.write(&[7; 600]).unwrap();
    assert!(matches!(writer.write(&[7; 600]), Err(WavError::Full)));
    writer.finish().unwrap();
    let reader = hound::WavReader::new(&file.get_ref()[..]).unwrap();
    assert_eq!((reader.len(), reader.spec().channels, reader.duration()), (600, 2, 300));
    assert!(MOST_BYTES + 100 < u64::from(u32::MAX), "with its header");
}
