//! Keys of the two modes of a call: the other mode, hang up and call again, clear.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::session::io::UserCommand;
use crate::ui::input::editor::Editor;
use crate::ui::model::Model;

/// Effect of a key.
enum ModeKey {
    /// Show the other mode.
    Switch,
    /// Hang up, or call again.
    Call,
    /// Clear the conversation; the first press only announces it.
    Clear,
}

/// Handles one key; none for other keys, else its command, if any.
pub(super) fn command(key: &KeyEvent, model: &Model, editor: &mut Editor) -> Option<Option<UserCommand>> {
    let clears = std::mem::take(&mut editor.clears_next);
    let meaning = meaning(key, model, editor)?;
    // A held key acts once.
    if key.kind == KeyEventKind::Repeat {
        editor.clears_next = clears;
        return Some(None);
    }
    match meaning {
        ModeKey::Switch => editor.switch_mode = true,
        ModeKey::Call => return Some(Some(UserCommand::SwitchCall)),
        ModeKey::Clear if clears => return Some(Some(UserCommand::Clear)),
        ModeKey::Clear => {
            editor.clears_next = true;
            editor.note = Some(model.strings().modes.clear_announced.to_owned());
        }
    }
    Some(None)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "crossterm knows more keys than mean something here")]
fn meaning(key: &KeyEvent, model: &Model, editor: &Editor) -> Option<ModeKey> {
    let control = |wanted| key.modifiers == KeyModifiers::CONTROL && super::letter(key) == Some(wanted);
    match key.code {
        KeyCode::F(8) if !model.info.captions => Some(ModeKey::Clear),
        _ if !model.info.has_modes => None,
        KeyCode::F(6) => Some(ModeKey::Switch),
        KeyCode::F(7) => Some(ModeKey::Call),
        // While sent texts are searched, this key ends the search.
        _ if control('g') && editor.history.query().is_none() => Some(ModeKey::Switch),
        _ if control('s') => Some(ModeKey::Call),
        _ => None,
    }
}
