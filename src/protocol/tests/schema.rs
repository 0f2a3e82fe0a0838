//! Schemas of both dialects, independent of decoder and encoder.

use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

use crate::protocol::dialect::Dialect;
use crate::protocol::tests::fixtures::{BETA_CLIENT, BETA_SERVER, GA_CLIENT, GA_SERVER, json};

static GA_CLIENT_SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    validator(include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/schema/ga.client.strict.schema.json"
    )))
});
static BETA_CLIENT_SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    validator(include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/schema/beta.client.strict.schema.json"
    )))
});
static GA_SERVER_SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    validator(include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/schema/ga.server.schema.json"
    )))
});
static BETA_SERVER_SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    validator(include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/schema/beta.server.schema.json"
    )))
});

fn validator(schema: &str) -> Validator {
    jsonschema::draft202012::new(&json(schema)).unwrap()
}

/// Checks a client event against the strict schema of the dialect.
pub(crate) fn check_client(event: &Value, dialect: Dialect) {
    match dialect {
        Dialect::Ga | Dialect::Mixed => check(event, &GA_CLIENT_SCHEMA),
        Dialect::Beta => check(event, &BETA_CLIENT_SCHEMA),
    }
}

/// Checks a server event against the schema of the dialect.
pub(super) fn check_server(event: &Value, dialect: Dialect) {
    match dialect {
        Dialect::Ga | Dialect::Mixed => check(event, &GA_SERVER_SCHEMA),
        Dialect::Beta => check(event, &BETA_SERVER_SCHEMA),
    }
}

fn check(event: &Value, schema: &Validator) {
    let faults: Vec<_> = schema.iter_errors(event).map(|fault| fault.to_string()).collect();
    assert!(faults.is_empty(), "{faults:?}\n{event}");
}

#[test]
fn the_fixtures_are_valid() {
    for (fixture, dialect) in [(GA_CLIENT, Dialect::Ga), (BETA_CLIENT, Dialect::Beta)] {
        fixture.lines().for_each(|line| check_client(&json(line), dialect));
    }
    for (fixture, dialect) in [(GA_SERVER, Dialect::Ga), (BETA_SERVER, Dialect::Beta)] {
        fixture.lines().for_each(|line| check_server(&json(line), dialect));
    }
}

#[test]
fn the_schemas_reject_what_servers_reject() {
    for event in [
        r#"{"type":"session.update","session":{}}"#,
        r#"{"type":"session.update","session":{"type":"realtime","bogus_field":1}}"#,
        r#"{"type":"session.update","session":{"type":"realtime","audio":{"input":{"format":{"type":"audio/pcm"}}}}}"#,
        r#"{"type":"response.create","response":{"modalities":["text"]}}"#,
    ] {
        assert!(!GA_CLIENT_SCHEMA.is_valid(&json(event)), "{event}");
    }
    for event in [
        r#"{"type":"session.update","session":{"type":"realtime"}}"#,
        r#"{"type":"session.update","session":{"reasoning":{"effort":"low"}}}"#,
    ] {
        assert!(!BETA_CLIENT_SCHEMA.is_valid(&json(event)), "{event}");
    }
    assert!(!GA_SERVER_SCHEMA.is_valid(&json(r#"{"type":"error","event_id":"e","error":"text"}"#)));
}

#[test]
fn every_event_of_a_schema_has_a_fixture() {
    for (schema, fixture) in [
        (
            include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/fixtures/schema/ga.client.strict.schema.json"
            )),
            GA_CLIENT,
        ),
        (
            include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/fixtures/schema/beta.client.strict.schema.json"
            )),
            BETA_CLIENT,
        ),
        (
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/schema/ga.server.schema.json")),
            GA_SERVER,
        ),
        (
            include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/fixtures/schema/beta.server.schema.json"
            )),
            BETA_SERVER,
        ),
    ] {
        let there: Vec<Value> = fixture.lines().map(|line| json(line)["type"].clone()).collect();
        for name in json(schema)["properties"]["type"]["enum"].as_array().unwrap() {
            assert!(there.contains(name), "{name}");
        }
    }
}
