//! Upgrade against a server with scripted answers.

use std::time::Duration;

use tokio::io::{AsyncReadExt, duplex};

use super::*;
use crate::net::endpoint::url::EndpointUrl;
use crate::net::endpoint::{Auth, Endpoint, Purpose};
use crate::secret::Secret;

const KEY: &str = "sk-proj-0123456789abcdef";

fn request(auth: Auth) -> Request<()> {
    let url = EndpointUrl::parse("wss://host/v1/realtime").unwrap();
    Endpoint::new(url, Purpose::Conversation { model: None }, auth).request().unwrap()
}

/// Returns the outcome of an answer, in which `ACCEPT` becomes the valid value; the server then closes.
async fn answered(auth: Auth, answer: &[u8]) -> Result<Vec<u8>, UpgradeError> {
    let (mut near, mut far) = duplex(1 << 20);
    let request = request(auth);
    let accept = derive_accept_key(request.headers()[SEC_WEBSOCKET_KEY].as_bytes());
    let answer = match std::str::from_utf8(answer) {
        Ok(text) => text.replace("ACCEPT", &accept).into_bytes(),
        Err(_) => answer.to_vec(),
    };
    let serving = async move {
        far.read_buf(&mut Vec::new()).await.unwrap();
        far.write_all(&answer).await.unwrap();
    };
    tokio::join!(upgrade(&mut near, &request), serving).0
}

async fn failed(answer: &str) -> String {
    answered(Auth::Bearer(Secret::new(KEY)), answer.as_bytes()).await.unwrap_err().to_string()
}

async fn refused(answer: &str) -> HttpRefusal {
    match answered(Auth::Bearer(Secret::new(KEY)), answer.as_bytes()).await {
        Err(UpgradeError::Refused(refusal)) => *refusal,
        other => panic!("{other:?}"),
    }
}

const ACCEPTED: &str = "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\n\
                        connection: keep-alive, Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n";

#[tokio::test(start_paused = true)]
async fn an_upgrade_returns_the_bytes_after_it() {
    let answer = format!("HTTP/1.1 103 Early Hints\r\n\r\n{ACCEPTED}\r\nrest");
    assert_eq!(answered(Auth::None, answer.as_bytes()).await.unwrap(), b"rest");
}

#[tokio::test(start_paused = true)]
async fn a_subprotocol_must_have_been_offered() {
    let offered = || Auth::Subprotocol(Secret::new(KEY));
    let chosen = |name: &str| format!("{ACCEPTED}Sec-WebSocket-Protocol: {name}\r\n\r\n");
    assert!(answered(offered(), chosen("realtime").as_bytes()).await.is_ok());
    let none = answered(offered(), format!("{ACCEPTED}\r\n").as_bytes()).await;
    assert!(matches!(none, Err(UpgradeError::NoSubprotocol)));
    for (auth, name) in [(offered(), "other"), (Auth::None, "realtime")] {
        let wrong = answered(auth, chosen(name).as_bytes()).await.unwrap_err();
        assert_eq!(wrong.to_string(), "invalid upgrade: it chose a subprotocol that was not offered");
    }
}

