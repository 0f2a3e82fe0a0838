//! Upgrade requests, byte for byte as documented by the endpoints.

use tokio::io::{AsyncReadExt, duplex};

use super::*;
use crate::net::ws::connection::WebSocketClient;

const KEY: &str = "sk-proj-7Qw9";

fn conversation(model: &str) -> Purpose {
    Purpose::Conversation { model: Some(model.to_owned()) }
}

fn endpoint(url: &str, purpose: Purpose, auth: Auth) -> Endpoint {
    Endpoint::new(EndpointUrl::parse(url).unwrap(), purpose, auth)
}

fn key() -> Secret {
    Secret::new(KEY)
}

fn both() -> Auth {
    Auth::BearerAndQuery { name: "token".to_owned(), key: key() }
}

/// Returns the request as sent, without the random key, the user agent and the common upgrade headers.
async fn wire(endpoint: &Endpoint) -> String {
    let (near, mut far) = duplex(1 << 16);
    let request = endpoint.request().unwrap();
    let random = request.headers()["sec-websocket-key"].to_str().unwrap().to_owned();
    let asking = async {
        let mut received = Vec::new();
        while !received.ends_with(b"\r\n\r\n") {
            far.read_buf(&mut received).await.unwrap();
        }
        drop(far);
        String::from_utf8(received).unwrap()
    };
    let (refused, received) = tokio::join!(WebSocketClient::over(near, request), asking);
    assert!(refused.is_err());
    let upgrade = format!(
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: {random}\r\n"
    );
    assert!(received.contains(&upgrade), "{received}");
    let name = format!("User-Agent: {PROGRAM}\r\n");
    assert!(received.contains(&name), "{received}");
    assert!(!received.contains("Sec-WebSocket-Extensions"), "{received}");
    received.replace(&upgrade, "").replace(&name, "").trim_end().replace("\r\n", "\n")
}

