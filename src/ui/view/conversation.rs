//! Conversation: bubbles of both sides, or labelled lines on small screens.

use ratatui::Frame;
use ratatui::layout::{Rect, Size};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Clear;

use crate::markdown::wrap::{width, wrap};
use crate::session::io::ConnectionState;
use crate::ui::input::editor::DrawResult;
use crate::ui::input::push_to_talk::ReleaseEvents;
use crate::ui::model::{SpeakerRole, TurnEntry};
use crate::ui::text::wrap::cluster_start;
use crate::ui::view::row::{self, RowAlignment, line_width};
use crate::ui::view::state::ScreenState;
use crate::ui::view::theme::Theme;

/// Smallest screen for bubbles; below it, frames take too much space.
const MIN_FOR_BUBBLES: Size = Size::new(56, 16);

/// Layout of an entry.
#[derive(Clone, Copy)]
enum EntryLayout {
    Bubbles,
    Lines,
}

/// Widest text in columns; longer lines are hard to read.
const MAX_TEXT_WIDTH: usize = 80;

/// Columns of a frame and its padding.
const FRAME: usize = 4;

/// Draws the end of the conversation, or the part scrolled to.
pub fn draw(frame: &mut Frame, area: Rect, scene: &ScreenState) -> DrawResult {
    let page = usize::from(area.height);
    if area.is_empty() {
        return DrawResult { page, ..DrawResult::default() };
    }
    if scene.model.entries.iter().all(|entry| is_empty(entry)) {
        draw_welcome(frame, area, scene);
        return DrawResult { page, ..DrawResult::default() };
    }
    let screen = frame.area();
    let has_room = screen.width >= MIN_FOR_BUBBLES.width && screen.height >= MIN_FOR_BUBBLES.height;
    let layout = if has_room { EntryLayout::Bubbles } else { EntryLayout::Lines };
    let (rows, drawn) = visible_rows(area, layout, scene);
    let top = area.bottom() - u16::try_from(rows.len()).unwrap_or(area.height);
    let visible = Rect { y: top, height: area.bottom() - top, ..area };
    row::draw_all(frame, visible, &rows, RowAlignment::Left);
    if drawn.scroll > 0 {
        draw_lines_below(frame, area, (drawn.scroll, scene.theme));
    }
    drawn
}

/// Draws the number of lines below, at the end of the last row.
fn draw_lines_below(frame: &mut Frame, area: Rect, (below, theme): (usize, &Theme)) {
    let more = format!(" ↓ {below} more ");
    let wide = u16::try_from(width(&more)).unwrap_or(u16::MAX).min(area.width);
    let place = Rect { x: area.right() - wide, y: area.bottom() - 1, width: wide, height: 1 };
    if place.x > area.x {
        // A wide character before it must not overlap.
        let before = &mut frame.buffer_mut()[(place.x - 1, place.y)];
        if width(before.symbol()) > 1 {
            before.set_symbol(" ");
        }
    }
    frame.render_widget(Clear, place);
    row::draw(frame, place, &Line::styled(more, theme.muted), RowAlignment::Left);
}

/// Lays out entries from the end: only the visible ones, or all while scrolled, so that the view stays in place
/// when lines are added.
fn visible_rows(area: Rect, layout: EntryLayout, scene: &ScreenState) -> (Vec<Line<'static>>, DrawResult) {
    let page = usize::from(area.height);
    let is_scrolled = scene.editor.scroll > 0;
    let mut parts = Vec::new();
    let mut total = 0;
    for entry in scene.model.entries.iter().rev().filter(|entry| !is_empty(entry)) {
        let room = usize::from(area.width);
        let rows = match layout {
            EntryLayout::Bubbles => bubble(entry, room, scene.theme),
            EntryLayout::Lines => StyledText::of(entry, scene.theme, Label::Inside).rows(room),
        };
        total += rows.len();
        parts.push(rows);
        if total >= page && !is_scrolled {
            break;
        }
    }
    let grown = scene.editor.total.map_or(0, |before| total.saturating_sub(before));
    let requested = if is_scrolled { scene.editor.scroll.saturating_add(grown) } else { 0 };
    let scroll = requested.min(total.saturating_sub(page));
    let visible = total.min(page);
    let first = total - scroll - visible;
    let rows = parts.into_iter().rev().flatten().skip(first).take(visible).collect();
    (rows, DrawResult { page, scroll, total: (scroll > 0).then_some(total), ..DrawResult::default() })
}

/// An empty transcript keeps its place but is not shown.
fn is_empty(entry: &TurnEntry) -> bool {
    entry.text.trim().is_empty() && entry.is_final
}

