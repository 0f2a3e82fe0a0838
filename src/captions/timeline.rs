//! When each part of a transcript is spoken: from the server's times, else laid over the detected speech.

use std::time::Duration;

use crate::captions::cue::{CueSpan, Timing, Turn};
use crate::captions::line_break::{Break, CLAUSE};
use crate::captions::text::{Class, Text};

/// How far a phrase end is moved to a pause in the speech, at most.
const SNAP: Duration = Duration::from_millis(400);

/// The time of each grapheme of a turn.
#[derive(Debug)]
pub(super) struct Timeline {
    parts: Vec<TimedPart>,
    /// Speaking time up to each grapheme.
    weights: Vec<f64>,
    /// Where the times within the turn come from.
    pub(super) timing: Timing,
}

/// Consecutive graphemes and the stretches of time in which they are spoken.
#[derive(Clone, Debug)]
struct TimedPart {
    start: usize,
    end: usize,
    speech: Vec<CueSpan>,
}

impl Timeline {
    pub(super) fn new(turn: &Turn, text: &Text<'_>, breaks: &[Break]) -> Self {
        let weights = (0..=text.len()).map(|end| text.weight(end)).collect();
        if let Some(parts) = reported(turn, text) {
            return Self { parts, weights, timing: Timing::Server };
        }
        let speech = within(&turn.speech, turn.span);
        let timing = if speech.is_empty() { Timing::Estimated } else { Timing::Local };
        let speech = if speech.is_empty() { vec![turn.span] } else { speech };
        let whole = TimedPart { start: 0, end: text.len(), speech: speech.clone() };
        let whole = Self { parts: vec![whole], weights, timing };
        let cuts = whole.cuts(&speech, breaks);
        Self { parts: parts(&speech, &cuts, text.len()), ..whole }
    }

    /// Returns when the grapheme at `at` begins.
    pub(super) fn start_of(&self, at: usize) -> Duration {
        let part = self.parts.iter().find(|part| at < part.end).or(self.parts.last());
        part.map_or(Duration::ZERO, |part| part.time(self.share(part, at), Side::Start))
    }

    /// Returns when the grapheme before `end` ends.
    pub(super) fn end_of(&self, end: usize) -> Duration {
        let part = self.parts.iter().find(|part| end <= part.end).or(self.parts.last());
        part.map_or(Duration::ZERO, |part| part.time(self.share(part, end), Side::End))
    }

    fn share(&self, part: &TimedPart, at: usize) -> f64 {
        let weight = |at: usize| self.weights[at.clamp(part.start, part.end)];
        let whole = weight(part.end) - weight(part.start);
        if whole > 0.0 {
            return (weight(at) - weight(part.start)) / whole;
        }
        if at >= part.end { 1.0 } else { 0.0 }
    }

    /// Aligns the ends of phrases with pauses: returns, in order, at which break the text pauses, and when.
    fn cuts(&self, speech: &[CueSpan], breaks: &[Break]) -> Vec<(Break, CueSpan)> {
        let pauses: Vec<CueSpan> =
            speech.windows(2).map(|pair| CueSpan { start: pair[0].end, end: pair[1].start }).collect();
        let inner = breaks.get(1..breaks.len().saturating_sub(1)).unwrap_or_default();
        let phrases: Vec<Break> = inner.iter().copied().filter(|phrase| phrase.cost <= CLAUSE).collect();
        // For the pauses up to each one, the gain of the best alignment so far and its last cut.
        let mut best: Vec<(f64, Option<usize>)> = vec![(0.0, None); pauses.len() + 1];
        let mut cuts: Vec<Cut> = Vec::new();
        for phrase in phrases {
            let at = self.end_of(phrase.end);
            let near = pauses.partition_point(|pause| pause.end + SNAP < at);
            let count = pauses[near..].partition_point(|pause| pause.start <= at + SNAP);
            for index in (near..near + count).rev() {
                let pause = pauses[index];
                let (gain, before) = best[index];
                let gain = gain + pause.duration().as_secs_f64() - distance(at, pause).as_secs_f64();
                if gain > best[index + 1].0 {
                    cuts.push(Cut { phrase, pause, before });
                    best[index + 1] = (gain, Some(cuts.len() - 1));
                }
            }
            for index in near + 1..best.len() {
                if best[index - 1].0 > best[index].0 {
                    best[index] = best[index - 1];
                }
            }
        }
        let last = best.last().and_then(|(_, last)| last.and_then(|last| cuts.get(last)));
        let chain = std::iter::successors(last, |cut| cut.before.and_then(|before| cuts.get(before)));
        let mut chosen: Vec<(Break, CueSpan)> = chain.map(|cut| (cut.phrase, cut.pause)).collect();
        chosen.reverse();
        chosen
    }
}

