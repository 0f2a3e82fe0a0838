//! Input line, with the terminal's own cursor in it for input methods.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use crate::ui::text::wrap::{fold, width};
use crate::ui::view::ScreenState;
use crate::ui::view::row::{self, RowAlignment};

/// Prefix of the first row.
const PROMPT: &str = "> ";

/// Columns of the prompt and of the cursor after a full row.
const MARGIN: usize = 3;

/// Placeholder while nothing is typed.
const PLACEHOLDER: &str = "type a message";

/// Returns the rows of the text on a screen of this width.
pub fn rows(scene: &ScreenState, columns: u16) -> u16 {
    let rows = fold(scene.editor.text(), room(columns)).len();
    to_u16(rows)
}

/// Draws the part of the text around the cursor, and places the cursor.
pub fn draw(frame: &mut Frame, area: Rect, scene: &ScreenState) {
    if area.is_empty() {
        return;
    }
    let text = scene.editor.text();
    let cursor = scene.editor.cursor();
    let rows = fold(text, room(area.width));
    let row = rows.iter().rposition(|range| range.start <= cursor).unwrap_or(0);
    let first = (row + 1).saturating_sub(usize::from(area.height));
    for (at, range) in rows.iter().enumerate().skip(first).take(usize::from(area.height)) {
        let prompt = if at == 0 { PROMPT } else { "  " };
        let mut line =
            Line::from(vec![Span::styled(prompt, scene.theme.strong), Span::raw(&text[range.clone()])]);
        if text.is_empty() {
            line.push_span(Span::styled(PLACEHOLDER, scene.theme.dim));
        }
        let place = Rect { y: area.y + to_u16(at - first), height: 1, ..area };
        row::draw(frame, place, &line, RowAlignment::Left);
    }
    let column = to_u16(PROMPT.len() + width(&text[rows[row].start..cursor]));
    let x = area.x.saturating_add(column).min(area.right() - 1);
    frame.set_cursor_position(Position { x, y: area.y + to_u16(row - first) });
}

fn room(columns: u16) -> usize {
    usize::from(columns).saturating_sub(MARGIN).max(1)
}

fn to_u16(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}
