//! Runs that are killed: what they wrote is valid, and a later run completes it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::program::Program;
use crate::support::signal::Sound;
use crate::support::speech;

const LIMIT: Duration = Duration::from_secs(120);

/// Writes a recording of 24 turns.
fn write_talk(path: &Path) {
    let hello = speech::hello();
    let silence = vec![0.0; hello.rate * 7 / 10];
    let turn = [hello.samples, silence].concat();
    speech::write_plain(path, &Sound { samples: turn.repeat(24), rate: hello.rate });
}

fn transcribe(args: &str) -> Program {
    let program = Program::rtvoice(&format!("transcribe --demo talk.wav {args}"));
    write_talk(&program.file("talk.wav"));
    program
}

fn captions(home: &Path) -> String {
    fs::read_to_string(home.join("talk.srt")).expect("it was written")
}

#[test]
fn a_killed_run_is_continued_to_the_file_of_an_undisturbed_one() {
    let whole = captions(transcribe("-o talk.srt").run().expect_code(0).home.path());
    assert!(whole.starts_with("1\n") && whole.contains("\n24\n"), "{whole}");
    for turns in [1, 9, 17] {
        let program = transcribe("-o talk.srt --pace 40");
        let path = program.file("talk.srt");
        let run = program.start();
        let has_turns = |text: String| text.contains(&format!("\n\n{}\n", turns + 1));
        let begun = std::time::Instant::now();
        while !fs::read_to_string(&path).is_ok_and(has_turns) {
            assert!(begun.elapsed() < LIMIT, "no captions");
            std::thread::yield_now();
        }
        run.signal(Signal::KILL);
        let killed = run.wait(LIMIT);
        let torn = captions(killed.home.path());
        assert!(whole.starts_with(&torn) && torn.len() < whole.len(), "{torn}");
        let program = transcribe("-o talk.srt --resume");
        fs::write(program.file("talk.srt"), &torn).expect("the folder takes files");
        let resumed = captions(program.run().expect_code(0).home.path());
        assert_eq!(resumed, whole);
    }
}

#[test]
fn ctrl_c_in_the_middle_of_a_file_leaves_whole_captions_and_exits_with_130() {
    let program = transcribe("-o talk.srt --pace 20");
    let path = program.file("talk.srt");
    let run = program.start();
    let begun = std::time::Instant::now();
    while !fs::metadata(&path).is_ok_and(|found| found.len() > 200) {
        assert!(begun.elapsed() < LIMIT, "no captions");
        std::thread::yield_now();
    }
    run.signal(Signal::INT);
    let outcome = run.wait(LIMIT).expect_code(130);
    let srt = captions(outcome.home.path());
    assert!(srt.ends_with("dBFS]\n\n") && !srt.contains("\n24\n"), "{srt}");
}
