//! Kept conversations, roles, images and spoken answers of `rtvoice chat`.

use std::fs;
use std::path::{Path, PathBuf};

use rtvoice::protocol::dialect::Dialect;
use serde_json::Value;

use crate::support::program::{Outcome, Program};
use crate::support::schema::Schema;

/// Returns a program that runs several chats with the demo in one home.
fn script(chats: &[&str]) -> Program {
    let program = env!("CARGO_BIN_EXE_rtvoice");
    let chats: Vec<String> = chats.iter().map(|args| format!("{program} chat --demo {args}")).collect();
    Program::shell(&chats.join("; "))
}

fn config(program: Program, text: &str) -> Program {
    let path = program.home.path().join(".config/rtvoice/config.toml");
    fs::create_dir_all(path.parent().expect("it has one")).expect("the folder can be created");
    fs::write(path, text).expect("the file can be written");
    program
}

/// Returns the files of kept conversations, in the order of their ids.
fn kept(outcome: &Outcome) -> Vec<PathBuf> {
    let folder = outcome.home.path().join(".local/share/rtvoice/sessions");
    let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().map_while(Result::ok);
    let mut files: Vec<PathBuf> =
        entries(&folder).flat_map(|month| entries(&month.path())).map(|entry| entry.path()).collect();
    files.sort();
    files
}

fn events(outcome: &Outcome, trace: &str) -> Vec<Value> {
    Schema::of(Dialect::Ga).check_trace(&outcome.home.path().join(trace))
}

/// Returns the texts of the items that were sent.
fn sent(outcome: &Outcome, trace: &str) -> Vec<String> {
    let events = events(outcome, trace);
    let contents = events.iter().filter_map(|event| event["item"]["content"].as_array());
    contents.filter_map(|parts| parts.last()?["text"].as_str().map(str::to_owned)).collect()
}

#[test]
fn nothing_is_kept_unless_it_is_asked_for() {
    let outcome = script(&["hello", "--save --no-save hello || true"]).run().expect_code(0);
    assert!(kept(&outcome).is_empty());
    let configured = config(script(&["--no-save hello", "hello"]), "[defaults]\nsave = true\n");
    assert_eq!(kept(&configured.run().expect_code(0)).len(), 1);
}

#[cfg(unix)]
#[test]
fn a_conversation_is_continued_from_a_private_file() {
    use std::os::unix::fs::PermissionsExt;

    let outcome = script(&["--save keys", "-c --trace trace.jsonl and now?"]).run().expect_code(0);
    let sent = sent(&outcome, "trace.jsonl");
    assert_eq!((sent.len(), sent[0].as_str(), sent[2].as_str()), (3, "keys", "and now?"));
    assert!(sent[1].contains("RTVOICE_API_KEY"), "the answer: {}", sent[1]);
    let note = outcome.stderr.lines().find(|line| line.starts_with("continuing ")).expect("it says so");
    assert!(note.contains(": 2 turns, about ") && note.ends_with(" tokens"), "{note}");
    assert_eq!(outcome.stderr.matches("conversation kept in ").count(), 2, "{}", outcome.stderr);
    let files = kept(&outcome);
    assert_eq!(files.len(), 2, "the first file is not written to again");
    for file in &files {
        let mode = |path: &Path| fs::metadata(path).expect("it exists").permissions().mode() & 0o777;
        assert_eq!((mode(file), mode(file.parent().expect("a month"))), (0o600, 0o700));
    }
    let both = files.iter().map(|file| fs::read_to_string(file).expect("it is text"));
    let continued = both.filter(|text| text.contains("\"continues\":\"2")).count();
    assert_eq!(continued, 1);
}

#[test]
fn named_conversations_are_apart_from_each_other() {
    let outcome = script(&["--session a keys", "--session b hello", "--session a --trace a.jsonl again"]);
    let outcome = outcome.run().expect_code(0);
    assert_eq!(sent(&outcome, "a.jsonl").first().map(String::as_str), Some("keys"));
    assert!(outcome.stderr.contains("new conversation \"b\"\n"), "{}", outcome.stderr);
}

#[test]
fn continuing_without_a_kept_conversation_is_a_mistake_in_the_command() {
    let outcome = script(&["-c hello"]).run().expect_code(2);
    let expected =
        "rtvoice: there is no kept conversation to continue\nhint: keep one with --save or --session NAME\n";
    assert_eq!(outcome.stderr, expected);
}

