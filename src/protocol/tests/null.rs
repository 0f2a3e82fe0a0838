//! Null for an optional field of a server event means absent.

use proptest::prelude::*;
use serde_json::Value;

use crate::protocol::decode;
use crate::protocol::dialect::Dialect;
use crate::protocol::encode;
use crate::protocol::events::server::ServerBody;
use crate::protocol::tests::fixtures::{BETA_SERVER, GA_SERVER, json};
use crate::protocol::tests::server_events::server_event;

/// Settings that a session shows as null while off: here null and absence differ.
const OFF_AS_NULL: [&str; 8] = [
    "turn_detection",
    "transcription",
    "input_audio_transcription",
    "noise_reduction",
    "input_audio_noise_reduction",
    "include",
    "tracing",
    "idle_timeout_ms",
];

/// Returns the path of every field of an event except its type.
fn paths(value: &Value, path: &str) -> Vec<String> {
    let below = |key: &str, value: &Value| {
        let path = format!("{path}/{key}");
        let deeper = paths(value, &path);
        (path, deeper)
    };
    let mut found = Vec::new();
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let (path, deeper) = below(&key.replace('~', "~0").replace('/', "~1"), value);
                found.extend(deeper);
                found.push(path);
            }
        }
        Value::Array(list) => {
            list.iter()
                .enumerate()
                .for_each(|(index, value)| found.extend(below(&index.to_string(), value).1));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    found.retain(|path| {
        path != "/type" && !OFF_AS_NULL.iter().any(|name| path.ends_with(&format!("/{name}")))
    });
    found
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(fields.map(|(key, value)| (key, without_nulls(value))).collect())
        }
        Value::Array(list) => list.into_iter().map(without_nulls).collect(),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => other,
    }
}

/// Decodes an event to a comparable form; nulls left in unrecognized fields do not count.
fn understood(event: &Value, dialect: Dialect) -> (Value, Option<Dialect>) {
    let event = decode::server_event(&event.to_string()).unwrap();
    let shape = match &event.body {
        ServerBody::SessionCreated(info) | ServerBody::SessionUpdated(info) => info.shape,
        _ => None,
    };
    (without_nulls(json(&encode::server_event(&event, dialect))), shape)
}

fn check(event: &Value, dialect: Dialect) {
    for path in paths(event, "") {
        let mut null = event.clone();
        *null.pointer_mut(&path).unwrap() = Value::Null;
        let mut absent = event.clone();
        let (parent, key) = path.rsplit_once('/').unwrap();
        let key = key.replace("~1", "/").replace("~0", "~");
        absent.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(&key);
        assert_eq!(understood(&null, dialect), understood(&absent, dialect), "{path} of {event}");
    }
}

#[test]
fn null_for_any_field_of_the_specification_means_absent() {
    for (fixture, dialect) in [(GA_SERVER, Dialect::Ga), (BETA_SERVER, Dialect::Beta)] {
        fixture.lines().for_each(|line| check(&json(line), dialect));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn null_for_any_field_of_a_server_event_means_absent(
        (event, dialect) in prop_oneof![Just(Dialect::Ga), Just(Dialect::Beta)]
            .prop_flat_map(|dialect| (server_event(dialect), Just(dialect))),
    ) {
        check(&json(&encode::server_event(&event, dialect)), dialect);
    }
}
