//! Markdown: a paragraph for each turn, with its time.

use crate::captions::cue::Turn;
use crate::captions::format::new_speaker;
use crate::captions::format::time::parts;

pub(super) fn turn(turn: &Turn, last_speaker: &mut Option<String>) -> String {
    if turn.has_failed || turn.text.is_empty() {
        return String::new();
    }
    let (hours, minutes, seconds, _) = parts(turn.span.start);
    let name = new_speaker(turn.speaker.as_deref(), last_speaker);
    let name = name.map(|name| format!("**{}:** ", escaped(name))).unwrap_or_default();
    format!("**[{hours:02}:{minutes:02}:{seconds:02}]** {name}{}\n\n", escaped(&turn.text))
}

/// Escapes the ASCII characters that may begin markup within a paragraph.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if r"\`*_{}[]<>()#!|~&$".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
