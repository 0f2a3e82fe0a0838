//! Profiles, the configuration file and keys, from outside: what is dialled, and what is never shown.

mod dotenv;
mod fake;
mod prices;
mod settings;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::support::program::Program;
use fake::{Answer, Fake};

const LIMIT: Duration = Duration::from_secs(120);

/// The program with a configuration file that only its owner can read.
fn with_file(args: &str, text: &str) -> Program {
    let program = Program::rtvoice(args);
    write(&config(&program), text, 0o600);
    program
}

fn config(program: &Program) -> PathBuf {
    program.file(".config/rtvoice/config.toml")
}

fn write(path: &PathBuf, text: &str, mode: u32) {
    fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("the folder can be made");
    fs::write(path, text).expect("the file can be written");
    set_mode(path, mode);
}

#[cfg(unix)]
fn set_mode(path: &PathBuf, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("the mode can be set");
}

#[cfg(not(unix))]
fn set_mode(_: &PathBuf, _: u32) {}

#[test]
fn a_profile_of_the_file_is_dialled_as_it_says() {
    let fake = Fake::answering([Answer::Session]);
    let file = format!(
        "profile = \"work\"\n[profiles.work]\nurl = \"{}\"\nmodel = \"m-1\"\nkey = \"sk-of-file\"\n\
         auth = \"subprotocol\"\norganization = \"org-9\"\nheaders = {{ X-Team = \"voice\" }}\n",
        fake.url()
    );
    let outcome = with_file("chat hello", &file).run().expect_code(0);
    assert_eq!(outcome.text().trim(), "It works.");
    let head = fake.head(LIMIT);
    assert!(head.starts_with("GET /v1/realtime?model=m-1 HTTP/1.1\r\n"), "{head}");
    let offered =
        "Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.sk-of-file, openai-organization.org-9\r\n";
    assert!(head.contains(offered) && head.contains("x-team: voice\r\n"), "{head}");
    assert!(!head.contains("Authorization"), "{head}");
}

#[test]
fn an_endpoint_that_does_not_know_the_beta_marker_is_asked_once_more_without() {
    let fake = Fake::answering([Answer::Status(400, "{\"error\":\"unknown header\"}"), Answer::Session]);
    let file = format!("[profiles.ope-ai]\nurl = \"{}\"\nkey_env = [\"MY_KEY\"]\n", fake.url());
    let program = with_file("chat --profile ope-ai hello", &file).env("MY_KEY", "k-1");
    assert_eq!(program.run().expect_code(0).text().trim(), "It works.");
    let (first, second) = (fake.head(LIMIT), fake.head(LIMIT));
    assert!(first.starts_with("GET /v1/realtime?model=opeai/AudioLLM/Voice2 HTTP/1.1\r\n"), "{first}");
    assert!(first.contains("OpenAI-Beta: realtime=v1\r\n"), "{first}");
    assert!(!second.contains("OpenAI-Beta") && second.contains("Authorization: Bearer k-1\r\n"), "{second}");
}

#[test]
fn what_refuses_twice_is_not_asked_a_third_time_and_another_refusal_not_twice() {
    let again = Answer::Status(400, "{}");
    for (answers, heads) in [
        (vec![again, again, Answer::Session], 2),
        (vec![Answer::Status(401, "{\"error\":\"the key k-hush is wrong\"}"), Answer::Session], 1),
    ] {
        let fake = Fake::answering(answers);
        let file = format!("[profiles.ope-ai]\nurl = \"{}\"\nkey_env = [\"MY_KEY\"]\n", fake.url());
        let program = with_file("chat --profile ope-ai hello", &file).env("MY_KEY", "k-hush");
        let outcome = program.run().expect_code(6);
        assert!(!outcome.stderr.contains("k-hush"), "{}", outcome.stderr);
        assert_eq!(fake.count(), heads);
    }
}

