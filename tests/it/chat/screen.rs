//! The conversation of `rtvoice chat` on a terminal.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rtvoice::protocol::dialect::Dialect;
use rustix::process::Signal;

use super::endless_server;
use crate::support::program::Program;
use crate::support::pty::{Left, Size, Terminal};
use crate::support::schema::Schema;

const LIMIT: Duration = Duration::from_secs(60);
const SIZE: Size = Size { columns: 80, rows: 24 };

const CONTROL_C: &str = "\x03";
const CONTROL_D: &str = "\x04";
const ESCAPE: &str = "\x1b";
const CONTROL_O: &str = "\x0f";
const UP: &str = "\x1b[A";

fn program() -> Program {
    Program::rtvoice("chat --demo --trace trace.jsonl")
}

/// Starts a chat and waits until it can be typed to.
fn start(program: Program) -> Terminal {
    let terminal = Terminal::start(program, SIZE);
    terminal.wait_until(LIMIT, |screen| screen.alternate_screen());
    terminal.wait_for_text(LIMIT, "your turn");
    terminal
}

/// Returns the messages that were sent.
fn sent(home: &Path) -> Vec<String> {
    let events = Schema::of(Dialect::Ga).check_trace(&home.join("trace.jsonl"));
    let texts = events.iter().filter_map(|event| event["item"]["content"][0]["text"].as_str());
    texts.map(str::to_owned).collect()
}

fn leave(terminal: Terminal) -> Left {
    terminal.send(CONTROL_D);
    terminal.wait(LIMIT).expect_code(0).expect_restored()
}

#[test]
fn a_conversation_is_a_screen_and_stays_in_the_scrollback() {
    let terminal = start(program());
    terminal.send("what are keys for?\r");
    terminal.wait_for_text(LIMIT, "RTVOICE_API_KEY");
    terminal.wait_for_text(LIMIT, "your turn");
    let text = terminal.text();
    assert!(!text.contains("MUTED") && !text.contains("LIVE") && !text.contains("mic off"), "{text}");
    let left = leave(terminal);
    assert!(left.text.contains("You: what are keys for?"), "{}", left.text);
    assert!(left.text.contains("Assistant: ") && left.text.contains("conversation ended ("), "{}", left.text);
}

#[test]
fn a_paste_of_three_lines_is_one_question_and_arrow_keys_print_nothing() {
    let terminal = start(program());
    terminal.send("\x1b[200~one\rtwo\rthree\x1b[201~");
    terminal.wait_for_text(LIMIT, "three");
    terminal.send("\x1b[D\x1b[C\x1b[H\x1b[F!\r");
    terminal.wait_until(LIMIT, |screen| screen.contents().contains("three!"));
    terminal.wait_for_text(LIMIT, "your turn");
    let left = leave(terminal);
    assert_eq!(sent(left.home.path()), ["one\ntwo\nthree!"]);
}

#[test]
fn a_paste_of_ten_thousand_lines_is_one_question_and_arrives_whole() {
    let terminal = start(program());
    let lines: Vec<String> = (0..10_000).map(|number| format!("line {number}")).collect();
    terminal.send(&format!("\x1b[200~{}\x1b[201~", lines.join("\r")));
    terminal.wait_for_text(LIMIT, "10000 lines");
    terminal.send("\r");
    terminal.wait_for_text(LIMIT, "I do not know that");
    let left = leave(terminal);
    assert!(sent(left.home.path()) == [lines.join("\n")], "the question is the paste");
}

#[test]
fn the_cursor_stands_at_the_caret_in_wide_and_joined_text() {
    let terminal = start(program());
    let mut column = 2;
    let wait_for_column = |column: u16| {
        terminal.wait_until(LIMIT, |screen| {
            let (row, at) = screen.cursor_position();
            let text = screen.rows(0, SIZE.columns).nth(usize::from(row)).unwrap_or_default();
            at == column && text.starts_with("> ") && !screen.hide_cursor()
        });
    };
    let typed = [("a", 1), ("漢", 2), ("👩\u{200d}👩\u{200d}👧", 2), ("e\u{301}", 1), ("ö", 1)];
    for (cluster, columns) in typed {
        terminal.send(cluster);
        column += columns;
        wait_for_column(column);
    }
    for (_, columns) in typed.iter().rev() {
        terminal.send("\x1b[D");
        column -= columns;
        wait_for_column(column);
    }
    terminal.send("\x03");
    wait_for_column(2);
    leave(terminal);
}

#[test]
fn a_line_of_ten_thousand_characters_arrives_whole() {
    let terminal = start(program());
    let line = "x".repeat(10_000);
    terminal.send(&line);
    terminal.send("\r");
    terminal.wait_for_text(LIMIT, "I do not know that");
    let left = leave(terminal);
    assert_eq!(sent(left.home.path()), [line]);
}

/// Returns a chat whose answers only end when they are stopped.
fn endless(flags: &str) -> Program {
    let program = format!("chat --model any --trace trace.jsonl {flags} --url");
    Program::rtvoice(&program).arg(endless_server::start())
}

