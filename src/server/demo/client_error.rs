//! Client errors, with the documented error codes and messages.

use crate::protocol::events::error::ErrorInfo;

/// A client error; it becomes an `error` event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ClientError {
    /// `unknown_parameter`, `invalid_value` …; null for a missing key.
    pub(crate) code: Option<&'static str>,
    /// Human-readable text.
    pub(crate) message: String,
    /// The rejected field.
    pub(crate) param: Option<String>,
}

impl ClientError {
    /// Returns an error with `code` and without a field.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code: Some(code), message: message.into(), param: None }
    }

    /// Sets the field.
    pub(crate) fn at(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// An unknown field.
    pub(crate) fn unknown(param: &str) -> Self {
        Self::new("unknown_parameter", format!("Unknown parameter: '{param}'.")).at(param)
    }

    /// A missing field.
    pub(crate) fn missing(param: &str) -> Self {
        Self::new("missing_required_parameter", format!("Missing required parameter: '{param}'.")).at(param)
    }

    /// A word other than the `supported` ones.
    pub(crate) fn word(param: &str, word: &str, supported: &[&str]) -> Self {
        let message = format!("Invalid value: '{word}'. Supported values are: {}.", listed(supported));
        Self::new("invalid_value", message).at(param)
    }

    /// A value of the wrong JSON type.
    pub(crate) fn kind(param: &str, expected: &str, got: &str) -> Self {
        let message = format!("Invalid type for '{param}': expected {expected}, but got {got} instead.");
        Self::new("invalid_value", message).at(param)
    }

    /// A well-formed value that is not possible.
    pub(crate) fn value(param: &str, message: impl Into<String>) -> Self {
        Self::new("invalid_value", message).at(param)
    }

    /// An integer below the minimum.
    pub(crate) fn below(param: &str, min: i64, got: i64) -> Self {
        let message = format!(
            "Invalid '{param}': integer below minimum value. Expected a value >= {min}, but got {got} instead."
        );
        Self::new("integer_below_min_value", message).at(param)
    }

    /// A text above the maximum length.
    pub(crate) fn too_long(param: &str, max: usize, got: usize) -> Self {
        let message = format!(
            "Invalid '{param}': string too long. Expected a string with maximum length {max}, \
             but got a string with length {got} instead."
        );
        Self::new("string_above_max_length", message).at(param)
    }

    /// Returns the error object; `event_id` is the client's.
    pub(crate) fn into_info(self, event_id: Option<String>) -> ErrorInfo {
        ErrorInfo {
            kind: Some("invalid_request_error".to_owned()),
            code: self.code.map(str::to_owned),
            message: Some(self.message),
            param: self.param,
            event_id,
            ..ErrorInfo::default()
        }
    }
}

fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    match quoted.as_slice() {
        [] => "none".to_owned(),
        [only] => only.clone(),
        [first, second] => format!("{first} and {second}"),
        [rest @ .., last] => format!("{}, and {last}", rest.join(", ")),
    }
}
