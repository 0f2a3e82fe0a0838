//! Construction of JSON objects.

use serde_json::Value;

use crate::protocol::events::audio::{encoded_length, push_base64};
use crate::protocol::value::{FieldUpdate, Unknown};

/// Helpers of the encoders.
pub(super) trait JsonPut {
    /// Puts a field.
    fn put(&mut self, key: &str, value: impl Into<Value>);

    /// Puts a field if present; numbers that JSON cannot express count as absent.
    fn put_some<T: Into<Value> + Clone>(&mut self, key: &str, value: Option<&T>);

    /// Puts a field, or `null`.
    fn put_or_null<T: Into<Value> + Clone>(&mut self, key: &str, value: Option<&T>);

    /// Puts an object unless it is empty.
    fn put_object(&mut self, key: &str, object: Unknown);

    /// Merges unrecognized fields back in place.
    fn put_back(&mut self, unknown: &Unknown);

    /// Puts a three-state field.
    fn put_setting<T>(&mut self, key: &str, setting: &FieldUpdate<T>, write: impl FnOnce(&T) -> Value);
}

impl JsonPut for Unknown {
    fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.insert(key.to_owned(), value.into());
    }

    fn put_some<T: Into<Value> + Clone>(&mut self, key: &str, value: Option<&T>) {
        let value = value.map(|value| value.clone().into());
        if let Some(value) = value.filter(|value: &Value| !value.is_null()) {
            self.put(key, value);
        }
    }

    fn put_or_null<T: Into<Value> + Clone>(&mut self, key: &str, value: Option<&T>) {
        self.put(key, value.map_or(Value::Null, |value| value.clone().into()));
    }

    fn put_object(&mut self, key: &str, object: Unknown) {
        if !object.is_empty() {
            self.put(key, object);
        }
    }

    fn put_back(&mut self, unknown: &Unknown) {
        for (key, value) in unknown {
            match self.get_mut(key) {
                Some(present) => merge(present, value),
                None => self.put(key, value.clone()),
            }
        }
    }

    fn put_setting<T>(&mut self, key: &str, setting: &FieldUpdate<T>, write: impl FnOnce(&T) -> Value) {
        match setting {
            FieldUpdate::Keep => {}
            FieldUpdate::Clear => self.put(key, Value::Null),
            FieldUpdate::Set(value) => self.put(key, write(value)),
        }
    }
}

/// Merges objects by key and lists of equal length by index; replaces all other values.
fn merge(present: &mut Value, rest: &Value) {
    match (present, rest) {
        (Value::Object(present), Value::Object(rest)) => present.put_back(rest),
        (Value::Array(present), Value::Array(rest)) if present.len() == rest.len() => {
            present.iter_mut().zip(rest).for_each(|(present, rest)| merge(present, rest));
        }
        (present, rest) => *present = rest.clone(),
    }
}

/// Writes an object that ends with `audio` as base64 under `key`, without copying the base64.
pub(super) fn text_with_audio(fields: Unknown, key: &str, audio_bytes: &[u8]) -> String {
    if fields.contains_key(key) {
        return Value::Object(fields).to_string();
    }
    let head = Value::Object(fields).to_string();
    let mut text = String::with_capacity(head.len() + key.len() + encoded_length(audio_bytes.len()) + 6);
    text.push_str(&head);
    text.pop();
    if text.len() > 1 {
        text.push(',');
    }
    text.push('"');
    text.push_str(key);
    text.push_str("\":\"");
    push_base64(&mut text, audio_bytes);
    text.push_str("\"}");
    text
}
