//! A value of a setting, and where it came from.

use std::collections::BTreeMap;
use std::fmt;

use crate::config::settings::Setting;
use crate::secret::Secret;

/// What a setting is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// One text.
    Text(String),
    /// A number without sign.
    Number(u32),
    /// Yes or no.
    Switch(bool),
    /// Texts in order.
    List(Vec<String>),
    /// Names with texts, in order of name.
    Table(Vec<(String, String)>),
    /// A key.
    Hidden(Secret),
}

/// Where a value came from, the strongest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueOrigin {
    /// The command line.
    Flag(&'static str),
    /// A variable of the environment.
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
    /// Returns its place in the order of precedence; the smallest wins.
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

    /// Returns one word for programs: `flag`, `environment`, `.env`, `remembered`, `file` or `built-in`.
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

    /// Returns what in that place: the flag, the variable.
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

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sourced {
    /// The value.
    pub value: Value,
    /// Where it came from.
    pub origin: ValueOrigin,
}

/// What one place says.
pub type Layer = BTreeMap<Setting, Sourced>;
