//! Redaction of keys and header values in foreign text. Servers echo what they received: verbatim, escaped,
//! truncated or in pieces.

mod decode;
pub mod stream;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::net::endpoint::redaction::decode::Decoded;
use crate::secret::Secret;

/// Replacement for a key.
const KEY_HIDDEN: &str = "[key hidden]";

/// Replacement for a header value.
const HEADER_HIDDEN: &str = "[header hidden]";

/// Minimum length of a secret header value; shorter ones occur in ordinary text.
const HEADER_MIN: usize = 8;

/// Minimum length of a secret of lower-case letters only, which looks like a protocol word.
const WORD_MIN: usize = 24;

/// Minimum length of a key; shorter ones are placeholders.
const KEY_MIN: usize = 4;

/// Minimum length of a key that is a lower-case word (`none`, `dummy`).
const KEY_WORD_MIN: usize = 6;

/// Length of a key's beginning that identifies it. Public prefixes (`sk-proj-`) are shorter.
const BEGINNING_MIN: usize = 9;

/// Minimum length of a key recognized by its beginning; shorter ones are hidden only as a whole.
const BEGINNING_OF_MIN: usize = 12;

/// Minimum length of a key searched for in base64, where short keys would match by chance.
const BASE64_OF_MIN: usize = 12;

/// Bytes of a text searched at a time: decoding takes several times as much memory.
const WINDOW: usize = 64 << 10;

/// Maximum bytes of an escaped character.
const ESCAPED_MAX: usize = 16;

/// Event fields with human-readable text. In other fields a single word belongs to the protocol, even if a
/// key is spelled like it (`none`, `test`): events are redacted before decoding.
const FREE_TEXT: [&str; 13] = [
    "arguments",
    "code",
    "delta",
    "detail",
    "error",
    "instructions",
    "message",
    "name",
    "output",
    "param",
    "reason",
    "text",
    "transcript",
];

/// Replaces secrets in texts; `Debug` hides them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Redactor {
    /// Keys before headers.
    patterns: Vec<Pattern>,
}

/// A text to hide.
#[derive(Clone, PartialEq, Eq)]
struct Pattern {
    text: String,
    /// Bytes of the beginning that identify it.
    beginning: usize,
    scope: PatternScope,
    /// Replacement text.
    replacement: &'static str,
}

/// Context in which a pattern matches.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PatternScope {
    /// Anywhere.
    Anywhere,
    /// Not inside a longer word, since it looks like a word.
    Word,
}

