//! Turns of the user on one connection in speaking order, and the attribution of events to them.
//!
//! An event without an id belongs to the first turn that still lacks such an event. An unknown id names such a
//! turn if it has none.

use std::collections::VecDeque;

use crate::session::connection::ids::ItemIds;
use crate::session::conversation::streamed_text::same_text;

/// Maximum number of turns for which events are still expected.
const CAPACITY: usize = 256;

/// Step of a turn that an event reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// `speech_started`.
    Started,
    /// `speech_stopped`.
    Stopped,
    /// `committed`.
    Committed,
    /// `conversation.item.added` or `.created`.
    ItemAdded,
    /// `conversation.item.done`.
    ItemDone,
    /// A caption delta.
    Caption,
    /// The complete caption, empty if it failed.
    CaptionDone(&'a str),
}

/// Turns of one connection.
#[derive(Debug, Default)]
pub(super) struct ConnectionTurns {
    list: VecDeque<PlacedTurn>,
}

#[derive(Debug, Default)]
struct PlacedTurn {
    id: String,
    server_id: Option<String>,
    is_started: bool,
    is_stopped: bool,
    is_committed: bool,
    has_item: bool,
    is_item_done: bool,
    /// The complete caption, once received.
    caption: Option<String>,
}

impl PlacedTurn {
    /// Returns whether an event with the turn's id belongs to a later turn that reuses the id.
    fn is_over_for(&self, step: Step<'_>) -> bool {
        let captioned = self.caption.is_some();
        match step {
            Step::Started => captioned || self.is_stopped || self.is_committed,
            Step::Committed => captioned && self.is_committed,
            Step::CaptionDone(text) => self.caption.as_ref().is_some_and(|known| !same_text(known, text)),
            Step::Stopped | Step::ItemAdded | Step::ItemDone | Step::Caption => false,
        }
    }

    fn note(&mut self, step: Step<'_>) {
        match step {
            Step::Started => self.is_started = true,
            Step::Stopped => self.is_stopped = true,
            Step::Committed => self.is_committed = true,
            Step::ItemAdded => self.has_item = true,
            Step::ItemDone => self.is_item_done = true,
            Step::Caption => {}
            Step::CaptionDone(text) => drop(self.caption.get_or_insert_with(|| text.to_owned())),
        }
    }
}

impl ConnectionTurns {
    /// Returns the id of the turn of an event; `named` is the server's id, if any.
    pub(super) fn resolve(&mut self, ids: &mut ItemIds, named: Option<&str>, step: Step<'_>) -> String {
        let index = match named.and_then(|server_id| self.find(server_id)) {
            Some(index) if !self.list[index].is_over_for(step) => Some(index),
            Some(_) => None,
            None => self.lacking(step, named.is_some()),
        };
        let index = index.unwrap_or_else(|| {
            let id = match named {
                Some(server_id) => ids.begin(server_id),
                None => ids.begin_unnamed("item"),
            };
            self.push(id)
        });
        let turn = &mut self.list[index];
        if let (None, Some(server_id)) = (&turn.server_id, named) {
            turn.server_id = Some(server_id.to_owned());
            ids.bind(&turn.id, server_id);
        }
        turn.note(step);
        turn.id.clone()
    }

    fn push(&mut self, id: String) -> usize {
        if self.list.len() == CAPACITY {
            self.list.pop_front();
        }
        self.list.push_back(PlacedTurn { id, ..PlacedTurn::default() });
        self.list.len() - 1
    }

    fn find(&self, server_id: &str) -> Option<usize> {
        self.list.iter().rposition(|turn| turn.server_id.as_deref() == Some(server_id))
    }

    /// Returns the id of the latest turn with this server id.
    pub(super) fn id_of(&self, server_id: &str) -> Option<&str> {
        self.find(server_id).map(|index| self.list[index].id.as_str())
    }

    /// Returns the turn that still lacks an event of this kind.
    fn lacking(&self, step: Step<'_>, unnamed_only: bool) -> Option<usize> {
        let candidates = || {
            let turns = self.list.iter().enumerate();
            turns.filter(move |(_, turn)| !unnamed_only || turn.server_id.is_none())
        };
        // Events of one kind arrive in speaking order.
        let after_last = |has: fn(&PlacedTurn) -> bool| {
            let next = self.list.iter().rposition(has).map_or(0, |last| last + 1);
            candidates().find(|(index, _)| *index >= next).map(|(index, _)| index)
        };
        match step {
            Step::Started => None,
            Step::Stopped => {
                candidates().rfind(|(_, turn)| turn.is_started && !turn.is_stopped).map(|(index, _)| index)
            }
            Step::Committed => after_last(|turn| turn.is_committed),
            Step::ItemAdded => after_last(|turn| turn.has_item),
            Step::ItemDone => after_last(|turn| turn.is_item_done),
            Step::Caption | Step::CaptionDone(_) => {
                let is_item = |turn: &PlacedTurn| turn.is_committed || turn.has_item || turn.is_item_done;
                let next = candidates().find(|(_, turn)| is_item(turn) && turn.caption.is_none());
                // Some servers never commit.
                next.map(|(index, _)| index).or_else(|| after_last(|turn| turn.caption.is_some()))
            }
        }
    }

    /// Gives the turn before `of` a server id; returns its id unless it has another.
    pub(super) fn name_predecessor(
        &mut self,
        ids: &mut ItemIds,
        server_id: &str,
        of: &str,
    ) -> Option<String> {
        let index = self.list.iter().rposition(|turn| turn.id == of)?.checked_sub(1)?;
        let turn = self.list.get_mut(index).filter(|turn| turn.server_id.is_none())?;
        turn.server_id = Some(server_id.to_owned());
        ids.bind(&turn.id, server_id);
        Some(turn.id.clone())
    }
}
