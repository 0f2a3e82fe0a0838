//! What cannot be done is said in one sentence with a hint, by its exit code, and nothing is written half.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;

use serde_json::json;

use crate::support::program::{Outcome, Program};
use crate::support::secrecy::KEY;
use crate::support::server::Server;
#[cfg(target_os = "linux")]
use crate::support::sound::SoundServer;
use crate::support::speech;
use crate::support::stranger::Stranger;

/// Ways to begin a session: files that are to be made, and files that are there.
const COMMANDS: [&str; 4] = [
    "talk --input null --output new.wav --trace new.jsonl",
    "talk --input speech.wav --output old.wav --trace old.jsonl --json",
    "chat hello --trace old.jsonl",
    "transcribe speech.wav --trace new.jsonl",
];
/// Those of them that name a model in the URL.
const CONVERSATIONS: &[&str] = &["talk --input speech.wav --output old.wav --trace new.jsonl", "chat hello"];

/// One mistake and what is said about it.
struct Case<'a> {
    args: String,
    env: &'a [(&'a str, &'a str)],
    code: i32,
    says: &'a str,
    hints: &'a str,
}

const WITH_KEY: &[(&str, &str)] = &[("RTVOICE_API_KEY", KEY)];

/// Checks each case with each command, all at once.
fn check(commands: &[&str], cases: &[Case<'_>]) {
    thread::scope(|scope| {
        for case in cases {
            for command in commands {
                thread::Builder::new()
                    .name(format!("{command} {}", case.args))
                    .spawn_scoped(scope, move || check_one(command, case))
                    .expect("a thread can be started");
            }
        }
    });
}

fn check_one(command: &str, case: &Case<'_>) {
    let mut program = Program::rtvoice(&format!("{command} {}", case.args));
    for (name, value) in case.env {
        program = program.env(name, *value);
    }
    expect_refusal(program, case);
}

fn expect_refusal(program: Program, case: &Case<'_>) -> Outcome {
    for old in ["old.wav", "old.jsonl"] {
        std::fs::write(program.file(old), "precious").expect("the temporary folder takes files");
    }
    speech::write_plain(&program.file("speech.wav"), &speech::short());
    let before = files(program.home.path());
    let outcome = program.run().expect_code(case.code);
    let (said, hint) = sentence_and_hint(&outcome);
    assert!(said.contains(case.says), "{said:?} does not say {:?}", case.says);
    assert!(hint.contains(case.hints), "{hint:?} does not hint at {:?}", case.hints);
    assert!(!outcome.text().contains(KEY) && !outcome.stderr.contains(KEY), "the key is shown: {outcome:?}");
    let after = files(outcome.home.path());
    for (name, content) in &after {
        // What was exchanged before a refusal is worth tracing; it holds no key.
        let is_trace = name.ends_with(".jsonl") && content.contains("\"dir\":\"in\"");
        assert!(is_trace || before.get(name) == Some(content), "{name} was written");
        assert!(!content.contains(KEY), "the key is in {name}");
    }
    assert!(before.keys().all(|name| after.contains_key(name)), "a file is gone");
    outcome
}

/// Takes the sentence and the hint from standard error, where nothing else may be but progress.
fn sentence_and_hint(outcome: &Outcome) -> (String, String) {
    let lines: Vec<&str> = outcome.stderr.lines().filter(|line| *line != "connecting…").collect();
    let [said, hint] = lines[..] else { panic!("not one sentence and a hint: {lines:#?}") };
    let said = said.strip_prefix("rtvoice: ").unwrap_or_else(|| panic!("not from rtvoice: {said}"));
    let hint = hint.strip_prefix("hint: ").unwrap_or_else(|| panic!("no hint: {hint}"));
    assert!(!hint.ends_with('.'), "{hint}");
    (said.to_owned(), hint.to_owned())
}

/// Returns the files of a folder that are not hidden.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(folder).expect("the folder is there").map_while(Result::ok);
    let files = entries.filter(|entry| entry.path().is_file()).map(|entry| {
        let content = std::fs::read(entry.path()).expect("it is readable");
        (entry.file_name().to_string_lossy().into_owned(), String::from_utf8_lossy(&content).into_owned())
    });
    files.filter(|(name, _)| !name.starts_with('.')).collect()
}