impl Redactor {
    /// Returns a redactor of the given secrets.
    pub fn of<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut redactor = Self::default();
        for secret in secrets {
            redactor.add_key(secret.reveal().trim());
        }
        redactor
    }

    /// Adds header values, whole and word by word, and the decoded credentials of `Basic`. Values too short
    /// or too common to identify are skipped.
    #[must_use]
    pub fn and_headers<'a>(mut self, values: impl IntoIterator<Item = &'a str>) -> Self {
        for value in values {
            for part in [value.trim()].into_iter().chain(value.split(' ')).filter(|part| is_distinctive(part))
            {
                self.add(part, HEADER_HIDDEN, whole(part));
            }
            if let Some(login) = basic_login(value) {
                let password = login.split_once(':').map_or(login.as_str(), |(_, password)| password);
                self.add_key(&login);
                self.add_key(password);
            }
        }
        self
    }

    /// Adds the secrets of another redactor.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        for pattern in other.patterns {
            self.push(pattern);
        }
        self
    }

    /// Returns whether there are no secrets.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Returns whether a text contains a secret.
    pub fn finds(&self, text: &str) -> bool {
        !self.secrets_in(text).is_empty()
    }

    /// Returns the text with each secret replaced.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        replaced(text, &self.secrets_in(text))
    }

    /// Returns JSON text with the secrets in its strings replaced, so that it remains valid JSON; any other
    /// text as [`Redactor::redact`] does.
    pub fn redact_json<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let secrets = self.secrets_in(text);
        if secrets.is_empty() {
            return Cow::Borrowed(text);
        }
        match serde_json::from_str::<Value>(text) {
            Ok(value) => Cow::Owned(self.redact_value("", value).to_string()),
            Err(_) => replaced(text, &secrets),
        }
    }

    /// Returns a field's value with its secrets replaced, including in nested names.
    pub fn redact_value(&self, field: &str, value: Value) -> Value {
        match value {
            Value::String(text) if is_word(&text) && !FREE_TEXT.contains(&field) => text.into(),
            Value::String(text) => self.redact(&text).into(),
            Value::Array(list) => list.into_iter().map(|value| self.redact_value(field, value)).collect(),
            Value::Object(fields) => {
                let redacted = fields.into_iter().map(|(name, value)| {
                    let value = self.redact_value(&name, value);
                    let name = if is_word(&name) { name } else { self.redact(&name).into_owned() };
                    (name, value)
                });
                redacted.collect()
            }
            Value::Number(number) => {
                let digits = number.to_string();
                // Short numbers are counts, never keys.
                let is_secret = digits.len() >= HEADER_MIN && self.finds(&digits);
                if is_secret { KEY_HIDDEN.into() } else { Value::Number(number) }
            }
            plain @ (Value::Null | Value::Bool(_)) => plain,
        }
    }

    /// Returns the ranges of all secrets in a text, in order, with their replacements.
    fn secrets_in(&self, text: &str) -> Vec<(Range<usize>, &'static str)> {
        if self.patterns.is_empty() {
            return Vec::new();
        }
        let overlap = self.longest() * ESCAPED_MAX;
        let (mut start, mut found) = (0, Vec::new());
        loop {
            let end = text.ceil_char_boundary(start + WINDOW + overlap);
            self.find_in(&text[start..end], start, &mut found);
            if end == text.len() {
                return merged(found);
            }
            start = text.ceil_char_boundary(start + WINDOW);
        }
    }

    fn find_in(&self, window: &str, offset: usize, found: &mut Vec<(Range<usize>, &'static str)>) {
        for decoded in Decoded::rounds(window) {
            for pattern in &self.patterns {
                let places = pattern.places_in(&decoded.text).into_iter();
                found.extend(places.map(|place| {
                    let place = decoded.origin(place.start) + offset..decoded.origin(place.end) + offset;
                    (place, pattern.replacement)
                }));
            }
        }
    }

    /// Returns the length of the longest secret in bytes.
    fn longest(&self) -> usize {
        self.patterns.iter().map(|pattern| pattern.text.len()).max().unwrap_or(0)
    }

    /// Adds a key, also without `sk-`, which some gateways strip, and in base64, as in logs.
    fn add_key(&mut self, key: &str) {
        self.add(key, KEY_HIDDEN, beginning(key));
        if let Some(bare) = key.strip_prefix("sk-").filter(|bare| bare.len() >= BEGINNING_MIN) {
            self.add(bare, KEY_HIDDEN, beginning(bare));
        }
        if key.len() >= BASE64_OF_MIN {
            for encoded in in_base64(key) {
                self.add(&encoded, KEY_HIDDEN, beginning(&encoded));
            }
        }
    }

    fn add(&mut self, text: &str, replacement: &'static str, beginning: usize) {
        if text.len() < if is_word(text) { KEY_WORD_MIN } else { KEY_MIN } {
            return;
        }
        let scope =
            if is_word(text) && text.len() < WORD_MIN { PatternScope::Word } else { PatternScope::Anywhere };
        self.push(Pattern { text: text.to_owned(), beginning, scope, replacement });
    }

    /// Adds a pattern unless known: a key that is also a header value stays a key.
    fn push(&mut self, pattern: Pattern) {
        if !self.patterns.iter().any(|known| known.text == pattern.text) {
            self.patterns.push(pattern);
        }
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Redactor(hidden)")
    }
}

