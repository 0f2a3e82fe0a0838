//! Inputs of captions: audio without a header, and what cannot be captioned.

use std::fs;

use crate::support::program::{Outcome, Program};
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