#[tokio::test]
async fn requests_match_the_endpoints_documentation() {
    let beta = |mut endpoint: Endpoint| {
        endpoint.beta = BetaMarker::Sent;
        endpoint
    };
    let paid_by = |mut endpoint: Endpoint| {
        endpoint.organization = Some("org-1".to_owned());
        endpoint.project = Some("proj_2".to_owned());
        endpoint.headers.push(("OpenAI-Safety-Identifier".to_owned(), "a1b2".to_owned()));
        endpoint
    };
    let openai = "wss://api.openai.com/v1/realtime";
    let ope_ai = "wss://api-platform.ope.ai/v1/realtime";
    for (endpoint, expected) in [
        (
            endpoint(openai, conversation("gpt-realtime-2"), Auth::Bearer(key())),
            "GET /v1/realtime?model=gpt-realtime-2 HTTP/1.1\nHost: api.openai.com\nAuthorization: Bearer sk-proj-7Qw9",
        ),
        (
            endpoint("https://api.openai.com", Purpose::Transcription, Auth::Bearer(key())),
            "GET /v1/realtime?intent=transcription HTTP/1.1\nHost: api.openai.com\nAuthorization: Bearer sk-proj-7Qw9",
        ),
        (
            paid_by(endpoint(openai, conversation("m"), Auth::Bearer(key()))),
            "GET /v1/realtime?model=m HTTP/1.1\nHost: api.openai.com\nAuthorization: Bearer sk-proj-7Qw9\n\
             OpenAI-Organization: org-1\nOpenAI-Project: proj_2\nOpenAI-Safety-Identifier: a1b2",
        ),
        (
            endpoint(openai, conversation("m"), Auth::Subprotocol(key())),
            "GET /v1/realtime?model=m HTTP/1.1\nHost: api.openai.com\n\
             Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.sk-proj-7Qw9",
        ),
        (
            beta(paid_by(endpoint(openai, conversation("m"), Auth::Subprotocol(key())))),
            "GET /v1/realtime?model=m HTTP/1.1\nHost: api.openai.com\n\
             Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.sk-proj-7Qw9, \
             openai-organization.org-1, openai-project.proj_2, openai-beta.realtime-v1\n\
             OpenAI-Safety-Identifier: a1b2",
        ),
        (
            beta(endpoint(ope_ai, conversation("opeai/AudioLLM/Voice2"), Auth::Bearer(key()))),
            "GET /v1/realtime?model=opeai/AudioLLM/Voice2 HTTP/1.1\nHost: api-platform.ope.ai\n\
             Authorization: Bearer sk-proj-7Qw9\nOpenAI-Beta: realtime=v1",
        ),
        (
            beta(endpoint(ope_ai, conversation("opeai/AudioLLM/Voice2"), Auth::Subprotocol(key()))),
            "GET /v1/realtime?model=opeai/AudioLLM/Voice2 HTTP/1.1\nHost: api-platform.ope.ai\n\
             Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.sk-proj-7Qw9, openai-beta.realtime-v1",
        ),
        (
            endpoint(
                "wss://r.openai.azure.com/openai/v1/realtime",
                conversation("deploy"),
                Auth::api_key(key()),
            ),
            "GET /openai/v1/realtime?model=deploy HTTP/1.1\nHost: r.openai.azure.com\napi-key: sk-proj-7Qw9",
        ),
        (
            endpoint("wss://openopen8.ai/v1/realtime", conversation("m"), Auth::token(key())),
            "GET /v1/realtime?model=m&token=sk-proj-7Qw9 HTTP/1.1\nHost: openopen8.ai",
        ),
        (
            endpoint("ws://[::1]:8765", Purpose::Conversation { model: None }, Auth::None),
            "GET /v1/realtime HTTP/1.1\nHost: [::1]:8765",
        ),
        (
            endpoint(
                "ws://localhost:8000",
                Purpose::Transcription,
                Auth::Header { name: "X-API-Key".to_owned(), key: key() },
            ),
            "GET /v1/realtime?intent=transcription HTTP/1.1\nHost: localhost:8000\nX-API-Key: sk-proj-7Qw9",
        ),
    ] {
        assert_eq!(wire(&endpoint).await, expected);
    }
}

#[test]
fn a_model_is_added_only_if_the_url_names_none() {
    for (url, expected) in [
        ("wss://h/p", "model=m"),
        ("wss://h/p?model=theirs", "model=theirs"),
        ("wss://h/p?x=1", "x=1&model=m"),
        ("wss://h/p?call_id=rtc_1", "call_id=rtc_1"),
        ("wss://h/p?intent=transcription", "intent=transcription"),
        ("wss://h/p?intent=realtime", "intent=realtime&model=m"),
        ("wss://h/p?api-version=v&deployment=d", "api-version=v&deployment=d"),
    ] {
        let request = endpoint(url, conversation("m"), Auth::None).request().unwrap();
        assert_eq!(request.uri().query(), Some(expected), "{url}");
    }
    let speaches =
        endpoint("ws://localhost/p?model=whisper&intent=transcription", Purpose::Transcription, Auth::None);
    assert_eq!(speaches.request().unwrap().uri().query(), Some("model=whisper&intent=transcription"));
}

#[test]
fn a_key_is_not_sent_to_another_machine_unencrypted() {
    for auth in
        [Auth::Bearer(key()), Auth::api_key(key()), Auth::Subprotocol(key()), Auth::token(key()), both()]
    {
        let mut remote = endpoint("ws://10.0.0.7:8080", conversation("m"), auth.clone());
        let refused = EndpointError::KeyInClear { host: "10.0.0.7".to_owned(), proxy: None };
        assert_eq!(remote.request().unwrap_err(), refused);
        remote.clear_key = CleartextKeyPolicy::Allowed;
        assert!(remote.request().is_ok());
        assert!(endpoint("ws://127.0.0.1", conversation("m"), auth.clone()).request().is_ok());
        assert!(endpoint("wss://10.0.0.7", conversation("m"), auth).request().is_ok());
    }
    assert!(endpoint("ws://10.0.0.7", conversation("m"), Auth::None).request().is_ok());
    let in_url = endpoint("ws://10.0.0.7?token=abc", conversation("m"), Auth::None);
    assert!(matches!(in_url.request(), Err(EndpointError::KeyInClear { .. })));
}