#[test]
fn ctrl_c_stops_an_answer_and_the_conversation_goes_on() {
    let terminal = start(endless(""));
    terminal.send("one\r");
    terminal.wait_for_text(LIMIT, "Answer 1 begins");
    terminal.send(CONTROL_C);
    terminal.wait_for_text(LIMIT, "your turn");
    terminal.send("two\r");
    terminal.wait_for_text(LIMIT, "Answer 2 begins");
    terminal.send(ESCAPE);
    terminal.wait_for_text(LIMIT, "your turn");
    terminal.send("half");
    terminal.wait_for_text(LIMIT, "> half");
    terminal.send(CONTROL_C);
    terminal.wait_for_text(LIMIT, "text cleared");
    terminal.send(CONTROL_C);
    terminal.wait_for_text(LIMIT, "press Ctrl-C again or Ctrl-D to leave");
    terminal.send(CONTROL_C);
    let left = terminal.wait(LIMIT).expect_code(0).expect_restored();
    assert_eq!(sent(left.home.path()), ["one", "two"]);
    assert!(left.text.contains("Assistant: Answer 2 begins (interrupted)"), "{}", left.text);
}

#[test]
fn ctrl_c_in_plain_lines_stops_an_answer_and_then_ends_the_chat() {
    let terminal = Terminal::start(endless("--plain --no-markdown"), SIZE);
    terminal.wait_for_text(LIMIT, "> ");
    for number in 1..=2 {
        terminal.send("question\r");
        terminal.wait_for_text(LIMIT, &format!("Answer {number} begins"));
        terminal.send(CONTROL_C);
        terminal.wait_until(LIMIT, |screen| screen.contents().matches("> ").count() > number);
    }
    terminal.send(CONTROL_C);
    let left = terminal.wait(LIMIT).expect_code(130).expect_restored();
    assert_eq!(sent(left.home.path()), ["question"; 2]);
}

#[test]
fn every_way_out_restores_the_terminal() {
    for leaving in ["/quit\r", "\x11", CONTROL_D] {
        let terminal = start(program());
        terminal.send(leaving);
        terminal.wait(LIMIT).expect_code(0).expect_restored();
    }
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)] {
        let terminal = start(program());
        terminal.signal(signal);
        terminal.wait(LIMIT).expect_code(code).expect_restored();
    }
}

#[test]
fn a_mistyped_command_is_never_sent_and_stays_in_the_editor() {
    let terminal = start(program());
    terminal.send("/cler\r");
    terminal.wait_for_text(LIMIT, "did you mean /clear?");
    terminal.send("\x15//clear\r");
    terminal.wait_for_text(LIMIT, "I do not know that");
    terminal.wait_for_text(LIMIT, "your turn");
    let left = leave(terminal);
    assert_eq!(sent(left.home.path()), ["/clear"]);
}

#[test]
fn retry_replaces_the_answer_and_clear_forgets_the_conversation() {
    let terminal = start(program());
    terminal.send("keys\r");
    terminal.wait_for_text(LIMIT, "RTVOICE_API_KEY");
    terminal.wait_for_text(LIMIT, "your turn");
    terminal.send("/retry\r");
    terminal.wait_until(LIMIT, |screen| !screen.contents().contains("RTVOICE_API_KEY"));
    terminal.wait_for_text(LIMIT, "RTVOICE_API_KEY");
    terminal.wait_for_text(LIMIT, "your turn");
    terminal.send("/clear\r");
    terminal.wait_until(LIMIT, |screen| !screen.contents().contains("RTVOICE_API_KEY"));
    terminal.wait_for_text(LIMIT, "your turn");
    let left = leave(terminal);
    assert!(!left.text.contains("You: keys"), "{}", left.text);
    let events = Schema::of(Dialect::Ga).check_trace(&left.home.path().join("trace.jsonl"));
    let count = |kind: &str| events.iter().filter(|event| event["type"] == kind).count();
    assert_eq!((count("conversation.item.delete"), count("response.create")), (1, 2));
    assert_eq!(count("session.update"), 2, "clear opens a new session");
}

#[test]
fn sent_texts_are_recalled_in_the_next_conversation_from_a_private_file() {
    use std::os::unix::fs::PermissionsExt;

    let script = format!("{0}; {0}", format_args!("{} chat --demo", env!("CARGO_BIN_EXE_rtvoice")));
    let terminal = start(Program::shell(&script));
    terminal.send("what are keys for?\r");
    terminal.wait_for_text(LIMIT, "RTVOICE_API_KEY");
    terminal.wait_for_text(LIMIT, "your turn");
    let file = terminal.file(".local/state/rtvoice/history");
    assert_eq!(fs::read_to_string(&file).expect("it was recorded"), "what are keys for?\n");
    assert_eq!(fs::metadata(&file).expect("it exists").permissions().mode() & 0o777, 0o600);
    terminal.send(CONTROL_D);
    terminal.wait_until(LIMIT, |screen| {
        screen.alternate_screen() && !screen.contents().contains("RTVOICE_API_KEY")
    });
    terminal.wait_for_text(LIMIT, "your turn");
    terminal.send(UP);
    terminal.wait_for_text(LIMIT, "> what are keys for?");
    terminal.send(CONTROL_C);
    terminal.wait_for_text(LIMIT, "text cleared");
    leave(terminal);
}

