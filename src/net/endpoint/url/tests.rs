//! URLs as users write them.

use super::*;

fn parsed(text: &str) -> EndpointUrl {
    EndpointUrl::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn a_key_in_the_path_is_used_and_not_shown() {
    for (path, shown) in [
        ("/gate/sk-0123456789/v1/realtime", "/gate/[key hidden]/v1/realtime"),
        ("/gate/%73k-0123456789/v1/realtime", "/gate/[key hidden]/v1/realtime"),
        ("/v1/0123456789abcdef0123456789abcdef/openai", "/v1/[key hidden]/openai"),
        (
            "/openai/deployments/my-gpt-realtime-2025-08-28/realtime",
            "/openai/deployments/my-gpt-realtime-2025-08-28/realtime",
        ),
        (
            "/v1/550e8400-e29b-41d4-a716-446655440000/realtime",
            "/v1/550e8400-e29b-41d4-a716-446655440000/realtime",
        ),
    ] {
        let url = EndpointUrl::parse(&format!("wss://h{path}?sig=sk-abcdefghijkl&token=x")).unwrap();
        assert_eq!(url.to_string(), format!("wss://h{shown}"));
        assert!(url.with_query(&[]).contains(path));
        let secrets: Vec<String> = url.secrets().collect();
        assert!(
            secrets.contains(&"sk-abcdefghijkl".to_owned()) && secrets.contains(&"x".to_owned()),
            "{secrets:?}"
        );
        assert_eq!(secrets.len(), if shown == path { 2 } else { 3 });
    }
}

#[test]
fn urls_are_accepted_as_users_write_them() {
    for (typed, meant, port) in [
        ("wss://api.openai.com", "wss://api.openai.com/v1/realtime", 443),
        ("http://localhost:8080", "ws://localhost:8080/v1/realtime", 8080),
        ("WSS://API.OpenAI.com:443/v1/Realtime", "wss://api.openai.com/v1/Realtime", 443),
        (" ws://127.0.0.1:80/x/ ", "ws://127.0.0.1/x/", 80),
        ("ws://[::1]:9000/v1/realtime", "ws://[::1]:9000/v1/realtime", 9000),
        ("wss://[2001:DB8::0:1]", "wss://[2001:db8::1]/v1/realtime", 443),
        ("wss://host/ä?x=ö", "wss://host/%C3%A4", 443),
        ("wss://host?model=m#top", "wss://host/v1/realtime", 443),
    ] {
        let url = parsed(typed);
        assert_eq!((url.to_string().as_str(), url.port()), (meant, port), "{typed}");
    }
}

#[test]
fn an_explicit_path_is_kept() {
    for (typed, path) in [
        ("wss://host/", "/"),
        ("wss://host/?model=m", "/"),
        ("wss://host//", "//"),
        ("ws://host/realtime", "/realtime"),
        ("ws://host/v1/realtime/", "/v1/realtime/"),
        ("ws://host/v1/chat", "/v1/chat"),
        ("ws://host/v12", "/v12"),
        ("ws://host/V1", "/V1"),
        ("ws://host/dev1", "/dev1"),
        ("wss://r.openai.azure.com/openai/realtime?api-version=x", "/openai/realtime"),
        ("wss://r.openai.azure.com/", "/"),
    ] {
        assert_eq!(parsed(typed).path(), path, "{typed}");
    }
}

#[test]
fn a_missing_path_gets_the_hosts_default() {
    for (typed, path) in [
        ("wss://host", "/v1/realtime"),
        ("wss://host?model=m", "/v1/realtime"),
        ("wss://host#top", "/v1/realtime"),
        ("ws://[::1]:8080", "/v1/realtime"),
        ("https://NAME.openai.azure.com", "/openai/v1/realtime"),
        ("wss://name.cognitiveservices.azure.com:443", "/openai/v1/realtime"),
        ("https://name.services.ai.azure.com?model=m", "/openai/v1/realtime"),
        ("wss://openai.azure.com.evil.example", "/v1/realtime"),
        ("wss://dashscope-intl.aliyuncs.com", "/api-ws/v1/realtime"),
    ] {
        assert_eq!(parsed(typed).path(), path, "{typed}");
    }
}

#[test]
fn a_base_url_that_ends_in_v1_is_completed() {
    for (typed, dialled) in [
        ("https://api.openai.com/v1", "wss://api.openai.com/v1/realtime"),
        ("https://gate.example/v1/", "wss://gate.example/v1/realtime"),
        ("http://127.0.0.1:3000/v1?model=m", "ws://127.0.0.1:3000/v1/realtime"),
        ("https://name.openai.azure.com/openai/v1", "wss://name.openai.azure.com/openai/v1/realtime"),
        ("https://name.openai.azure.com/openai/v1/", "wss://name.openai.azure.com/openai/v1/realtime"),
        ("https://dashscope.aliyuncs.com/api-ws/v1", "wss://dashscope.aliyuncs.com/api-ws/v1/realtime"),
    ] {
        assert_eq!(parsed(typed).to_string(), dialled, "{typed}");
    }
}

#[test]
fn a_base_url_of_openais_libraries_is_completed_for_every_path() {
    for (base, dialled) in [
        ("https://gate.example", "wss://gate.example/v1/realtime"),
        ("https://gate.example/", "wss://gate.example/v1/realtime"),
        ("https://gate.example/v1", "wss://gate.example/v1/realtime"),
        ("https://gate.example/openai/", "wss://gate.example/openai/realtime"),
        ("wss://gate.example/v1/realtime", "wss://gate.example/v1/realtime"),
        ("https://name.openai.azure.com/", "wss://name.openai.azure.com/openai/v1/realtime"),
    ] {
        assert_eq!(EndpointUrl::parse_base(base).unwrap().to_string(), dialled, "{base}");
    }
    assert!(EndpointUrl::parse_base("gate.example/v1").is_err());
}

#[test]
fn an_invalid_url_is_explained() {
    for (typed, message) in [
        ("", "the URL is empty"),
        ("api.openai.com/v1?key=sk-1", r#"the URL "api.openai.com/v1" has no scheme"#),
        ("me:secret@host", r#"the URL "host" has no scheme"#),
        ("ftp://host", r#"unsupported URL scheme "ftp""#),
        ("wss://me:secret@host/", "the URL contains a user name"),
        ("wss:///v1/realtime", "the URL has no host"),
        ("wss://:443", "the URL has no host"),
        ("wss://host:99999/", r#"invalid port "99999" in the URL"#),
        ("wss://host:0/", r#"invalid port "0" in the URL"#),
        ("wss://host:/", r#"invalid port "" in the URL"#),
        ("wss://host:+80", r#"invalid port "+80" in the URL"#),
        ("ws://::1/", r#"invalid host "::1" in the URL"#),
        ("ws://[::g]/", r#"invalid host "[::g]" in the URL"#),
        ("ws://[::1/", r#"invalid host "[::1" in the URL"#),
        ("wss://bücher.example/", r#"invalid host "bücher.example" in the URL"#),
        ("wss://ho st/", r#"invalid host "ho st" in the URL"#),
        ("wss://ho%20st/", r#"invalid host "ho%20st" in the URL"#),
        ("wss://host/a b", "invalid URL"),
    ] {
        let error = EndpointUrl::parse(typed).map(|url| url.to_string()).expect_err(typed);
        assert_eq!(error.to_string(), message, "{typed}");
        assert!(!error.hint().is_empty());
        assert!(!format!("{error:?}").contains("secret"));
    }
}

#[test]
fn only_this_machine_is_loopback() {
    for host in [
        "localhost",
        "LOCALHOST.",
        "demo.localhost",
        "127.0.0.1",
        "127.8.9.10",
        "[::1]",
        "[::ffff:127.0.0.1]",
    ] {
        assert!(parsed(&format!("ws://{host}/")).is_loopback(), "{host}");
    }
    for host in
        ["localhost.example.com", "127.0.0.1.example.com", "10.0.0.1", "0.0.0.0", "[::]", "[fe80::1]", "host"]
    {
        assert!(!parsed(&format!("ws://{host}/")).is_loopback(), "{host}");
    }
}

#[test]
fn a_query_is_kept_and_extended() {
    let url = parsed("wss://h/p?a=1&b=x%20y");
    assert_eq!(
        url.with_query(&[("model", "opeai/AudioLLM/Voice2")]),
        "wss://h/p?a=1&b=x%20y&model=opeai/AudioLLM/Voice2"
    );
    assert_eq!(url.query_value("b").as_deref(), Some("x y"));
    assert_eq!(url.query_value("c"), None);
    assert_eq!(parsed("wss://h/p?").with_query(&[]), "wss://h/p");
    assert_eq!(parsed("wss://h/p").with_query(&[("t", "a&b=c +#é")]), "wss://h/p?t=a%26b%3Dc%20%2B%23%C3%A9");
}

#[test]
fn a_key_in_a_query_is_not_shown() {
    let url = parsed("wss://h/p?model=m&Token=sk%2Dsecret");
    assert_eq!(url.keys_in_query().collect::<Vec<_>>(), ["sk-secret"]);
    assert_eq!(format!("{url} {url:?}"), "wss://h/p EndpointUrl(wss://h/p?(hidden))");
}

proptest::proptest! {
    #[test]
    fn no_url_makes_it_panic(typed in "\\PC{0,60}", rest in "[a-z0-9:@/?#&=%\\[\\].]{0,40}") {
        for text in [typed.clone(), format!("wss://{rest}"), format!("ws://{typed}")] {
            if let Ok(url) = EndpointUrl::parse(&text) {
                let written = url.with_query(&[]);
                proptest::prop_assert_eq!(EndpointUrl::parse(&written).unwrap(), url);
            }
        }
    }
}
