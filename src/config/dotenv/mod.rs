//! Reader of `.env` in the current folder: values are literal, and lines of other programs are ignored.
//!
//! Own code because no crate of this kind can leave `$NAME` unexpanded: in a cloned folder an expanded value would
//! send secrets of the environment to the host that the same file names.

use std::collections::HashMap;
use std::path::Path;

use crate::config::regular_file::{self, FileReadError};
use crate::error::{Error, Kind};

/// Characters of undecodable values: the replacement character, and NUL from UTF-16 read as UTF-8.
const NOT_TEXT: [char; 2] = [char::REPLACEMENT_CHARACTER, '\0'];

/// Variables of a `.env` file, and its malformed lines.
#[derive(Default)]
pub struct Dotenv {
    variables: HashMap<String, Assignment>,
    /// Lines that are not assignments, by the names in them.
    not_assignments: HashMap<String, MalformedLine>,
    /// Reason for which the whole file was skipped.
    skipped: Option<SkippedFile>,
}

/// Line that assigns a variable, with the value or the error.
struct Assignment {
    line: usize,
    value: Result<String, &'static str>,
}

/// Line that does not set the variable it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedLine {
    /// Its number, counted from 1.
    pub line: usize,
    /// The cause.
    pub reason: &'static str,
}

/// A `.env` that was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SkippedFile {
    /// A folder: a Python virtual environment may have this name.
    Folder,
    /// Anything else, in one sentence.
    Unreadable(String),
}

impl Dotenv {
    /// Reads the file at `path`. An absent or unreadable one is skipped, since commands that need no value from it
    /// must not fail.
    ///
    /// # Errors
    ///
    /// When it belongs to another user, who would choose the endpoint and its settings.
    pub fn read(path: &Path) -> Result<Self, Error> {
        check_owner(std::fs::symlink_metadata(path).ok())?;
        match regular_file::read(path) {
            Ok((bytes, metadata)) => {
                check_owner(Some(metadata))?;
                Ok(Self::parse(&bytes))
            }
            Err(FileReadError::Absent) => Ok(Self::default()),
            Err(FileReadError::Folder) => Ok(Self::skipped_for(SkippedFile::Folder)),
            Err(error @ (FileReadError::NotAFile(_) | FileReadError::TooLarge | FileReadError::Io(_))) => {
                Ok(Self::skipped_for(SkippedFile::Unreadable(format!(
                    ".env in this folder is skipped: {error}"
                ))))
            }
        }
    }

    fn skipped_for(skipped: SkippedFile) -> Self {
        Self { skipped: Some(skipped), ..Self::default() }
    }

    /// Parses the content of a file. The last assignment of a name counts.
    pub fn parse(bytes: &[u8]) -> Self {
        let text = decode(bytes);
        let mut env = Self::default();
        let mut cursor = Cursor { rest: &text, line: 1 };
        while !cursor.rest.is_empty() {
            env.read_line(&mut cursor);
        }
        env
    }

    /// Returns the value of a variable, unless no line sets it.
    ///
    /// # Errors
    ///
    /// When the line that should set it is malformed.
    pub fn get(&self, name: &str) -> Result<Option<&str>, MalformedLine> {
        match self.variables.get(name) {
            Some(Assignment { value: Ok(value), .. }) => Ok(Some(value)),
            Some(Assignment { line, value: Err(reason) }) => Err(MalformedLine { line: *line, reason }),
            None => self.not_assignments.get(name).map_or(Ok(None), |bad| Err(*bad)),
        }
    }

    /// Returns the number of the line that sets a variable, 0 if none does.
    pub fn line(&self, name: &str) -> usize {
        self.variables.get(name).map_or(0, |assignment| assignment.line)
    }

    /// Returns why the whole file was skipped.
    pub fn skipped(&self) -> Option<&SkippedFile> {
        self.skipped.as_ref()
    }

    /// Reads one assignment, which may span lines, or skips one line.
    fn read_line(&mut self, cursor: &mut Cursor<'_>) {
        let (number, line) = (cursor.line, cursor.line_text());
        let trimmed = line.trim_start();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            cursor.next_line();
            return;
        }
        let assignment = trimmed.split_once('=').map(|(head, _)| (head, without_export(head).trim()));
        let Some((head, name)) = assignment.filter(|(_, name)| is_name(name)) else {
            self.note_names(trimmed, number);
            cursor.next_line();
            return;
        };
        cursor.advance(line.len() - trimmed.len() + head.len() + 1);
        let value = cursor.value();
        let value = value.and_then(|value| match value.contains(NOT_TEXT) {
            true => Err("the value is not UTF-8 text"),
            false => Ok(value),
        });
        self.variables.insert(name.to_owned(), Assignment { line: number, value });
    }

    /// Records the names in a line such as `NAME: value` or `set NAME=value`, so that a look-up can report it.
    fn note_names(&mut self, line: &str, number: usize) {
        let head = line.split('=').next().unwrap_or_default();
        let words = head.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let bad = MalformedLine { line: number, reason: "it is not of the form NAME=value" };
        for name in words.filter(|word| is_name(word)).take(2) {
            self.not_assignments.insert(name.to_owned(), bad);
        }
    }
}

/// For tests: values are literal and in line 0.
#[cfg(test)]
impl FromIterator<(String, String)> for Dotenv {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(pairs: T) -> Self {
        let assigned = |(name, value)| (name, Assignment { line: 0, value: Ok(value) });
        Self { variables: pairs.into_iter().map(assigned).collect(), ..Self::default() }
    }
}

