//! Lines of code blocks: tabs are expanded, and a line that does not fit ends in a mark.

use crate::markdown::render::Layout;
use crate::markdown::style::{Line, Role, Style, Token};
use crate::markdown::styled_text::StyledText;
use crate::markdown::wrap::{self, width};

/// Columns from one tab stop to the next.
const TAB: usize = 4;

/// Below this width there is no room for the mark of a wrapped line.
const MARKED_COLUMNS: usize = 4;

/// Returns one line of source code as styled text, without highlighting.
pub(super) fn plain(line: &str) -> StyledText {
    let mut text = StyledText::default();
    push_code(&mut text, line, Token::Plain);
    text
}

/// Appends a part of a line.
pub(super) fn push_code(text: &mut StyledText, part: &str, token: Token) {
    let style = Style::of(Role::Code(token));
    if !part.contains('\t') {
        return text.push(part, style);
    }
    let mut column = width(text.as_str());
    for (index, piece) in part.split('\t').enumerate() {
        if index > 0 {
            let spaces = TAB - column % TAB;
            text.push(&" ".repeat(spaces), style);
            column += spaces;
        }
        text.push(piece, style);
        column += width(piece);
    }
}

/// Breaks a line of code where it does not fit.
pub(super) fn lines(text: &StyledText, layout: &Layout, columns: usize) -> Vec<Line> {
    if text.natural_width() <= columns || columns < MARKED_COLUMNS {
        return wrap::fold(text.as_str(), columns).iter().map(|range| text.line(range)).collect();
    }
    let ranges = wrap::fold(text.as_str(), columns - 1);
    let last = ranges.len() - 1;
    let marked = ranges.iter().enumerate().map(|(index, range)| {
        let mut line = text.line(range);
        if index < last {
            line.push(layout.glyphs.wrapped(), Style::of(Role::Marker));
        }
        line
    });
    marked.collect()
}
