//! What declares a setting: name, type, scope, default, flag, environment variable, help.

use std::ops::RangeInclusive;

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::config::value::Value;
use crate::secret::Secret;

/// Declaration of a setting.
#[derive(Debug)]
pub struct Declaration {
    /// Name in files, in JSON and of the flag's argument.
    pub name: &'static str,
    /// Type and range.
    pub kind: ValueKind,
    /// Tables of the file that may hold it.
    pub scope: Scope,
    /// One line for all help texts, without a full stop.
    pub help: &'static str,
    /// More sentences for long help, the file and the documentation.
    pub note: Option<&'static str>,
    /// Value in force without any other, as a flag would take it.
    pub default: Option<&'static str>,
    /// Sample value for the file of `config init`; settings without default have one.
    pub example: &'static str,
    /// Its flag.
    pub flag: Option<Flag>,
    /// Its environment variable.
    pub variable: Option<&'static str>,
}

/// Flag of a setting.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// Commands that have it, and its heading.
    pub group: FlagGroup,
    /// Spelling with the name of its value, such as `--url <URL>`; without a name it takes no value.
    pub usage: &'static str,
    /// Letter of its short form.
    pub short: Option<char>,
    /// Second long spelling.
    pub alias: Option<&'static str>,
    /// Whether `-h` lists it; `--help` lists all.
    pub is_common: bool,
    /// Whether it may be given several times, which makes a list with commas of its texts.
    pub is_repeatable: bool,
}

/// Flags that commands have together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagGroup {
    /// All commands that dial.
    Endpoint,
    /// Commands that take audio.
    Input,
    /// Commands that speak answers.
    Speech,
    /// `talk` only.
    Talk,
    /// Commands that detect turns.
    Turns,
    /// Turn detection of `talk` only.
    Response,
    /// Commands that hold a session.
    Display,
    /// Commands that hold a conversation.
    Conversation,
    /// Commands that hold a session.
    Limits,
}

/// Tables of the file that may hold a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Profiles only.
    Profile,
    /// `[defaults]` and profiles.
    Defaults,
}

/// Type and range of a setting.
#[derive(Clone, Debug)]
pub enum ValueKind {
    /// Text.
    Text,
    /// Path of a file.
    Path,
    /// Key or token.
    Secret,
    /// `true` or `false`.
    Bool,
    /// Whole number in a range.
    Integer(RangeInclusive<u32>),
    /// Number above 0.
    Positive,
    /// Number in a range.
    Decimal(RangeInclusive<f64>),
    /// One of a few words.
    Choice(fn() -> Vec<PossibleValue>),
    /// List of texts.
    List,
    /// Names with texts.
    Table,
}

impl Declaration {
    /// Declares a setting that belongs to an endpoint.
    pub const fn profile(name: &'static str, kind: ValueKind, help: &'static str) -> Self {
        let (note, default, example) = (None, None, "");
        Self { name, kind, scope: Scope::Profile, help, note, default, example, flag: None, variable: None }
    }

    /// Declares a setting that may hold for all profiles.
    pub const fn general(name: &'static str, kind: ValueKind, help: &'static str) -> Self {
        Self { scope: Scope::Defaults, ..Self::profile(name, kind, help) }
    }

    /// Adds sentences for long help.
    pub const fn note(self, note: &'static str) -> Self {
        Self { note: Some(note), ..self }
    }

    /// Sets the default.
    pub const fn default(self, default: &'static str) -> Self {
        Self { default: Some(default), example: default, ..self }
    }

    /// Sets the sample value of a setting without default.
    pub const fn example(self, example: &'static str) -> Self {
        Self { example, ..self }
    }

    /// Adds a flag that `-h` lists.
    pub const fn flag(self, group: FlagGroup, usage: &'static str) -> Self {
        Self {
            flag: Some(Flag {
                group,
                usage,
                short: None,
                alias: None,
                is_common: true,
                is_repeatable: false,
            }),
            ..self
        }
    }

    /// Adds a flag that only `--help` lists.
    pub const fn rare_flag(self, group: FlagGroup, usage: &'static str) -> Self {
        Self {
            flag: Some(Flag {
                group,
                usage,
                short: None,
                alias: None,
                is_common: false,
                is_repeatable: false,
            }),
            ..self
        }
    }

