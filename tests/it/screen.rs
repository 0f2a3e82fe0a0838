//! The screen of a call in a terminal: whole at every size, and gone without a trace at every end.

use std::time::Duration;

use rustix::process::Signal;
use vt100::Screen;

use crate::support::program::Program;
use crate::support::pty::{Size, Terminal};

/// Longest wait for one thing, on a loaded machine too.
const LIMIT: Duration = Duration::from_secs(120);

/// A call that lost its endpoint is given up after half a minute.
const PATIENCE: Duration = Duration::from_secs(180);

const SMALL: Size = Size { columns: 40, rows: 10 };
const USUAL: Size = Size { columns: 80, rows: 24 };
const LARGE: Size = Size { columns: 200, rows: 50 };

const F1: &str = "\x1bOP";
const ESCAPE: &str = "\x1b";
const CONTROL_C: &str = "\x03";
const CONTROL_L: &str = "\x0c";
const CONTROL_T: &str = "\x14";
const CONTROL_Z: &str = "\x1a";
/// Asks the terminal where the cursor is.
const CURSOR_QUERY: &[u8] = b"\x1b[6n";

fn silent_call() -> Program {
    Program::rtvoice("talk --demo --input null --output null")
}

fn start(program: Program, size: Size) -> Terminal {
    let terminal = Terminal::start(program, size);
    terminal.wait_until(LIMIT, |screen| is_whole(screen, size));
    terminal
}

fn rows(screen: &Screen) -> Vec<String> {
    screen.rows(0, screen.size().1.get()).collect()
}

/// Returns whether everything that matters stands where it belongs on a screen of this size.
fn is_whole(screen: &Screen, size: Size) -> bool {
    let rows = rows(screen);
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return false };
    let has_turn =
        ["listening", "you are speaking", "thinking", "answering"].iter().any(|turn| first.contains(turn));
    let is_prompt = |row: &String| row.starts_with("> ");
    rows.len() == usize::from(size.rows)
        && has_turn
        && first.contains("LIVE")
        && rows.iter().filter(|row| is_prompt(row)).count() == 1
        && last.starts_with(" Ctrl-C end  F1 help")
        && !screen.hide_cursor()
        && rows.get(usize::from(screen.cursor_position().0)).is_some_and(is_prompt)
}

#[test]
fn the_screen_is_whole_at_every_size_and_when_it_is_resized() {
    for size in [SMALL, USUAL, LARGE] {
        let terminal = start(silent_call(), size);
        terminal.wait_for_text(LIMIT, "Hello, this is");
        for other in [LARGE, SMALL, Size { columns: 61, rows: 15 }, USUAL] {
            terminal.resize(other);
            let is_redrawn =
                |screen: &Screen| is_whole(screen, other) && screen.contents().contains("Hello, this is");
            terminal.wait_until(LIMIT, is_redrawn);
        }
        terminal.send(CONTROL_C);
        terminal.wait(LIMIT).expect_code(0).expect_restored();
    }
}

#[test]
fn without_a_command_a_screen_shows_what_was_found_and_starts_what_a_key_chooses() {
    let terminal = Terminal::start(Program::rtvoice(""), USUAL);
    terminal.wait_until(LIMIT, |screen| {
        let text = screen.contents();
        text.contains("no key for the profile openai")
            && text.contains("OPENAI_API_KEY")
            && text.contains("chat with the demo")
    });
    terminal.send("c");
    terminal.wait_for_text(LIMIT, "type a message");
    terminal.send("hello\r");
    terminal.wait_until(LIMIT, |screen| screen.contents().contains("Assistant"));
    terminal.send("\x04");
    terminal.wait(LIMIT).expect_code(0).expect_restored();
    for (key, code) in [("q", 0), (CONTROL_C, 0), (ESCAPE, 0)] {
        let terminal = Terminal::start(Program::rtvoice(""), SMALL);
        terminal.wait_for_text(LIMIT, "leave");
        terminal.send(key);
        terminal.wait(LIMIT).expect_code(code).expect_restored();
    }
    let terminal = Terminal::start(Program::rtvoice(""), USUAL);
    terminal.wait_for_text(LIMIT, "leave");
    terminal.signal(Signal::TERM);
    terminal.wait(LIMIT).expect_code(143).expect_restored();
}

