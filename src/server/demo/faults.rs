//! The ways in which the endpoint misbehaves on request, for tests of clients.

use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

/// One way to misbehave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `session.created` comes so much later.
    Late(Duration),
    /// `session.created` never comes.
    NoSessionCreated,
    /// `session.updated` never comes.
    NoSessionUpdated,
    /// `output_item.*`, `content_part.*` and the items of answers are left out.
    NoItemEvents,
    /// The connection is closed with this code in the middle of an answer.
    Close(u16),
    /// The connection breaks without a close frame in the middle of an answer.
    Drop,
    /// Half a message is sent in the middle of an answer, then the connection breaks.
    HalfMessage,
    /// Nothing is said any more from the middle of an answer on.
    Silence,
    /// Events and fields that no specification knows are mixed in.
    Strangers,
    /// `error` is a string in place of an object.
    ErrorString,
    /// The key is refused after the upgrade: an `error`, then close 3000.
    RefuseKey,
    /// The key is refused before the upgrade: HTTP 401.
    Refuse401,
    /// The model is refused after the upgrade: an `error`, then close 4000.
    RefuseModel,
    /// The beta dialect is refused after the upgrade: an `error`, then close 4000.
    RefuseBeta,
    /// The answer pauses for so long in its middle.
    Stall(Duration),
    /// The whole answer comes at once.
    Burst,
    /// The answer comes at the pace of real time, so far ahead of it.
    Lead(Duration),
    /// The answer comes at the pace of real time, each piece of sound up to so much too early or too late. What
    /// [`Fault::Lead`] has it ahead by comes together.
    Jitter(Duration),
    /// Audio deltas split a sample between them.
    OddBytes,
    /// The transcript of the user's speech comes after the answer to it.
    TranscriptLate,
    /// The session ends so long after its start, as if its maximum duration were reached.
    Expire(Duration),
    /// Sessions are so short, and say so.
    Limit(Duration),
    /// Ids are counted, from 1 again on each connection.
    CountedIds,
}

/// All the ways in which an endpoint misbehaves; none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    list: Vec<Fault>,
}

/// Why a list of faults could not be read.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum FaultError {
    /// There is no such fault.
    #[error("no fault is named '{name}'; there are {}", NAMES.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// The number behind the name makes no sense.
    #[error("the fault '{name}' needs a whole number behind '=', not '{value}'")]
    Number {
        /// Which fault.
        name: String,
        /// What stood there.
        value: String,
    },
}

/// What [`Faults::parse`] understands; a number can be left out.
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
    /// Reads names divided by commas, such as `strangers,stall=500`; `_` means the same as `-`.
    ///
    /// # Errors
    /// Fails when a name is unknown or a number is not one.
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

    /// Returns whether `fault` is among them.
    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.list.contains(&fault)
    }

    /// Returns what `pick` finds in the first fault it knows.
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

/// Nobody waits longer than an hour.
const LONGEST_MS: u64 = 3_600_000;

fn parse_one(part: &str) -> Result<Fault, FaultError> {
    let (name, value) = part.split_once('=').unwrap_or((part, ""));
    let name = name.trim().replace('_', "-");
    let number = |default: u64| match value.trim() {
        "" => Ok(default),
        value => value
            .parse::<u64>()
            .map_err(|_| FaultError::Number { name: name.clone(), value: value.to_owned() }),
    };
    let millis = |default| number(default).map(|ms| Duration::from_millis(ms.min(LONGEST_MS)));
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
        "strangers" => Fault::Strangers,
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
    fn every_name_that_is_offered_can_be_asked_for() {
        for name in NAMES {
            let name = name.replace("=MS", "=20").replace("=CODE", "=4000");
            assert_eq!(Faults::parse(&name).map(|faults| faults.list.len()), Ok(1), "{name}");
        }
    }

    #[test]
    fn several_faults_are_divided_by_commas() {
        let faults = Faults::parse("stall = 20, error_string").unwrap();
        let expected =
            Faults::default().with(Fault::Stall(Duration::from_millis(20))).with(Fault::ErrorString);
        assert_eq!(faults, expected);
    }

    #[test]
    fn a_wrong_name_or_number_is_told() {
        assert!(Faults::parse("boom").unwrap_err().to_string().contains("'boom'"));
        assert!(Faults::parse("close=70000").unwrap_err().to_string().contains("70000"));
        assert!(Faults::parse("late=soon").unwrap_err().to_string().contains("soon"));
    }
}
