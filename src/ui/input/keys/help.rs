//! Keys of the help: they filter it, move in it, start what is selected, or close it.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::keys::action::Action;
use crate::ui::input::editor::Editor;
use crate::ui::input::help::{self, HelpChoice};
use crate::ui::model::Model;

/// Rows of a step by page keys.
const PAGE: usize = 8;

/// Handles one key. Returns the action to start.
#[expect(clippy::wildcard_enum_match_arm, reason = "crossterm knows more keys than mean something here")]
pub(super) fn key(
    key: &KeyEvent,
    action: Option<Action>,
    model: &Model,
    editor: &mut Editor,
) -> Option<Action> {
    let rows = help::rows(model, editor);
    let last = rows.len().saturating_sub(1);
    let selected = editor.help_selected.min(last);
    let is_typed = !key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT);
    match key.code {
        KeyCode::Up => editor.help_selected = selected.saturating_sub(1),
        KeyCode::Down => editor.help_selected = (selected + 1).min(last),
        KeyCode::PageUp => editor.help_selected = selected.saturating_sub(PAGE),
        KeyCode::PageDown => editor.help_selected = (selected + PAGE).min(last),
        KeyCode::Home => editor.help_selected = 0,
        KeyCode::End => editor.help_selected = last,
        KeyCode::Esc => editor.help = false,
        KeyCode::Enter => {
            editor.help = false;
            match rows.get(selected).map(|row| row.choice) {
                Some(HelpChoice::Start(action)) => return Some(action),
                Some(HelpChoice::Type(name)) => editor.area.set(&format!("{name} ")),
                Some(HelpChoice::Close) | None => {}
            }
        }
        // The key that shows the help closes it.
        _ if action == Some(Action::Help) && editor.help_filter.is_empty() => editor.help = false,
        KeyCode::Backspace => drop(editor.help_filter.pop()),
        KeyCode::Char(character) if is_typed => {
            editor.help_filter.push(character);
            editor.help_selected = 0;
        }
        _ => {}
    }
    None
}