#[test]
fn without_a_key_or_with_one_in_the_clear_nothing_is_dialled() {
    let case = |args: &str, env, code, says, hints| Case { args: args.to_owned(), env, code, says, hints };
    let remote = "--url ws://192.0.2.1/v1/realtime";
    let in_query = format!("{remote}?api-key={KEY}");
    let broken: &[_] = &[("RTVOICE_API_KEY", "sk-test-0123456789\nabcdefghij")];
    check(
        &COMMANDS,
        &[
            case("", &[], 3, "no key for the profile openai", "OPENAI_API_KEY or RTVOICE_API_KEY"),
            case(remote, WITH_KEY, 3, "the key would be sent to 192.0.2.1 unencrypted", "wss://"),
            case(&in_query, &[], 3, "the key would be sent to 192.0.2.1 unencrypted", "wss://"),
            case(
                "--url wss://127.0.0.1",
                broken,
                3,
                "the key contains a line break",
                "without the trailing line break",
            ),
            case("--url telnet://127.0.0.1", WITH_KEY, 2, "telnet", "wss://"),
        ],
    );
}

#[test]
fn what_is_no_endpoint_is_distinguished() {
    let website = Stranger::answering(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 20\r\n\r\n<h1>It works!</h1>\r\n",
    );
    let moved = Stranger::answering(
        "HTTP/1.1 301 Moved Permanently\r\nLocation: https://elsewhere.example/\r\nContent-Length: 0\r\n\r\n",
    );
    let busy = Stranger::answering(
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n",
    );
    let mail = Stranger::answering("220 mail.example ESMTP\r\n");
    let mute = Stranger::answering("");
    let unknown = Stranger::unknown();
    let case = |url: String, code, says, hints| Case {
        args: format!("--url {url}"),
        env: WITH_KEY,
        code,
        says,
        hints,
    };
    let ws = |stranger: &Stranger| format!("ws://{}/v1/realtime", stranger.address);
    check(
        &COMMANDS,
        &[
            case(
                "wss://no-such-host.invalid/v1/realtime".to_owned(),
                5,
                "unknown host no-such-host.invalid",
                "online",
            ),
            case(
                format!("ws://127.0.0.1:{}", closed_port()),
                5,
                "connection refused by 127.0.0.1:",
                "check the port",
            ),
            case(ws(&website), 6, "is not a WebSocket endpoint: it answered 200 OK", "/v1/realtime"),
            case(
                ws(&moved),
                6,
                "301 Moved Permanently",
                "the server redirects to https://elsewhere.example/",
            ),
            case(ws(&busy), 6, "503 Service Unavailable", "try again in 7 s"),
            case(ws(&mail), 6, "it answered something that is not HTTP", "/v1/realtime"),
            case(ws(&mute), 5, "during the WebSocket handshake", "check the port"),
            case(ws(&unknown), 3, "requires TLS", "wss://"),
            case(format!("wss://{}", unknown.address), 5, "TLS connection to localhost failed", ""),
            case(format!("wss://{}", website.address), 5, "localhost", ""),
        ],
    );
}

#[test]
fn a_door_that_is_closed_is_reported_with_what_opens_it() {
    let body = "Content-Type: application/json\r\n\r\n{\"error\":{\"code\":\"insufficient_quota\",\"message\":\"No credit.\"}}";
    let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:54:00 GMT\r\n\r\n";
    let doors = [
        ("403 Forbidden", "\r\n", "check that the key may use this model"),
        ("404 Not Found", "\r\n", "check the path and the model"),
        ("429 Too Many Requests", "Retry-After: 20\r\n\r\n", "try again in 20 s"),
        ("429 Too Many Requests", date, "try again in 5 minutes"),
        ("429 Too Many Requests: No credit. (insufficient_quota)", body, "the account needs credit"),
        ("500 Internal Server Error", "\r\n", "try again later"),
        ("502 Bad Gateway", "\r\n", "try again later"),
        ("504 Gateway Timeout", "Retry-After: soon\r\n\r\n", "try again later"),
    ];
    let doors = doors.map(|(says, rest, hints)| {
        let status = says.split(':').next().unwrap_or_default();
        (Stranger::answering(&format!("HTTP/1.1 {status}\r\n{rest}")), says, hints)
    });
    let cases = doors.each_ref().map(|(stranger, says, hints)| Case {
        args: format!("--url ws://{}/v1/realtime", stranger.address),
        env: WITH_KEY,
        code: 6,
        says,
        hints,
    });
    check(&COMMANDS[1..3], &cases);
}

