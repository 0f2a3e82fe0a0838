//! Keys: finds the action that is bound to a key, or edits the text; pure, without a terminal.

mod chord;
mod help;
mod modes;
mod perform;
mod submit;

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyEventState, KeyModifiers};

use crate::keys::action::{Action, KeyContext};
use crate::keys::bindings::KeyBindings;
use crate::session::io::{EndReason, UserCommand};
use crate::ui::input::editor::Editor;
use crate::ui::input::push_to_talk::ReleaseEvents;
use crate::ui::input::slash;
use crate::ui::input::text_area::{Motion, Selection};
use crate::ui::input::wheel::{ArrowDirection, ArrowSource};
use crate::ui::model::Model;
use crate::ui::text::devices;

/// Lines that the arrow keys at the start of a wheel burst stand for.
const WHEEL_LINES: usize = 3;

/// Handles one key: applies it to the editor, or returns a command for the session.
///
/// Keys that are not bound type text. A key that would type text is bound only while nothing is typed.
pub fn command(now: Duration, key: &KeyEvent, model: &Model, editor: &mut Editor) -> Option<UserCommand> {
    if model.info.manual_turns && is_hold_event(key, editor) {
        return handle_hold(now, key, editor);
    }
    if key.kind == KeyEventKind::Release || matches!(key.code, KeyCode::Modifier(_)) {
        return None;
    }
    editor.push_to_talk.other_key(now);
    editor.note = None;
    // Below the help, nothing is typed.
    let action = action(key, model.key_context(), editor, editor.is_empty() || editor.help);
    if action != Some(Action::Cancel) {
        editor.ctrl_c.other_key();
    }
    match action {
        Some(action @ Action::Cancel) => {
            return perform::perform(action, (now, key.kind), model, editor);
        }
        Some(Action::End | Action::Leave) => return Some(UserCommand::HangUp(EndReason::User)),
        Some(_) | None => {}
    }
    if let Some(at) = editor.picker {
        return handle_picker(key, (at, action), model, editor);
    }
    if editor.help {
        let chosen = help::key(key, action, model, editor)?;
        return perform::perform(chosen, (now, key.kind), model, editor);
    }
    if editor.history.query().is_some() && search_key(key, action, editor) {
        return None;
    }
    let command = match action {
        Some(action) => perform::perform(action, (now, key.kind), model, editor),
        None => {
            editor.clears_next = false;
            type_key(now, key, model, editor);
            None
        }
    };
    offer_commands(model, editor);
    command
}

/// Returns what a key does.
fn action(key: &KeyEvent, context: KeyContext, editor: &Editor, is_empty: bool) -> Option<Action> {
    editor.keys.action(chord::of(key)?, context, is_empty)
}

/// Returns whether a key may lend the terminal to another program, which must be the only one to read keys then.
pub fn lends_terminal(key: &KeyEvent, keys: &KeyBindings) -> bool {
    chord::of(key).is_some_and(|chord| keys.of(Action::EditText).contains(&chord))
}

/// Handles timeouts.
pub fn tick(now: Duration, editor: &mut Editor) -> Option<UserCommand> {
    let command = editor.push_to_talk.tick(now);
    if command.is_some() {
        editor.note = Some(editor.notes().hold_ended.to_owned());
    }
    command
}

/// Returns whether the key event is a release, or belongs to a held key that talks.
fn is_hold_event(key: &KeyEvent, editor: &Editor) -> bool {
    let is_talk = is_talk_key(key, editor);
    match key.kind {
        KeyEventKind::Release => true,
        KeyEventKind::Repeat => {
            let is_bound =
                action(key, KeyContext::ManualCall, editor, editor.is_empty()) == Some(Action::Talk);
            is_talk && (is_bound || editor.push_to_talk.is_held())
        }
        KeyEventKind::Press => is_talk && editor.push_to_talk.is_held(),
    }
}

fn is_talk_key(key: &KeyEvent, editor: &Editor) -> bool {
    chord::of(key).is_some_and(|chord| editor.keys.of(Action::Talk).contains(&chord))
}

fn handle_hold(now: Duration, key: &KeyEvent, editor: &mut Editor) -> Option<UserCommand> {
    match key.kind {
        KeyEventKind::Release if is_talk_key(key, editor) => editor.push_to_talk.release(),
        KeyEventKind::Release => {
            editor.push_to_talk.observe_releases(ReleaseEvents::Supported);
            None
        }
        KeyEventKind::Press | KeyEventKind::Repeat => editor.push_to_talk.repeat(now),
    }
}

