//! The help, drawn over the conversation: keys as they are bound now, or commands.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Padding};

use crate::keys::action::ActionGroup;
use crate::markdown::wrap::width;
use crate::ui::input::editor::HelpPage;
use crate::ui::input::help::{self, HelpRow};
use crate::ui::text::wrap::{padded, truncate};
use crate::ui::view::row::{self, RowAlignment};
use crate::ui::view::state::ScreenState;

/// Mark of the selected row; other rows have spaces of its width.
const SELECTED: &str = "> ";

/// Columns between a key and its action.
const GAP: usize = 2;

/// Columns of the frame and its padding.
const MARGIN: u16 = 4;

/// Draws the rows around the selected one, with a frame if there is room.
pub fn draw(frame: &mut Frame, area: Rect, scene: &ScreenState) {
    let mut rows = help::rows(scene.model, scene.editor);
    // The frame keeps its size while rows are filtered.
    let all = help::all_rows(scene.model, scene.editor);
    let meaning_width = all.iter().map(|row| width(&row.meaning)).max().unwrap_or(0);
    let wanted = to_u16(SELECTED.len() + key_width(&all) + GAP + meaning_width) + MARGIN;
    // The whole area is cleared: a wide character cut in half would shift its row.
    frame.render_widget(Clear, area);
    let is_framed = area.width >= wanted && area.height > 6;
    let popup = Rect { x: area.x + area.width.saturating_sub(wanted) / 2, width: wanted, ..area };
    let mut inside = area;
    if is_framed {
        let words = &scene.model.strings().help;
        let title = match scene.editor.help_page {
            HelpPage::Keys => words.keys,
            HelpPage::Commands => words.commands,
        };
        let block = Block::bordered()
            .border_type(BorderType::Rounded)
            .border_style(scene.theme.dim)
            .title(format!(" {title} "))
            .padding(Padding::horizontal(1));
        inside = block.inner(popup);
        frame.render_widget(block, popup);
    } else {
        // The first key of each action is enough on a narrow screen.
        rows.iter_mut().for_each(|row| row.keys.truncate(row.keys.find(", ").unwrap_or(row.keys.len())));
    }
    let selected = scene.editor.help_selected.min(rows.len().saturating_sub(1));
    let (lines, at) = lines(&rows, selected, usize::from(inside.width), scene);
    let height = usize::from(inside.height);
    // A heading above the first rows stays visible.
    let first = if at < height { 0 } else { at + 1 - height };
    let below = lines.len().saturating_sub(first + height);
    let visible: Vec<_> = lines.into_iter().skip(first).take(height).collect();
    row::draw_all(frame, inside, &visible, RowAlignment::Left);
    if is_framed && below > 0 {
        let more = format!(" {} ", (scene.model.strings().conversation.more_below)(below));
        let border = Rect { y: popup.bottom() - 1, height: 1, width: popup.width - 2, ..popup };
        let place = Rect { x: border.right() - to_u16(width(&more)), width: to_u16(width(&more)), ..border };
        row::draw(frame, place, &Line::styled(more, scene.theme.dim), RowAlignment::Left);
    }
    if !inside.is_empty() {
        frame.set_cursor_position(Position { x: inside.x, y: inside.y + to_u16(at - first) });
    }
}

fn key_width(rows: &[HelpRow]) -> usize {
    rows.iter().map(|row| width(&row.keys)).max().unwrap_or(0)
}

/// Draws what is typed, and the keys of the help.
pub fn draw_hint(frame: &mut Frame, area: Rect, scene: &ScreenState) {
    let (words, filter) = (&scene.model.strings().help, &scene.editor.help_filter);
    let hint =
        if filter.is_empty() { words.hint.to_owned() } else { format!("{filter}   {}", words.hint_filtered) };
    let hint = truncate(&hint, usize::from(area.width).saturating_sub(1)).into_owned();
    row::draw(frame, area, &Line::styled(format!(" {hint}"), scene.theme.strong), RowAlignment::Left);
}

/// Returns the lines with their headings, and the index of the selected one.
fn lines(rows: &[HelpRow], selected: usize, room: usize, scene: &ScreenState) -> (Vec<Line<'static>>, usize) {
    let (words, key_width) = (&scene.model.strings().help, key_width(rows));
    let (mut lines, mut at, mut group) = (Vec::new(), 0, None);
    if rows.is_empty() {
        lines.push(Line::styled(words.none_found, scene.theme.dim));
    }
    for (index, row) in rows.iter().enumerate() {
        if scene.editor.help_filter.is_empty() && row.group != group {
            group = row.group;
            let heading = group.map(|group| match group {
                ActionGroup::Call => words.call,
                ActionGroup::Text => words.text,
                ActionGroup::Window => words.window,
            });
            lines.extend(heading.map(|heading| Line::styled(heading, scene.theme.dim)));
        }
        let mark = if index == selected { SELECTED } else { "  " };
        if index == selected {
            at = lines.len();
        }
        let keys_room = key_width.min(room / 2);
        let keys = padded(&truncate(&row.keys, keys_room), keys_room + GAP);
        let room = room.saturating_sub(SELECTED.len() + keys_room + GAP);
        lines.push(Line::from(vec![
            Span::styled(mark, scene.theme.strong),
            Span::styled(keys, scene.theme.strong),
            Span::raw(truncate(&row.meaning, room).into_owned()),
        ]));
    }
    (lines, at)
}

fn to_u16(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}
