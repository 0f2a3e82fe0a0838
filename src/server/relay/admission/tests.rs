//! Tests of the admission: requests with status, code and sentence.

use std::net::SocketAddr;

use hyper::Request;

use super::*;
use crate::server::relay::limits::RelayLimits;

/// A request in one line: method, target, then `name=value` headers separated by `|`. `upgrade` stands for the
/// headers of a handshake.
fn request(line: &str) -> Parts {
    let (head, headers) = line.split_once(" | ").unwrap_or((line, ""));
    let (method, target) = head.split_once(' ').expect("a method and a target");
    let mut request = Request::builder().method(method).uri(target);
    let mut has_host = false;
    for header in headers.split('|').map(str::trim).filter(|header| !header.is_empty()) {
        if header == "upgrade" {
            request = request
                .header("upgrade", "websocket")
                .header("connection", "keep-alive, Upgrade")
                .header("sec-websocket-version", "13")
                .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        } else if header == "http/1.0" {
            request = request.version(Version::HTTP_10);
        } else {
            let (name, value) = header.split_once('=').expect("name=value");
            has_host |= name == "host";
            request = request.header(name, value);
        }
    }
    if !has_host {
        request = request.header("host", "localhost:8000");
    }
    request.body(()).expect("a valid request").into_parts().0
}

fn rules(tokens: &[(&str, &str)]) -> AdmissionRules {
    let tokens: Vec<_> =
        tokens.iter().map(|(name, token)| ((*name).to_owned(), Secret::new(*token))).collect();
    let hosts = ["relay.example".parse().unwrap()];
    let origins = ["https://app.example".parse().unwrap()];
    AdmissionRules {
        allowed: AllowList::new(SocketAddr::from(([127, 0, 0, 1], 8000)), &hosts, &origins),
        tokens: TokenSet::new(&tokens).unwrap(),
        models: Vec::new(),
        transcribes: true,
    }
}

fn slots() -> CallSlots {
    CallSlots::new(RelayLimits::default())
}

fn state(is_draining: bool, slots: &mut CallSlots) -> RelayState<'_> {
    RelayState { now: Duration::ZERO, address: IpAddr::from([192, 0, 2, 1]), is_draining, slots }
}

fn decide(rules: &AdmissionRules, line: &str, slots: &mut CallSlots) -> Decision {
    admit(rules, &request(line), state(false, slots))
}

/// Describes a decision in one line.
fn shown(decision: &Decision) -> String {
    match decision {
        Decision::Answer(route) => format!("answer {}", route.path()),
        Decision::Options(route) => format!("options {}", route.methods()),
        Decision::Call(call) => {
            let mut text = format!("call {}", call.route.path());
            for (has, word) in [
                (call.token.is_some(), " token"),
                (call.transcribes, " transcription"),
                (call.subprotocol, " realtime"),
                (call.is_beta, " beta"),
            ] {
                text.push_str(if has { word } else { "" });
            }
            text + &call.model.as_ref().map(|model| format!(" {model}")).unwrap_or_default()
        }
        Decision::Refuse(refusal) => format!("{} {}", refusal.status.as_u16(), refusal.code),
    }
}

const TOKENS: &[(&str, &str)] = &[("alice", "token-a"), ("bob", "token-b")];

