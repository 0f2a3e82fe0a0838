//! Names of keys, such as `ctrl-t`, and which of them terminals can send.

use std::fmt;
use std::str::FromStr;

/// A key with its modifiers. Letters have no case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyChord {
    /// Whether Control is held.
    pub control: bool,
    /// Whether Alt is held.
    pub alt: bool,
    /// Whether Shift is held; never with a character.
    pub shift: bool,
    /// The key.
    pub key: KeyCap,
}

/// A key without modifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names explain them")]
pub enum KeyCap {
    /// What the key types; letters in lower case.
    Character(char),
    Function(u8),
    Enter,
    Esc,
    Tab,
    PageUp,
    PageDown,
    Insert,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    Backspace,
    Delete,
}

/// Names of keys, the one that is shown first.
const NAMES: [(&str, KeyCap); 26] = [
    ("Enter", KeyCap::Enter),
    ("Return", KeyCap::Enter),
    ("Esc", KeyCap::Esc),
    ("Escape", KeyCap::Esc),
    ("Tab", KeyCap::Tab),
    ("Space", KeyCap::Character(' ')),
    ("PgUp", KeyCap::PageUp),
    ("PageUp", KeyCap::PageUp),
    ("Page-Up", KeyCap::PageUp),
    ("PgDn", KeyCap::PageDown),
    ("PageDown", KeyCap::PageDown),
    ("Page-Down", KeyCap::PageDown),
    ("Insert", KeyCap::Insert),
    ("Ins", KeyCap::Insert),
    ("Up", KeyCap::Up),
    ("Down", KeyCap::Down),
    ("Left", KeyCap::Left),
    ("Right", KeyCap::Right),
    ("Home", KeyCap::Home),
    ("End", KeyCap::End),
    ("Backspace", KeyCap::Backspace),
    ("Delete", KeyCap::Delete),
    ("Del", KeyCap::Delete),
    ("Minus", KeyCap::Character('-')),
    ("Plus", KeyCap::Character('+')),
    ("Slash", KeyCap::Character('/')),
];

/// Largest edit distance of a suggested name.
const SUGGESTION_DISTANCE: usize = 2;

/// Why a name names no key that can be bound.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyNameError {
    /// It is not known.
    #[error("unknown key {name:?}")]
    Unknown {
        /// The name.
        name: String,
        /// The most similar one.
        nearest: Option<String>,
    },
    /// Terminals do not send it.
    #[error("a terminal cannot send {name}: {reason}")]
    CannotBeSent {
        /// The name.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// It edits the text.
    #[error("{0} moves or deletes in the text and cannot be bound")]
    Reserved(String),
}

impl KeyChord {
    /// Returns a key without modifiers.
    pub const fn plain(key: KeyCap) -> Self {
        Self { control: false, alt: false, shift: false, key }
    }

    /// Returns whether the key types a character, so that it can only act where nothing is typed.
    pub fn types_text(self) -> bool {
        matches!(self.key, KeyCap::Character(_)) && !self.control && !self.alt
    }

    /// Returns the name in the configuration.
    pub fn name(self) -> String {
        self.to_string().to_ascii_lowercase()
    }

    /// Returns why terminals do not send the key, or not as a key of its own.
    fn obstacle(self) -> Option<&'static str> {
        let is_character = matches!(self.key, KeyCap::Character(_));
        if self.control && self.alt && is_character {
            return Some("with Control and Alt, keyboards type characters");
        }
        if self.shift && is_character {
            return Some("Shift with a character is another character");
        }
        match (self.control, self.alt, self.key) {
            (true, _, KeyCap::Character('i')) => Some("it is the same as tab"),
            (true, _, KeyCap::Character('m')) => Some("it is the same as enter"),
            (true, _, KeyCap::Character('[')) => Some("it is the same as esc"),
            (true, _, KeyCap::Character(character)) => {
                let is_code = character.is_ascii_lowercase() || " _\\]^".contains(character);
                (!is_code).then_some("Control goes with letters only")
            }
            (true, _, KeyCap::Enter | KeyCap::Esc | KeyCap::Tab) => Some("Control does not change this key"),
            (_, true, KeyCap::Character('[')) => Some("it begins the codes of other keys"),
            (_, true, KeyCap::Character(' ') | KeyCap::Esc | KeyCap::Tab) => Some("the desktop takes it"),
            (_, _, KeyCap::Esc) if self.shift => Some("Shift does not change this key"),
            _ => None,
        }
    }

    /// Returns whether the key always edits the text.
    fn is_reserved(self) -> bool {
        match self.key {
            KeyCap::Up | KeyCap::Down | KeyCap::Home | KeyCap::End => !self.control && !self.alt,
            KeyCap::Left | KeyCap::Right | KeyCap::Backspace | KeyCap::Delete => !self.alt || self.control,
            KeyCap::Character(_)
            | KeyCap::Function(_)
            | KeyCap::Enter
            | KeyCap::Esc
            | KeyCap::Tab
            | KeyCap::PageUp
            | KeyCap::PageDown
            | KeyCap::Insert => false,
        }
    }
}

impl FromStr for KeyChord {
    type Err = KeyNameError;