    /// Gives the flag a short form.
    pub const fn short(self, short: char) -> Self {
        match self.flag {
            Some(flag) => Self { flag: Some(Flag { short: Some(short), ..flag }), ..self },
            None => self,
        }
    }

    /// Gives the flag a second spelling.
    pub const fn alias(self, alias: &'static str) -> Self {
        match self.flag {
            Some(flag) => Self { flag: Some(Flag { alias: Some(alias), ..flag }), ..self },
            None => self,
        }
    }

    /// Lets the flag be given several times.
    pub const fn repeatable(self) -> Self {
        match self.flag {
            Some(flag) => Self { flag: Some(Flag { is_repeatable: true, ..flag }), ..self },
            None => self,
        }
    }

    /// Adds an environment variable. Settings that name files have none: the `.env` of a foreign folder must not
    /// choose what is overwritten.
    pub const fn variable(self, name: &'static str) -> Self {
        Self { variable: Some(name), ..self }
    }

    /// Returns the default as a value.
    pub fn default_value(&self) -> Option<Value> {
        self.default.map(|text| self.kind.parse(text).expect("a test parses each default"))
    }

    /// Returns `text` in TOML.
    pub fn toml(&self, text: &str) -> String {
        let is_text =
            matches!(self.kind, ValueKind::Text | ValueKind::Path | ValueKind::Secret | ValueKind::Choice(_));
        if is_text { format!("{text:?}") } else { text.to_owned() }
    }
}

impl Flag {
    /// Returns the flag without the name of its value.
    pub fn spelling(&self) -> &'static str {
        self.usage.split_once(' ').map_or(self.usage, |(spelling, _)| spelling)
    }

    /// Returns the name of its value.
    pub fn value_name(&self) -> Option<&'static str> {
        self.usage.split_once(" <")?.1.strip_suffix('>')
    }
}

impl ValueKind {
    /// Returns the choice between the variants of an enum.
    pub const fn choice<T: ValueEnum>() -> Self {
        Self::Choice(|| T::value_variants().iter().filter_map(ValueEnum::to_possible_value).collect())
    }

    /// Reads a value from a flag or a variable; none if it has another type or is out of range.
    pub fn parse(&self, text: &str) -> Option<Value> {
        match self {
            Self::Text => Some(Value::Text(text.to_owned())),
            Self::Path => Some(Value::Path(text.into())),
            Self::Secret => Some(Value::Secret(Secret::new(text))),
            Self::Bool => text.parse().ok().map(Value::Bool),
            Self::Integer(range) => {
                text.parse().ok().filter(|number| range.contains(number)).map(Value::Integer)
            }
            Self::Positive => {
                let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0);
                number.map(Value::Float)
            }
            Self::Decimal(range) => {
                text.parse().ok().filter(|number| range.contains(number)).map(Value::Float)
            }
            Self::Choice(_) => {
                self.words().iter().any(|word| word == text).then(|| Value::Text(text.to_owned()))
            }
            Self::List | Self::Table => None,
        }
    }

    /// Returns the words of a choice, none for other kinds.
    pub fn words(&self) -> Vec<String> {
        let Self::Choice(values) = self else { return Vec::new() };
        values().iter().map(|value| value.get_name().to_owned()).collect()
    }

    /// Returns the range or the words, if the type does not imply what is accepted.
    pub fn range(&self) -> Option<String> {
        match self {
            Self::Integer(range) => Some(format!("{} to {}", range.start(), range.end())),
            Self::Positive => Some("above 0".to_owned()),
            Self::Decimal(range) => Some(format!("{} to {}", range.start(), range.end())),
            Self::Choice(_) => Some(self.words().join(", ")),
            Self::Text | Self::Path | Self::Secret | Self::Bool | Self::List | Self::Table => None,
        }
    }

    /// Returns the expected value for error messages.
    pub fn expected(&self) -> String {
        match self {
            Self::Text | Self::Path | Self::Secret => "a text in quotes".to_owned(),
            Self::Bool => "true or false".to_owned(),
            Self::Integer(range) => format!("a number from {} to {}", range.start(), range.end()),
            Self::Positive => "a number above 0".to_owned(),
            Self::Decimal(range) => format!("a number from {} to {}", range.start(), range.end()),
            Self::Choice(_) => format!("one of {}", self.words().join(", ")),
            Self::List => "a list of texts, as in [\"A\", \"B\"]".to_owned(),
            Self::Table => "a table".to_owned(),
        }
    }
}
