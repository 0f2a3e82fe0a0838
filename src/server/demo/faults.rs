//! Simulated faults of the endpoint, for tests of clients.

use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

/// A simulated fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `session.created` is delayed.
    Late(Duration),
    /// `session.created` is omitted.
    NoSessionCreated,
    /// `session.updated` is omitted.
    NoSessionUpdated,
    /// `output_item.*`, `content_part.*` and the items of answers are omitted.
    NoItemEvents,
    /// The connection is closed with this code in the middle of an answer.
    Close(u16),
    /// The connection breaks without a close frame in the middle of an answer.
    Drop,
    /// Half a message is sent in the middle of an answer, then the connection breaks.
    HalfMessage,
    /// The endpoint falls silent in the middle of an answer.
    Silence,
    /// Events and fields unknown to any specification are mixed in.
    UnknownEvents,
    /// `error` is a string instead of an object.
    ErrorString,
    /// The key is rejected after the upgrade: an `error`, then close 3000.
    RefuseKey,
    /// The key is rejected before the upgrade: HTTP 401.
    Refuse401,
    /// The model is rejected after the upgrade: an `error`, then close 4000.
    RefuseModel,
    /// The beta dialect is rejected after the upgrade: an `error`, then close 4000.
    RefuseBeta,
    /// The answer pauses in the middle.
    Stall(Duration),
    /// The whole answer is sent at once.
    Burst,
    /// The answer is sent in real time, ahead of playback by this lead.
    Lead(Duration),
    /// The answer is sent in real time, each audio delta early or late by up to this much. The lead of
    /// [`Fault::Lead`] is sent at once.
    Jitter(Duration),
    /// Samples are split across audio deltas.
    OddBytes,
    /// The transcript of the user's speech follows the answer.
    TranscriptLate,
    /// The session expires this long after its start.
    Expire(Duration),
    /// Sessions have this maximum duration, and announce it.
    Limit(Duration),
    /// Ids are counted, from 1 on each connection.
    CountedIds,
}

/// A set of simulated faults; empty by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    list: Vec<Fault>,
}

/// Invalid list of faults.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum FaultError {
    /// Unknown name.
    #[error("unknown fault '{name}'; known faults: {}", NAMES.join(", "))]
    Unknown {
        /// The name as given.
        name: String,
    },
    /// Invalid number.
    #[error("fault '{name}' needs a whole number after '=', not '{value}'")]
    Number {
        /// Name of the fault.
        name: String,
        /// The value as given.
        value: String,
    },
}

/// Names accepted by [`Faults::parse`]; numbers are optional.
pub const NAMES: [&str; 23] = [
    "late=MS",
    "no-session-created",
    "no-session-updated",
    "no-item-events",
    "close=CODE",
    "drop",
    "half-message",
    "silence",
    "strangers",
    "error-string",
    "refuse-key",
    "refuse-401",
    "refuse-model",
    "refuse-beta",
    "stall=MS",
    "burst",
    "lead=MS",
    "jitter=MS",
    "odd-bytes",
    "transcript-late",
    "expire=MS",
    "limit=MS",
    "counted-ids",
];

impl Faults {
    /// Parses comma-separated names such as `strangers,stall=500`; `_` equals `-`.
    ///
    /// # Errors
    /// When a name is unknown or a number is invalid.
    pub fn parse(text: &str) -> Result<Self, FaultError> {
        let list = text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(parse_one)
            .collect::<Result<Vec<Fault>, FaultError>>()?;
        Ok(Self { list })
    }

    /// Adds a fault.
    #[must_use]
    pub fn with(mut self, fault: Fault) -> Self {
        self.list.push(fault);
        self
    }

    /// Returns whether `fault` is in the set.
    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.list.contains(&fault)
    }

    /// Returns the result of `pick` for the first fault it accepts.
    pub(crate) fn find<T>(&self, pick: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        self.list.iter().find_map(pick)
    }
}

impl FromStr for Faults {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        Self::parse(text)
    }
}

/// Maximum duration of a fault: an hour.
const MAX_MS: u64 = 3_600_000;

fn parse_one(part: &str) -> Result<Fault, FaultError> {
    let (name, value) = part.split_once('=').unwrap_or((part, ""));
    let name = name.trim().replace('_', "-");
    let number = |default: u64| match value.trim() {
        "" => Ok(default),
        value => value
            .parse::<u64>()
            .map_err(|_| FaultError::Number { name: name.clone(), value: value.to_owned() }),
    };
    let millis = |default| number(default).map(|ms| Duration::from_millis(ms.min(MAX_MS)));
    Ok(match name.as_str() {
        "late" => Fault::Late(millis(1_000)?),
        "no-session-created" => Fault::NoSessionCreated,
        "no-session-updated" => Fault::NoSessionUpdated,
        "no-item-events" => Fault::NoItemEvents,
        "close" => {
            let code = number(1011)?;
            Fault::Close(
                u16::try_from(code).map_err(|_| FaultError::Number { name, value: code.to_string() })?,
            )
        }
        "drop" => Fault::Drop,
        "half-message" => Fault::HalfMessage,
        "silence" => Fault::Silence,
        "strangers" => Fault::UnknownEvents,
        "error-string" => Fault::ErrorString,
        "refuse-key" => Fault::RefuseKey,
        "refuse-401" => Fault::Refuse401,
        "refuse-model" => Fault::RefuseModel,
        "refuse-beta" => Fault::RefuseBeta,
        "stall" => Fault::Stall(millis(1_000)?),
        "burst" => Fault::Burst,
        "lead" => Fault::Lead(millis(100)?),
        "jitter" => Fault::Jitter(millis(80)?),
        "odd-bytes" => Fault::OddBytes,
        "transcript-late" => Fault::TranscriptLate,
        "expire" => Fault::Expire(millis(1_000)?),
        "limit" => Fault::Limit(millis(60_000)?),
        "counted-ids" => Fault::CountedIds,
        _ => return Err(FaultError::Unknown { name }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_name_is_accepted() {
        for name in NAMES {
            let name = name.replace("=MS", "=20").replace("=CODE", "=4000");
            assert_eq!(Faults::parse(&name).map(|faults| faults.list.len()), Ok(1), "{name}");
        }
    }

    #[test]
    fn several_faults_are_separated_by_commas() {
        let faults = Faults::parse("stall = 20, error_string").unwrap();
        let expected =
            Faults::default().with(Fault::Stall(Duration::from_millis(20))).with(Fault::ErrorString);
        assert_eq!(faults, expected);
    }

    #[test]
    fn an_unknown_name_or_number_is_reported() {
        assert!(Faults::parse("boom").unwrap_err().to_string().contains("'boom'"));
        assert!(Faults::parse("close=70000").unwrap_err().to_string().contains("70000"));
        assert!(Faults::parse("late=soon").unwrap_err().to_string().contains("soon"));
    }
}
