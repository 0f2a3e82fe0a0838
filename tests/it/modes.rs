//! The two modes of a call's screen: voice and text, each with its own connection and conversation.

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::program::{Program, json_lines};
use crate::support::pty::{Size, Terminal};

const LIMIT: Duration = Duration::from_secs(120);
const SIZE: Size = Size { columns: 80, rows: 24 };

const CONTROL_C: &str = "\x03";
const CONTROL_D: &str = "\x04";
const F6: &str = "\x1b[17~";
const F7: &str = "\x1b[18~";
const F8: &str = "\x1b[19~";

/// First words that the demo says in a call.
const GREETING: &str = "Hello, this is";

fn call() -> Program {
    Program::rtvoice("talk --demo --input null --output null --trace trace.jsonl")
}

/// Starts a call whose greeting has begun.
fn start(program: Program) -> Terminal {
    let terminal = Terminal::start(program, SIZE);
    terminal.wait_for_text(LIMIT, GREETING);
    terminal
}

fn header(terminal: &Terminal) -> String {
    terminal.rows().first().cloned().unwrap_or_default()
}

fn wait_for_header(terminal: &Terminal, text: &str) {
    terminal.wait_until(LIMIT, |screen| {
        screen.rows(0, SIZE.columns).next().is_some_and(|row| row.contains(text))
    });
}

/// Shows the conversation in writing.
fn show_text(terminal: &Terminal) {
    terminal.send(F6);
    terminal.wait_until(LIMIT, |screen| !screen.contents().contains(GREETING));
    terminal.wait_for_text(LIMIT, "F6 call");
}

/// Shows the call.
fn show_call(terminal: &Terminal) {
    terminal.send(F6);
    terminal.wait_for_text(LIMIT, "F6 text");
}

/// Returns the traced events of one direction.
fn traced(terminal: &Terminal, direction: &str) -> Vec<Value> {
    let text = fs::read_to_string(terminal.file("trace.jsonl")).expect("the trace is written");
    let lines = json_lines(&text).into_iter().filter(|line| line["dir"] == direction);
    lines.map(|mut line| line["event"].take()).collect()
}

fn count(events: &[Value], kind: &str) -> usize {
    events.iter().filter(|event| event["type"] == kind).count()
}

#[test]
fn a_spoken_answer_goes_on_while_the_text_mode_is_shown_and_a_written_one_while_the_call_is() {
    let terminal = start(call());
    assert_eq!(
        count(&traced(&terminal, "in"), "session.created"),
        1,
        "text opens with the first message only"
    );
    show_text(&terminal);
    wait_for_header(&terminal, "call answering");
    wait_for_header(&terminal, "LIVE");
    terminal.send("what are keys for?\r");
    terminal.wait_for_text(LIMIT, "You");
    show_call(&terminal);
    terminal.wait_for_text(LIMIT, GREETING);
    wait_for_header(&terminal, "text");
    assert!(!terminal.text().contains("what are keys for?"), "{}", terminal.text());
    show_text(&terminal);
    terminal.wait_for_text(LIMIT, "RTVOICE_API_KEY");
    let events = traced(&terminal, "out");
    let interrupted = ["response.cancel", "conversation.item.truncate"].map(|kind| count(&events, kind));
    assert_eq!(interrupted, [0, 0], "nothing was interrupted");
    terminal.send(CONTROL_D);
    let left = terminal.wait(LIMIT).expect_code(0).expect_restored();
    let said = left.text;
    assert!(said.contains("You: what are keys for?") && said.contains("call ended ("), "{said}");
}

#[test]
fn each_mode_keeps_its_own_draft_and_clear_empties_the_shown_one_only() {
    let terminal = start(call());
    terminal.send("draft of the call");
    show_text(&terminal);
    assert!(!terminal.text().contains("draft of the call"));
    terminal.send("hello there\r");
    terminal.wait_for_text(LIMIT, "hello there");
    wait_for_header(&terminal, "your turn");
    terminal.send(F8);
    terminal.wait_for_text(LIMIT, "press F8 again");
    terminal.send(F8);
    terminal.wait_until(LIMIT, |screen| !screen.contents().contains("hello there"));
    wait_for_header(&terminal, "not connected");
    show_call(&terminal);
    terminal.wait_for_text(LIMIT, GREETING);
    terminal.wait_for_text(LIMIT, "draft of the call");
    terminal.send("\x15/clear\r");
    terminal.wait_for_text(LIMIT, "conversation cleared");
    assert!(!header(&terminal).contains("no call"), "the call goes on in a new session");
    terminal.send(CONTROL_C);
    terminal.wait(LIMIT).expect_code(0).expect_restored();
}

