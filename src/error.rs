//! Errors shown to the user: a kind with its exit code, a sentence with its causes, a hint.

use std::fmt;

/// What failed, who can fix it, and how.
#[derive(Debug)]
pub struct Error {
    /// Who can fix it.
    pub kind: Kind,
    /// How to fix it, in one sentence.
    pub hint: Option<String>,
    /// What failed, with its causes.
    pub source: anyhow::Error,
}

/// Kinds of failure. Each has its own exit code, documented in the README.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A bug in this program.
    Internal,
    /// The command line.
    Usage,
    /// The configuration or a key.
    Config,
    /// An audio device or a file.
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
    /// Creates an error without a hint.
    pub fn new(kind: Kind, source: impl Into<anyhow::Error>) -> Self {
        Self { kind, hint: None, source: source.into() }
    }

    /// Creates an error of one sentence.
    pub fn say(kind: Kind, sentence: impl fmt::Display) -> Self {
        Self::new(kind, anyhow::anyhow!("{sentence}"))
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Error {
    /// Writes the failure with its causes, then the hint on its own line.
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
    fn every_kind_has_its_own_exit_code() {
        let kinds = [Kind::Internal, Kind::Usage, Kind::Config, Kind::Device, Kind::Network, Kind::Server];
        let codes: Vec<u8> = kinds.iter().map(|kind| kind.exit_code()).collect();
        assert_eq!(codes, [1, 2, 3, 4, 5, 6]);
    }
}
