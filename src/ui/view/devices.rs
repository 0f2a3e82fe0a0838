//! Device list, drawn over the conversation.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Padding};

use crate::audio::api::Direction;
use crate::markdown::wrap::width;
use crate::ui::text::devices::{self, DeviceRow};
use crate::ui::text::wrap::truncate;
use crate::ui::view::row::{self, RowAlignment};
use crate::ui::view::state::ScreenState;

/// Rows of the frame around the list.
const FRAME: u16 = 2;

/// Draws the list around the selected row, in a frame if there is room.
pub fn draw(frame: &mut Frame, area: Rect, scene: &ScreenState, at: usize) {
    let words = &scene.model.strings().devices;
    frame.render_widget(Clear, area);
    let mut inside = area;
    if area.height > 2 * FRAME && area.width > 3 * FRAME {
        let block = Block::bordered()
            .border_type(BorderType::Rounded)
            .border_style(scene.theme.dim)
            .title(format!(" {} ", words.title))
            .padding(Padding::horizontal(1));
        inside = block.inner(area);
        frame.render_widget(block, area);
    }
    let room = usize::from(inside.width);
    let Some(entries) = &scene.model.devices else {
        row::draw(frame, inside, &Line::styled(words.searching, scene.theme.dim), RowAlignment::Left);
        return;
    };
    let rows = devices::rows(scene.model.strings(), entries);
    if rows.is_empty() {
        row::draw(frame, inside, &Line::styled(words.none_found, scene.theme.dim), RowAlignment::Left);
        return;
    }
    let (lines, selected) = lines(&rows, at, room, scene);
    let height = usize::from(inside.height);
    let first = (selected + 1).saturating_sub(height);
    let visible: Vec<_> = lines.into_iter().skip(first).take(height).collect();
    row::draw_all(frame, inside, &visible, RowAlignment::Left);
}

/// Draws the key hints.
pub fn draw_hint(frame: &mut Frame, area: Rect, scene: &ScreenState) {
    let hint = format!(" {}", scene.model.strings().devices.hint);
    let hint = truncate(&hint, usize::from(area.width));
    row::draw(frame, area, &Line::styled(hint, scene.theme.strong), RowAlignment::Left);
}

/// Returns the lines and the index of the selected one.
fn lines(rows: &[DeviceRow], at: usize, room: usize, scene: &ScreenState) -> (Vec<Line<'static>>, usize) {
    let words = &scene.model.strings().devices;
    let mut lines = Vec::new();
    let mut selected = 0;
    let mut side: Option<Direction> = None;
    for (place, row) in rows.iter().enumerate() {
        if side != Some(row.side) {
            side = Some(row.side);
            let heading = match row.side {
                Direction::Input => words.microphones,
                Direction::Output => words.speakers,
            };
            lines.push(Line::styled(heading, scene.theme.dim));
        }
        // The arrow and "(in use)" are visible without colour.
        let (mark, style) = if place == at { ("> ", scene.theme.strong) } else { ("  ", Style::new()) };
        let used = if row.in_use { format!("  ({})", words.in_use) } else { String::new() };
        let label = truncate(&row.label, room.saturating_sub(mark.len() + width(&used))).into_owned();
        if place == at {
            selected = lines.len();
        }
        lines.push(Line::from(vec![
            Span::styled(mark, style),
            Span::styled(label, style),
            Span::styled(used, scene.theme.dim),
        ]));
    }
    (lines, selected)
}
