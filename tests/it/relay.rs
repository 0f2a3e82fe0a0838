//! The relay from outside: calls through it to the embedded endpoint, refusals, its end, and its secrets.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::program::{Outcome, Program, Running, json_lines};
use crate::support::secrecy::{KEY, holds_no_key};
use crate::support::server::Server;
use crate::support::speech;
use crate::support::stranger::Stranger;

/// Longest wait for something, on a loaded machine.
const LIMIT: Duration = Duration::from_secs(120);
/// A token of a client.
const TOKEN: &str = "relay-token-fedcba9876543210";

/// A relay in front of an endpoint; dropping it ends it.
struct Relay {
    running: Running,
    address: String,
    metrics: String,
}

impl Relay {
    /// Starts a relay with a key and a token. Its metrics are on a port that was free a moment ago.
    fn start(args: &str) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let metrics = free.local_addr().expect("it is bound").to_string();
        drop(free);
        let program = Program::rtvoice(&format!("serve --relay --port 0 --metrics {metrics} {args}"))
            .env("RTVOICE_API_KEY", KEY)
            .env("RELAY_TOKENS", format!("alice:{TOKEN}"))
            .env("DEBUG", "true");
        let running = program.start();
        let line = running.wait_for_line(LIMIT, |line| line.contains("\"listening\""));
        let line: Value = serde_json::from_str(&line).expect("a JSON line");
        let address = line["listening"].as_str().expect("an address").to_owned();
        Self { running, address, metrics }
    }

    fn to(server: &Server, args: &str) -> Self {
        Self::start(&format!("--profile serve --url {} {args}", server.url))
    }

    fn url(&self) -> String {
        format!("ws://{}/v1/realtime", self.address)
    }

    /// Returns a command that calls through the relay.
    fn client(&self, args: &str, token: &str) -> Program {
        Program::rtvoice(&format!("{args} --url {}", self.url())).env("RTVOICE_API_KEY", token)
    }

    /// Returns the whole response to a request, given as lines.
    fn request(&self, head: &str) -> String {
        request(&self.address, head)
    }

    /// Waits for the line of the log with this outcome.
    fn logged(&self, outcome: &str) -> Value {
        let parse = |line: &str| serde_json::from_str::<Value>(line).unwrap_or_default();
        let line = self.running.wait_for_line(LIMIT, |line| parse(line)["outcome"] == outcome);
        parse(&line)
    }

    fn stop(self) -> Outcome {
        self.running.signal(Signal::TERM);
        self.running.wait(LIMIT)
    }
}

fn request(address: &str, head: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(LIMIT)).expect("a socket has a time limit");
    let head = head.replace('\n', "\r\n");
    stream.write_all(format!("{head}\r\n\r\n").as_bytes()).expect("it reads");
    let mut response = Vec::new();
    let _ = stream.read_to_end(&mut response);
    String::from_utf8_lossy(&response).into_owned()
}

/// A handshake with further lines.
fn handshake(path: &str, lines: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\nHost: localhost\nConnection: Upgrade\nUpgrade: websocket\n\
         Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=={lines}"
    )
}

#[test]
fn talk_chat_and_transcribe_work_through_the_relay() {
    let server = Server::start();
    let relay = Relay::to(&server, "--drain 0");
    thread::scope(|scope| {
        let talk = scope.spawn(|| {
            let args = "talk --output answer.wav --json --input";
            let hello = speech::hello_path().display().to_string();
            relay.client(&format!("{args} {hello}"), TOKEN).run().expect_code(0)
        });
        let transcribe = scope.spawn(|| {
            let hello = speech::hello_path().display().to_string();
            relay.client(&format!("transcribe {hello}"), TOKEN).run().expect_code(0)
        });
        let chat = relay.client("chat hello", TOKEN).run().expect_code(0);
        assert!(!chat.text().trim().is_empty(), "{}", chat.stderr);
        let talk = talk.join().expect("the call does not panic");
        assert!(std::fs::metadata(talk.home.path().join("answer.wav")).is_ok_and(|wav| wav.len() > 10_000));
        let text = transcribe.join().expect("the captions do not panic").text();
        assert!(text.contains("speech"), "{text}");
    });
    let metrics = request(&relay.metrics, "GET /metrics HTTP/1.1\nHost: any");
    assert!(metrics.contains("rtvoice_relay_calls_total{outcome=\"completed\"} 3"), "{metrics}");
    let outcome = relay.stop().expect_code(0);
    let lines = outcome.json_lines();
    let calls: Vec<&Value> = lines.iter().filter(|line| line["outcome"] == "completed").collect();
    assert_eq!(calls.len(), 3, "{}", outcome.text());
    assert!(calls.iter().all(|call| call["who"] == "alice" && call["ip"] == "127.0.0.0/24"), "{calls:?}");
    assert!(calls.iter().any(|call| call["responses"].as_u64() > Some(0)), "{calls:?}");
}

