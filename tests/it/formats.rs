//! WAV files of every kind: what can be decoded is heard, what cannot be says so.

use std::path::Path;
use std::thread;

use hound::SampleFormat::{Float, Int};
use hound::{SampleFormat, WavSpec};

use crate::support::program::Program;
use crate::support::signal::Sound;
use crate::support::speech;

/// Bits, format, channels, rate.
const HEARD: [(u16, SampleFormat, u16, u32); 8] = [
    (8, Int, 1, 24_000),
    (24, Int, 2, 48_000),
    (32, Int, 1, 16_000),
    (32, Float, 1, 44_100),
    (16, Int, 5, 24_000),
    (16, Int, 1, 11_025),
    (16, Int, 1, 8_000),
    (24, Int, 1, 192_000),
];

#[test]
fn speech_is_found_in_every_format() {
    let hello = speech::hello();
    thread::scope(|scope| {
        let heard = HEARD
            .map(|format| (format, &hello))
            .map(|(format, hello)| scope.spawn(move || heard_as(format, hello)));
        let said = heard.map(|caption| caption.join().expect("a run does not panic"));
        for (format, caption) in HEARD.iter().zip(said) {
            // What an encoding or a filter does to the sound may move the end of speech by a window.
            let seconds =
                ["[speech 2.5 s, ", "[speech 2.6 s, "].iter().find_map(|start| caption.strip_prefix(start));
            assert!(
                seconds.is_some_and(|rest| ["-20 dBFS]\n", "-21 dBFS]\n"].contains(&rest)),
                "{format:?}: {caption}"
            );
        }
    });
}

fn heard_as(
    (bits_per_sample, sample_format, channels, sample_rate): (u16, SampleFormat, u16, u32),
    speech: &Sound,
) -> String {
    let program = Program::rtvoice("transcribe --demo odd.wav");
    let at_rate = speech.at_rate(usize::try_from(sample_rate).expect("a rate is small"));
    let spec = WavSpec { channels, sample_rate, bits_per_sample, sample_format };
    speech::write(&program.file("odd.wav"), &at_rate, spec);
    program.run().expect_code(0).text()
}

#[test]
fn what_cannot_be_decoded_says_so() {
    let cases: [(&str, Vec<u8>, &str); 8] = [
        ("text.wav", b"words about sound, and no sound at all".to_vec(), "this is not a WAV file"),
        ("empty.wav", Vec::new(), "this is not a WAV file"),
        ("header.wav", wav(1, 16, &[]), "the WAV file is empty"),
        ("cut.wav", wav(1, 16, &[0; 100])[..60].to_vec(), "it ends in the middle of the sound"),
        ("mp3.wav", wav(0x55, 0, &[0; 100]), "holds MPEG audio, which cannot be decoded"),
        ("adpcm.wav", wav(2, 4, &[0; 100]), "holds Microsoft ADPCM, which cannot be decoded"),
        ("odd.wav", wav(0x1234, 16, &[0; 100]), "holds an unknown encoding (format tag 0x1234)"),
        ("wide.wav", wav(1, 64, &[0; 100]), "holds PCM of 64 bits, which cannot be decoded"),
    ];
    for (name, bytes, says) in cases {
        let talk =
            Program::rtvoice("talk --demo --output answer.wav --trace trace.jsonl --json --input").arg(name);
        let transcribe = Program::rtvoice("transcribe --demo --trace trace.jsonl").arg(name);
        for program in [talk, transcribe] {
            std::fs::write(program.file(name), &bytes).expect("the temporary folder takes files");
            let outcome = program.run().expect_code(4);
            let lines: Vec<&str> = outcome.stderr.lines().collect();
            let expected = format!("rtvoice: cannot use {name} as input: ");
            assert!(lines[0].starts_with(&expected) && lines[0].contains(says), "{name}: {lines:?}");
            assert!(lines.len() == 2 && lines[1].starts_with("hint: convert it"), "{name}: {lines:?}");
            for unwritten in ["answer.wav", "trace.jsonl"] {
                assert!(!outcome.home.path().join(unwritten).exists(), "{name}: {unwritten} was left");
            }
        }
    }
}

#[test]
fn a_pipe_without_sound_ends_the_call_and_is_told_in_one_sentence() {
    for (bytes, says) in [
        (&b""[..], "standard input holds no sound"),
        (&wav(1, 16, &[]), "standard input holds no sound"),
        (b"RIFF\0\0\0\0junk", "standard input: this is not a WAV file"),
    ] {
        for args in ["talk --demo --output answer.wav --input - --json", "transcribe --demo - --json"] {
            let outcome = Program::rtvoice(args).stdin(bytes).run().expect_code(4);
            let expected =
                format!("rtvoice: {says}\nhint: pipe sound into it: raw 16-bit mono of 24 kHz, or WAV\n");
            assert_eq!(outcome.stderr, expected, "{args}");
            let end = outcome.json_lines().pop().expect("the end is told");
            assert_eq!((&end["reason"], &end["message"]), (&"no_input".into(), &says.into()), "{args}");
            assert!(!outcome.home.path().join("answer.wav").exists(), "{args}: a file was left");
        }
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    for args in ["talk --demo --output null --input missing.wav", "transcribe --demo missing.wav"] {
        let outcome = Program::rtvoice(args).run().expect_code(4);
        let said = "rtvoice: cannot read missing.wav: No such file or directory";
        assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
    }
}

#[test]
fn a_file_is_not_overwritten_by_the_answer_to_it() {
    let program = Program::rtvoice("talk --demo --input a.wav --output a.wav");
    let path = program.file("a.wav");
    speech::write_plain(&path, &speech::short());
    let outcome = program.run().expect_code(2);
    let said = "rtvoice: --input and --output are the same file: a.wav\nhint: give each a file of its own\n";
    assert_eq!(outcome.stderr, said);
    assert_eq!(Sound::read(Path::new(&path)), speech::short());
}

/// Returns a WAV file of one channel with a format tag, bits a sample, and its sound.
fn wav(tag: u16, bits: u16, sound: &[u8]) -> Vec<u8> {
    let length = |bytes: usize| u32::try_from(bytes).expect("a small file").to_le_bytes();
    let block = (bits / 8).max(1);
    let rate = 24_000_u32;
    let mut file = [&b"RIFF"[..], &length(36 + sound.len()), b"WAVEfmt ", &length(16)].concat();
    for word in [tag, 1] {
        file.extend(word.to_le_bytes());
    }
    file.extend(rate.to_le_bytes());
    file.extend((rate * u32::from(block)).to_le_bytes());
    for word in [block, bits] {
        file.extend(word.to_le_bytes());
    }
    [&file, &b"data"[..], &length(sound.len()), sound].concat()
}
