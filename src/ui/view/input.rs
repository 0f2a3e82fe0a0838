//! Input line, with the terminal's own cursor in it for input methods.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use crate::ui::input::text_area::rows::PartStyle;
use crate::ui::view::row::{self, RowAlignment, to_u16};
use crate::ui::view::state::ScreenState;

/// Prefix of the first row.
const PROMPT: &str = "> ";

/// Columns of the prompt and of the cursor after a full row.
const MARGIN: usize = 3;

/// Returns how many rows the text needs on a screen of this width, at most `most`.
pub fn rows(scene: &ScreenState, columns: u16, most: u16) -> u16 {
    let rows = scene.editor.area.visible_rows(room(columns), usize::from(most)).rows.len();
    to_u16(rows).max(1)
}

/// Draws the part of the text around the cursor, and places the cursor.
pub fn draw(frame: &mut Frame, area: Rect, scene: &ScreenState) {
    if area.is_empty() {
        return;
    }
    let shown = scene.editor.area.visible_rows(room(area.width), usize::from(area.height));
    for (at, parts) in shown.rows.iter().enumerate() {
        let prompt = if at == 0 && shown.from_start { PROMPT } else { "  " };
        let mut line = Line::from(Span::styled(prompt, scene.theme.strong));
        for (text, style) in parts {
            let style = match style {
                PartStyle::Plain => Style::default(),
                PartStyle::Chip => scene.theme.dim,
                PartStyle::Selected => Style::default().add_modifier(Modifier::REVERSED),
            };
            line.push_span(Span::styled(text.as_str(), style));
        }
        if scene.editor.is_empty() {
            line.push_span(Span::styled(scene.model.strings().conversation.placeholder, scene.theme.dim));
        }
        let place = Rect { y: area.y + to_u16(at), height: 1, ..area };
        row::draw(frame, place, &line, RowAlignment::Left);
    }
    let (row, column) = shown.cursor;
    let x = area.x.saturating_add(to_u16(PROMPT.len() + column)).min(area.right() - 1);
    frame.set_cursor_position(Position { x, y: area.y + to_u16(row) });
}

/// Returns the columns of a row of the text.
pub fn room(columns: u16) -> usize {
    usize::from(columns).saturating_sub(MARGIN).max(1)
}
