//! Makes cues of turns as they come: readable, in order, without overlap, and each final once it is returned.

use std::time::Duration;

use crate::captions::cue::{
    Cue, CueSpan, MAX_DURATION, MAX_LINGER, MIN_DURATION, MIN_GAP, Passage, Timing, Turn, rounded,
};
use crate::captions::layout::{TextBlock, blocks};
use crate::captions::line_break::breaks;
use crate::captions::text::{Text, line_width};
use crate::captions::timeline::Timeline;

/// Turns of one speaker that are closer than this may share a cue.
const JOINED_BELOW: Duration = Duration::from_millis(300);
/// How much is read in a second, in columns.
const COLUMNS_A_SECOND: f64 = 17.0;
/// The longest name of a speaker, in characters.
const MAX_NAME: usize = 20;

/// Divides turns into cues.
///
/// The latest passage is held until the time of what follows it is known, because that decides how long its last
/// cue is shown.
#[derive(Debug, Default)]
pub struct Segmenter {
    held: Option<Passage>,
    /// Until when the cues that were returned are shown.
    shown_until: Duration,
    speaker: Option<String>,
}

impl Segmenter {
    /// Continues captions whose last cue ends at `end`.
    pub fn resumed_at(end: Duration) -> Self {
        Self { shown_until: rounded(end), ..Self::default() }
    }

    /// Takes the next turn, in speaking order; returns what is final with it.
    pub fn push(&mut self, turn: Turn) -> Option<Passage> {
        let turn = Turn { speaker: turn.speaker.as_deref().map(short_name), ..turn };
        let passage = self.passage(turn);
        let Some(first) = passage.cues.first() else {
            // A turn without text shows nothing, and waits for its place in the order.
            match &mut self.held {
                Some(held) => held.turns.extend(passage.turns),
                None => return Some(passage),
            }
            return None;
        };
        let start = first.span.start;
        match self.held.take() {
            None => {
                self.held = Some(after(passage, self.shown_until));
                None
            }
            Some(held) if let Some(joined) = joined(&held, &passage) => {
                self.held = Some(joined);
                None
            }
            Some(held) => {
                let (held, end) = finished(held, Some(start));
                self.shown_until = end;
                self.held = Some(after(passage, end));
                Some(held)
            }
        }
    }

    /// Returns the passage that is held: nothing follows it, or it is wanted at once.
    pub fn finish(&mut self) -> Option<Passage> {
        let (passage, end) = finished(self.held.take()?, None);
        self.shown_until = end;
        Some(passage)
    }

    fn passage(&mut self, turn: Turn) -> Passage {
        if turn.has_failed || turn.text.trim().is_empty() {
            return Passage { turns: vec![turn], cues: Vec::new() };
        }
        let line = turn.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let turn = Turn { text: line, ..turn };
        let is_new_speaker = turn.speaker.is_some() && turn.speaker != self.speaker;
        if turn.speaker.is_some() {
            self.speaker.clone_from(&turn.speaker);
        }
        let text = Text::new(&turn.text);
        let breaks = breaks(&text);
        let timeline = Timeline::new(&turn, &text, &breaks);
        let name = turn.speaker.as_ref().filter(|_| is_new_speaker);
        let prefix = name.map_or(0, |name| line_width(name).0 + 2);
        let divided = blocks(&text, &breaks, &timeline, prefix);
        let timing = match (timeline.timing, divided.len()) {
            // The turn is one cue: its times are not estimated.
            (Timing::Estimated, 1) => turn.timing,
            (timing, _) => timing,
        };
        let cues = divided.into_iter().enumerate().map(|(index, TextBlock { span, lines })| Cue {
            span: CueSpan { start: rounded(span.start), end: rounded(span.end) },
            timing,
            lines,
            item_ids: vec![turn.item_id.clone()],
            speaker: turn.speaker.clone(),
            is_new_speaker: is_new_speaker && index == 0,
        });
        let cues = cues.collect();
        Passage { turns: vec![turn], cues }
    }
}

