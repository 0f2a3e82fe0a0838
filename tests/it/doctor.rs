//! `rtvoice doctor` from outside: what it says of endpoints of all kinds, and its exit codes.
#![expect(clippy::unwrap_used, reason = "what the tests' own world cannot do fails the test")]

use std::path::Path;
use std::thread;

use rtvoice::protocol::dialect::Dialect;
use serde_json::{Value, json};

use crate::network::world::{self, Authority};
use crate::support::program::{Outcome, Program};
use crate::support::schema::Schema;
use crate::support::server::Server;
#[cfg(target_os = "linux")]
use crate::support::sound::SoundServer;
use crate::support::stranger::Stranger;

/// A key that must be seen nowhere.
const KEY: &str = "sk-test-0123456789abcdefghij";

/// All checks, in their order: programs read it.
const CHECKS: [&str; 23] = [
    "configuration",
    "file_modes",
    "key",
    "dns",
    "tcp",
    "proxy",
    "tls",
    "handshake",
    "session",
    "dialect",
    "session_updated",
    "clear",
    "truncate",
    "audio_format",
    "text",
    "audio",
    "transcript",
    "first_audio",
    "tools",
    "captions",
    "microphone",
    "speaker",
    "echo",
];

fn doctor(args: &str) -> Program {
    Program::rtvoice(&format!("doctor --json --no-sound {args}")).env("RTVOICE_API_KEY", KEY)
}

/// What it said, as programs read it.
#[derive(Debug)]
struct Report(Value);

impl Report {
    /// Runs it, and checks what every report has, and that the key is nowhere in it.
    fn of(program: Program, code: i32) -> Self {
        let outcome = program.run().expect_code(code);
        let text = outcome.text();
        assert_eq!(outcome.stderr, "");
        let trace = std::fs::read_to_string(outcome.home.path().join("trace.jsonl")).unwrap_or_default();
        assert!(!text.contains(&KEY[8..]) && !trace.contains(&KEY[8..]), "the key is shown: {text}{trace}");
        let report = Self(serde_json::from_str(&text).unwrap());
        let fields: Vec<&String> = report.0.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["checks", "dialect", "exit_code", "profile", "url", "worst"]);
        assert_eq!(report.0["exit_code"], code);
        let names: Vec<&str> = report.checks().iter().map(|check| check["check"].as_str().unwrap()).collect();
        assert_eq!(names, CHECKS);
        for check in report.checks() {
            let fields: Vec<&String> = check.as_object().unwrap().keys().collect();
            assert_eq!(fields, ["check", "details", "hint", "level", "message"]);
            let is_bad = ["warning", "failure"].contains(&check["level"].as_str().unwrap());
            assert!(!is_bad || check["hint"].is_string(), "nothing to do: {check}");
            assert!(check["message"].as_str().is_some_and(|said| !said.is_empty() && !said.contains('\n')));
        }
        report
    }

    fn checks(&self) -> &[Value] {
        self.0["checks"].as_array().unwrap()
    }

    fn check(&self, name: &str) -> &Value {
        self.checks().iter().find(|check| check["check"] == name).unwrap()
    }

    fn level(&self, name: &str) -> &str {
        self.check(name)["level"].as_str().unwrap()
    }

    fn said(&self, name: &str) -> &str {
        self.check(name)["message"].as_str().unwrap()
    }

    /// Checks that it failed there, says so, and that what comes after was not looked at.
    fn fails_at(&self, name: &str, says: &str) {
        assert_eq!(self.level(name), "failure", "{self:?}");
        assert!(self.said(name).contains(says), "{:?} does not say {says:?}", self.said(name));
        let at = CHECKS.iter().position(|check| *check == name).unwrap();
        for later in self.checks().iter().skip(at + 1) {
            // Files are looked at whatever the settings are, and formats are reported before they are settled.
            let stands = later["check"] == "file_modes"
                || (name, later["check"].as_str()) == ("session_updated", Some("audio_format"));
            assert!(stands || later["level"] == "not_checked", "{later}");
        }
    }
}

