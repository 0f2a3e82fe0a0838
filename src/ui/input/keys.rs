//! Key bindings: maps keys to commands; pure, without a terminal.

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyEventState, KeyModifiers};

use crate::session::io::{EndReason, UserCommand};
use crate::ui::input::editor::Editor;
use crate::ui::input::push_to_talk::ReleaseEvents;
use crate::ui::input::text_area::{Motion, Selection};
use crate::ui::model::Model;
use crate::ui::text::devices;

/// Note after a hold that ended without a release.
const HOLD_ENDED: &str = "turn ended: no key-repeat received";

/// Handles one key: applies it to the editor, or returns a command for the session.
///
/// Letters always type. On an empty line, Space mutes (push-to-talk with `--vad off`), `?` shows the help and
/// the arrows scroll.
pub fn command(now: Duration, key: &KeyEvent, model: &Model, editor: &mut Editor) -> Option<UserCommand> {
    if model.info.manual_turns && is_hold_event(key, editor) {
        return handle_hold(now, key, editor);
    }
    if key.kind == KeyEventKind::Release || matches!(key.code, KeyCode::Modifier(_)) {
        return None;
    }
    editor.push_to_talk.other_key(now);
    editor.note = None;
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    if is_end(key, editor) {
        return Some(UserCommand::HangUp(EndReason::User));
    }
    if let Some(at) = editor.picker {
        return handle_picker(key, at, model, editor);
    }
    if editor.help {
        // Any key closes the help and does nothing else, so that no command is sent by mistake.
        editor.help = false;
        return None;
    }
    // Windows reports AltGr, which types many letters, as Control and Alt together.
    if control && !key.modifiers.contains(KeyModifiers::ALT) {
        return control_key(key, model, editor);
    }
    match (key.code, key.modifiers.is_empty() && editor.is_empty(), model.info.manual_turns) {
        (KeyCode::Char(' '), true, true) => editor.push_to_talk.press(now),
        (KeyCode::Char(' '), true, false) => Some(UserCommand::SetMuted(!model.muted)),
        (_, _, _) => plain_key(key, editor),
    }
}

/// Handles timeouts.
pub fn tick(now: Duration, editor: &mut Editor) -> Option<UserCommand> {
    let command = editor.push_to_talk.tick(now);
    if command.is_some() {
        editor.note = Some(HOLD_ENDED.to_owned());
    }
    command
}

/// Returns whether the key event is a release, or belongs to a held Space.
fn is_hold_event(key: &KeyEvent, editor: &Editor) -> bool {
    let is_space = key.code == KeyCode::Char(' ');
    match key.kind {
        KeyEventKind::Release => true,
        KeyEventKind::Repeat => is_space && (editor.is_empty() || editor.push_to_talk.is_held()),
        KeyEventKind::Press => is_space && editor.push_to_talk.is_held(),
    }
}

