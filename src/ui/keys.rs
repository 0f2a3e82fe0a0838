//! From keys to what is meant: pure, without a terminal.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::session::io::{Command, EndReason, Turn};
use crate::ui::device;
use crate::ui::editor::Editor;
use crate::ui::model::Model;

/// Takes one key: what is meant for the session is returned, what is meant for the screen is done.
///
/// Letters always type. On an empty line, Space mutes, or begins and ends a turn where turns are made by
/// hand, `?` shows the help, and the arrows scroll.
pub fn command(key: &KeyEvent, model: &Model, editor: &mut Editor) -> Option<Command> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    editor.remark = None;
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    if is_end(key, editor) {
        return Some(Command::HangUp(EndReason::User));
    }
    if let Some(at) = editor.picker {
        return pick(key, at, model, editor);
    }
    if editor.help {
        // Any key leaves the help and does nothing else, so that nothing is done by a guess.
        editor.help = false;
        return None;
    }
    // Windows reports AltGr, with which many letters are typed, as Control and Alt together.
    if control && !key.modifiers.contains(KeyModifiers::ALT) {
        return with_control(key, model, editor);
    }
    plain(key, model, editor)
}

/// Returns what Space does on an empty line.
pub fn space(model: &Model) -> Command {
    match (model.about.manual_turns, model.turn) {
        (true, Turn::User) => Command::EndTurn,
        (true, Turn::Listening | Turn::Thinking | Turn::Assistant) => Command::BeginTurn,
        (false, Turn::Listening | Turn::User | Turn::Thinking | Turn::Assistant) => {
            Command::SetMuted(!model.muted)
        }
    }
}

fn is_end(key: &KeyEvent, editor: &Editor) -> bool {
    key.modifiers == KeyModifiers::CONTROL
        && match (letter(key), editor.is_empty() || editor.help) {
            (Some('c' | 'q'), _) | (Some('d'), true) => true,
            (Some(_) | None, _) => false,
        }
}

/// Terminals report a letter with Control in either case.
fn letter(key: &KeyEvent) -> Option<char> {
    key.code.as_char().map(|character| character.to_ascii_lowercase())
}

#[expect(clippy::wildcard_enum_match_arm, reason = "crossterm knows more keys than mean something here")]
fn with_control(key: &KeyEvent, model: &Model, editor: &mut Editor) -> Option<Command> {
    match key.code {
        KeyCode::Char(_) => return with_control_letter(key, model, editor),
        KeyCode::Left => editor.to_word_left(),
        KeyCode::Right => editor.to_word_right(),
        KeyCode::Backspace => editor.delete_word(),
        KeyCode::Home => editor.scroll = usize::MAX,
        KeyCode::End => editor.scroll = 0,
        _ => {}
    }
    None
}

fn with_control_letter(key: &KeyEvent, model: &Model, editor: &mut Editor) -> Option<Command> {
    match letter(key) {
        Some('t') => return Some(Command::SetMuted(!model.muted)),
        Some('o') => return Some(show_devices(editor)),
        Some('l') => editor.repaint = true,
        Some('u') => editor.delete_to_line_start(),
        Some('k') => editor.delete_to_line_end(),
        // Many terminals say Control-H for Control-Backspace.
        Some('w' | 'h') => editor.delete_word(),
        Some('a') => editor.to_line_start(),
        Some('e') => editor.to_line_end(),
        Some('b') => editor.left(),
        Some('f') => editor.right(),
        Some('d') => editor.delete_right(),
        // Control-J is the newline itself, for terminals that tell no Shift-Enter.
        Some('j') => editor.insert("\n"),
        Some(_) | None => {}
    }
    None
}

#[expect(clippy::wildcard_enum_match_arm, reason = "crossterm knows more keys than mean something here")]
fn plain(key: &KeyEvent, model: &Model, editor: &mut Editor) -> Option<Command> {
    let makes_line = key.modifiers.intersects(KeyModifiers::SHIFT | KeyModifiers::ALT);
    match key.code {
        KeyCode::Enter if makes_line => editor.insert("\n"),
        KeyCode::Enter => return say(editor),
        KeyCode::Esc => return Some(Command::Interrupt),
        KeyCode::F(1) => editor.help = true,
        KeyCode::F(2) => return Some(show_devices(editor)),
        KeyCode::PageUp => editor.scroll = editor.scroll.saturating_add(editor.page.max(2) - 1),
        KeyCode::PageDown => editor.scroll = editor.scroll.saturating_sub(editor.page.max(2) - 1),
        KeyCode::Backspace if makes_line => editor.delete_word(),
        KeyCode::Backspace => editor.delete_left(),
        KeyCode::Delete => editor.delete_right(),
        KeyCode::Tab => {}
        KeyCode::Char(character) => return character_key(character, model, editor),
        code if editor.is_empty() => scroll(code, editor),
        code => move_cursor(code, editor),
    }
    None
}

