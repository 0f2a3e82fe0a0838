//! Caption files from outside: formats, several inputs, existing files, and a run that is continued.

use std::fs;

use crate::support::program::Program;
use crate::support::speech;

/// A program that captions, with a recording in its folder.
fn transcribe(args: &str) -> Program {
    let program = Program::rtvoice(&format!("transcribe --demo {args}"));
    speech::write_plain(&program.file("talk.wav"), &speech::hello());
    program
}

#[test]
fn a_file_is_captioned_as_subtitles() {
    let outcome = transcribe("talk.wav --format srt").run().expect_code(0);
    let text = outcome.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines[0], lines[2], lines.len()), ("1", "[speech 2.5 s, -20 dBFS]", 4), "{text}");
    assert!(lines[1].starts_with("00:00:00,") && lines[1].contains(" --> 00:00:0"), "{text}");
}

#[test]
fn one_bad_file_does_not_stop_the_others() {
    let program = transcribe("missing.wav notes.mp3 talk.wav --format vtt --output-dir subs");
    fs::write(program.file("notes.mp3"), "these are notes").unwrap();
    let outcome = program.run().expect_code(4);
    let named =
        |name: &str| outcome.stderr.lines().any(|line| line.starts_with(&format!("rtvoice: {name}: ")));
    assert!(named("missing.wav") && named("notes.mp3"), "{}", outcome.stderr);
    let folder = outcome.home.path().join("subs");
    let vtt = fs::read_to_string(folder.join("talk.vtt")).unwrap();
    assert!(vtt.starts_with("WEBVTT\n\n00:00:0") && vtt.ends_with("dBFS]\n\n"), "{vtt}");
    assert_eq!(fs::read_dir(folder).unwrap().count(), 1, "a file that failed leaves nothing");
}

#[test]
fn an_existing_caption_file_is_refused_replaced_or_continued() {
    let old = "1\n00:00:00,000 --> 00:00:09,000\nOld.\n\n2\n00:0";
    let with = |flag: &str| {
        let program = transcribe(&format!("talk.wav -o talk.srt {flag}"));
        fs::write(program.file("talk.srt"), old).unwrap();
        let outcome = program.run();
        let text = fs::read_to_string(outcome.home.path().join("talk.srt")).unwrap();
        (outcome.code, text)
    };
    assert_eq!(with(""), (Some(2), old.to_owned()));
    let (code, text) = with("--force");
    assert!(code == Some(0) && text.ends_with("\n[speech 2.5 s, -20 dBFS]\n\n"), "{text}");
    let (_, text) = with("--resume");
    assert!(text.starts_with("1\n00:00:00,000 --> 00:00:09,000\nOld.\n\n"), "{text}");
    assert!(!text.contains("speech"), "all of the recording is captioned already: {text}");
}

#[test]
fn a_pipe_of_compressed_sound_is_captioned() {
    let flac = include_bytes!("../../src/dsp/media_file/tests/tone.flac");
    let outcome = transcribe("- --format jsonl").stdin(flac.to_vec()).run().expect_code(0);
    // As raw samples it would be noise of another length and level.
    assert!(outcome.text().contains("[speech 0.4 s, -10 dBFS]"), "{}", outcome.text());
    let opus = include_bytes!("../../src/dsp/media_file/tests/opus.ogg");
    let outcome = transcribe("-").stdin(opus.to_vec()).run().expect_code(4);
    assert!(
        outcome.stderr.contains("encoded as Opus") && outcome.stderr.contains("ffmpeg -i"),
        "{}",
        outcome.stderr
    );
}