#[test]
fn ctrl_o_edits_the_text_in_the_editor_of_the_user() {
    // The editor reads a key of its own, which the screen must not take.
    let editor = "sh -c 'echo edit; read key; echo \" and $key\" >> \"$0\"'";
    let terminal = start(program().env("VISUAL", editor));
    terminal.send("draft");
    terminal.wait_for_text(LIMIT, "> draft");
    terminal.send(CONTROL_O);
    terminal.wait_until(LIMIT, |screen| !screen.alternate_screen() && screen.contents().contains("edit"));
    terminal.send("more\r");
    terminal.wait_until(LIMIT, |screen| {
        screen.alternate_screen() && screen.contents().contains("> draft and more")
    });
    terminal.send("!");
    terminal.wait_for_text(LIMIT, "and more!");
    terminal.send(CONTROL_C);
    terminal.wait_for_text(LIMIT, "text cleared");
    leave(terminal);
}

#[test]
fn a_kept_conversation_is_continued_on_the_screen() {
    let script = format!("{0} --save; {0} -c", format_args!("{} chat --demo", env!("CARGO_BIN_EXE_rtvoice")));
    let terminal = start(Program::shell(&script));
    terminal.send("what are keys for?\r");
    terminal.wait_for_text(LIMIT, "RTVOICE_API_KEY");
    terminal.wait_for_text(LIMIT, "your turn");
    terminal.send(CONTROL_D);
    terminal.wait_for_text(LIMIT, "continuing 2");
    terminal.wait_for_text(LIMIT, "your turn");
    terminal.send("/edit\r");
    terminal.wait_for_text(LIMIT, "> what are keys for?");
    terminal.send(CONTROL_C);
    terminal.wait_for_text(LIMIT, "text cleared");
    let left = leave(terminal);
    assert!(left.text.contains("conversation kept in /"), "{}", left.text);
}

#[test]
fn files_are_attached_by_commands() {
    let terminal = start(program());
    fs::write(terminal.file("notes.txt"), "one\n").expect("it can be written");
    terminal.send("/image notes.txt\r");
    terminal.wait_for_text(LIMIT, "notes.txt is not an image that can be sent");
    terminal.send("/file notes.txt\r");
    terminal.wait_for_text(LIMIT, "text goes with your next message");
    terminal.send("sum up\r");
    terminal.wait_for_text(LIMIT, "I do not know that");
    terminal.wait_for_text(LIMIT, "your turn");
    let left = leave(terminal);
    assert_eq!(sent(left.home.path()), ["sum up\n\nnotes.txt:\n```\none\n```"]);
}

#[test]
fn answers_are_read_in_words_in_plain_lines() {
    let plain = Terminal::start(Program::rtvoice("chat --demo --plain"), Size { columns: 80, rows: 60 });
    plain.wait_for_text(LIMIT, "> ");
    plain.send("markdown\r");
    plain.wait_for_text(LIMIT, "End of table.");
    let text = plain.text();
    assert!(text.contains("Heading 1: Markdown on a terminal") && text.contains("Item 1: "), "{text}");
    assert!(text.contains("Bullet, level 2: They nest.") && !text.contains("| ---"), "{text}");
    plain.send(CONTROL_D);
    plain.wait(LIMIT).expect_code(0);
}

#[test]
fn a_conversation_is_saved_and_copied() {
    let terminal = start(program());
    terminal.send("keys\r");
    terminal.wait_for_text(LIMIT, "RTVOICE_API_KEY");
    terminal.wait_for_text(LIMIT, "your turn");
    terminal.send("/save talk.md\r");
    terminal.wait_for_text(LIMIT, "saved to talk.md");
    terminal.send("/copy code\r");
    terminal.wait_for_text(LIMIT, "sent to the clipboard of the terminal");
    let left = leave(terminal);
    let saved = fs::read_to_string(left.home.path().join("talk.md")).expect("it was saved");
    assert!(saved.starts_with("## You\n\nkeys\n\n## Assistant\n\n") && saved.contains("```sh"), "{saved}");
    // The code begins with `export`.
    let copied = b"\x1b]52;c;ZXhwb3J0";
    assert!(left.bytes.windows(copied.len()).any(|bytes| bytes == copied));
}

#[test]
fn plain_and_piped_conversations_stay_lines() {
    let plain = Terminal::start(Program::rtvoice("chat --demo --plain"), SIZE);
    plain.wait_for_text(LIMIT, "> ");
    plain.send("/cler\r");
    plain.wait_for_text(LIMIT, "did you mean /clear?");
    plain.send("keys\r");
    plain.wait_for_text(LIMIT, "RTVOICE_API_KEY");
    plain.send(CONTROL_D);
    let left = plain.wait(LIMIT).expect_code(0).expect_restored();
    assert!(!left.bytes.windows(8).any(|bytes| bytes == b"\x1b[?1049h"), "no screen");
    assert!(!left.home.path().join(".local/state/rtvoice/history").exists(), "nothing is recorded");
}