/// The end of a phrase in a pause of the speech.
struct Cut {
    phrase: Break,
    pause: CueSpan,
    /// The cut before it.
    before: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Start,
    End,
}

impl TimedPart {
    /// Returns the time after a share of the speech; on the edge of a pause, the side of it that is asked for.
    fn time(&self, share: f64, side: Side) -> Duration {
        let whole: Duration = self.speech.iter().map(|span| span.duration()).sum();
        let mut left = whole.mul_f64(share.clamp(0.0, 1.0));
        let last = self.speech.len().saturating_sub(1);
        // Less than any sound: sums of shares are not exact.
        let edge = Duration::from_micros(10);
        for (index, span) in self.speech.iter().enumerate() {
            let is_inside = match side {
                Side::Start => left + edge < span.duration(),
                Side::End => left <= span.duration() + edge,
            };
            if is_inside || index == last {
                return (span.start + left).min(span.end);
            }
            left = left.saturating_sub(span.duration());
        }
        Duration::ZERO
    }
}

fn distance(at: Duration, pause: CueSpan) -> Duration {
    if at < pause.start { pause.start - at } else { at.saturating_sub(pause.end) }
}

/// Returns the stretches of speech that lie within a turn, whose edges they replace.
fn within(speech: &[CueSpan], turn: CueSpan) -> Vec<CueSpan> {
    let clipped =
        speech.iter().map(|span| CueSpan { start: span.start.max(turn.start), end: span.end.min(turn.end) });
    clipped.filter(|span| span.start < span.end).collect()
}

/// Divides a turn at its cuts.
fn parts(speech: &[CueSpan], cuts: &[(Break, CueSpan)], length: usize) -> Vec<TimedPart> {
    let mut parts = Vec::with_capacity(cuts.len() + 1);
    let (mut start, mut from) = (0, Duration::ZERO);
    for (phrase, pause) in cuts {
        let speech = within(speech, CueSpan { start: from, end: pause.start });
        parts.push(TimedPart { start, end: phrase.end, speech });
        (start, from) = (phrase.end, pause.end);
    }
    parts.push(TimedPart {
        start,
        end: length,
        speech: within(speech, CueSpan { start: from, end: Duration::MAX }),
    });
    parts
}

/// Returns the parts whose times the server reported, if they make up the transcript.
fn reported(turn: &Turn, text: &Text<'_>) -> Option<Vec<TimedPart>> {
    let length = |text: &Text<'_>| text.graphemes.iter().filter(|part| part.class != Class::Space).count();
    let lengths: Vec<usize> = turn.parts.iter().map(|part| length(&Text::new(&part.text))).collect();
    if lengths.is_empty() || lengths.iter().sum::<usize>() != length(text) {
        return None;
    }
    let mut parts: Vec<TimedPart> = Vec::with_capacity(lengths.len());
    let mut start = 0;
    let mut from = Duration::ZERO;
    for (part, length) in turn.parts.iter().zip(lengths) {
        let mut end = start;
        let mut left = length;
        while left > 0 {
            left -= usize::from(text.graphemes[end].class != Class::Space);
            end += 1;
        }
        let span = CueSpan { start: part.span.start.max(from), end: part.span.end.max(from) };
        from = span.end;
        parts.push(TimedPart { start, end, speech: vec![span] });
        start = end;
    }
    parts.last_mut()?.end = text.len();
    Some(parts)
}
