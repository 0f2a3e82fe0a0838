//! Keys that open panels, and keys while a panel is shown.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind};

use crate::session::io::UserCommand;
use crate::ui::input::editor::Editor;
use crate::ui::input::panels::Panel;
use crate::ui::input::panels::devices::DevicesPanel;
use crate::ui::input::panels::events::EventsPanel;
use crate::ui::input::panels::help::HelpPanel;
use crate::ui::input::panels::key::{PanelEffect, PanelKey};
use crate::ui::input::panels::kind::PanelKind;
use crate::ui::input::panels::latency::LatencyPanel;
use crate::ui::input::panels::settings::SettingsPanel;
use crate::ui::model::Model;

/// Opens a panel in place of any other.
pub(super) fn open(kind: PanelKind, model: &Model, editor: &mut Editor) -> Option<UserCommand> {
    let (panel, command) = match kind {
        PanelKind::Help => (Panel::Help(HelpPanel::default()), None),
        // The previous list may be outdated.
        PanelKind::Devices => {
            let panel = DevicesPanel { listed_at: model.device_changes, ..DevicesPanel::default() };
            (Panel::Devices(panel), Some(UserCommand::ListDevices))
        }
        PanelKind::Settings => (Panel::Settings(SettingsPanel::default()), None),
        PanelKind::Latency => (Panel::Latency(LatencyPanel::default()), None),
        PanelKind::Events => (Panel::Events(EventsPanel::default()), None),
    };
    editor.panel = Some(panel);
    command
}

/// Returns the panel that a key opens and closes, if this screen has it.
pub(super) fn kind(key: &KeyEvent, model: &Model) -> Option<PanelKind> {
    let KeyCode::F(number) = key.code else { return None };
    let kind = PanelKind::of_function_key(number)?;
    let info = &model.info;
    let exists = match kind {
        PanelKind::Help | PanelKind::Events => true,
        PanelKind::Devices => !info.text_only,
        PanelKind::Settings | PanelKind::Latency => !info.captions,
    };
    exists.then_some(kind)
}

/// Handles a key in the panel that is shown.
pub(super) fn effect(key: &KeyEvent, model: &Model, editor: &mut Editor) -> PanelEffect {
    let releases = editor.push_to_talk.release_events();
    let Some(panel) = &mut editor.panel else { return PanelEffect::None };
    if let Some(kind) = kind(key, model).filter(|_| key.kind != KeyEventKind::Repeat) {
        return if kind == panel.kind() { PanelEffect::Close } else { PanelEffect::Open(kind) };
    }
    let Some(key) = PanelKey::of(key) else { return PanelEffect::None };
    match panel {
        Panel::Help(panel) => panel.key(key, model, releases),
        Panel::Devices(panel) => panel.key(key, model),
        Panel::Settings(panel) => panel.key(key, model),
        Panel::Latency(panel) => panel.key(key, model.delays.len()),
        Panel::Events(panel) => panel.key(key, &mut editor.events),
    }
}

/// Requests what the panel that is shown needs anew.
pub fn refresh(model: &Model, editor: &mut Editor) -> Option<UserCommand> {
    match editor.panel.as_mut()? {
        Panel::Devices(panel) => panel.refresh(model),
        Panel::Help(_) | Panel::Settings(_) | Panel::Latency(_) | Panel::Events(_) => None,
    }
}