#[test]
fn a_call_is_hung_up_and_made_again_with_its_conversation() {
    let terminal = start(call());
    terminal.send(F7);
    wait_for_header(&terminal, "no call");
    terminal.wait_for_text(LIMIT, "F7 call");
    assert!(!header(&terminal).contains("LIVE"), "{}", header(&terminal));
    terminal.send("not to be lost\r");
    terminal.wait_for_text(LIMIT, "no call: F7 calls");
    terminal.wait_for_text(LIMIT, "not to be lost");
    terminal.send(F7);
    wait_for_header(&terminal, "LIVE");
    terminal.wait_for_text(LIMIT, GREETING);
    terminal.send("\r");
    terminal.wait_for_text(LIMIT, "You");
    let events = traced(&terminal, "in");
    assert_eq!(count(&events, "session.created"), 2, "the second call is a new session");
    let given = traced(&terminal, "out");
    let given = given.iter().find(|event| event["item"]["role"] == "assistant").expect("it gets the answer");
    let text = given["item"]["content"][0]["text"].as_str().unwrap_or_default();
    assert!(GREETING.starts_with(&text[..5.min(text.len())]) && !text.is_empty(), "what was heard: {text:?}");
    terminal.send(CONTROL_C);
    terminal.wait(LIMIT).expect_code(0).expect_restored();
}

#[test]
fn an_idle_text_connection_closes_itself_and_comes_back_with_the_conversation() {
    let program = call();
    let config = program.file(".config/rtvoice/config.toml");
    fs::create_dir_all(config.parent().expect("it has one")).expect("the folder can be created");
    fs::write(&config, "[defaults]\ntext_idle = 0.03\n").expect("the file can be written");
    let terminal = start(program);
    show_text(&terminal);
    terminal.send("hello there\r");
    wait_for_header(&terminal, "your turn");
    wait_for_header(&terminal, "not connected");
    terminal.send("what are keys for?\r");
    terminal.wait_for_text(LIMIT, "RTVOICE_API_KEY");
    let events = traced(&terminal, "out");
    let texts: Vec<_> =
        events.iter().filter_map(|event| event["item"]["content"][0]["text"].as_str()).collect();
    assert_eq!(texts.iter().filter(|text| **text == "hello there").count(), 2, "it is replayed: {texts:?}");
    show_call(&terminal);
    assert!(header(&terminal).contains("LIVE"), "the call is not idle: {}", header(&terminal));
    terminal.send(CONTROL_C);
    terminal.wait(LIMIT).expect_code(0).expect_restored();
}

#[test]
fn a_call_that_lost_its_server_can_be_made_again() {
    let port =
        TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    let serve = || {
        let server = Program::rtvoice(&format!("serve --port {port}")).start();
        server.wait_for_line(LIMIT, |line| line.starts_with("listening on "));
        server
    };
    let server = serve();
    let args =
        format!("talk --input null --output null --model demo --url ws://127.0.0.1:{port}/v1/realtime");
    let terminal = start(Program::rtvoice(&args));
    server.signal(Signal::KILL);
    server.wait(LIMIT);
    wait_for_header(&terminal, "no call");
    terminal.wait_for_text(LIMIT, "Error");
    let _again = serve();
    terminal.send(F7);
    wait_for_header(&terminal, "LIVE");
    terminal.send(CONTROL_C);
    let left = terminal.wait(LIMIT).expect_code(0).expect_restored();
    assert!(left.text.contains("Assistant: "), "{}", left.text);
}

#[test]
fn the_language_of_the_interface_is_that_of_both_modes() {
    let terminal = start(call());
    terminal.send("/ui-lang zh-TW\r");
    terminal.wait_for_text(LIMIT, "F6 文字");
    terminal.send(F6);
    terminal.wait_for_text(LIMIT, "F6 通話");
    terminal.send(CONTROL_D);
    terminal.wait(LIMIT).expect_code(0).expect_restored();
}
