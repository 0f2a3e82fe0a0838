//! Text with runs of style, before it is broken into lines.

use std::ops::Range;

use crate::markdown::style::{Line, Style};
use crate::markdown::wrap::{self, width};

/// A paragraph, a heading, a table cell or a line of code.
#[derive(Clone, Debug, Default)]
pub(super) struct StyledRuns {
    text: String,
    /// Where each run ends, and its style.
    runs: Vec<(usize, Style)>,
}

impl StyledRuns {
    pub(super) fn push(&mut self, text: &str, style: Style) {
        if text.is_empty() {
            return;
        }
        self.text.push_str(text);
        match self.runs.last_mut() {
            Some((end, last)) if *last == style => *end = self.text.len(),
            Some(_) | None => self.runs.push((self.text.len(), style)),
        }
    }

    pub(super) fn append(&mut self, other: &Self) {
        let mut start = 0;
        for (end, style) in &other.runs {
            self.push(&other.text[start..*end], *style);
            start = *end;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the columns of the widest line without wrapping.
    pub(super) fn natural_width(&self) -> usize {
        self.text.split('\n').map(width).max().unwrap_or_default()
    }

    pub(super) fn wrap(&self, columns: usize) -> Vec<Line> {
        // Line breaks at the end belong to what follows.
        let text = self.text.trim_end_matches('\n');
        wrap::wrap(text, columns).into_iter().map(|range| self.line(&range)).collect()
    }

    /// Returns a part of the text as a line.
    pub(super) fn line(&self, range: &Range<usize>) -> Line {
        let first = self.runs.partition_point(|(end, _)| *end <= range.start);
        let mut line = Line::default();
        let mut start = range.start;
        for (end, style) in &self.runs[first..] {
            let end = (*end).min(range.end);
            line.push(&self.text[start..end], *style);
            start = end;
            if end == range.end {
                break;
            }
        }
        line
    }
}
