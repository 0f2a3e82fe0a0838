//! Divides a transcript into cues of one or two lines.

use std::time::Duration;

use crate::captions::cue::{CueSpan, MAX_DURATION, MIN_DURATION};
use crate::captions::line_break::{Break, Cost};
use crate::captions::text::Text;
use crate::captions::timeline::Timeline;

/// The cost of a cue: fewer are better.
const CUE: Cost = 45;
/// The cost of a cue that is too short to be read.
const TOO_SHORT: Cost = 150;
/// The cost of a cue that is shown for too long.
const TOO_LONG: Cost = 100_000_000;
/// The cost of each second of silence within a cue, from the first second on.
const SILENCE_A_SECOND: Cost = 80;
/// The width below which a cue that goes on looks like an orphan, and the cost of each column less.
const ORPHAN_COLUMNS: usize = 20;
const ORPHAN_A_COLUMN: Cost = 3;
/// The cost of each column by which the upper line is longer, and by which the lower one is.
const UPPER_LONGER: Cost = 2;
const LOWER_LONGER: Cost = 1;

/// A cue of a turn: when it is spoken, and its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TextBlock {
    pub(super) span: CueSpan,
    pub(super) lines: Vec<String>,
}

/// Divides a text so that breaks are where a reader expects them, and cues neither too short nor too long.
/// `prefix` columns of the first line are left free.
pub(super) fn blocks(
    text: &Text<'_>,
    breaks: &[Break],
    timeline: &Timeline,
    prefix: usize,
) -> Vec<TextBlock> {
    let pause = |at: &Break| CueSpan { start: timeline.end_of(at.end), end: timeline.start_of(at.next) };
    let plan = BreakPlan { text, breaks, pauses: breaks.iter().map(pause).collect(), prefix };
    // The cost of the best division up to each break, and where its last cue begins.
    let mut best: Vec<(Cost, usize)> = vec![(0, 0)];
    for to in 1..breaks.len() {
        let options = (0..to).rev().map_while(|from| Some((plan.cue(from, to)?, from)));
        let total = |(cost, from): (Cost, usize)| (cost.saturating_add(best[from].0), from);
        let cheapest = options.map(total).min_by_key(|(cost, _)| *cost);
        best.push(cheapest.unwrap_or((Cost::MAX, to - 1)));
    }
    let mut blocks = Vec::new();
    let mut to = breaks.len().saturating_sub(1);
    while to > 0 {
        let from = best[to].1;
        blocks.push(TextBlock { span: plan.span(from, to), lines: plan.lines(from, to) });
        to = from;
    }
    blocks.reverse();
    blocks.retain(|block| !block.lines.is_empty());
    blocks
}

struct BreakPlan<'a> {
    text: &'a Text<'a>,
    breaks: &'a [Break],
    /// For each break, when the text before it ends and when the text behind it begins.
    pauses: Vec<CueSpan>,
    prefix: usize,
}

impl BreakPlan<'_> {
    fn span(&self, from: usize, to: usize) -> CueSpan {
        let start = self.pauses[from].end;
        CueSpan { start, end: self.pauses[to].start.max(start) }
    }

    /// Returns the width of a line, if it fits.
    fn line(&self, from: usize, to: usize) -> Option<usize> {
        let prefix = if from == 0 { self.prefix } else { 0 };
        let (width, limit) = self.text.width(self.breaks[from].next, self.breaks[to].end);
        // A single word takes the line for itself, whichever speaker says it.
        (width + prefix <= limit || from + 1 == to).then_some(width)
    }

    /// Returns the cost of a cue; none if it does not fit into two lines.
    fn cue(&self, from: usize, to: usize) -> Option<Cost> {
        let lines = match self.line(from, to) {
            Some(_) => 0,
            None => self.second_line(from, to)?.0,
        };
        let span = self.span(from, to);
        let is_last = to + 1 == self.breaks.len();
        let (width, _) = self.text.width(self.breaks[from].next, self.breaks[to].end);
        let missing = ORPHAN_COLUMNS.saturating_sub(width) as Cost;
        let mut cost = CUE + lines + self.breaks[to].cost * 2 + missing * ORPHAN_A_COLUMN;
        if span.duration() < MIN_DURATION && !(from == 0 && is_last) {
            cost += TOO_SHORT;
        }
        if span.duration() > MAX_DURATION && from + 1 < to {
            cost += TOO_LONG;
        }
        Some(cost.saturating_add(self.silence(from, to)))
    }

    /// Returns the cost of the silence within a cue.
    fn silence(&self, from: usize, to: usize) -> Cost {
        let inner = self.pauses[from + 1..to].iter().map(|pause| pause.duration());
        let long = inner.filter(|pause| *pause >= Duration::from_secs(1));
        long.map(|pause| (pause.as_secs_f64() * SILENCE_A_SECOND as f64) as Cost).sum()
    }

    /// Returns the best place for the second line and what it costs.
    fn second_line(&self, from: usize, to: usize) -> Option<(Cost, usize)> {
        let places = (from + 1..to).filter_map(|at| {
            let (upper, lower) = (self.line(from, at)?, self.line(at, to)?);
            let upper = upper + if from == 0 { self.prefix } else { 0 };
            let balance = if upper > lower {
                (upper - lower) as Cost * UPPER_LONGER
            } else {
                (lower - upper) as Cost * LOWER_LONGER
            };
            Some((self.breaks[at].cost / 2 + balance, at))
        });
        places.min()
    }

    fn lines(&self, from: usize, to: usize) -> Vec<String> {
        let slice = |from: usize, to: usize| {
            let (start, end) = (self.breaks[from].next, self.breaks[to].end);
            self.text.slice(start.min(end), end)
        };
        let lines = match (self.line(from, to), self.second_line(from, to)) {
            (None, Some((_, at))) => vec![slice(from, at), slice(at, to)],
            (Some(_), _) | (None, None) => vec![slice(from, to)],
        };
        lines.into_iter().filter(|line| !line.is_empty()).collect()
    }
}
