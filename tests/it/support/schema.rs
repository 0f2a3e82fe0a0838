//! Judges events that left the program by the strict schemas of the protocol.

use std::path::Path;

use rtvoice::protocol::dialect::Dialect;
use serde_json::{Value, json};

use super::program::json_lines;

/// The client events of one dialect, where a field the server does not know is an error.
#[derive(Debug)]
pub(crate) struct Schema {
    validator: jsonschema::Validator,
}

impl Schema {
    /// Reads the schema of a dialect from the fixtures.
    pub(crate) fn of(dialect: Dialect) -> Self {
        let name = format!("tests/fixtures/schema/{}.client.strict.schema.json", dialect.as_str());
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&name);
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name} cannot be read: {error}"));
        Self::new(&serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name} is no JSON: {error}")))
    }

    fn new(schema: &Value) -> Self {
        let options = jsonschema::options().with_draft(jsonschema::Draft::Draft202012);
        Self { validator: options.build(schema).expect("the schema is one") }
    }

    /// Returns what is wrong with an event; nothing is right.
    pub(crate) fn errors(&self, event: &Value) -> Vec<String> {
        let errors = self.validator.iter_errors(event);
        errors.map(|error| format!("{} at `{}`: {error}", event["type"], error.instance_path())).collect()
    }

    /// Checks every event that left the program by its `--trace` file, and returns them.
    pub(crate) fn check_trace(&self, trace: &Path) -> Vec<Value> {
        let text = std::fs::read_to_string(trace)
            .unwrap_or_else(|error| panic!("the trace cannot be read: {error}"));
        let mut events = Vec::new();
        for line in json_lines(&text) {
            assert!(line["at_ms"].is_number(), "no time: {line}");
            assert!(line["dir"] == "in" || line["dir"] == "out", "no direction: {line}");
            if line["dir"] == "out" {
                events.push(line["event"].clone());
            }
        }
        assert!(!events.is_empty(), "the trace holds no event that left the program");
        let errors: Vec<String> = events.iter().flat_map(|event| self.errors(event)).collect();
        assert!(errors.is_empty(), "\n{}", errors.join("\n"));
        events
    }
}

#[test]
fn the_schemas_of_both_dialects_take_what_is_right_and_refuse_a_made_up_field() {
    for dialect in [Dialect::Ga, Dialect::Beta] {
        let schema = Schema::of(dialect);
        assert_eq!(schema.errors(&json!({"type": "input_audio_buffer.clear", "event_id": "a"})), [""; 0]);
        assert_eq!(schema.errors(&json!({"type": "input_audio_buffer.clear", "made_up": 1})).len(), 1);
        assert_ne!(schema.errors(&json!({"type": "made.up"})), [""; 0]);
    }
}

#[test]
fn an_event_with_a_field_too_many_is_no_valid_one() {
    let fields = json!({"type": {"const": "input_audio_buffer.commit"}, "event_id": {"type": "string"}});
    let schema = Schema::new(
        &json!({"type": "object", "properties": fields, "required": ["type"], "additionalProperties": false}),
    );
    assert_eq!(schema.errors(&json!({"type": "input_audio_buffer.commit", "event_id": "a"})), [""; 0]);
    assert_eq!(schema.errors(&json!({"type": "input_audio_buffer.commit", "event": "a"})).len(), 1);

    let folder = tempfile::tempdir().expect("the temporary folder takes files");
    let trace = folder.path().join("trace.jsonl");
    let received = json!({"at_ms": 1, "dir": "in", "event": {"type": "anything", "at": "all"}});
    let sent = json!({"at_ms": 2, "dir": "out", "event": {"type": "input_audio_buffer.commit"}});
    std::fs::write(&trace, format!("{received}\n{sent}\n")).expect("the temporary folder takes files");
    assert_eq!(schema.check_trace(&trace).len(), 1);
}
