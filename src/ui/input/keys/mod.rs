//! From keys to what is meant: pure, without a terminal.

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyEventState, KeyModifiers};

use crate::session::io::{EndReason, UserCommand};
use crate::ui::input::editor::Editor;
use crate::ui::input::push_to_talk::ReleaseEvents;
use crate::ui::input::text_area::{Motion, Selection};
use crate::ui::model::Model;
use crate::ui::text::devices;

/// Said when a hold ends because nothing more is known of its key.
const KEY_LOST: &str = "your turn has ended: nothing was heard of the key any more";

/// Takes one key: what is meant for the session is returned, what is meant for the screen is done.
///
/// Letters always type. On an empty line, Space mutes, or makes turns where they are made by hand, `?` shows
/// the help, and the arrows scroll.
pub fn command(now: Duration, key: &KeyEvent, model: &Model, editor: &mut Editor) -> Option<UserCommand> {
    if model.about.manual_turns && is_of_a_hold(key, editor) {
        return hold(now, key, editor);
    }
    if key.kind == KeyEventKind::Release || matches!(key.code, KeyCode::Modifier(_)) {
        return None;
    }
    editor.talk_key.other(now);
    editor.remark = None;
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    if is_end(key, editor) {
        return Some(UserCommand::HangUp(EndReason::User));
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
    match (key.code, key.modifiers.is_empty() && editor.is_empty(), model.about.manual_turns) {
        (KeyCode::Char(' '), true, true) => editor.talk_key.press(now),
        (KeyCode::Char(' '), true, false) => Some(UserCommand::SetMuted(!model.muted)),
        (_, _, _) => plain(key, editor),
    }
}

/// Takes note of the time; returns what follows from it.
pub fn tick(now: Duration, editor: &mut Editor) -> Option<UserCommand> {
    let command = editor.talk_key.tick(now);
    if command.is_some() {
        editor.remark = Some(KEY_LOST.to_owned());
    }
    command
}

/// Returns whether a key is told to be let go or still held, which presses do not tell.
fn is_of_a_hold(key: &KeyEvent, editor: &Editor) -> bool {
    let is_space = key.code == KeyCode::Char(' ');
    match key.kind {
        KeyEventKind::Release => true,
        KeyEventKind::Repeat => is_space && (editor.is_empty() || editor.talk_key.is_held()),
        KeyEventKind::Press => is_space && editor.talk_key.is_held(),
    }
}

fn hold(now: Duration, key: &KeyEvent, editor: &mut Editor) -> Option<UserCommand> {
    match (key.code, key.kind) {
        (KeyCode::Char(' '), KeyEventKind::Release) => editor.talk_key.release(),
        (_, KeyEventKind::Release) => {
            editor.talk_key.learn(ReleaseEvents::Told);
            None
        }
        (_, KeyEventKind::Press | KeyEventKind::Repeat) => editor.talk_key.repeat(now),
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
fn with_control(key: &KeyEvent, model: &Model, editor: &mut Editor) -> Option<UserCommand> {
    let selection = selection(key);
    match key.code {
        KeyCode::Char(_) => return with_control_letter(key, model, editor),
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

fn with_control_letter(key: &KeyEvent, model: &Model, editor: &mut Editor) -> Option<UserCommand> {
    match letter(key) {
        // A key that is held too long is no second wish.
        Some('t') if key.kind == KeyEventKind::Repeat => {}
        Some('t') => {
            // The session ends the turn with the mute.
            editor.talk_key.let_go();
            return Some(UserCommand::SetMuted(!model.muted));
        }
        Some('o') => return Some(show_devices(editor)),
        Some('l') => editor.repaint = true,
        Some('z') => {
            editor.suspend = true;
            return editor.talk_key.let_go();
        }
        Some('u') => editor.area.kill(Motion::LineStart),
        Some('k') => editor.area.kill(Motion::LineEnd),
        Some('y') => editor.area.yank(),
        // Terminals send the same byte for Control with `_`, `/` and `7`.
        Some('_' | '/' | '7') => drop(editor.area.undo()),
        Some('p') => drop(editor.older()),
        Some('n') => drop(editor.newer()),
        Some('x') => drop(editor.area.unfold()),
        // Many terminals say Control-H for Control-Backspace.
        Some('w' | 'h') => editor.area.kill(Motion::WordLeft),
        Some('a') => drop(editor.area.move_cursor(Motion::LineStart, Selection::Drop)),
        Some('e') => drop(editor.area.move_cursor(Motion::LineEnd, Selection::Drop)),
        Some('b') => drop(editor.area.move_cursor(Motion::Left, Selection::Drop)),
        Some('f') => drop(editor.area.move_cursor(Motion::Right, Selection::Drop)),
        Some('d') => editor.area.delete(Motion::Right),
        // Control-J is the newline itself, for terminals that tell no Shift-Enter.
        Some('j') => editor.insert("\n"),
        Some(_) | None => {}
    }
    None
}

#[expect(clippy::wildcard_enum_match_arm, reason = "crossterm knows more keys than mean something here")]
fn plain(key: &KeyEvent, editor: &mut Editor) -> Option<UserCommand> {
    let makes_line = key.modifiers.intersects(KeyModifiers::SHIFT | KeyModifiers::ALT);
    let alt = key.modifiers == KeyModifiers::ALT;
    match key.code {
        KeyCode::Enter if makes_line => editor.insert("\n"),
        KeyCode::Enter if editor.area.continues() => {
            editor.area.delete(Motion::Left);
            editor.insert("\n");
        }
        KeyCode::Enter => return say(editor),
        KeyCode::Char(character) if alt && with_alt(character, editor) => {}
        KeyCode::Esc => return Some(UserCommand::Interrupt),
        KeyCode::F(1) => editor.help = true,
        KeyCode::F(2) => return Some(show_devices(editor)),
        KeyCode::PageUp => editor.scroll = editor.scroll.saturating_add(editor.page.max(2) - 1),
        KeyCode::PageDown => editor.scroll = editor.scroll.saturating_sub(editor.page.max(2) - 1),
        KeyCode::Backspace if alt => editor.area.kill(Motion::WordLeft),
        KeyCode::Backspace => editor.area.delete(Motion::Left),
        KeyCode::Delete => editor.area.delete(Motion::Right),
        KeyCode::Tab => {}
        KeyCode::Char(character) => type_in(cased(character, key.state), editor),
        code if editor.is_empty() => scroll(code, editor),
        code => move_cursor(code, selection(key), editor),
    }
    None
}

/// Does what a letter with Alt means, as in a shell. Returns whether it means anything: on some keyboards Alt
/// types letters.
fn with_alt(character: char, editor: &mut Editor) -> bool {
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
    // What was listed before may be plugged in no more.
    UserCommand::ListDevices
}

/// Moves in the list of devices, takes one, or goes back.
#[expect(clippy::wildcard_enum_match_arm, reason = "crossterm knows more keys than mean something here")]
fn pick(key: &KeyEvent, at: usize, model: &Model, editor: &mut Editor) -> Option<UserCommand> {
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

fn say(editor: &mut Editor) -> Option<UserCommand> {
    let said = editor.take()?;
    // Whoever speaks wants to see the answer.
    editor.scroll = 0;
    Some(UserCommand::Say(said))
}

fn type_in(character: char, editor: &mut Editor) {
    match (character, editor.is_empty()) {
        ('?', true) => editor.help = true,
        (character, _) => editor.insert(character.encode_utf8(&mut [0; 4])),
    }
}

/// Terminals that report keys and not text tell the letter of the key, and of the lock beside it.
fn cased(character: char, state: KeyEventState) -> char {
    let is_locked = state.contains(KeyEventState::CAPS_LOCK);
    let mut other = character.to_uppercase();
    match (is_locked, character.is_lowercase(), other.next(), other.next()) {
        (true, true, Some(upper), None) => upper,
        (true, false, ..) => character.to_lowercase().next().unwrap_or(character),
        (true | false, ..) => character,
    }
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
mod tests;
