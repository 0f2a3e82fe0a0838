//! Devices: levels of those in use, and all that can be chosen.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::audio::api::Direction;
use crate::markdown::wrap::width;
use crate::ui::input::panels::devices::DevicesPanel;
use crate::ui::text::devices::{self, DeviceRow};
use crate::ui::text::wrap::{padded, truncate};
use crate::ui::view::meter;
use crate::ui::view::panels::{PanelContent, mark};
use crate::ui::view::state::ScreenState;

/// Columns of the label before a meter.
const LABEL: usize = 12;

/// Widest meter in columns.
const MAX_METER: usize = 40;

/// Columns of the level behind a meter.
const LEVEL: usize = 10;

/// Returns the content.
pub(super) fn content<'a>(
    panel: &'a DevicesPanel,
    columns: usize,
    scene: &ScreenState<'a>,
) -> PanelContent<'a> {
    let words = &scene.model.strings().devices;
    let (lines, chosen) = match &scene.model.devices {
        None => (vec![Line::styled(words.searching, scene.theme.dim)], None),
        Some(entries) => {
            let rows = devices::rows(scene.model.strings(), entries);
            if rows.is_empty() {
                (vec![Line::styled(words.none_found, scene.theme.dim)], None)
            } else {
                lines(&rows, panel.list.row(rows.len()), columns, scene)
            }
        }
    };
    PanelContent {
        title: words.title,
        hint: words.hint.to_owned(),
        head: vec![meter(Direction::Input, columns, scene), meter(Direction::Output, columns, scene)],
        count: lines.len(),
        line: Box::new(move |at| lines[at].clone()),
        chosen,
        foot: Vec::new(),
    }
}

/// Returns the level of the microphone or the speaker in use.
fn meter(side: Direction, columns: usize, scene: &ScreenState) -> Line<'static> {
    let theme = scene.theme;
    let strings = scene.model.strings();
    let label = match side {
        Direction::Input => strings.devices.microphone,
        Direction::Output => strings.devices.speaker,
    };
    let label = padded(label, LABEL);
    let (level, style) = match side {
        Direction::Input => (scene.live.input, theme.user),
        Direction::Output => (scene.live.output, theme.assistant),
    };
    if side == Direction::Input && scene.model.muted {
        return Line::from(vec![Span::raw(label), Span::styled(strings.header.muted, theme.muted)]);
    }
    let wide = columns.saturating_sub(LABEL + LEVEL).clamp(4, MAX_METER);
    let mut line = Line::from(label);
    line.spans.extend(meter::bar(level, wide, (style, theme.dim), theme.charset));
    line.push_span(Span::styled(format!(" {}", meter::level_words(level, &strings.conversation)), theme.dim));
    line
}

/// Returns the lines and the index of the chosen one.
fn lines(
    rows: &[DeviceRow],
    at: usize,
    columns: usize,
    scene: &ScreenState,
) -> (Vec<Line<'static>>, Option<usize>) {
    let words = &scene.model.strings().devices;
    let mut lines = Vec::new();
    let mut chosen = None;
    let mut side: Option<Direction> = None;
    for (place, row) in rows.iter().enumerate() {
        if side.replace(row.side) != Some(row.side) {
            let heading = match row.side {
                Direction::Input => words.microphones,
                Direction::Output => words.speakers,
            };
            lines.push(Line::styled(heading, scene.theme.dim));
        }
        let is_chosen = place == at;
        if is_chosen {
            chosen = Some(lines.len());
        }
        // The mark and "(in use)" are visible without colour.
        let style = if is_chosen { scene.theme.strong } else { Style::new() };
        let used = if row.in_use { format!("  ({})", words.in_use) } else { String::new() };
        let detail = if row.detail.is_empty() { String::new() } else { format!("  {}", row.detail) };
        let room = columns.saturating_sub(2 + width(&used));
        let detail = if width(&row.label) + width(&detail) <= room { detail } else { String::new() };
        let label = truncate(&row.label, room.saturating_sub(width(&detail))).into_owned();
        lines.push(Line::from(vec![
            Span::styled(mark(is_chosen), style),
            Span::styled(label, style),
            Span::styled(used, scene.theme.dim),
            Span::styled(detail, scene.theme.dim),
        ]));
    }
    (lines, chosen)
}
