//! What is known of the error codes of Realtime servers, and what to do about each.

use std::time::Duration;

use crate::protocol::events::server::ErrorInfo;

/// How much an error matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The server closes the connection at once.
    Fatal,
    /// The connection may stay open, but nothing will come of it.
    Hopeless,
    /// What was asked for was not done; the session goes on.
    Refused,
    /// Nothing is lost; not worth showing.
    Benign,
}

/// What a client does about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// End, and tell the user.
    Stop,
    /// Connect again once in the GA dialect, without the beta header and subprotocol.
    SwitchToGa,
    /// Connect again and replay the conversation.
    Reconnect,
    /// Send the event again once, without the field that `param` names.
    DropField,
    /// Wait for the time that the message names, then ask for the response again.
    Wait,
    /// Ask for the response again after the next `response.done`.
    Queue,
    /// Tell the user; the session goes on.
    Show,
    /// Nothing.
    Ignore,
}

/// One row of what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownError {
    /// The `code` of the error.
    pub code: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// The code of the close frame that follows, where one was seen.
    pub close_code: Option<u16>,
    /// What to do.
    pub remedy: Remedy,
    /// What the user can do, as one sentence without a full stop; empty if there is nothing.
    pub hint: &'static str,
}

impl KnownError {
    /// Tells whether the server closes the connection at once.
    pub fn is_fatal(&self) -> bool {
        self.severity == Severity::Fatal
    }

    /// Tells whether the error is not worth showing.
    pub fn is_benign(&self) -> bool {
        self.severity == Severity::Benign
    }
}

/// Returns what is known of `code`.
pub fn known(code: &str) -> Option<KnownError> {
    TABLE.iter().find(|row| row.code == code).copied()
}

/// Returns all that is known.
pub fn all() -> &'static [KnownError] {
    TABLE
}

impl ErrorInfo {
    /// Returns what is known of this error. A missing key has no code of its own and is found by
    /// its message.
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

    /// Tells whether nothing is lost by this error: what it refuses was too late or too small to
    /// matter, such as cutting an answer off behind its end.
    pub fn is_benign(&self) -> bool {
        let cut_too_late =
            self.code.as_deref() == Some("invalid_value") && self.param.as_deref() == Some("audio_end_ms");
        cut_too_late || self.known().is_some_and(|error| error.is_benign())
    }

    /// Returns for how long the message asks to wait ("Please try again in 4.2s"), where it does.
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

    /// Tells whether the server speaks of itself, as being broken or busy, and not of what it was sent.
    pub fn is_of_server(&self) -> bool {
        let names = ["server_error", "internal_error", "rate_limit_exceeded", "rate_limit_error"];
        [&self.code, &self.kind].into_iter().flatten().any(|text| names.contains(&text.as_str()))
    }

    /// Tells whether the answer that was asked for has to wait for the one in progress.
    pub fn is_answer_in_progress(&self) -> bool {
        self.known().is_some_and(|error| error.remedy == Remedy::Queue)
    }

    /// Tells whether trying again makes no sense: the key, the model, the quota.
    pub fn is_hopeless(&self) -> bool {
        self.known().is_some_and(|error| error.remedy == Remedy::Stop)
    }

    /// Tells whether the server closes the connection at once, as far as is known.
    pub fn is_fatal(&self) -> bool {
        self.known().is_some_and(|error| error.is_fatal())
    }
}

const fn fatal(code: &'static str, close_code: u16, remedy: Remedy, hint: &'static str) -> KnownError {
    KnownError { code, severity: Severity::Fatal, close_code: Some(close_code), remedy, hint }
}

const fn open(code: &'static str, severity: Severity, remedy: Remedy, hint: &'static str) -> KnownError {
    KnownError { code, severity, close_code: None, remedy, hint }
}

