//! Help: keys by group and commands, filtered by what is typed.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::markdown::wrap::{width, wrap};
use crate::ui::input::panels::help::{self, HelpEntry, HelpGroup, HelpPanel};
use crate::ui::view::panels::{PanelContent, fitted, mark};
use crate::ui::view::state::ScreenState;

/// Columns between keys and their action.
const GAP: usize = 2;

/// Returns the content.
pub(super) fn content<'a>(panel: &'a HelpPanel, columns: usize, scene: &ScreenState<'a>) -> PanelContent<'a> {
    let releases = scene.editor.push_to_talk.release_events();
    let entries = help::entries(scene.model, releases, &panel.filter);
    let chosen = panel.list.row(entries.len());
    let theme = scene.theme;
    // Commands are wider than keys.
    let key_width = |commands: bool| {
        let entries = entries.iter().filter(|entry| (entry.group == HelpGroup::Commands) == commands);
        (entries.map(|entry| width(&entry.keys)).max().unwrap_or(0) + GAP).min(columns / 2)
    };
    let widths = [key_width(false), key_width(true)];
    let mut lines = Vec::new();
    let (mut cursor, mut foot) = (None, Vec::new());
    let mut group = None;
    for (at, entry) in entries.iter().enumerate() {
        if group.replace(entry.group) != Some(entry.group) {
            lines.push(Line::styled(entry.group.heading(), theme.dim));
        }
        let key_width = widths[usize::from(entry.group == HelpGroup::Commands)];
        if at == chosen {
            cursor = Some(lines.len());
            foot = whole(entry, key_width, columns);
        }
        let style = if at == chosen { theme.strong } else { Style::new() };
        lines.push(Line::from(vec![
            Span::styled(mark(at == chosen), style),
            Span::styled(fitted(&entry.keys, key_width.saturating_sub(GAP)) + "  ", theme.strong),
            Span::styled(
                fitted(entry.action, columns.saturating_sub(key_width + 2)).trim_end().to_owned(),
                style,
            ),
        ]));
    }
    if entries.is_empty() {
        lines.push(Line::styled("  nothing found", theme.dim));
    }
    let filter = Line::from(vec![
        Span::styled("filter: ", theme.dim),
        Span::raw(fitted(&panel.filter, columns.saturating_sub(8)).trim_end().to_owned()),
    ]);
    PanelContent {
        title: "Help",
        hint: " type to filter   ↑↓ move   Enter run   Esc close".to_owned(),
        head: if panel.filter.is_empty() { Vec::new() } else { vec![filter] },
        count: lines.len(),
        line: Box::new(move |at| lines[at].clone()),
        chosen: cursor,
        foot,
    }
}

/// Returns the whole text of an entry if its row is too short for it.
fn whole(entry: &HelpEntry, key_width: usize, columns: usize) -> Vec<Line<'static>> {
    if width(&entry.keys) + GAP <= key_width && 2 + key_width + width(entry.action) <= columns {
        return Vec::new();
    }
    let text = format!("{}: {}", entry.keys, entry.action);
    wrap(&text, columns).into_iter().map(|range| Line::raw(text[range].to_owned())).collect()
}
