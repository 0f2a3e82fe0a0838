//! Promises of keys that are bound otherwise, and of captions, where letters are bound.

use super::tests::{CONTROL, NONE, SPACE, manual_turns, press};
use super::*;
use crate::audio::api::Volume;
use crate::keys::action::ACTIONS;
use crate::ui::model::CallInfo;

/// Returns the editor with keys bound to an action.
fn bound(action: Action, keys: &[&str]) -> Editor {
    let mut bindings = KeyBindings::default();
    bindings.set(action, keys.iter().map(|name| name.parse().unwrap()).collect());
    Editor { keys: std::sync::Arc::new(bindings), ..Editor::default() }
}

#[test]
fn keys_act_as_they_are_bound() {
    let mut editor = bound(Action::Mute, &["f5"]);
    assert_eq!(press(KeyCode::F(5), NONE, &mut editor), Some(UserCommand::SetMuted(true)));
    assert_eq!(press(KeyCode::Char('t'), CONTROL, &mut editor), None);
    assert_eq!(press(SPACE, NONE, &mut editor), None);
    assert_eq!(editor.area.text(), " ", "a key that is not bound types");
    let mut editor = bound(Action::Mute, &["m"]);
    assert_eq!(press(KeyCode::Char('m'), NONE, &mut editor), Some(UserCommand::SetMuted(true)));
    editor.insert("a");
    assert_eq!(press(KeyCode::Char('m'), NONE, &mut editor), None);
    assert_eq!(editor.area.text(), "am", "after text, a letter is a letter");
}

#[test]
fn another_key_can_be_held_to_talk() {
    use KeyEventKind::{Press, Release};

    let mut editor = bound(Action::Talk, &["f4"]);
    editor.push_to_talk.observe_releases(ReleaseEvents::Supported);
    let held = [(KeyCode::F(4), Press), (KeyCode::F(4), Release)];
    assert_eq!(manual_turns(&held, &mut editor), [Some(UserCommand::BeginTurn), Some(UserCommand::EndTurn)]);
    assert_eq!(manual_turns(&[(SPACE, Press)], &mut editor), [Some(UserCommand::SetMuted(true))]);
}

/// A test of the whole table would repeat it; that each entry does something is what matters.
#[test]
fn each_bound_key_is_found_on_its_screen_and_does_something() {
    let visible = |editor: &Editor, command: Option<UserCommand>| (format!("{editor:?}"), command);
    for spec in &ACTIONS {
        let context = spec.contexts[0];
        let info = CallInfo {
            volume: Some(Volume::clamped(50)),
            manual_turns: context == KeyContext::ManualCall,
            text_only: context == KeyContext::Chat,
            captions: context == KeyContext::Captions,
            ..CallInfo::default()
        };
        let mut editor = Editor { page: 10, scroll: 50, ..Editor::default() };
        if !matches!(spec.action, Action::Leave | Action::Talk) {
            editor.insert("a b c");
            editor.area.kill(Motion::WordLeft);
            editor.area.move_cursor(Motion::WordLeft, Selection::Drop);
        }
        match spec.action {
            Action::Complete => editor.area.set("/cle"),
            Action::Redo => drop(editor.area.undo()),
            Action::Unfold => {
                editor.area.set("");
                editor.paste(&"folded\n".repeat(100));
            }
            Action::OlderText => editor.history.push("sent"),
            Action::NewerText => {
                editor.history.push("sent");
                editor.older();
            }
            _ => {}
        }
        let before = visible(&editor, None);
        let command = perform::perform(
            spec.action,
            (Duration::ZERO, KeyEventKind::Press),
            &Model::new(info),
            &mut editor,
        );
        assert!(visible(&editor, command) != before, "{} does nothing", spec.name);
    }
}

/// Presses a key while captions are shown.
fn press_in_captions(code: KeyCode, modifiers: KeyModifiers, editor: &mut Editor) -> Option<UserCommand> {
    let model = Model::new(CallInfo { captions: true, ..CallInfo::default() });
    command(Duration::ZERO, &KeyEvent::new(code, modifiers), &model, editor)
}

#[test]
fn letters_are_commands_where_nothing_is_typed() {
    let mut editor = Editor::default();
    let mut plain = |character| press_in_captions(KeyCode::Char(character), NONE, &mut editor);
    assert_eq!(plain('m'), Some(UserCommand::Mark));
    assert_eq!(plain('M'), Some(UserCommand::Mark));
    assert_eq!(plain(' '), Some(UserCommand::SetMuted(true)));
    assert_eq!(plain('q'), Some(UserCommand::HangUp(EndReason::User)));
    assert_eq!(plain('x'), None);
    assert!(editor.is_empty());
    for letter in ['c', 'd', 'q'] {
        let ended = press_in_captions(KeyCode::Char(letter), CONTROL, &mut editor);
        assert_eq!(ended, Some(UserCommand::HangUp(EndReason::User)));
    }
}

#[test]
fn a_held_key_marks_once() {
    let model = Model::new(CallInfo { captions: true, ..CallInfo::default() });
    for code in [KeyCode::Char('m'), KeyCode::Enter, SPACE] {
        let repeat = KeyEvent::new_with_kind(code, NONE, KeyEventKind::Repeat);
        assert_eq!(command(Duration::ZERO, &repeat, &model, &mut Editor::default()), None);
    }
}

#[test]
fn captions_scroll_and_follow_again() {
    let mut editor = Editor { page: 10, ..Editor::default() };
    press_in_captions(KeyCode::PageUp, NONE, &mut editor);
    press_in_captions(KeyCode::Up, NONE, &mut editor);
    assert_eq!(editor.scroll, 10);
    press_in_captions(KeyCode::End, NONE, &mut editor);
    assert_eq!(editor.scroll, 0);
}
