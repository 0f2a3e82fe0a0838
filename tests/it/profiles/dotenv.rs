//! A `.env` in the current folder, from outside: what it can choose, and what it cannot reach or break.

use std::fs;

use super::fake::{Answer, Fake};
use super::{LIMIT, shown};
use crate::support::program::Program;

fn with_dotenv(args: &str, dotenv: impl AsRef<[u8]>) -> Program {
    let program = Program::rtvoice(args);
    fs::write(program.file(".env"), dotenv).expect("the file can be written");
    program
}

#[test]
fn a_dotenv_value_is_never_expanded() {
    let fake = Fake::answering([Answer::Session]);
    let dotenv =
        format!("RTVOICE_URL={}?k=$OPENAI_API_KEY\nRTVOICE_API_KEY=${{OPENAI_API_KEY}}\n", fake.url());
    let outcome = with_dotenv("chat hello", dotenv).env("OPENAI_API_KEY", "sk-hush").run().expect_code(0);
    let head = fake.head(LIMIT);
    assert!(head.starts_with("GET /v1/realtime?k=$OPENAI_API_KEY HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("Authorization: Bearer ${OPENAI_API_KEY}\r\n"), "{head}");
    assert!(!head.contains("hush") && !outcome.stderr.contains("hush"), "{head}");
}

#[test]
fn an_endpoint_chosen_by_dotenv_is_announced_before_the_microphone_opens() {
    let fake = Fake::answering([Answer::Session, Answer::Session]);
    let dotenv = format!("RTVOICE_URL={}\n", fake.url());
    let sentence = "endpoint 127.0.0.1, chosen by .env in this folder";
    let plain = with_dotenv("chat hello", &dotenv).run().expect_code(0);
    assert!(plain.stderr.lines().any(|line| line.ends_with(sentence)), "{}", plain.stderr);
    let lines = with_dotenv("chat --json hello", &dotenv).run().expect_code(0).json_lines();
    let at =
        |found: &dyn Fn(&serde_json::Value) -> bool| lines.iter().position(found).expect("the line comes");
    let announced = at(&|line| line["type"] == "info" && line["message"] == sentence);
    assert!(
        announced < at(&|line| line["type"] == "connection" && line["state"] == "configuring"),
        "{lines:?}"
    );
    // The microphone of a call is announced by device lines; a failing one is not even tried before.
    let call = with_dotenv("talk --json --input missing.wav --output null", &dotenv).run().expect_code(4);
    let lines = call.json_lines();
    assert!(lines.iter().any(|line| line["message"] == sentence), "{lines:?}");
}

#[test]
fn lines_of_other_programs_do_not_hide_the_key() {
    let key = "RTVOICE_API_KEY=sk-EXAMPLE-0000\n";
    let utf16: Vec<u8> = format!("\u{FEFF}{key}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    for dotenv in [
        [b"\xEF\xBB\xBF", key.as_bytes()].concat(),
        [b"OPTS={ \"a\": 1 }\n", key.as_bytes()].concat(),
        [b"NAME=caf\xe9\n", key.as_bytes()].concat(),
        [b"APP_NAME=My Great App\n", key.as_bytes()].concat(),
        utf16,
    ] {
        let shown = shown(with_dotenv("config show --json", &dotenv));
        let (source, name) = (&shown["key"]["source"], &shown["key"]["name"]);
        assert_eq!((source, name), (&".env".into(), &"RTVOICE_API_KEY".into()), "{dotenv:?}");
    }
}

#[test]
fn nothing_that_needs_no_value_from_dotenv_fails_because_of_it() {
    let fake = Fake::answering([Answer::Session, Answer::Session]);
    let chat = format!("chat --url {} hello", fake.url());
    let garbage = b"{\n\"a\": [1,\nOPENAI_API_KEY=\"unclosed\n\xff\xfe\0\n=\nkey: value\n";
    for args in ["config path", "config init", "config show", "chat --demo hello", &chat] {
        with_dotenv(args, garbage).run().expect_code(0);
    }
    let program = with_dotenv("chat hello", "# mine\nRTVOICE_URL=\"ws://127.0.0.1:9\n");
    let outcome = program.run().expect_code(3);
    let sentence = "line 2 of .env in this folder does not set RTVOICE_URL: the quote is not closed";
    assert!(outcome.stderr.contains(sentence), "{}", outcome.stderr);
}

#[cfg(unix)]
#[test]
fn a_dotenv_that_is_a_fifo_a_folder_or_a_device_is_skipped() {
    let fake = Fake::answering([Answer::Session, Answer::Session, Answer::Session]);
    let make: [(&str, &str); 3] =
        [("mkfifo", "it is a FIFO"), ("mkdir", ""), ("ln -s /dev/zero", "it is a device")];
    for (command, said) in make {
        let program = Program::rtvoice("chat hello").env("RTVOICE_URL", fake.url());
        let made = std::process::Command::new("sh")
            .arg("-c")
            .arg(format!("{command} .env"))
            .current_dir(program.home.path())
            .status();
        assert!(made.expect("a shell runs").success());
        let outcome = program.run().expect_code(0);
        assert!(outcome.stderr.contains(said), "{command}: {}", outcome.stderr);
    }
}

#[cfg(unix)]
#[test]
fn a_dotenv_of_another_user_is_refused() {
    let program = with_dotenv("chat hello", "RTVOICE_URL=ws://127.0.0.1:9\n");
    // Only the superuser can give a file away; for others a file of the system stands in.
    if std::os::unix::fs::chown(program.file(".env"), Some(65_534), None).is_err() {
        fs::remove_file(program.file(".env")).expect("it is there");
        std::os::unix::fs::symlink("/etc/passwd", program.file(".env")).expect("a link can be made");
    }
    let outcome = program.run().expect_code(3);
    let sentence = "rtvoice: .env in this folder belongs to another user";
    assert!(outcome.stderr.starts_with(sentence), "{}", outcome.stderr);
}

#[test]
fn a_damaged_state_file_is_set_aside_with_a_warning() {
    let fake = Fake::answering([Answer::Session]);
    let program = Program::rtvoice(&format!("chat --url {} hello", fake.url()));
    let state = program.file(".local/state/rtvoice/devices.json");
    fs::create_dir_all(state.parent().expect("it lies in a folder")).expect("the folder can be made");
    fs::write(&state, "{ \"openai\": [").expect("the file can be written");
    let outcome = program.run().expect_code(0);
    assert!(outcome.stderr.contains("devices.json is damaged"), "{}", outcome.stderr);
    let aside = outcome.home.path().join(".local/state/rtvoice/devices.json.damaged");
    assert_eq!(fs::read_to_string(aside).expect("it was renamed"), "{ \"openai\": [");
}
