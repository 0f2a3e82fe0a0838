//! Level meters of both sides.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::ui::view::row::{self, RowAlignment};
use crate::ui::view::state::ScreenState;

/// Levels of a meter, 2.5 dB each.
pub const STEPS: usize = 24;

/// Level shown as silence, in dBFS.
const FLOOR: f32 = -60.0;

/// Narrowest screen with meters.
pub const MIN_WIDTH: u16 = 26;

/// Columns of labels and spaces.
const FIXED: u16 = 19;

/// Returns the meter level for dBFS: 0 for silence, [`STEPS`] for full scale.
pub fn step(dbfs: f32) -> usize {
    if dbfs.is_nan() {
        return 0;
    }
    let part = (dbfs.clamp(FLOOR, 0.0) - FLOOR) / -FLOOR;
    // At most `STEPS`, and not negative.
    (part * STEPS as f32).round() as usize
}

/// Draws both meters on one row.
pub fn draw(frame: &mut Frame, area: Rect, scene: &ScreenState) {
    let width = usize::from(area.width.saturating_sub(FIXED) / 2).min(STEPS);
    let theme = scene.theme;
    let mut spans = vec![Span::raw(" You ")];
    if scene.model.muted {
        spans.push(Span::styled(format!("{:width$}", "MUTED"), theme.dim));
    } else {
        spans.extend(bar(scene.live.input_dbfs, width, (theme.user, theme.dim)));
    }
    spans.push(Span::raw("   Assistant "));
    spans.extend(bar(scene.live.output_dbfs, width, (theme.assistant, theme.dim)));
    row::draw(frame, area, &Line::from(spans), RowAlignment::Left);
}

/// Heavy and light lines, visible without colour.
fn bar(dbfs: f32, width: usize, (full, empty): (Style, Style)) -> [Span<'static>; 2] {
    let filled = (step(dbfs) * width).div_ceil(STEPS);
    [Span::styled("━".repeat(filled), full), Span::styled("─".repeat(width - filled), empty)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_of_any_value_have_a_step() {
        for (dbfs, expected) in [
            (f32::NEG_INFINITY, 0),
            (f32::NAN, 0),
            (-60.0, 0),
            (-30.0, 12),
            (0.0, 24),
            (6.0, 24),
            (f32::INFINITY, 24),
        ] {
            assert_eq!(step(dbfs), expected, "{dbfs} dBFS");
        }
    }
}
