//! Undoes the escapes in which text passes on a key: JSON, percent, HTML, and characters nobody sees.
//!
//! Keys and header values are ASCII, so only escapes of ASCII characters are of interest.

use std::borrow::Cow;

/// How often escapes are undone: a proxy that quotes a log line that quotes a URL needs three.
const ROUNDS: usize = 5;

/// The longest name of an entity, in bytes.
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

/// A text after some rounds of decoding, which knows where each byte came from.
pub(super) struct Decoded<'a> {
    /// The text.
    pub(super) text: Cow<'a, str>,
    /// Where in the original each byte of `text` begins, then the original's length; none if nothing was
    /// decoded.
    starts: Option<Vec<usize>>,
}

impl<'a> Decoded<'a> {
    /// Returns the text as it is, then after each round of decoding that changed it.
    pub(super) fn rounds(text: &'a str) -> Vec<Self> {
        let mut rounds = vec![Self { text: Cow::Borrowed(text), starts: None }];
        while rounds.len() <= ROUNDS {
            let Some(next) = rounds.last().and_then(Self::next) else { break };
            rounds.push(next);
        }
        rounds
    }

    /// Returns the place in the original of the byte at `at`, or of the end.
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
            let (plain, length) = token(&self.text[at..]);
            let origin = self.origin(at);
            match plain {
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

/// What a part of a text stands for.
enum DecodedChar {
    /// For an ASCII character.
    Ascii(u8),
    /// For itself.
    Same,
    /// For nothing that is seen.
    Nothing,
}

/// Returns what the first part of a text that is not empty stands for, and its length in bytes.
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
        let plain = if is_unseen(character) { DecodedChar::Nothing } else { DecodedChar::Same };
        (plain, character.len_utf8())
    })
}

/// JSON (RFC 8259, section 7), and what JavaScript and shells have besides.
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

/// A character by its number or name; browsers do without the semicolon.
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

/// Returns the character whose number stands in `digits` hexadecimal digits.
fn hex(text: &str, start: usize, digits: usize) -> Option<u8> {
    ascii_of(text.get(start..start + digits)?, 16)
}

fn ascii_of(digits: &str, radix: u32) -> Option<u8> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let number = u8::from_str_radix(digits.trim_start_matches('0'), radix).ok()?;
    (is_number && number.is_ascii()).then_some(number)
}

/// Returns the length of an escape sequence (ECMA-48, section 5.4), or of the escape character alone.
fn control_sequence(text: &str) -> usize {
    let Some(rest) = text.strip_prefix("\x1b[") else { return 1 };
    match rest.find(|character| !matches!(character, ' '..='?')) {
        Some(last) if rest[last..].starts_with(|character| matches!(character, '@'..='~')) => 3 + last,
        Some(_) | None => 1,
    }
}

/// The control characters of ASCII that are not white space.
fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r')
}

fn is_unseen(character: char) -> bool {
    let is_white = matches!(character, '\t' | '\n' | '\r' | '\u{85}');
    character.is_control() && !is_white
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