#[test]
fn the_key_of_a_profile_is_shown_to_no_other_host() {
    let fake = Fake::answering([Answer::Session, Answer::Session]);
    let keys = |program: Program| {
        let own = ["OPENAI_API_KEY", "API_KEY", "AZURE_OPENAI_API_KEY", "XAI_API_KEY", "OPENOPEN8_API_KEY"];
        own.into_iter().fold(program, |program, name| program.env(name, "sk-hush"))
    };
    let args = format!("chat --url {} hello", fake.url());
    keys(Program::rtvoice(&args)).run().expect_code(0);
    let head = fake.head(LIMIT);
    assert!(!head.contains("hush") && !head.contains("Authorization"), "{head}");
    // On this machine a profile goes without; elsewhere it says what is wrong.
    keys(Program::rtvoice(&format!("{args} --profile openai"))).run().expect_code(0);
    assert!(!fake.head(LIMIT).contains("hush"));
    let elsewhere = Program::rtvoice("chat --profile openai --url wss://other.invalid hello");
    let outcome = keys(elsewhere).run().expect_code(3);
    assert!(
        outcome.stderr.contains("the key in OPENAI_API_KEY is not for other.invalid"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_command_prints_the_key() {
    let fake = Fake::answering([Answer::Session]);
    let work = format!("[profiles.work]\nurl = \"{}\"\n", fake.url());
    let file = format!("{work}key_command = \"printf 'sk-%s' of-command\"\n");
    with_file("chat --profile work hello", &file).run().expect_code(0);
    assert!(fake.head(LIMIT).contains("Authorization: Bearer sk-of-command\r\n"));
    let file = format!("{work}key_command = \"echo sk-hush; echo the vault is locked >&2; exit 2\"\n");
    let outcome = with_file("chat --profile work hello", &file).run().expect_code(3);
    assert!(outcome.stderr.contains("the vault is locked") && !outcome.stderr.contains("sk-hush; echo"));
    assert!(!outcome.stderr.contains("hush"), "{}", outcome.stderr);
}

#[cfg(unix)]
#[test]
fn a_file_with_a_key_that_others_can_read_is_refused() {
    let program = Program::rtvoice("chat hello");
    let path = config(&program);
    write(&path, "[profiles.openai]\nkey = \"sk-hush\"\n", 0o644);
    let outcome = program.run().expect_code(3);
    assert!(
        outcome.stderr.contains("holds a key and is accessible to other users (mode 644)"),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.stderr.contains("chmod 600") && !outcome.stderr.contains("sk-hush"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_header_that_a_server_repeats_is_not_shown() {
    let body = "{\"error\":{\"message\":\"org-hush and Gate hush-0001 are unknown here\"}}";
    let fake = Fake::answering([Answer::Status(403, body)]);
    let file = format!(
        "[profiles.work]\nurl = \"{}\"\norganization = \"org-hush\"\nheaders = {{ X-Gate = \"Gate hush-0001\" }}\n",
        fake.url()
    );
    let outcome = with_file("chat --profile work hello", &file).run().expect_code(6);
    assert!(fake.head(LIMIT).contains("x-gate: Gate hush-0001\r\n"));
    let shown = "[header hidden] and [header hidden] are unknown here";
    assert!(outcome.stderr.contains(shown) && !outcome.stderr.contains("hush"), "{}", outcome.stderr);
}

#[test]
fn an_unknown_field_is_named_with_its_file_and_line_and_the_known_ones() {
    for args in ["talk --demo --input null --output null", "chat hello", "transcribe --demo", "config show"] {
        let outcome = with_file(args, "# mine\n[profiles.openai]\nmodle = \"x\"\n").run().expect_code(3);
        assert!(
            outcome.stderr.contains("/rtvoice/config.toml:3: unknown setting \"modle\""),
            "{}",
            outcome.stderr
        );
        assert!(outcome.stderr.contains("transcription_model"), "{}", outcome.stderr);
    }
}

fn shown(program: Program) -> Value {
    let outcome = program.run().expect_code(0);
    serde_json::from_str(&outcome.text()).unwrap_or_else(|error| panic!("{error}: {}", outcome.text()))
}

#[test]
fn what_is_in_force_is_shown_with_where_it_came_from() {
    let file = "[profiles.openai]\nmodel = \"of-file\"\nvoice = \"cedar\"\n[defaults]\nlang = \"zh\"\n";
    let program = with_file("config show --json --instructions be-brief", file)
        .env("RTVOICE_TRANSCRIPTION_MODEL", "of-environment")
        .env("OPENAI_API_KEY", "sk-hush");
    fs::write(program.file(".env"), "RTVOICE_MODEL=of-env-file\nRTVOICE_TRANSCRIPTION_MODEL=no\n").unwrap();
    let shown = shown(program);
    let settings = &shown["settings"];
    for (name, value, source, place) in [
        ("instructions", "be-brief", "flag", "--instructions"),
        ("transcription_model", "of-environment", "environment", "RTVOICE_TRANSCRIPTION_MODEL"),
        ("model", "of-env-file", ".env", "RTVOICE_MODEL"),
        ("voice", "cedar", "file", ""),
        ("lang", "zh", "file", ""),
        ("url", "wss://api.openai.com/v1/realtime", "built-in", ""),
        ("dialect", "auto", "built-in", ""),
    ] {
        assert_eq!(
            (&settings[name]["value"], &settings[name]["source"]),
            (&value.into(), &source.into()),
            "{name}"
        );
        assert_eq!(settings[name]["name"].as_str().unwrap_or_default(), place, "{name}");
    }
    assert_eq!(settings["voice"]["line"], 3);
    assert_eq!(
        (&shown["key"]["source"], &shown["key"]["name"]),
        (&"environment".into(), &"OPENAI_API_KEY".into())
    );
    assert_eq!(
        (&shown["profile"]["value"], &shown["profile"]["source"]),
        (&"openai".into(), &"built-in".into())
    );
}

#[test]
fn no_key_is_ever_shown() {
    let file = "[profiles.work]\nurl = \"wss://gate.example/v1/realtime?token=sk-hush-1\"\nkey = \"sk-hush-2\"\n\
                key_command = \"echo sk-hush-3\"\nkey_env = [\"WORK_KEY\"]\nheaders = { X-Secret = \"sk-hush-4\" }\n";
    for args in ["config show --profile work", "config show --profile work --json"] {
        for with_variable in [false, true] {
            let mut program = with_file(args, file);
            fs::write(program.file(".env"), "OPENAI_API_KEY=sk-hush-5\n").unwrap();
            if with_variable {
                program = program.env("WORK_KEY", "sk-hush-6").env("RTVOICE_API_KEY", "sk-hush-7");
            }
            let outcome = program.run().expect_code(0);
            let said = format!("{}{}", outcome.text(), outcome.stderr);
            assert!(!said.contains("hush"), "{said}");
            assert!(said.contains("X-Secret") && said.contains("gate.example"), "{said}");
            let source = if with_variable { "RTVOICE_API_KEY" } else { "file" };
            assert!(said.contains(source), "{said}");
        }
    }
}

#[test]
fn show_tells_what_is_missing_without_failing() {
    let shown = shown(Program::rtvoice("config show --profile azure --json"));
    assert_eq!(shown["url"], Value::Null);
    assert_eq!(shown["url_error"], "the profile azure has no resource");
    assert_eq!(shown["file"]["exists"], false);
}

#[test]
fn init_writes_a_file_that_can_be_read_and_never_overwrites_one() {
    let program = Program::rtvoice("config init");
    let path = config(&program);
    let outcome = program.run().expect_code(0);
    assert_eq!(outcome.text().trim(), path.display().to_string());
    let text = fs::read_to_string(&path).expect("it was written");
    assert!(text.contains("[profiles.work]") && text.contains("# Endpoint URL"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let again = with_file("config init", &text).run().expect_code(3);
    assert!(again.stderr.contains("already exists"), "{}", again.stderr);
    with_file("config show", &text).run().expect_code(0);
    let path = Program::rtvoice("config path");
    let expected = config(&path).display().to_string();
    assert_eq!(path.run().expect_code(0).text().trim(), expected);
}

#[test]
fn what_serve_prints_can_be_typed() {
    let serving = Program::rtvoice("serve --port 0").start();
    let hello = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/hello.wav");
    for (command, more) in [("talk", " --json --output null --input"), ("chat", " hello"), ("transcribe", "")]
    {
        let line = serving.wait_for_line(LIMIT, |line| line.starts_with(&format!("  rtvoice {command} ")));
        let program = Program::rtvoice(&format!("{}{more}", line.trim_start_matches("  rtvoice ")));
        let program = if command == "chat" { program } else { program.arg(hello) };
        let outcome = program.run().expect_code(0);
        assert!(!outcome.text().is_empty(), "{line}: {}", outcome.stderr);
    }
}

/// Talks over telephone formats to the endpoint of the program itself.
#[test]
fn a_call_in_g711_is_held() {
    let serving = Program::rtvoice("serve --port 0").start();
    let line = serving.wait_for_line(LIMIT, |line| line.starts_with("listening on "));
    let url = line.trim_start_matches("listening on ");
    let hello = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/hello.wav");
    let file = format!(
        "profile = \"phone\"\n[profiles.phone]\nurl = \"{url}\"\nmodel = \"rtvoice-demo\"\n\
         input_format = \"g711_ulaw\"\noutput_format = \"g711_alaw\"\n\
         [defaults]\ninput = \"{hello}\"\noutput = \"null\"\nframe_ms = 20\n"
    );
    let program = with_file("talk --json --trace trace.jsonl", &file);
    let outcome = program.run().expect_code(0);
    let answers = outcome.json_lines().into_iter().filter(|line| line["type"] == "assistant");
    let heard = answers.filter_map(|line| line["played_ms"].as_u64()).max();
    assert!(heard.is_some_and(|ms| ms > 200), "{}", outcome.text());
    let trace = fs::read_to_string(outcome.home.path().join("trace.jsonl")).expect("it was written");
    assert!(
        trace.contains("audio/pcmu") && trace.contains("audio/pcma"),
        "{}",
        &trace[..2000.min(trace.len())]
    );
}

/// Each command of the table of endpoints finds an address and, where it gives a key, uses it.
#[test]
fn the_documented_commands_reach_their_endpoints() {
    let page =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/endpoints.md")).expect("it is there");
    let table = page.split("\n## Profiles\n").nth(1).and_then(|text| text.split("\n##").next());
    let rows = table.expect("the section is there").lines().filter(|line| line.starts_with('|'));
    let commands = rows.filter(|line| line.contains("rtvoice "));
    let commands: Vec<&str> = commands.filter_map(|line| line.rsplit('`').nth(1)).collect();
    assert!(commands.len() > 15, "{commands:?}");
    for command in commands {
        let (variables, flags) = command.split_once("rtvoice ").expect("it runs the program");
        let flags = flags.split_whitespace().skip(1).filter(|word| !word.ends_with(".wav"));
        let mut program = flags.fold(Program::rtvoice("config show --json"), |program, flag| {
            program.arg(flag.replace("HOST:PORT", "127.0.0.1:9000"))
        });
        // What the shell would put in is a key.
        let variables = variables.split("$(").next().unwrap_or_default().split_whitespace();
        let mut gives_key = false;
        for (name, value) in variables.filter_map(|variable| variable.split_once('=')) {
            gives_key |= name.ends_with("_KEY");
            program = program.env(name, if value.is_empty() || value == "…" { "sk-x" } else { value });
        }
        if command.contains("RTVOICE_RESOURCE=contoso") {
            program = program.env("RTVOICE_RESOURCE", "contoso");
        }
        let shown = shown(program);
        assert!(shown["url"].is_string(), "{command}: {shown}");
        assert_eq!(shown["key"].is_object(), gives_key, "{command}: {shown}");
    }
}
