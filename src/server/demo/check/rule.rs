//! Rules for JSON values, and the search for the first violation.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::server::demo::client_error::ClientError;

/// Requirement on a value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rule {
    /// Any value.
    Anything,
    /// A string.
    Text,
    /// A string with a maximum number of characters.
    Short(usize),
    /// One of these strings.
    Word(&'static [&'static str]),
    /// Base64 with a maximum number of bytes.
    Base64(usize),
    /// An integer in this range.
    Integer(i64, i64),
    /// A number in this range.
    Number(f64, f64),
    /// A Boolean.
    Flag,
    /// Null, or a value that satisfies the rule.
    Nullable(&'static Rule),
    /// The first rule for a string, the second for any other value.
    TextOr(&'static Rule, &'static Rule),
    /// An array whose elements satisfy the rule.
    List(&'static Rule),
    /// An array with the same words as one of these, in any order.
    Sets(&'static [&'static [&'static str]]),
    /// An object with these fields and no others.
    Object(&'static [Field]),
    /// An object whose rule depends on the word in a field.
    Tagged(&'static str, &'static [(&'static str, Rule)]),
    /// At most 16 pairs; keys up to 64, values up to 512 characters.
    Metadata,
}

/// The rules nested in a rule.
pub(super) enum Nested {
    /// No other rules.
    None,
    /// A rule for the same value.
    Same(&'static Rule),
    /// A rule for each element.
    Elements(&'static Rule),
    /// Rules for the fields of an object.
    Fields(&'static [Field]),
    /// Rules for the variants of a union, by the word in the tag field.
    Variants(&'static str, &'static [(&'static str, Rule)]),
}

impl Rule {
    /// Returns the nested rules.
    pub(super) fn nested(&self) -> Nested {
        match *self {
            Self::Nullable(rule) | Self::TextOr(_, rule) => Nested::Same(rule),
            Self::List(rule) => Nested::Elements(rule),
            Self::Object(fields) => Nested::Fields(fields),
            Self::Tagged(tag, variants) => Nested::Variants(tag, variants),
            Self::Anything
            | Self::Text
            | Self::Short(_)
            | Self::Word(_)
            | Self::Base64(_)
            | Self::Integer(..)
            | Self::Number(..)
            | Self::Flag
            | Self::Sets(_)
            | Self::Metadata => Nested::None,
        }
    }
}

/// A field of an object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    /// Key.
    pub(super) name: &'static str,
    need: Presence,
    /// Rule for its value.
    pub(super) rule: Rule,
}

impl Field {
    /// Returns whether a null counts as absent.
    pub(super) fn null_is_absent(&self) -> bool {
        self.need == Presence::Optional && !matches!(self.rule, Rule::Nullable(_))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Required,
    Optional,
}

/// A required field.
pub(crate) const fn must(name: &'static str, rule: Rule) -> Field {
    Field { name, need: Presence::Required, rule }
}

/// An optional field.
pub(crate) const fn may(name: &'static str, rule: Rule) -> Field {
    Field { name, need: Presence::Optional, rule }
}

/// Returns the first error of `value` at `path`.
fn walk(rule: &Rule, value: &Value, path: &str) -> Result<(), ClientError> {
    match *rule {
        Rule::Anything => Ok(()),
        Rule::Text => text(value, path).map(|_| ()),
        Rule::Short(max) => short(text(value, path)?, max, path),
        Rule::Word(words) => word(text(value, path)?, words, path),
        Rule::Base64(max) => base64(text(value, path)?, max, path),
        Rule::Integer(min, max) => integer(value, (min, max), path),
        Rule::Number(min, max) => number(value, (min, max), path),
        Rule::Flag => value.is_boolean().then_some(()).ok_or_else(|| wrong(value, "a boolean", path)),
        Rule::Nullable(rule) => {
            if value.is_null() {
                Ok(())
            } else {
                walk(rule, value, path)
            }
        }
        Rule::TextOr(rule, other) => walk(if value.is_string() { rule } else { other }, value, path),
        Rule::List(rule) => {
            let values = value.as_array().ok_or_else(|| wrong(value, "an array", path))?;
            values
                .iter()
                .enumerate()
                .try_for_each(|(index, value)| walk(rule, value, &format!("{path}[{index}]")))
        }
        Rule::Sets(sets) => set(value, sets, path),
        Rule::Object(fields) => walk_fields(fields, object_of(value, path)?, path),
        Rule::Tagged(tag, rules) => tagged(value, (tag, rules), path),
        Rule::Metadata => metadata(object_of(value, path)?, path),
    }
}

/// Returns the name of the JSON type of `value`.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn wrong(value: &Value, expected: &str, path: &str) -> ClientError {
    ClientError::kind(path, expected, kind_of(value))
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn text<'a>(value: &'a Value, path: &str) -> Result<&'a str, ClientError> {
    value.as_str().ok_or_else(|| wrong(value, "a string", path))
}

fn object_of<'a>(value: &'a Value, path: &str) -> Result<&'a Map<String, Value>, ClientError> {
    value.as_object().ok_or_else(|| wrong(value, "an object", path))
}

fn short(text: &str, max: usize, path: &str) -> Result<(), ClientError> {
    let length = text.chars().count();
    if length > max { Err(ClientError::too_long(path, max, length)) } else { Ok(()) }
}

fn word(word: &str, words: &[&str], path: &str) -> Result<(), ClientError> {
    if words.contains(&word) { Ok(()) } else { Err(ClientError::word(path, word, words)) }
}

fn base64(text: &str, max: usize, path: &str) -> Result<(), ClientError> {
    if text.len() / 4 * 3 > max {
        return Err(ClientError::too_long(path, max / 3 * 4, text.len()));
    }
    let wrong =
        |_| ClientError::value(path, format!("Invalid '{path}'. Expected base64-encoded audio bytes."));
    STANDARD.decode(text).map(|_| ()).map_err(wrong)
}

fn integer(value: &Value, (min, max): (i64, i64), path: &str) -> Result<(), ClientError> {
    let Some(given) = value.as_i64() else { return Err(wrong(value, "an integer", path)) };
    if given < min {
        return Err(ClientError::below(path, min, given));
    }
    if given > max {
        let message = format!("Invalid '{path}': expected a value <= {max}, but got {given} instead.");
        return Err(ClientError::value(path, message));
    }
    Ok(())
}

fn number(value: &Value, (min, max): (f64, f64), path: &str) -> Result<(), ClientError> {
    let Some(given) = value.as_f64() else { return Err(wrong(value, "a number", path)) };
    if (min..=max).contains(&given) {
        return Ok(());
    }
    let message = format!("Invalid '{path}': expected a value from {min} to {max}, but got {given} instead.");
    Err(ClientError::value(path, message))
}

fn set(value: &Value, sets: &[&[&str]], path: &str) -> Result<(), ClientError> {
    let values = value.as_array().ok_or_else(|| wrong(value, "an array", path))?;
    let same = |set: &&&[&str]| {
        set.len() == values.len() && set.iter().all(|word| values.iter().any(|value| value == word))
    };
    if sets.iter().any(|set| same(&set)) {
        return Ok(());
    }
    let shown = |set: &&[&str]| {
        format!("[{}]", set.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", "))
    };
    let supported: Vec<String> = sets.iter().map(shown).collect();
    let message = format!("Invalid value: {value}. Supported combinations are: {}.", supported.join(" and "));
    Err(ClientError::value(path, message))
}

/// Returns the first error of an object with these `fields` at `path`.
pub(crate) fn walk_fields(
    fields: &[Field],
    values: &Map<String, Value>,
    path: &str,
) -> Result<(), ClientError> {
    if let Some(unknown) = values.keys().find(|name| fields.iter().all(|field| field.name != **name)) {
        return Err(ClientError::unknown(&below(path, unknown)));
    }
    for field in fields {
        let path = below(path, field.name);
        match values.get(field.name) {
            Some(value) => walk(&field.rule, value, &path)?,
            None if field.need == Presence::Required => return Err(ClientError::missing(&path)),
            None => {}
        }
    }
    Ok(())
}

type Variants = (&'static str, &'static [(&'static str, Rule)]);

fn tagged(value: &Value, (tag, rules): Variants, path: &str) -> Result<(), ClientError> {
    let at = below(path, tag);
    let given = object_of(value, path)?.get(tag).ok_or_else(|| ClientError::missing(&at))?;
    let given = text(given, &at)?;
    match rules.iter().find(|(word, _)| *word == given) {
        Some((_, rule)) => walk(rule, value, path),
        None => {
            let words: Vec<&str> = rules.iter().map(|(word, _)| *word).collect();
            Err(ClientError::word(&at, given, &words))
        }
    }
}

fn metadata(values: &Map<String, Value>, path: &str) -> Result<(), ClientError> {
    if values.len() > 16 {
        return Err(ClientError::value(path, format!("Invalid '{path}': expected at most 16 pairs.")));
    }
    values.iter().try_for_each(|(name, value)| {
        let path = below(path, name);
        short(name, 64, &path)?;
        short(text(value, &path)?, 512, &path)
    })
}
