//! Round trips of arbitrary events; no input makes the decoder panic.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use crate::protocol::decode;
use crate::protocol::dialect::Dialect;
use crate::protocol::encode;
use crate::protocol::events::client::ClientEvent;
use crate::protocol::events::server::{ServerBody, ServerEvent};
use crate::protocol::tests::client_events::client_event;
use crate::protocol::tests::fixtures::{BETA_CLIENT, BETA_SERVER, GA_CLIENT, GA_SERVER, json};
use crate::protocol::tests::pieces::any_json;
use crate::protocol::tests::schema::{check_client, check_server};
use crate::protocol::tests::server_events::server_event;

const BOTH: [Dialect; 2] = [Dialect::Ga, Dialect::Beta];

fn check_client_survives(event: &ClientEvent, dialect: Dialect) {
    let text = encode::client_event(event, dialect);
    check_client(&json(&text), dialect);
    let (again, rest) = decode::client_event_with_unknown(&text).unwrap();
    assert_eq!(&again, event, "{text}");
    assert!(rest.is_empty(), "{rest:?} of {text}");
}

fn check_server_survives(event: &ServerEvent, dialect: Dialect) {
    let text = encode::server_event(event, dialect);
    // Audio comes last, after fields in alphabetical order: the whole event is one line.
    assert!(!text.contains('\n'), "{text}");
    check_server(&json(&text), dialect);
    assert_eq!(&decode::server_event(&text).unwrap(), event, "{text}");
}

/// Fields that only one dialect can express are omitted, and translating again changes nothing.
fn check_client_translates(event: &ClientEvent, dialect: Dialect) {
    let text = encode::client_event(event, dialect);
    check_client(&json(&text), dialect);
    let (again, rest) = decode::client_event_with_unknown(&text).unwrap();
    assert!(rest.is_empty(), "{rest:?} of {text}");
    assert_eq!(json(&encode::client_event(&again, dialect)), json(&text));
}

fn check_server_translates(event: &ServerEvent, dialect: Dialect) {
    let text = encode::server_event(event, dialect);
    let again = decode::server_event(&text).unwrap();
    assert_eq!(json(&encode::server_event(&again, dialect)), json(&text));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn client_events_survive_in_ga_and_are_valid(event in client_event(Dialect::Ga)) {
        check_client_survives(&event, Dialect::Ga);
    }

    #[test]
    fn client_events_survive_in_beta_and_are_valid(event in client_event(Dialect::Beta)) {
        check_client_survives(&event, Dialect::Beta);
    }

    #[test]
    fn server_events_survive_in_ga_and_are_valid(event in server_event(Dialect::Ga)) {
        check_server_survives(&event, Dialect::Ga);
    }

    #[test]
    fn server_events_survive_in_beta_and_are_valid(event in server_event(Dialect::Beta)) {
        check_server_survives(&event, Dialect::Beta);
    }

    #[test]
    fn translated_client_events_are_valid(
        ga in client_event(Dialect::Ga),
        beta in client_event(Dialect::Beta),
    ) {
        check_client_translates(&ga, Dialect::Beta);
        check_client_translates(&beta, Dialect::Ga);
    }

    #[test]
    fn translated_server_events_keep_their_meaning(
        ga in server_event(Dialect::Ga),
        beta in server_event(Dialect::Beta),
    ) {
        check_server_translates(&ga, Dialect::Beta);
        check_server_translates(&beta, Dialect::Ga);
    }

    #[test]
    fn no_text_makes_the_decoder_panic(text in any::<String>(), bytes in vec(any::<u8>(), 0..200)) {
        for text in [text.as_str(), &String::from_utf8_lossy(&bytes)] {
            let _ = decode::server_event(text);
            let _ = decode::client_event(text);
        }
    }

    #[test]
    fn a_known_name_with_any_fields_is_read_and_written(
        name in select(names()),
        fields in btree_map(select(keys()), any_json(), 0..6),
    ) {
        let mut object: serde_json::Map<String, Value> = fields.into_iter().collect();
        object.insert("type".to_owned(), Value::String(name));
        check_any(&Value::Object(object).to_string());
    }

    #[test]
    fn a_fixture_with_one_value_replaced_is_read_and_written(
        line in select(lines()),
        at in any::<prop::sample::Index>(),
        value in any_json(),
    ) {
        let mut event = json(&line);
        let places = count_values(&mut event);
        replace_value(&mut event, &mut at.index(places), &value);
        event["type"] = json(&line)["type"].clone();
        check_any(&event.to_string());
    }
}

/// Decodes and encodes in all ways; an event once recognized stays recognized.
fn check_any(text: &str) {
    let server = decode::server_event(text).unwrap();
    let client = decode::client_event(text).unwrap();
    for dialect in BOTH {
        let again = decode::server_event(&encode::server_event(&server, dialect)).unwrap();
        let unknown = |event: &ServerEvent| matches!(event.body, ServerBody::Unknown { .. });
        assert_eq!(unknown(&again), unknown(&server), "{text}");
        let _ = decode::client_event(&encode::client_event(&client, dialect)).unwrap();
    }
}

fn lines() -> Vec<String> {
    let fixtures = [GA_CLIENT, BETA_CLIENT, GA_SERVER, BETA_SERVER];
    fixtures.iter().flat_map(|fixture| fixture.lines()).map(str::to_owned).collect()
}

fn names() -> Vec<String> {
    lines().iter().filter_map(|line| json(line)["type"].as_str().map(str::to_owned)).collect()
}

fn keys() -> Vec<String> {
    lines()
        .iter()
        .flat_map(|line| json(line).as_object().unwrap().keys().cloned().collect::<Vec<_>>())
        .collect()
}

fn children(value: &mut Value) -> Vec<&mut Value> {
    match value {
        Value::Object(fields) => fields.iter_mut().map(|(_, child)| child).collect(),
        Value::Array(list) => list.iter_mut().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => vec![],
    }
}

fn count_values(value: &mut Value) -> usize {
    children(value).into_iter().map(|child| 1 + count_values(child)).sum()
}

/// Replaces the value at index `at`, in reading order.
fn replace_value(value: &mut Value, at: &mut usize, new: &Value) -> bool {
    for child in children(value) {
        if *at == 0 {
            *child = new.clone();
            return true;
        }
        *at -= 1;
        if replace_value(child, at, new) {
            return true;
        }
    }
    false
}
