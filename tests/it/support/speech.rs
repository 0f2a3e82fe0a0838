//! Speech for tests: the recording that comes with the project, whole, in parts, in other formats.

use std::path::{Path, PathBuf};

use super::signal::Sound;

/// Returns the path of the recording: 3.6 s of 24 kHz, in which 2.5 s are spoken.
pub(crate) fn hello_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/hello.wav")
}

/// Returns the recording.
pub(crate) fn hello() -> Sound {
    Sound::read(&hello_path())
}

/// Returns its first words: 1.2 s.
pub(crate) fn short() -> Sound {
    hello().between(0..1_200)
}

/// Returns the recording twice, with enough silence between for the first answer to begin.
pub(crate) fn hello_over_the_answer() -> Sound {
    let hello = hello();
    let silence = vec![0.0; hello.rate * 22 / 10];
    Sound { samples: [hello.samples.clone(), silence, hello.samples].concat(), rate: hello.rate }
}

/// Returns the samples as raw 16-bit sound, as pipes have it.
pub(crate) fn raw(sound: &Sound) -> Vec<u8> {
    sound.samples.iter().flat_map(|sample| to_int(*sample, 16).to_le_bytes()[..2].to_vec()).collect()
}

/// Writes a WAV file, the same sound in each channel.
pub(crate) fn write(path: &Path, sound: &Sound, spec: hound::WavSpec) {
    let mut writer = hound::WavWriter::create(path, spec).expect("the temporary folder takes files");
    for sample in &sound.samples {
        for _ in 0..spec.channels {
            let written = match spec.sample_format {
                hound::SampleFormat::Float => writer.write_sample(*sample),
                hound::SampleFormat::Int => writer.write_sample(to_int(*sample, spec.bits_per_sample)),
            };
            written.expect("the file takes samples");
        }
    }
    writer.finalize().expect("the file takes its length");
}

/// Writes a WAV file of 16 bits, mono.
pub(crate) fn write_plain(path: &Path, sound: &Sound) {
    let sample_rate = u32::try_from(sound.rate).expect("a rate is small");
    let sample_format = hound::SampleFormat::Int;
    write(path, sound, hound::WavSpec { channels: 1, sample_rate, bits_per_sample: 16, sample_format });
}

#[expect(clippy::cast_possible_truncation, reason = "samples are within full scale")]
fn to_int(sample: f32, bits: u16) -> i32 {
    let scale = 2_f64.powi(i32::from(bits) - 1);
    (f64::from(sample) * scale).clamp(-scale, scale - 1.0) as i32
}

#[test]
fn speech_in_any_form_is_the_same_speech() {
    let hello = hello();
    assert_eq!(raw(&hello).len(), hello.samples.len() * 2);
    let folder = tempfile::tempdir().expect("the temporary folder takes files");
    let path = folder.path().join("again.wav");
    write_plain(&path, &hello);
    assert_eq!(Sound::read(&path), hello);
}