#[test]
fn an_invalid_key_or_header_is_named() {
    let bearer = |key: &str| Auth::Bearer(Secret::new(key));
    for (auth, error) in [
        (bearer(""), EndpointError::KeyEmpty),
        (bearer("sk-1\n"), EndpointError::KeyLineBreak),
        (bearer("sk-1\r\nX-Evil: 1"), EndpointError::KeyLineBreak),
        (bearer("sk 1"), EndpointError::KeyCharacter),
        (bearer("schlüssel"), EndpointError::KeyCharacter),
        (Auth::token(Secret::new("sk-1\n")), EndpointError::KeyLineBreak),
        (Auth::Subprotocol(Secret::new("abc=")), EndpointError::KeyNoSubprotocol),
        (Auth::Subprotocol(Secret::new("a,b")), EndpointError::KeyNoSubprotocol),
    ] {
        let refused = endpoint("wss://h", conversation("m"), auth).request().unwrap_err();
        assert_eq!(refused, error);
        assert!(refused.hint().is_some());
    }
    let named = |name: &str| name.to_owned();
    for (name, value, error) in [
        ("bad name", "x", EndpointError::HeaderName { name: named("bad name") }),
        ("X-Fine", "a\nb", EndpointError::HeaderValue { name: named("X-Fine") }),
        ("Host", "evil", EndpointError::HeaderTwice { name: named("Host") }),
        ("authorization", "Bearer x", EndpointError::HeaderTwice { name: named("authorization") }),
        (
            "Sec-WebSocket-Extensions",
            "x",
            EndpointError::HeaderTwice { name: named("Sec-WebSocket-Extensions") },
        ),
    ] {
        let mut endpoint = endpoint("wss://h", conversation("m"), Auth::Bearer(key()));
        endpoint.headers.push((name.to_owned(), value.to_owned()));
        assert_eq!(endpoint.request().unwrap_err(), error);
    }
}

#[test]
fn no_key_is_in_debug_output() {
    for auth in
        [Auth::Bearer(key()), Auth::api_key(key()), Auth::Subprotocol(key()), Auth::token(key()), both()]
    {
        let mut endpoint = endpoint("wss://h?api_key=sk-proj-7Qw9", conversation("m"), auth);
        endpoint.headers.push(("X-More".to_owned(), KEY.to_owned()));
        let headers = format!("{:?}", endpoint.request().unwrap().headers());
        let shown = format!("{endpoint:?} {:?}", endpoint.redactor());
        assert!(!shown.contains("7Qw9"), "{shown}");
        assert_eq!(
            headers.matches("7Qw9").count(),
            1,
            "only the header that was not said to be a key: {headers}"
        );
    }
}

#[test]
fn echoed_headers_are_hidden_like_keys() {
    let mut endpoint = endpoint("wss://h/v1/realtime", conversation("gpt-realtime-2"), Auth::Bearer(key()));
    endpoint.organization = Some("org-0001".to_owned());
    endpoint.project = Some("proj_0002".to_owned());
    let headers = [("X-Gate", "Token gate-0003"), ("X-Model", "gpt-realtime-2"), ("X-Version", "1")];
    endpoint.headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let said =
        "1: sk-proj-7Qw9, org-0001, proj_0002, Token gate-0003 and gate-0003 may not use gpt-realtime-2";
    let shown = "1: [key hidden], [header hidden], [header hidden], [header hidden] and [header hidden] \
                 may not use gpt-realtime-2";
    assert_eq!(endpoint.redactor().redact(said), shown);
}
