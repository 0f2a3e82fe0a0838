//! Lines of code blocks: tabs are expanded, and a line that does not fit ends in a mark.

use crate::markdown::highlight::HighlightedPart;
use crate::markdown::layout::TextLayout;
use crate::markdown::style::{Line, Role, Style, Token};
use crate::markdown::styled_runs::StyledRuns;
use crate::markdown::wrap::{self, width};

/// Columns from one tab stop to the next.
const TAB: usize = 4;

/// Below this width there is no room for the mark of a wrapped line.
const MARKED_COLUMNS: usize = 4;

/// Returns a line of source code as styled text. Parts that do not make up the line leave its rest plain.
pub(super) fn styled(line: &str, parts: &[HighlightedPart]) -> StyledRuns {
    let mut text = StyledRuns::default();
    let mut rest = line;
    for (token, length) in parts {
        let Some((part, after)) = rest.split_at_checked(*length) else { break };
        push(&mut text, part, *token);
        rest = after;
    }
    push(&mut text, rest, Token::Plain);
    text
}

fn push(text: &mut StyledRuns, part: &str, token: Token) {
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
pub(super) fn lines(text: &StyledRuns, layout: &TextLayout) -> Vec<Line> {
    let columns = layout.columns;
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
