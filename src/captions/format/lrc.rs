//! LRC: a line of lyrics has a beginning only; an empty line ends it before a long pause.

use std::time::Duration;

use crate::captions::cue::{Cue, CueSpan};

/// The pause after which nothing is to be shown.
const LONG_PAUSE: Duration = Duration::from_secs(2);

/// Remembers when the last line ended.
#[derive(Debug, Default)]
pub(super) struct Lyrics {
    end: Option<Duration>,
}

impl Lyrics {
    pub(super) fn cue(&mut self, cue: &Cue) -> String {
        let CueSpan { start, end } = cue.span;
        let pause = self.end.filter(|last| start.saturating_sub(*last) >= LONG_PAUSE);
        self.end = Some(end);
        let blank = pause.map(|last| format!("{}\n", stamp(last))).unwrap_or_default();
        let name = cue.speaker.as_ref().filter(|_| cue.is_new_speaker).map(|name| format!("{name}: "));
        let text = name.unwrap_or_default() + &cue.text();
        // A text that begins like a time would be taken for one.
        let rest = text.strip_prefix('[').unwrap_or_default();
        let guard = if rest.starts_with(|first: char| first.is_ascii_digit()) { "\u{200b}" } else { "" };
        format!("{blank}{}{guard}{text}\n", stamp(start))
    }
}

fn stamp(time: Duration) -> String {
    let centis = (time.as_millis() + 5) / 10;
    format!("[{:02}:{:02}.{:02}]", centis / 6_000, centis / 100 % 60, centis % 100)
}
