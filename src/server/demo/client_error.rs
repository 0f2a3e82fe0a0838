//! What a client did wrong, in the words of the documented error codes.

use crate::protocol::events::error::ErrorInfo;

/// One mistake; it becomes an `error` event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ClientError {
    /// `unknown_parameter`, `invalid_value` …; null for a missing key.
    pub(crate) code: Option<&'static str>,
    /// For people.
    pub(crate) message: String,
    /// Which field.
    pub(crate) param: Option<String>,
}

impl ClientError {
    /// A mistake with `code` that belongs to no field.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code: Some(code), message: message.into(), param: None }
    }

    /// The same mistake, blamed on `param`.
    pub(crate) fn at(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// A field that does not exist.
    pub(crate) fn unknown(param: &str) -> Self {
        Self::new("unknown_parameter", format!("Unknown parameter: '{param}'.")).at(param)
    }

    /// A field that must be there.
    pub(crate) fn missing(param: &str) -> Self {
        Self::new("missing_required_parameter", format!("Missing required parameter: '{param}'.")).at(param)
    }

    /// A word that is none of `supported`.
    pub(crate) fn word(param: &str, word: &str, supported: &[&str]) -> Self {
        let message = format!("Invalid value: '{word}'. Supported values are: {}.", listed(supported));
        Self::new("invalid_value", message).at(param)
    }

    /// A value of the wrong JSON type.
    pub(crate) fn kind(param: &str, expected: &str, got: &str) -> Self {
        let message = format!("Invalid type for '{param}': expected {expected}, but got {got} instead.");
        Self::new("invalid_value", message).at(param)
    }

    /// A value that is well-formed and still not possible.
    pub(crate) fn value(param: &str, message: impl Into<String>) -> Self {
        Self::new("invalid_value", message).at(param)
    }

    /// An integer that is too small.
    pub(crate) fn below(param: &str, least: i64, got: i64) -> Self {
        let message = format!(
            "Invalid '{param}': integer below minimum value. Expected a value >= {least}, but got {got} instead."
        );
        Self::new("integer_below_min_value", message).at(param)
    }

    /// A text that is too long.
    pub(crate) fn too_long(param: &str, most: usize, got: usize) -> Self {
        let message = format!(
            "Invalid '{param}': string too long. Expected a string with maximum length {most}, \
             but got a string with length {got} instead."
        );
        Self::new("string_above_max_length", message).at(param)
    }

    /// Returns the `error` object; `event_id` is the client's.
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
        [most @ .., last] => format!("{}, and {last}", most.join(", ")),
    }
}
