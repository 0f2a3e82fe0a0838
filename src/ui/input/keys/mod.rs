//! Key bindings: maps keys to commands; pure, without a terminal.

mod captions;
pub mod panels;
mod submit;

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyEventState, KeyModifiers};

use crate::session::io::{EndReason, TurnState, UserCommand};
use crate::ui::input::ctrl_c::CtrlCAction;
use crate::ui::input::editor::Editor;
use crate::ui::input::panels::key::PanelEffect;
use crate::ui::input::panels::kind::PanelKind;
use crate::ui::input::push_to_talk::ReleaseEvents;
use crate::ui::input::slash;
use crate::ui::input::text_area::{Motion, Selection};
use crate::ui::input::wheel::{ArrowDirection, ArrowSource};
use crate::ui::model::Model;
use crate::ui::text::wording;

/// Lines that the arrow keys at the start of a wheel burst stand for.
const WHEEL_LINES: usize = 3;

/// Note after a hold that ended without a release.
const HOLD_ENDED: &str = "turn ended: no key-repeat received";

/// Note after Ctrl-C has cleared the text.
const TEXT_CLEARED: &str = "text cleared; Ctrl-_ restores it";

/// Note after the first Ctrl-C that has nothing to stop or clear.
const LEAVE_ANNOUNCED: &str = "press Ctrl-C again or Ctrl-D to leave";

/// Note if there is no volume to change.
const NO_SPEAKER: &str = "no speaker in use: the volume cannot be changed";

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
    if model.info.text_only && key.modifiers == KeyModifiers::CONTROL && letter(key) == Some('c') {
        return ctrl_c(key, model, editor);
    }
    editor.ctrl_c.other_key();
    if is_end(key, editor) {
        return Some(UserCommand::HangUp(EndReason::User));
    }
    if editor.panel.is_some() {
        return panel_key(now, key, model, editor);
    }
    if let Some(kind) = panels::kind(key, model) {
        return panels::open(kind, model, editor);
    }
    if model.info.captions {
        return captions::command(key, model, editor);
    }
    if editor.history.query().is_some() && search_key(key, editor) {
        return None;
    }
    let command = typing_key(now, key, model, editor);
    offer_commands(model, editor);
    command
}

/// Handles a key while a panel is shown. Muting, redrawing and suspending work as always.
fn panel_key(now: Duration, key: &KeyEvent, model: &Model, editor: &mut Editor) -> Option<UserCommand> {
    if key.modifiers == KeyModifiers::CONTROL {
        return match letter(key) {
            Some('t' | 'l' | 'z') => control_key(key, model, editor),
            Some(_) | None => None,
        };
    }
    match panels::effect(key, model, editor) {
        PanelEffect::None => {}
        PanelEffect::Close => editor.panel = None,
        PanelEffect::Open(kind) => return panels::open(kind, model, editor),
        PanelEffect::Send(commands) => editor.queued.extend(commands),
        PanelEffect::SendAndClose(commands) => {
            editor.panel = None;
            editor.queued.extend(commands);
        }
        PanelEffect::ShowEvent(number) => editor.to_show_event = Some(number),
        PanelEffect::Press(code, modifiers) => {
            editor.panel = None;
            return command(now, &KeyEvent::new(code, modifiers), model, editor);
        }
        PanelEffect::Compose(text) => {
            editor.panel = None;
            editor.area.set(&text);
        }
        PanelEffect::Submit(text) => {
            editor.panel = None;
            return submit::run(&text, model, editor);
        }
    }
    None
}

fn typing_key(now: Duration, key: &KeyEvent, model: &Model, editor: &mut Editor) -> Option<UserCommand> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    // Windows reports AltGr, which types many letters, as Control and Alt together.
    if control && !key.modifiers.contains(KeyModifiers::ALT) {
        return control_key(key, model, editor);
    }
    let is_space = key.code == KeyCode::Char(' ') && key.modifiers.is_empty() && editor.is_empty();
    match (is_space && !model.info.text_only, model.info.manual_turns) {
        (true, true) => editor.push_to_talk.press(now),
        (true, false) => Some(UserCommand::SetMuted(!model.muted)),
        (false, _) => plain_key(now, key, model, editor),
    }
}

