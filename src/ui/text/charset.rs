//! Character set of the program's own lines, bars and marks: Unicode, or ASCII in a locale without UTF-8.
//!
//! Foreign text is not transliterated.

use std::borrow::Cow;

use ratatui::buffer::Buffer;

/// Characters that the program draws with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Charset {
    /// Any character.
    #[default]
    Unicode,
    /// ASCII only.
    Ascii,
}

impl Charset {
    /// Chooses by the first of `LC_ALL`, `LC_CTYPE` and `LANG` that is not empty. Without any, as in most
    /// containers, assumes UTF-8, which nearly all terminals support.
    pub fn of_locale<'a>(values: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        let locale = values.into_iter().flatten().find(|value| !value.is_empty());
        let codeset = locale.map(|locale| locale.to_ascii_lowercase().replace('-', ""));
        match codeset {
            Some(codeset) if !codeset.contains("utf8") => Self::Ascii,
            Some(_) | None => Self::Unicode,
        }
    }

    /// Returns a line of the program's own text in this charset.
    pub fn line(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Ascii if text.chars().any(|character| ascii_replacement(character).is_some()) => {
                let parts = text.chars().map(|character| match character {
                    '…' => Cow::Borrowed("..."),
                    _ => ascii_replacement(character)
                        .map_or_else(|| character.to_string().into(), Cow::Borrowed),
                });
                Cow::Owned(parts.collect())
            }
            Self::Ascii | Self::Unicode => Cow::Borrowed(text),
        }
    }

    /// Converts a drawing to this charset; each cell stays one cell wide.
    pub(crate) fn apply(self, drawing: &mut Buffer) {
        match self {
            Self::Unicode => {}
            Self::Ascii => {
                for cell in &mut drawing.content {
                    let mut characters = cell.symbol().chars();
                    if let (Some(character), None) = (characters.next(), characters.next())
                        && let Some(ascii) = ascii_replacement(character)
                    {
                        cell.set_symbol(ascii);
                    }
                }
            }
        }
    }
}

/// Returns the ASCII replacement of a drawing character, of equal width.
fn ascii_replacement(character: char) -> Option<&'static str> {
    Some(match character {
        '─' => "-",
        '━' => "=",
        '│' | '┃' => "|",
        // All other lines are corners and crossings.
        '\u{2500}'..='\u{257f}' => "+",
        '▌' => "|",
        // Other block elements, used in meters.
        '\u{2580}'..='\u{259f}' => "#",
        '·' | '•' => "-",
        '…' => ".",
        '↑' => "^",
        '↓' | '▼' => "v",
        '←' => "<",
        '→' => ">",
        'µ' => "u",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_without_utf_8_is_drawn_in_ascii() {
        for (values, charset) in [
            ([None, None, Some("C")], Charset::Ascii),
            ([Some("C"), None, Some("de_DE.UTF-8")], Charset::Ascii),
            ([Some("POSIX"), None, None], Charset::Ascii),
            ([Some(""), Some("de_DE.ISO-8859-1"), Some("C.UTF-8")], Charset::Ascii),
            ([None, None, Some("zh_TW")], Charset::Ascii),
            ([None, Some("C.UTF-8"), Some("C")], Charset::Unicode),
            ([None, None, Some("en_US.utf8")], Charset::Unicode),
            ([None, Some(""), None], Charset::Unicode),
        ] {
            assert_eq!(Charset::of_locale(values), charset, "{values:?}");
        }
    }

    #[test]
    fn drawing_characters_become_ascii_and_foreign_text_is_unchanged() {
        let ascii = |text| Charset::Ascii.line(text).into_owned();
        assert_eq!(ascii("connecting…"), "connecting...");
        assert_eq!(ascii("━━──"), "==--");
        assert_eq!(ascii("中文 · Übung"), "中文 - Übung");
        assert_eq!(Charset::Unicode.line("connecting…"), "connecting…");
    }
}
