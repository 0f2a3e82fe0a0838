//! Inputs of captions: audio without a header, and what cannot be captioned.

use std::fs;

use crate::support::program::{Outcome, Program};
use crate::support::server::Server;
use crate::support::speech;

/// What the demo makes of the recording.
const HELLO: &str = "[speech 2.5 s, -20 dBFS]";

fn demo(args: &str) -> Program {
    Program::rtvoice(&format!("transcribe --demo {args}"))
}

#[test]
fn audio_without_a_header_is_described_by_flags() {
    let raw = speech::raw(&speech::hello());
    let outcome = demo("").stdin(raw.clone()).run().expect_code(0);
    assert_eq!(outcome.text(), format!("{HELLO}\n"), "16 bits, mono and 24 kHz are the default of a pipe");
    let swapped: Vec<u8> = raw.chunks_exact(2).flat_map(|pair| [pair[1], pair[0]]).collect();
    let outcome = demo("--format-in s16be").stdin(swapped).run().expect_code(0);
    assert_eq!(outcome.text(), format!("{HELLO}\n"));
    let program = demo("talk.pcm --rate 12000 --channels 2 --format text");
    fs::write(program.file("talk.pcm"), &raw).unwrap();
    let text = program.run().expect_code(0).text();
    assert_eq!(text, format!("{HELLO}\n"), "half the rate and two channels last as long");
}

fn failure(outcome: &Outcome, code: i32) -> &str {
    assert_eq!(outcome.code, Some(code), "{}", outcome.stderr);
    assert!(outcome.text().is_empty(), "{}", outcome.text());
    &outcome.stderr
}

#[test]
fn nonsense_about_audio_without_a_header_is_refused() {
    for flag in ["--rate 0", "--rate fast", "--channels 0", "--format-in mp3"] {
        let outcome = demo(flag).stdin(vec![0; 100]).run();
        assert!(failure(&outcome, 2).contains("invalid value"), "{}", outcome.stderr);
    }
    let program = demo("talk.wav --rate 8000");
    speech::write_plain(&program.file("talk.wav"), &speech::short());
    let outcome = program.run();
    let stderr = failure(&outcome, 4);
    assert!(stderr.contains("it is not raw audio: its header says WAV\nhint: leave out --rate"), "{stderr}");
    let outcome = demo("--input null --rate 8000").run();
    assert!(failure(&outcome, 2).contains("describe a file or standard input\nhint: "), "{}", outcome.stderr);
}