/// Returns a name on one line that leaves room for text.
fn short_name(name: &str) -> String {
    let name: Vec<char> = name.split_whitespace().collect::<Vec<_>>().join(" ").chars().collect();
    if name.len() <= MAX_NAME {
        return name.into_iter().collect();
    }
    name.into_iter().take(MAX_NAME - 1).chain(['…']).collect()
}

/// Joins two passages whose neighbouring cues are better read as one; nothing if they are not.
fn joined(held: &Passage, next: &Passage) -> Option<Passage> {
    let (last, first) = (held.cues.last()?, next.cues.first()?);
    let gap = first.span.start.saturating_sub(last.span.end);
    let is_short = last.span.duration() < MIN_DURATION && first.span.start < last.span.start + MIN_DURATION;
    let is_close = gap < JOINED_BELOW && last.span.duration() < MIN_DURATION;
    if first.is_new_speaker || !(is_short || is_close) {
        return None;
    }
    let span = CueSpan { start: last.span.start, end: last.span.end.max(first.span.end) };
    if span.duration() > MAX_DURATION {
        return None;
    }
    let upper = last.text();
    let name = last.speaker.as_ref().filter(|_| last.is_new_speaker);
    let prefix = name.map_or(0, |name| line_width(name).0 + 2);
    let lines = vec![upper, first.text()];
    let is_wide = |(index, line): (usize, &String)| {
        let (width, limit) = line_width(line);
        width + if index == 0 { prefix } else { 0 } > limit
    };
    if lines.iter().enumerate().any(is_wide) {
        return None;
    }
    let timing = last.timing.max(first.timing);
    let item_ids = last.item_ids.iter().chain(&first.item_ids).cloned().collect();
    let cue = Cue { span, timing, lines, item_ids, ..last.clone() };
    let mut passage = held.clone();
    passage.turns.extend(next.turns.iter().cloned());
    passage.cues.pop();
    passage.cues.push(cue);
    passage.cues.extend(next.cues.iter().skip(1).cloned());
    let start = passage.cues.first()?.span.start;
    Some(after(passage, start))
}

/// Moves the cues of a passage behind what is shown before it, and apart from each other.
fn after(mut passage: Passage, shown_until: Duration) -> Passage {
    let mut earliest = shown_until;
    for cue in &mut passage.cues {
        let span = &mut cue.span;
        span.start = span.start.max(earliest);
        span.end = span.end.max(span.start + Duration::from_millis(1));
        // Each is shown for long enough, and the next one begins later for it.
        earliest = span.start + MIN_DURATION;
    }
    passage
}

/// Decides until when each cue is shown; returns the end of the last one, too.
fn finished(mut passage: Passage, next: Option<Duration>) -> (Passage, Duration) {
    let starts: Vec<Duration> = passage.cues.iter().map(|cue| cue.span.start).collect();
    let mut end = Duration::ZERO;
    for (index, cue) in passage.cues.iter_mut().enumerate() {
        let next = starts.get(index + 1).copied().or(next);
        cue.span.end = shown_until(cue, next);
        end = cue.span.end;
    }
    (passage, end)
}

/// Returns until when a cue is shown: long enough to be read, and without a short gap before the next one.
fn shown_until(cue: &Cue, next: Option<Duration>) -> Duration {
    let CueSpan { start, end } = cue.span;
    let latest = start + MAX_DURATION;
    let needed = start + MIN_DURATION;
    let columns: usize = cue.lines.iter().map(|line| line_width(line).0).sum();
    let read = start + Duration::from_millis((columns as f64 * 1_000.0 / COLUMNS_A_SECOND) as u64);
    let comfortable = read.min(end + MAX_LINGER).max(end).max(needed);
    // What follows never begins earlier than this, so that an overlap shortens no cue below what is needed.
    let next = next.map(|next| next.max(needed));
    let until = match next {
        None => comfortable,
        Some(next) if next < needed.max(end) + MIN_GAP => next,
        Some(next) => comfortable.min(next - MIN_GAP),
    };
    until.min(latest)
}
