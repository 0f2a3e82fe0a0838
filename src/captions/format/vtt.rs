//! WebVTT.

use crate::captions::cue::{Cue, CueSpan};
use crate::captions::format::time::clock;

pub(super) fn cue(cue: &Cue) -> String {
    let CueSpan { start, end } = cue.span;
    // Some players end the tag at any `>`, an escaped one included.
    let quoted = |name: &String| escaped(&name.replace('<', "‹").replace('>', "›"));
    let voice = cue.speaker.as_ref().map(|name| format!("<v {}>", quoted(name))).unwrap_or_default();
    let text = escaped(&cue.lines.join("\n"));
    format!("{} --> {}\n{voice}{text}\n\n", clock(start, '.'), clock(end, '.'))
}

/// Escapes what WebVTT reserves, and marks that show nothing.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\u{200e}' => escaped.push_str("&lrm;"),
            '\u{200f}' => escaped.push_str("&rlm;"),
            '\u{a0}' => escaped.push_str("&nbsp;"),
            _ => escaped.push(character),
        }
    }
    escaped
}