fn show_devices(editor: &mut Editor) -> Command {
    editor.picker = Some(0);
    // What was listed before may be plugged in no more.
    Command::ListDevices
}

/// Moves in the list of devices, takes one, or goes back.
#[expect(clippy::wildcard_enum_match_arm, reason = "crossterm knows more keys than mean something here")]
fn pick(key: &KeyEvent, at: usize, model: &Model, editor: &mut Editor) -> Option<Command> {
    let rows = model.devices.as_deref().map(device::rows).unwrap_or_default();
    let last = rows.len().saturating_sub(1);
    let at = at.min(last);
    editor.picker = match key.code {
        KeyCode::Up => Some(at.saturating_sub(1)),
        KeyCode::Down => Some((at + 1).min(last)),
        KeyCode::Home | KeyCode::PageUp => Some(0),
        KeyCode::End | KeyCode::PageDown => Some(last),
        KeyCode::Esc | KeyCode::F(2) | KeyCode::Enter => None,
        _ => Some(at),
    };
    match key.code {
        KeyCode::Enter => {
            let row = rows.into_iter().nth(at)?;
            Some(Command::UseDevice(row.side, row.id))
        }
        _ => None,
    }
}

fn say(editor: &mut Editor) -> Option<Command> {
    let said = editor.take()?;
    // Whoever speaks wants to see the answer.
    editor.scroll = 0;
    Some(Command::Say(said))
}

fn character_key(character: char, model: &Model, editor: &mut Editor) -> Option<Command> {
    match (character, editor.is_empty()) {
        (' ', true) => return Some(space(model)),
        ('?', true) => editor.help = true,
        (character, _) => editor.insert(character.encode_utf8(&mut [0; 4])),
    }
    None
}

