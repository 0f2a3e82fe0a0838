//! The same half second, 0.3 s of a tone between 0.1 s of silence, in each container.

use std::io::{Cursor, Read};

use symphonia::core::io::ReadOnlySource;

use crate::dsp::frame::SampleRate;
use crate::dsp::media_file::{MediaError, MediaReader, TrackSelection};

const MP3: &[u8] = include_bytes!("tests/tone.mp3");
const M4A: &[u8] = include_bytes!("tests/tone.m4a");
const FLAC: &[u8] = include_bytes!("tests/tone.flac");

fn open(file: &'static [u8]) -> Result<MediaReader, MediaError> {
    MediaReader::new(Box::new(Cursor::new(file)), TrackSelection::default())
}

fn read(mut reader: MediaReader) -> (SampleRate, Vec<f32>, Option<String>) {
    let mut samples = Vec::new();
    while reader.read(&mut samples).expect("it can be decoded") > 0 {}
    (reader.rate(), samples, reader.take_warning())
}

/// Checks length and onset in seconds, both within `tolerance`, and the level.
fn check(name: &str, (rate, samples, warning): (SampleRate, Vec<f32>, Option<String>), tolerance: f64) {
    let seconds = |samples: usize| samples as f64 / f64::from(rate.0);
    let length = seconds(samples.len());
    let onset = seconds(samples.iter().position(|sample| sample.abs() > 0.1).unwrap_or(0));
    let peak = samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    assert!((length - 0.5).abs() <= tolerance, "{name}: lasts {length} s");
    assert!((onset - 0.1).abs() <= tolerance, "{name}: begins at {onset} s");
    assert!((0.4..1.0).contains(&peak), "{name}: peak {peak}");
    assert_eq!(warning, None, "{name}");
}

#[test]
fn lossless_and_vorbis_files_are_exact_in_time() {
    let files: [(&str, &[u8]); 6] = [
        ("FLAC", FLAC),
        ("ALAC", include_bytes!("tests/alac.m4a")),
        ("AIFF", include_bytes!("tests/tone.aiff")),
        ("CAF", include_bytes!("tests/tone.caf")),
        ("Ogg Vorbis", include_bytes!("tests/tone.ogg")),
        ("Opus in Ogg", include_bytes!("tests/opus.ogg")),
    ];
    for (name, file) in files {
        check(name, read(open(file).expect(name)), 0.002);
    }
}

#[test]
fn lossy_files_are_late_by_the_delay_of_the_encoder_at_most() {
    let files: [(&str, &[u8]); 7] = [
        ("MP3", MP3),
        ("MP2", include_bytes!("tests/tone.mp2")),
        ("M4A", M4A),
        ("ADTS", include_bytes!("tests/tone.aac")),
        ("Matroska", include_bytes!("tests/tone.mkv")),
        ("WebM", include_bytes!("tests/tone.webm")),
        // Its padding at the end is played.
        ("Opus in WebM", include_bytes!("tests/opus.webm")),
    ];
    for (name, file) in files {
        check(name, read(open(file).expect(name)), 0.09);
    }
}

/// A source that gives few bytes at a time and cannot seek.
struct Trickle(&'static [u8]);

impl Read for Trickle {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = buffer.len().min(97);
        self.0.read(&mut buffer[..count])
    }
}

#[test]
fn a_pipe_gives_what_the_file_gives() {
    for file in [MP3, FLAC] {
        let source = ReadOnlySource::new(Trickle(file));
        let piped = MediaReader::new(Box::new(source), TrackSelection::default()).expect("it can be decoded");
        assert_eq!(read(piped), read(open(file).expect("it can be decoded")));
    }
}

#[test]
fn a_codec_without_a_decoder_is_named() {
    let files: [(&[u8], &str); 2] = [
        (include_bytes!("tests/ac3.mkv"), "Dolby Digital"),
        (include_bytes!("tests/surround.opus"), "Opus with more than two channels"),
    ];
    for (file, name) in files {
        let error = open(file).err().expect("there is no decoder");
        assert!(matches!(error, MediaError::Codec(codec) if codec == name), "{error:?}");
    }
}

