//! Styled lines: what the renderer produces, and each front end draws with its own colors.

use crate::markdown::wrap;

/// A line that fits the requested width.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The spans from left to right.
    pub spans: Vec<Span>,
}

/// Text of one style, without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The text as it is shown.
    pub text: String,
    /// Its style.
    pub style: Style,
}

/// Emphasis from the source, and the role of the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Strong emphasis.
    pub bold: bool,
    /// Emphasis.
    pub italic: bool,
    /// Struck out.
    pub strikethrough: bool,
    /// What the text is.
    pub role: Role,
}

/// What a span is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Running text.
    #[default]
    Text,
    /// A heading of level 1 to 6.
    Heading(u8),
    /// Code within running text, or a formula.
    InlineCode,
    /// A line of a code block.
    Code(Token),
    /// The label of a link.
    Link,
    /// Secondary information: the address of a link, the language of a code block.
    Secondary,
    /// A bullet, a number, a bar, a table border: not part of the text.
    Marker,
}

/// What a piece of highlighted code is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Token {
    /// Anything else.
    #[default]
    Plain,
    /// A comment.
    Comment,
    /// A string or a character.
    String,
    /// A number or another constant.
    Constant,
    /// A keyword or an operator word.
    Keyword,
    /// The name of a function or macro.
    Function,
    /// The name of a type, a tag or a section.
    Type,
    /// An inserted line of a diff.
    Inserted,
    /// A deleted line of a diff.
    Deleted,
}

impl Style {
    /// Returns an unemphasized style.
    pub const fn of(role: Role) -> Self {
        Self { bold: false, italic: false, strikethrough: false, role }
    }
}

impl Line {
    /// Returns the columns that the line takes.
    pub fn width(&self) -> usize {
        self.spans.iter().map(|span| wrap::width(&span.text)).sum()
    }

    /// Returns the text of the line without styles.
    pub fn text(&self) -> String {
        self.spans.iter().map(|span| span.text.as_str()).collect()
    }

    /// Appends text, to the last span if that has the same style.
    pub(super) fn push(&mut self, text: &str, style: Style) {
        match self.spans.last_mut() {
            _ if text.is_empty() => {}
            Some(last) if last.style == style => last.text.push_str(text),
            Some(_) | None => self.spans.push(Span { text: text.to_owned(), style }),
        }
    }

    /// Appends the spans of another line.
    pub(super) fn append(&mut self, other: Self) {
        self.spans.extend(other.spans);
    }
}
