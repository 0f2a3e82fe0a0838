//! The screen of live captions, without sound: marks, help, and its end by Ctrl-C.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::program::Program;
use crate::support::pty::{Size, Terminal};

const LIMIT: Duration = Duration::from_secs(120);
const SIZE: Size = Size { columns: 80, rows: 24 };
const CONTROL_C: &str = "\x03";

fn silent(args: &str) -> Program {
    Program::rtvoice(&format!("transcribe --demo --input null {args}"))
}

#[test]
fn live_captions_have_a_screen_with_marks_that_ends_normally_by_ctrl_c() {
    let terminal = Terminal::start(silent("-o talk.vtt"), SIZE);
    terminal.wait_for_text(LIMIT, "listening");
    terminal.wait_for_text(LIMIT, "M mark");
    terminal.send("m");
    terminal.wait_for_text(LIMIT, "mark 1, 00:00:0");
    terminal.send(" ");
    terminal.wait_for_text(LIMIT, " muted");
    terminal.send("?");
    terminal.wait_for_text(LIMIT, "mark this place");
    terminal.send(CONTROL_C);
    let left = terminal.wait(LIMIT).expect_code(0).expect_restored();
    assert!(
        left.text.contains("--- mark 1, 00:00:0") && left.text.contains("captions ended ("),
        "{}",
        left.text
    );
    let vtt = fs::read_to_string(left.home.path().join("talk.vtt")).expect("it was written");
    assert!(vtt.starts_with("WEBVTT\n\nNOTE mark 1, 00:00:0"), "{vtt}");
}

#[test]
fn ctrl_c_ends_live_captions_normally_without_a_screen_too() {
    let run = silent("--json").start();
    run.wait_for_json(LIMIT, "speak_now", |_| true);
    run.signal(Signal::INT);
    run.wait(LIMIT).expect_code(0);
}
