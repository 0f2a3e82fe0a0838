//! Known error codes of Realtime servers, with their severity and remedy.

use std::time::Duration;

use crate::protocol::events::error::ErrorInfo;

/// Severity of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The server closes the connection at once.
    Fatal,
    /// The connection may stay open, but a retry cannot succeed.
    Permanent,
    /// The request was rejected; the session continues.
    Refused,
    /// No effect on the call; not worth showing.
    Benign,
}

/// Reaction of a client to an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// End the call with an error.
    Stop,
    /// Reconnect once in the GA dialect, without the beta header and subprotocol.
    SwitchToGa,
    /// Reconnect and replay the conversation.
    Reconnect,
    /// Resend the event once without the field named by `param`.
    DropField,
    /// Retry the response after the delay given in the message.
    Wait,
    /// Retry the response after the next `response.done`.
    Queue,
    /// Show the error; the session continues.
    Show,
    /// Nothing.
    Ignore,
}

/// A row of the error table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownError {
    /// `code` of the error.
    pub code: &'static str,
    /// Severity.
    pub severity: Severity,
    /// Code of the close frame that follows, if one was observed.
    pub close_code: Option<u16>,
    /// Reaction of the client.
    pub remedy: Remedy,
    /// Advice for the user, one clause without a full stop; empty if there is none.
    pub hint: &'static str,
}

impl KnownError {
    /// Returns whether the server closes the connection at once.
    pub fn is_fatal(&self) -> bool {
        self.severity == Severity::Fatal
    }

    /// Returns whether the error is not worth showing.
    pub fn is_benign(&self) -> bool {
        self.severity == Severity::Benign
    }
}

/// Looks up an error code.
pub fn known(code: &str) -> Option<KnownError> {
    TABLE.iter().find(|row| row.code == code).copied()
}

/// Returns the whole table.
pub fn all() -> &'static [KnownError] {
    TABLE
}

impl ErrorInfo {
    /// Looks up this error. A missing key has no code and is recognized by its message.
    pub fn known(&self) -> Option<KnownError> {
        match (&self.code, &self.message) {
            (Some(code), _) => known(code),
            (None, Some(message)) if message.starts_with("Missing bearer") => known("invalid_api_key"),
            (None, Some(message)) if message.starts_with("Conversation already has an active response") => {
                known("conversation_already_has_active_response")
            }
            (None, _) => None,
        }
    }

    /// Returns whether the error has no effect on the call: the rejected request was too late or too small to
    /// matter, such as a truncation past the end of an answer.
    pub fn is_benign(&self) -> bool {
        let cut_too_late =
            self.code.as_deref() == Some("invalid_value") && self.param.as_deref() == Some("audio_end_ms");
        cut_too_late || self.known().is_some_and(|error| error.is_benign())
    }

    /// Returns the delay requested by the message ("Please try again in 4.2s").
    pub fn retry_after(&self) -> Option<Duration> {
        let (_, wait) = self.message.as_deref()?.split_once("try again in ")?;
        let end = wait.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let (number, rest) = wait.split_at(end);
        let unit = rest.trim_start().split(|letter: char| !letter.is_ascii_alphabetic()).next()?;
        let seconds = match unit {
            "ms" => 0.001,
            "s" | "second" | "seconds" => 1.0,
            "m" | "minute" | "minutes" => 60.0,
            _ => return None,
        };
        Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()
    }

    /// Returns whether the server reports its own failure or load and not a bad request.
    pub fn is_server_failure(&self) -> bool {
        let names = ["server_error", "internal_error", "rate_limit_exceeded", "rate_limit_error"];
        [&self.code, &self.kind].into_iter().flatten().any(|text| names.contains(&text.as_str()))
    }

    /// Returns whether the response has to wait for the one in progress.
    pub fn is_answer_in_progress(&self) -> bool {
        self.known().is_some_and(|error| error.remedy == Remedy::Queue)
    }

