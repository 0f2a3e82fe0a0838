//! Values of settings and their origins.

use std::fmt;
use std::path::PathBuf;

use crate::secret::Secret;

/// Value of a setting.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text, or a word of a choice.
    Text(String),
    /// Path of a file.
    Path(PathBuf),
    /// Whole number.
    Integer(u32),
    /// Number.
    Float(f64),
    /// Yes or no.
    Bool(bool),
    /// Texts in order.
    List(Vec<String>),
    /// Names with texts, in order of name.
    Table(Vec<(String, String)>),
    /// Key or token.
    Secret(Secret),
}

/// Origin of a value, the strongest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueOrigin {
    /// A flag.
    Flag(&'static str),
    /// An environment variable.
    Environment(String),
    /// A variable in `.env` in the current folder.
    EnvFile(String),
    /// A choice made during a call.
    Remembered,
    /// A line of the configuration file, counted from 1.
    File(usize),
    /// A built-in profile or default.
    BuiltIn,
}

impl ValueOrigin {
    /// Returns the precedence; the smallest wins.
    pub fn rank(&self) -> u8 {
        match self {
            Self::Flag(_) => 0,
            Self::Environment(_) => 1,
            Self::EnvFile(_) => 2,
            Self::Remembered => 3,
            Self::File(_) => 4,
            Self::BuiltIn => 5,
        }
    }

    /// Returns a word for programs: `flag`, `environment`, `.env`, `remembered`, `file` or `built-in`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Flag(_) => "flag",
            Self::Environment(_) => "environment",
            Self::EnvFile(_) => ".env",
            Self::Remembered => "remembered",
            Self::File(_) => "file",
            Self::BuiltIn => "built-in",
        }
    }

    /// Returns the name of the flag or variable.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Flag(name) => Some(name),
            Self::Environment(name) | Self::EnvFile(name) => Some(name),
            Self::Remembered | Self::File(_) | Self::BuiltIn => None,
        }
    }
}

impl fmt::Display for ValueOrigin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(formatter, "flag {name}"),
            Self::Environment(name) => write!(formatter, "environment {name}"),
            Self::EnvFile(name) => write!(formatter, ".env {name}"),
            Self::Remembered => formatter.write_str("chosen in a call"),
            Self::File(line) => write!(formatter, "file, line {line}"),
            Self::BuiltIn => formatter.write_str("built in"),
        }
    }
}

/// Value with its origin.
#[derive(Clone, Debug, PartialEq)]
pub struct Sourced {
    /// The value.
    pub value: Value,
    /// Its origin.
    pub origin: ValueOrigin,
}
