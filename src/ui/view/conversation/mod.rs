//! Conversation: bars and labels of both sides, notices between them, and the part of it that is visible.

mod markdown;
mod entry;
mod search;

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;
use std::sync::Arc;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Clear;

use crate::keys::action::Action;
use crate::markdown::wrap::{width, wrap};
use crate::session::io::ConnectionState;
use crate::ui::input::editor::DrawResult;
use crate::ui::input::push_to_talk::ReleaseEvents;
use crate::ui::model::{SpeakerRole, TurnEntry};
use crate::ui::text::wording;
use crate::ui::view::conversation::entry::{BAR_WIDTH, EntryRows};
use crate::ui::view::row::{self, RowAlignment};
use crate::ui::view::state::ScreenState;
use crate::ui::view::theme::Theme;

/// Widest text in columns; longer lines are hard to read.
const MAX_TEXT_WIDTH: usize = 76;

/// Fewest rows with blank lines between utterances.
const MIN_FOR_GAPS: usize = 8;

/// Layouts kept in memory; those out of sight are dropped beyond it.
const MAX_BODIES: usize = 200;

/// Layout of the conversation, kept between frames: each entry is laid out once per change and width.
#[derive(Debug, Default)]
pub struct ConversationLayout {
    columns: usize,
    has_gaps: bool,
    entries: HashMap<u64, EntryRows>,
    bodies: usize,
    frame: u64,
    /// First visible row while scrolled: the number of its entry, and the row in it.
    top: Option<(u64, usize)>,
    /// Rows below the visible ones, by the last frame.
    scroll: usize,
    /// Where the words that are searched for were found last.
    last_match: Option<(u64, usize)>,
    /// Number of the newest entry when the end was last visible.
    newest_seen: Option<u64>,
}

/// A row of the conversation: the index of its entry, and the row in it, counted from the gap above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RowPlace {
    index: usize,
    row: usize,
}

/// Draws the end of the conversation, or the part scrolled to.
pub fn draw(
    frame: &mut Frame,
    area: Rect,
    scene: &ScreenState,
    layout: &mut ConversationLayout,
) -> DrawResult {
    let page = usize::from(area.height);
    let drawn = DrawResult { page, scroll: scene.editor.scroll, ..DrawResult::default() };
    if area.is_empty() {
        return drawn;
    }
    layout.begin_frame(area);
    let found = layout.found(scene);
    let (mut rows, scroll) = layout.visible_rows(page, found.flatten(), scene);
    search::mark(&mut rows, scene);
    let top = area.bottom() - u16::try_from(rows.len()).unwrap_or(area.height);
    let is_turn = |entry: &Arc<TurnEntry>| entry.speaker != SpeakerRole::Program && !is_empty(entry);
    if !scene.model.entries.iter().any(is_turn) {
        draw_welcome(frame, Rect { height: top - area.y, ..area }, scene);
    }
    row::draw_all(frame, Rect { y: top, height: area.bottom() - top, ..area }, &rows, RowAlignment::Left);
    if scroll > 0 {
        let words = &scene.model.strings().conversation;
        let below = match layout.unseen(scene) {
            0 => (words.more_below)(scroll),
            unseen => (words.new_below)(unseen),
        };
        draw_below(frame, area, &format!(" {below} "), scene.theme);
    }
    DrawResult { scroll, found: found.map(|place| place.is_some()), ..drawn }
}

/// Draws what is below, at the end of the last row.
fn draw_below(frame: &mut Frame, area: Rect, below: &str, theme: &Theme) {
    let wide = u16::try_from(width(below)).unwrap_or(u16::MAX).min(area.width);
    let place = Rect { x: area.right() - wide, y: area.bottom() - 1, width: wide, height: 1 };
    if place.x > area.x {
        // A wide character before it must not overlap.
        let before = &mut frame.buffer_mut()[(place.x - 1, place.y)];
        if width(before.symbol()) > 1 {
            before.set_symbol(" ");
        }
    }
    frame.render_widget(Clear, place);
    row::draw(frame, place, &Line::styled(below, theme.muted), RowAlignment::Left);
}