/// Returns whether a key may lend the terminal to another program, which must be the only one to read keys then.
pub fn lends_terminal(key: &KeyEvent) -> bool {
    key.modifiers == KeyModifiers::CONTROL && letter(key) == Some('o')
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
        && match (letter(key), editor.is_empty() || editor.panel.is_some()) {
            (Some('c' | 'q'), _) | (Some('d'), true) => true,
            (Some(_) | None, _) => false,
        }
}

/// Handles Ctrl-C in a text chat.
fn ctrl_c(key: &KeyEvent, model: &Model, editor: &mut Editor) -> Option<UserCommand> {
    if key.kind == KeyEventKind::Repeat {
        return None;
    }
    editor.panel = None;
    if editor.history.query().is_some() {
        editor.cancel_recall();
        return None;
    }
    let is_answering = match model.turn {
        TurnState::Thinking | TurnState::Assistant => true,
        TurnState::Listening | TurnState::User => false,
    };
    match editor.ctrl_c.press(is_answering, !editor.is_empty()) {
        CtrlCAction::StopAnswer => Some(UserCommand::Interrupt),
        CtrlCAction::ClearText => {
            editor.area.set("");
            editor.note = Some(TEXT_CLEARED.to_owned());
            None
        }
        CtrlCAction::Announce => {
            editor.note = Some(LEAVE_ANNOUNCED.to_owned());
            // The answer may have begun since the model was drawn.
            Some(UserCommand::Interrupt)
        }
        CtrlCAction::Leave => Some(UserCommand::HangUp(EndReason::User)),
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
        Some('t') if key.kind == KeyEventKind::Repeat || model.info.text_only => {}
        Some('t') => {
            // The session ends the turn with the mute.
            editor.push_to_talk.cancel();
            return Some(UserCommand::SetMuted(!model.muted));
        }
        Some('o') => editor.edit_externally = key.kind != KeyEventKind::Repeat,
        Some('r') => editor.search_older(),
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
fn plain_key(now: Duration, key: &KeyEvent, model: &Model, editor: &mut Editor) -> Option<UserCommand> {
    let is_newline = key.modifiers.intersects(KeyModifiers::SHIFT | KeyModifiers::ALT);
    let alt = key.modifiers == KeyModifiers::ALT;
    match key.code {
        KeyCode::Enter if is_newline => editor.insert("\n"),
        KeyCode::Enter if editor.area.continues() => {
            editor.area.delete(Motion::Left);
            editor.insert("\n");
        }
        KeyCode::Enter => return submit::submit(model, editor),
        KeyCode::Char(character) if alt && alt_letter(character, editor) => {}
        KeyCode::Esc => {
            editor.find = None;
            return Some(UserCommand::Interrupt);
        }
        KeyCode::PageUp => editor.scroll = editor.scroll.saturating_add(editor.page.max(2) - 1),
        KeyCode::PageDown => editor.scroll = editor.scroll.saturating_sub(editor.page.max(2) - 1),
        KeyCode::Backspace if alt => editor.area.kill(Motion::WordLeft),
        KeyCode::Backspace => editor.area.delete(Motion::Left),
        KeyCode::Delete => editor.area.delete(Motion::Right),
        KeyCode::Tab => submit::complete(model, editor),
        KeyCode::Char('?') if editor.is_empty() => return panels::open(PanelKind::Help, model, editor),
        KeyCode::Char(character) => {
            editor.insert(apply_caps_lock(character, key.state).encode_utf8(&mut [0; 4]));
        }
        KeyCode::Up if alt => return change_volume(1, model, editor),
        KeyCode::Down if alt => return change_volume(-1, model, editor),
        code if is_wheel(now, code, selection(key), editor) => {}
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

/// Makes the speaker louder or softer by steps of 5 %.
fn change_volume(steps: i32, model: &Model, editor: &mut Editor) -> Option<UserCommand> {
    let Some(volume) = model.info.volume else {
        editor.note = Some(NO_SPEAKER.to_owned());
        return None;
    };
    let volume = volume.stepped(steps);
    editor.note = Some(wording::volume(volume));
    Some(UserCommand::SetVolume(volume))
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
fn search_key(key: &KeyEvent, editor: &mut Editor) -> bool {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Char('r' | 'R') if control => editor.search_older(),
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
    if editor.note.is_none() && editor.panel.is_none() && editor.area.starts_with('/') {
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
mod tests;
