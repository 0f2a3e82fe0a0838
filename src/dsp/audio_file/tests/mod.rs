//! Tests of the WAV and AU readers.

mod au;
mod layout;
mod raw;
mod refusals;
mod wav;

use std::io::Cursor;

use super::*;
use crate::dsp::resample::to_float;

/// A WAV file with parts that a test can corrupt.
#[derive(Clone)]
struct WavFile {
    riff: &'static [u8; 4],
    tag: u16,
    channels: u16,
    rate: u32,
    block: u16,
    bits: u16,
    /// What follows wBitsPerSample in the format chunk.
    extension: Vec<u8>,
    /// Raw chunks between the format and the audio.
    before: Vec<u8>,
    /// Length of the data chunk; the true one unless set.
    length: Option<u32>,
    sound: Vec<u8>,
    /// Raw chunks after the audio.
    after: Vec<u8>,
}

impl WavFile {
    fn new(bits: u16, channels: u16, sound: Vec<u8>) -> Self {
        Self {
            riff: b"RIFF",
            tag: 1,
            channels,
            rate: 16_000,
            block: bits / 8 * channels,
            bits,
            extension: Vec::new(),
            before: Vec::new(),
            length: None,
            sound,
            after: Vec::new(),
        }
    }

    /// Makes it WAVE_FORMAT_EXTENSIBLE PCM with these valid bits.
    fn extensible(mut self, valid_bits: u16) -> Self {
        self.tag = 0xfffe;
        self.extension = [22, valid_bits, 0x3f, 0, 1].map(u16::to_le_bytes).concat();
        self.extension.extend(b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71");
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = [&self.riff[..], b"\xff\xff\xff\xffWAVE"].concat();
        let mut format = [self.tag, self.channels].map(u16::to_le_bytes).concat();
        format.extend(self.rate.to_le_bytes());
        format.extend((self.rate.wrapping_mul(self.block.into())).to_le_bytes());
        format.extend([self.block, self.bits].map(u16::to_le_bytes).concat());
        format.extend(&self.extension);
        bytes.extend(chunk(b"fmt ", &format));
        bytes.extend(&self.before);
        let length = self.length.unwrap_or(self.sound.len() as u32);
        bytes.extend([&b"data"[..], &length.to_le_bytes(), &self.sound, &self.after].concat());
        bytes
    }
}

fn chunk(id: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [&id[..], &(content.len() as u32).to_le_bytes(), content].concat()
}

/// Simulated speech: a second that swells and fades, after 10 ms of silence.
fn voice() -> Vec<i16> {
    let sample = |n: usize| {
        let seconds = n as f64 / 16_000.0;
        let level = (std::f64::consts::PI * seconds).sin().abs() * 12_000.0;
        ((seconds * 440.0 * std::f64::consts::TAU).sin() * level) as i16
    };
    std::iter::repeat_n(0, 160).chain((0..16_000).map(sample)).collect()
}

fn pcm16(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

fn floats(samples: &[i16]) -> Vec<f32> {
    samples.iter().copied().map(to_float).collect()
}

/// A source that delivers a few bytes at a time, like a pipe.
struct SlowSource<'a>(&'a [u8]);

impl Read for SlowSource<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(7);
        self.0.read(&mut buffer[..length])
    }
}

/// Samples read, and the warnings.
struct DecodedFile {
    rate: SampleRate,
    samples: Vec<f32>,
    warnings: Vec<String>,
}

/// Reads a file at once, in pieces, and with its length known; all results must be equal.
fn read(bytes: &[u8]) -> DecodedFile {
    let file = read_all(AudioReader::new(bytes).unwrap(), Some(bytes.len() as u64));
    let pipe = read_all(AudioReader::or_raw(SlowSource(bytes)).unwrap(), None);
    assert!(file.samples == pipe.samples && file.rate == pipe.rate, "a file and a pipe sound the same");
    assert_eq!(file.warnings.len(), pipe.warnings.len());
    file
}

fn read_all<R: Read>(mut reader: AudioReader<R>, length: Option<u64>) -> DecodedFile {
    if let Some(length) = length {
        reader.expect_length(length);
    }
    let (mut samples, mut warnings) = (Vec::new(), Vec::new());
    loop {
        warnings.extend(reader.take_warning());
        if reader.read(&mut samples).unwrap() == 0 {
            warnings.extend(reader.take_warning());
            return DecodedFile { rate: reader.rate(), samples, warnings };
        }
    }
}

/// Level in dBFS: 0 for a full-scale square wave.
fn level(samples: &[f32]) -> f64 {
    let sum: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    10.0 * (sum / samples.len() as f64).log10()
}

/// Writes a ramp per channel with the independent `hound`.
fn hound_file(bits: u16, sample_format: hound::SampleFormat, channels: u16) -> Vec<u8> {
    let spec = hound::WavSpec { channels, sample_rate: 11_025, bits_per_sample: bits, sample_format };
    let mut file = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut file, spec).unwrap();
    for n in 0..5_000 {
        for _ in 0..channels {
            match sample_format {
                hound::SampleFormat::Float => writer.write_sample(ramp(n)).unwrap(),
                hound::SampleFormat::Int => {
                    let scale = 2_f64.powi(i32::from(bits) - 1);
                    writer.write_sample((f64::from(ramp(n)) * scale) as i32).unwrap();
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