#[test]
fn a_server_that_never_answers_is_not_waited_for() {
    let mute = Stranger::holding();
    let case = Case {
        args: format!("--url ws://{}/v1/realtime", mute.address),
        env: WITH_KEY,
        code: 5,
        says: "did not answer in time: the WebSocket handshake took more than 20 s",
        hints: "the server accepts connections but does not answer",
    };
    check(&COMMANDS[1..3], &[case]);
}

/// Returns a port that was free a moment ago.
fn closed_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}

#[test]
fn a_refused_key_is_reported_in_whichever_way_it_was_refused() {
    let (before, after) = (Server::with_fault("refuse-401"), Server::with_fault("refuse-key"));
    let case = |server: &Server, says, hints| Case {
        args: format!("--url {} --model some-model", server.url),
        env: WITH_KEY,
        code: 6,
        says,
        hints,
    };
    check(
        &COMMANDS[1..3],
        &[
            case(
                &before,
                "refused the connection: 401 Unauthorized: Incorrect API key provided",
                "check that the key is valid",
            ),
            case(
                &after,
                "refused the session (close code 3000): Incorrect API key provided",
                "RTVOICE_API_KEY",
            ),
        ],
    );
}

#[test]
fn a_refused_model_or_dialect_is_reported() {
    let (model, beta) = (Server::with_fault("refuse-model"), Server::with_fault("refuse-beta"));
    let case = |server: &Server, args, says, hints| Case {
        args: format!("--url {} {args}", server.url),
        env: &[],
        code: 6,
        says,
        hints,
    };
    check(
        CONVERSATIONS,
        &[
            case(&model, "--model other", "(close code 4000): Model \"other\" is not supported", "--model"),
            case(&model, "", "(close code 4000): You must provide a model", "--model"),
            case(
                &beta,
                "--model any --dialect beta",
                "The Realtime Beta API is no longer supported",
                "--dialect ga",
            ),
        ],
    );
}

#[test]
fn what_cannot_be_written_is_reported_before_anything_begins() {
    let case = |args: &str, says, hints| Case { args: args.to_owned(), env: &[], code: 4, says, hints };
    check(
        &["talk --demo --input speech.wav"],
        &[
            case(
                "--output missing/new.wav",
                "cannot write missing/new.wav: No such file or directory",
                "folder exists",
            ),
            case(
                "--output null --trace missing/new.jsonl",
                "cannot write the trace missing/new.jsonl: No such file",
                "folder exists",
            ),
            case(
                "--output null --trace .config",
                "cannot write the trace .config: Is a directory",
                "may write",
            ),
            case("--output new.wav --input missing.wav", "", ""),
        ][..3],
    );
    let folder = Program::rtvoice("talk --demo --input speech.wav --output folder.wav --trace new.jsonl");
    std::fs::create_dir(folder.file("folder.wav")).expect("the temporary folder takes folders");
    expect_refusal(folder, &case("", "cannot write folder.wav: Is a directory", "may write"));
}

#[test]
fn sound_and_lines_cannot_share_standard_output() {
    let case = Case {
        args: String::new(),
        env: &[],
        code: 2,
        says: "--json and --output -",
        hints: "--output answer.wav",
    };
    expect_refusal(
        Program::rtvoice("talk --demo --json --input speech.wav --output - --trace new.jsonl"),
        &case,
    );
    let case = Case { says: "both FILE and --input", hints: "rtvoice transcribe FILE.wav", ..case };
    expect_refusal(Program::rtvoice("transcribe --demo speech.wav --input null"), &case);
}

#[cfg(target_os = "linux")]
#[test]
#[cfg_attr(not(feature = "device"), ignore = "this build has no devices")]
fn a_device_that_is_not_there_is_reported_with_those_that_are() {
    let sound = SoundServer::start();
    for (args, says, device) in [
        (
            "--input nowhere --output old.wav",
            "no microphone matches \"nowhere\" (available: ",
            "Test-Microphone",
        ),
        (
            "--input speech.wav --output nowhere",
            "no speaker matches \"nowhere\" (available: ",
            "Test-Speaker",
        ),
    ] {
        let program = Program::rtvoice("talk --demo --trace new.jsonl").envs(sound.env());
        let program = args.split(' ').fold(program, Program::arg);
        let case = Case { args: String::new(), env: &[], code: 4, says, hints: "part of a name is enough" };
        let outcome = expect_refusal(program, &case);
        assert!(outcome.stderr.contains(device), "{}", outcome.stderr);
    }
}

