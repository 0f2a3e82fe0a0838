//! Tests of sample layouts: nBlockAlign, padding bits, channels.

use super::*;

#[test]
fn bits_and_channels_decide_where_the_block_alignment_is_wrong() {
    let mono = pcm16(&voice());
    let stereo: Vec<u8> = voice().iter().flat_map(|sample| pcm16(&[*sample; 2])).collect();
    for block in [0, 1, 3, 4, 8, u16::MAX] {
        for (channels, sound) in [(1, &mono), (2, &stereo)] {
            let file = WavFile { block, ..WavFile::new(16, channels, sound.clone()) };
            let DecodedFile { samples, warnings, .. } = read(&file.bytes());
            assert!(samples == floats(&voice()), "block {block}, {channels} channels");
            let warned = usize::from(block != 2 * channels);
            assert_eq!(warnings.len(), warned, "block {block}, {channels} channels: {warnings:?}");
            assert!(warnings.iter().all(|warning| warning.contains("nBlockAlign")), "{warnings:?}");
        }
    }
}

#[test]
fn bits_that_are_missing_are_found_by_the_block_alignment() {
    let file = WavFile { bits: 0, ..WavFile::new(16, 1, pcm16(&voice())) };
    assert!(read(&file.bytes()).samples == floats(&voice()));
}

/// 24 bits in 32 on one side: `shift` bits above the bottom.
fn in_32_bits(samples: impl Iterator<Item = i32>, shift: u32) -> Vec<u8> {
    samples.flat_map(|sample| (sample << shift).to_le_bytes()).collect()
}

/// Samples that use all 24 bits, or only 16 of them after a conversion.
fn in_24_bits(is_full: bool) -> impl Iterator<Item = i32> {
    let noise = move |n: usize| if is_full { (n * 97 % 256) as i32 } else { 0 };
    voice().into_iter().enumerate().map(move |(n, sample)| i32::from(sample) << 8 | noise(n))
}

#[test]
fn twenty_four_bits_in_thirty_two_are_found_on_either_side() {
    for (shift, side) in [(8, "left"), (0, "right")] {
        for is_full in [true, false] {
            let sound = in_32_bits(in_24_bits(is_full), shift);
            // WAVE_FORMAT_EXTENSIBLE as it should be, with 24 bits in wBitsPerSample, and without an extension.
            let proper = WavFile::new(32, 1, sound.clone()).extensible(24);
            let confused = WavFile { block: 4, ..WavFile::new(24, 1, sound.clone()).extensible(24) };
            let plain = WavFile { block: 4, ..WavFile::new(24, 1, sound.clone()) };
            for (n, file) in [proper, confused, plain].into_iter().enumerate() {
                let DecodedFile { samples, .. } = read(&file.bytes());
                let name = format!("file {n}, {side}-justified, all bits used: {is_full}");
                assert_eq!(samples.len(), voice().len(), "{name}");
                let error =
                    samples.iter().zip(floats(&voice())).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(error <= 1.0 / 32_768.0, "{name}: off by {error}");
            }
        }
    }
}

#[test]
fn twenty_four_packed_bits_are_found_where_the_block_alignment_says_thirty_two() {
    let sound: Vec<u8> =
        in_24_bits(true).flat_map(|sample| sample.to_le_bytes().into_iter().take(3)).collect();
    let file = WavFile { block: 4, ..WavFile::new(24, 1, sound) };
    let DecodedFile { samples, warnings, .. } = read(&file.bytes());
    assert!(samples.len() == voice().len() && warnings.len() == 1, "{} {warnings:?}", samples.len());
    assert!((level(&samples) - level(&floats(&voice()))).abs() < 0.01);
}

#[test]
fn thirty_two_bits_that_are_called_twenty_four_are_read_in_full() {
    let sound: Vec<u8> = in_24_bits(true).flat_map(|sample| (sample << 8 | 0x5a).to_le_bytes()).collect();
    let DecodedFile { samples, warnings, .. } = read(&WavFile::new(32, 1, sound).extensible(24).bytes());
    assert!(samples.len() == voice().len() && warnings.is_empty(), "{} {warnings:?}", samples.len());
    assert!((level(&samples) - level(&floats(&voice()))).abs() < 0.01);
}

#[test]
fn a_quiet_room_before_the_speech_does_not_make_a_file_right_justified() {
    // 3 s of noise at -54 dBFS, left-justified: read as right-justified it would be -6 dBFS.
    let noise = (0..48_000).map(|n: i32| (n * 7_919 % 129 - 64) << 8);
    let sound = in_32_bits(noise.chain(in_24_bits(true)), 8);
    let file = WavFile::new(32, 1, sound).extensible(24).bytes();
    let mut reader = AudioReader::new(&file[..]).unwrap();
    assert!(reader.is_alignment_open());
    reader.set_alignment(AudioReader::new(&file[..]).unwrap().scan_alignment(u64::MAX).unwrap());
    let DecodedFile { samples, .. } = read_all(reader, None);
    assert!(level(&samples[..48_000]) < -50.0, "{}", level(&samples[..48_000]));
}

#[test]
fn an_extensible_file_without_its_extension_is_pcm() {
    let file = WavFile { tag: 0xfffe, extension: vec![0, 0], ..WavFile::new(16, 1, pcm16(&voice())) };
    assert!(read(&file.bytes()).samples == floats(&voice()));
}

fn channels(count: u16, layout: impl Fn(i16) -> Vec<i16>) -> DecodedFile {
    let sound = voice().into_iter().flat_map(|sample| pcm16(&layout(sample))).collect();
    read(&WavFile::new(16, count, sound).bytes())
}

#[test]
fn a_voice_in_one_of_six_channels_keeps_its_level() {
    for place in 0..6 {
        let mixed = channels(6, |sample| (0..6).map(|n| if n == place { sample } else { 0 }).collect());
        assert!(mixed.samples == floats(&voice()), "channel {place}");
    }
}

#[test]
fn channels_that_cancel_each_other_keep_their_level() {
    type Layout = (u16, fn(i16) -> Vec<i16>);
    let layouts: [Layout; 3] = [
        (2, |sample| vec![sample, -sample]),
        (2, |sample| vec![-sample / 2, sample]),
        (4, |sample| vec![0, sample, 0, -sample]),
    ];
    for (n, (count, layout)) in layouts.into_iter().enumerate() {
        let (mixed, alone) = (level(&channels(count, layout).samples), level(&floats(&voice())));
        assert!((mixed - alone).abs() < 0.5, "layout {n}: {mixed:.1} dBFS, alone {alone:.1} dBFS");
    }
}
