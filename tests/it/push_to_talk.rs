//! Turns by hand on the screen, in terminals that tell when a key is let go and in those that do not.

use std::time::Duration;

use rtvoice::protocol::dialect::Dialect;
use rustix::process::Signal;
use serde_json::Value;
use vt100::Screen;

use crate::support::program::Program;
use crate::support::pty::{Keyboard, Left, Size, Terminal};
use crate::support::schema::Schema;

/// Longest wait for one thing, on a loaded machine too.
const LIMIT: Duration = Duration::from_secs(120);

const SIZE: Size = Size { columns: 80, rows: 24 };

/// Space in the kitty protocol: pressed, still held, let go.
const DOWN: &str = "\x1b[32;1:1u";
const HELD: &str = "\x1b[32;1:2u";
const UP: &str = "\x1b[32;1:3u";

/// Frames of the shortest turn that is answered, and some more.
const TURN_FRAMES: usize = 15;
/// How often it is looked whether so many were sent.
const LOOKS: usize = 300;

const FOCUS_LOST: &str = "\x1b[O";
/// Control and T, pressed.
const CONTROL_T: &str = "\x1b[116;5u";
const CONTROL_C: &str = "\x1b[99;5u";

/// What is asked of the keyboard while Space makes turns: disambiguated, event types, alternates, all keys.
const HOLDING: u16 = 1 | 2 | 4 | 8;
const TYPING: u16 = 1;

fn call() -> Program {
    Program::rtvoice("talk --demo --input null --output null --vad off --trace trace.jsonl")
}

/// A call whose greeting is over, in a terminal that tells when keys are let go.
fn holding() -> Terminal {
    let terminal = Terminal::start_with(Keyboard::Kitty, call(), SIZE);
    terminal.wait_for_text(LIMIT, "Space hold to talk");
    wait_for_state(&terminal, "your turn");
    terminal
}

fn first_row(screen: &Screen) -> String {
    screen.rows(0, screen.size().1.get()).next().unwrap_or_default()
}

fn wait_for_state(terminal: &Terminal, state: &str) {
    terminal.wait_until(LIMIT, |screen| first_row(screen).contains(state));
}

/// Holds the key until the turn is seen, and long enough for a turn to be heard.
fn hold(terminal: &Terminal) {
    let before = sent_frames(terminal);
    terminal.send(DOWN);
    wait_for_state(terminal, "you are speaking");
    terminal.wait_for_text(LIMIT, "Space release to end");
    wait_until_heard(terminal, before);
    terminal.send(HELD);
}

/// Waits until more than the shortest turn was sent beyond so many frames.
fn wait_until_heard(terminal: &Terminal, before: usize) {
    let mut looks = std::iter::repeat_with(|| {
        terminal.wait_until_settled(LIMIT);
        sent_frames(terminal)
    });
    let heard = looks.by_ref().take(LOOKS).any(|frames| frames >= before + TURN_FRAMES);
    assert!(heard, "nothing is sent of the microphone");
}

/// Returns how many frames of the microphone were sent so far.
fn sent_frames(terminal: &Terminal) -> usize {
    let trace = std::fs::read_to_string(terminal.file("trace.jsonl")).unwrap_or_default();
    trace.matches("input_audio_buffer.append").count()
}

fn end(terminal: Terminal) -> Left {
    terminal.send(CONTROL_C);
    terminal.wait(LIMIT).expect_code(0).expect_restored()
}

/// Returns the types of what was sent of turns, after the strict schema has taken all that was sent.
fn sent_turns(left: &Left) -> Vec<Value> {
    let sent = Schema::of(Dialect::Ga).check_trace(&left.home.path().join("trace.jsonl"));
    let of_turns = sent.iter().map(|event| event["type"].clone()).filter(|name| {
        ["input_audio_buffer.commit", "input_audio_buffer.clear", "response.create"]
            .iter()
            .any(|wanted| name == wanted)
    });
    of_turns.collect()
}

