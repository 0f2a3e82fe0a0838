//! Keys of live captions: nothing is typed, so that letters are commands.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::session::io::{EndReason, UserCommand};
use crate::ui::input::editor::Editor;
use crate::ui::input::keys::panels;
use crate::ui::input::panels::kind::PanelKind;
use crate::ui::model::Model;

/// Handles one key.
pub(super) fn command(key: &KeyEvent, model: &Model, editor: &mut Editor) -> Option<UserCommand> {
    let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
    let letter = key.code.as_char().map(|letter| letter.to_ascii_lowercase());
    let page = editor.page.max(2) - 1;
    match (key.code, letter) {
        // A held key must not mark or mute again.
        (_, Some(' ' | 'm')) | (KeyCode::Enter, _) if key.kind == KeyEventKind::Repeat => {}
        (_, Some('t')) if is_control && key.kind == KeyEventKind::Repeat => {}
        (_, Some('t')) if is_control => return Some(UserCommand::SetMuted(!model.muted)),
        (_, Some('l')) if is_control => editor.repaint = true,
        (_, Some('z')) if is_control => editor.suspend = true,
        (KeyCode::Char(_), _) if is_control => {}
        (_, Some('q')) => return Some(UserCommand::HangUp(EndReason::User)),
        (_, Some('m')) | (KeyCode::Enter, _) => return Some(UserCommand::Mark),
        (_, Some(' ')) => return Some(UserCommand::SetMuted(!model.muted)),
        (_, Some('?')) => return panels::open(PanelKind::Help, model, editor),
        (KeyCode::PageUp, _) => editor.scroll = editor.scroll.saturating_add(page),
        (KeyCode::PageDown, _) => editor.scroll = editor.scroll.saturating_sub(page),
        (KeyCode::Up, _) => editor.scroll = editor.scroll.saturating_add(1),
        (KeyCode::Down, _) => editor.scroll = editor.scroll.saturating_sub(1),
        (KeyCode::Home, _) => editor.scroll = usize::MAX,
        (KeyCode::End, _) => editor.scroll = 0,
        _ => {}
    }
    None
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ui::input::keys;
    use crate::ui::model::CallInfo;

    fn press(code: KeyCode, modifiers: KeyModifiers, editor: &mut Editor) -> Option<UserCommand> {
        let model = Model::new(CallInfo { captions: true, ..CallInfo::default() });
        keys::command(Duration::ZERO, &KeyEvent::new(code, modifiers), &model, editor)
    }

    #[test]
    fn letters_are_commands_where_nothing_is_typed() {
        let mut editor = Editor::default();
        let mut plain = |character| press(KeyCode::Char(character), KeyModifiers::NONE, &mut editor);
        assert_eq!(plain('m'), Some(UserCommand::Mark));
        assert_eq!(plain(' '), Some(UserCommand::SetMuted(true)));
        assert_eq!(plain('q'), Some(UserCommand::HangUp(EndReason::User)));
        assert_eq!(plain('x'), None);
        assert!(editor.is_empty());
        for letter in ['c', 'd', 'q'] {
            let ended = press(KeyCode::Char(letter), KeyModifiers::CONTROL, &mut editor);
            assert_eq!(ended, Some(UserCommand::HangUp(EndReason::User)));
        }
    }

    #[test]
    fn a_held_key_marks_once() {
        let model = Model::new(CallInfo { captions: true, ..CallInfo::default() });
        for code in [KeyCode::Char('m'), KeyCode::Enter, KeyCode::Char(' ')] {
            let repeat = KeyEvent::new_with_kind(code, KeyModifiers::NONE, KeyEventKind::Repeat);
            assert_eq!(command(&repeat, &model, &mut Editor::default()), None);
        }
    }

    #[test]
    fn captions_scroll_and_follow_again() {
        let mut editor = Editor { page: 10, ..Editor::default() };
        press(KeyCode::PageUp, KeyModifiers::NONE, &mut editor);
        press(KeyCode::Up, KeyModifiers::NONE, &mut editor);
        assert_eq!(editor.scroll, 10);
        press(KeyCode::End, KeyModifiers::NONE, &mut editor);
        assert_eq!(editor.scroll, 0);
    }
}
