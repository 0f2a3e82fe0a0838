//! Decoding of escapes that may hide a key: JSON, percent, HTML, and invisible characters.
//!
//! Keys and header values are ASCII, so only escapes of ASCII characters matter.

use std::borrow::Cow;

/// Maximum rounds of decoding: a proxy quoting a log line that quotes a URL needs three.
const ROUNDS: usize = 5;

/// Maximum length of an entity's name, in bytes.
const ENTITY_NAME_MAX: usize = 24;

/// The named entities of ASCII punctuation (HTML, section 13.5).
const ENTITIES: &[(&str, u8)] = &[
    ("excl", b'!'),
    ("quot", b'"'),
    ("QUOT", b'"'),
    ("num", b'#'),
    ("dollar", b'$'),
    ("percnt", b'%'),
    ("amp", b'&'),
    ("AMP", b'&'),
    ("apos", b'\''),
    ("lpar", b'('),
    ("rpar", b')'),
    ("ast", b'*'),
    ("midast", b'*'),
    ("plus", b'+'),
    ("comma", b','),
    ("period", b'.'),
    ("sol", b'/'),
    ("colon", b':'),
    ("semi", b';'),
    ("lt", b'<'),
    ("LT", b'<'),
    ("equals", b'='),
    ("gt", b'>'),
    ("GT", b'>'),
    ("quest", b'?'),
    ("commat", b'@'),
    ("lsqb", b'['),
    ("lbrack", b'['),
    ("bsol", b'\\'),
    ("rsqb", b']'),
    ("rbrack", b']'),
    ("Hat", b'^'),
    ("lowbar", b'_'),
    ("UnderBar", b'_'),
    ("grave", b'`'),
    ("DiacriticalGrave", b'`'),
    ("lcub", b'{'),
    ("lbrace", b'{'),
    ("verbar", b'|'),
    ("vert", b'|'),
    ("VerticalLine", b'|'),
    ("rcub", b'}'),
    ("rbrace", b'}'),
];

/// A text after rounds of decoding, with the origin of each byte.
pub(super) struct Decoded<'a> {
    /// The text.
    pub(super) text: Cow<'a, str>,
    /// Start in the original of each byte of `text`, then the original's length; `None` if nothing was
    /// decoded.
    starts: Option<Vec<usize>>,
}

impl<'a> Decoded<'a> {
    /// Returns the text, then the result of each round that changed it.
    pub(super) fn rounds(text: &'a str) -> Vec<Self> {
        let mut rounds = vec![Self { text: Cow::Borrowed(text), starts: None }];
        while rounds.len() <= ROUNDS {
            let Some(next) = rounds.last().and_then(Self::next) else { break };
            rounds.push(next);
        }
        rounds
    }

    /// Returns the original offset of the byte at `at`, or of the end.
    pub(super) fn origin(&self, at: usize) -> usize {
        self.starts.as_ref().map_or(at, |starts| starts[at])
    }

    fn next(&self) -> Option<Decoded<'a>> {
        if !self.text.bytes().any(|byte| matches!(byte, b'\\' | b'%' | b'&' | 0x7f..) || is_control(byte)) {
            return None;
        }
        let mut text = String::with_capacity(self.text.len());
        let mut starts = Vec::with_capacity(self.text.len() + 1);
        let mut at = 0;
        while at < self.text.len() {
            let (decoded, length) = token(&self.text[at..]);
            let origin = self.origin(at);
            match decoded {
                DecodedChar::Ascii(byte) => text.push(char::from(byte)),
                DecodedChar::Same => text.push_str(&self.text[at..at + length]),
                DecodedChar::Nothing => {}
            }
            starts.resize(text.len(), origin);
            at += length;
        }
        starts.push(self.origin(self.text.len()));
        (text != self.text).then_some(Decoded { text: Cow::Owned(text), starts: Some(starts) })
    }
}

/// Meaning of a part of a text.
enum DecodedChar {
    /// An ASCII character.
    Ascii(u8),
    /// Itself.
    Same,
    /// Nothing visible.
    Nothing,
}

/// Returns the meaning and the length in bytes of the first part of a non-empty text.
fn token(text: &str) -> (DecodedChar, usize) {
    let escape = match text.as_bytes()[0] {
        b'\\' => backslash(text),
        b'%' => hex(text, 1, 2).map(|byte| (DecodedChar::Ascii(byte), 3)),
        b'&' => entity(text),
        0x1b => Some((DecodedChar::Nothing, control_sequence(text))),
        _ => None,
    };
    escape.unwrap_or_else(|| {
        let character = text.chars().next().unwrap_or_default();
        let decoded = if is_invisible(character) { DecodedChar::Nothing } else { DecodedChar::Same };
        (decoded, character.len_utf8())
    })
}

/// Decodes escapes of JSON (RFC 8259, section 7), JavaScript and shells.
fn backslash(text: &str) -> Option<(DecodedChar, usize)> {
    let second = *text.as_bytes().get(1)?;
    let ascii = |byte, length| Some((DecodedChar::Ascii(byte), length));
    match second {
        b'u' if text[2..].starts_with('{') => {
            let end = text[3..].find('}').filter(|end| *end <= 6)?;
            ascii(ascii_of(&text[3..3 + end], 16)?, end + 4)
        }
        b'u' => ascii(hex(text, 2, 4)?, 6),
        b'x' => ascii(hex(text, 2, 2)?, 4),
        b'"' | b'\'' | b'\\' | b'/' => ascii(second, 2),
        _ => None,
    }
}

/// Decodes a numeric or named character; browsers accept a missing semicolon.
fn entity(text: &str) -> Option<(DecodedChar, usize)> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'#';
    let length = text.bytes().skip(1).take(ENTITY_NAME_MAX).take_while(|byte| is_part(byte)).count();
    let name = &text[1..=length];
    let closed = usize::from(text[1 + length..].starts_with(';'));
    let byte = match name.strip_prefix('#') {
        Some(number) => match number.strip_prefix(['x', 'X']) {
            Some(number) => ascii_of(number, 16)?,
            None => ascii_of(number, 10)?,
        },
        None => ENTITIES.iter().find(|(entity, _)| *entity == name)?.1,
    };
    Some((DecodedChar::Ascii(byte), 1 + length + closed))
}

/// Returns the character given by `digits` hexadecimal digits.
fn hex(text: &str, start: usize, digits: usize) -> Option<u8> {
    ascii_of(text.get(start..start + digits)?, 16)
}

fn ascii_of(digits: &str, radix: u32) -> Option<u8> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let number = u8::from_str_radix(digits.trim_start_matches('0'), radix).ok()?;
    (is_number && number.is_ascii()).then_some(number)
}

/// Returns the length of an escape sequence (ECMA-48, section 5.4), or 1 for a lone escape character.
fn control_sequence(text: &str) -> usize {
    let Some(rest) = text.strip_prefix("\x1b[") else { return 1 };
    match rest.find(|character| !matches!(character, ' '..='?')) {
        Some(last) if rest[last..].starts_with(|character| matches!(character, '@'..='~')) => 3 + last,
        Some(_) | None => 1,
    }
}

/// Returns whether a byte is an ASCII control character other than white space.
fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r')
}

fn is_invisible(character: char) -> bool {
    let is_white = matches!(character, '\t' | '\n' | '\r' | '\u{85}');
    character.is_control() && !is_white
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