#[cfg(target_os = "linux")]
#[test]
#[cfg_attr(not(feature = "device"), ignore = "this build has no devices")]
fn a_machine_without_sound_is_reported_what_works_there() {
    let env: &[_] = &[("PULSE_SERVER", "unix:/nonexistent"), ("ALSA_CONFIG_PATH", "/nonexistent")];
    let case =
        Case { args: String::new(), env, code: 4, says: "no microphone found", hints: "--input FILE.wav" };
    check(&["talk --demo --output old.wav", "talk --demo --trace new.jsonl"], &[case]);
}

#[test]
fn a_file_of_variables_is_read_and_a_broken_one_is_not_repeated() {
    let url = |stranger: &Stranger| format!("chat hello --url ws://{}/v1/realtime", stranger.address);
    let stranger = Stranger::saying(|_| Vec::new());
    let program = Program::rtvoice(&url(&stranger));
    std::fs::write(program.file(".env"), format!("# mine\nRTVOICE_API_KEY=\"{KEY}\"\n"))
        .expect("it can be written");
    program.run().expect_code(5);
    assert!(stranger.headers().contains(&format!("authorization: Bearer {KEY}")), "{:?}", stranger.headers());

    let case = Case {
        args: String::new(),
        env: &[],
        code: 3,
        says: "line 1 of .env in this folder",
        hints: "=value",
    };
    let program = Program::rtvoice(&url(&stranger));
    std::fs::write(program.file(".env"), format!("RTVOICE_API_KEY={KEY} and more\n"))
        .expect("it can be written");
    expect_refusal(program, &case);
}

#[test]
fn each_key_goes_only_where_it_belongs() {
    let stranger = Stranger::saying(|_| Vec::new());
    let url = format!("chat hello --url ws://{}/v1/realtime", stranger.address);
    Program::rtvoice(&url).env("OPENAI_API_KEY", KEY).run().expect_code(5);
    let headers = stranger.headers();
    assert!(!headers.is_empty() && !headers.iter().any(|line| line.contains(KEY)), "{headers:?}");
    assert!(!headers.iter().any(|line| line.starts_with("authorization")), "{headers:?}");
    Program::rtvoice(&url).env("OPENAI_API_KEY", "sk-other").env("RTVOICE_API_KEY", KEY).run().expect_code(5);
    let keys: Vec<String> = stranger.headers().into_iter().filter(|line| line.contains("sk-")).collect();
    assert_eq!(keys, [format!("authorization: Bearer {KEY}")]);
}

#[test]
fn a_key_that_a_server_repeats_is_hidden_everywhere() {
    let stranger = Stranger::saying(|headers| {
        let key = headers.iter().find(|line| line.starts_with("authorization")).cloned().unwrap_or_default();
        let session = json!({"type": "realtime", "id": "sess_1", "model": key, "instructions": key});
        let error = json!({"type": "invalid_request_error", "code": key, "message": format!("wrong: {key}")});
        vec![
            json!({"type": "session.created", "session": session}).to_string(),
            json!({"type": "error", "error": error}).to_string(),
            json!({"type": key}).to_string(),
            format!("no JSON but {key}"),
            key,
        ]
    });
    let url = format!("--url ws://{}/v1/realtime -v", stranger.address);
    for command in
        ["chat hello", "talk --input null --output null --plain", "talk --input null --output null --json"]
    {
        let outcome = Program::rtvoice(&format!("{command} {url} --trace trace.jsonl"))
            .env("RTVOICE_API_KEY", KEY)
            .run();
        let trace = std::fs::read_to_string(outcome.home.path().join("trace.jsonl")).expect("it was written");
        assert!(trace.contains("[key hidden]"), "{trace}");
        for text in [outcome.text(), outcome.stderr.clone(), trace] {
            assert!(!text.contains(&KEY[3..]), "{command}: {text}");
        }
        assert!(matches!(outcome.code, Some(5 | 6)), "{outcome:?}");
    }
}
