//! Classification of refusals: the setting concerned and the flag that changes it.

use crate::protocol::error_codes::Remedy;
use crate::protocol::events::error::ErrorInfo;

/// A setting that a server can reject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The model or the deployment.
    Model,
    /// The voice.
    Voice,
    /// The language of the speech.
    Language,
    /// Turn detection.
    TurnDetection,
    /// The instructions.
    Instructions,
    /// Formats and modalities, which differ between the dialects.
    Format,
    /// An image in a message.
    Image,
    /// Another field of the session.
    Session,
}

impl Subject {
    /// Returns advice for the user, if a flag changes the setting.
    pub fn hint(self) -> Option<&'static str> {
        Some(match self {
            Self::Model => "choose a model of this endpoint with --model",
            Self::Voice => "choose a voice of this endpoint with --voice",
            Self::Language => "choose another language with --lang",
            Self::TurnDetection => "try --vad local, which does not use the endpoint's turn detection",
            Self::Instructions => "change --instructions",
            Self::Format => "the endpoint may use another dialect; try --dialect ga or --dialect beta",
            Self::Image => {
                "the model may take no images, or not this format: try PNG or JPEG, or another --model"
            }
            Self::Session => return None,
        })
    }
}

/// Words that name a setting.
const SUBJECTS: [(&str, Subject); 15] = [
    ("image", Subject::Image),
    ("model", Subject::Model),
    ("deployment", Subject::Model),
    ("模型", Subject::Model),
    ("voice", Subject::Voice),
    ("音色", Subject::Voice),
    ("language", Subject::Language),
    ("turn_detection", Subject::TurnDetection),
    ("turn detection", Subject::TurnDetection),
    ("server_vad", Subject::TurnDetection),
    ("semantic_vad", Subject::TurnDetection),
    ("instructions", Subject::Instructions),
    ("modalit", Subject::Format),
    ("audio_format", Subject::Format),
    ("session.", Subject::Session),
];

/// Words with which servers reject a value.
const REFUSALS: [&str; 28] = [
    "not found",
    "not_found",
    "not exist",
    "no such",
    "unknown",
    "unrecognized",
    "invalid",
    "unsupported",
    "not support",
    "not_support",
    "not allowed",
    "not available",
    "not permitted",
    "not authorized",
    "no access",
    "not have access",
    "denied",
    "required",
    "missing",
    "must ",
    "could not load",
    "failed to load",
    "incompatible",
    "expected one of",
    "不存在",
    "不支持",
    "无效",
    "无权",
];

/// Words that indicate a temporary failure.
const TRANSIENT: [&str; 8] =
    ["try again", "overload", "temporar", "busy", "rate limit", "capacity", "timed out", "timeout"];

/// Returns the first setting named in a text; images count before all, `session.` only if nothing more specific
/// occurs.
pub fn subject(text: &str) -> Option<Subject> {
    let text = text.to_lowercase();
    let named = SUBJECTS.iter().filter_map(|(word, subject)| Some((text.find(word)?, *subject)));
    let rank = |subject: &Subject| match subject {
        Subject::Image => 0,
        Subject::Session => 2,
        Subject::Model
        | Subject::Voice
        | Subject::Language
        | Subject::TurnDetection
        | Subject::Instructions
        | Subject::Format => 1,
    };
    named.min_by_key(|(at, subject)| (rank(subject), *at)).map(|(_, subject)| subject)
}

/// Returns the setting that a text rejects; `None` for temporary failures.
pub fn refused_in(text: &str) -> Option<Subject> {
    let lower = text.to_lowercase();
    let contains = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if contains(&TRANSIENT) || !contains(&REFUSALS) { None } else { subject(text) }
}

impl ErrorInfo {
    /// Returns the session setting that this error rejects, if any. Retrying with the same setting cannot
    /// succeed.
    pub fn refused_setting(&self) -> Option<Subject> {
        match self.known().map(|known| known.remedy) {
            Some(Remedy::Reconnect | Remedy::Wait | Remedy::Queue | Remedy::Ignore) => return None,
            Some(Remedy::Stop | Remedy::SwitchToGa | Remedy::DropField | Remedy::Show) | None => {}
        }
        let named = self.param.as_deref().and_then(subject);
        let texts = [&self.code, &self.param, &self.message];
        let text: Vec<&str> = texts.into_iter().flatten().map(String::as_str).collect();
        let refused = refused_in(&text.join(" "));
        refused.map(|subject| named.unwrap_or(subject))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::error_codes::tests::error;

    #[test]
    fn a_refusal_names_the_setting_it_is_about() {
        for (code, param, message, expected) in [
            (None, None, "Model gpt-9 not found", Subject::Model),
            (Some("model_not_found"), None, "It is not there", Subject::Model),
            (None, None, "The deployment does not exist", Subject::Model),
            (None, None, "模型 gpt-9 不存在", Subject::Model),
            (None, None, "Voice 'bob' is not supported by this model", Subject::Voice),
            (None, None, "Model m does not support the voice 'bob': unsupported", Subject::Model),
            (
                Some("invalid_value"),
                Some("session.audio.output.voice"),
                "Invalid value: 'bob'.",
                Subject::Voice,
            ),
            (None, None, "Model m does not support image inputs: unsupported", Subject::Image),
            (None, None, "Invalid modalities: ['audio']", Subject::Format),
            (None, Some("session.turn_detection.type"), "unsupported value", Subject::TurnDetection),
            (None, Some("session.speed"), "unknown field", Subject::Session),
        ] {
            assert_eq!(error(code, param, message).refused_setting(), Some(expected), "{message}");
        }
    }

    #[test]
    fn a_temporary_failure_rejects_no_setting() {
        for (code, message) in [
            (None, "The server had an error"),
            (None, "The model is overloaded, invalid state; please try again"),
            (None, "The model produced an internal error"),
            (Some("rate_limit_exceeded"), "Rate limit reached for model m"),
            (Some("session_expired"), "Your session is invalid: the model session is over"),
            (Some("do_request_failed"), "dial upstream failed: bad handshake"),
            (None, "Invalid audio"),
        ] {
            assert_eq!(error(code, None, message).refused_setting(), None, "{message}");
        }
    }

    #[test]
    fn every_setting_with_a_flag_hints_at_it() {
        for (text, flag) in [
            ("model", "--model"),
            ("voice", "--voice"),
            ("language", "--lang"),
            ("server_vad", "--vad"),
            ("modalities", "--dialect"),
        ] {
            let hint = subject(text).and_then(Subject::hint).unwrap();
            assert!(hint.contains(flag), "{text}: {hint}");
        }
    }
}