/// Handles a key that is not bound: it types, moves the cursor, or scrolls.
#[expect(clippy::wildcard_enum_match_arm, reason = "crossterm knows more keys than mean something here")]
fn type_key(now: Duration, key: &KeyEvent, model: &Model, editor: &mut Editor) {
    let selection = selection(key);
    // Windows reports AltGr, which types many letters, as Control and Alt together.
    let is_control =
        key.modifiers.contains(KeyModifiers::CONTROL) && !key.modifiers.contains(KeyModifiers::ALT);
    let alt = key.modifiers == KeyModifiers::ALT;
    match key.code {
        code if model.info.captions => scroll_captions(code, editor),
        KeyCode::Char(_) if is_control => {}
        KeyCode::Char(character) => {
            let character = apply_caps_lock(character, key.state);
            editor.insert(character.encode_utf8(&mut [0; 4]));
        }
        KeyCode::Left if is_control => drop(editor.area.move_cursor(Motion::WordLeft, selection)),
        KeyCode::Right if is_control => drop(editor.area.move_cursor(Motion::WordRight, selection)),
        KeyCode::Backspace if is_control || alt => editor.area.kill(Motion::WordLeft),
        KeyCode::Delete if is_control => editor.area.kill(Motion::WordRight),
        KeyCode::Backspace => editor.area.delete(Motion::Left),
        KeyCode::Delete => editor.area.delete(Motion::Right),
        KeyCode::Up | KeyCode::Down | KeyCode::Home | KeyCode::End if is_control || alt => {}
        code if is_wheel(now, code, selection, editor) => {}
        code if editor.is_empty() => scroll(code, editor),
        code => move_cursor(code, selection, editor),
    }
}

/// Scrolls captions, which have no text to edit.
#[expect(clippy::wildcard_enum_match_arm, reason = "crossterm knows more keys than mean something here")]
fn scroll_captions(code: KeyCode, editor: &mut Editor) {
    match code {
        KeyCode::Up => editor.scroll = editor.scroll.saturating_add(1),
        KeyCode::Down => editor.scroll = editor.scroll.saturating_sub(1),
        KeyCode::Home => editor.scroll = usize::MAX,
        KeyCode::End => editor.scroll = 0,
        _ => {}
    }
}

fn selection(key: &KeyEvent) -> Selection {
    if key.modifiers.contains(KeyModifiers::SHIFT) { Selection::Extend } else { Selection::Drop }
}

/// Moves within the device list, selects a device, or cancels.
#[expect(clippy::wildcard_enum_match_arm, reason = "crossterm knows more keys than mean something here")]
fn handle_picker(
    key: &KeyEvent,
    (at, action): (usize, Option<Action>),
    model: &Model,
    editor: &mut Editor,
) -> Option<UserCommand> {
    let rows = model.devices.as_deref();
    let rows = rows.map(|entries| devices::rows(model.strings(), entries)).unwrap_or_default();
    let last = rows.len().saturating_sub(1);
    let at = at.min(last);
    editor.picker = match key.code {
        KeyCode::Up => Some(at.saturating_sub(1)),
        KeyCode::Down => Some((at + 1).min(last)),
        KeyCode::Home | KeyCode::PageUp => Some(0),
        KeyCode::End | KeyCode::PageDown => Some(last),
        KeyCode::Esc | KeyCode::Enter => None,
        _ if action == Some(Action::Devices) => None,
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

/// Scrolls by the mouse wheel. What its first arrow keys recalled is taken back. Returns whether it is the wheel.
#[expect(clippy::wildcard_enum_match_arm, reason = "crossterm knows more keys than mean something here")]
fn is_wheel(now: Duration, code: KeyCode, selection: Selection, editor: &mut Editor) -> bool {
    let direction = match code {
        KeyCode::Up => ArrowDirection::Up,
        KeyCode::Down => ArrowDirection::Down,
        _ => return false,
    };
    let source = editor.wheel.arrow(now, direction);
    let is_recall = editor.is_empty() || editor.history.is_recalled();
    if source == ArrowSource::Key || selection == Selection::Extend || !is_recall {
        return false;
    }
    let mut lines = 1;
    if source == ArrowSource::WheelStart && editor.history.is_recalled() {
        editor.cancel_recall();
        lines = WHEEL_LINES;
    }
    editor.scroll = match direction {
        ArrowDirection::Up => editor.scroll.saturating_add(lines),
        ArrowDirection::Down => editor.scroll.saturating_sub(lines),
    };
    true
}

/// Handles a key while sent texts are searched. Returns whether the key belongs to the search; others end it.
#[expect(clippy::wildcard_enum_match_arm, reason = "crossterm knows more keys than mean something here")]
fn search_key(key: &KeyEvent, action: Option<Action>, editor: &mut Editor) -> bool {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        _ if action == Some(Action::SearchTexts) => editor.search_older(),
        KeyCode::Char('g' | 'G') if control => editor.cancel_recall(),
        KeyCode::Char(character) if !control => editor.search(|query| query.push(character)),
        KeyCode::Backspace => editor.search(|query| {
            query.pop();
        }),
        KeyCode::Esc => editor.cancel_recall(),
        KeyCode::Enter | KeyCode::Tab => editor.history.end_search(),
        _ => {
            editor.history.end_search();
            return false;
        }
    }
    true
}

/// Lists the commands that begin with the typed text.
fn offer_commands(model: &Model, editor: &mut Editor) {
    if editor.note.is_none() && !editor.help && editor.picker.is_none() && editor.area.starts_with('/') {
        let offers = slash::offers(&editor.area.text(), submit::context(model));
        editor.note = Some(offers.join("  ")).filter(|offers| !offers.is_empty());
    }
}

/// Arrow keys on an empty line recall sent texts or scroll.
#[expect(clippy::wildcard_enum_match_arm, reason = "crossterm knows more keys than mean something here")]
fn scroll(code: KeyCode, editor: &mut Editor) {
    match code {
        KeyCode::Up if editor.scroll == 0 && editor.older() => {}
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
mod binding_tests;
#[cfg(test)]
mod tests;
