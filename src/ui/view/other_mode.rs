//! Status of the session that is not shown.

use crate::session::io::{ConnectionState, TurnState};
use crate::ui::model::Model;
use crate::ui::text::language::strings::ModeStrings;

/// Status of the session that is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherMode {
    /// Whether it is the conversation in writing.
    pub text_only: bool,
    /// State of its connection.
    pub connection: ConnectionState,
    /// Whose turn it is.
    pub turn: TurnState,
    /// Whether its microphone is muted.
    pub muted: bool,
    /// Whether what the microphone hears is sent, unless it is muted.
    pub is_open: bool,
    /// Whether something was added since it was shown.
    pub is_unread: bool,
}

impl OtherMode {
    /// Returns the status of a session.
    pub fn new(model: &Model, is_unread: bool) -> Self {
        let Model { connection, turn, muted, .. } = *model;
        // With manual turns, nothing is sent between turns.
        let is_open = model.can_speak && (!model.info.manual_turns || turn == TurnState::User);
        Self { text_only: model.info.text_only, connection, turn, muted, is_open, is_unread }
    }
}

/// How far a conversation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadPosition {
    entries: u64,
    /// Length of the last entry, which may grow.
    last: usize,
}

impl ReadPosition {
    /// Returns the progress of a conversation.
    pub fn of(model: &Model) -> Self {
        let last = model.entries.last().map_or(0, |entry| entry.text.len());
        Self { entries: model.entries_added(), last }
    }
}

/// Returns the mode that is not shown, the state of its connection, and whether it has news.
pub(super) fn long(words: &ModeStrings, other: OtherMode) -> String {
    let state = match (other.connection, other.turn) {
        (ConnectionState::Disconnected | ConnectionState::Closing | ConnectionState::Closed, _) => words.off,
        (ConnectionState::Connecting | ConnectionState::Configuring | ConnectionState::Reconnecting, _) => {
            words.connecting
        }
        (ConnectionState::Live, TurnState::Thinking | TurnState::Assistant) => words.answering,
        (ConnectionState::Live, TurnState::Listening | TurnState::User) => words.open,
    };
    (words.other)(mode(words, other), state) + if other.is_unread { words.news } else { "" }
}

/// Returns the same in fewer columns.
pub(super) fn short(words: &ModeStrings, other: OtherMode) -> String {
    let state = if other.connection == ConnectionState::Live { words.open } else { words.off };
    (words.other)(mode(words, other), state) + if other.is_unread { "+" } else { "" }
}

fn mode(words: &ModeStrings, other: OtherMode) -> &'static str {
    if other.text_only { words.text } else { words.call }
}
