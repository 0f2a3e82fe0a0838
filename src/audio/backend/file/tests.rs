//! Tests of files and pipes as inputs.

use std::io::Cursor;

use super::*;
use crate::dsp::codec::Codec;
use crate::dsp::resample::to_float;
use crate::dsp::wav::WavWriter;

fn write(path: &Path, rate: SampleRate, samples: &[i16]) {
    let mut writer = WavWriter::new(File::create(path).unwrap(), rate).unwrap();
    writer.write(samples).unwrap();
    writer.finish().unwrap();
}

fn wav(rate: SampleRate, samples: &[i16]) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    let mut writer = WavWriter::new(&mut file, rate).unwrap();
    writer.write(samples).unwrap();
    writer.finish().unwrap();
    file.into_inner()
}

fn pipe(source: impl Read + Send + Sync + 'static) -> SampleSource {
    SampleSource::pipe(source, "standard input".to_owned(), TrackSelection::default()).unwrap()
}

/// The result of an input.
struct FileOutcome {
    samples: Vec<f32>,
    warnings: Vec<String>,
    end: ReadStatus,
}

/// Reads to the end, and waits for the reader's thread.
fn read_all(feed: &mut SampleSource) -> FileOutcome {
    let (mut samples, mut warnings) = (Vec::new(), Vec::new());
    loop {
        match feed.read(77, &mut samples) {
            ReadStatus::More => {}
            ReadStatus::Late | ReadStatus::NotStarted => thread::yield_now(),
            ReadStatus::Warning(warning) => warnings.push(warning),
            end @ (ReadStatus::Ended | ReadStatus::Broken(_) | ReadStatus::Nothing(_)) => {
                return FileOutcome { samples, warnings, end };
            }
        }
    }
}

fn ramp() -> Vec<i16> {
    (0..10_000).map(|n| n * 3 - 15_000).collect()
}

fn floats() -> Vec<f32> {
    ramp().into_iter().map(to_float).collect()
}

/// Asserts that the whole ramp arrived without faults.
fn assert_whole(feed: &mut SampleSource) {
    let FileOutcome { samples, warnings, end } = read_all(feed);
    assert!(samples == floats() && warnings.is_empty() && end == ReadStatus::Ended, "{warnings:?} {end:?}");
}

#[test]
fn a_file_is_read_completely_and_silence_follows() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ramp.wav");
    write(&path, SampleRate(11_025), &ramp());
    let mut feed = SampleSource::open(&path, TrackSelection::default()).unwrap();
    assert_eq!(feed.rate(), SampleRate(11_025));
    assert_whole(&mut feed);
    let mut silence = Vec::new();
    assert_eq!(feed.read(50, &mut silence), ReadStatus::More);
    assert_eq!((silence, feed.rate()), (vec![0.0; 50], SampleRate(11_025)));
}

#[test]
fn a_file_without_audio_is_refused_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    std::fs::write(path("text.wav"), "no sound, only words about sound").unwrap();
    std::fs::write(path("song.wav"), "fLaC\0\0\0\x22").unwrap();
    write(&path("empty.wav"), SampleRate(24_000), &[]);
    let cases = [
        ("text.wav", "this is text, not audio"),
        ("song.wav", "not in a supported format, or damaged"),
        ("empty.wav", "contains no audio"),
        ("missing.wav", "o such file"),
        ("", "directory"),
    ];
    for (name, words) in cases {
        let Err(error) = SampleSource::open(&path(name), TrackSelection::default()) else {
            panic!("{name} was taken")
        };
        let cause = std::error::Error::source(&error).expect("a cause").to_string();
        assert!(cause.contains(words), "{name}: {cause:?} should say {words:?}");
    }
}

#[test]
fn a_truncated_file_is_read_to_its_end_with_one_warning() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cut.wav");
    write(&path, SampleRate(24_000), &ramp());
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 4_800]).unwrap();
    let FileOutcome { samples, warnings, end } =
        read_all(&mut SampleSource::open(&path, TrackSelection::default()).unwrap());
    assert!(samples == floats()[..7_600] && end == ReadStatus::Ended, "{} {end:?}", samples.len());
    let warning = "shorter than its header says: 4800 bytes (0.1 s) missing";
    assert_eq!(warnings, [format!("warning: {}: {warning}", path.display())]);
}

#[test]
fn a_truncated_pipe_ends_with_one_warning() {
    let whole = wav(SampleRate(24_000), &ramp());
    let cut = whole[..whole.len() - 4_800].to_vec();
    let FileOutcome { samples, warnings, end } = read_all(&mut pipe(Cursor::new(cut)));
    assert!(samples == floats()[..7_600] && end == ReadStatus::Ended, "{} {end:?}", samples.len());
    assert_eq!(
        warnings,
        ["warning: standard input: shorter than its header says: 4800 bytes (0.1 s) missing"]
    );
}

#[test]
fn a_pipe_is_raw_pcm_or_wav() {
    assert_whole(&mut pipe(Cursor::new(Codec::Pcm16.encode(&ramp()))));
    assert_whole(&mut pipe(Cursor::new(wav(SampleRate(24_000), &ramp()))));
}

#[test]
fn a_pipe_at_another_rate_is_resampled_to_its_last_sample() {
    let FileOutcome { samples, .. } =
        read_all(&mut pipe(Cursor::new(wav(SampleRate(8_000), &[8_192; 8_000]))));
    assert!((24_000..24_400).contains(&samples.len()), "{}", samples.len());
    let sum: f32 = samples.iter().sum();
    assert!((sum / 6_000.0 - 1.0).abs() < 0.01, "a second at a quarter: {sum}");
}

#[test]
fn a_pipe_without_audio_is_refused_with_the_reason() {
    let convert = "convert it: ffmpeg -i FILE -f wav - | rtvoice transcribe -";
    let cases: [(&[u8], String); 6] = [
        (b"", "standard input contains no audio".into()),
        (b"x", "standard input contains no audio".into()),
        (
            b"RIFF\0\0\0\0junk",
            "standard input: this is a RIFF file of another kind than WAV, not audio".into(),
        ),
        (b"<html>", "standard input: this is HTML text, not audio".into()),
        (b"#!AMR\n", format!("standard input: AMR cannot be decoded; {convert}")),
        (
            b"OggS\0",
            "standard input: the file is not in a supported format, or damaged at its beginning".into(),
        ),
    ];
    for (bytes, words) in cases {
        let FileOutcome { samples, end, .. } = read_all(&mut pipe(Cursor::new(bytes)));
        assert!(samples.is_empty());
        assert_eq!(end, ReadStatus::Nothing(words));
    }
}

/// A source that fails after its bytes.
struct FailingSource(Cursor<Vec<u8>>);

impl Read for FailingSource {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::other("disk on fire")),
            read => Ok(read),
        }
    }
}

#[test]
fn a_failing_pipe_delivers_its_audio_and_the_reason() {
    let FileOutcome { samples, end, .. } =
        read_all(&mut pipe(FailingSource(Cursor::new(Codec::Pcm16.encode(&ramp())))));
    assert!(samples == floats());
    assert_eq!(end, ReadStatus::Broken("standard input: cannot read the file: disk on fire".to_owned()));
}