#[test]
fn a_wrong_token_is_refused_with_a_sentence_and_the_exit_code_of_a_refusal() {
    let relay = Relay::start("--demo");
    let outcome = relay.client("chat hello", "relay-token-wrong-0000000").run().expect_code(6);
    assert!(
        outcome.stderr.contains("401 Unauthorized: The relay does not know this token"),
        "{}",
        outcome.stderr
    );
    assert_eq!(relay.logged("refused")["reason"], "invalid_token");
    let missing = relay.request(&handshake("/v1/realtime", ""));
    assert!(missing.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{missing}");
    assert!(missing.contains("This relay needs a token"), "{missing}");
    assert!(missing.to_lowercase().contains("www-authenticate: bearer"), "{missing}");
}

#[test]
fn a_refused_key_of_the_relay_is_502_and_not_the_clients_fault() {
    let after_upgrade = Server::with_fault("refuse-key");
    let before_upgrade = Server::with_fault("refuse-401");
    for server in [&after_upgrade, &before_upgrade] {
        let relay = Relay::to(server, "");
        let outcome = relay.client("chat hello", TOKEN).run();
        assert_ne!(outcome.code, Some(0));
        assert!(outcome.stderr.contains("502"), "{}", outcome.stderr);
        let response = relay.request(&handshake("/v1/realtime", &format!("\nAuthorization: Bearer {TOKEN}")));
        assert!(response.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{response}");
        assert!(response.contains("relay_key_refused"), "{response}");
        // A page cannot see that; it asks again without the upgrade.
        let plain = format!("GET /v1/realtime HTTP/1.1\nHost: localhost\nAuthorization: Bearer {TOKEN}");
        assert!(relay.request(&plain).contains("relay_key_refused"));
        assert_eq!(relay.logged("refused")["status"], 502);
    }
}

#[test]
fn an_endpoint_that_is_not_there_is_502() {
    let relay = Relay::start("--url ws://127.0.0.1:9/v1/realtime");
    let response = relay.request(&handshake("/text-chat", &format!("\nAuthorization: Bearer {TOKEN}")));
    assert!(response.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{response}");
    assert!(response.contains("upstream_unreachable") && !response.contains("127.0.0.1"), "{response}");
    let ready = relay.request("GET /ready HTTP/1.1\nHost: any");
    assert!(ready.starts_with("HTTP/1.1 200 OK") && ready.contains("\"upstream\":\"failing\""), "{ready}");
}

#[test]
fn probes_of_load_balancers_and_malformed_requests_are_answered() {
    let relay = Relay::start("--demo");
    let long = format!("GET /health HTTP/1.1\nHost: a\nX: {}", "x".repeat(20_000));
    for (head, status) in [
        ("GET /health HTTP/1.0", "HTTP/1.0 200 OK"),
        ("HEAD /health HTTP/1.1\nHost: 10.0.0.1", "HTTP/1.1 200 OK"),
        ("GET /ready HTTP/1.1\nHost: relay", "HTTP/1.1 200 OK"),
        ("OPTIONS / HTTP/1.0", "HTTP/1.0 204 No Content"),
        ("GET / HTTP/1.1\nHost: localhost", "HTTP/1.1 200 OK"),
        ("GET / HTTP/1.1\nHost: evil.example", "HTTP/1.1 421 Misdirected Request"),
        ("GET /metrics HTTP/1.1\nHost: localhost", "HTTP/1.1 404 Not Found"),
        ("POST /v1/realtime HTTP/1.1\nHost: localhost\nContent-Length: 0", "HTTP/1.1 405 Method Not Allowed"),
        ("GET /v1/realtime HTTP/1.1", "HTTP/1.1 400 Bad Request"),
        ("nonsense", "HTTP/1.1 400 Bad Request"),
        (&long, "HTTP/1.1 431 Request Header Fields Too Large"),
    ] {
        let response = relay.request(head);
        assert!(response.starts_with(status), "{head:.60}\n{response}");
    }
    let foreign =
        handshake("/v1/realtime", &format!("\nOrigin: https://evil.example\nAuthorization: Bearer {TOKEN}"));
    assert!(relay.request(&foreign).starts_with("HTTP/1.1 403 Forbidden\r\n"));
}

#[test]
fn a_slow_request_head_is_cut_off() {
    let relay = Relay::start("--demo");
    let mut stream = TcpStream::connect(&relay.address).unwrap_or_else(|error| panic!("{error}"));
    stream.set_read_timeout(Some(LIMIT)).unwrap_or_else(|error| panic!("{error}"));
    stream.write_all(b"GET /health HTTP/1.1\r\nHost:").unwrap_or_else(|error| panic!("{error}"));
    let mut answer = Vec::new();
    // The end of the stream comes although the request does not.
    let _ = stream.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn a_signal_during_calls_ends_them_with_1001_and_exit_code_0() {
    let relay = Relay::start("--demo --drain 1");
    let talk = relay.client("talk --input null --output null --json", TOKEN).start();
    talk.wait_for_json(LIMIT, "connection", |line| line["state"] == "live");
    relay.running.signal(Signal::TERM);
    assert_eq!(relay.logged("restart")["close_client"], 1001);
    let outcome = relay.running.wait(LIMIT).expect_code(0);
    let call = outcome.json_lines().into_iter().find(|line| line["outcome"] == "restart");
    assert_eq!(call.expect("the call has a line")["closed_by"], "relay");
}

#[test]
fn a_relay_that_drains_takes_no_new_calls_and_says_so() {
    let relay = Relay::start("--demo --drain 60");
    let talk = relay.client("talk --input null --output null --json", TOKEN).start();
    talk.wait_for_json(LIMIT, "connection", |line| line["state"] == "live");
    relay.running.signal(Signal::TERM);
    let head = handshake("/v1/realtime", &format!("\nAuthorization: Bearer {TOKEN}"));
    let ready = || relay.request("GET /ready HTTP/1.1\nHost: any");
    while !ready().starts_with("HTTP/1.1 503") {}
    let refused = relay.request(&head);
    assert!(refused.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{refused}");
    assert!(
        refused.contains("relay_draining") && refused.to_lowercase().contains("retry-after: 2"),
        "{refused}"
    );
    // The call ends by itself, and the relay after it.
    talk.signal(Signal::INT);
    talk.wait(LIMIT);
    let outcome = relay.running.wait(LIMIT).expect_code(0);
    assert!(outcome.json_lines().iter().any(|line| line["outcome"] == "completed"), "{}", outcome.text());
}

#[test]
fn without_a_token_a_relay_that_others_reach_makes_one() {
    let program = Program::rtvoice("serve --relay --demo --port 0 --host 0.0.0.0 --drain 0").start();
    let line = program.wait_for_line(LIMIT, |line| line.contains("\"listening\""));
    let line: Value = serde_json::from_str(&line).expect("a JSON line");
    let port = line["listening"].as_str().and_then(|address| address.rsplit(':').next()).expect("a port");
    let address = format!("127.0.0.1:{port}");
    let refused = request(&address, &handshake("/v1/realtime", ""));
    assert!(refused.starts_with("HTTP/1.1 401"), "{refused}");
    program.signal(Signal::TERM);
    let outcome = program.wait(LIMIT).expect_code(0);
    let (_, token) = outcome.stderr.split_once("the token of this run is ").expect("the token is shown");
    assert_eq!(token.trim().len(), 32, "{token}");
}

#[test]
fn settings_come_from_flags_the_environment_and_env_file() {
    let program = Program::rtvoice("serve --relay --demo --drain 0").env("PORT", "0");
    std::fs::write(program.file(".env"), format!("HOST=127.0.0.2\nRELAY_TOKENS={TOKEN}\n"))
        .expect("the folder takes files");
    let running = program.start();
    let line = running.wait_for_line(LIMIT, |line| line.contains("\"listening\""));
    assert!(line.contains("127.0.0.2:"), "{line}");
    running.signal(Signal::TERM);
    running.wait(LIMIT).expect_code(0);
    for (variable, value, says) in [
        ("RELAY_MAX_CALLS", "many", "invalid value of RELAY_MAX_CALLS"),
        ("RELAY_TOKENS", "alice:short", "the token of \"alice\" in RELAY_TOKENS is too short"),
        ("RELAY_MAX_COST", "1", "so spending cannot be limited"),
        ("RELAY_CERT", "cert.pem", "TLS needs both a certificate and its key"),
        ("HOST", "nowhere", "invalid value of HOST"),
    ] {
        let serve = Program::rtvoice("serve --relay --url ws://127.0.0.1:9/ --port 0").env(variable, value);
        let outcome = serve.run().expect_code(3);
        assert!(outcome.stderr.contains(says), "{variable}\n{}", outcome.stderr);
    }
    let outcome = Program::rtvoice("serve --profile openai").run().expect_code(2);
    assert!(outcome.stderr.contains("add --relay"), "{}", outcome.stderr);
}

#[test]
fn a_relay_with_a_certificate_serves_tls() {
    let folder = tempfile::tempdir().expect("the temporary folder takes files");
    let made =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate can be made");
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).expect("the folder takes files");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("the folder takes files");
    let relay = Relay::start(&format!("--demo --cert {} --key {}", cert.display(), key.display()));
    let port = relay.address.rsplit(':').next().expect("a port");
    let url = format!("wss://localhost:{port}/v1/realtime");
    let chat = format!("chat hello --url {url} --ca-file {}", cert.display());
    let outcome = Program::rtvoice(&chat).env("RTVOICE_API_KEY", TOKEN).run().expect_code(0);
    assert!(!outcome.text().trim().is_empty());
    assert!(!relay.request("GET /health HTTP/1.1\nHost: localhost").contains("200 OK"), "no plain HTTP");
}

#[test]
fn keys_and_tokens_are_nowhere() {
    // It repeats all that it was sent, as an error and as the reason of its close frame.
    let parrot = Stranger::saying(|headers| {
        let sent = headers.join(" ").replace('"', "'");
        vec![
            format!(r#"{{"type":"session.created","session":{{"instructions":"{sent}"}}}}"#),
            format!(r#"{{"type":"error","error":{{"message":"{sent}"}}}}"#),
            headers.iter().find(|line| line.contains("Bearer")).cloned().unwrap_or_default(),
        ]
    });
    let relay = Relay::start(&format!("--url ws://{}/v1/realtime --drain 0", parrot.address));
    let head = handshake("/v1/realtime?model=m", &format!("\nAuthorization: Bearer {TOKEN}"));
    let wire = relay.request(&head);
    assert!(
        wire.starts_with("HTTP/1.1 101")
            && wire.contains("connection: Upgrade\r\n")
            && wire.contains("session.created"),
        "{wire}"
    );
    let query = relay.request(&handshake(&format!("/v1/realtime?token={TOKEN}"), ""));
    assert!(query.starts_with("HTTP/1.1 400"), "{query}");
    let metrics = request(&relay.metrics, "GET /metrics HTTP/1.1\nHost: any");
    let arguments = std::fs::read(format!("/proc/{}/cmdline", relay.running.process())).unwrap_or_default();
    let sent = parrot.headers();
    let outcome = relay.stop().expect_code(0);
    for (place, bytes) in [
        ("the wire", wire.as_bytes()),
        ("a refusal", query.as_bytes()),
        ("the metrics", metrics.as_bytes()),
        ("the log", &outcome.stdout),
        ("standard error", outcome.stderr.as_bytes()),
        ("the arguments", &arguments),
    ] {
        holds_no_key(place, bytes);
        let text = String::from_utf8_lossy(bytes);
        assert!(!text.contains("fedcba9876543210"), "the token is in {place}: {text}");
    }
    // The endpoint gets the relay's key and nothing of the client.
    assert!(sent.iter().any(|line| line.contains(KEY)), "{sent:?}");
    assert!(sent.iter().all(|line| !line.contains("fedcba") && !line.contains("alice")), "{sent:?}");
    assert!(json_lines(&outcome.text()).len() >= 3);
}
