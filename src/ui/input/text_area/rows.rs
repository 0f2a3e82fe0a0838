//! The rows in which a text area is shown. Only the lines near the cursor are folded, so that a long text
//! costs no more than a short one.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use crate::markdown::wrap::width;
use crate::ui::input::text_area::TextArea;

/// A part of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PartStyle {
    /// Text.
    #[default]
    Plain,
    /// The label of a chip.
    Chip,
    /// Selected text.
    Selected,
}

/// The rows of a text that are shown, and the cursor in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VisibleRows {
    /// From top to bottom, each as parts from left to right.
    pub rows: Vec<Vec<(String, PartStyle)>>,
    /// Row and column of the cursor.
    pub cursor: (usize, usize),
    /// Whether the first row is the start of the text.
    pub from_start: bool,
}

impl TextArea {
    /// Returns the rows around the cursor, at most `height`.
    pub fn visible_rows(&self, columns: usize, height: usize) -> VisibleRows {
        let height = height.max(1);
        let (mut start, mut end) = (self.line_start(self.cursor), self.line_end(self.cursor));
        let mut rows = fold(self, start..end, columns);
        let mut cursor_row = row_of(&rows, self.cursor);
        while rows.len() - cursor_row < height && end < self.text.len() {
            let next = end + 1;
            end = self.line_end(next);
            rows.extend(fold(self, next..end, columns));
        }
        while rows.len() < height && start > 0 {
            let previous = self.line_start(start - 1);
            let above = fold(self, previous..start - 1, columns);
            cursor_row += above.len();
            rows.splice(0..0, above);
            start = previous;
        }
        let first = (cursor_row + 1).saturating_sub(height);
        let shown = &rows[first..rows.len().min(first + height)];
        VisibleRows {
            rows: shown.iter().map(|row| parts(self, row.clone())).collect(),
            cursor: (cursor_row - first, width_of(self, rows[cursor_row].start..self.cursor)),
            from_start: start == 0 && first == 0,
        }
    }
}

/// Returns the place one row above the cursor, near a column; none in the first row.
pub(super) fn above(area: &TextArea, column: usize) -> Option<usize> {
    let line = area.line_start(area.cursor)..area.line_end(area.cursor);
    let rows = fold(area, line.clone(), area.columns);
    let row = row_of(&rows, area.cursor);
    let target = match row.checked_sub(1) {
        Some(above) => rows[above].clone(),
        None => {
            let end = line.start.checked_sub(1)?;
            fold(area, area.line_start(end)..end, area.columns).pop()?
        }
    };
    Some(place(area, target, column))
}

/// Returns the place one row below the cursor, near a column; none in the last row.
pub(super) fn below(area: &TextArea, column: usize) -> Option<usize> {
    let line = area.line_start(area.cursor)..area.line_end(area.cursor);
    let rows = fold(area, line.clone(), area.columns);
    let target = match rows.get(row_of(&rows, area.cursor) + 1) {
        Some(below) => below.clone(),
        None if line.end == area.text.len() => return None,
        None => fold(area, line.end + 1..area.line_end(line.end + 1), area.columns).first()?.clone(),
    };
    Some(place(area, target, column))
}

/// Returns the column of the cursor in its row.
pub(super) fn column(area: &TextArea) -> usize {
    let rows = fold(area, area.line_start(area.cursor)..area.line_end(area.cursor), area.columns);
    width_of(area, rows[row_of(&rows, area.cursor)].start..area.cursor)
}

/// Returns the byte ranges of the rows of one line; at least one.
fn fold(area: &TextArea, line: Range<usize>, columns: usize) -> Vec<Range<usize>> {
    let columns = if columns == 0 { usize::MAX } else { columns };
    let mut rows = Vec::new();
    let (mut start, mut column) = (line.start, 0);
    for (at, cluster) in area.text[line.clone()].grapheme_indices(true) {
        let wide = shown_width(area, cluster);
        if column + wide > columns && column > 0 {
            rows.push(start..line.start + at);
            (start, column) = (line.start + at, 0);
        }
        column += wide;
    }
    rows.push(start..line.end);
    rows
}

fn row_of(rows: &[Range<usize>], place: usize) -> usize {
    rows.iter().rposition(|row| row.start <= place).unwrap_or(0)
}

/// Returns the place in a row that is nearest to the left of a column.
fn place(area: &TextArea, row: Range<usize>, column: usize) -> usize {
    let mut used = 0;
    let clusters = area.text[row.clone()].graphemes(true);
    let fitting = clusters.take_while(|cluster| {
        used += shown_width(area, cluster);
        used <= column
    });
    row.start + fitting.map(str::len).sum::<usize>()
}

fn shown_width(area: &TextArea, cluster: &str) -> usize {
    area.label(cluster).map_or_else(|| width(cluster), |label| width(&label))
}

fn width_of(area: &TextArea, range: Range<usize>) -> usize {
    area.text[range].graphemes(true).map(|cluster| shown_width(area, cluster)).sum()
}

fn parts(area: &TextArea, row: Range<usize>) -> Vec<(String, PartStyle)> {
    let selection = area.selection().unwrap_or_default();
    let mut parts: Vec<(String, PartStyle)> = Vec::new();
    for (at, cluster) in area.text[row.clone()].grapheme_indices(true) {
        let label = area.label(cluster);
        let style = match (&label, selection.contains(&(row.start + at))) {
            (_, true) => PartStyle::Selected,
            (Some(_), false) => PartStyle::Chip,
            (None, false) => PartStyle::Plain,
        };
        let shown = label.as_deref().unwrap_or(cluster);
        match parts.last_mut() {
            Some((text, last)) if *last == style => text.push_str(shown),
            Some(_) | None => parts.push((shown.to_owned(), style)),
        }
    }
    parts
}