/// An empty transcript keeps its place but is not shown.
fn is_empty(entry: &TurnEntry) -> bool {
    entry.text.trim().is_empty() && entry.is_final
}

impl ConversationLayout {
    fn begin_frame(&mut self, area: Rect) {
        let columns = usize::from(area.width).saturating_sub(BAR_WIDTH).clamp(1, MAX_TEXT_WIDTH);
        if self.columns != columns {
            self.columns = columns;
            self.entries.clear();
            self.bodies = 0;
        }
        self.has_gaps = usize::from(area.height) >= MIN_FOR_GAPS;
        self.frame += 1;
    }

    /// Returns the visible rows, from `found` on if there is one, and the number of rows below them.
    fn visible_rows(
        &mut self,
        page: usize,
        found: Option<RowPlace>,
        scene: &ScreenState,
    ) -> (Vec<Line<'static>>, usize) {
        let last = scene.model.entries.len().saturating_sub(1);
        let end = RowPlace { index: last, row: self.height(last, scene) };
        let end_page = self.up(end, page, scene);
        let is_at_end = scene.editor.scroll == 0 && found.is_none();
        let top = match found {
            Some(found) if (found.index, found.row) < (end_page.index, end_page.row) => found,
            Some(_) => end_page,
            None if is_at_end => end_page,
            None => self.scrolled_top(end_page, scene),
        };
        let mut rows = Vec::new();
        let mut below = 0;
        for index in top.index..scene.model.entries.len() {
            let first = if index == top.index { top.row } else { 0 };
            let height = self.height(index, scene);
            let taken = (height - first.min(height)).min(page - rows.len());
            if taken > 0 {
                rows.extend(self.entry_rows(index, first..first + taken, scene));
            }
            below += height - first.min(height) - taken;
            if rows.len() == page && is_at_end {
                break;
            }
        }
        // The last page is followed again.
        self.top =
            scene.model.entries.get(top.index).filter(|_| below > 0).map(|entry| (entry.number, top.row));
        self.scroll = below;
        if below == 0 {
            self.newest_seen = Some(scene.model.entries_added());
        }
        self.free_memory();
        (rows, below)
    }

    /// Returns the first visible row while scrolled: that of the last frame, moved by what was scrolled since.
    fn scrolled_top(&mut self, end_page: RowPlace, scene: &ScreenState) -> RowPlace {
        let entries = &scene.model.entries;
        let before = self.top.and_then(|(number, row)| {
            let index = entries.iter().rposition(|entry| entry.number == number)?;
            Some(RowPlace { index, row })
        });
        let (before, scroll) = before.map_or((end_page, 0), |place| (place, self.scroll));
        let requested = scene.editor.scroll;
        let top = if requested >= scroll {
            self.up(before, requested - scroll, scene)
        } else {
            self.down(before, scroll - requested, scene)
        };
        if (top.index, top.row) < (end_page.index, end_page.row) { top } else { end_page }
    }

    fn up(&mut self, from: RowPlace, rows: usize, scene: &ScreenState) -> RowPlace {
        let (mut place, mut left) = (from, rows);
        while left > place.row && place.index > 0 {
            left -= place.row;
            place.index -= 1;
            place.row = self.height(place.index, scene);
        }
        RowPlace { row: place.row.saturating_sub(left), ..place }
    }

    fn down(&mut self, from: RowPlace, rows: usize, scene: &ScreenState) -> RowPlace {
        let (mut place, mut left) = (from, rows);
        loop {
            let rest = self.height(place.index, scene).saturating_sub(place.row);
            if left < rest || place.index + 1 >= scene.model.entries.len() {
                return RowPlace { row: place.row + left.min(rest), ..place };
            }
            left -= rest;
            place = RowPlace { index: place.index + 1, row: 0 };
        }
    }

    /// Returns the rows of an entry with the gap above it.
    fn height(&mut self, index: usize, scene: &ScreenState) -> usize {
        match scene.model.entries.get(index) {
            Some(entry) if !is_empty(entry) => self.gap(index, scene) + self.entry(entry, scene).height(),
            Some(_) | None => 0,
        }
    }

