//! Draws a line cell by cell, with the widths of its layout.
//!
//! Ratatui's widgets measure a span as one text, in which some characters join (Arabic lam and alef share one
//! column), but draw it per cluster, where they do not. Text after such a span would overwrite it.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::markdown::wrap::width;

/// Alignment of a line in its area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowAlignment {
    Left,
    Center,
    Right,
}

/// Draws a line in the first row of an area; text past its end is cut.
pub(super) fn draw(frame: &mut Frame, area: Rect, line: &Line, align: RowAlignment) {
    let area = area.intersection(frame.area());
    if area.is_empty() {
        return;
    }
    let rest = usize::from(area.width).saturating_sub(line_width(line));
    let indent = match align {
        RowAlignment::Left => 0,
        RowAlignment::Center => rest / 2,
        RowAlignment::Right => rest,
    };
    let indent = u16::try_from(indent).unwrap_or(area.width);
    let buffer = frame.buffer_mut();
    buffer.set_style(Rect { height: 1, ..area }, line.style);
    buffer.set_line(area.x + indent, area.y, line, area.width - indent);
}

/// Draws lines in the rows of an area.
pub(super) fn draw_all(frame: &mut Frame, area: Rect, lines: &[Line], align: RowAlignment) {
    for (line, row) in lines.iter().zip(area.rows()) {
        draw(frame, row, line, align);
    }
}

/// Returns the columns of a line.
pub(super) fn line_width(line: &Line) -> usize {
    line.spans.iter().map(|span| width(&span.content)).sum()
}

/// Returns a number of rows or columns as the terminal counts them.
pub(super) fn to_u16(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}
