//! Layout: the areas of the screen, by its size.

use ratatui::layout::Rect;

use crate::ui::view::input;
use crate::ui::view::state::ScreenState;
use crate::ui::view::status;

/// Widest captions, with their margin.
const CAPTION_COLUMNS: u16 = 62;

/// Areas of a screen; omitted ones have no height.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScreenLayout {
    /// Connection, turn, microphone, time.
    pub header: Rect,
    /// Lines above and below the conversation.
    pub rules: [Rect; 2],
    /// The conversation.
    pub conversation: Rect,
    /// Status row.
    pub status: Rect,
    /// Level meters.
    pub meters: Rect,
    /// Typed text.
    pub input: Rect,
    /// Key hints.
    pub hints: Rect,
}

impl ScreenLayout {
    /// Returns the layout of a screen.
    pub fn of(area: Rect, scene: &ScreenState) -> Self {
        let height = area.height;
        let from = |least: u16| u16::from(height >= least);
        let typed = match scene.model.info.captions {
            true => 0,
            false => input::rows(scene, area.width, (height / 4).clamp(1, 6)) * from(2),
        };
        let status_rows = from(5) * status::rows(scene, area.width).min(height / 5);
        let rule = from(14);
        let meters = if scene.model.info.text_only { 0 } else { from(6) };
        let other_rows = from(1) + rule + status_rows + rule + meters + typed + from(8);
        let conversation = height.saturating_sub(other_rows);
        let mut top = area.y;
        let mut next = |height: u16| {
            let row = Rect { y: top, height, ..area };
            top += height;
            row
        };
        Self {
            header: next(from(1)),
            rules: [next(rule), Rect::ZERO],
            conversation: next(conversation),
            status: next(status_rows),
            ..Self::default()
        }
        .with_bottom([next(rule), next(meters), next(typed), next(from(8))])
    }

    fn with_bottom(self, [rule, meters, input, hints]: [Rect; 4]) -> Self {
        Self { rules: [self.rules[0], rule], meters, input, hints, ..self }
    }

    /// Returns the area of captions: a column in the middle, since long lines are hard to read along.
    pub fn captions(&self) -> Rect {
        let width = self.conversation.width.min(CAPTION_COLUMNS);
        let left = (self.conversation.width - width) / 2;
        Rect { x: self.conversation.x + left, width, ..self.conversation }
    }

    /// Returns the area that popups may cover: everything between the header and the hints.
    pub fn popup_area(&self) -> Rect {
        let top = self.header.bottom();
        Rect {
            y: top,
            height: self.input.bottom().max(self.conversation.bottom()).saturating_sub(top),
            ..self.header
        }
    }
}
