//! Lines of the Markdown renderer in the colors of the screen, and the place where unheard text begins in them.

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

use crate::markdown::ansi::ColorLevel;
use crate::markdown::document::Document;
use crate::markdown::layout::{Glyphs, TextLayout};
use crate::markdown::style::{self, Role, Token};
use crate::ui::text::charset::Charset;
use crate::ui::text::sanitize::displayable;
use crate::ui::text::wrap::cluster_start;
use crate::ui::view::theme::Theme;

/// Position in laid-out lines: the line, and the byte in it.
pub(super) type TextPosition = (usize, usize);

/// Returns the layout for a number of columns.
pub(super) fn layout(columns: usize, theme: &Theme) -> TextLayout {
    let glyphs = match theme.charset {
        Charset::Unicode => Glyphs::Unicode,
        Charset::Ascii => Glyphs::Ascii,
    };
    TextLayout { columns, glyphs, sanitize: displayable }
}

/// Returns an empty document; code is highlighted only in color.
pub(super) fn document(theme: &Theme) -> Document {
    match theme.colors {
        ColorLevel::Ansi => Document::highlighting(),
        ColorLevel::Monochrome => Document::default(),
    }
}

/// Returns a line, struck out from a byte on.
pub(super) fn line(source: &style::Line, struck_from: Option<usize>, theme: &Theme) -> Line<'static> {
    let mut line = Line::default();
    let mut start = 0;
    for span in &source.spans {
        let (text, style) = (span.text.as_str(), span_style(span.style, theme));
        let cut = match struck_from {
            Some(from) if !is_marker(span) => cluster_start(text, from.saturating_sub(start).min(text.len())),
            Some(_) | None => text.len(),
        };
        let (heard, unheard) = text.split_at(cut);
        for (part, style) in [(heard, style), (unheard, style.patch(theme.unplayed))] {
            if !part.is_empty() {
                line.push_span(Span::styled(part.to_owned(), style));
            }
        }
        start += text.len();
    }
    line
}

/// Finds where the text after its heard beginning stands in the lines of the whole text.
///
/// Lines have no source positions. The beginning, rendered alone, has as many letters and digits as it has in
/// the whole; only signs near its end may differ, because emphasis or a table may be incomplete there.
pub(super) fn unheard_from(whole: &Document, heard: &str, layout: &TextLayout) -> TextPosition {
    let mut document = Document::default();
    document.push(heard);
    document.lay_out(layout);
    let mut left = document.lines_from(0).flat_map(letters).count();
    let mut lines = 0;
    for (row, line) in whole.lines_from(0).enumerate() {
        lines = row + 1;
        let in_line = letters(line).count();
        if in_line <= left {
            left -= in_line;
            continue;
        }
        let after = left.checked_sub(1).and_then(|last| letters(line).nth(last)).map_or(0, |(_, end)| end);
        // Punctuation belongs to the word before it.
        let text = line.text();
        let punctuation =
            text[after..].chars().take_while(|next| after > 0 && !next.is_alphanumeric() && *next != ' ');
        return (row, after + punctuation.map(char::len_utf8).sum::<usize>());
    }
    (lines, 0)
}

/// Returns the bytes of the letters and digits of a line.
fn letters(line: &style::Line) -> impl Iterator<Item = (usize, usize)> {
    let starts = line.spans.iter().scan(0, |next, span| {
        let start = *next;
        *next += span.text.len();
        Some((start, span))
    });
    starts.filter(|(_, span)| !is_marker(span)).flat_map(|(start, span)| {
        let characters = span.text.char_indices().filter(|(_, character)| character.is_alphanumeric());
        characters.map(move |(at, character)| (start + at, start + at + character.len_utf8()))
    })
}

fn is_marker(span: &style::Span) -> bool {
    span.style.role == Role::Marker
}

/// Returns the style of a span, in the colors that `chat` prints.
fn span_style(style: style::Style, theme: &Theme) -> Style {
    let plain = Style::new();
    let emphasis = [
        (style.bold, Modifier::BOLD),
        (style.italic, Modifier::ITALIC),
        (style.strikethrough, Modifier::CROSSED_OUT),
    ];
    let base = emphasis
        .iter()
        .filter(|(is_set, _)| *is_set)
        .fold(plain, |base, (_, modifier)| base.add_modifier(*modifier));
    let (color, modifier) = match style.role {
        Role::Text | Role::Code(Token::Plain) => (None, Modifier::empty()),
        Role::Heading(1) => (Some(Color::Magenta), Modifier::UNDERLINED),
        Role::Heading(_) => (Some(Color::Magenta), Modifier::empty()),
        Role::InlineCode => (Some(Color::Cyan), Modifier::empty()),
        Role::Link => (None, Modifier::UNDERLINED),
        Role::Secondary | Role::Marker | Role::Code(Token::Comment) => (None, Modifier::DIM),
        Role::Code(Token::String | Token::Inserted) => (Some(Color::Green), Modifier::empty()),
        Role::Code(Token::Constant) => (Some(Color::Yellow), Modifier::empty()),
        Role::Code(Token::Keyword) => (Some(Color::Magenta), Modifier::empty()),
        Role::Code(Token::Function) => (Some(Color::Blue), Modifier::empty()),
        Role::Code(Token::Type) => (Some(Color::Cyan), Modifier::empty()),
        Role::Code(Token::Deleted) => (Some(Color::Red), Modifier::empty()),
    };
    let base = base.add_modifier(modifier);
    match (theme.colors, color) {
        (ColorLevel::Ansi, Some(color)) => base.fg(color),
        (ColorLevel::Monochrome, Some(_)) if style.role == Role::InlineCode => {
            base.add_modifier(Modifier::BOLD)
        }
        (ColorLevel::Ansi | ColorLevel::Monochrome, _) => base,
    }
}
