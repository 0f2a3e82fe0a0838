//! Errors as the user meets them: a kind with its exit code, one sentence with its causes, a hint.

use std::fmt;

/// What failed, whose it is to mend, and how.
#[derive(Debug)]
pub struct Error {
    /// Whose it is to mend.
    pub kind: Kind,
    /// What to do, in one sentence.
    pub hint: Option<String>,
    /// What failed, with its causes.
    pub source: anyhow::Error,
}

/// The kinds of failure. Each has an exit code of its own, which the README documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A fault of this program.
    Internal,
    /// The command line.
    Usage,
    /// The configuration, a key among it.
    Config,
    /// A sound device or a file.
    Device,
    /// The network.
    Network,
    /// The endpoint refused.
    Server,
}

impl Kind {
    /// Returns the exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::Usage => 2,
            Self::Config => 3,
            Self::Device => 4,
            Self::Network => 5,
            Self::Server => 6,
        }
    }
}

impl Error {
    /// Makes an error without a hint.
    pub fn new(kind: Kind, source: impl Into<anyhow::Error>) -> Self {
        Self { kind, hint: None, source: source.into() }
    }

    /// Makes an error of one sentence.
    pub fn say(kind: Kind, sentence: impl fmt::Display) -> Self {
        Self::new(kind, anyhow::anyhow!("{sentence}"))
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Error {
    /// Writes what failed and its causes, and the hint on a line of its own.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:#}", self.source)?;
        match &self.hint {
            Some(hint) => write!(formatter, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_sentence_with_its_causes_and_a_hint() {
        let cause = std::io::Error::other("disk full");
        let error = Error::new(Kind::Device, anyhow::Error::new(cause).context("cannot write answer.wav"));
        assert_eq!(error.to_string(), "cannot write answer.wav: disk full");
        assert_eq!(
            error.hint("make room").to_string(),
            "cannot write answer.wav: disk full\nhint: make room"
        );
    }

    #[test]
    fn every_kind_has_an_exit_code_of_its_own() {
        let kinds = [Kind::Internal, Kind::Usage, Kind::Config, Kind::Device, Kind::Network, Kind::Server];
        let codes: Vec<u8> = kinds.iter().map(|kind| kind.exit_code()).collect();
        assert_eq!(codes, [1, 2, 3, 4, 5, 6]);
    }
}
