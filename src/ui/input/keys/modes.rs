//! The two modes of a call: go to the other one, hang up and call again, clear.

use crate::keys::action::Action;
use crate::session::io::UserCommand;
use crate::ui::input::editor::Editor;
use crate::ui::model::Model;

/// Shows the other mode.
pub(super) fn switch_mode(model: &Model, editor: &mut Editor) {
    if has_modes(Action::SwitchMode, model, editor) {
        editor.switch_mode = true;
    }
}

/// Hangs up, or calls again.
pub(super) fn switch_call(model: &Model, editor: &mut Editor) -> Option<UserCommand> {
    has_modes(Action::SwitchCall, model, editor).then_some(UserCommand::SwitchCall)
}

/// Mutes or unmutes the call next to a conversation in writing.
pub(super) fn mute_call(model: &Model, editor: &mut Editor) -> Option<UserCommand> {
    has_modes(Action::MuteCall, model, editor).then_some(UserCommand::SetMuted(!model.muted))
}

/// Clears the conversation; the first press only announces it.
pub(super) fn clear(is_announced: bool, model: &Model, editor: &mut Editor) -> Option<UserCommand> {
    if is_announced {
        return Some(UserCommand::Clear);
    }
    editor.clears_next = true;
    editor.note = Some((model.strings().modes.clear_announced)(&editor.key_label(Action::Clear)));
    None
}

/// Returns whether the screen has two modes, and says so if it has not.
fn has_modes(action: Action, model: &Model, editor: &mut Editor) -> bool {
    if !model.info.has_modes {
        editor.note = Some((model.strings().commands.needs_modes)(&editor.key_label(action)));
    }
    model.info.has_modes
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

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
    fn the_microphone_of_the_call_is_muted_in_the_text_mode_too() {
        let mut editor = Editor::default();
        let muted = press(KeyCode::Char('t'), CONTROL, &model(true, true), &mut editor);
        assert_eq!(muted, Some(UserCommand::SetMuted(true)));
        assert_eq!(press(KeyCode::Char('t'), CONTROL, &model(true, false), &mut editor), None);
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
