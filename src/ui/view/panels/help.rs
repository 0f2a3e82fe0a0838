//! The help: keys as they are bound now by what they act on, or commands, filtered by what is typed.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::keys::action::ActionGroup;
use crate::markdown::wrap::{width, wrap};
use crate::ui::input::editor::HelpPage;
use crate::ui::input::help::{self, HelpRow};
use crate::ui::text::wrap::{padded, truncate};
use crate::ui::view::panels::{PanelContent, mark};
use crate::ui::view::state::ScreenState;

/// Columns between a key and its action.
const GAP: usize = 2;

/// Returns the content.
pub(super) fn content<'a>(columns: usize, scene: &ScreenState<'a>) -> PanelContent<'a> {
    let (words, panels) = (&scene.model.strings().help, &scene.model.strings().panels);
    let filter = &scene.editor.help_filter;
    let mut rows = help::rows(scene.model, scene.editor);
    let widest = |part: fn(&HelpRow) -> &str| rows.iter().map(|row| width(part(row))).max().unwrap_or(0);
    if 2 + widest(|row| &row.keys) + GAP + widest(|row| &row.meaning) > columns {
        // The first key of each action is enough on a narrow screen.
        rows.iter_mut().for_each(|row| row.keys.truncate(row.keys.find(", ").unwrap_or(row.keys.len())));
    }
    let chosen = scene.editor.help_selected.min(rows.len().saturating_sub(1));
    let key_width = rows.iter().map(|row| width(&row.keys)).max().unwrap_or(0).min(columns / 2);
    let (mut lines, mut cursor, mut foot, mut group) = (Vec::new(), None, Vec::new(), None);
    if rows.is_empty() {
        lines.push(Line::styled(words.none_found, scene.theme.dim));
    }
    for (at, row) in rows.iter().enumerate() {
        if filter.is_empty() && row.group != group {
            group = row.group;
            let heading = group.map(|group| match group {
                ActionGroup::Call => words.call,
                ActionGroup::Text => words.text,
                ActionGroup::Window => words.window,
            });
            lines.extend(heading.map(|heading| Line::styled(heading, scene.theme.dim)));
        }
        let room = columns.saturating_sub(2 + key_width + GAP);
        if at == chosen {
            cursor = Some(lines.len());
            if width(&row.keys) > key_width || width(&row.meaning) > room {
                foot = whole(row, columns);
            }
        }
        let style = if at == chosen { scene.theme.strong } else { Style::new() };
        lines.push(Line::from(vec![
            Span::styled(mark(at == chosen), scene.theme.strong),
            Span::styled(padded(&truncate(&row.keys, key_width), key_width + GAP), scene.theme.strong),
            Span::styled(truncate(&row.meaning, room).into_owned(), style),
        ]));
    }
    let shown = (panels.filtered)(filter);
    PanelContent {
        title: match scene.editor.help_page {
            HelpPage::Keys => words.keys,
            HelpPage::Commands => words.commands,
        },
        hint: words.hint.to_owned(),
        head: if filter.is_empty() { Vec::new() } else { vec![Line::styled(shown, scene.theme.dim)] },
        count: lines.len(),
        line: Box::new(move |at| lines[at].clone()),
        chosen: cursor,
        foot,
    }
}

/// Returns the whole text of a row that is too long for its line.
fn whole(row: &HelpRow, columns: usize) -> Vec<Line<'static>> {
    let text = format!("{}: {}", row.keys, row.meaning);
    wrap(&text, columns).into_iter().map(|range| Line::raw(text[range].to_owned())).collect()
}
