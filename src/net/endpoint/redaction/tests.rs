//! Redaction of keys and headers echoed by servers.

use proptest::prelude::*;

use super::*;
use crate::net::endpoint::redaction::stream::EventRedactor;

const KEY: &str = "sk-proj-7Qw9+x/Zk=3";

fn redactor(key: &str) -> Redactor {
    Redactor::of([&Secret::new(key)])
}

fn redacted(key: &str, text: &str) -> String {
    redactor(key).redact(text).into_owned()
}

#[test]
fn a_key_is_hidden_in_every_spelling_a_server_may_echo() {
    for (key, text, shown) in [
        ("sk-abc", "Incorrect key sk-abc.", "Incorrect key [key hidden]."),
        ("sk-abc", "sk-abcsk-abc", "[key hidden][key hidden]"),
        ("a+b=c", "/?token=a%2Bb%3Dc&x=1", "/?token=[key hidden]&x=1"),
        ("a/b+c", r#"{"key":"a\/b+c"}"#, r#"{"key":"[key hidden]"}"#),
        ("sk-0123456789", "unknown token 0123456789", "unknown token [key hidden]"),
        ("sk-0123456789", "Bearer sk-0123456789 is wrong", "Bearer [key hidden] is wrong"),
        (
            "sk-0123456789",
            "openai-insecure-api-key.sk-0123456789, x",
            "openai-insecure-api-key.[key hidden], x",
        ),
        ("topsecret", "the key topsecret, topsecrets", "the key [key hidden], topsecrets"),
    ] {
        assert_eq!(redacted(key, text), shown);
    }
}

#[test]
fn a_key_is_hidden_in_escaped_text() {
    let everywhere = |escape: fn(char) -> String| KEY.chars().map(escape).collect::<String>();
    for echoed in [
        KEY.replace('+', "\\u002B"),
        KEY.replace('+', "\\u002b").replace('/', "\\/"),
        KEY.replacen('s', "\\u0073", 1),
        KEY.replace('+', "\\\\u002B"),
        KEY.replace('+', "\\x2b"),
        KEY.replace('+', "\\u{2b}"),
        KEY.replace('+', "&#43;").replace('/', "&#x2F;").replace('=', "&equals;"),
        KEY.replace('+', "&plus;").replace('/', "&sol;").replace('=', "&#X3d;"),
        KEY.replace('+', "&amp;#43;").replace('/', "&#00047;"),
        KEY.replace('+', "%2B").replace('/', "%2f").replace('=', "%3D"),
        KEY.replace('+', "%252B").replace('/', "%252F").replace('=', "%25253D"),
        KEY.replace('+', "\\u00252B"),
        everywhere(|character| format!("\\u{:04x}", u32::from(character))),
        everywhere(|character| format!("&#{};", u32::from(character))),
        everywhere(|character| format!("%{:02X}", u32::from(character))),
        KEY.replace("Qw", "Q\u{200b}w").replace('Z', "\u{1b}[1mZ"),
    ] {
        let text = format!("wrong key {echoed}, sorry");
        assert_eq!(redacted(KEY, &text), "wrong key [key hidden], sorry", "of {echoed}");
    }
}

#[test]
fn a_key_in_base64_is_hidden_at_every_alignment() {
    for before in ["", "a", "ab", "abc", "user:"] {
        let whole = format!("{before}{KEY}; and more");
        for alphabet in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let shown = redacted(KEY, &alphabet.encode(&whole));
            assert!(shown.contains(KEY_HIDDEN), "{shown}");
            let rest: String = shown.split(KEY_HIDDEN).collect();
            assert!(rest.len() < 2 * before.len() + 24, "{shown}");
        }
    }
}

#[test]
fn a_truncated_key_is_hidden() {
    let key = "sk-0123456789abcdef";
    for (text, shown) in [
        ("wrong: sk-0123456", "wrong: [key hidden]"),
        ("wrong: sk-0123456…", "wrong: [key hidden]…"),
        ("wrong: sk-0123456789****, sorry", "wrong: [key hidden]****, sorry"),
        ("0123456789abc", "[key hidden]"),
        ("keys begin with sk-", "keys begin with sk-"),
    ] {
        assert_eq!(redacted(key, text), shown);
        assert_eq!(redactor(key).finds(text), text != shown);
    }
}

