//! Proxy variables and their effect.

use super::*;

fn settings(environment: &[(&str, &str)]) -> ProxySettings {
    ProxySettings::read(|name| {
        environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    })
}

/// Returns the chosen proxy for display, or the error.
fn chosen(environment: &[(&str, &str)], url: &str) -> String {
    match settings(environment).choose(&EndpointUrl::parse(url).unwrap()) {
        Ok(Some(proxy)) => proxy.to_string(),
        Ok(None) => "none".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn variables_have_the_precedence_of_curl() {
    let all = [
        ("wss_proxy", "http://one:1"),
        ("https_proxy", "http://two:2"),
        ("HTTPS_PROXY", "http://three:3"),
        ("all_proxy", "http://four:4"),
        ("ALL_PROXY", "http://five:5"),
    ];
    let expected = [
        "http://one:1 from wss_proxy",
        "http://two:2 from https_proxy",
        "http://three:3 from HTTPS_PROXY",
        "http://four:4 from all_proxy",
        "http://five:5 from ALL_PROXY",
        "none",
    ];
    for (first, expected) in expected.into_iter().enumerate() {
        assert_eq!(chosen(&all[first..], "wss://voice.test"), expected);
    }
}

#[test]
fn upper_case_http_proxy_is_never_used() {
    assert_eq!(chosen(&[("HTTP_PROXY", "http://evil:1")], "ws://voice.test"), "none");
    let lower = [("http_proxy", "http://good:1"), ("ALL_PROXY", "http://other:1")];
    assert_eq!(chosen(&lower, "ws://voice.test"), "http://good:1 from http_proxy");
    assert_eq!(chosen(&lower, "wss://voice.test"), "http://other:1 from ALL_PROXY");
    assert_eq!(chosen(&[("https_proxy", "http://good:1")], "ws://voice.test"), "none");
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let some = [("https_proxy", " "), ("ALL_PROXY", "http://all:1"), ("no_proxy", "")];
    assert_eq!(chosen(&some, "wss://voice.test"), "http://all:1 from ALL_PROXY");
}

#[test]
fn local_and_listed_hosts_are_reached_directly() {
    let listed = [("ALL_PROXY", "http://all:1"), ("NO_PROXY", ".intern, 10.0.0.0/8, one.test:8443")];
    for (url, expected) in [
        ("wss://localhost", "none"),
        ("ws://127.0.0.2:8642", "none"),
        ("ws://[::1]:8642", "none"),
        ("wss://api.intern", "none"),
        ("wss://10.1.2.3", "none"),
        ("wss://one.test:8443", "none"),
        ("wss://one.test", "http://all:1 from ALL_PROXY"),
    ] {
        assert_eq!(chosen(&listed, url), expected, "{url}");
    }
    let both = [("ALL_PROXY", "http://all:1"), ("NO_PROXY", "*"), ("no_proxy", "two.test")];
    assert_eq!(chosen(&both, "wss://one.test"), "http://all:1 from ALL_PROXY");
}

#[test]
fn an_explicit_proxy_is_used_for_every_host() {
    let asked = [("RTVOICE_PROXY", "socks5h://all"), ("https_proxy", "http://other:1"), ("no_proxy", "*")];
    for url in ["wss://voice.test", "ws://localhost:8642"] {
        assert_eq!(chosen(&asked, url), "socks5h://all:1080 from RTVOICE_PROXY");
    }
}

#[test]
fn addresses_are_accepted_as_users_write_them() {
    for (text, expected) in [
        ("proxy.test:3128", "http://proxy.test:3128 from all_proxy"),
        ("proxy.test", "http://proxy.test:1080 from all_proxy"),
        ("HTTP://Proxy.Test:3128/", "http://proxy.test:3128 from all_proxy"),
        ("https://proxy.test", "https://proxy.test:443 from all_proxy"),
        ("socks5://[2001:db8::1]:1080", "socks5://[2001:db8::1]:1080 from all_proxy"),
        ("http://me:pa/ss@wo:rd@proxy.test:1?x", "http://proxy.test:1 from all_proxy"),
        ("me:a://b@proxy.test:1", "http://proxy.test:1 from all_proxy"),
        ("socks4://proxy.test", "unsupported proxy scheme socks4:// in all_proxy"),
        ("http://me:secret@:80", r#"invalid proxy address in all_proxy: ":80""#),
        ("proxy.test:99999", r#"invalid proxy address in all_proxy: "proxy.test:99999""#),
        ("http://%ff:x@p", "the user name and password in all_proxy cannot be sent to this proxy"),
        ("socks5://me@p", "the user name and password in all_proxy cannot be sent to this proxy"),
    ] {
        assert_eq!(chosen(&[("all_proxy", text)], "wss://voice.test"), expected, "{text}");
    }
}

#[test]
fn a_login_is_unescaped_and_never_shown() {
    let settings = settings(&[("https_proxy", "http://m%40e:p%3Aa%2Fss@proxy.test:1")]);
    let proxy = settings.choose(&EndpointUrl::parse("wss://voice.test").unwrap()).unwrap().unwrap();
    let login = proxy.login.clone().unwrap();
    assert_eq!((login.user.reveal(), login.password.reveal()), ("m@e", "p:a/ss"));
    let shown = format!("{settings:?} {proxy:?} {proxy} {login:?}");
    assert!(!shown.contains("ss@") && !shown.contains("p:a") && !shown.contains("m@e"), "{shown}");
}

proptest::proptest! {
    #[test]
    fn no_address_makes_it_panic_or_shows_the_password(
        text in "([a-z]{0,7}://)?[a-z]{0,3}:[a-z:/?#%]{0,5}hunter2[a-z:/?#]{0,5}@[a-z0-9:/.\\[\\]-]{0,12}",
    ) {
        let shown = chosen(&[("all_proxy", &text)], "wss://voice.test");
        proptest::prop_assert!(!shown.contains("hunter2"), "{}", shown);
    }
}
