//! The files that flags name: who may read them, that no two are one, and that a pipe holds nothing up.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use crate::support::program::Program;
use crate::support::speech;

const TALK: &str = "talk --demo --input hello.wav";

/// Takes a program with a short speech in `hello.wav`.
fn program(args: &str) -> Program {
    let program = Program::rtvoice(args);
    speech::write_plain(&program.file("hello.wav"), &speech::short());
    program
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

fn make_pipe(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().expect("mkfifo runs");
    assert!(made.success());
}

#[test]
fn traces_and_recordings_are_private_and_answers_follow_the_umask() {
    let program = program(&format!("{TALK} --output answer.wav --record call.wav --trace trace.jsonl"));
    fs::write(program.file("usual"), "").expect("the temporary folder takes files");
    symlink("behind.wav", program.file("call.wav")).expect("links can be made");
    let outcome = program.run().expect_code(0);
    let mode = |name: &str| mode(&outcome.home.path().join(name));
    assert_eq!((mode("trace.jsonl"), mode("behind.wav")), (0o600, 0o600));
    assert_eq!(mode("answer.wav"), mode("usual"));
}

#[test]
fn two_flags_that_name_one_file_are_refused_with_exit_code_2() {
    for (args, names) in [
        ("--output answer.wav --record ./answer.wav", "--output and --record"),
        ("--output answer.wav --record hard.wav", "--output and --record"),
        ("--output link.wav --trace answer.wav", "--output and --trace"),
        ("--output null --record new.wav --trace sub/../new.wav", "--record and --trace"),
        ("--output hello.wav", "--input and --output"),
        ("--output null --trace hello.wav", "--input and --trace"),
    ] {
        let program = program(&format!("{TALK} {args}"));
        fs::write(program.file("answer.wav"), "precious").expect("the temporary folder takes files");
        fs::hard_link(program.file("answer.wav"), program.file("hard.wav")).expect("links can be made");
        symlink("answer.wav", program.file("link.wav")).expect("links can be made");
        fs::create_dir(program.file("sub")).expect("the temporary folder takes folders");
        let outcome = program.run().expect_code(2);
        let said = format!("rtvoice: {names} are the same file: ");
        assert!(outcome.stderr.starts_with(&said), "{args}: {}", outcome.stderr);
        assert_eq!(outcome.stderr.lines().count(), 2, "{args}: {}", outcome.stderr);
        let left = fs::read(outcome.home.path().join("answer.wav")).expect("it is there");
        assert_eq!(left, b"precious", "{args}");
        assert!(!outcome.home.path().join("new.wav").exists(), "{args}");
    }
    let outcome = program("transcribe --demo hello.wav --trace hello.wav").run().expect_code(2);
    assert!(outcome.stderr.contains("FILE and --trace are the same file: hello.wav"), "{}", outcome.stderr);
}

#[test]
fn a_pipe_without_its_other_end_is_an_error_and_no_hang() {
    for (args, says) in [
        ("talk --demo --input hello.wav --output pipe.wav", "cannot write pipe.wav: it is a pipe"),
        ("talk --demo --input hello.wav --output null --record pipe.wav", "cannot write pipe.wav: it is a"),
        (
            "chat --demo hello --trace pipe.wav",
            "cannot write the trace pipe.wav: it is a pipe without a reader",
        ),
        ("bench --demo --input null --output null --svg pipe.wav", "cannot write pipe.wav: it is a pipe"),
        ("doctor --demo --no-sound --trace pipe.wav", "cannot write the trace pipe.wav: it is a pipe"),
        ("talk --demo --input pipe.wav --output null", "cannot read pipe.wav: it is a pipe without a writer"),
        ("transcribe --demo pipe.wav", "cannot read pipe.wav: it is a pipe without a writer after 5 s"),
    ] {
        let program = program(args);
        make_pipe(&program.file("pipe.wav"));
        let outcome = program.run().expect_code(4);
        assert!(outcome.stderr.contains(says), "{args}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("\nhint: start its "), "{args}: {}", outcome.stderr);
    }
}

#[test]
fn a_pipe_with_both_ends_is_an_input_and_a_trace() {
    let program = Program::shell(
        "mkfifo in trace; cat hello.wav > in & cat trace > read & \
         \"$RTVOICE\" talk --demo --input in --output answer.wav --trace trace; code=$?; wait; exit $code",
    );
    let program = program.env("RTVOICE", env!("CARGO_BIN_EXE_rtvoice"));
    speech::write_plain(&program.file("hello.wav"), &speech::short());
    let outcome = program.run().expect_code(0);
    let read = fs::read_to_string(outcome.home.path().join("read")).expect("the reader wrote it");
    assert!(read.lines().any(|line| line.contains("\"response.done\"")), "{read}");
    assert!(fs::metadata(outcome.home.path().join("answer.wav")).is_ok_and(|file| file.len() > 1_000));
}
