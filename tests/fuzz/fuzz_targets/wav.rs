//! Reads arbitrary bytes as a file, a pipe, a WAV file and an AU file.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rtvoice::dsp::audio_file::AudioReader;
use rtvoice::dsp::frame::Rate;
use rtvoice::dsp::resample::Resampler;

/// The longest beginning of a sound that is resampled.
const RESAMPLED: usize = 1_000;

fuzz_target!(|bytes: &[u8]| {
    read(bytes);
    for head in [&b"RIFF\0\0\0\0WAVEfmt "[..], b"RF64\0\0\0\0WAVE", b".snd\0\0\0\x18"] {
        read(&[head, bytes].concat());
    }
});

fn read(bytes: &[u8]) {
    let file = AudioReader::new(bytes);
    let Ok(pipe) = AudioReader::or_raw(bytes) else {
        assert!(file.is_err(), "what a file holds can be piped");
        return;
    };
    let rate = pipe.rate();
    let samples = read_all(pipe, None);
    assert!(samples.len() <= bytes.len());
    assert!(samples.iter().all(|sample| sample.abs() <= 1.001), "a sample is beyond full scale");
    if let Ok(file) = file {
        assert_eq!(read_all(file, Some(bytes.len() as u64)).len(), samples.len());
    }
    let mut resampled = Vec::new();
    Resampler::new(rate, Rate::WIRE).process(&samples[..samples.len().min(RESAMPLED)], &mut resampled);
}

fn read_all(mut reader: AudioReader<&[u8]>, length: Option<u64>) -> Vec<f32> {
    if let Some(length) = length {
        reader.expect_length(length);
    }
    let (mut samples, mut warnings) = (Vec::new(), 0);
    loop {
        let read = reader.read(&mut samples).expect("memory can be read");
        warnings += usize::from(reader.take_warning().is_some());
        if read == 0 {
            assert!(warnings <= 1, "there is one warning");
            return samples;
        }
    }
}
