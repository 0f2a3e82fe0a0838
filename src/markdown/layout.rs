//! The width and characters that text is laid out with.

use std::borrow::Cow;

/// Removes what could control a terminal.
pub type Sanitize = for<'a> fn(&'a str) -> Cow<'a, str>;

/// How lines are laid out.
#[derive(Clone, Copy, Debug)]
pub struct TextLayout {
    /// No line is wider.
    pub columns: usize,
    /// What bullets, bars and borders are drawn with.
    pub glyphs: Glyphs,
    /// Removes what could control a terminal or hides in a text. The source is sanitized before it is split;
    /// character references such as `&#27;` are decoded after that.
    pub sanitize: Sanitize,
}

/// What bullets, bars and borders are drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glyphs {
    /// Any character.
    Unicode,
    /// Nothing beyond ASCII.
    Ascii,
}

impl Glyphs {
    pub(super) fn bullet(self) -> &'static str {
        self.pick("• ", "- ")
    }

    pub(super) fn quote(self) -> &'static str {
        self.pick("│ ", "| ")
    }

    pub(super) fn rule(self) -> &'static str {
        self.pick("─", "-")
    }

    pub(super) fn border(self) -> &'static str {
        self.pick(" │ ", " | ")
    }

    pub(super) fn crossing(self) -> &'static str {
        self.pick("─┼─", "-+-")
    }

    pub(super) fn wrapped(self) -> &'static str {
        self.pick("↩", "\\")
    }

    fn pick(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        match self {
            Self::Unicode => unicode,
            Self::Ascii => ascii,
        }
    }
}
