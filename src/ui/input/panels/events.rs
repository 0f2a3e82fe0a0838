//! Key handler of the events panel.

use crate::markdown::wrap::fold;
use crate::ui::event_log::{EventLog, WireEvent};
use crate::ui::input::panels::key::{PanelEffect, PanelKey};
use crate::ui::input::panels::list::ListPosition;
use crate::ui::text::json;
use crate::ui::text::language::strings::PanelStrings;
use crate::ui::text::sanitize::displayable;

/// The panel with protocol events, the newest last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventsPanel {
    /// Number of the chosen line; none follows the newest.
    pub chosen: Option<u64>,
    /// What the type of an event must contain.
    pub filter: String,
    /// Whether keys change the filter.
    pub is_filtering: bool,
    /// Number of the first line that is not shown, while paused.
    pub paused_at: Option<u64>,
    /// The JSON of an event.
    pub detail: Option<EventDetail>,
}

/// The JSON of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventDetail {
    /// Lines, displayable and without keys.
    pub lines: Vec<String>,
    /// First visible line.
    pub top: ListPosition,
}

impl EventDetail {
    /// Returns the JSON of an event as indented lines of a number of columns; `redact` removes keys.
    pub fn of(
        event: &WireEvent,
        (columns, words): (usize, &PanelStrings),
        redact: impl Fn(&str) -> String,
    ) -> Self {
        let text = match &event.json {
            Some(json) => {
                let json = redact(json);
                let value = serde_json::from_str::<serde_json::Value>(&json);
                value.map_or_else(|_| json.clone(), |value| json::pretty(&value))
            }
            None => (words.not_kept)(event.bytes),
        };
        let text = displayable(&text);
        let rows = text.lines().flat_map(|line| fold(line, columns).into_iter().map(|range| &line[range]));
        let lines = rows.map(str::to_owned).collect();
        Self { lines, top: ListPosition::default() }
    }
}

impl EventsPanel {
    /// Returns the first line number that is not shown.
    pub fn end(&self) -> u64 {
        self.paused_at.unwrap_or(u64::MAX)
    }

    /// Returns whether new events are visible.
    pub fn is_live(&self) -> bool {
        self.paused_at.is_none() && self.detail.is_none()
    }

    /// Handles a key.
    pub fn key(&mut self, key: PanelKey, log: &mut EventLog) -> PanelEffect {
        if let Some(detail) = &mut self.detail {
            detail.top.step(key, detail.lines.len());
            if matches!(key, PanelKey::Esc | PanelKey::Enter) {
                self.detail = None;
            }
            return PanelEffect::None;
        }
        if self.is_filtering && self.filter_key(key) {
            return PanelEffect::None;
        }
        match key {
            PanelKey::Esc if self.filter.is_empty() => return PanelEffect::Close,
            PanelKey::Esc => self.filter.clear(),
            PanelKey::Type('/' | 'f') => self.is_filtering = true,
            PanelKey::Type('p' | ' ') => {
                self.paused_at = if self.paused_at.is_some() { None } else { Some(log.seal()) };
            }
            PanelKey::Enter => {
                let number =
                    self.chosen.or_else(|| log.lines(self.end(), &self.filter).next_back()?.number.into());
                return number.map_or(PanelEffect::None, PanelEffect::ShowEvent);
            }
            PanelKey::Move(_)
            | PanelKey::Left
            | PanelKey::Right
            | PanelKey::Backspace
            | PanelKey::Type(_) => self.choose(key, log),
        }
        PanelEffect::None
    }

    /// Handles a key of the filter. Returns whether it belongs to it.
    fn filter_key(&mut self, key: PanelKey) -> bool {
        match key {
            PanelKey::Type(character) => self.filter.push(character.to_ascii_lowercase()),
            PanelKey::Backspace => drop(self.filter.pop()),
            PanelKey::Enter => self.is_filtering = false,
            PanelKey::Esc => {
                self.is_filtering = false;
                self.filter.clear();
            }
            PanelKey::Move(_) | PanelKey::Left | PanelKey::Right => return false,
        }
        true
    }

    /// Chooses another line; after the last one the newest is followed.
    fn choose(&mut self, key: PanelKey, log: &EventLog) {
        let numbers: Vec<u64> = log.lines(self.end(), &self.filter).map(|line| line.number).collect();
        let chosen =
            self.chosen.map_or(usize::MAX, |number| numbers.partition_point(|other| *other < number));
        let mut list = ListPosition::at(chosen);
        if list.step(key, numbers.len()) {
            let row = list.row(numbers.len());
            self.chosen = numbers.get(row).copied().filter(|_| row + 1 < numbers.len());
        }
    }
}
