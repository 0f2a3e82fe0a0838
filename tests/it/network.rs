//! The program behind proxies and private authorities, over real sockets on this machine.
#![expect(clippy::unwrap_used, reason = "what the tests' own world cannot do fails the test")]

pub(crate) mod world;

use world::{Asked, Authority};

use crate::support::program::{Outcome, Program};

const KEY: &str = "sk-test-0123456789abcdef";
const PASSWORD: &str = "hunter2-hunter2";
const LOGIN: &str = "me:hunter2-hunter2";

/// A question to an endpoint. The trace is written, too, so that it can be searched.
fn asking(url: &str) -> Program {
    Program::rtvoice("chat --json --trace trace.jsonl --model m --url")
        .arg(url)
        .arg("hello")
        .env("RTVOICE_API_KEY", KEY)
        // No one signs the test's certificates: one that has nothing to do with them stands for the
        // system's, so that a machine without any says the same.
        .env("SSL_CERT_FILE", "strangers.pem")
}

/// Runs it, and searches all that it left for the key and the password.
fn run(program: Program, code: i32) -> Outcome {
    Authority::new().write(&program.file("strangers.pem"));
    let outcome = program.run().expect_code(code);
    let trace = std::fs::read_to_string(outcome.home.path().join("trace.jsonl")).unwrap_or_default();
    let left = format!("{}{}{trace}", outcome.text(), outcome.stderr);
    // Also as `Basic` writes them, and the parts behind the key's public beginning.
    for secret in [KEY, &KEY[8..], PASSWORD, "aHVudGVy", "bWU6aHVud"] {
        assert!(!left.contains(secret), "{secret} is in: {left}");
    }
    outcome
}

fn answers(program: Program) -> Outcome {
    let outcome = run(program, 0);
    let lines = outcome.json_lines();
    let answered = |line: &serde_json::Value| line["type"] == "assistant" && line["final"] == true;
    assert!(lines.iter().any(answered), "{lines:?}");
    outcome
}

fn fails(program: Program, code: i32, sentence: &str) {
    let outcome = run(program, code);
    assert!(outcome.stderr.contains(sentence), "{sentence:?} is not in: {}", outcome.stderr);
    assert!(outcome.stderr.contains("\nhint: "), "{}", outcome.stderr);
}

fn asked(asked: &Asked) -> Vec<String> {
    asked.with(std::mem::take)
}

/// An endpoint behind TLS, and a question to it by a name that only a proxy knows.
fn behind_tls(authority: &Authority) -> (u16, Program) {
    let port = world::endpoint_with_tls(authority, KEY);
    let program = asking(&format!("wss://voice.test:{port}")).arg("--ca-file").arg("ca.pem");
    authority.write(&program.file("ca.pem"));
    (port, program)
}

#[test]
fn connect_leads_to_a_name_that_only_the_proxy_knows() {
    let authority = Authority::new();
    let (port, program) = behind_tls(&authority);
    let (proxy, heads) = world::http_proxy(Some(LOGIN));
    answers(program.env("https_proxy", format!("http://{LOGIN}@localhost:{proxy}")));
    let [head] = asked(&heads).try_into().unwrap();
    assert!(head.starts_with(&format!("CONNECT voice.test:{port} HTTP/1.1\r\n")), "{head}");
    assert!(!head.contains(KEY), "the key is for the endpoint");
}

#[test]
fn a_proxy_behind_tls_leads_when_its_authority_is_given() {
    let authority = Authority::new();
    let (proxy, heads) = world::https_proxy(&authority);
    let url = format!("https://localhost:{proxy}");
    let (_, program) = behind_tls(&authority);
    answers(program.env("HTTPS_PROXY", &url));
    assert_eq!(asked(&heads).len(), 1);
    let stranger = asking("wss://voice.test").env("HTTPS_PROXY", &url);
    fails(
        stranger,
        5,
        &format!(
            "the proxy localhost:{proxy} from HTTPS_PROXY cannot be reached: TLS connection to \
             localhost failed: the certificate is signed by an unknown authority"
        ),
    );
}

#[test]
fn socks_leads_to_a_name_that_only_the_proxy_knows() {
    let authority = Authority::new();
    for login in [None, Some(("me", PASSWORD))] {
        let (port, program) = behind_tls(&authority);
        let (proxy, places) = world::socks_proxy(login);
        let shown = login.map(|_| format!("{LOGIN}@")).unwrap_or_default();
        answers(program.env("ALL_PROXY", format!("socks5h://{shown}127.0.0.1:{proxy}")));
        assert_eq!(asked(&places), [format!("voice.test {port}")]);
    }
}

#[test]
fn socks5_without_h_is_given_an_address_and_another_one_where_it_has_no_way_to_the_first() {
    let port = world::endpoint();
    let (proxy, places) = world::socks_proxy(None);
    let program = asking(&format!("ws://localhost:{port}")).arg("--allow-clear-key");
    answers(program.env("RTVOICE_PROXY", format!("socks5://127.0.0.1:{proxy}")));
    let places = asked(&places);
    assert_eq!(places.last().unwrap(), &format!("127.0.0.1 {port}"), "{places:?}");
}

#[test]
fn this_machine_is_reached_without_a_proxy_unless_one_was_asked_for() {
    let port = world::endpoint();
    let (proxy, heads) = world::http_proxy(None);
    let (url, proxy) = (format!("ws://localhost:{port}"), format!("http://127.0.0.1:{proxy}"));
    answers(asking(&url).env("http_proxy", &proxy).env("ALL_PROXY", &proxy));
    assert_eq!(asked(&heads), [""; 0]);
    let forced = || asking(&url).env("RTVOICE_PROXY", &proxy);
    fails(forced(), 3, "the key would be sent to localhost unencrypted");
    assert_eq!(asked(&heads), [""; 0]);
    answers(forced().arg("--allow-clear-key"));
    assert_eq!(asked(&heads).len(), 1);
}