/// Requests with status and code, or with what is admitted.
const CASES: &[(&str, &str)] = &[
    // Method and path.
    ("GET /", "answer /"),
    ("HEAD /", "answer /"),
    ("GET /health", "answer /health"),
    ("HEAD /health", "answer /health"),
    ("GET /health | host=10.0.0.7", "answer /health"),
    ("GET /ready | http/1.0", "answer /ready"),
    ("GET /ready | host=evil.example", "answer /ready"),
    ("OPTIONS / | http/1.0 | host=", "options GET, HEAD, OPTIONS"),
    ("OPTIONS /v1/realtime", "options GET, OPTIONS"),
    ("POST /", "405 method_not_allowed"),
    ("HEAD /v1/realtime", "405 method_not_allowed"),
    ("DELETE /health", "405 method_not_allowed"),
    ("GET /metrics", "404 not_found"),
    ("GET /v1/realtime/", "404 not_found"),
    ("GET /V1/realtime", "404 not_found"),
    ("GET /v1/realtime/calls | upgrade", "404 not_found"),
    // Host.
    ("GET / | host=evil.example", "421 unknown_host"),
    ("GET /v1/realtime | upgrade | host=evil.example", "421 unknown_host"),
    ("GET /v1/realtime | upgrade | host=relay.example.evil", "421 unknown_host"),
    ("GET /v1/realtime | upgrade | host=a b", "400 invalid_host"),
    ("GET http://evil.example/v1/realtime | upgrade", "421 unknown_host"),
    ("GET /v1/realtime | upgrade | host=relay.example", "401 missing_token"),
    // Origin.
    ("GET /v1/realtime | upgrade | origin=https://evil.example", "403 origin_not_allowed"),
    ("GET /v1/realtime | upgrade | origin=null", "403 origin_not_allowed"),
    ("GET /v1/realtime | upgrade | origin=https://app.example.evil", "403 origin_not_allowed"),
    ("GET /v1/realtime | upgrade | origin=http://app.example", "403 origin_not_allowed"),
    ("GET /v1/realtime | upgrade | origin=https://app.example", "401 missing_token"),
    ("GET /v1/realtime | upgrade | origin=http://localhost:8000", "401 missing_token"),
    ("GET /v1/realtime | upgrade | host=relay.example | origin=https://relay.example", "401 missing_token"),
    // Handshake.
    ("GET /v1/realtime | upgrade | http/1.0", "400 invalid_handshake"),
    ("GET /v1/realtime | upgrade=websocket", "400 invalid_handshake"),
    ("GET /v1/realtime | upgrade=websocket | connection=upgrade", "426 websocket_version"),
    (
        "GET /v1/realtime | upgrade=websocket | connection=upgrade | sec-websocket-version=8",
        "426 websocket_version",
    ),
    (
        "GET /v1/realtime | upgrade=websocket | connection=upgrade | sec-websocket-version=13",
        "400 invalid_handshake",
    ),
    (
        "GET /v1/realtime | upgrade=websocket | connection=upgrade | sec-websocket-version=13 \
             | sec-websocket-key=short",
        "400 invalid_handshake",
    ),
    ("GET /v1/realtime | upgrade=h2c", "401 missing_token"),
    // Credentials.
    ("GET /v1/realtime | upgrade", "401 missing_token"),
    ("GET /v1/realtime", "401 missing_token"),
    ("GET /v1/realtime | upgrade | authorization=Bearer", "401 missing_token"),
    ("GET /v1/realtime | upgrade | authorization=Basic dG9rZW4tYQ==", "401 missing_token"),
    ("GET /v1/realtime | upgrade | authorization=Bearer token-c", "401 invalid_token"),
    ("GET /v1/realtime | upgrade | authorization=Bearer token-", "401 invalid_token"),
    ("GET /v1/realtime | upgrade | authorization=Bearer token-aa", "401 invalid_token"),
    ("GET /v1/realtime | authorization=Bearer token-c", "401 invalid_token"),
    ("GET /v1/realtime?token=token-a | upgrade", "400 credentials_in_query"),
    ("GET /v1/realtime?api-key=x | upgrade | authorization=Bearer token-a", "400 credentials_in_query"),
    ("GET /v1/realtime?Access_Token=x | upgrade", "400 credentials_in_query"),
    (
        "GET /v1/realtime | upgrade | authorization=Bearer token-a \
             | sec-websocket-protocol=realtime, openai-insecure-api-key.token-a",
        "400 conflicting_credentials",
    ),
    (
        "GET /v1/realtime | upgrade | authorization=Bearer token-a | authorization=Bearer token-b",
        "400 conflicting_credentials",
    ),
    (
        "GET /v1/realtime | upgrade \
             | sec-websocket-protocol=realtime, openai-insecure-api-key.a, openai-insecure-api-key.b",
        "400 conflicting_credentials",
    ),
    (
        "GET /v1/realtime | upgrade | sec-websocket-protocol=openai-insecure-api-key.token-a",
        "400 unsupported_subprotocol",
    ),
    ("GET /v1/realtime | upgrade | sec-websocket-protocol=chat", "400 unsupported_subprotocol"),
    // Model and intent.
    ("GET /v1/realtime?model=a%20b | upgrade | authorization=Bearer token-a", "400 invalid_model"),
    ("GET /v1/realtime?model=a%26b=c | upgrade | authorization=Bearer token-a", "400 invalid_model"),
    ("GET /v1/realtime?model=../x?y | upgrade | authorization=Bearer token-a", "400 invalid_model"),
    // Admitted.
    ("GET /v1/realtime | authorization=Bearer token-a", "426 upgrade_required"),
    ("GET /v1/realtime | upgrade | authorization=Bearer token-a", "call /v1/realtime token"),
    ("GET /realtime-voice | upgrade | authorization=bearer  token-b", "call /realtime-voice token"),
    (
        "GET /text-chat | upgrade | sec-websocket-protocol=realtime, openai-insecure-api-key.token-a \
             | origin=https://app.example",
        "call /text-chat token realtime",
    ),
    (
        "GET /v1/realtime?model=gpt-realtime | upgrade | authorization=Bearer token-a \
             | openai-beta=realtime=v1",
        "call /v1/realtime token beta gpt-realtime",
    ),
    (
        "GET /v1/realtime?intent=transcription | upgrade \
             | sec-websocket-protocol=realtime, openai-insecure-api-key.token-b, openai-beta.realtime-v1",
        "call /v1/realtime token transcription realtime beta",
    ),
    ("GET /v1/realtime?model= | upgrade | authorization=Bearer token-a", "call /v1/realtime token"),
];