#[test]
fn a_file_of_a_later_version_is_not_continued() {
    let program = script(&["-c hello"]);
    let folder = program.home.path().join(".local/share/rtvoice/sessions/2026-11");
    fs::create_dir_all(&folder).expect("the folder can be created");
    fs::write(folder.join("x.jsonl"), "{\"rtvoice_session\":2,\"id\":\"x\"}\n").expect("it can be written");
    let outcome = program.run().expect_code(4);
    assert!(outcome.stderr.contains("a later version of rtvoice wrote it"), "{}", outcome.stderr);
}

#[cfg(unix)]
#[test]
fn a_link_in_the_way_of_kept_conversations_is_an_error() {
    let program = script(&["--save hello"]);
    let data = program.home.path().join(".local/share/rtvoice");
    fs::create_dir_all(&data).expect("the folder can be created");
    std::os::unix::fs::symlink("/tmp", data.join("sessions")).expect("the link can be created");
    let outcome = program.run().expect_code(4);
    assert!(outcome.stderr.contains("sessions: it is a symbolic link"), "{}", outcome.stderr);
    assert!(outcome.stdout.is_empty());
}

#[test]
fn a_dry_run_shows_the_conversation_that_is_continued_and_keeps_nothing() {
    let outcome = script(&["--save keys", "-c --dry-run more"]).run().expect_code(0);
    assert!(outcome.text().contains("\nuser: keys\n\nassistant: "), "{}", outcome.text());
    assert_eq!(kept(&outcome).len(), 1);
}

#[test]
fn a_role_gives_instructions_or_the_text_around_the_question() {
    let roles = "[roles.brief]\ninstructions = \"Answer briefly.\"\n\
                 [roles.translate]\ninstructions = \"Translate: $input\"\n";
    let program = script(&["-r brief --trace a.jsonl hola", "-r translate --trace b.jsonl hola"]);
    let outcome = config(program, roles).run().expect_code(0);
    assert_eq!(events(&outcome, "a.jsonl")[0]["session"]["instructions"], "Answer briefly.");
    assert_eq!(sent(&outcome, "a.jsonl"), ["hola"]);
    assert_eq!(events(&outcome, "b.jsonl")[0]["session"]["instructions"], Value::Null);
    assert_eq!(sent(&outcome, "b.jsonl"), ["Translate: hola"]);
    let unknown = config(script(&["-r breif hola"]), roles).run().expect_code(3);
    assert_eq!(unknown.stderr, "rtvoice: unknown role \"breif\"\nhint: did you mean brief?\n");
}

/// The smallest PNG image.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0:~\x9bU";

#[test]
fn an_image_goes_with_the_question() {
    let program = script(&["--image dot.png --trace trace.jsonl what is this"]);
    fs::write(program.home.path().join("dot.png"), PNG).expect("it can be written");
    let outcome = program.run().expect_code(0);
    let events = events(&outcome, "trace.jsonl");
    let content = events.iter().find_map(|event| event["item"]["content"].as_array()).expect("a message");
    assert_eq!(content[0]["type"], "input_image");
    assert!(
        content[0]["image_url"]
            .as_str()
            .is_some_and(|url| url.starts_with("data:image/png;base64,iVBORw0KGgo"))
    );
    assert_eq!(content[1]["text"], "what is this");
    assert!(outcome.text().starts_with("I got an image: PNG, "), "{}", outcome.text());
}

#[test]
fn an_image_that_cannot_be_sent_is_one_sentence_with_a_hint() {
    let program = script(&["--image notes.png --trace trace.jsonl look"]);
    fs::write(program.home.path().join("notes.png"), "text").expect("it can be written");
    let outcome = program.run().expect_code(4);
    let expected =
        "rtvoice: notes.png is not an image that can be sent\nhint: --image takes PNG, JPEG, WebP and GIF\n";
    assert_eq!(outcome.stderr, expected);
    let program = script(&["--dialect beta --image dot.png look"]);
    fs::write(program.home.path().join("dot.png"), PNG).expect("it can be written");
    let outcome = program.run().expect_code(6);
    assert!(
        outcome.stderr.contains("images cannot be sent: the endpoint speaks the beta dialect\nhint: "),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_spoken_answer_is_written_and_played_to_its_end() {
    let outcome = script(&["--speak --output answer.wav --trace trace.jsonl hello"]).run().expect_code(0);
    assert!(!outcome.text().trim().is_empty(), "the answer is written, too");
    let session = events(&outcome, "trace.jsonl")[0]["session"].clone();
    assert_eq!(session["output_modalities"], serde_json::json!(["audio"]));
    let sound = fs::metadata(outcome.home.path().join("answer.wav")).expect("it was played").len();
    assert!(sound > 24_000, "{sound} bytes");
    let both = script(&["--speak --output - --json hello"]).run().expect_code(2);
    assert!(both.stderr.contains("both use standard output"), "{}", both.stderr);
}
