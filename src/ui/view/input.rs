//! The text being typed, and the terminal's own cursor in it, where an input method needs it.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use crate::ui::text::wrap::{fold, width};
use crate::ui::view::ScreenState;
use crate::ui::view::row::{self, RowAlignment};

/// What stands before the text.
const PROMPT: &str = "> ";

/// The prompt, and the place of the cursor behind a full row.
const AROUND: usize = 3;

/// What is shown while nothing is typed.
const INVITATION: &str = "type a message";

/// Returns how many rows the text needs on a screen of this width.
pub fn rows(scene: &ScreenState, columns: u16) -> u16 {
    let rows = fold(scene.editor.text(), room(columns)).len();
    u16::try_from(rows).unwrap_or(u16::MAX)
}

/// Draws the part of the text in which the cursor stands, and places the cursor.
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
            line.push_span(Span::styled(INVITATION, scene.theme.quiet));
        }
        let place = Rect { y: area.y + below(at - first), height: 1, ..area };
        row::draw(frame, place, &line, RowAlignment::Left);
    }
    let column = below(PROMPT.len() + width(&text[rows[row].start..cursor]));
    let x = area.x.saturating_add(column).min(area.right() - 1);
    frame.set_cursor_position(Position { x, y: area.y + below(row - first) });
}

fn room(columns: u16) -> usize {
    usize::from(columns).saturating_sub(AROUND).max(1)
}

fn below(rows: usize) -> u16 {
    u16::try_from(rows).unwrap_or(u16::MAX)
}