#[test]
fn endpoints_that_misbehave_are_distinguished() {
    let warned = [
        ("no-session-created", "session", "note", "no session.created; calls continue"),
        ("no-session-updated", "session_updated", "note", "no session.updated within 3 s"),
        ("late=3500", "session", "warning", "session.created only after "),
        ("strangers", "session_updated", "ok", "session.updated after"),
        ("error-string", "truncate", "ok", "truncate is supported"),
    ];
    let failed = [
        ("refuse-key", "session", "the endpoint refused: Incorrect API key provided"),
        ("refuse-401", "handshake", "401 Unauthorized: Incorrect API key provided"),
        ("refuse-model", "session", "is not supported in realtime mode"),
        ("expire=0", "session_updated", "the endpoint refused: Your session hit the maximum duration"),
    ];
    let against = |fault: &str, code| {
        let server = Server::with_fault(fault);
        Report::of(doctor(&format!("--model m --url {}", server.url)), code)
    };
    thread::scope(|scope| {
        for (fault, check, level, says) in warned {
            scope.spawn(move || {
                let report = against(fault, 0);
                assert_eq!(report.level(check), level, "{fault}: {report:?}");
                assert!(report.said(check).contains(says), "{fault}: {}", report.said(check));
                assert_eq!(report.0["dialect"], "ga", "{fault}");
            });
        }
        for (fault, check, says) in failed {
            scope.spawn(move || against(fault, 6).fails_at(check, says));
        }
    });
}

#[test]
fn what_is_no_endpoint_is_reported_at_its_step() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let closed = Report::of(doctor(&format!("--url ws://127.0.0.1:{port}")), 5);
    closed.fails_at("tcp", "connection refused by 127.0.0.1:");
    assert_eq!(closed.check("tcp")["hint"], "is the server running? check the port");
    // Refused without asking the network for the name.
    let nowhere = format!("{}.test", "x".repeat(64));
    let unknown = Report::of(doctor(&format!("--allow-clear-key --url ws://{nowhere}")), 5);
    unknown.fails_at("dns", "unknown host");
    let impossible = Report::of(doctor(&format!("--url wss://{nowhere}")), 5);
    impossible.fails_at("tls", "invalid dns name");

    let website = Stranger::answering(
        "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: 30\r\n\r\nfirst line\nsecond\u{1b}[31m\nthird\n\n",
    );
    let refused = Report::of(doctor(&format!("--url ws://{}", website.address)), 6);
    refused.fails_at("handshake", "403 Forbidden: first line | second");
    assert_eq!(refused.check("handshake")["details"]["status"], 403);
    let closing = Stranger::saying(|_| Vec::new());
    let closed = Report::of(doctor(&format!("--url ws://{}", closing.address)), 5);
    closed.fails_at("session", "the endpoint closed the connection (code 1011)");
}

#[test]
fn a_key_that_an_endpoint_repeats_is_hidden() {
    let stranger = Stranger::saying(|headers| {
        let key = headers.iter().find(|line| line.starts_with("authorization")).cloned().unwrap_or_default();
        let session = json!({ "type": "realtime", "id": key, "model": format!("\u{1b}[2J{key}") });
        vec![json!({ "type": "session.created", "session": session }).to_string(), key]
    });
    let url = format!("--url ws://{} --trace trace.jsonl", stranger.address);
    let report = Report::of(doctor(&url), 5);
    assert!(report.said("session").contains("model authorization: Bearer [key hidden]"), "{report:?}");
    let lines = Program::rtvoice(&format!("doctor --no-sound {url}")).env("RTVOICE_API_KEY", KEY);
    let outcome = lines.run().expect_code(5);
    assert!(!outcome.text().contains(&KEY[8..]) && !outcome.text().contains('\u{1b}'), "{}", outcome.text());
}

#[test]
fn tls_is_reported_with_its_root_and_expiry_whether_it_is_trusted_or_not() {
    let authority = Authority::new();
    let port = world::endpoint_with_tls(&authority, KEY);
    let program = |args: &str| {
        let program = doctor(&format!("--model m --url wss://localhost:{port} {args}"));
        Authority::new().write(&program.file("strangers.pem"));
        authority.write(&program.file("ca.pem"));
        program.env("SSL_CERT_FILE", "strangers.pem")
    };
    let trusted = Report::of(program("--ca-file ca.pem"), 0);
    let said = trusted.said("tls");
    assert!(
        said.starts_with("TLS 1.3, certificate for voice.test, proxy.test, localhost, signed by"),
        "{said}"
    );
    assert!(said.contains("(trusted by --ca-file), valid for "), "{said}");
    let tls = &trusted.check("tls")["details"];
    assert!(tls["days_left"].as_i64() > Some(100) && tls["not_after"].is_i64() && tls["root"].is_string());
    let stranger = Report::of(program(""), 5);
    stranger.fails_at("tls", "signed by an unknown authority");
    assert!(stranger.said("tls").contains("certificate for voice.test"), "{stranger:?}");

    let (proxy, _) = world::http_proxy(None);
    let by_proxy = program("--ca-file ca.pem").env("RTVOICE_PROXY", format!("http://127.0.0.1:{proxy}"));
    let by_proxy = Report::of(by_proxy, 0);
    assert!(by_proxy.said("proxy").contains(&format!("127.0.0.1:{proxy} from RTVOICE_PROXY connected in")));
    assert_eq!((by_proxy.level("tls"), by_proxy.level("dns")), ("ok", "not_checked"));

    let wrong = program("--ca-file ca.pem").env("RTVOICE_API_KEY", "sk-another-0123456789");
    Report::of(wrong, 6).fails_at("session", "Incorrect API key provided");
    let none =
        program("--ca-file ca.pem --profile openai").env("RTVOICE_API_KEY", "").env("OPENAI_API_KEY", KEY);
    let none = Report::of(none, 6);
    let key = none.check("key");
    assert_eq!(
        (&key["details"]["found"], &key["details"]["withheld"][0]),
        (&json!(false), &json!("in OPENAI_API_KEY"))
    );
}