#[test]
fn without_a_command_and_a_terminal_the_help_is_printed() {
    let outcome = Program::rtvoice("").run().expect_code(2);
    assert!(outcome.stderr.contains("Usage: rtvoice"), "{}", outcome.stderr);
}

#[test]
fn ctrl_l_repaints_the_screen_without_a_cursor_query() {
    let terminal = start(silent_call(), USUAL);
    terminal.wait_for_text(LIMIT, "Hello, this is");
    for number in 1..=3 {
        terminal.disturb("\x1b[2J");
        terminal.send(CONTROL_L);
        terminal.wait_until(LIMIT, |screen| is_whole(screen, USUAL));
        terminal.wait_for_text(LIMIT, "Hello, this is");
        terminal.resize(if number % 2 == 0 { USUAL } else { LARGE });
        terminal.send("#");
        terminal.wait_until(LIMIT, |screen| screen.contents().matches('#').count() == number);
        terminal.resize(USUAL);
        terminal.wait_until(LIMIT, |screen| is_whole(screen, USUAL));
    }
    terminal.send(CONTROL_C);
    let left = terminal.wait(LIMIT).expect_code(0).expect_restored();
    let asks = left.bytes.windows(CURSOR_QUERY.len()).any(|bytes| bytes == CURSOR_QUERY);
    assert!(!asks, "nothing asks for the cursor position while keys are read");
}

#[test]
fn ctrl_z_gives_the_terminal_to_the_shell_and_fg_takes_it_again() {
    let call = format!("{} talk --demo --input null --output null", env!("CARGO_BIN_EXE_rtvoice"));
    let script = format!("set -m; {call}; echo the shell is back; read line; fg");
    let terminal = start(Program::shell(&script), USUAL);
    // Until the screen is drawn, the terminal itself would echo the text and handle Ctrl-Z.
    terminal.wait_until(LIMIT, |screen| is_whole(screen, USUAL));
    terminal.send("half a");
    terminal.wait_for_text(LIMIT, "> half a");
    terminal.send(CONTROL_Z);
    terminal.wait_until(LIMIT, |screen| {
        screen.contents().contains("the shell is back") && !screen.alternate_screen()
    });
    terminal.send("\r");
    terminal.wait_until(LIMIT, |screen| is_whole(screen, USUAL) && screen.contents().contains("> half a"));
    terminal.send(" sentence");
    terminal.wait_for_text(LIMIT, "> half a sentence");
    terminal.send(CONTROL_C);
    terminal.wait(LIMIT).expect_code(0).expect_restored();
}

#[test]
fn no_key_is_lost_that_comes_together_with_a_change_of_size() {
    let terminal = start(silent_call(), USUAL);
    for number in 1..=30 {
        terminal.resize(if number % 2 == 0 { USUAL } else { LARGE });
        terminal.send("#");
        terminal.wait_until(LIMIT, |screen| screen.contents().matches('#').count() == number);
    }
    terminal.send(CONTROL_C);
    terminal.wait(LIMIT).expect_code(0).expect_restored();
}

#[test]
fn what_is_typed_is_sent_and_answered_and_escape_cuts_the_answer_off() {
    let terminal = start(silent_call(), USUAL);
    terminal.send("Where do keys come from?\r");
    let asked =
        |screen: &Screen| rows(screen).iter().any(|row| row.starts_with("▌ Where do keys come from?"));
    terminal.wait_until(LIMIT, asked);
    terminal.wait_until(LIMIT, |screen| {
        let rows = rows(screen);
        rows.iter().any(|row| row.starts_with("▌ Assistant ")) && rows[0].contains("answering")
    });
    terminal.send(ESCAPE);
    terminal.wait_for_text(LIMIT, "(not heard)");
    terminal.wait_until(LIMIT, |screen| rows(screen)[0].contains("listening"));
    terminal.send(CONTROL_C);
    let left = terminal.wait(LIMIT).expect_code(0).expect_restored();
    assert!(left.text.contains("You: Where do keys come from?"), "{}", left.text);
    assert!(left.text.contains("not heard: "), "{}", left.text);
}

