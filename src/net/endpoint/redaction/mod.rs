//! Takes keys and the values of headers out of text that somebody else wrote, because servers echo what
//! they are sent: as it is, escaped in any way, cut off, or in pieces.

mod decode;
mod stream;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::net::endpoint::redaction::decode::Decoded;
pub use crate::net::endpoint::redaction::stream::EventRedactor;
use crate::secret::Secret;

/// What stands where a key was.
const KEY_HIDDEN: &str = "[key hidden]";

/// What stands where the value of a header was.
const HEADER_HIDDEN: &str = "[header hidden]";

/// A shorter header value is in many texts, and no secret.
const HEADER_MIN: usize = 8;

/// What consists of small letters alone, as the words of the protocol do, is a secret from this length on.
const WORD_MIN: usize = 24;

/// A shorter key is none: it stands where a program wants one and a server does not.
const KEY_MIN: usize = 4;

/// The same of one word in small letters (`none`, `dummy`).
const KEY_WORD_MIN: usize = 6;

/// The first so many characters of a key count as the key. Its public part (`sk-proj-`) is shorter.
const BEGINNING_MIN: usize = 9;

/// A shorter key is hidden only whole: its beginning may be in any text.
const BEGINNING_OF_MIN: usize = 12;

/// A shorter key is not looked for in base64, where its few characters may stand by accident.
const BASE64_OF_MIN: usize = 12;

/// How much of a text is searched at a time, in bytes: decoding takes several times as much memory.
const WINDOW: usize = 64 << 10;

/// How many bytes an escaped character may take.
const ESCAPED_MAX: usize = 16;

/// The fields of events whose value is written for people. In all others a single word is a word of the
/// protocol, even where a key is spelled like it (`none`, `test`): events are redacted before they are read.
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

/// Replaces secrets in texts; `Debug` shows none of them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Redactor {
    /// Keys before headers.
    patterns: Vec<Pattern>,
}

/// A text that must not be shown.
#[derive(Clone, PartialEq, Eq)]
struct Pattern {
    text: String,
    /// How many bytes of its beginning count as all of it.
    beginning: usize,
    extent: PatternScope,
    /// What is shown instead.
    replacement: &'static str,
}

/// Where a pattern may stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PatternScope {
    /// Anywhere.
    Anywhere,
    /// Not within a longer word, because it looks like a word itself.
    Word,
}

impl Redactor {
    /// Returns a redactor of these secrets.
    pub fn of<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut redactor = Self::default();
        for secret in secrets {
            redactor.add_key(secret.reveal().trim());
        }
        redactor
    }

    /// Adds the values of headers, each whole and word by word, the login of a `Basic` one decoded. What is
    /// too short or too common to be told from other text is left out.
    #[must_use]
    pub fn and_headers<'a>(mut self, values: impl IntoIterator<Item = &'a str>) -> Self {
        for value in values {
            for part in [value.trim()].into_iter().chain(value.split(' ')).filter(|part| is_telling(part)) {
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

    /// Returns whether there is nothing to hide.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Returns whether a text holds a secret.
    pub fn finds(&self, text: &str) -> bool {
        !self.secrets_in(text).is_empty()
    }

    /// Returns the text with each secret replaced.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        replaced(text, &self.secrets_in(text))
    }

    /// Returns a JSON text with each secret in its strings replaced, so that it stays the JSON text it is; any
    /// other text as [`Redactor::redact`] does.
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

    /// Returns the value of a field with each secret in it replaced, in its names too.
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
                // A short one is a count, whatever the key.
                let is_secret = digits.len() >= HEADER_MIN && self.finds(&digits);
                if is_secret { KEY_HIDDEN.into() } else { Value::Number(number) }
            }
            plain @ (Value::Null | Value::Bool(_)) => plain,
        }
    }

    /// Returns the places of all secrets in a text, in order, and what is shown instead.
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

    /// Returns how many bytes the longest secret has.
    fn longest(&self) -> usize {
        self.patterns.iter().map(|pattern| pattern.text.len()).max().unwrap_or(0)
    }

    /// Adds a key; some gateways take its `sk-` off, and logs have it in base64.
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
        let extent =
            if is_word(text) && text.len() < WORD_MIN { PatternScope::Word } else { PatternScope::Anywhere };
        self.push(Pattern { text: text.to_owned(), beginning, extent, replacement });
    }

    /// A key that is a header's value too stays a key.
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
    /// Returns where the pattern, or as much of its beginning as counts, stands in a text.
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
        // What the end of the text cuts off.
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
        match self.extent {
            PatternScope::Anywhere => true,
            PatternScope::Word => {
                !text[..place.start].ends_with(is_part) && !text[place.end..].starts_with(is_part)
            }
        }
    }
}

/// Joins places that overlap; the first one decides what is shown.
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

/// Returns how many bytes of a key's beginning tell that it is the key: no plain word does.
fn beginning(key: &str) -> usize {
    if key.len() < BEGINNING_OF_MIN {
        return key.len();
    }
    let least = BEGINNING_MIN.min(key.len().div_ceil(2));
    let boundaries = key.char_indices().map(|(at, _)| at).filter(|at| *at >= least);
    boundaries.into_iter().find(|at| !is_word(&key[..*at])).unwrap_or(key.len())
}

/// The value of a header may begin as any text does.
fn whole(value: &str) -> usize {
    value.len()
}

fn is_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || b"_./".contains(&byte))
}

fn is_telling(value: &str) -> bool {
    value.len() >= if is_word(value) { WORD_MIN } else { HEADER_MIN }
}

/// Returns what of a key's base64 depends on nothing else, for each place at which the key may begin within
/// what is encoded, in both alphabets.
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

/// Returns user and password of a `Basic` header (RFC 7617, section 2).
fn basic_login(value: &str) -> Option<String> {
    let (scheme, login) = value.trim().split_once(' ')?;
    let is_basic = scheme.eq_ignore_ascii_case("basic");
    let login = STANDARD.decode(login.trim()).ok().filter(|_| is_basic)?;
    String::from_utf8(login).ok().filter(|login| login.contains(':'))
}

#[cfg(test)]
mod tests;