    /// Returns the blank lines above an entry: notices stand together.
    fn gap(&self, index: usize, scene: &ScreenState) -> usize {
        let entries = &scene.model.entries;
        let before = entries[..index].iter().rev().find(|entry| !is_empty(entry));
        let is_notice = |entry: &TurnEntry| entry.speaker == SpeakerRole::Program;
        let has_gap = before.is_some_and(|before| !is_notice(before) || !is_notice(&entries[index]));
        usize::from(self.has_gaps && has_gap)
    }

    fn entry(&mut self, entry: &Arc<TurnEntry>, scene: &ScreenState) -> &mut EntryRows {
        let (columns, theme) = (self.columns, scene.theme);
        let words = &scene.model.strings().conversation;
        match self.entries.entry(entry.number) {
            Entry::Occupied(known) => {
                let known = known.into_mut();
                known.update(entry, columns, (theme, words));
                known
            }
            Entry::Vacant(vacant) => {
                self.bodies += 1;
                vacant.insert(EntryRows::new(entry, columns, (theme, words)))
            }
        }
    }

    /// Returns rows of an entry, counted from the gap above it.
    fn entry_rows(&mut self, index: usize, range: Range<usize>, scene: &ScreenState) -> Vec<Line<'static>> {
        let gap = self.gap(index, scene);
        let blank = gap.min(range.end) - gap.min(range.start);
        let mut rows = vec![Line::default(); blank];
        let entry = &scene.model.entries[index];
        let start = scene.model.began_at.unwrap_or_default();
        let clock = wording::minutes(entry.at.saturating_sub(start));
        let (columns, frame) = (self.columns, self.frame);
        let words = &scene.model.strings().conversation;
        let laid_out = self.entry(entry, scene);
        let range = range.start.saturating_sub(gap)..range.end.saturating_sub(gap);
        rows.extend(laid_out.rows(range, columns, (scene.theme, &clock, words)));
        laid_out.drawn_in = frame;
        rows
    }

    /// Returns how many entries were added since the end was visible.
    fn unseen(&self, scene: &ScreenState) -> u64 {
        self.newest_seen.map_or(0, |seen| scene.model.entries_added().saturating_sub(seen))
    }

    /// Drops layouts that are out of sight, if there are many. Their heights are kept.
    fn free_memory(&mut self) {
        if self.bodies > MAX_BODIES {
            let frame = self.frame;
            self.entries.values_mut().filter(|rows| rows.drawn_in < frame).for_each(EntryRows::drop_body);
            self.bodies = 0;
        }
    }
}

/// Draws instructions while the conversation is empty.
fn draw_welcome(frame: &mut Frame, area: Rect, scene: &ScreenState) {
    let model = scene.model;
    let words = &model.strings().conversation;
    let talk = scene.editor.key_label(Action::Talk);
    let text: Cow<'_, str> = match (model.connection, model.ready.is_some() && model.ended.is_none()) {
        (ConnectionState::Live, true) if model.info.manual_turns => {
            match scene.editor.push_to_talk.release_events() {
                ReleaseEvents::Supported => (words.hold_to_speak)(&talk).into(),
                ReleaseEvents::Unsupported => (words.press_to_speak)(&talk).into(),
            }
        }
        (ConnectionState::Live, true) | (ConnectionState::Disconnected, _) if model.info.text_only => {
            words.type_and_press_enter.into()
        }
        (ConnectionState::Disconnected, _) => {
            (model.strings().modes.press_to_call)(&scene.editor.key_label(Action::SwitchCall)).into()
        }
        (ConnectionState::Live, true) if model.info.captions => words.captions_appear.into(),
        (ConnectionState::Live, true) if model.info.demo => words.demo_speak_or_type.into(),
        (ConnectionState::Live, true) => words.speak_or_type.into(),
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
    let lines: Vec<_> = wrap(&text, usize::from(area.width))
        .into_iter()
        .map(|range| Line::styled(&text[range], scene.theme.dim))
        .collect();
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX).min(area.height);
    let middle = Rect { y: area.y + (area.height - height) / 2, height, ..area };
    row::draw_all(frame, middle, &lines, RowAlignment::Center);
}