/// Says that this program made the mistake.
const OUR_MISTAKE: &str = "this is a mistake of rtvoice; --trace FILE shows the event that was refused";

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
        "use --dialect ga; where beta was not asked for, a gateway on the way adds its marker, and is too old",
    ),
    fatal(
        "session_expired",
        1001,
        Remedy::Reconnect,
        "the session was as long as this endpoint allows; start a new one",
    ),
    open(
        "insufficient_quota",
        Severity::Hopeless,
        Remedy::Stop,
        "check plan and billing at the provider of the key",
    ),
    open(
        "credit_balance_exhausted",
        Severity::Hopeless,
        Remedy::Stop,
        "top up the balance at the provider of the key",
    ),
    open(
        "inference_not_authorized_error",
        Severity::Hopeless,
        Remedy::Stop,
        "the key's project has no access to this model; name another with --model",
    ),
    open(
        "model_load_error",
        Severity::Hopeless,
        Remedy::Stop,
        "the endpoint could not load the model; look at its log",
    ),
    open("session_limit_reached", Severity::Hopeless, Remedy::Stop, "the endpoint is busy; try again later"),
    open(
        "rate_limit_exceeded",
        Severity::Refused,
        Remedy::Wait,
        "wait a little, or use a key with a higher limit",
    ),
    open("cannot_update_voice", Severity::Refused, Remedy::Show, "a new voice needs a new session"),
    open("conversation_already_has_active_response", Severity::Refused, Remedy::Queue, ""),
    open(
        "unknown_parameter",
        Severity::Refused,
        Remedy::DropField,
        "this endpoint does not know the setting; it went on without it",
    ),
    open(
        "invalid_value",
        Severity::Refused,
        Remedy::Show,
        "this endpoint does not accept the value of the setting",
    ),
    open("integer_below_min_value", Severity::Refused, Remedy::Show, OUR_MISTAKE),
    open("missing_required_parameter", Severity::Refused, Remedy::Show, OUR_MISTAKE),
    open(
        "string_above_max_length",
        Severity::Refused,
        Remedy::Show,
        "the text is longer than this endpoint allows",
    ),
    open("invalid_json", Severity::Refused, Remedy::Show, OUR_MISTAKE),
    open("invalid_event", Severity::Refused, Remedy::Show, OUR_MISTAKE),
    open(
        "unknown_or_invalid_event",
        Severity::Refused,
        Remedy::Show,
        "this endpoint does not know the event",
    ),
    open(
        "invalid_session_type",
        Severity::Refused,
        Remedy::Show,
        "this endpoint does not have this kind of session",
    ),
    open(
        "audio_unintelligible",
        Severity::Refused,
        Remedy::Show,
        "the speech was not understood; the call goes on",
    ),
    open("transcription_error", Severity::Refused, Remedy::Show, "the caption is missing; the call goes on"),
    open("server_error", Severity::Refused, Remedy::Show, "the endpoint had a fault; try again"),
    open("input_audio_buffer_commit_empty", Severity::Benign, Remedy::Ignore, ""),
    open("response_cancel_not_active", Severity::Benign, Remedy::Ignore, ""),
    open("item_truncate_invalid_item_id", Severity::Benign, Remedy::Ignore, ""),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: Option<&str>, param: Option<&str>, message: &str) -> ErrorInfo {
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
            let ends = matches!(row.severity, Severity::Fatal | Severity::Hopeless);
            assert!(!ends || !row.hint.is_empty(), "{}", row.code);
            assert!(!row.hint.ends_with('.'), "{}", row.code);
        }
    }

    #[test]
    fn a_server_that_speaks_of_itself_is_told_from_one_that_refuses() {
        assert!(error(Some("server_error"), None, "").is_of_server());
        assert!(ErrorInfo { kind: Some("rate_limit_error".into()), ..ErrorInfo::default() }.is_of_server());
        assert!(!error(Some("invalid_value"), Some("voice"), "no such voice").is_of_server());
        assert!(!error(None, None, "bad session").is_of_server());
    }

    #[test]
    fn no_code_stands_twice() {
        for row in all() {
            assert_eq!(all().iter().filter(|other| other.code == row.code).count(), 1, "{}", row.code);
        }
    }

    #[test]
    fn what_comes_too_late_to_matter_is_benign() {
        assert!(error(Some("response_cancel_not_active"), None, "").is_benign());
        assert!(error(Some("item_truncate_invalid_item_id"), None, "").is_benign());
        assert!(error(Some("input_audio_buffer_commit_empty"), None, "").is_benign());
        assert!(error(Some("invalid_value"), Some("audio_end_ms"), "").is_benign());
        assert!(!error(Some("invalid_value"), Some("session.voice"), "").is_benign());
        assert!(!error(Some("conversation_already_has_active_response"), None, "").is_benign());
        assert!(!error(None, None, "The server had an error").is_benign());
    }

    #[test]
    fn a_missing_key_is_known_by_its_message() {
        let missing = error(None, None, "Missing bearer or basic authentication in header");
        assert!(missing.is_fatal());
        assert_eq!(missing.known().and_then(|row| row.close_code), Some(3000));
    }

    #[test]
    fn the_time_to_wait_is_read_from_the_message() {
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
    fn a_code_of_another_server_is_unknown_and_not_fatal() {
        assert_eq!(known("quantum_flux"), None);
        assert!(!error(Some("quantum_flux"), None, "").is_fatal());
    }
}
