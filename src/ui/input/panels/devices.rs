//! Key handler of the devices panel.

use crate::session::io::UserCommand;
use crate::ui::input::panels::key::{PanelEffect, PanelKey};
use crate::ui::input::panels::list::ListPosition;
use crate::ui::model::Model;
use crate::ui::text::devices;

/// The panel with microphones and speakers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DevicesPanel {
    /// The chosen device.
    pub list: ListPosition,
    /// Changes of devices when the list was requested last.
    pub listed_at: u64,
}

impl DevicesPanel {
    /// Handles a key. Enter uses a device and keeps the panel, so that its level can be seen.
    pub fn key(&mut self, key: PanelKey, model: &Model) -> PanelEffect {
        let rows = model.devices.as_deref();
        let rows = rows.map(|entries| devices::rows(model.strings(), entries)).unwrap_or_default();
        if self.list.step(key, rows.len()) {
            return PanelEffect::None;
        }
        match key {
            PanelKey::Esc => PanelEffect::Close,
            PanelKey::Enter => match rows.get(self.list.row(rows.len())).cloned() {
                Some(row) => PanelEffect::Send(vec![UserCommand::UseDevice(row.side, row.id)]),
                None => PanelEffect::None,
            },
            PanelKey::Type('t' | 'T') => PanelEffect::Send(vec![UserCommand::TestTone]),
            PanelKey::Type(' ') => PanelEffect::Send(vec![UserCommand::SetMuted(!model.muted)]),
            PanelKey::Type(_)
            | PanelKey::Left
            | PanelKey::Right
            | PanelKey::Backspace
            | PanelKey::Move(_) => PanelEffect::None,
        }
    }

    /// Returns the request for a new list after a device has changed.
    pub fn refresh(&mut self, model: &Model) -> Option<UserCommand> {
        let changes = std::mem::replace(&mut self.listed_at, model.device_changes);
        (changes != model.device_changes).then_some(UserCommand::ListDevices)
    }
}
