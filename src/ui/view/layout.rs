//! Where everything stands, by the size of the screen.

use ratatui::layout::Rect;

use crate::ui::view::{ScreenState, input, remark_rows};

/// The areas of a screen; what has no place has no height.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScreenLayout {
    /// Connection, turn, microphone, time.
    pub header: Rect,
    /// Lines above and below the talk.
    pub rules: [Rect; 2],
    /// What is said.
    pub talk: Rect,
    /// The last thing worth telling.
    pub remark: Rect,
    /// The levels.
    pub meters: Rect,
    /// The typed text.
    pub input: Rect,
    /// The most important keys.
    pub hints: Rect,
}

impl ScreenLayout {
    /// Returns the plan for a screen.
    pub fn of(area: Rect, scene: &ScreenState) -> Self {
        let height = area.height;
        let from = |least: u16| u16::from(height >= least);
        let typed = input::rows(scene, area.width, (height / 4).clamp(1, 6)) * from(2);
        let told = from(5) * remark_rows(scene, area.width).min(height / 5);
        let rule = from(14);
        let fixed = from(1) + rule + told + rule + from(6) + typed + from(8);
        let talk = height.saturating_sub(fixed);
        let mut top = area.y;
        let mut next = |height: u16| {
            let row = Rect { y: top, height, ..area };
            top += height;
            row
        };
        Self {
            header: next(from(1)),
            rules: [next(rule), Rect::ZERO],
            talk: next(talk),
            remark: next(told),
            ..Self::default()
        }
        .with_bottom([next(rule), next(from(6)), next(typed), next(from(8))])
    }

    fn with_bottom(self, [rule, meters, input, hints]: [Rect; 4]) -> Self {
        Self { rules: [self.rules[0], rule], meters, input, hints, ..self }
    }

    /// Returns what the help may cover: everything between the header and the hints.
    pub fn over(&self) -> Rect {
        let top = self.header.bottom();
        Rect {
            y: top,
            height: self.input.bottom().max(self.talk.bottom()).saturating_sub(top),
            ..self.header
        }
    }
}