#[test]
fn a_turn_lasts_as_long_as_space_is_held() {
    let terminal = holding();
    terminal.wait_for_keys(LIMIT, HOLDING);
    assert!(!terminal.text().contains("LIVE"), "nothing is heard between turns");
    for _ in 0..2 {
        hold(&terminal);
        terminal.send(UP);
        terminal.wait_for_text(LIMIT, "Space hold to talk");
        wait_for_state(&terminal, "your turn");
    }
    let left = end(terminal);
    assert_eq!(
        sent_turns(&left),
        ["input_audio_buffer.commit", "response.create", "input_audio_buffer.commit", "response.create"]
    );
}

#[test]
fn a_hold_ends_when_the_terminal_is_left_and_with_the_mute() {
    let terminal = holding();
    hold(&terminal);
    terminal.send(FOCUS_LOST);
    wait_for_state(&terminal, "your turn");
    // The key is still down: that begins nothing.
    terminal.send(&HELD.repeat(3));
    hold(&terminal);
    terminal.send(CONTROL_T);
    wait_for_state(&terminal, "MUTED");
    wait_for_state(&terminal, "your turn");
    terminal.send(UP);
    terminal.send(DOWN);
    terminal.wait_for_text(LIMIT, "the microphone is muted: unmute it to speak");
    let left = end(terminal);
    let commits = sent_turns(&left).iter().filter(|name| **name == "input_audio_buffer.commit").count();
    assert_eq!(commits, 2);
}

#[test]
fn a_hold_ends_when_the_key_is_heard_of_no_more() {
    let terminal = holding();
    hold(&terminal);
    wait_for_state(&terminal, "your turn");
    terminal.wait_for_text(LIMIT, "turn ended: no key-repeat received");
    let left = end(terminal);
    assert_eq!(sent_turns(&left), ["input_audio_buffer.commit", "response.create"]);
}

#[test]
fn text_is_typed_as_text_and_space_is_a_key_again_behind_it() {
    let terminal = holding();
    terminal.send("\x1b[104:72;2u");
    terminal.wait_for_text(LIMIT, "> H");
    terminal.wait_for_keys(LIMIT, TYPING);
    terminal.send("ey @ 你");
    terminal.wait_for_text(LIMIT, "> Hey @ 你");
    terminal.send("\r");
    terminal.wait_for_text(LIMIT, "▌ Hey @ 你");
    terminal.wait_for_keys(LIMIT, HOLDING);
    hold(&terminal);
    terminal.send(UP);
    wait_for_state(&terminal, "your turn");
    end(terminal);
}

#[test]
fn where_no_key_is_let_go_space_begins_and_ends_a_turn() {
    let terminal = Terminal::start(call(), SIZE);
    terminal.wait_for_text(LIMIT, "Space speak");
    wait_for_state(&terminal, "your turn");
    let before = sent_frames(&terminal);
    terminal.send(" ");
    wait_for_state(&terminal, "you are speaking");
    terminal.wait_for_text(LIMIT, "Space end turn");
    wait_until_heard(&terminal, before);
    terminal.send(" ");
    wait_for_state(&terminal, "your turn");
    terminal.send("\x03");
    let left = terminal.wait(LIMIT).expect_code(0).expect_restored();
    assert_eq!(sent_turns(&left), ["input_audio_buffer.commit", "response.create"]);
}

#[test]
fn the_keyboard_is_given_back_after_a_panic_and_a_signal() {
    for thread in ["main", "ui", "audio"] {
        let program = call().env("RTVOICE_TEST_PANIC", thread).env("RUST_BACKTRACE", "0");
        Terminal::start_with(Keyboard::Kitty, program, SIZE).wait(LIMIT).expect_code(1).expect_restored();
    }
    let terminal = holding();
    hold(&terminal);
    terminal.signal(Signal::TERM);
    terminal.wait(LIMIT).expect_code(143).expect_restored();
}

#[test]
fn a_terminal_that_answers_nothing_takes_presses() {
    let terminal = Terminal::start_with(Keyboard::Silent, call(), SIZE);
    terminal.wait_for_text(LIMIT, "Space speak");
    wait_for_state(&terminal, "your turn");
    terminal.send(" ");
    wait_for_state(&terminal, "you are speaking");
    terminal.signal(Signal::TERM);
    terminal.wait(LIMIT).expect_code(143).expect_restored();
}
