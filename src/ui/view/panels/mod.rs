//! Panels over the conversation: a title row, some fixed rows, and the part of a list around the chosen row.

mod help;
mod devices;
mod settings;
mod latency;
mod events;

use std::ops::Range;

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Clear;

use crate::markdown::wrap::width;
use crate::ui::input::panels::Panel;
use crate::ui::text::wrap::{padded, truncate};
use crate::ui::view::row::{self, RowAlignment, to_u16};
use crate::ui::view::state::ScreenState;

/// Fewest rows of a list before fixed rows are left out.
const MIN_LIST: usize = 3;

/// Mark of the chosen row, and of the others.
const MARKS: [&str; 2] = ["> ", "  "];

/// What a panel shows.
struct PanelContent<'a> {
    title: &'static str,
    /// Keys of this panel.
    hint: String,
    /// Rows above the list.
    head: Vec<Line<'a>>,
    /// Number of rows of the list.
    count: usize,
    /// Returns a row of the list.
    line: Box<dyn Fn(usize) -> Line<'a> + 'a>,
    /// Row of the list with the cursor.
    chosen: Option<usize>,
    /// Rows below the list.
    foot: Vec<Line<'a>>,
}

/// Draws the panel or the help that is shown. Returns whether there is one.
pub(super) fn draw(frame: &mut Frame, areas: (Rect, Rect), scene: &ScreenState) -> bool {
    let columns = usize::from(areas.0.width);
    let content = match &scene.editor.panel {
        Some(panel) => of_panel(panel, columns, scene),
        None if scene.editor.help => help::content(columns, scene),
        None => return false,
    };
    draw_content(frame, areas, content, scene);
    true
}

fn of_panel<'a>(panel: &'a Panel, columns: usize, scene: &ScreenState<'a>) -> PanelContent<'a> {
    match panel {
        Panel::Devices(devices) => devices::content(devices, columns, scene),
        Panel::Settings(settings) => settings::content(settings, columns, scene),
        Panel::Latency(latency) => latency::content(latency, columns, scene),
        Panel::Events(events) => events::content(events, columns, scene),
    }
}

/// Draws the content at the top of an area, and its keys in the row of hints. The cursor stands on the chosen row.
fn draw_content(frame: &mut Frame, (area, hints): (Rect, Rect), content: PanelContent, scene: &ScreenState) {
    let columns = usize::from(area.width);
    let hint = format!(" {}", content.hint);
    let hint = truncate(&hint, usize::from(hints.width)).into_owned();
    row::draw(frame, hints, &Line::styled(hint, scene.theme.strong), RowAlignment::Left);
    if area.is_empty() {
        return;
    }
    if area.x > 0 {
        let gap = Rect { x: area.x - 1, width: 1, ..area };
        let line = Line::styled("│", scene.theme.dim);
        row::draw_all(frame, gap, &vec![line; usize::from(area.height)], RowAlignment::Left);
    }
    let room = usize::from(area.height) - 1;
    let has_fixed = room >= content.head.len() + content.foot.len() + MIN_LIST.min(content.count.max(1));
    let (head, foot) = if has_fixed { (content.head, content.foot) } else { (Vec::new(), Vec::new()) };
    let visible = window(content.chosen.unwrap_or_default(), content.count, room - head.len() - foot.len());
    let cursor = content.chosen.map(|chosen| 1 + head.len() + chosen.saturating_sub(visible.start));
    let mut lines = vec![title(content.title, columns, scene)];
    lines.extend(head);
    lines.extend(visible.map(content.line));
    lines.extend(foot);
    if lines.len() <= room && area.x == 0 {
        // Separates the panel from the conversation below it.
        lines.push(rule(columns, scene));
    }
    let area = Rect { height: to_u16(lines.len()).min(area.height), ..area };
    frame.render_widget(Clear, area);
    row::draw_all(frame, area, &lines, RowAlignment::Left);
    let cursor = to_u16(cursor.unwrap_or_default()).min(area.height - 1);
    frame.set_cursor_position(Position { x: area.x, y: area.y + cursor });
}

/// Returns the rows that are visible around the chosen one.
fn window(chosen: usize, count: usize, height: usize) -> Range<usize> {
    let first = chosen.saturating_sub(height / 2).min(count.saturating_sub(height));
    first..count.min(first + height)
}

fn title(title: &str, columns: usize, scene: &ScreenState) -> Line<'static> {
    let text = format!(" {title} ");
    let rest = columns.saturating_sub(2 + width(&text));
    Line::from(vec![
        Span::styled("──", scene.theme.dim),
        Span::styled(truncate(&text, columns.saturating_sub(2)).into_owned(), scene.theme.strong),
        Span::styled("─".repeat(rest), scene.theme.dim),
    ])
}

fn rule(columns: usize, scene: &ScreenState) -> Line<'static> {
    Line::styled("─".repeat(columns), scene.theme.dim)
}

/// Returns the mark of a row.
fn mark(is_chosen: bool) -> &'static str {
    MARKS[usize::from(!is_chosen)]
}

/// Returns a text padded or cut to a number of columns.
fn fitted(text: &str, columns: usize) -> String {
    padded(&truncate(text, columns), columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chosen_row_is_always_visible() {
        for (count, height) in [(0, 5), (3, 5), (40, 5), (40, 1), (5, 0)] {
            for chosen in 0..count {
                let visible = window(chosen, count, height);
                assert!(visible.len() <= height && visible.end <= count);
                assert!(visible.contains(&chosen) || height == 0, "{chosen} of {count} in {height}");
            }
        }
    }
}
