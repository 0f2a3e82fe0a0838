//! Caption files from outside: formats, several inputs, existing files, and a run that is continued.

mod inputs;
mod interruptions;
mod live;

use std::fs;

use serde_json::json;

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
    let outcome = transcribe("-").stdin(opus.to_vec()).run().expect_code(0);
    assert!(outcome.text().starts_with("[speech 0."), "{}", outcome.text());
    let dolby = include_bytes!("../../src/dsp/media_file/tests/ac3.mkv");
    let outcome = transcribe("-").stdin(dolby.to_vec()).run().expect_code(4);
    assert!(
        outcome.stderr.contains("encoded as Dolby Digital") && outcome.stderr.contains("ffmpeg -i"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn one_channel_of_a_file_is_captioned_on_its_own() {
    let with = |channel: &str| {
        let program = transcribe(&format!("--format text --channel {channel} both.wav"));
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: 24_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(program.file("both.wav"), spec).unwrap();
        for sample in speech::hello().samples {
            let sample = (sample * f32::from(i16::MAX)) as i16;
            writer.write_sample(sample).and_then(|()| writer.write_sample(0_i16)).unwrap();
        }
        writer.finalize().unwrap();
        program.run()
    };
    let first = with("1").expect_code(0).text();
    assert!(first.contains("[speech 2."), "{first}");
    assert!(!with("2").text().contains("speech"), "the second channel is silent");
    let missing = with("3").expect_code(4);
    assert!(missing.stderr.contains("no channel 3: it has 2\nhint: choose another"), "{}", missing.stderr);
    let none = transcribe("--track 2 talk.wav").run().expect_code(4);
    assert!(none.stderr.contains("no audio track 2"), "{}", none.stderr);
}

#[test]
fn the_prompt_and_the_vocabulary_reach_the_endpoint() {
    let program = transcribe("--prompt Interview --vocab words.txt --trace trace.jsonl talk.wav");
    fs::write(program.file("words.txt"), "# names\nKubernetes\n\netcd\n").unwrap();
    let outcome = program.run().expect_code(0);
    let trace = fs::read_to_string(outcome.home.path().join("trace.jsonl")).unwrap();
    assert!(trace.contains(r"Interview\nKubernetes, etcd"), "{trace}");
    let missing = transcribe("--vocab none.txt talk.wav").run().expect_code(4);
    assert!(missing.stderr.contains("cannot read none.txt"), "{}", missing.stderr);
}

#[test]
fn log_probabilities_are_in_json_lines_on_request() {
    let with = |args: &str| transcribe(&format!("talk.wav --logprobs {args}")).run();
    let outcome = with("--transcription-model gpt-4o-transcribe --format jsonl").expect_code(0);
    let lines = outcome.json_lines();
    assert_eq!(lines[0].get("logprobs"), None, "a cue has none: {}", outcome.text());
    assert_eq!(lines[1]["logprobs"][0], json!({"token": "[speech ", "logprob": 0.0}));
    let all = with("--transcription-model gpt-4o-mini-transcribe --json").expect_code(0);
    let last = all.json_lines().into_iter().find(|line| line["type"] == "user" && line["final"] == true);
    assert_eq!(last.expect("there is a caption")["logprobs"][1]["token"], "2.5 ");
    let unknown = with("--transcription-model gpt-transcribe --format jsonl").expect_code(2).stderr;
    assert!(unknown.contains("gpt-transcribe is not known to report log probabilities\nhint: "), "{unknown}");
    let text = with("--transcription-model gpt-4o-transcribe --format srt").expect_code(2).stderr;
    assert!(text.contains("shown in JSON lines only\nhint: "), "{text}");
    let plain = transcribe("talk.wav --transcription-model gpt-4o-transcribe --format jsonl")
        .run()
        .expect_code(0)
        .text();
    assert!(!plain.contains("logprob"), "{plain}");
}

#[test]
fn languages_and_noise_reduction_reach_the_endpoint() {
    let sent = |args: &str| {
        let outcome = transcribe(&format!("talk.wav --trace trace.jsonl {args}")).run().expect_code(0);
        fs::read_to_string(outcome.home.path().join("trace.jsonl")).unwrap()
    };
    let several = sent("--transcription-model gpt-transcribe --lang de --lang en-US --noise-reduction far");
    assert!(several.contains(r#""languages":["de","en"]"#), "{several}");
    assert!(several.contains(r#""noise_reduction":{"type":"far_field"}"#), "{several}");
    let one = sent("--transcription-model gpt-4o-transcribe --lang pt-BR");
    assert!(one.contains(r#""language":"pt""#) && !one.contains("Languages"), "{one}");
    let hint = sent("--transcription-model gpt-4o-transcribe --lang de,en");
    assert!(!hint.contains(r#""language":"#) && hint.contains(r#""prompt":"Languages: de, en""#), "{hint}");
    let unknown = transcribe("talk.wav --lang german").run().expect_code(2).stderr;
    assert!(unknown.contains("german is no language code\nhint: such as en"), "{unknown}");
}