#[test]
fn a_header_is_hidden_whole_and_word_by_word() {
    let redactor = Redactor::default().and_headers(["Token 7Qw9-0123 \"x\"", "gateway-secret", "org-1234"]);
    for (text, shown) in [
        ("you sent Token 7Qw9-0123 \"x\"!", "you sent [header hidden]!"),
        (r#"{"sent":"Token 7Qw9-0123 \"x\""}"#, r#"{"sent":"[header hidden]"}"#),
        ("no such token: 7Qw9-0123", "no such token: [header hidden]"),
        ("not for org-1234", "not for [header hidden]"),
        ("not for gateway-s", "not for [header hidden]"),
        ("the Token", "the Token"),
    ] {
        assert_eq!(redactor.redact(text), shown);
        assert_eq!(redactor.finds(text), text != shown);
    }
}

#[test]
fn the_login_of_a_basic_header_is_hidden_decoded_too() {
    let header = format!("Basic {}", STANDARD.encode("me:p4ss-w0rd-7Qw9"));
    let redactor = Redactor::default().and_headers([header.as_str()]);
    assert_eq!(redactor.redact("wrong password p4ss-w0rd-7Qw9"), "wrong password [key hidden]");
    assert_eq!(redactor.redact(&format!("you sent {header}")), "you sent [key hidden]");
}

#[test]
fn a_header_of_common_words_does_not_change_events() {
    let redactor =
        Redactor::default().and_headers(["1", "en-US", "transcription", "application/json", "", "audio/pcm"]);
    let event = r#"{"type":"conversation.item.input_audio_transcription.delta","content_index":1}"#;
    assert!(!redactor.finds(event));
    assert!(redactor.is_empty());
}

#[test]
fn a_key_among_the_headers_stays_a_key() {
    let redactor = redactor("sk-0123456789").and_headers(["sk-0123456789"]);
    assert_eq!(redactor.redact("wrong: sk-0123456789"), "wrong: [key hidden]");
}

#[test]
fn empty_and_placeholder_keys_hide_nothing() {
    for key in ["", "none", "x", "test", "1"] {
        assert_eq!(redacted(key, "none of it is x, a test or 1"), "none of it is x, a test or 1");
    }
}

#[test]
fn a_redacted_event_keeps_its_meaning() {
    let event = r#"{"type":"response.output_text.delta","role":"assistant","delta":"an assistant"}"#;
    let shown = r#"{"delta":"an [key hidden]","role":"assistant","type":"response.output_text.delta"}"#;
    assert_eq!(redactor("assistant").redact_json(event), shown);
    let escaped = r#"{"error":{"sk-\u0061bcdef":1,"message":"no \"sk-\u0061bcdef\" here"},"n":0.50}"#;
    let shown: Value = serde_json::from_str(&redactor("sk-abcdef").redact_json(escaped)).unwrap();
    assert_eq!(shown["error"]["message"], "no \"[key hidden]\" here");
    assert_eq!(shown["error"]["[key hidden]"], 1);
    let untouched = r#"{ "type": "x",  "n": 0.50 }"#;
    assert_eq!(redactor(KEY).redact_json(untouched), untouched);
}

#[test]
fn debug_output_shows_no_secret() {
    let redactor = redactor(KEY);
    let shown = format!("{redactor:?} {:?}", EventRedactor::new(redactor.clone()));
    assert!(!shown.contains("7Qw9"), "{shown}");
}

fn delta(item: &str, text: &str) -> String {
    serde_json::json!({ "type": "response.output_text.delta", "item_id": item, "delta": text }).to_string()
}

/// Returns the concatenated deltas of one item.
fn said(events: &[String], item: &str) -> String {
    let events = events.iter().map(|event| serde_json::from_str::<Value>(event).unwrap());
    let of_item = events.filter(|event| event["item_id"] == item);
    of_item.map(|event| event["delta"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_key_split_between_deltas_is_hidden() {
    for at in 1..KEY.len() {
        let mut redactor = EventRedactor::new(redactor(KEY));
        let (first, second) = KEY.split_at(at);
        let events = [format!("it is {first}"), format!("{second} indeed")];
        let events = events.map(|text| redactor.redact(&delta("a", &text)).into_owned());
        let said = said(&events, "a");
        assert!(said.ends_with("[key hidden] indeed"), "split at {at}: {said}");
        assert!(!said.contains(&KEY[..BEGINNING_MIN]), "split at {at}: {said}");
    }
}

#[test]
fn a_key_in_many_deltas_is_hidden_in_each_of_two_texts() {
    let escaped = KEY.replace('+', "%2B");
    let mut redactor = EventRedactor::new(redactor(KEY));
    let mut events = Vec::new();
    for (one, other) in KEY.chars().zip(escaped.chars()) {
        for (item, character) in [("a", one), ("b", other)] {
            events.push(redactor.redact(&delta(item, &character.to_string())).into_owned());
        }
    }
    for item in ["a", "b"] {
        let said = said(&events, item);
        assert!(KEY.starts_with(said.split('[').next().unwrap()), "{said}");
        assert!(said.len() < BEGINNING_MIN + 2 * KEY_HIDDEN.len() + 8, "{said}");
        assert!(!said.contains("Qw9"), "{said}");
    }
}

#[test]
fn ordinary_deltas_are_unchanged() {
    let mut redactor = EventRedactor::new(redactor(KEY));
    for text in ["sk-", "proj-", "sk-proj", " is how a key begins", "\u{1f600}é"] {
        let event = delta("a", text);
        assert_eq!(redactor.redact(&event), event);
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(\\PC|[\\\\u0-9a-f%&#;x{}+]|sk-proj|7Qw9){0,80}") {
        let redactor = redactor(KEY).and_headers(["Token äöü-0123"]);
        let shown = redactor.redact(&text).into_owned();
        prop_assert_eq!(redactor.redact(&shown), shown.clone());
        let _ = redactor.redact_json(&text);
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn a_key_is_hidden_at_any_place_of_a_long_text(before in 0..2 * WINDOW, escaped in any::<bool>()) {
        let key = if escaped { KEY.replace('+', "%252B") } else { KEY.to_owned() };
        let text = format!("{}{key}{}", "x ".repeat(before / 2), "y".repeat(WINDOW));
        let shown = redacted(KEY, &text);
        prop_assert!(shown.contains(KEY_HIDDEN) && !shown.contains("7Qw9"));
    }
}
