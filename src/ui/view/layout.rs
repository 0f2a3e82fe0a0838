//! Layout: the areas of the screen, by its size.

use ratatui::layout::Rect;

use crate::ui::view::input;
use crate::ui::view::state::ScreenState;
use crate::ui::view::status;

/// Widest captions, with their margin.
const CAPTION_COLUMNS: u16 = 62;

/// Narrowest screen with a panel next to the conversation.
const DOCKED_FROM: u16 = 120;

/// Fewest columns of the conversation next to a panel, with the gap between them.
const MIN_NEXT_TO_PANEL: u16 = 73;

/// Widest panel next to the conversation.
const MAX_DOCKED: u16 = 64;

/// Areas of a screen; omitted ones have no height.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScreenLayout {
    /// Connection, turn, microphone, time.
    pub header: Rect,
    /// Lines above and below the conversation.
    pub rules: [Rect; 2],
    /// The conversation.
    pub conversation: Rect,
    /// Where a panel may be drawn: over the conversation, or next to it on a wide screen.
    pub panel: Rect,
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
        .with_panel(scene.editor.panel.is_some() || scene.editor.help)
        .with_bottom([next(rule), next(meters), next(typed), next(from(8))])
    }

    /// Makes room for a panel next to the conversation if the screen is wide enough.
    fn with_panel(self, is_shown: bool) -> Self {
        let area = self.conversation;
        let width = area.width.saturating_sub(MIN_NEXT_TO_PANEL).min(MAX_DOCKED);
        if !is_shown || area.width < DOCKED_FROM {
            return Self { panel: area, ..self };
        }
        let conversation = Rect { width: area.width - width - 1, ..area };
        Self { conversation, panel: Rect { x: area.right() - width, width, ..area }, ..self }
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
}