/// A mouse wheel comes as arrows on the alternate screen.
#[expect(clippy::wildcard_enum_match_arm, reason = "crossterm knows more keys than mean something here")]
fn scroll(code: KeyCode, editor: &mut Editor) {
    match code {
        KeyCode::Up => editor.scroll = editor.scroll.saturating_add(1),
        KeyCode::Down => editor.scroll = editor.scroll.saturating_sub(1),
        KeyCode::Home => editor.scroll = usize::MAX,
        KeyCode::End => editor.scroll = 0,
        _ => {}
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "crossterm knows more keys than mean something here")]
fn move_cursor(code: KeyCode, editor: &mut Editor) {
    match code {
        KeyCode::Left => editor.left(),
        KeyCode::Right => editor.right(),
        KeyCode::Up => editor.up(),
        KeyCode::Down => editor.down(),
        KeyCode::Home => editor.to_line_start(),
        KeyCode::End => editor.to_line_end(),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::io::{DeviceEntry, Notice, Side};
    use crate::ui::model::About;

    const NONE: KeyModifiers = KeyModifiers::NONE;
    const CONTROL: KeyModifiers = KeyModifiers::CONTROL;

    fn typed(text: &str) -> Editor {
        let mut editor = Editor::default();
        editor.insert(text);
        editor
    }

    fn press(code: KeyCode, modifiers: KeyModifiers, editor: &mut Editor) -> Option<Command> {
        command(&KeyEvent::new(code, modifiers), &Model::default(), editor)
    }

    #[test]
    fn each_key_means_one_thing_to_the_session() {
        let hang_up = Command::HangUp(EndReason::User);
        for (text, code, modifiers, expected) in [
            ("", KeyCode::Char('c'), CONTROL, Some(hang_up.clone())),
            ("typed", KeyCode::Char('c'), CONTROL, Some(hang_up.clone())),
            ("", KeyCode::Char('d'), CONTROL, Some(hang_up.clone())),
            ("typed", KeyCode::Char('d'), CONTROL, None),
            ("typed", KeyCode::Char('q'), CONTROL, Some(hang_up)),
            ("typed", KeyCode::Char('t'), CONTROL, Some(Command::SetMuted(true))),
            ("typed", KeyCode::Char('T'), CONTROL, Some(Command::SetMuted(true))),
            ("", KeyCode::Char(' '), NONE, Some(Command::SetMuted(true))),
            ("typed", KeyCode::Char(' '), NONE, None),
            ("typed", KeyCode::Esc, NONE, Some(Command::Interrupt)),
            ("typed", KeyCode::Enter, NONE, Some(Command::Say("typed".to_owned()))),
            ("", KeyCode::Enter, NONE, None),
            ("typed", KeyCode::Enter, KeyModifiers::ALT, None),
            ("", KeyCode::Char('q'), NONE, None),
            ("", KeyCode::F(1), NONE, None),
        ] {
            assert_eq!(press(code, modifiers, &mut typed(text)), expected, "{code:?} behind {text:?}");
        }
    }

    #[test]
    fn enter_says_the_line_and_empties_it() {
        let mut editor = typed("hello");
        editor.scroll = 7;
        press(KeyCode::Enter, NONE, &mut editor);
        assert_eq!((editor.text(), editor.scroll), ("", 0));
    }

    #[test]
    fn shift_or_alt_with_enter_makes_a_line() {
        for modifiers in [KeyModifiers::SHIFT, KeyModifiers::ALT] {
            let mut editor = typed("a");
            press(KeyCode::Enter, modifiers, &mut editor);
            assert_eq!(editor.text(), "a\n");
        }
    }

    #[test]
    fn space_makes_turns_where_they_are_made_by_hand() {
        for (turn, expected) in [
            (Turn::Listening, Command::BeginTurn),
            (Turn::Assistant, Command::BeginTurn),
            (Turn::User, Command::EndTurn),
        ] {
            let mut model = Model::new(About { manual_turns: true, ..About::default() });
            model.turn = turn;
            let key = KeyEvent::new(KeyCode::Char(' '), NONE);
            assert_eq!(command(&key, &model, &mut Editor::default()), Some(expected));
        }
    }

    #[test]
    fn a_question_mark_is_help_only_on_an_empty_line() {
        let mut editor = Editor::default();
        press(KeyCode::Char('?'), KeyModifiers::SHIFT, &mut editor);
        assert!(editor.help);
        let mut editor = typed("why");
        press(KeyCode::Char('?'), NONE, &mut editor);
        assert_eq!((editor.help, editor.text()), (false, "why?"));
    }

    #[test]
    fn any_key_leaves_the_help_and_only_the_end_does_more() {
        let mut editor = typed("");
        editor.help = true;
        assert_eq!(press(KeyCode::Esc, NONE, &mut editor), None);
        assert!(!editor.help);
        editor.help = true;
        assert_eq!(press(KeyCode::Char('c'), CONTROL, &mut editor), Some(Command::HangUp(EndReason::User)));
    }

    #[test]
    fn letters_typed_with_alt_gr_are_typed() {
        let mut editor = Editor::default();
        assert_eq!(press(KeyCode::Char('@'), CONTROL | KeyModifiers::ALT, &mut editor), None);
        assert_eq!(editor.text(), "@");
    }

    #[test]
    fn a_device_is_chosen_from_a_list_and_what_is_typed_stays() {
        let mut model = Model::default();
        let entry = |side, name: &str| DeviceEntry {
            side,
            id: name.to_owned(),
            name: name.to_owned(),
            is_default: false,
            in_use: false,
        };
        let entries = vec![entry(Side::Microphone, "usb"), entry(Side::Speaker, "headset")];
        model.apply(std::time::Duration::ZERO, &Notice::Devices(entries));
        let press = |code, editor: &mut Editor| command(&KeyEvent::new(code, NONE), &model, editor);
        for (keys, expected) in [
            (vec![KeyCode::Enter], Some(Command::UseDevice(Side::Microphone, None))),
            (
                vec![KeyCode::Char('x'), KeyCode::Down, KeyCode::Enter],
                Some(Command::UseDevice(Side::Microphone, Some("usb".to_owned()))),
            ),
            (
                vec![KeyCode::Down; 9].into_iter().chain([KeyCode::Enter]).collect(),
                Some(Command::UseDevice(Side::Speaker, Some("headset".to_owned()))),
            ),
            (vec![KeyCode::Down, KeyCode::Up, KeyCode::Esc], None),
        ] {
            let mut editor = typed("half a");
            assert_eq!(press(KeyCode::F(2), &mut editor), Some(Command::ListDevices));
            let said: Vec<_> = keys.iter().filter_map(|code| press(*code, &mut editor)).collect();
            assert_eq!(said, Vec::from_iter(expected));
            assert_eq!((editor.picker, editor.text()), (None, "half a"));
        }
    }

    #[test]
    fn a_released_key_does_nothing() {
        let key = KeyEvent::new_with_kind(KeyCode::Char('x'), NONE, KeyEventKind::Release);
        let mut editor = Editor::default();
        assert_eq!(command(&key, &Model::default(), &mut editor), None);
        assert!(editor.is_empty());
    }

    #[test]
    fn pages_overlap_by_a_line() {
        let mut editor = typed("");
        editor.page = 10;
        press(KeyCode::PageUp, NONE, &mut editor);
        assert_eq!(editor.scroll, 9);
        press(KeyCode::PageDown, NONE, &mut editor);
        press(KeyCode::PageDown, NONE, &mut editor);
        assert_eq!(editor.scroll, 0);
    }

    #[test]
    fn arrows_scroll_only_on_an_empty_line() {
        let mut editor = Editor::default();
        press(KeyCode::Up, NONE, &mut editor);
        assert_eq!(editor.scroll, 1);
        let mut editor = typed("ab");
        press(KeyCode::Up, NONE, &mut editor);
        assert_eq!((editor.scroll, editor.cursor()), (0, 0));
    }
}
