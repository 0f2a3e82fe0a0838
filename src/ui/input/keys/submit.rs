//! Enter and Tab: sends the text, carries out a command, or completes a name.

use crate::keys::action::Action;
use crate::session::io::{ConnectionState, UserCommand};
use crate::ui::input::editor::{Editor, HelpPage};
use crate::ui::input::slash::{self, SlashCommand, SlashContext, SubmittedText};
use crate::ui::model::{CallInfo, Model, SpeakerRole};
use crate::ui::output::copy;

pub(super) fn context(model: &Model) -> SlashContext {
    let CallInfo { text_only, has_modes, language, .. } = model.info;
    SlashContext { has_audio: !text_only, has_screen: true, has_modes, language }
}

/// Returns whether a text would have to begin a call, which also opens the microphone.
fn is_between_calls(model: &Model) -> bool {
    !model.info.text_only && model.connection == ConnectionState::Disconnected
}

/// Sends the text, or carries out the command. A text that is neither stays in the editor.
pub(super) fn submit(model: &Model, editor: &mut Editor) -> Option<UserCommand> {
    match slash::parse(&editor.area.text(), context(model)) {
        Ok(SubmittedText::Message(_)) if is_between_calls(model) => {
            let [call, mode] =
                [Action::SwitchCall, Action::SwitchMode].map(|action| editor.key_label(action));
            editor.note = Some((model.strings().modes.no_call_note)(&call, &mode));
            None
        }
        Ok(SubmittedText::Message(message)) => {
            editor.take()?;
            // Show the answer to the sent text.
            (editor.scroll, editor.find) = (0, None);
            Some(UserCommand::Say(message))
        }
        Ok(SubmittedText::Command(command)) => {
            // A command cannot be recalled.
            let _ = editor.area.take();
            execute(command, model, editor)
        }
        Err(error) => {
            editor.note = Some(error);
            None
        }
    }
}

fn execute(command: SlashCommand, model: &Model, editor: &mut Editor) -> Option<UserCommand> {
    match command {
        SlashCommand::Help => editor.show_help(HelpPage::Commands),
        SlashCommand::Devices => {
            editor.picker = Some(0);
            return Some(UserCommand::ListDevices);
        }
        SlashCommand::Edit => {
            let last = model.entries.iter().rfind(|entry| entry.speaker == SpeakerRole::User)?;
            editor.area.set(&last.text);
            return Some(UserCommand::TakeBack);
        }
        SlashCommand::Find(words) => editor.find(&words),
        SlashCommand::Mode => editor.switch_mode = true,
        SlashCommand::Copy(part) => match copy::text(model, part) {
            Ok(text) => {
                editor.to_copy = Some(text);
                editor.note = Some(editor.notes().copied.to_owned());
            }
            Err(error) => editor.note = Some(error.to_owned()),
        },
        SlashCommand::Clear
        | SlashCommand::Quit
        | SlashCommand::Retry
        | SlashCommand::Save(_)
        | SlashCommand::System(_)
        | SlashCommand::Model(_)
        | SlashCommand::Voice(_)
        | SlashCommand::Speed(_)
        | SlashCommand::File(_)
        | SlashCommand::Image(_)
        | SlashCommand::Speak(_)
        | SlashCommand::Usage
        | SlashCommand::Stop
        | SlashCommand::Call
        | SlashCommand::SetMuted(_)
        | SlashCommand::SetVolume(_)
        | SlashCommand::Turn
        | SlashCommand::UseDevice(..) => return command.user_command(),
    }
    None
}

/// Completes the name of a command, or asks for the names of files.
pub(super) fn complete(model: &Model, editor: &mut Editor) {
    let text = editor.area.text();
    if let Some(prefix) = slash::file_prefix(&text) {
        editor.to_complete = Some(prefix.to_owned());
        return;
    }
    let offers = slash::offers(&text, context(model));
    let common = slash::common_prefix(&offers);
    match offers.as_slice() {
        [name] => editor.area.set(&format!("{name} ")),
        _ if common.len() > text.len() => editor.area.set(&common),
        _ => {}
    }
}