#[test]
fn the_configuration_and_the_modes_of_its_files_are_looked_at() {
    let missing = Program::rtvoice("doctor --json --no-sound");
    Report::of(missing, 3).fails_at("key", "no key for the profile openai");
    Report::of(doctor("--profile azure"), 3).fails_at("configuration", "the profile azure has no resource");
    Report::of(doctor("--profile nonsense"), 3).fails_at("configuration", "unknown profile \"nonsense\"");
    Report::of(doctor("--demo").env("RTVOICE_DIALECT", "old"), 3);
    #[cfg(unix)]
    {
        let program = doctor("--profile a");
        let path =
            write_config(&program, &format!("[profiles.a]\nurl = \"ws://127.0.0.1:1\"\nkey = \"{KEY}\"\n"));
        set_mode(&path, 0o644);
        let open = Report::of(program, 3);
        open.fails_at("configuration", "holds a key and is accessible to other users (mode 644)");
        assert!(open.check("configuration")["hint"].as_str().unwrap().contains("chmod 600"));
        let program = doctor("--demo");
        let path = write_config(&program, "profile = \"openai\"\n");
        set_mode(&path, 0o666);
        let written = Report::of(program, 0);
        assert_eq!(written.level("file_modes"), "warning");
        assert_eq!(written.check("file_modes")["details"]["config_mode"], "666");
    }
}