#[test]
fn each_request_gets_its_status_and_code() {
    let rules = rules(TOKENS);
    for (line, expected) in CASES {
        assert_eq!(shown(&decide(&rules, line, &mut slots())), *expected, "{line}");
    }
    let long = format!("GET /v1/realtime?model={} | upgrade | authorization=Bearer token-a", "m".repeat(129));
    assert_eq!(shown(&decide(&rules, &long, &mut slots())), "400 invalid_model");
}

#[test]
fn without_tokens_programs_are_admitted_and_foreign_pages_are_not() {
    let rules = rules(&[]);
    let decide = |line| shown(&decide(&rules, line, &mut slots()));
    assert_eq!(decide("GET /v1/realtime | upgrade"), "call /v1/realtime");
    assert_eq!(decide("GET /v1/realtime | upgrade | authorization=Bearer any"), "call /v1/realtime");
    let foreign = "GET /v1/realtime | upgrade | origin=https://evil.example";
    assert_eq!(decide(foreign), "403 origin_not_allowed");
}

#[test]
fn each_token_is_found_under_its_name() {
    let rules = rules(TOKENS);
    let line = "GET /v1/realtime | upgrade | authorization=Bearer token-b";
    let Decision::Call(call) = decide(&rules, line, &mut slots()) else { panic!("refused") };
    assert_eq!(call.token.map(|token| rules.tokens.name(token)), Some("bob"));
}