/// The unread text, and the number of its first line.
struct Cursor<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Cursor<'a> {
    /// Returns the text up to the end of the line.
    fn line_text(&self) -> &'a str {
        self.rest.split(['\n', '\r']).next().unwrap_or_default()
    }

    fn advance(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    /// Skips the rest of the line and its end: LF, CRLF or CR.
    fn next_line(&mut self) {
        self.advance(self.line_text().len());
        let end = if self.rest.starts_with("\r\n") { 2 } else { 1 };
        self.advance(end);
        self.line += 1;
    }

    /// Reads the value after `=` and the end of the line.
    fn value(&mut self) -> Result<String, &'static str> {
        let line = self.line_text();
        let trimmed = line.trim_start();
        let value = match trimmed.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                self.advance(line.len() - trimmed.len() + quote.len_utf8());
                return self.quoted(quote);
            }
            Some(_) | None => without_comment(line).trim().to_owned(),
        };
        self.next_line();
        Ok(value)
    }

    /// Reads up to the closing quote, after which only a comment may follow. An unclosed quote invalidates its own
    /// line only.
    fn quoted(&mut self, quote: char) -> Result<String, &'static str> {
        let Some(end) = closing_quote(self.rest, quote) else {
            self.next_line();
            return Err("the quote is not closed");
        };
        let (inside, after) = (&self.rest[..end], &self.rest[end + quote.len_utf8()..]);
        let tail = after.split(['\n', '\r']).next().unwrap_or_default().trim_start();
        if !tail.is_empty() && !tail.starts_with('#') {
            let is_one_line = end <= self.line_text().len();
            self.next_line();
            return Err(if is_one_line {
                "text follows the closing quote"
            } else {
                "the quote is not closed"
            });
        }
        self.line += line_ends(inside);
        self.rest = after;
        self.next_line();
        Ok(if quote == '"' { unescape(inside) } else { inside.to_owned() })
    }
}

/// Returns the index of the closing quote. In double quotes a backslash escapes it.
fn closing_quote(text: &str, quote: char) -> Option<usize> {
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        if letter == quote {
            return Some(at);
        }
        if quote == '"' && letter == '\\' {
            letters.next();
        }
    }
    None
}

fn line_ends(text: &str) -> usize {
    let mut cursor = Cursor { rest: text, line: 0 };
    while cursor.rest.contains(['\n', '\r']) {
        cursor.next_line();
    }
    cursor.line
}

/// Resolves the escapes common to all dialects of `.env` in double quotes; other backslashes stay.
fn unescape(text: &str) -> String {
    let mut unescaped = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            unescaped.push(letter);
            continue;
        }
        match letters.next() {
            Some('n') => unescaped.push('\n'),
            Some('r') => unescaped.push('\r'),
            Some('t') => unescaped.push('\t'),
            Some(escaped @ ('"' | '\\' | '$')) => unescaped.push(escaped),
            Some(other) => unescaped.extend(['\\', other]),
            None => unescaped.push('\\'),
        }
    }
    unescaped
}

/// Removes a comment. `#` starts one only after a blank, since keys and URLs may contain it.
fn without_comment(text: &str) -> &str {
    let mut is_after_blank = false;
    for (at, letter) in text.char_indices() {
        if letter == '#' && is_after_blank {
            return &text[..at];
        }
        is_after_blank = letter.is_whitespace();
    }
    text
}

fn without_export(head: &str) -> &str {
    match head.strip_prefix("export") {
        Some(rest) if rest.starts_with(char::is_whitespace) => rest,
        Some(_) | None => head,
    }
}

fn is_name(text: &str) -> bool {
    let is_first = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
    text.starts_with(is_first) && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// Decodes UTF-8, with or without a byte order mark, and UTF-16, which PowerShell's `>` writes. Other bytes
/// become replacement characters, which invalidate only their own value.
fn decode(bytes: &[u8]) -> String {
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        [0xFF, 0xFE, rest @ ..] => decode_utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => decode_utf16(rest, u16::from_be_bytes),
        [first, 0, ..] if *first != 0 => decode_utf16(bytes, u16::from_le_bytes),
        [0, second, ..] if *second != 0 => decode_utf16(bytes, u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

fn decode_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).filter_map(|pair| Some(unit(<[u8; 2]>::try_from(pair).ok()?)));
    let letters = char::decode_utf16(units);
    letters.map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// Refuses a file of another user, as in a folder that all users can write to.
#[cfg(unix)]
fn check_owner(metadata: Option<std::fs::Metadata>) -> Result<(), Error> {
    use std::os::unix::fs::MetadataExt;

    let (own, owner) = (rustix::process::geteuid().as_raw(), metadata.map(|metadata| metadata.uid()));
    match owner {
        Some(owner) if owner != own => Err(foreign(owner, own)),
        Some(_) | None => Ok(()),
    }
}

#[cfg(not(unix))]
fn check_owner(_: Option<std::fs::Metadata>) -> Result<(), Error> {
    Ok(())
}

#[cfg(unix)]
fn foreign(owner: u32, own: u32) -> Error {
    let error = format!(".env in this folder belongs to another user (user ID {owner}, yours is {own})");
    Error::say(Kind::Config, error)
        .hint("make it yours if you trust its content (chown), or run rtvoice in another folder")
}

#[cfg(test)]
mod tests;
