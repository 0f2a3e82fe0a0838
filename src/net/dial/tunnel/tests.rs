//! Proxies with scripted answers.

use tokio::io::{AsyncReadExt, duplex};

use super::*;
use crate::net::dial::error::ProxyError;
use crate::net::endpoint::url::EndpointUrl;
use crate::net::proxy::ProxySettings;

const PASSWORD: &str = "hunter2-hunter2";

fn proxy(url: &str) -> Proxy {
    let settings = ProxySettings::read(|name| (name == "https_proxy").then(|| url.to_owned()));
    settings.choose(&EndpointUrl::parse("wss://voice.test").unwrap()).unwrap().unwrap()
}

/// Returns the client's bytes and the outcome, with one scripted answer per message. Checks that the outcome
/// does not contain the password.
async fn outcome(url: &str, host: &str, answers: &[&[u8]]) -> (Vec<u8>, String) {
    let (mut near, mut far) = duplex(1 << 16);
    let proxy = proxy(url);
    let shown = if host.contains(':') { format!("[{host}]:443") } else { format!("{host}:443") };
    let target = TunnelTarget { host, port: 443, address: None, shown: &shown };
    let serving = async move {
        let mut asked = Vec::with_capacity(4096);
        for answer in answers {
            far.read_buf(&mut asked).await.unwrap();
            // The client may have closed already.
            let _ = far.write_all(answer).await;
        }
        asked
    };
    let leading = async {
        let led = open(&mut near, &proxy, &target).await;
        drop(near);
        led
    };
    let (led, asked) = tokio::join!(leading, serving);
    let said = match led {
        Ok(()) => "led".to_owned(),
        Err(fault) => {
            let error = ProxyError { address: proxy.address(), variable: proxy.variable, fault };
            let shown = format!("{error} {error:?} {:?} {:?}", error.hint(), error.body());
            assert!(!shown.contains(PASSWORD), "{shown}");
            assert!(error.hint().is_some(), "{error}");
            error.to_string()
        }
    };
    (asked, said)
}

const BEGIN: &str = "the proxy proxy.test:3128 from https_proxy ";

async fn http(answer: &str) -> String {
    let url = format!("http://me:{PASSWORD}@proxy.test:3128");
    let (_, said) = outcome(&url, "voice.test", &[answer.as_bytes()]).await;
    said.strip_prefix(BEGIN).unwrap_or(&said).to_owned()
}

async fn socks(answers: &[&[u8]]) -> String {
    let (_, said) = outcome("socks5h://proxy.test:3128", "voice.test", answers).await;
    said.strip_prefix(BEGIN).unwrap_or(&said).to_owned()
}

#[tokio::test(start_paused = true)]
async fn connect_names_the_host_and_sends_the_login() {
    let ok = b"HTTP/1.0 200 Connection established\r\nVia: x\r\n\r\n";
    let (asked, said) = outcome("http://me:p%40ss@proxy.test:3128", "voice.test", &[ok]).await;
    assert_eq!(said, "led");
    let asked = String::from_utf8(asked).unwrap();
    // The pair `me:p@ss` in base 64.
    assert_eq!(
        asked,
        format!(
            "CONNECT voice.test:443 HTTP/1.1\r\nHost: voice.test:443\r\nUser-Agent: {PROGRAM}\r\n\
             Proxy-Authorization: Basic bWU6cEBzcw==\r\n\r\n"
        )
    );
    let (asked, _) = outcome("http://proxy.test:3128", "2001:db8::1", &[ok]).await;
    let asked = String::from_utf8(asked).unwrap();
    assert!(asked.starts_with("CONNECT [2001:db8::1]:443 HTTP/1.1\r\n"), "{asked}");
    assert!(!asked.contains("Authorization"), "{asked}");
}

