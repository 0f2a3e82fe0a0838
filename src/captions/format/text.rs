//! Plain text: a line for each turn.

use crate::captions::cue::Turn;
use crate::captions::format::new_speaker;

pub(super) fn turn(turn: &Turn, last_speaker: &mut Option<String>) -> String {
    if turn.has_failed || turn.text.is_empty() {
        return String::new();
    }
    match new_speaker(turn.speaker.as_deref(), last_speaker) {
        Some(name) => format!("{name}: {}\n", turn.text),
        None => format!("{}\n", turn.text),
    }
}
