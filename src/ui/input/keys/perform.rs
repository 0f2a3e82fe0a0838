//! What each action does.

use std::time::Duration;

use crossterm::event::KeyEventKind;

use crate::keys::action::Action;
use crate::session::io::{EndReason, TurnState, UserCommand};
use crate::ui::input::ctrl_c::CtrlCAction;
use crate::ui::input::editor::{Editor, HelpPage};
use crate::ui::input::keys::{modes, submit};
use crate::ui::input::text_area::{Motion, Selection};
use crate::ui::model::Model;

/// Does what an action means: applies it to the editor, or returns a command for the session.
pub(super) fn perform(
    action: Action,
    (now, kind): (Duration, KeyEventKind),
    model: &Model,
    editor: &mut Editor,
) -> Option<UserCommand> {
    if kind == KeyEventKind::Repeat && !repeats(action) {
        return None;
    }
    let page = editor.page.max(2) - 1;
    let is_clear_announced = std::mem::take(&mut editor.clears_next);
    match action {
        Action::End | Action::EndCaptions | Action::Leave => {
            return Some(UserCommand::HangUp(EndReason::User));
        }
        Action::Cancel => return cancel(model, editor),
        Action::Talk => return editor.push_to_talk.press(now),
        Action::Mute => {
            // The session ends the turn with the mute.
            editor.push_to_talk.cancel();
            return Some(UserCommand::SetMuted(!model.muted));
        }
        Action::Mark => return Some(UserCommand::Mark),
        Action::Stop => {
            editor.find = None;
            return Some(UserCommand::Interrupt);
        }
        Action::VolumeUp => return change_volume(1, model, editor),
        Action::VolumeDown => return change_volume(-1, model, editor),
        Action::Devices => return Some(show_devices(editor)),
        Action::SwitchMode => modes::switch_mode(model, editor),
        Action::SwitchCall => return modes::switch_call(model, editor),
        Action::MuteCall => return modes::mute_call(model, editor),
        Action::Clear => return modes::clear(is_clear_announced, model, editor),
        Action::Send if editor.area.continues() => {
            editor.area.delete(Motion::Left);
            editor.insert("\n");
        }
        Action::Send => return submit::submit(model, editor),
        Action::NewLine => editor.insert("\n"),
        Action::Complete => submit::complete(model, editor),
        Action::ScrollPageUp => editor.scroll = editor.scroll.saturating_add(page),
        Action::ScrollPageDown => editor.scroll = editor.scroll.saturating_sub(page),
        Action::ScrollStart => editor.scroll = usize::MAX,
        Action::ScrollEnd => editor.scroll = 0,
        Action::OlderText => drop(editor.older()),
        Action::NewerText => drop(editor.newer()),
        Action::SearchTexts => editor.search_older(),
        Action::EditText => editor.edit_externally = true,
        Action::LineStart => move_cursor(Motion::LineStart, editor),
        Action::LineEnd => move_cursor(Motion::LineEnd, editor),
        Action::CharLeft => move_cursor(Motion::Left, editor),
        Action::CharRight => move_cursor(Motion::Right, editor),
        Action::WordLeft => move_cursor(Motion::WordLeft, editor),
        Action::WordRight => move_cursor(Motion::WordRight, editor),
        Action::DeleteChar => editor.area.delete(Motion::Right),
        Action::DeleteWordLeft => editor.area.kill(Motion::WordLeft),
        Action::DeleteWordRight => editor.area.kill(Motion::WordRight),
        Action::DeleteToStart => editor.area.kill(Motion::LineStart),
        Action::DeleteToEnd => editor.area.kill(Motion::LineEnd),
        Action::Yank => editor.area.yank(),
        Action::Undo => drop(editor.area.undo()),
        Action::Redo => drop(editor.area.redo()),
        Action::Unfold => drop(editor.area.unfold()),
        Action::Help => editor.show_help(HelpPage::Keys),
        Action::Redraw => editor.repaint = true,
        Action::Suspend => {
            editor.suspend = true;
            return editor.push_to_talk.cancel();
        }
    }
    None
}

/// Returns whether a held key does the action again.
fn repeats(action: Action) -> bool {
    !matches!(
        action,
        Action::Cancel
            | Action::Mute
            | Action::MuteCall
            | Action::SwitchMode
            | Action::SwitchCall
            | Action::Clear
            | Action::Mark
            | Action::EditText
            | Action::Help
            | Action::Devices
    )
}

fn move_cursor(motion: Motion, editor: &mut Editor) {
    editor.area.move_cursor(motion, Selection::Drop);
}

/// Stops the answer, clears the text, or leaves.
fn cancel(model: &Model, editor: &mut Editor) -> Option<UserCommand> {
    editor.help = false;
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
            editor.note = Some((editor.notes().text_cleared)(&editor.key_label(Action::Undo)));
            None
        }
        CtrlCAction::Announce => {
            let again = editor.key_label(Action::Cancel);
            // A chat can always be ended by a key.
            let leave = editor.keys.label(Action::Leave).unwrap_or_else(|| editor.key_label(Action::End));
            editor.note = Some((editor.notes().leave_announced)(&again, &leave));
            // The answer may have begun since the model was drawn.
            Some(UserCommand::Interrupt)
        }
        CtrlCAction::Leave => Some(UserCommand::HangUp(EndReason::User)),
    }
}

fn show_devices(editor: &mut Editor) -> UserCommand {
    editor.picker = Some(0);
    // The previous list may be outdated.
    UserCommand::ListDevices
}

/// Makes the speaker louder or softer by steps of 5 %.
fn change_volume(steps: i32, model: &Model, editor: &mut Editor) -> Option<UserCommand> {
    let Some(volume) = model.info.volume else {
        editor.note = Some(editor.notes().no_speaker.to_owned());
        return None;
    };
    let volume = volume.stepped(steps);
    editor.note = Some((model.strings().header.volume)(volume.percent()));
    Some(UserCommand::SetVolume(volume))
}
