//! Keys that open panels, and keys while a panel is shown.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::keys::action::Action;
use crate::session::io::UserCommand;
use crate::ui::input::editor::Editor;
use crate::ui::input::panels::Panel;
use crate::ui::input::panels::devices::DevicesPanel;
use crate::ui::input::panels::events::EventsPanel;
use crate::ui::input::panels::key::{ListMove, PanelEffect, PanelKey};
use crate::ui::input::panels::kind::PanelKind;
use crate::ui::input::panels::latency::LatencyPanel;
use crate::ui::input::panels::settings::SettingsPanel;
use crate::ui::model::Model;

/// Actions that open panels.
const OPENING: [(Action, PanelKind); 4] = [
    (Action::Devices, PanelKind::Devices),
    (Action::Settings, PanelKind::Settings),
    (Action::Latency, PanelKind::Latency),
    (Action::Events, PanelKind::Events),
];

/// Returns the panel that an action opens and closes.
pub(super) fn kind(action: Action) -> Option<PanelKind> {
    OPENING.into_iter().find(|(opening, _)| *opening == action).map(|(_, kind)| kind)
}

/// Opens a panel, or closes it if it is shown.
pub(super) fn toggle(kind: PanelKind, model: &Model, editor: &mut Editor) -> Option<UserCommand> {
    if editor.panel.take().is_some_and(|panel| panel.kind() == kind) {
        return None;
    }
    open(kind, model, editor)
}

/// Opens a panel in place of any other, and of the help.
pub(super) fn open(kind: PanelKind, model: &Model, editor: &mut Editor) -> Option<UserCommand> {
    let (panel, command) = match kind {
        // The previous list may be outdated.
        PanelKind::Devices => {
            let panel = DevicesPanel { listed_at: model.device_changes, ..DevicesPanel::default() };
            (Panel::Devices(panel), Some(UserCommand::ListDevices))
        }
        PanelKind::Settings => (Panel::Settings(SettingsPanel::default()), None),
        PanelKind::Latency => (Panel::Latency(LatencyPanel::default()), None),
        PanelKind::Events => (Panel::Events(EventsPanel::default()), None),
    };
    (editor.panel, editor.help) = (Some(panel), false);
    command
}

/// Handles a key in the panel that is shown.
pub(super) fn key(key: &KeyEvent, model: &Model, editor: &mut Editor) -> Option<UserCommand> {
    let key = panel_key(key)?;
    let effect = match editor.panel.as_mut()? {
        Panel::Devices(panel) => panel.key(key, model),
        Panel::Settings(panel) => panel.key(key, model),
        Panel::Latency(panel) => panel.key(key, model.delays.len()),
        Panel::Events(panel) => panel.key(key, &mut editor.events),
    };
    match effect {
        PanelEffect::None => {}
        PanelEffect::Close => editor.panel = None,
        PanelEffect::Send(commands) => editor.queued.extend(commands),
        PanelEffect::SendAndClose(commands) => {
            editor.panel = None;
            editor.queued.extend(commands);
        }
        PanelEffect::ShowEvent(number) => editor.to_show_event = Some(number),
        PanelEffect::Compose(text) => {
            editor.panel = None;
            editor.area.set(&text);
        }
    }
    None
}

/// Returns what a key means in a panel.
#[expect(clippy::wildcard_enum_match_arm, reason = "crossterm knows more keys than mean something here")]
fn panel_key(key: &KeyEvent) -> Option<PanelKey> {
    Some(match key.code {
        KeyCode::Up => PanelKey::Move(ListMove::Up),
        KeyCode::Down | KeyCode::Tab => PanelKey::Move(ListMove::Down),
        KeyCode::PageUp => PanelKey::Move(ListMove::PageUp),
        KeyCode::PageDown => PanelKey::Move(ListMove::PageDown),
        KeyCode::Home => PanelKey::Move(ListMove::First),
        KeyCode::End => PanelKey::Move(ListMove::Last),
        KeyCode::Left => PanelKey::Left,
        KeyCode::Right => PanelKey::Right,
        KeyCode::Enter => PanelKey::Enter,
        KeyCode::Esc => PanelKey::Esc,
        KeyCode::Backspace => PanelKey::Backspace,
        KeyCode::Char(character) if !key.modifiers.contains(KeyModifiers::CONTROL) => {
            PanelKey::Type(character)
        }
        _ => return None,
    })
}

/// Requests what the panel that is shown needs anew.
pub fn refresh(model: &Model, editor: &mut Editor) -> Option<UserCommand> {
    match editor.panel.as_mut()? {
        Panel::Devices(panel) => panel.refresh(model),
        Panel::Settings(_) | Panel::Latency(_) | Panel::Events(_) => None,
    }
}