#[test]
fn http_proxy_counts_in_small_letters_only() {
    let port = world::endpoint();
    let (proxy, heads) = world::http_proxy(None);
    let proxy = format!("http://127.0.0.1:{proxy}");
    let program = || asking(&format!("ws://voice.test:{port}")).arg("--allow-clear-key");
    answers(program().env("http_proxy", &proxy));
    assert_eq!(asked(&heads).len(), 1);
    // Refused without asking the network for the name.
    let nowhere = format!("ws://{}.test:{port}", "x".repeat(64));
    let direct = asking(&nowhere).arg("--allow-clear-key").env("HTTP_PROXY", &proxy);
    fails(direct, 5, "unknown host");
    assert_eq!(asked(&heads), [""; 0]);
}

#[test]
fn what_no_proxy_lists_is_reached_straight() {
    let (proxy, heads) = world::http_proxy(None);
    // Refused without asking the network for the name.
    let program = asking(&format!("ws://{}.test", "x".repeat(64))).arg("--allow-clear-key");
    let program = program.env("http_proxy", format!("http://127.0.0.1:{proxy}"));
    fails(program.env("NO_PROXY", "other.example, .test"), 5, "unknown host");
    assert_eq!(asked(&heads), [""; 0]);
}

#[test]
fn a_proxy_that_refuses_says_why_and_nothing_secret() {
    let (proxy, _) = world::http_proxy(Some("me:other"));
    let by = |login: &str| format!("http://{login}127.0.0.1:{proxy}");
    let named = format!("the proxy 127.0.0.1:{proxy} from https_proxy");
    let program = || asking("wss://voice.test");
    let wrong = program().env("https_proxy", by(&format!("{LOGIN}@")));
    fails(wrong, 3, &format!("{named} rejected the user name or password"));
    fails(program().env("https_proxy", by("")), 3, &format!("{named} requires a user name and password"));

    let (proxy, _) = world::http_proxy(None);
    let forbidden = asking("wss://forbidden.test");
    let forbidden = forbidden.env("https_proxy", format!("http://{LOGIN}@127.0.0.1:{proxy}"));
    fails(
        forbidden,
        5,
        "refused to connect to forbidden.test:443: 403 Forbidden: CONNECT forbidden.test:443",
    );

    let (proxy, _) = world::socks_proxy(Some(("me", "other")));
    let by = |login: &str| format!("socks5h://{login}127.0.0.1:{proxy}");
    let wrong = program().env("https_proxy", by(&format!("{LOGIN}@")));
    fails(wrong, 3, "rejected the user name or password");
    fails(program().env("https_proxy", by("")), 3, "requires a user name and password");

    let (proxy, _) = world::socks_proxy(None);
    let forbidden = asking("wss://forbidden.test");
    let forbidden = forbidden.env("https_proxy", format!("socks5h://127.0.0.1:{proxy}"));
    fails(forbidden, 5, "cannot connect to forbidden.test:443: not allowed by its rules");
}

#[test]
fn a_proxy_that_is_not_there_or_not_one_is_named_with_its_variable() {
    let program = |proxy: &str| asking("wss://voice.test").env("all_proxy", proxy);
    // Port 1 is the one of a service that no one runs.
    let no_one = format!("http://{LOGIN}@127.0.0.1:1");
    fails(program(&no_one), 5, "the proxy 127.0.0.1:1 from all_proxy cannot be reached: connection refused");
    let kind = format!("ftp://{LOGIN}@127.0.0.1:1");
    fails(program(&kind), 3, "unsupported proxy scheme ftp:// in all_proxy");
    let port = world::endpoint();
    let web = format!("http://{LOGIN}@127.0.0.1:{port}");
    fails(program(&web), 5, &format!("the proxy 127.0.0.1:{port} from all_proxy refused to connect"));
    let web = format!("socks5h://{LOGIN}@127.0.0.1:{port}");
    let outcome = run(program(&web), 5);
    assert!(outcome.stderr.contains(&format!("the proxy 127.0.0.1:{port} from all_proxy ")));
}

#[test]
fn a_private_authority_is_trusted_by_ca_file_or_ssl_cert_file_only() {
    let authority = Authority::new();
    let port = world::endpoint_with_tls(&authority, KEY);
    let program = || asking(&format!("wss://localhost:{port}"));
    fails(
        program(),
        5,
        "TLS connection to localhost failed: the certificate is signed by an unknown authority",
    );
    let given = program().arg("--ca-file").arg("ca.pem");
    authority.write(&given.file("ca.pem"));
    answers(given);
    let given = program().env("SSL_CERT_FILE", "ca.pem");
    authority.write(&given.file("ca.pem"));
    answers(given);
}

#[test]
fn a_ca_file_that_is_none_is_reported_before_anything_is_dialled() {
    let given = || asking("wss://localhost:1").arg("--ca-file").arg("ca.pem");
    fails(given(), 3, "cannot read certificates from ca.pem: ");
    let empty = given();
    std::fs::write(empty.file("ca.pem"), "no certificate\n").unwrap();
    fails(empty, 3, "no certificate in ca.pem");
    let broken = given();
    std::fs::write(broken.file("ca.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        .unwrap();
    fails(broken, 3, "certificate 1 of ca.pem cannot be used");
}