fn bubble(entry: &TurnEntry, room: usize, theme: &Theme) -> Vec<Line<'static>> {
    let (name, style) = name(entry.speaker, theme);
    let rows = StyledText::of(entry, theme, Label::Outside).rows(MAX_TEXT_WIDTH.min(room * 3 / 4 - FRAME));
    let inner = rows.iter().map(line_width).max().unwrap_or(0).max(width(name) + 1);
    let indent = match entry.speaker {
        SpeakerRole::User => room.saturating_sub(inner + FRAME + 1),
        SpeakerRole::Assistant => 1,
    };
    let indent = " ".repeat(indent);
    let top = format!("{indent}╭ {name} {}╮", "─".repeat(inner - width(name)));
    let bottom = format!("{indent}╰{}╯", "─".repeat(inner + 2));
    let mut lines = vec![Line::styled(top, style)];
    for row in rows {
        let rest = inner - line_width(&row);
        let mut spans = vec![Span::styled(format!("{indent}│ "), style)];
        spans.extend(row.spans);
        spans.push(Span::styled(format!("{} │", " ".repeat(rest)), style));
        lines.push(Line::from(spans));
    }
    lines.push(Line::styled(bottom, style));
    lines
}

fn name(speaker: SpeakerRole, theme: &Theme) -> (&'static str, Style) {
    match speaker {
        SpeakerRole::User => ("You", theme.user),
        SpeakerRole::Assistant => ("Assistant", theme.assistant),
    }
}

/// Position of the speaker's name.
#[derive(Clone, Copy)]
enum Label {
    Inside,
    Outside,
}

/// Text in segments of one style each.
#[derive(Default)]
struct StyledText {
    text: String,
    /// End and style of each segment.
    segments: Vec<(usize, Style)>,
}

impl StyledText {
    fn of(entry: &TurnEntry, theme: &Theme, label: Label) -> Self {
        let mut styled = Self::default();
        let (name, style) = name(entry.speaker, theme);
        match label {
            Label::Inside => styled.push(&format!("{name}: "), style.patch(theme.strong)),
            Label::Outside => {}
        }
        let (played, unplayed) = entry.text.split_at(cluster_start(&entry.text, entry.unplayed_from()));
        styled.push(played, Style::new());
        styled.push(unplayed, theme.unplayed);
        // Not every terminal supports strike-through.
        let suffix = match (unplayed.is_empty(), entry.interrupted) {
            (false, _) => " (not heard)",
            (true, true) => " (interrupted)",
            (true, false) if entry.text.trim().is_empty() => "…",
            (true, false) => "",
        };
        styled.push(suffix, theme.dim);
        styled
    }

    fn push(&mut self, text: &str, style: Style) {
        self.text.push_str(text);
        self.segments.push((self.text.len(), style));
    }

    fn rows(&self, room: usize) -> Vec<Line<'static>> {
        wrap(&self.text, room)
            .into_iter()
            .map(|range| {
                let mut line = Line::default();
                let mut start = range.start;
                for (end, style) in &self.segments {
                    let end = (*end).min(range.end);
                    if start < end {
                        line.push_span(Span::styled(self.text[start..end].to_owned(), *style));
                        start = end;
                    }
                }
                line
            })
            .collect()
    }
}

/// Draws instructions while the conversation is empty.
fn draw_welcome(frame: &mut Frame, area: Rect, scene: &ScreenState) {
    let model = scene.model;
    let text = match (model.connection, model.ready.is_some() && model.ended.is_none()) {
        (ConnectionState::Live, true) if model.info.manual_turns => {
            match scene.editor.push_to_talk.release_events() {
                ReleaseEvents::Supported => "Hold Space while you speak; release it to get an answer.",
                ReleaseEvents::Unsupported => "Press Space to speak and again to get an answer.",
            }
        }
        (ConnectionState::Live, true) if model.info.text_only => "Type a message and press Enter.",
        (ConnectionState::Live, true) if model.info.demo => "Built-in demo. Speak, or type and press Enter.",
        (ConnectionState::Live, true) => "Speak, or type and press Enter.",
        (
            ConnectionState::Connecting
            | ConnectionState::Configuring
            | ConnectionState::Live
            | ConnectionState::Reconnecting
            | ConnectionState::Closing
            | ConnectionState::Closed,
            _,
        ) => return,
    };
    let lines: Vec<_> = wrap(text, usize::from(area.width))
        .into_iter()
        .map(|range| Line::styled(&text[range], scene.theme.dim))
        .collect();
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX).min(area.height);
    let middle = Rect { y: area.y + (area.height - height) / 2, height, ..area };
    row::draw_all(frame, middle, &lines, RowAlignment::Center);
}