#[tokio::test(start_paused = true)]
async fn an_invalid_upgrade_is_explained() {
    let head = "HTTP/1.1 101 Switching Protocols\r\n";
    let upgrade = "Upgrade: websocket\r\n";
    for (answer, why) in [
        (format!("{head}\r\n"), "its Upgrade header lacks websocket"),
        (format!("{head}{upgrade}\r\n"), "its Connection header lacks Upgrade"),
        (
            format!("{head}{upgrade}Connection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n"),
            "its Sec-WebSocket-Accept does not match the request",
        ),
        (
            format!("{ACCEPTED}Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"),
            "it requires an extension that was not offered",
        ),
    ] {
        assert_eq!(failed(&answer).await, format!("invalid upgrade: {why}"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_other_than_http_is_shown_if_it_is_text() {
    for (answer, expected) in [
        (&b"SSH-2.0-OpenSSH_9.2\r\n"[..], "SSH-2.0-OpenSSH_9.2"),
        (b"220 mail.example\x1b[2J ESMTP\r\n", "220 mail.example [2J ESMTP"),
        (b"\x00\xff\xfe\x80", ""),
    ] {
        match answered(Auth::None, answer).await {
            Err(UpgradeError::NotHttp { start }) => assert_eq!(start, expected),
            other => panic!("{other:?}"),
        }
    }
    let tls = answered(Auth::None, b"\x15\x03\x01\x00\x02\x02\x46").await;
    assert!(matches!(tls, Err(UpgradeError::SpeaksTls)));
}

#[tokio::test(start_paused = true)]
async fn an_unfinished_or_endless_head_is_an_error() {
    for answer in ["", "HTTP/1.1 101 Swit", "HTTP/1.1 401 Unauthorized\r\nContent-Type: a"] {
        assert_eq!(failed(answer).await, "the server closed the connection during the WebSocket handshake");
    }
    let endless = format!("HTTP/1.1 101 Switching Protocols\r\nX: {}", "x".repeat(100_000));
    assert_eq!(failed(&endless).await, "the server answered something that is not HTTP");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_has_status_and_message() {
    let body = r#"{"error":{"message":"Rate limit reached.","code":"rate_limit_exceeded"}}"#;
    let length = body.len();
    let refusal = refused(&format!(
        "HTTP/1.1 429 Whatever\r\nContent-Type: application/json\r\nRetry-After: 17\r\n\
         Content-Length: {length}\r\n\r\n{body}and more"
    ))
    .await;
    assert_eq!(refusal.to_string(), "429 Too Many Requests: Rate limit reached. (rate_limit_exceeded)");
    assert_eq!(refusal.retry_after, Some(Duration::from_secs(17)));
    assert_eq!(refusal.code.as_deref(), Some("rate_limit_exceeded"));
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_in_seconds_or_relative_to_the_servers_clock() {
    let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT";
    for (headers, seconds) in [
        ("Retry-After: 17".to_owned(), Some(17)),
        (format!("{date}\r\nRetry-After: Sun, 06 Nov 1994 08:51:00 GMT"), Some(83)),
        (format!("{date}\r\nRetry-After: Sunday, 06-Nov-94 08:51:00 GMT"), Some(83)),
        (format!("{date}\r\nRetry-After: Sun Nov  6 08:51:00 1994"), Some(83)),
        (format!("{date}\r\nRetry-After: Sun, 06 Nov 1994 08:49:00 GMT"), None),
        ("Retry-After: Sun, 06 Nov 1994 08:51:00 GMT".to_owned(), None),
        (format!("{date}\r\nRetry-After: soon"), None),
        (format!("{date}\r\nRetry-After: -1"), None),
        (date.to_owned(), None),
        ("Retry-After: 86400".to_owned(), Some(86_400)),
    ] {
        let refusal = refused(&format!("HTTP/1.1 503 X\r\n{headers}\r\nContent-Length: 0\r\n\r\n")).await;
        assert_eq!(refusal.retry_after, seconds.map(Duration::from_secs), "{headers}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_implausible_retry_after_is_ignored() {
    let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT";
    for headers in [
        "Retry-After: 86401".to_owned(),
        "Retry-After: 18446744073709551615".to_owned(),
        "Retry-After: 18446744073709551616".to_owned(),
        "Retry-After: 1e300".to_owned(),
        "Retry-After: NaN".to_owned(),
        format!("{date}\r\nRetry-After: Fri, 31 Dec 9999 23:59:59 GMT"),
        format!("{date}\r\nRetry-After: Tue, 08 Nov 1994 08:49:37 GMT"),
    ] {
        let refusal = refused(&format!("HTTP/1.1 503 X\r\n{headers}\r\nContent-Length: 0\r\n\r\n")).await;
        assert_eq!(refusal.retry_after, None, "{headers}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_gateway_without_a_channel_for_the_model_is_recognized() {
    let known = |status: u16, code: &str, message: &str| {
        let body = format!(r#"{{"error":{{"code":"{code}","message":"{message}","type":"new_api_error"}}}}"#);
        let length = body.len();
        format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    for (answer, expected) in [
        (known(503, "model_not_found", "anything"), true),
        (known(503, "", "No available channel for model m under group default"), true),
        (known(503, "", "当前分组 default 下对于模型 m 无可用渠道"), true),
        (known(503, "", "the server is busy"), false),
        (known(404, "model_not_found", "there is no such model"), false),
    ] {
        assert_eq!(refused(&answer).await.lacks_channel(), expected, "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn bodies_are_read_in_every_framing() {
    for (answer, lines) in [
        ("HTTP/1.1 404 Not Found\r\n\r\none\ntwo\nthree\nfour", vec!["one", "two", "three"]),
        ("HTTP/1.0 404 File not found\r\nServer: SimpleHTTP/0.6\r\n\r\nold", vec!["old"]),
        ("HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n", vec![]),
        (
            "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\nContent-Type: text/html\r\n\r\n\
             1b;x=y\r\n<title>403 Forbidden</title\r\n14\r\n><p>You may not</p>  \r\n0\r\n\r\n",
            vec!["403 Forbidden", "You may not"],
        ),
        ("HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\n40\r\ncut off", vec!["cut off"]),
        ("HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nx", vec![]),
    ] {
        assert_eq!(refused(answer).await.body, lines, "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_endless_body_does_not_delay_the_refusal() {
    let (mut near, mut far) = duplex(4096);
    far.write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 999\r\n\r\nwrong key").await.unwrap();
    let refused = upgrade(&mut near, &request(Auth::None)).await.unwrap_err();
    assert_eq!(refused.to_string(), "the server answered 401 Unauthorized: wrong key");
}

#[tokio::test(start_paused = true)]
async fn a_key_echoed_as_an_entity_is_hidden() {
    let auth = Auth::Bearer(Secret::new("left&right&more"));
    let page = b"HTTP/1.1 401 X\r\nContent-Type: text/html\r\n\r\n<b>left&amp;right&amp;more</b> is wrong";
    let error = answered(auth, page).await.unwrap_err();
    assert_eq!(error.to_string(), "the server answered 401 Unauthorized: [key hidden]");
    assert!(!format!("{error:?}").contains("right"));
}

#[tokio::test(start_paused = true)]
async fn an_echoed_key_is_hidden() {
    let keyed =
        [Auth::Bearer(Secret::new(KEY)), Auth::token(Secret::new(KEY)), Auth::Subprotocol(Secret::new(KEY))];
    for auth in keyed {
        for answer in [
            format!("HTTP/1.1 401 X\r\nLocation: /?token={KEY}\r\n\r\nunknown key {KEY}"),
            format!(
                "HTTP/1.1 401 X\r\n\r\n{{\"error\":{{\"message\":\"unknown {KEY}\",\"code\":\"{KEY}\"}}}}"
            ),
            format!(
                "HTTP/1.1 401 X\r\nContent-Type: text/html\r\n\r\n<p>sk-proj-0123<!-- -->456789abcdef {KEY}"
            ),
            format!("HTTP/1.1 401 X\r\n\r\n{} {KEY}", "x".repeat(185)),
            format!("{KEY} is wrong\r\n"),
        ] {
            let error = answered(auth.clone(), answer.as_bytes()).await.unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("0123456789"), "{shown}");
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_answer_makes_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200), with_head: bool) {
        let head: &[u8] = if with_head { b"HTTP/1.1 400 X\r\nTransfer-Encoding: chunked\r\n\r\n" } else { b"" };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let answer = [head, &bytes].concat();
        let outcome = runtime.block_on(answered(Auth::None, &answer));
        proptest::prop_assert!(outcome.is_err());
    }
}