impl Pattern {
    /// Returns the ranges in which the pattern, or its identifying beginning, occurs.
    fn places_in(&self, text: &str) -> Vec<Range<usize>> {
        let beginning = &self.text[..self.beginning];
        let mut places = Vec::new();
        let mut from = 0;
        while let Some(found) = text[from..].find(beginning) {
            let start = from + found;
            let more = text[start..].bytes().zip(self.text.bytes()).take_while(|(one, other)| one == other);
            let place = start..text.floor_char_boundary(start + more.count());
            from = place.end;
            if self.may_stand(text, &place) {
                places.push(place);
            }
        }
        // A match cut off by the end of the text.
        let rest = &text[from..];
        let longest = self.beginning.min(rest.len() + 1);
        if let Some(length) = (BEGINNING_MIN..longest)
            .rev()
            .find(|length| rest.as_bytes().ends_with(&self.text.as_bytes()[..*length]))
        {
            places.push(text.len() - length..text.len());
        }
        places
    }

    fn may_stand(&self, text: &str, place: &Range<usize>) -> bool {
        let is_part = |character: char| character.is_alphanumeric() || character == '_';
        match self.scope {
            PatternScope::Anywhere => true,
            PatternScope::Word => {
                !text[..place.start].ends_with(is_part) && !text[place.end..].starts_with(is_part)
            }
        }
    }
}

/// Joins overlapping ranges; a key determines the replacement.
fn merged(mut found: Vec<(Range<usize>, &'static str)>) -> Vec<(Range<usize>, &'static str)> {
    found.sort_by_key(|(place, replacement)| (place.start, *replacement != KEY_HIDDEN));
    let mut merged: Vec<(Range<usize>, &'static str)> = Vec::new();
    for (place, replacement) in found {
        match merged.last_mut() {
            Some((last, shown)) if place.start < last.end => {
                last.end = last.end.max(place.end);
                if replacement == KEY_HIDDEN {
                    *shown = KEY_HIDDEN;
                }
            }
            Some(_) | None => merged.push((place, replacement)),
        }
    }
    merged
}

fn replaced<'a>(text: &'a str, secrets: &[(Range<usize>, &'static str)]) -> Cow<'a, str> {
    if secrets.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut from = 0;
    for (place, replacement) in secrets {
        shown.push_str(&text[from..place.start]);
        shown.push_str(replacement);
        from = place.end;
    }
    shown.push_str(&text[from..]);
    Cow::Owned(shown)
}

/// Returns the number of bytes that identify a key: more than a plain word.
fn beginning(key: &str) -> usize {
    if key.len() < BEGINNING_OF_MIN {
        return key.len();
    }
    let min = BEGINNING_MIN.min(key.len().div_ceil(2));
    let boundaries = key.char_indices().map(|(at, _)| at).filter(|at| *at >= min);
    boundaries.into_iter().find(|at| !is_word(&key[..*at])).unwrap_or(key.len())
}

/// Returns the length to match: a header value may begin like any text.
fn whole(value: &str) -> usize {
    value.len()
}

fn is_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || b"_./".contains(&byte))
}

fn is_distinctive(value: &str) -> bool {
    value.len() >= if is_word(value) { WORD_MIN } else { HEADER_MIN }
}

/// Returns the part of a key's base64 that is independent of its surroundings, for each alignment and both
/// alphabets.
fn in_base64(key: &str) -> impl Iterator<Item = String> {
    [STANDARD_NO_PAD, URL_SAFE_NO_PAD].into_iter().flat_map(move |alphabet| {
        (0..3).map(move |before| {
            let mut bytes = vec![0; before];
            bytes.extend_from_slice(key.as_bytes());
            let whole = bytes.len() * 8 / 6;
            let first = (before * 8).div_ceil(6);
            alphabet.encode(&bytes)[first..whole].to_owned()
        })
    })
}

/// Returns the credentials of a `Basic` header (RFC 7617, section 2).
fn basic_login(value: &str) -> Option<String> {
    let (scheme, login) = value.trim().split_once(' ')?;
    let is_basic = scheme.eq_ignore_ascii_case("basic");
    let login = STANDARD.decode(login.trim()).ok().filter(|_| is_basic)?;
    String::from_utf8(login).ok().filter(|login| login.contains(':'))
}

#[cfg(test)]
mod tests;