    /// Returns whether a retry cannot succeed because of the key, the model or the quota.
    pub fn is_permanent(&self) -> bool {
        self.known().is_some_and(|error| error.remedy == Remedy::Stop)
    }

    /// Returns whether the server is known to close the connection after this error.
    pub fn is_fatal(&self) -> bool {
        self.known().is_some_and(|error| error.is_fatal())
    }
}

const fn fatal(code: &'static str, close_code: u16, remedy: Remedy, hint: &'static str) -> KnownError {
    KnownError { code, severity: Severity::Fatal, close_code: Some(close_code), remedy, hint }
}

const fn non_fatal(code: &'static str, severity: Severity, remedy: Remedy, hint: &'static str) -> KnownError {
    KnownError { code, severity, close_code: None, remedy, hint }
}

/// Hint for a rejected event that the user cannot influence.
const BUG_HINT: &str = "this looks like a bug in rtvoice; please report it with a --trace file";

const TABLE: &[KnownError] = &[
    fatal(
        "invalid_api_key",
        3000,
        Remedy::Stop,
        "set RTVOICE_API_KEY or OPENAI_API_KEY to a key that is valid at this endpoint",
    ),
    fatal("invalid_model", 4000, Remedy::Stop, "name a realtime model of this endpoint with --model"),
    fatal("missing_model", 4000, Remedy::Stop, "name a model with --model"),
    fatal(
        "beta_api_shape_disabled",
        4000,
        Remedy::SwitchToGa,
        "use --dialect ga; if you did not ask for beta, an outdated gateway adds the beta header",
    ),
    fatal(
        "session_expired",
        1001,
        Remedy::Reconnect,
        "the session reached this endpoint's maximum length; start a new one",
    ),
    non_fatal(
        "insufficient_quota",
        Severity::Permanent,
        Remedy::Stop,
        "check plan and billing at the provider of the key",
    ),
    non_fatal(
        "credit_balance_exhausted",
        Severity::Permanent,
        Remedy::Stop,
        "top up the balance at the provider of the key",
    ),
    non_fatal(
        "inference_not_authorized_error",
        Severity::Permanent,
        Remedy::Stop,
        "the key's project has no access to this model; name another with --model",
    ),
    non_fatal(
        "model_load_error",
        Severity::Permanent,
        Remedy::Stop,
        "the endpoint could not load the model; see its log",
    ),
    non_fatal(
        "session_limit_reached",
        Severity::Permanent,
        Remedy::Stop,
        "the endpoint is busy; try again later",
    ),
    non_fatal(
        "rate_limit_exceeded",
        Severity::Refused,
        Remedy::Wait,
        "wait a moment, or use a key with a higher limit",
    ),
    non_fatal("cannot_update_voice", Severity::Refused, Remedy::Show, "a new voice needs a new session"),
    non_fatal("conversation_already_has_active_response", Severity::Refused, Remedy::Queue, ""),
    non_fatal(
        "unknown_parameter",
        Severity::Refused,
        Remedy::DropField,
        "this endpoint does not support the setting; the call continues without it",
    ),
    non_fatal(
        "invalid_value",
        Severity::Refused,
        Remedy::Show,
        "this endpoint does not accept the value of the setting",
    ),
    non_fatal("integer_below_min_value", Severity::Refused, Remedy::Show, BUG_HINT),
    non_fatal("missing_required_parameter", Severity::Refused, Remedy::Show, BUG_HINT),
    non_fatal(
        "string_above_max_length",
        Severity::Refused,
        Remedy::Show,
        "the text is longer than this endpoint allows",
    ),
    non_fatal("invalid_json", Severity::Refused, Remedy::Show, BUG_HINT),
    non_fatal("invalid_event", Severity::Refused, Remedy::Show, BUG_HINT),
    non_fatal(
        "unknown_or_invalid_event",
        Severity::Refused,
        Remedy::Show,
        "this endpoint does not support the event",
    ),
    non_fatal(
        "invalid_session_type",
        Severity::Refused,
        Remedy::Show,
        "this endpoint does not support this kind of session",
    ),
    non_fatal(
        "audio_unintelligible",
        Severity::Refused,
        Remedy::Show,
        "the speech was not understood; the call continues",
    ),
    non_fatal(
        "transcription_error",
        Severity::Refused,
        Remedy::Show,
        "the caption is missing; the call continues",
    ),
    non_fatal(
        "server_error",
        Severity::Refused,
        Remedy::Show,
        "the endpoint reported an internal error; try again",
    ),
    non_fatal("input_audio_buffer_commit_empty", Severity::Benign, Remedy::Ignore, ""),
    non_fatal("response_cancel_not_active", Severity::Benign, Remedy::Ignore, ""),
    non_fatal("item_truncate_invalid_item_id", Severity::Benign, Remedy::Ignore, ""),
];

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Returns an error with these fields.
    pub(in crate::protocol) fn error(code: Option<&str>, param: Option<&str>, message: &str) -> ErrorInfo {
        ErrorInfo {
            code: code.map(str::to_owned),
            param: param.map(str::to_owned),
            message: Some(message.to_owned()),
            ..ErrorInfo::default()
        }
    }

    #[test]
    fn every_error_that_ends_a_session_has_a_hint() {
        for row in all() {
            let ends = matches!(row.severity, Severity::Fatal | Severity::Permanent);
            assert!(!ends || !row.hint.is_empty(), "{}", row.code);
            assert!(!row.hint.ends_with('.'), "{}", row.code);
        }
    }

    #[test]
    fn a_server_failure_is_distinguished_from_a_rejected_request() {
        assert!(error(Some("server_error"), None, "").is_server_failure());
        assert!(
            ErrorInfo { kind: Some("rate_limit_error".into()), ..ErrorInfo::default() }.is_server_failure()
        );
        assert!(!error(Some("invalid_value"), Some("voice"), "no such voice").is_server_failure());
        assert!(!error(None, None, "bad session").is_server_failure());
    }

    #[test]
    fn error_codes_are_unique() {
        for row in all() {
            assert_eq!(all().iter().filter(|other| other.code == row.code).count(), 1, "{}", row.code);
        }
    }

    #[test]
    fn a_request_that_comes_too_late_is_benign() {
        assert!(error(Some("response_cancel_not_active"), None, "").is_benign());
        assert!(error(Some("item_truncate_invalid_item_id"), None, "").is_benign());
        assert!(error(Some("input_audio_buffer_commit_empty"), None, "").is_benign());
        assert!(error(Some("invalid_value"), Some("audio_end_ms"), "").is_benign());
        assert!(!error(Some("invalid_value"), Some("session.voice"), "").is_benign());
        assert!(!error(Some("conversation_already_has_active_response"), None, "").is_benign());
        assert!(!error(None, None, "The server had an error").is_benign());
    }

    #[test]
    fn a_missing_key_is_recognized_by_its_message() {
        let missing = error(None, None, "Missing bearer or basic authentication in header");
        assert!(missing.is_fatal());
        assert_eq!(missing.known().and_then(|row| row.close_code), Some(3000));
    }

    #[test]
    fn the_retry_delay_is_read_from_the_message() {
        for (message, expected_ms) in [
            ("Rate limit reached for m. Please try again in 4.2s. Visit", Some(4_200)),
            ("Please try again in 120ms", Some(120)),
            ("try again in 2 minutes.", Some(120_000)),
            ("Please try again in a while", None),
            ("Please try again in 5", None),
            ("try again in 1.2.3s", None),
            ("no", None),
        ] {
            let expected = expected_ms.map(Duration::from_millis);
            assert_eq!(error(None, None, message).retry_after(), expected, "{message}");
        }
    }

    #[test]
    fn an_unknown_code_is_not_fatal() {
        assert_eq!(known("quantum_flux"), None);
        assert!(!error(Some("quantum_flux"), None, "").is_fatal());
    }
}