#[test]
fn what_cannot_be_captioned_is_one_sentence_with_a_hint_and_an_exit_code() {
    let wav = fs::read(speech::hello_path()).unwrap();
    let cases: [(&str, &[u8], &str); 6] = [
        ("cut.wav", &wav[..30], "its header is cut off"),
        ("empty.wav", b"", "the file contains no audio"),
        ("notes.mp3", b"these are notes, and long enough to be text", "this is text, not audio"),
        ("picture.wav", b"\x89PNG\r\n\x1a\n and more of it", "this is a PNG image, not audio"),
        ("zeros.wav", &[0; 5_000], "not a WAV or AU file"),
        ("half.m4a", b"\0\0\0\x20ftypM4A \0\0\0\0M4A mp42isom\0\0\0\0", "cannot"),
    ];
    for (name, bytes, sentence) in cases {
        let program = demo(name);
        fs::write(program.file(name), bytes).unwrap();
        let outcome = program.run();
        let stderr = failure(&outcome, 4);
        let lines: Vec<&str> = stderr.lines().collect();
        let [first, hint] = lines[..] else { panic!("{name}: {stderr}") };
        assert!(first.contains(name) && first.contains(sentence) && hint.starts_with("hint: "), "{stderr}");
    }
    let folder = demo("talk");
    fs::create_dir(folder.file("talk")).unwrap();
    let outcome = folder.run();
    assert!(
        failure(&outcome, 4).contains("talk") && outcome.stderr.contains("directory"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn captions_that_cannot_be_written_are_a_failure_that_names_the_file() {
    let with = |output: &str| {
        let program = demo(&format!("talk.wav -o {output} --format srt --force"));
        speech::write_plain(&program.file("talk.wav"), &speech::hello());
        program.run()
    };
    let full = with("/dev/full");
    assert!(failure(&full, 4).contains("cannot write /dev/full"), "{}", full.stderr);
    assert!(full.stderr.contains("hint: "), "{}", full.stderr);
    let missing = with("no/such/folder/talk.srt");
    assert!(failure(&missing, 4).contains("cannot write no/such/folder/talk.srt"), "{}", missing.stderr);
}

#[test]
fn what_cannot_be_read_is_named_and_the_other_files_are_captioned() {
    let program = demo("gone.wav /proc/self/mem folder zeros.wav talk.wav --output-dir subs --format srt");
    std::os::unix::fs::symlink("nowhere", program.file("gone.wav")).unwrap();
    fs::create_dir(program.file("folder")).unwrap();
    // Terabytes, of which nothing is on the disk.
    fs::File::create(program.file("zeros.wav")).and_then(|file| file.set_len(1 << 42)).unwrap();
    speech::write_plain(&program.file("talk.wav"), &speech::hello());
    let outcome = program.run();
    assert_eq!(outcome.code, Some(4), "{}", outcome.stderr);
    for name in ["gone.wav", "/proc/self/mem", "folder", "zeros.wav"] {
        let lines = outcome.stderr.lines().filter(|line| line.starts_with(&format!("rtvoice: {name}: ")));
        assert_eq!(lines.count(), 1, "{name}: {}", outcome.stderr);
    }
    assert!(outcome.stderr.contains("4 of 5 files have no captions"), "{}", outcome.stderr);
    let srt = fs::read_to_string(outcome.home.path().join("subs/talk.srt")).unwrap();
    assert!(srt.contains(HELLO), "{srt}");
}

#[test]
fn a_header_that_declares_more_than_there_is_is_a_warning() {
    let program = demo("talk.wav");
    let mut wav = fs::read(speech::hello_path()).unwrap();
    let data = wav.windows(4).position(|name| name == b"data").unwrap();
    for at in [4, data + 4] {
        wav[at..at + 4].copy_from_slice(&(u32::MAX - 8).to_le_bytes());
    }
    fs::write(program.file("talk.wav"), wav).unwrap();
    let outcome = program.run().expect_code(0);
    assert_eq!(outcome.text(), format!("{HELLO}\n"));
    assert!(outcome.stderr.lines().count() <= 2, "{}", outcome.stderr);
}

#[test]
fn a_refused_model_or_language_is_one_sentence_with_a_hint() {
    let with = |server: &Server, args: &str| {
        let program =
            Program::rtvoice(&format!("transcribe talk.wav --profile local --url {} {args}", server.url));
        speech::write_plain(&program.file("talk.wav"), &speech::hello());
        program.run()
    };
    let refused = with(&Server::with_fault("refuse-model"), "--model other");
    let stderr = failure(&refused, 6);
    assert!(stderr.contains(r#"Model "other" is not supported"#) && stderr.contains("\nhint: "), "{stderr}");
    let language = with(&Server::start(), "--lang klingon");
    assert!(failure(&language, 2).contains("klingon is no language code\nhint: "), "{}", language.stderr);
}

#[test]
fn files_after_one_whose_captions_cannot_be_written_are_captioned() {
    let program = demo("first.wav talk.wav --output-dir subs --format srt");
    for name in ["first.wav", "talk.wav"] {
        speech::write_plain(&program.file(name), &speech::hello());
    }
    fs::create_dir_all(program.file("subs/first.srt")).unwrap();
    let outcome = program.run();
    assert_eq!(outcome.code, Some(4), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("rtvoice: first.wav: cannot write subs/first.srt"), "{}", outcome.stderr);
    assert!(fs::read_to_string(outcome.home.path().join("subs/talk.srt")).unwrap().contains(HELLO));
}