#[test]
fn opus_gives_the_samples_that_the_reference_decoder_gives() {
    let files: [(&str, &'static [u8], &'static [u8]); 4] = [
        ("SILK, 60 ms", include_bytes!("tests/opus/silk.opus"), include_bytes!("tests/opus/silk.flac")),
        (
            "hybrid, stereo",
            include_bytes!("tests/opus/hybrid.opus"),
            include_bytes!("tests/opus/hybrid.flac"),
        ),
        ("CELT, 20 ms", include_bytes!("tests/opus/celt.opus"), include_bytes!("tests/opus/celt.flac")),
        ("CELT, 2.5 ms", include_bytes!("tests/opus/short.opus"), include_bytes!("tests/opus/short.flac")),
    ];
    for (name, opus, reference) in files {
        let (rate, decoded, _) = read(open(opus).expect(name));
        let (expected_rate, expected, _) = read(open(reference).expect(name));
        assert_eq!((rate, decoded.len()), (expected_rate, expected.len()), "{name}: pre-skip and padding");
        let power = |samples: &mut dyn Iterator<Item = f32>| -> f64 {
            samples.map(|sample| f64::from(sample).powi(2)).sum()
        };
        let signal = power(&mut expected.iter().copied());
        let error = power(&mut decoded.iter().zip(&expected).map(|(one, other)| one - other));
        let decibels = 10.0 * (signal / error.max(1e-12)).log10();
        assert!(decibels > 60.0, "{name}: {decibels:.1} dB");
    }
}

#[test]
fn what_is_no_media_file_is_refused() {
    let files: [&'static [u8]; 4] = [b"", b"hello", b"fLaC", &[0x55; 100_000]];
    for file in files {
        assert!(open(file).is_err());
    }
}

#[test]
fn a_file_that_is_cut_off_anywhere_gives_what_it_has() {
    for file in [MP3, M4A, FLAC, include_bytes!("tests/tone.ogg"), include_bytes!("tests/tone.mkv")] {
        let (_, whole, _) = read(open(file).expect("the whole file can be decoded"));
        for length in (0..file.len()).step_by(41) {
            let cut: &'static [u8] = &file[..length];
            if let Ok(reader) = open(cut) {
                let (_, samples, _) = read(reader);
                assert!(samples.len() <= whole.len() + 4_096, "{length}: {}", samples.len());
            }
        }
    }
}

#[test]
fn damage_within_a_file_is_survived_and_reported() {
    let mut file = MP3.to_vec();
    let middle = file.len() / 2;
    file[middle..middle + 150].fill(0x55);
    let reader =
        MediaReader::new(Box::new(Cursor::new(file)), TrackSelection::default()).expect("it begins well");
    let (rate, samples, _) = read(reader);
    let seconds = samples.len() as f64 / f64::from(rate.0);
    assert!((0.3..0.7).contains(&seconds), "{seconds} s");
}

#[test]
fn any_bytes_are_read_without_a_panic() {
    let mut state = 1_u32;
    let opus = include_bytes!("tests/opus.ogg");
    for file in [MP3, M4A, FLAC, include_bytes!("tests/tone.ogg"), include_bytes!("tests/tone.mkv"), opus] {
        for _ in 0..40 {
            let mut broken = file.to_vec();
            for _ in 0..20 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = state as usize % broken.len();
                broken[at] = (state >> 24) as u8;
            }
            let opened = MediaReader::new(Box::new(Cursor::new(broken)), TrackSelection::default());
            let Ok(mut reader) = opened else { continue };
            let mut samples = Vec::new();
            while samples.len() < 10_000_000 && reader.read(&mut samples).is_ok_and(|count| count > 0) {}
        }
    }
}

#[test]
fn a_track_or_channel_that_is_not_there_is_refused() {
    let open = |track, channel| {
        let opened =
            MediaReader::new(Box::new(Cursor::new(FLAC)), TrackSelection { track, channel, raw: None });
        opened.err().map(|error| error.to_string())
    };
    assert_eq!(open(Some(1), Some(1)), None);
    assert_eq!(open(Some(2), None).as_deref(), Some("the file has no audio track 2: it has 1"));
    assert_eq!(open(Some(0), None).as_deref(), Some("the file has no audio track 0: it has 1"));
    assert_eq!(open(None, Some(2)).as_deref(), Some("the file has no channel 2: it has 1"));
}
