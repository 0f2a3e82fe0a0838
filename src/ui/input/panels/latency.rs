//! Key handler of the latency panel.

use crate::ui::input::panels::key::{PanelEffect, PanelKey};
use crate::ui::input::panels::list::ListPosition;

/// The panel with the delays of the last answers, the newest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LatencyPanel {
    /// The chosen answer.
    pub list: ListPosition,
}

impl LatencyPanel {
    /// Handles a key; `count` answers are shown.
    pub fn key(&mut self, key: PanelKey, count: usize) -> PanelEffect {
        self.list.step(key, count);
        if key == PanelKey::Esc { PanelEffect::Close } else { PanelEffect::None }
    }
}
