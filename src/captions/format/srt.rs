//! SubRip.
//!
//! It has no escapes: what a parser would take for the end of a cue or a tag is made harmless.

use crate::captions::cue::{Cue, CueSpan};
use crate::captions::format::time::clock;

pub(super) fn cue(number: u64, cue: &Cue) -> String {
    let CueSpan { start, end } = cue.span;
    let name = cue.speaker.as_ref().filter(|_| cue.is_new_speaker).map(|name| format!("{name}: "));
    let text = name.unwrap_or_default() + &cue.lines.join("\n");
    format!("{number}\n{} --> {}\n{}\n\n", clock(start, ','), clock(end, ','), harmless(&text))
}

/// Replaces arrows, and separates `<` from what would make it a tag, by a zero-width space.
fn harmless(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    let mut characters = text.replace("-->", "->").chars().collect::<Vec<_>>().into_iter().peekable();
    while let Some(character) = characters.next() {
        harmless.push(character);
        let begins_tag = |next: &char| next.is_ascii_alphabetic() || *next == '/';
        if character == '<' && characters.peek().is_some_and(begins_tag) {
            harmless.push('\u{200b}');
        }
    }
    harmless
}
