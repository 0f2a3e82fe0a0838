//! Tests of the WAV writer.

use super::*;
use crate::dsp::audio_file::read_clip;
use crate::dsp::resample::to_float;

#[test]
fn a_file_is_valid_before_it_is_finished() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out.wav");
    let mut writer = WavWriter::new(std::fs::File::create(&path).unwrap(), SampleRate(24_000)).unwrap();
    assert_eq!(hound::WavReader::open(&path).unwrap().len(), 0);
    for _ in 0..250 {
        writer.write(&[1_000; 100]).unwrap();
    }
    assert!(hound::WavReader::open(&path).unwrap().len() >= 24_000);
    writer.finish().unwrap();
    let (rate, samples) = read_clip(std::fs::File::open(&path).unwrap()).unwrap();
    assert_eq!((rate, samples), (SampleRate(24_000), vec![to_float(1_000); 25_000]));
}

#[test]
fn a_file_beyond_the_header_limit_is_not_written() {
    let mut file = std::io::Cursor::new(Vec::new());
    let mut writer = WavWriter::stereo(&mut file, SampleRate(24_000)).unwrap();
    writer.room = 1_000;
    writer.write(&[7; 600]).unwrap();
    assert!(matches!(writer.write(&[7; 600]), Err(WavError::Full)));
    writer.finish().unwrap();
    let reader = hound::WavReader::new(&file.get_ref()[..]).unwrap();
    assert_eq!((reader.len(), reader.spec().channels, reader.duration()), (600, 2, 300));
    assert!(MOST_BYTES + 100 < u64::from(u32::MAX), "with its header");
}
