//! Sanitizer: removes everything from foreign text that could control a terminal or hide content.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar;

/// Sufficient for every script and emoji; longer stacks of marks run into other lines.
const MAX_MARKS: usize = 8;

/// Replacement of a tab on the screen.
pub(super) const TAB: &str = "    ";

/// Returns the text without escape sequences, control characters, bidi controls and invisible characters.
///
/// Newlines and tabs are kept; other line separators become newlines. The result for a prefix is a prefix of
/// the result for the whole text, so a growing text can be shown as it grows.
pub fn sanitize(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b'\n' | b'\t' | b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let clean = Sanitizer::default().push(text);
    if clean == text { Cow::Borrowed(text) } else { Cow::Owned(clean) }
}

/// Returns the sanitized text with tabs as spaces: every character has a width or is a newline.
pub fn displayable(text: &str) -> Cow<'_, str> {
    let clean = sanitize(text);
    if clean.contains('\t') { Cow::Owned(clean.replace('\t', TAB)) } else { clean }
}

/// Returns the sanitized text on one line, with white space collapsed.
pub fn one_line(text: &str) -> String {
    sanitize(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Parser state within an escape sequence (ECMA-48 5.3, 5.6; DEC's string sequences as xterm reads them).
#[derive(Clone, Copy, Debug, Default)]
enum EscapeState {
    #[default]
    Text,
    Escape,
    Intermediate,
    Csi,
    String,
    StringEscape,
}

/// Sanitizes a text that arrives piece by piece, as [`sanitize`] does the whole.
#[derive(Clone, Debug, Default)]
pub struct Sanitizer {
    out: String,
    state: EscapeState,
    /// Last character kept.
    last: Option<char>,
    /// Zero-width characters since the last character with a width.
    marks: usize,
}

impl Sanitizer {
    /// Returns what the next piece adds to the sanitized text.
    pub fn push(&mut self, text: &str) -> String {
        self.out.reserve(text.len());
        text.chars().for_each(|character| self.feed(character));
        std::mem::take(&mut self.out)
    }

    fn feed(&mut self, character: char) {
        match self.state {
            EscapeState::Text => self.text(character),
            EscapeState::Escape => self.escape(character),
            EscapeState::Intermediate => match character {
                ' '..='/' => {}
                '0'..='~' => self.state = EscapeState::Text,
                _ => self.text(character),
            },
            EscapeState::Csi => match character {
                ' '..='?' => {}
                '@'..='~' => self.state = EscapeState::Text,
                _ => self.text(character),
            },
            EscapeState::String => self.string(character),
            EscapeState::StringEscape if character == '\\' => self.state = EscapeState::Text,
            EscapeState::StringEscape => self.escape(character),
        }
    }

    fn text(&mut self, character: char) {
        self.state = match character {
            '\u{1b}' => EscapeState::Escape,
            '\u{9b}' => EscapeState::Csi,
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => EscapeState::String,
            _ => EscapeState::Text,
        };
        if matches!(self.state, EscapeState::Text) {
            self.emit(character);
        }
    }

    fn escape(&mut self, character: char) {
        match character {
            '[' => self.state = EscapeState::Csi,
            // `k` names a window in tmux and screen.
            'P' | 'X' | ']' | '^' | '_' | 'k' => self.state = EscapeState::String,
            ' '..='/' => self.state = EscapeState::Intermediate,
            '0'..='~' => self.state = EscapeState::Text,
            _ => self.text(character),
        }
    }

    /// An unterminated string ends with its line, so that it cannot swallow the rest of the text.
    fn string(&mut self, character: char) {
        match character {
            '\u{1b}' => self.state = EscapeState::StringEscape,
            '\u{07}' | '\u{18}' | '\u{1a}' | '\u{9c}' => self.state = EscapeState::Text,
            '\n' => self.text(character),
            _ => {}
        }
    }

    fn emit(&mut self, character: char) {
        let last = self.last;
        match character {
            '\n' | '\t' => self.keep_visible(character),
            '\u{0b}' | '\u{0c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => self.keep_visible('\n'),
            // Persian, Indic scripts and emoji need joiners; between Latin letters they only hide content.
            '\u{200c}' | '\u{200d}' => {
                if last.is_some_and(|last| !last.is_ascii() && !is_joiner(last)) {
                    self.push_mark(character);
                }
            }
            _ if character.is_control() || is_hidden(character) => {}
            _ if character.width() == Some(0) => {
                if last.is_some_and(|last| last != '\n' && last != '\t') {
                    self.push_mark(character);
                }
            }
            _ => self.keep_visible(character),
        }
    }

    fn keep_visible(&mut self, character: char) {
        self.marks = 0;
        self.last = Some(character);
        self.out.push(character);
    }

    fn push_mark(&mut self, mark: char) {
        if self.marks < MAX_MARKS {
            self.marks += 1;
            self.last = Some(mark);
            self.out.push(mark);
        }
    }
}

fn is_joiner(character: char) -> bool {
    matches!(character, '\u{200c}' | '\u{200d}')
}

/// Returns whether a character is a bidi control or invisible: Unicode's default ignorables, except the
/// variation selectors that emoji and Han characters need.
pub(crate) fn is_hidden(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
        | '\u{200b}' | '\u{200e}' | '\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e00ff}'
        | '\u{e01f0}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(given: &str, expected: &str) {
        assert_eq!(sanitize(given), expected, "of {given:?}");
    }

    #[test]
    fn ordinary_text_of_any_script_is_unchanged() {
        for text in [
            "Hello, world!\n\tindented",
            "中文，真的。 日本語 한국어",
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "👩\u{200d}👩\u{200d}👧 ❤\u{fe0f}\u{200d}🔥 🇹🇼 👍🏽",
            "e\u{301} Việt Nam",
            "葛\u{e0100}",
        ] {
            check(text, text);
            assert!(matches!(sanitize(text), Cow::Borrowed(_)), "{text:?} was copied");
        }
    }

    #[test]
    fn escape_sequences_are_removed_whole() {
        check("a\u{1b}[31;1mred\u{1b}[0m", "ared");
        check("a\u{1b}[?1049h\u{1b}[2Jb", "ab");
        check("a\u{1b}]0;title\u{07}b", "ab");
        check("a\u{1b}]8;;https://example.org\u{1b}\\link\u{1b}]8;;\u{1b}\\b", "alinkb");
        check("a\u{1b}]52;c;c2VjcmV0\u{1b}\\b", "ab");
        check("a\u{1b}P1$tx\u{1b}\\b\u{1b}_apc\u{1b}\\c\u{1b}^pm\u{1b}\\d\u{1b}Xsos\u{1b}\\e", "abcde");
        check("a\u{1b}(0b\u{1b}#8c\u{1b}7d\u{1b}ce", "abcde");
        check("a\u{1b}kwindow\u{1b}\\b", "ab");
    }

    #[test]
    fn eight_bit_sequences_are_removed_whole() {
        check("a\u{9b}31mb", "ab");
        check("a\u{9d}0;title\u{9c}b\u{90}dcs\u{9c}c\u{9f}apc\u{9c}d", "abcd");
        check("a\u{80}\u{8d}\u{84}b", "ab");
    }

    #[test]
    fn unterminated_sequences_end_with_their_line() {
        check("a\u{1b}]0;never ended\nsecond line", "a\nsecond line");
        check("a\u{1b}", "a");
        check("a\u{1b}\u{1b}[1mb", "ab");
        check("a\u{1b}[1中", "a中");
        check("a\u{1b}]x\u{1b}[1mb", "ab");
    }

    #[test]
    fn controls_are_removed_and_line_separators_become_newlines() {
        check("a\u{0}\u{7}\u{8}\u{7f}b\r\nc\rd", "ab\ncd");
        check("a\u{b}b\u{c}c\u{85}d\u{2028}e\u{2029}f", "a\nb\nc\nd\ne\nf");
    }

    #[test]
    fn nothing_is_reordered_or_hidden() {
        check("a\u{202e}cod\u{202c}b\u{2066}c\u{2069}\u{200e}\u{200f}\u{61c}", "acodbc");
        check("a\u{200b}\u{feff}\u{ad}\u{2060}\u{e0041}b", "ab");
        check("pass\u{200d}word", "password");
        check("中\u{200d}\u{200d}文", "中\u{200d}文");
        check("\u{301}a", "a");
        check(&format!("a{}", "\u{301}".repeat(500)), &format!("a{}", "\u{301}".repeat(MAX_MARKS)));
    }

    #[test]
    fn one_line_has_no_line_breaks_and_no_double_spaces() {
        assert_eq!(one_line(" a\n\n\tb \u{1b}[1m c "), "a b c");
    }

    #[test]
    fn displayable_text_has_spaces_for_tabs() {
        assert_eq!(displayable("a\tb"), "a    b");
    }

    /// Text with many relevant characters.
    fn hostile_text() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            any::<char>().prop_map(String::from),
            "[ -~]{0,4}",
            (0u32..0xa0).prop_map(|code| char::from_u32(code).map(String::from).unwrap_or_default()),
            (0x2000u32..0x2070).prop_map(|code| char::from_u32(code).map(String::from).unwrap_or_default()),
            prop::sample::select(vec![
                "\u{1b}[",
                "\u{1b}]",
                "\u{1b}\\",
                "\u{1b}P",
                "中",
                "👩\u{200d}👧",
                "\u{301}"
            ])
            .prop_map(String::from),
        ];
        prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn the_result_contains_no_control(text in hostile_text()) {
            let clean = sanitize(&text);
            prop_assert!(clean.chars().all(|c| {
                (c == '\n' || c == '\t' || !c.is_control())
                    && !('\u{202a}'..='\u{202e}').contains(&c)
                    && !('\u{2066}'..='\u{2069}').contains(&c)
                    && !matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}')
            }), "{clean:?}");
        }

        #[test]
        fn sanitizing_is_idempotent(text in hostile_text()) {
            let once = sanitize(&text).into_owned();
            prop_assert_eq!(&sanitize(&once), &once);
        }

        #[test]
        fn pieces_give_the_same_text(text in hostile_text(), at in 0usize..64) {
            let (start, rest) = text.split_at(text.floor_char_boundary(at));
            let mut sanitizer = Sanitizer::default();
            prop_assert_eq!(sanitizer.push(start) + &sanitizer.push(rest), sanitize(&text));
        }

        #[test]
        fn a_prefix_gives_a_prefix(text in hostile_text(), at in 0usize..64) {
            let whole = sanitize(&text);
            let part = sanitize(&text[..text.floor_char_boundary(at)]).into_owned();
            prop_assert!(whole.starts_with(&part), "{part:?} does not begin {whole:?}");
        }
    }
}