#[tokio::test(start_paused = true)]
async fn a_connect_refusal_is_shown_without_echoed_secrets() {
    let with_body = |status: &str, body: &str| {
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    let forbidden = with_body("403 Forbidden", &format!("no way, me:{PASSWORD}"));
    let said = http(&forbidden).await;
    assert_eq!(said, "refused to connect to voice.test:443: 403 Forbidden: no way, [key hidden]");
    let said = http(&with_body("502 Bad Gateway", "<html><h1>unknown host</h1>")).await;
    assert_eq!(said, "refused to connect to voice.test:443: 502 Bad Gateway: unknown host");
    assert_eq!(http(&with_body("200 OK", "<html>")).await, "answered CONNECT with a page");
    assert_eq!(http("").await, "closed the connection");
    assert_eq!(http("SSH-2.0\r\n").await, "answered something that is not HTTP: SSH-2.0");
    assert_eq!(http("\x15\x03\x01\0\0").await, "requires TLS");
}

#[tokio::test(start_paused = true)]
async fn a_login_requirement_names_the_scheme() {
    let wants = |offer: &str| {
        format!("HTTP/1.1 407 Proxy Authentication Required\r\n{offer}Content-Length: 0\r\n\r\n")
    };
    let basic = wants("Proxy-Authenticate: Negotiate\r\nProxy-Authenticate: basic realm=\"x\"\r\n");
    assert_eq!(http(&basic).await, "rejected the user name or password");
    let (_, said) = outcome("http://proxy.test:3128", "voice.test", &[basic.as_bytes()]).await;
    assert_eq!(said, format!("{BEGIN}requires a user name and password"));
    let other = wants("Proxy-Authenticate: NTLM\r\nProxy-Authenticate: Digest realm=\"x\"\r\n");
    assert_eq!(http(&other).await, "requires an unsupported authentication scheme: NTLM, Digest");
    assert_eq!(http(&wants("")).await, "rejected the user name or password");
}

#[tokio::test(start_paused = true)]
async fn socks_names_the_host_and_sends_the_login() {
    let answers: [&[u8]; 3] = [b"\x05\x02", b"\x01\x00", b"\x05\x00\x00\x01\0\0\0\0\0\0"];
    let (asked, said) = outcome("socks5h://me:pass@proxy.test:3128", "voice.test", &answers).await;
    assert_eq!(said, "led");
    assert_eq!(asked, b"\x05\x02\x00\x02\x01\x02me\x04pass\x05\x01\x00\x03\x0avoice.test\x01\xbb");
    let answers: [&[u8]; 2] = [b"\x05\x00", b"\x05\x00\x00\x03\x01x\0\0"];
    let (asked, said) = outcome("socks5h://proxy.test:3128", "2001:db8::1", &answers).await;
    assert_eq!(said, "led");
    assert_eq!(&asked[..8], b"\x05\x01\x00\x05\x01\x00\x04\x20");
}

#[tokio::test(start_paused = true)]
async fn each_socks_code_has_a_message() {
    for (code, words) in [
        (1, "general failure"),
        (2, "not allowed by its rules"),
        (3, "network unreachable"),
        (4, "host unknown or unreachable"),
        (5, "connection refused"),
        (6, "TTL expired"),
        (7, "CONNECT is not supported"),
        (8, "address type not supported"),
    ] {
        let said = socks(&[b"\x05\x00", &[5, code, 0, 1, 0, 0, 0, 0, 0, 0]]).await;
        assert_eq!(said, format!("cannot connect to voice.test:443: {words}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusing_or_wrong_socks_proxy_is_reported() {
    assert_eq!(socks(&[b"\x05\xff"]).await, "requires a user name and password");
    assert_eq!(socks(&[b"\x05\x02"]).await, "requires a user name and password");
    assert_eq!(socks(&[b""]).await, "closed the connection");
    let not_socks = "answered something that is not SOCKS5";
    for answers in [
        [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b""],
        [b"\x05\x01", b""],
        [b"\x05\x00", b"\x05\x63\0\x01\0\0\0\0\0\0"],
        [b"\x05\x00", b"\x05\x00\0\x09\0\0\0\0\0\0"],
    ] {
        assert_eq!(socks(&answers).await, not_socks);
    }
    let url = format!("socks5h://me:{PASSWORD}@proxy.test:3128");
    let (_, said) = outcome(&url, "voice.test", &[b"\x05\x02", b"\x01\x01"]).await;
    assert_eq!(said, format!("{BEGIN}rejected the user name or password"));
    let (_, said) = outcome(&url, "voice.test", &[b"\x05\xff"]).await;
    assert_eq!(
        said,
        format!("{BEGIN}requires an unsupported authentication scheme: none that this program supports")
    );
}