#[test]
fn the_microphone_is_muted_in_words_and_the_keys_are_explained() {
    let terminal = start(silent_call(), USUAL);
    let says = |screen: &Screen, word: &str| rows(screen)[0].contains(word);
    terminal.send(CONTROL_T);
    terminal.wait_until(LIMIT, |screen| says(screen, "MUTED") && !says(screen, "LIVE"));
    terminal.send(CONTROL_T);
    terminal.wait_until(LIMIT, |screen| says(screen, "LIVE") && !says(screen, "MUTED"));
    terminal.send(F1);
    terminal.wait_until(LIMIT, |screen| {
        ["Ctrl-C", "Ctrl-T", "Esc", "Enter", "type to filter"]
            .iter()
            .all(|key| screen.contents().contains(key))
    });
    terminal.send(F1);
    terminal.wait_until(LIMIT, |screen| is_whole(screen, USUAL));
    terminal.send(CONTROL_C);
    terminal.wait(LIMIT).expect_code(0).expect_restored();
}

#[test]
fn signals_end_the_call_and_give_the_terminal_back() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)] {
        let terminal = start(silent_call(), USUAL);
        terminal.signal(signal);
        terminal.wait(LIMIT).expect_code(code).expect_restored();
    }
}

#[test]
fn a_panic_gives_the_terminal_back_and_is_reported_on_it() {
    for (thread, code) in [("main", 1), ("ui", 1), ("audio", 1)] {
        let program = silent_call().env("RTVOICE_TEST_PANIC", thread).env("RUST_BACKTRACE", "0");
        // It may come before the screen was ever whole.
        let left = Terminal::start(program, USUAL).wait(LIMIT).expect_code(code).expect_restored();
        assert!(left.bytes.windows(8).any(|bytes| bytes == b"\x1b[?1049h"), "the screen was taken");
        assert!(left.text.contains(&format!("thread '{thread}'")), "{}", left.text);
        assert!(left.text.contains("requested by"), "{}", left.text);
    }
}

#[test]
fn an_endpoint_that_is_killed_is_reported_and_leaves_the_screen_to_the_user() {
    let server = Program::rtvoice("serve --port 0").start();
    let line = server.wait_for_line(LIMIT, |line| line.starts_with("listening on "));
    let url = line.trim_start_matches("listening on ");
    let call = || Program::rtvoice("talk --input null --output null --model demo --url").arg(url);
    let terminals = [Terminal::start(call(), USUAL), Terminal::start(call(), USUAL)];
    for terminal in &terminals {
        terminal.wait_for_text(LIMIT, "LIVE");
        terminal.wait_for_text(LIMIT, "Hello, this is");
    }
    server.signal(Signal::KILL);
    for terminal in &terminals {
        terminal.wait_for_text(LIMIT, "reconnecting");
    }
    let [patient, impatient] = terminals;
    impatient.send(CONTROL_C);
    impatient.wait(LIMIT).expect_code(0).expect_restored();
    patient.wait_for_text(PATIENCE, "no call");
    patient.wait_for_text(LIMIT, "Error: ");
    patient.send(CONTROL_C);
    let left = patient.wait(LIMIT).expect_code(0).expect_restored();
    assert!(left.text.contains("Assistant: "), "{}", left.text);
}

#[test]
fn a_call_of_a_file_ends_by_itself_and_what_was_said_stays_on_the_terminal() {
    let hello = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/hello.wav");
    let program = Program::rtvoice("talk --demo --output null --input").arg(hello);
    let left = start(program, USUAL).wait(LIMIT).expect_code(0).expect_restored();
    for said in ["You: [speech ", "Assistant: I heard you speak for ", "end of input ("] {
        assert!(left.text.contains(said), "{said} is not in:\n{}", left.text);
    }
}
