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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::session::io::ConnectionState;
    use crate::ui::input::keys;
    use crate::ui::model::CallInfo;

    const PLAIN: KeyModifiers = KeyModifiers::NONE;
    const CONTROL: KeyModifiers = KeyModifiers::CONTROL;

    fn model(text_only: bool, has_modes: bool) -> Model {
        Model::new(CallInfo { text_only, has_modes, ..CallInfo::default() })
    }

    fn press(
        code: KeyCode,
        modifiers: KeyModifiers,
        model: &Model,
        editor: &mut Editor,
    ) -> Option<UserCommand> {
        keys::command(Duration::ZERO, &KeyEvent::new(code, modifiers), model, editor)
    }

    #[test]
    fn every_terminal_can_switch_the_mode_and_hang_up() {
        for text_only in [false, true] {
            for (code, modifiers) in [(KeyCode::F(6), PLAIN), (KeyCode::Char('g'), CONTROL)] {
                let mut editor = Editor::default();
                assert_eq!(press(code, modifiers, &model(text_only, true), &mut editor), None);
                assert!(editor.switch_mode && editor.is_empty());
            }
            for (code, modifiers) in [(KeyCode::F(7), PLAIN), (KeyCode::Char('s'), CONTROL)] {
                let command = press(code, modifiers, &model(text_only, true), &mut Editor::default());
                assert_eq!(command, Some(UserCommand::SwitchCall));
            }
        }
        let mut editor = Editor::default();
        for code in [KeyCode::F(6), KeyCode::F(7)] {
            assert_eq!(press(code, PLAIN, &model(true, false), &mut editor), None, "there is one mode");
        }
        assert!(!editor.switch_mode);
    }

    #[test]
    fn a_held_key_hangs_up_once() {
        let repeat = KeyEvent::new_with_kind(KeyCode::F(7), PLAIN, KeyEventKind::Repeat);
        let command = keys::command(Duration::ZERO, &repeat, &model(false, true), &mut Editor::default());
        assert_eq!(command, None);
    }

    #[test]
    fn two_presses_in_a_row_clear() {
        let (mut editor, model) = (Editor::default(), model(true, false));
        assert_eq!(press(KeyCode::F(8), PLAIN, &model, &mut editor), None);
        assert!(editor.note.as_deref().is_some_and(|note| note.contains("F8")));
        press(KeyCode::Char('x'), PLAIN, &model, &mut editor);
        assert_eq!(press(KeyCode::F(8), PLAIN, &model, &mut editor), None, "another key was pressed");
        assert_eq!(press(KeyCode::F(8), PLAIN, &model, &mut editor), Some(UserCommand::Clear));
    }

    #[test]
    fn a_text_between_calls_stays_in_the_editor() {
        let (mut editor, mut model) = (Editor::default(), model(false, true));
        model.connection = ConnectionState::Disconnected;
        editor.insert("hello");
        assert_eq!(press(KeyCode::Enter, PLAIN, &model, &mut editor), None);
        assert_eq!(editor.area.text(), "hello");
        assert!(editor.note.as_deref().is_some_and(|note| note.contains("F7")));
        editor.area.set("/call");
        assert_eq!(press(KeyCode::Enter, PLAIN, &model, &mut editor), Some(UserCommand::SwitchCall));
    }
}
