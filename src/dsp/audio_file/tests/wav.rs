//! Tests of WAV files as programs write them, valid and invalid.

use proptest::prelude::*;

use super::*;

/// Step size of the coarsest format, 8 bits.
const EIGHT_BIT_STEP: f32 = 1.0 / 128.0;

#[test]
fn every_format_and_channel_count_is_read_as_mono() {
    use hound::SampleFormat::{Float, Int};
    for (bits, format) in [(8, Int), (16, Int), (24, Int), (32, Int), (32, Float)] {
        for channels in [1, 2, 5, 8] {
            let DecodedFile { rate, samples, warnings } = read(&hound_file(bits, format, channels));
            assert_eq!(
                (rate, samples.len()),
                (SampleRate(11_025), 5_000),
                "{bits} bits, {channels} channels"
            );
            assert!(warnings.is_empty(), "{bits} bits, {channels} channels: {warnings:?}");
            for (n, sample) in (0..).zip(&samples) {
                let error = (sample - ramp(n)).abs();
                assert!(error <= EIGHT_BIT_STEP, "{bits} bits, {channels} channels: {n} is {sample}");
            }
        }
    }
}

#[test]
fn g711_and_doubles_are_read() {
    let ulaw = WavFile { tag: 7, ..WavFile::new(8, 1, vec![0x80, 0xff]) };
    assert_eq!(read(&ulaw.bytes()).samples, [to_float(32_124), 0.0]);
    let alaw = WavFile { tag: 6, ..WavFile::new(8, 1, vec![0xaa, 0x2a]) };
    assert_eq!(read(&alaw.bytes()).samples, [to_float(32_256), to_float(-32_256)]);
    let doubles = [0.25_f64, f64::NAN, -7.0, f64::INFINITY].map(f64::to_le_bytes).concat();
    let double = WavFile { tag: 3, ..WavFile::new(64, 1, doubles) };
    assert_eq!(read(&double.bytes()).samples, [0.25, 0.0, -1.0, 1.0]);
}

#[test]
fn a_placeholder_length_is_read_to_the_end_without_a_warning() {
    for length in [0, 0x7fff_0000, 0x7fff_f000, 0x8000_0000, u32::MAX] {
        let file = WavFile { length: Some(length), ..WavFile::new(16, 1, pcm16(&voice())) };
        let DecodedFile { samples, warnings, .. } = read(&file.bytes());
        assert!(samples == floats(&voice()) && warnings.is_empty(), "length {length:#x}: {warnings:?}");
    }
}

#[test]
fn a_size_larger_than_the_file_is_one_warning() {
    for more in [1, 2, 36, 44, 20_000, 0x4000_0000] {
        let sound = pcm16(&voice());
        let length = Some(sound.len() as u32 + more);
        let file = WavFile { length, ..WavFile::new(16, 1, sound) };
        let DecodedFile { samples, warnings, .. } = read(&file.bytes());
        assert!(samples == floats(&voice()), "{more} more");
        let [warning] = &warnings[..] else { panic!("{more} more: {warnings:?}") };
        assert!(warning.contains("shorter than its header says"), "{warning}");
    }
}

#[test]
fn a_truncated_pipe_ends_at_its_end_with_one_warning() {
    let mut bytes = WavFile::new(16, 1, pcm16(&voice())).bytes();
    bytes.truncate(bytes.len() - 8_001);
    let DecodedFile { samples, warnings, .. } =
        read_all(AudioReader::or_raw(SlowSource(&bytes)).unwrap(), None);
    // Half a sample is dropped.
    assert_eq!(samples.len(), voice().len() - 4_001);
    assert_eq!(warnings, ["shorter than its header says: 8001 bytes (0.3 s) missing"]);
}

#[test]
fn chunks_after_the_audio_are_not_read_as_audio() {
    for after in [chunk(b"LIST", b"INFO"), b"and garbage".to_vec()] {
        let file = WavFile { after, ..WavFile::new(16, 1, pcm16(&[1, 2])) };
        let DecodedFile { samples, warnings, .. } = read(&file.bytes());
        assert!(samples == floats(&[1, 2]) && warnings.is_empty(), "{warnings:?}");
    }
}

