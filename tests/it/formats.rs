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
    const CONVERT: &str = "hint: convert it: ffmpeg -i FILE -f wav - | rtvoice transcribe -";
    const OTHER: &str = "hint: use an audio file with speech, such as WAV, MP3, M4A, FLAC or Ogg";
    let cases: [(&str, Vec<u8>, &str, &str); 8] = [
        ("text.wav", b"words about sound, and no sound at all".to_vec(), "this is text, not audio", OTHER),
        ("empty.wav", Vec::new(), "the file contains no audio", OTHER),
        ("header.wav", wav(1, 16, &[]), "the file contains no audio", OTHER),
        ("song.wav", b"#!AMR\n\0\x22".to_vec(), "AMR cannot be decoded", CONVERT),
        ("mp3.wav", wav(0x55, 0, &[0; 100]), "MPEG audio cannot be decoded", CONVERT),
        ("adpcm.wav", wav(2, 4, &[0; 100]), "Microsoft ADPCM cannot be decoded", CONVERT),
        ("odd.wav", wav(0x1234, 16, &[0; 100]), "an unknown encoding (format tag 0x1234)", CONVERT),
        ("wide.wav", wav(1, 64, &[0; 100]), "PCM of 64 bits cannot be decoded", CONVERT),
    ];
    for (name, bytes, says, hint) in cases {
        let talk =
            Program::rtvoice("talk --demo --output answer.wav --trace trace.jsonl --json --input").arg(name);
        let transcribe = Program::rtvoice("transcribe --demo --trace trace.jsonl").arg(name);
        for program in [talk, transcribe] {
            std::fs::write(program.file(name), &bytes).expect("the temporary folder takes files");
            let outcome = program.run().expect_code(4);
            let lines: Vec<&str> = outcome.stderr.lines().collect();
            let expected = format!("rtvoice: cannot use {name} as input: ");
            assert!(lines[0].starts_with(&expected) && lines[0].contains(says), "{name}: {lines:?}");
            assert!(lines.len() == 2 && lines[1] == hint, "{name}: {lines:?}");
            for unwritten in ["answer.wav", "trace.jsonl"] {
                assert!(!outcome.home.path().join(unwritten).exists(), "{name}: {unwritten} was left");
            }
        }
    }
}

#[test]
fn a_pipe_without_sound_ends_the_call_with_one_sentence() {
    let convert = "convert it: ffmpeg -i FILE -f wav - | rtvoice transcribe -";
    let cases: [(&[u8], String); 5] = [
        (b"", "standard input contains no audio".into()),
        (&wav(1, 16, &[]), "standard input contains no audio".into()),
        (b"{\"error\": 404}", "standard input: this is JSON text, not audio".into()),
        (b"wvpk\0\x02", format!("standard input: WavPack cannot be decoded; {convert}")),
        (b"#!AMR\n\0", format!("standard input: AMR cannot be decoded; {convert}")),
    ];
    for (bytes, says) in cases {
        for args in ["talk --demo --output answer.wav --input - --json", "transcribe --demo - --json"] {
            let outcome = Program::rtvoice(args).stdin(bytes).run().expect_code(4);
            let hint = "hint: pipe raw PCM (16-bit, mono, 24 kHz), WAV or AU into it";
            assert_eq!(outcome.stderr, format!("rtvoice: {says}\n{hint}\n"), "{args}");
            let end = outcome.json_lines().pop().expect("the end is reported");
            assert_eq!(
                (&end["reason"], &end["message"]),
                (&"no_input".into(), &says.as_str().into()),
                "{args}"
            );
            assert!(!outcome.home.path().join("answer.wav").exists(), "{args}: a file was left");
        }
    }
}

#[test]
fn a_truncated_file_or_pipe_ends_with_what_it_has_and_one_warning() {
    let mut cut = std::fs::read(speech::hello_path()).expect("the recording is there");
    cut.truncate(cut.len() * 3 / 4);
    let (cut, captions) = (&cut, ["transcribe --demo cut.wav", "transcribe --demo -"]);
    let talks = ["talk --demo --output null --input cut.wav", "talk --demo --output null --input -"];
    thread::scope(|scope| {
        let runs = captions.into_iter().chain(talks).map(|args| {
            let run = scope.spawn(move || {
                let program = Program::rtvoice(args);
                std::fs::write(program.file("cut.wav"), cut).expect("the temporary folder takes files");
                program.stdin(&cut[..]).run().expect_code(0)
            });
            (args, run)
        });
        for (args, run) in runs.collect::<Vec<_>>() {
            let outcome = run.join().expect("a run does not panic");
            let name = if args.ends_with('-') { "standard input" } else { "cut.wav" };
            let warning = format!("warning: {name}: shorter than its header says: ");
            assert_eq!(outcome.stderr.matches(&warning).count(), 1, "{args}: {}", outcome.stderr);
            assert!(outcome.text().contains("[speech "), "{args}: {}", outcome.text());
        }
    });
}

#[test]
fn a_big_endian_au_file_on_a_pipe_is_captioned() {
    let hello = speech::hello().at_rate(16_000);
    let fields = [24, u32::MAX, 3, 16_000, 1].map(u32::to_be_bytes);
    let big_endian =
        speech::raw(&hello).as_chunks::<2>().0.iter().flat_map(|[low, high]| [*high, *low]).collect();
    let au = [b".snd".to_vec(), fields.concat(), big_endian].concat();
    let outcome = Program::rtvoice("transcribe --demo -").stdin(au).run().expect_code(0);
    let text = outcome.text();
    assert!(text.starts_with("[speech 2.5 s, -2") || text.starts_with("[speech 2.6 s, -2"), "{text}");
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
    let said = "rtvoice: --input and --output are the same file: a.wav\nhint: use different files\n";
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