fn handle_hold(now: Duration, key: &KeyEvent, editor: &mut Editor) -> Option<UserCommand> {
    match (key.code, key.kind) {
        (KeyCode::Char(' '), KeyEventKind::Release) => editor.push_to_talk.release(),
        (_, KeyEventKind::Release) => {
            editor.push_to_talk.observe_releases(ReleaseEvents::Supported);
            None
        }
        (_, KeyEventKind::Press | KeyEventKind::Repeat) => editor.push_to_talk.repeat(now),
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
fn control_key(key: &KeyEvent, model: &Model, editor: &mut Editor) -> Option<UserCommand> {
    let selection = selection(key);
    match key.code {
        KeyCode::Char(_) => return control_letter(key, model, editor),
        KeyCode::Left => drop(editor.area.move_cursor(Motion::WordLeft, selection)),
        KeyCode::Right => drop(editor.area.move_cursor(Motion::WordRight, selection)),
        KeyCode::Backspace => editor.area.kill(Motion::WordLeft),
        KeyCode::Delete => editor.area.kill(Motion::WordRight),
        KeyCode::Home => editor.scroll = usize::MAX,
        KeyCode::End => editor.scroll = 0,
        _ => {}
    }
    None
}

fn control_letter(key: &KeyEvent, model: &Model, editor: &mut Editor) -> Option<UserCommand> {
    match letter(key) {
        // Auto-repeat of a held key must not toggle again.
        Some('t') if key.kind == KeyEventKind::Repeat => {}
        Some('t') => {
            // The session ends the turn with the mute.
            editor.push_to_talk.cancel();
            return Some(UserCommand::SetMuted(!model.muted));
        }
        Some('o') => return Some(show_devices(editor)),
        Some('l') => editor.repaint = true,
        Some('z') => {
            editor.suspend = true;
            return editor.push_to_talk.cancel();
        }
        Some('u') => editor.area.kill(Motion::LineStart),
        Some('k') => editor.area.kill(Motion::LineEnd),
        Some('y') => editor.area.yank(),
        // Terminals send the same byte for Control with `_`, `/` and `7`.
        Some('_' | '/' | '7') => drop(editor.area.undo()),
        Some('p') => drop(editor.older()),
        Some('n') => drop(editor.newer()),
        Some('x') => drop(editor.area.unfold()),
        // Many terminals send Control-H for Control-Backspace.
        Some('w' | 'h') => editor.area.kill(Motion::WordLeft),
        Some('a') => drop(editor.area.move_cursor(Motion::LineStart, Selection::Drop)),
        Some('e') => drop(editor.area.move_cursor(Motion::LineEnd, Selection::Drop)),
        Some('b') => drop(editor.area.move_cursor(Motion::Left, Selection::Drop)),
        Some('f') => drop(editor.area.move_cursor(Motion::Right, Selection::Drop)),
        Some('d') => editor.area.delete(Motion::Right),
        // Control-J is the newline itself, for terminals that do not report Shift-Enter.
        Some('j') => editor.insert("\n"),
        Some(_) | None => {}
    }
    None
}

#[expect(clippy::wildcard_enum_match_arm, reason = "crossterm knows more keys than mean something here")]
fn plain_key(key: &KeyEvent, editor: &mut Editor) -> Option<UserCommand> {
    let is_newline = key.modifiers.intersects(KeyModifiers::SHIFT | KeyModifiers::ALT);
    let alt = key.modifiers == KeyModifiers::ALT;
    match key.code {
        KeyCode::Enter if is_newline => editor.insert("\n"),
        KeyCode::Enter if editor.area.continues() => {
            editor.area.delete(Motion::Left);
            editor.insert("\n");
        }
        KeyCode::Enter => return send_text(editor),
        KeyCode::Char(character) if alt && alt_letter(character, editor) => {}
        KeyCode::Esc => return Some(UserCommand::Interrupt),
        KeyCode::F(1) => editor.help = true,
        KeyCode::F(2) => return Some(show_devices(editor)),
        KeyCode::PageUp => editor.scroll = editor.scroll.saturating_add(editor.page.max(2) - 1),
        KeyCode::PageDown => editor.scroll = editor.scroll.saturating_sub(editor.page.max(2) - 1),
        KeyCode::Backspace if alt => editor.area.kill(Motion::WordLeft),
        KeyCode::Backspace => editor.area.delete(Motion::Left),
        KeyCode::Delete => editor.area.delete(Motion::Right),
        KeyCode::Tab => {}
        KeyCode::Char(character) => type_character(apply_caps_lock(character, key.state), editor),
        code if editor.is_empty() => scroll(code, editor),
        code => move_cursor(code, selection(key), editor),
    }
    None
}

/// Does what a letter with Alt means, as in a shell. Returns whether it means anything: on some keyboards Alt
/// types letters.
fn alt_letter(character: char, editor: &mut Editor) -> bool {
    match character {
        'b' => drop(editor.area.move_cursor(Motion::WordLeft, Selection::Drop)),
        'f' => drop(editor.area.move_cursor(Motion::WordRight, Selection::Drop)),
        'd' => editor.area.kill(Motion::WordRight),
        '_' | '/' => drop(editor.area.redo()),
        _ => return false,
    }
    true
}

fn selection(key: &KeyEvent) -> Selection {
    if key.modifiers.contains(KeyModifiers::SHIFT) { Selection::Extend } else { Selection::Drop }
}

fn show_devices(editor: &mut Editor) -> UserCommand {
    editor.picker = Some(0);
    // The previous list may be outdated.
    UserCommand::ListDevices
}

/// Moves within the device list, selects a device, or cancels.
#[expect(clippy::wildcard_enum_match_arm, reason = "crossterm knows more keys than mean something here")]
fn handle_picker(key: &KeyEvent, at: usize, model: &Model, editor: &mut Editor) -> Option<UserCommand> {
    let rows = model.devices.as_deref().map(devices::rows).unwrap_or_default();
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
            Some(UserCommand::UseDevice(row.side, row.id))
        }
        _ => None,
    }
}