fn write_config(program: &Program, text: &str) -> std::path::PathBuf {
    let folder = program.file(".config/rtvoice");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config.toml"), text).unwrap();
    folder.join("config.toml")
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
#[cfg_attr(not(feature = "device"), ignore = "this build has no devices")]
fn the_demo_answers_all_that_is_asked_in_both_dialects() {
    let server = Server::with_fault("burst");
    let beta = format!("--dialect beta --model m --url {}", server.url);
    for (dialect, endpoint) in [(Dialect::Ga, "--demo"), (Dialect::Beta, beta.as_str())] {
        let program = doctor(&format!("{endpoint} --ask --trace trace.jsonl"));
        let trace = program.file("trace.jsonl");
        let outcome = program.run().expect_code(0);
        let report = Report(serde_json::from_str(&outcome.text()).unwrap());
        assert_eq!(report.0["dialect"], dialect.as_str());
        for check in ["session", "dialect", "session_updated", "clear", "truncate", "audio_format"] {
            assert_eq!(report.level(check), "ok", "{report:?}");
        }
        for check in ["text", "audio", "transcript", "first_audio", "tools", "captions"] {
            assert_eq!(report.level(check), "ok", "{report:?}");
        }
        assert_eq!(report.said("truncate"), "truncate is supported");
        let sent = Schema::of(dialect).check_trace(&trace);
        assert_eq!(sent.iter().filter(|event| event["type"] == "response.create").count(), 3);
    }
    let free = Report::of(doctor("--demo --trace trace.jsonl"), 0);
    assert!(free.said("text").contains("--ask"));
    assert_eq!((free.level("tcp"), &free.0["worst"]), ("not_checked", &json!("ok")));
}

#[test]
fn a_trace_that_cannot_be_written_is_reported_before_anything_is_dialled() {
    let outcome = doctor("--demo --trace nowhere/trace.jsonl").run().expect_code(4);
    assert!(
        outcome.stderr.starts_with("rtvoice: cannot write the trace nowhere/trace.jsonl"),
        "{}",
        outcome.stderr
    );
    assert_eq!(outcome.text(), "");
}

#[test]
fn lines_are_for_people() {
    let outcome = Program::rtvoice("doctor --demo --no-sound").run().expect_code(0);
    let text = outcome.text();
    let lines: Vec<&str> = text.lines().collect();
    let (skipped, passed): (Vec<&str>, Vec<&str>) =
        lines[..lines.len() - 2].iter().copied().partition(|line| line.starts_with("- "));
    let [skipped] = skipped[..] else { panic!("skipped checks are one line: {text}") };
    for check in CHECKS {
        let is_passed = passed.iter().any(|line| line.split_whitespace().nth(1) == Some(check));
        assert!(is_passed != skipped.contains(check), "{check} is listed once: {text}");
    }
    assert!(
        lines[0].starts_with("ok       configuration    profile demo (flag --demo), the built-in endpoint")
    );
    assert_eq!(lines[lines.len() - 1], "no problems found; exit code 0");
    assert_eq!(outcome.stderr, "");
}

#[test]
fn the_dialect_that_is_found_is_written_and_the_rest_of_the_file_stays() {
    let server = Server::with_fault("burst");
    let program = doctor("--profile mine --write-dialect");
    let before = format!(
        "# my file\n[profiles.mine] # the lab\nurl = \"{}\" # soon another\nmodel = \"m\"\n",
        server.url
    );
    let path = write_config(&program, &before);
    let outcome = program.run().expect_code(0);
    assert!(outcome.text().contains("written to "), "{}", outcome.text());
    assert_eq!(std::fs::read_to_string(path).unwrap(), format!("{before}dialect = \"ga\"\n"));
    let shared = doctor(&format!("--model m --url {} --write-dialect", server.url));
    let refused = Report::of(shared, 3);
    assert_eq!(refused.level("dialect"), "failure");
    assert!(refused.said("dialect").contains("the profile local serves any address"));
    let outcome = doctor("--demo --write-dialect").run().expect_code(2);
    assert!(outcome.stderr.contains("--write-dialect"), "{}", outcome.stderr);
}

#[cfg(target_os = "linux")]
fn levels(outcome: &Outcome) -> Vec<(String, String)> {
    let report = Report(serde_json::from_str(&outcome.text()).unwrap());
    let of = |name: &str| (report.level(name).to_owned(), report.said(name).to_owned());
    vec![of("microphone"), of("speaker"), of("echo")]
}

#[cfg(target_os = "linux")]
#[test]
#[cfg_attr(not(feature = "device"), ignore = "this build has no devices")]
fn sound_that_is_not_there_is_a_finding_and_no_crash() {
    let program = Program::rtvoice("doctor --demo --json");
    let silent = [("PULSE_SERVER", "unix:/nonexistent".into()), ("ALSA_CONFIG_PATH", "/nonexistent".into())];
    let outcome = program.envs(silent).run().expect_code(4);
    let expected = [
        ("failure", "no microphone found: no sound server answers at PULSE_SERVER=unix:/nonexistent"),
        ("failure", "no speaker found: no sound server answers at PULSE_SERVER=unix:/nonexistent"),
        ("not_checked", "skipped: fix the microphone and speaker first"),
    ];
    assert!(levels(&outcome).iter().map(|(level, said)| (level.as_str(), said.as_str())).eq(expected));
    assert_eq!(outcome.stderr, "", "sound libraries are not heard");
}

#[cfg(target_os = "linux")]
#[test]
#[cfg_attr(not(feature = "device"), ignore = "this build has no devices")]
fn a_microphone_that_gives_zeros_is_distinguished_from_one_that_gives_sound() {
    let sound = SoundServer::start();
    let program =
        |args: &str| Program::rtvoice(&format!("doctor --demo --json --no-chirp {args}")).envs(sound.env());
    let zeros = levels(&program("").run().expect_code(0));
    assert_eq!(zeros[0].0, "warning");
    assert!(zeros[0].1.contains("delivers digital silence"), "{zeros:?}");
    let speaker = "Test-Speaker (pulseaudio, 48000 Hz, 1 channel, f32) OK";
    assert_eq!(zeros[1], ("ok".to_owned(), speaker.to_owned()));
    assert_eq!(zeros[2], ("not_checked".to_owned(), "skipped: --no-chirp".to_owned()));
    let wrong = levels(&program("--input nowhere --output Test-Speaker").run().expect_code(4));
    assert!(wrong[0].1.starts_with("no microphone matches \"nowhere\" (available: "), "{wrong:?}");
    assert_eq!(wrong[1].0, "ok");
    thread::scope(|scope| {
        let speech = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen";
        let speaking = scope.spawn(|| sound.say(speech));
        // It is heard as long as it is spoken; how soon that begins depends on the machine.
        loop {
            let was_speaking = !speaking.is_finished();
            let heard = levels(&program("").run().expect_code(0)).remove(0);
            if heard.0 == "ok" {
                let microphone = "Test-Microphone (pulseaudio, 48000 Hz, 1 channel, f32) OK, -";
                assert!(heard.1.starts_with(microphone), "{heard:?}");
                return;
            }
            assert!(was_speaking, "it was not heard: {heard:?}");
        }
    });
}
