//! The level meters of both sides.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::ui::view::ScreenState;
use crate::ui::view::row::{self, RowAlignment};

/// How many levels a meter tells apart: 2.5 dB each.
pub const STEPS: usize = 24;

/// What is as good as silence, in dBFS.
const FLOOR: f32 = -60.0;

/// The narrowest screen on which two meters say something.
pub const LEAST_WIDTH: u16 = 26;

/// Names, the spaces around them, and the two between the meters.
const FIXED: u16 = 19;

/// Returns how far a meter goes at a level in dBFS: 0 for silence, [`STEPS`] for full scale.
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
        spans.push(Span::styled(format!("{:width$}", "MUTED"), theme.quiet));
    } else {
        spans.extend(bar(scene.glance.input_dbfs, width, (theme.user, theme.quiet)));
    }
    spans.push(Span::raw("   Assistant "));
    spans.extend(bar(scene.glance.output_dbfs, width, (theme.assistant, theme.quiet)));
    row::draw(frame, area, &Line::from(spans), RowAlignment::Left);
}

/// Heavy and light lines, so that the level is seen without colour.
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
