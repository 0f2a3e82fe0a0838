//! Log of protocol events for the screen: the last lines within a bound of memory, audio folded.

use std::collections::VecDeque;
use std::time::Duration;

/// Lines that are kept.
const MAX_LINES: usize = 2_000;

/// Bytes of JSON that are kept in all.
const MAX_BYTES: usize = 4 << 20;

/// Longest JSON that is kept of one event.
pub const MAX_EVENT_BYTES: usize = 64 << 10;

/// Lines of audio at the end that further audio may be added to: both directions alternate.
const FOLDED_LINES: usize = 4;

/// Type of an event whose own is missing or too odd to be shown.
const OTHER: &str = "(other)";

/// Longest type that is shown.
const MAX_TYPE: usize = 64;

/// Direction of an event, and its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireDirection {
    /// To the endpoint.
    Out,
    /// From the endpoint.
    In,
    /// To the endpoint, on the standby connection.
    NextOut,
    /// From the endpoint, on the standby connection.
    NextIn,
}

/// An event as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireEvent {
    /// Time since the start.
    pub at: Duration,
    /// Direction.
    pub direction: WireDirection,
    /// Type by the event itself.
    pub kind: String,
    /// Length of its JSON.
    pub bytes: usize,
    /// Its JSON; none for audio and for events that are too long.
    pub json: Option<Box<str>>,
    /// Events before it that were lost, because the screen was too slow.
    pub lost: u64,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventLine {
    /// Number since the start.
    pub number: u64,
    /// How many events it stands for.
    pub count: u64,
    /// The last of them; `bytes` is their sum.
    pub event: WireEvent,
}

/// The last events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventLog {
    lines: VecDeque<EventLine>,
    /// Bytes of JSON in all lines.
    bytes: usize,
    next: u64,
    /// Lines before this one are complete.
    open_from: u64,
}

/// Returns whether events of a type carry audio, which is counted and not kept.
pub fn is_audio(kind: &str) -> bool {
    kind == "input_audio_buffer.append" || kind.ends_with("audio.delta")
}

impl EventLog {
    /// Adds an event.
    pub fn push(&mut self, mut event: WireEvent) {
        if event.kind.len() > MAX_TYPE || !event.kind.bytes().all(is_of_type) || event.kind.is_empty() {
            // A hostile endpoint could send a key or a control sequence as the type.
            event.kind = OTHER.to_owned();
        }
        if is_audio(&event.kind) && self.fold(&event) {
            return;
        }
        self.bytes += event.json.as_ref().map_or(0, |json| json.len());
        self.lines.push_back(EventLine { number: self.next, count: 1, event });
        self.next += 1;
        while self.lines.len() > MAX_LINES || self.bytes > MAX_BYTES {
            let Some(oldest) = self.lines.pop_front() else { return };
            self.bytes -= oldest.event.json.map_or(0, |json| json.len());
        }
    }

    /// Adds audio to a line of the same type, if only audio came since.
    fn fold(&mut self, event: &WireEvent) -> bool {
        let last = self.lines.iter_mut().rev().take(FOLDED_LINES);
        let mut audio = last.take_while(|line| is_audio(&line.event.kind) && line.number >= self.open_from);
        let same =
            |line: &&mut EventLine| line.event.kind == event.kind && line.event.direction == event.direction;
        let Some(line) = audio.find(same) else { return false };
        line.count += 1;
        line.event.at = event.at;
        line.event.bytes += event.bytes;
        line.event.lost += event.lost;
        true
    }

    /// Completes all lines, so that further audio begins new ones. Returns the number of the next line.
    pub fn seal(&mut self) -> u64 {
        self.open_from = self.next;
        self.next
    }

    /// Returns the lines before a number, oldest first, whose type contains a text.
    pub fn lines<'a>(
        &'a self,
        before: u64,
        filter: &'a str,
    ) -> impl DoubleEndedIterator<Item = &'a EventLine> {
        let is_shown = move |line: &&EventLine| line.number < before && line.event.kind.contains(filter);
        self.lines.iter().filter(is_shown)
    }

    /// Returns the line of a number.
    pub fn line(&self, number: u64) -> Option<&EventLine> {
        let first = self.lines.front()?.number;
        self.lines.get(usize::try_from(number.checked_sub(first)?).ok()?)
    }
}

fn is_of_type(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte == b'.' || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(direction: WireDirection, kind: &str, json: usize) -> WireEvent {
        let json = (json > 0).then(|| "x".repeat(json).into());
        WireEvent { at: Duration::ZERO, direction, kind: kind.to_owned(), bytes: 10, json, lost: 0 }
    }

    fn shown(log: &EventLog) -> Vec<(&str, u64)> {
        log.lines(u64::MAX, "").map(|line| (line.event.kind.as_str(), line.count)).collect()
    }

    const APPEND: &str = "input_audio_buffer.append";
    const DELTA: &str = "response.output_audio.delta";

    #[test]
    fn audio_of_both_directions_is_folded_until_another_event() {
        let mut log = EventLog::default();
        for _ in 0..50 {
            log.push(event(WireDirection::Out, APPEND, 0));
            log.push(event(WireDirection::In, DELTA, 0));
        }
        log.push(event(WireDirection::In, "response.output_audio.done", 2));
        log.push(event(WireDirection::Out, APPEND, 0));
        assert_eq!(shown(&log), [(APPEND, 50), (DELTA, 50), ("response.output_audio.done", 1), (APPEND, 1)]);
        assert_eq!(log.line(0).unwrap().event.bytes, 500);
    }

    #[test]
    fn lines_and_bytes_are_bounded() {
        let mut log = EventLog::default();
        for _ in 0..MAX_LINES + 7 {
            log.push(event(WireDirection::In, "error", 10));
        }
        assert_eq!(log.lines(u64::MAX, "").count(), MAX_LINES);
        assert_eq!(log.lines(u64::MAX, "").next().unwrap().number, 7);
        for _ in 0..2 * MAX_BYTES / MAX_EVENT_BYTES {
            log.push(event(WireDirection::In, "session.updated", MAX_EVENT_BYTES));
        }
        assert_eq!((log.bytes, log.lines(u64::MAX, "").count()), (MAX_BYTES, MAX_BYTES / MAX_EVENT_BYTES));
    }

    #[test]
    fn a_sealed_line_does_not_change() {
        let mut log = EventLog::default();
        log.push(event(WireDirection::Out, APPEND, 0));
        let paused = log.seal();
        log.push(event(WireDirection::Out, APPEND, 0));
        assert_eq!(log.lines(paused, "").map(|line| line.count).collect::<Vec<_>>(), [1]);
        assert_eq!(shown(&log).len(), 2);
        assert_eq!(log.lines(u64::MAX, "delta").count(), 0);
    }

    #[test]
    fn a_type_that_no_endpoint_documents_is_not_shown() {
        let mut log = EventLog::default();
        for kind in ["\u{1b}[2J", "sk-very-secret", "0a1b2c", "", &"x".repeat(65)] {
            log.push(event(WireDirection::In, kind, 2));
        }
        assert_eq!(shown(&log), [(OTHER, 1); 5]);
    }
}