#[test]
fn only_listed_models_are_admitted_and_the_first_is_the_default() {
    let models = vec!["gpt-a".to_owned(), "gpt-b".to_owned()];
    let rules = AdmissionRules { models, transcribes: false, ..rules(&[]) };
    let decide = |line| shown(&decide(&rules, line, &mut slots()));
    assert_eq!(decide("GET /v1/realtime | upgrade"), "call /v1/realtime gpt-a");
    assert_eq!(decide("GET /v1/realtime?model=gpt-b | upgrade"), "call /v1/realtime gpt-b");
    assert_eq!(decide("GET /v1/realtime?model=gpt-c | upgrade"), "400 model_not_allowed");
    assert_eq!(decide("GET /v1/realtime?intent=transcription | upgrade"), "400 no_transcription");
}

#[test]
fn draining_and_limits_refuse_new_calls_after_the_token() {
    let rules = rules(TOKENS);
    let good = "GET /v1/realtime | upgrade | authorization=Bearer token-a";
    let check = |line, is_draining, slots: &mut CallSlots| {
        let decision = admit(&rules, &request(line), state(is_draining, slots));
        let Decision::Refuse(refusal) = decision else { panic!("{decision:?}") };
        (refusal.status.as_u16(), refusal.code, refusal.retry_after.unwrap_or(0))
    };
    assert_eq!(check(good, true, &mut slots()), (503, "relay_draining", 2));
    assert_eq!(check("GET /v1/realtime | upgrade", true, &mut slots()), (401, "missing_token", 0));
    let with = |limits| CallSlots::new(limits);
    let none = RelayLimits { calls: Some(0), ..RelayLimits::default() };
    assert_eq!(check(good, false, &mut with(none)), (503, "relay_full", 5));
    let none = RelayLimits { calls_per_token: Some(0), ..RelayLimits::default() };
    assert_eq!(check(good, false, &mut with(none)), (429, "too_many_calls", 10));
    let none = RelayLimits { calls_per_address: Some(0), ..RelayLimits::default() };
    assert_eq!(check(good, false, &mut with(none)), (429, "too_many_calls", 10));
    let mut connected = slots();
    for _ in 0..30 {
        assert_eq!(shown(&decide(&rules, good, &mut connected)), "call /v1/realtime token");
    }
    assert_eq!(check(good, false, &mut connected), (429, "too_many_connects", 5));
    let spent = RelayLimits { usd_per_day: Some(0.0), ..RelayLimits::default() };
    assert_eq!(check(good, false, &mut with(spent)), (429, "daily_spend_limit", 3_600));
}

#[test]
fn after_ten_wrong_tokens_even_the_right_one_has_to_wait() {
    let (rules, mut slots) = (rules(TOKENS), slots());
    let wrong = "GET /v1/realtime | upgrade | authorization=Bearer guess";
    for _ in 0..10 {
        assert_eq!(shown(&decide(&rules, wrong, &mut slots)), "401 invalid_token");
    }
    assert_eq!(shown(&decide(&rules, wrong, &mut slots)), "429 too_many_wrong_tokens");
    let right = "GET /v1/realtime | upgrade | authorization=Bearer token-a";
    assert_eq!(shown(&decide(&rules, right, &mut slots)), "429 too_many_wrong_tokens");
}

#[test]
fn a_refusal_is_an_error_of_the_protocol_with_a_sentence() {
    let rules = rules(TOKENS);
    let Decision::Refuse(refusal) = decide(&rules, "GET /v1/realtime | upgrade", &mut slots()) else {
        panic!("admitted")
    };
    let body: serde_json::Value = serde_json::from_str(&refusal.body("call_1")).unwrap();
    let message = "This relay needs a token: Authorization: Bearer, or the subprotocol \
                   openai-insecure-api-key.TOKEN.";
    let error = json!({
        "message": message, "type": "invalid_request_error", "param": null, "code": "missing_token",
        "request_id": "call_1"
    });
    assert_eq!(body, json!({ "error": error }));
    let foreign = decide(&rules, "GET / | host=evil.example", &mut slots());
    let Decision::Refuse(refusal) = foreign else { panic!("admitted") };
    assert_eq!(
        refusal.message,
        "This server does not answer to the name in the Host header. RELAY_HOSTS allows more."
    );
}
