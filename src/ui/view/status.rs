//! Status rows: the latest message about the call, for a limited time.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use crate::markdown::wrap::wrap;
use crate::ui::model::StatusNoteKind;
use crate::ui::text::wrap::truncate;
use crate::ui::view::row::{self, RowAlignment};
use crate::ui::view::state::ScreenState;

/// Errors may arrive while the user looks elsewhere; they also stay in the conversation.
const ERROR_LIFETIME: Duration = Duration::from_secs(20);

/// Limit for long server messages.
const MAX_STATUS_ROWS: u16 = 3;

/// Returns the status text and its style.
fn current(scene: &ScreenState) -> Option<(String, Style)> {
    if let Some(text) = &scene.editor.note {
        return Some((text.clone(), scene.theme.strong));
    }
    let note = scene.model.note.as_ref()?;
    let (text, style, lifetime) = match note.kind {
        StatusNoteKind::Error => {
            ((scene.model.strings().notes.error)(&note.text), scene.theme.error, ERROR_LIFETIME)
        }
        StatusNoteKind::Ongoing => (note.text.clone(), scene.theme.strong, Duration::MAX),
    };
    (scene.live.now.saturating_sub(note.at) < lifetime).then_some((text, style))
}

/// Returns the rows that the status needs on a screen of this width.
pub(super) fn rows(scene: &ScreenState, columns: u16) -> u16 {
    let rows = current(scene).map_or(0, |(text, _)| wrap(&text, usize::from(columns)).len());
    u16::try_from(rows).unwrap_or(u16::MAX).min(MAX_STATUS_ROWS)
}

/// Draws the status.
pub(super) fn draw(frame: &mut Frame, area: Rect, scene: &ScreenState) {
    let Some((text, style)) = current(scene) else { return };
    let columns = usize::from(area.width);
    let rows = wrap(&text, columns);
    let last = usize::from(area.height).saturating_sub(1);
    for (at, (range, place)) in rows.iter().zip(area.rows()).enumerate() {
        // Text that does not fit is cut with an ellipsis.
        let end = if at == last { text.len() } else { range.end };
        let line = truncate(&text[range.start..end], columns).into_owned();
        row::draw(frame, place, &Line::styled(line, style), RowAlignment::Left);
    }
}