    fn from_str(name: &str) -> Result<Self, KeyNameError> {
        let mut chord = Self::plain(KeyCap::Enter);
        let mut rest = name.trim();
        while let Some((modifier, key)) = rest.split_once('-').filter(|(_, key)| !key.is_empty()) {
            match modifier.to_ascii_lowercase().as_str() {
                "ctrl" | "control" => chord.control = true,
                "alt" | "meta" => chord.alt = true,
                "shift" => chord.shift = true,
                _ => break,
            }
            rest = key;
        }
        chord.key = cap(rest).ok_or_else(|| {
            let nearest =
                nearest(rest).map(|key| name[..name.len() - rest.len()].to_ascii_lowercase() + &key);
            KeyNameError::Unknown { name: name.to_owned(), nearest }
        })?;
        if let Some(reason) = chord.obstacle() {
            return Err(KeyNameError::CannotBeSent { name: chord.name(), reason });
        }
        if chord.is_reserved() {
            return Err(KeyNameError::Reserved(chord.name()));
        }
        Ok(chord)
    }
}

fn cap(name: &str) -> Option<KeyCap> {
    if let Some((_, key)) = NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
        return Some(*key);
    }
    let mut characters = name.chars();
    if let (Some(character), None) = (characters.next(), characters.next()) {
        return (!character.is_control()).then(|| KeyCap::Character(character.to_ascii_lowercase()));
    }
    let number = name.strip_prefix(['f', 'F'])?.parse().ok()?;
    (1..=24).contains(&number).then_some(KeyCap::Function(number))
}

/// Returns the most similar name, if there is one.
fn nearest(name: &str) -> Option<String> {
    let name = Some(name.to_ascii_lowercase()).filter(|name| !name.is_empty())?;
    let names = NAMES.iter().map(|(known, _)| known.to_ascii_lowercase());
    let nearest = names.min_by_key(|known| strsim::damerau_levenshtein(known, &name))?;
    (strsim::damerau_levenshtein(&nearest, &name) <= SUGGESTION_DISTANCE).then_some(nearest)
}

impl fmt::Display for KeyChord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (is_held, name) in [(self.control, "Ctrl-"), (self.alt, "Alt-"), (self.shift, "Shift-")] {
            if is_held {
                formatter.write_str(name)?;
            }
        }
        match self.key {
            KeyCap::Function(number) => return write!(formatter, "F{number}"),
            // Signs are shown as they are.
            KeyCap::Character(character) if character != ' ' => {
                return write!(formatter, "{}", character.to_ascii_uppercase());
            }
            KeyCap::Character(_)
            | KeyCap::Enter
            | KeyCap::Esc
            | KeyCap::Tab
            | KeyCap::PageUp
            | KeyCap::PageDown
            | KeyCap::Insert
            | KeyCap::Up
            | KeyCap::Down
            | KeyCap::Left
            | KeyCap::Right
            | KeyCap::Home
            | KeyCap::End
            | KeyCap::Backspace
            | KeyCap::Delete => {}
        }
        let name = NAMES.iter().find(|(_, key)| *key == self.key).map_or("", |(name, _)| name);
        formatter.write_str(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_name_that_is_read_back() {
        for (name, shown) in [
            ("ctrl-t", "Ctrl-T"),
            ("Control-T", "Ctrl-T"),
            ("space", "Space"),
            ("alt-enter", "Alt-Enter"),
            ("F2", "F2"),
            ("page-up", "PgUp"),
            ("ctrl-home", "Ctrl-Home"),
            ("?", "?"),
            ("M", "M"),
            ("alt-/", "Alt-/"),
            ("ctrl-_", "Ctrl-_"),
            ("-", "-"),
            ("alt--", "Alt--"),
            ("ü", "ü"),
            ("shift-tab", "Shift-Tab"),
        ] {
            let chord: KeyChord = name.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(chord.to_string(), shown);
            assert_eq!(chord.name().parse(), Ok(chord), "{name}");
        }
    }

    #[test]
    fn an_unknown_key_is_named_with_the_nearest_one() {
        let error = |name: &str| name.parse::<KeyChord>().unwrap_err();
        let unknown = |name: &str, nearest: Option<&str>| KeyNameError::Unknown {
            name: name.to_owned(),
            nearest: nearest.map(str::to_owned),
        };
        assert_eq!(error("ctrl-spcae"), unknown("ctrl-spcae", Some("ctrl-space")));
        assert_eq!(error("entr"), unknown("entr", Some("enter")));
        assert_eq!(error("super-x"), unknown("super-x", None));
        assert_eq!(error("f25"), unknown("f25", None));
        assert_eq!(error(""), unknown("", None));
    }

    #[test]
    fn keys_that_terminals_cannot_send_are_refused_with_the_reason() {
        for (name, message) in [
            ("ctrl-i", "a terminal cannot send ctrl-i: it is the same as tab"),
            ("ctrl-m", "a terminal cannot send ctrl-m: it is the same as enter"),
            ("ctrl-[", "a terminal cannot send ctrl-[: it is the same as esc"),
            ("ctrl-enter", "a terminal cannot send ctrl-enter: Control does not change this key"),
            ("ctrl-1", "a terminal cannot send ctrl-1: Control goes with letters only"),
            (
                "ctrl-shift-a",
                "a terminal cannot send ctrl-shift-a: Shift with a character is another character",
            ),
            (
                "ctrl-alt-q",
                "a terminal cannot send ctrl-alt-q: with Control and Alt, keyboards type characters",
            ),
            ("alt-[", "a terminal cannot send alt-[: it begins the codes of other keys"),
            ("up", "up moves or deletes in the text and cannot be bound"),
            ("ctrl-left", "ctrl-left moves or deletes in the text and cannot be bound"),
            ("backspace", "backspace moves or deletes in the text and cannot be bound"),
        ] {
            assert_eq!(name.parse::<KeyChord>().unwrap_err().to_string(), message);
        }
    }
}
