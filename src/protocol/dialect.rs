//! Protocol dialects and their detection from a session object.

use std::str::FromStr;

use crate::protocol::value::Unknown;

/// Names and shapes used for writing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// The generally available protocol: nested `session.audio`, `response.output_audio.delta`.
    #[default]
    Ga,
    /// The protocol of `OpenAI-Beta: realtime=v1`: flat session, `response.audio.delta`.
    Beta,
    /// xAI: GA events; in the session only the formats are nested, the rest is flat as in beta.
    Mixed,
}

impl Dialect {
    /// Returns the name used in flags and in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ga => "ga",
            Self::Beta => "beta",
            Self::Mixed => "mixed",
        }
    }

    /// Detects the dialect from the shape of a server's `session` object, if it shows one. A mixed shape
    /// (nested formats, flat voice) counts as GA: some GA servers also send a flat voice for older clients.
    pub fn of_session(session: &Unknown) -> Option<Self> {
        let is_given = |name: &&str| session.get(*name).is_some_and(|value| !value.is_null());
        let has = |names: &[&str]| names.iter().any(is_given);
        if has(&["type", "audio", "output_modalities"]) {
            Some(Self::Ga)
        } else if has(&["modalities", "input_audio_format", "voice"]) {
            Some(Self::Beta)
        } else {
            None
        }
    }
}

impl FromStr for Dialect {
    type Err = UnknownDialect;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "ga" => Ok(Self::Ga),
            "beta" => Ok(Self::Beta),
            "mixed" => Ok(Self::Mixed),
            _ => Err(UnknownDialect(word.to_owned())),
        }
    }
}

/// A name that is not a dialect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown dialect \"{0}\"")]
pub struct UnknownDialect(pub String);

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(session: &Value, expected: Option<Dialect>) {
        let session = session.as_object().expect("a session is an object");
        assert_eq!(Dialect::of_session(session), expected, "{session:?}");
    }

    #[test]
    fn the_dialect_is_detected_from_the_session_shape() {
        check(&json!({"type": "realtime"}), Some(Dialect::Ga));
        check(&json!({"object": "realtime.session", "audio": {}}), Some(Dialect::Ga));
        check(&json!({"output_modalities": ["text"]}), Some(Dialect::Ga));
        check(&json!({"modalities": ["text", "audio"]}), Some(Dialect::Beta));
        check(&json!({"input_audio_format": "pcm16"}), Some(Dialect::Beta));
        check(&json!({"id": "sess_1", "voice": "alloy"}), Some(Dialect::Beta));
    }

    #[test]
    fn a_mixed_session_counts_as_ga_and_a_bare_one_shows_no_dialect() {
        check(
            &json!({"voice": "Ara", "audio": {"input": {"format": {"type": "audio/pcm"}}}}),
            Some(Dialect::Ga),
        );
        check(&json!({"id": "sess_1", "object": "realtime.session", "model": "m"}), None);
    }

    #[test]
    fn a_dialect_is_parsed_from_its_name() {
        for dialect in [Dialect::Ga, Dialect::Beta, Dialect::Mixed] {
            assert_eq!(dialect.as_str().parse(), Ok(dialect));
        }
        assert_eq!("GA".parse::<Dialect>(), Err(UnknownDialect("GA".to_owned())));
    }
}