#[test]
fn the_length_of_an_rf64_or_bw64_file_is_in_its_ds64_chunk() {
    for riff in [b"RF64", b"BW64"] {
        let sound = pcm16(&voice());
        let mut ds64 = [0, sound.len() as u64, 0].map(u64::to_le_bytes).concat();
        ds64.extend([0; 4]);
        let after = chunk(b"LIST", &[b'!'; 5_000]);
        let file =
            WavFile { riff, length: Some(u32::MAX), after, ..WavFile::new(16, 1, sound.clone()) }.bytes();
        let file = [&file[..12], &chunk(b"ds64", &ds64), &file[12..]].concat();
        let DecodedFile { samples, warnings, .. } = read(&file);
        assert!(samples == floats(&voice()) && warnings.is_empty(), "{warnings:?}");
    }
}

#[test]
fn an_rf64_file_without_its_length_is_read_to_the_end() {
    let rf64 = WavFile { riff: b"RF64", length: Some(u32::MAX), ..WavFile::new(16, 1, pcm16(&voice())) };
    let file = rf64.bytes();
    for length in [0, u64::MAX] {
        let ds64 = chunk(b"ds64", &[length; 4].map(u64::to_le_bytes).concat()[..28]);
        let file = [&file[..12], &ds64, &file[12..]].concat();
        assert!(read(&file).samples == floats(&voice()));
    }
    assert!(read(&file).samples == floats(&voice()), "there is no ds64 chunk at all");
}

#[test]
fn a_big_endian_rifx_file_is_read() {
    let mut file =
        b"RIFX\0\0\0\0WAVEfmt \0\0\0\x10\0\x01\0\x01\0\0\x3e\x80\0\0\x7d\0\0\x02\0\x10data".to_vec();
    let sound: Vec<u8> = voice().iter().flat_map(|sample| sample.to_be_bytes()).collect();
    file.extend((sound.len() as u32).to_be_bytes());
    file.extend(sound);
    let DecodedFile { rate, samples, warnings } = read(&file);
    assert!(rate == SampleRate(16_000) && samples == floats(&voice()) && warnings.is_empty());
}

#[test]
fn a_chunk_of_odd_length_may_lack_its_padding() {
    let unpadded = chunk(b"LIST", b"INFOodd");
    for (padding, warned) in [(&b"\0"[..], false), (b" ", false), (b"x", false), (b"", true)] {
        for next in [Vec::new(), chunk(b"LIST", b"even"), chunk(b"zzzz", b"even")] {
            // A nonzero padding byte is recognized only if the next chunk id is known.
            if matches!(padding, b" " | b"x") && next.starts_with(b"zzzz") {
                continue;
            }
            let before = [&unpadded, padding, &next].concat();
            let file = WavFile { before, ..WavFile::new(16, 1, pcm16(&voice())) };
            let DecodedFile { samples, warnings, .. } = read(&file.bytes());
            assert!(samples == floats(&voice()), "padding {padding:?}");
            assert_eq!(warnings.len(), usize::from(warned), "padding {padding:?}: {warnings:?}");
        }
    }
}

#[test]
fn header_values_never_determine_memory_allocation() {
    // Without a limit the first would need 4 GB before it fails, and the second 64 GB per second.
    let format = b"RIFF\0\0\0\0WAVEfmt \xf0\xff\xff\xff\x01\0\x01\0".to_vec();
    assert!(AudioReader::new(&format[..]).is_err());
    let wide = WavFile { channels: u16::MAX, rate: u32::MAX, ..WavFile::new(32, 1, vec![0; 64]) };
    assert!(AudioReader::new(&wide.bytes()[..]).is_err());
    let widest = WavFile { rate: *RATES.end(), ..WavFile::new(32, MAX_CHANNELS, vec![1; 1 << 20]) };
    let mut reader = AudioReader::new(Cursor::new(widest.bytes())).unwrap();
    let mut samples = Vec::new();
    assert!(reader.read(&mut samples).unwrap() > 0);
    assert!(reader.bytes.capacity() <= 4 * READ_BYTES, "{}", reader.bytes.capacity());
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(
        bytes: Vec<u8>, tag in 0_u16..8, bits in 0_u16..72, channels in 0_u16..9, block: u16, valid: u16,
    ) {
        let _ = read_clip(&bytes[..]);
        let file = WavFile { tag, block, length: Some(7), ..WavFile::new(bits, channels, bytes) };
        for file in [file.clone(), file.extensible(valid)] {
            for length in [None, Some(0), Some(u32::MAX - 1)] {
                if let Ok((_, samples)) = read_clip(&WavFile { length, ..file.clone() }.bytes()[..]) {
                    prop_assert!(samples.iter().all(|sample| sample.abs() <= 1.001));
                }
            }
        }
    }
}