fn send_text(editor: &mut Editor) -> Option<UserCommand> {
    let text = editor.take()?;
    // Show the answer to the sent text.
    editor.scroll = 0;
    Some(UserCommand::Say(text))
}

fn type_character(character: char, editor: &mut Editor) {
    match (character, editor.is_empty()) {
        ('?', true) => editor.help = true,
        (character, _) => editor.insert(character.encode_utf8(&mut [0; 4])),
    }
}

/// Terminals that report keys instead of text report the unshifted letter and Caps Lock separately.
fn apply_caps_lock(character: char, state: KeyEventState) -> char {
    let is_locked = state.contains(KeyEventState::CAPS_LOCK);
    let mut upper_case = character.to_uppercase();
    match (is_locked, character.is_lowercase(), upper_case.next(), upper_case.next()) {
        (true, true, Some(upper), None) => upper,
        (true, false, ..) => character.to_lowercase().next().unwrap_or(character),
        (true | false, ..) => character,
    }
}

/// Terminals send the mouse wheel as arrow keys on the alternate screen.
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
fn move_cursor(code: KeyCode, selection: Selection, editor: &mut Editor) {
    let motion = match code {
        KeyCode::Left => Motion::Left,
        KeyCode::Right => Motion::Right,
        KeyCode::Up => Motion::Up,
        KeyCode::Down => Motion::Down,
        KeyCode::Home => Motion::LineStart,
        KeyCode::End => Motion::LineEnd,
        _ => return,
    };
    if editor.area.move_cursor(motion, selection) {
        return;
    }
    // In the first and the last row, Up and Down recall other texts, or go to the end of this one.
    match motion {
        Motion::Up if !editor.older() => drop(editor.area.move_cursor(Motion::Start, selection)),
        Motion::Down if !editor.newer() => drop(editor.area.move_cursor(Motion::End, selection)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::api::{DeviceEntry, Direction};
    use crate::session::io::Notice;
    use crate::ui::model::CallInfo;

    const NONE: KeyModifiers = KeyModifiers::NONE;
    const CONTROL: KeyModifiers = KeyModifiers::CONTROL;

    fn typed(text: &str) -> Editor {
        let mut editor = Editor::default();
        editor.insert(text);
        editor
    }

    fn press(code: KeyCode, modifiers: KeyModifiers, editor: &mut Editor) -> Option<UserCommand> {
        command(Duration::ZERO, &KeyEvent::new(code, modifiers), &Model::default(), editor)
    }

    #[test]
    fn each_key_sends_its_command() {
        let hang_up = UserCommand::HangUp(EndReason::User);
        for (text, code, modifiers, expected) in [
            ("", KeyCode::Char('c'), CONTROL, Some(hang_up.clone())),
            ("typed", KeyCode::Char('c'), CONTROL, Some(hang_up.clone())),
            ("", KeyCode::Char('d'), CONTROL, Some(hang_up.clone())),
            ("typed", KeyCode::Char('d'), CONTROL, None),
            ("typed", KeyCode::Char('q'), CONTROL, Some(hang_up)),
            ("typed", KeyCode::Char('t'), CONTROL, Some(UserCommand::SetMuted(true))),
            ("typed", KeyCode::Char('T'), CONTROL, Some(UserCommand::SetMuted(true))),
            ("", KeyCode::Char(' '), NONE, Some(UserCommand::SetMuted(true))),
            ("typed", KeyCode::Char(' '), NONE, None),
            ("typed", KeyCode::Esc, NONE, Some(UserCommand::Interrupt)),
            ("typed", KeyCode::Enter, NONE, Some(UserCommand::Say("typed".to_owned()))),
            ("", KeyCode::Enter, NONE, None),
            ("typed", KeyCode::Enter, KeyModifiers::ALT, None),
            ("", KeyCode::Char('q'), NONE, None),
            ("", KeyCode::F(1), NONE, None),
        ] {
            assert_eq!(press(code, modifiers, &mut typed(text)), expected, "{code:?} after {text:?}");
        }
    }

    #[test]
    fn enter_sends_the_line_and_clears_it() {
        let mut editor = typed("hello");
        editor.scroll = 7;
        press(KeyCode::Enter, NONE, &mut editor);
        assert_eq!((editor.area.text().as_str(), editor.scroll), ("", 0));
    }

    #[test]
    fn shift_or_alt_with_enter_starts_a_new_line() {
        for modifiers in [KeyModifiers::SHIFT, KeyModifiers::ALT] {
            let mut editor = typed("a");
            press(KeyCode::Enter, modifiers, &mut editor);
            assert_eq!(editor.area.text(), "a\n");
        }
    }

    const SPACE: KeyCode = KeyCode::Char(' ');

    /// Returns the commands of keys with manual turns, half a second apart.
    fn manual_turns(keys: &[(KeyCode, KeyEventKind)], editor: &mut Editor) -> Vec<Option<UserCommand>> {
        let model = Model::new(CallInfo { manual_turns: true, ..CallInfo::default() });
        let events = keys.iter().zip(0_u64..).map(|((code, kind), number)| {
            let now = Duration::from_millis(500 * number);
            command(now, &KeyEvent::new_with_kind(*code, NONE, *kind), &model, editor)
        });
        events.collect()
    }

    #[test]
    fn space_is_push_to_talk_with_manual_turns() {
        use KeyEventKind::{Press, Release, Repeat};

        let (begin, end) = (Some(UserCommand::BeginTurn), Some(UserCommand::EndTurn));
        let toggle = || Some(UserCommand::SwitchTurn);
        let mut editor = Editor::default();
        assert_eq!(manual_turns(&[(SPACE, Press), (SPACE, Press)], &mut editor), [toggle(), toggle()]);
        editor.push_to_talk.observe_releases(ReleaseEvents::Supported);
        let held = [(SPACE, Press), (SPACE, Repeat), (SPACE, Release)];
        assert_eq!(manual_turns(&held, &mut editor), [begin, None, end]);
        assert!(editor.is_empty());
    }

    #[test]
    fn typing_during_a_hold_does_not_end_it() {
        use KeyEventKind::{Press, Release, Repeat};

        let mut editor = Editor::default();
        editor.push_to_talk.observe_releases(ReleaseEvents::Supported);
        let a = KeyCode::Char('a');
        let shift = KeyCode::Modifier(crossterm::event::ModifierKeyCode::LeftShift);
        let keys =
            [(SPACE, Press), (shift, Press), (a, Press), (a, Release), (SPACE, Repeat), (SPACE, Release)];
        let commands = manual_turns(&keys, &mut editor);
        assert_eq!(
            (&commands[0], &commands[5]),
            (&Some(UserCommand::BeginTurn), &Some(UserCommand::EndTurn))
        );
        assert_eq!(editor.area.text(), "a", "a held Space types nothing");
        assert_eq!(manual_turns(&[(SPACE, Press)], &mut editor), [None]);
        assert_eq!(editor.area.text(), "a ", "after text, Space is a space");
    }

    #[test]
    fn mute_and_end_work_during_a_hold() {
        let model = Model::new(CallInfo { manual_turns: true, ..CallInfo::default() });
        let mut editor = Editor::default();
        editor.push_to_talk.observe_releases(ReleaseEvents::Supported);
        editor.push_to_talk.press(Duration::ZERO);
        let mute = KeyEvent::new(KeyCode::Char('t'), CONTROL);
        assert_eq!(command(Duration::ZERO, &mute, &model, &mut editor), Some(UserCommand::SetMuted(true)));
        assert!(!editor.push_to_talk.is_held());
        let late = KeyEvent::new_with_kind(SPACE, NONE, KeyEventKind::Repeat);
        assert_eq!(command(Duration::ZERO, &late, &model, &mut editor), None);
        let held_mute = KeyEvent::new_with_kind(KeyCode::Char('t'), CONTROL, KeyEventKind::Repeat);
        assert_eq!(command(Duration::ZERO, &held_mute, &model, &mut editor), None);
    }

    #[test]
    fn a_stuck_hold_ends_the_turn_with_a_note() {
        let mut editor = Editor::default();
        editor.push_to_talk.observe_releases(ReleaseEvents::Supported);
        editor.push_to_talk.press(Duration::ZERO);
        assert_eq!(tick(Duration::from_secs(59), &mut editor), None);
        assert_eq!(tick(Duration::from_secs(61), &mut editor), Some(UserCommand::EndTurn));
        assert_eq!(editor.note.as_deref(), Some(HOLD_ENDED));
    }

    #[test]
    fn caps_lock_applies_to_letters() {
        for (character, state, expected) in [
            ('a', KeyEventState::NONE, "a"),
            ('a', KeyEventState::CAPS_LOCK, "A"),
            ('A', KeyEventState::CAPS_LOCK, "a"),
            ('1', KeyEventState::CAPS_LOCK, "1"),
            ('ß', KeyEventState::CAPS_LOCK, "ß"),
        ] {
            let mut editor = Editor::default();
            let key =
                KeyEvent::new_with_kind_and_state(KeyCode::Char(character), NONE, KeyEventKind::Press, state);
            command(Duration::ZERO, &key, &Model::default(), &mut editor);
            assert_eq!(editor.area.text(), expected);
        }
    }

    #[test]
    fn a_question_mark_is_help_only_on_an_empty_line() {
        let mut editor = Editor::default();
        press(KeyCode::Char('?'), KeyModifiers::SHIFT, &mut editor);
        assert!(editor.help);
        let mut editor = typed("why");
        press(KeyCode::Char('?'), NONE, &mut editor);
        assert_eq!((editor.help, editor.area.text().as_str()), (false, "why?"));
    }

    #[test]
    fn any_key_closes_the_help_and_only_the_end_does_more() {
        let mut editor = typed("");
        editor.help = true;
        assert_eq!(press(KeyCode::Esc, NONE, &mut editor), None);
        assert!(!editor.help);
        editor.help = true;
        assert_eq!(
            press(KeyCode::Char('c'), CONTROL, &mut editor),
            Some(UserCommand::HangUp(EndReason::User))
        );
    }

    #[test]
    fn alt_gr_types_letters() {
        let mut editor = Editor::default();
        assert_eq!(press(KeyCode::Char('@'), CONTROL | KeyModifiers::ALT, &mut editor), None);
        assert_eq!(editor.area.text(), "@");
    }

    #[test]
    fn choosing_a_device_keeps_the_typed_text() {
        let mut model = Model::default();
        let entry = |direction, name: &str| DeviceEntry {
            direction,
            id: name.to_owned(),
            name: name.to_owned(),
            is_default: false,
            in_use: false,
        };
        let entries = vec![entry(Direction::Input, "usb"), entry(Direction::Output, "headset")];
        model.apply(std::time::Duration::ZERO, &Notice::Devices(entries));
        let press =
            |code, editor: &mut Editor| command(Duration::ZERO, &KeyEvent::new(code, NONE), &model, editor);
        for (keys, expected) in [
            (vec![KeyCode::Enter], Some(UserCommand::UseDevice(Direction::Input, None))),
            (
                vec![KeyCode::Char('x'), KeyCode::Down, KeyCode::Enter],
                Some(UserCommand::UseDevice(Direction::Input, Some("usb".to_owned()))),
            ),
            (
                vec![KeyCode::Down; 9].into_iter().chain([KeyCode::Enter]).collect(),
                Some(UserCommand::UseDevice(Direction::Output, Some("headset".to_owned()))),
            ),
            (vec![KeyCode::Down, KeyCode::Up, KeyCode::Esc], None),
        ] {
            let mut editor = typed("half a");
            assert_eq!(press(KeyCode::F(2), &mut editor), Some(UserCommand::ListDevices));
            let text: Vec<_> = keys.iter().filter_map(|code| press(*code, &mut editor)).collect();
            assert_eq!(text, Vec::from_iter(expected));
            assert_eq!((editor.picker, editor.area.text().as_str()), (None, "half a"));
        }
    }

    #[test]
    fn a_released_key_does_nothing() {
        let key = KeyEvent::new_with_kind(KeyCode::Char('x'), NONE, KeyEventKind::Release);
        let mut editor = Editor::default();
        assert_eq!(command(Duration::ZERO, &key, &Model::default(), &mut editor), None);
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
        assert_eq!(editor.scroll, 0);
        assert!(!editor.area.move_cursor(Motion::Left, Selection::Drop), "the cursor went to the start");
    }
}
