//! Tables: columns by display width, cells wrapped, and lines of `header: value` where columns do not fit.

use pulldown_cmark::Alignment;

use crate::markdown::layout::TextLayout;
use crate::markdown::style::{Line, Role, Style};
use crate::markdown::styled_runs::StyledRuns;

/// A table that has to be shrunk needs so many columns in all.
const NARROW: usize = 30;

/// No column is shrunk below this.
const NARROWEST_COLUMN: usize = 5;

/// Columns of the border between two cells with its spaces.
const BORDER: usize = 3;

#[derive(Debug)]
pub(super) struct Table {
    alignments: Vec<Alignment>,
    /// The header comes first.
    rows: Vec<Vec<StyledRuns>>,
}

impl Table {
    pub(super) fn new(alignments: Vec<Alignment>) -> Self {
        Self { alignments, rows: Vec::new() }
    }

    pub(super) fn begin_row(&mut self) {
        self.rows.push(Vec::new());
    }

    pub(super) fn push_cell(&mut self, cell: StyledRuns) {
        if let Some(row) = self.rows.last_mut() {
            row.push(cell);
        }
    }

    pub(super) fn lines(&self, layout: &TextLayout, columns: usize) -> Vec<Line> {
        match self.column_widths(columns) {
            Some(widths) => self.grid(layout, &widths),
            None => self.records(columns),
        }
    }

    /// Returns the width of each column; none if they would be too narrow to read.
    fn column_widths(&self, columns: usize) -> Option<Vec<usize>> {
        let count = self.alignments.len();
        let available = columns.checked_sub(BORDER * count.saturating_sub(1))?;
        let natural: Vec<usize> = (0..count).map(|column| self.natural_width(column)).collect();
        if natural.iter().sum::<usize>() <= available {
            return Some(natural);
        }
        if columns < NARROW || available < NARROWEST_COLUMN * count {
            return None;
        }
        Some(shrink(&natural, available))
    }

    fn natural_width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        cells.map(StyledRuns::natural_width).max().unwrap_or_default().max(1)
    }

    fn grid(&self, layout: &TextLayout, widths: &[usize]) -> Vec<Line> {
        let mut lines = Vec::new();
        for (index, row) in self.rows.iter().enumerate() {
            lines.extend(self.grid_row(layout, row, widths));
            if index == 0 {
                let dashes: Vec<String> =
                    widths.iter().map(|width| layout.glyphs.rule().repeat(*width)).collect();
                let mut line = Line::default();
                line.push(&dashes.join(layout.glyphs.crossing()), Style::of(Role::Marker));
                lines.push(line);
            }
        }
        lines
    }

    fn grid_row(&self, layout: &TextLayout, row: &[StyledRuns], widths: &[usize]) -> Vec<Line> {
        let cells: Vec<Vec<Line>> = row.iter().zip(widths).map(|(cell, width)| cell.wrap(*width)).collect();
        let height = cells.iter().map(Vec::len).max().unwrap_or_default();
        let line = |index: usize| {
            let mut line = Line::default();
            for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
                if column > 0 {
                    line.push(layout.glyphs.border(), Style::of(Role::Marker));
                }
                let part = cell.get(index).cloned().unwrap_or_default();
                let is_last = column + 1 == widths.len();
                push_aligned(&mut line, part, *width, self.alignments[column], is_last);
            }
            line
        };
        (0..height).map(line).collect()
    }

    /// Returns a line for each cell, with the name of its column in front of it.
    fn records(&self, columns: usize) -> Vec<Line> {
        let Some((header, rows)) = self.rows.split_first() else { return Vec::new() };
        if rows.is_empty() {
            return header.iter().flat_map(|name| name.wrap(columns)).collect();
        }
        let mut lines = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            if index > 0 {
                lines.push(Line::default());
            }
            for (name, cell) in header.iter().zip(row) {
                let mut record = name.clone();
                if !name.is_empty() {
                    record.push(": ", Style::of(Role::Marker));
                }
                record.append(cell);
                lines.extend(record.wrap(columns));
            }
        }
        lines
    }
}

/// Shrinks the widest columns first, all of them to the same width, until the sum fits.
fn shrink(natural: &[usize], available: usize) -> Vec<usize> {
    let sum = |limit: usize| natural.iter().map(|width| (*width).min(limit)).sum::<usize>();
    let limit = (1..=available).rev().find(|limit| sum(*limit) <= available).unwrap_or(1);
    let mut spare = available - sum(limit);
    let widened = natural.iter().map(|width| {
        let is_wider = *width > limit && spare > 0;
        spare -= usize::from(is_wider);
        (*width).min(limit) + usize::from(is_wider)
    });
    widened.collect()
}

#[expect(clippy::too_many_arguments, reason = "a cell and its place in the row")]
fn push_aligned(line: &mut Line, part: Line, width: usize, alignment: Alignment, is_last: bool) {
    let space = width.saturating_sub(part.width());
    let left = match alignment {
        Alignment::None | Alignment::Left => 0,
        Alignment::Center => space / 2,
        Alignment::Right => space,
    };
    line.push(&" ".repeat(left), Style::default());
    line.append(part);
    if !is_last {
        line.push(&" ".repeat(space - left), Style::default());
    }
}
