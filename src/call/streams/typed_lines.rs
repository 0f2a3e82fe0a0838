//! Typed lines as commands, for calls without a screen.

use std::io::{self, BufRead};
use std::thread;

use tokio::sync::mpsc;

use crate::markdown::wrap::width;
use crate::session::io::UserCommand;
use crate::ui::input::slash::{self, SlashContext, SubmittedText};
use crate::ui::text::language::UiLanguage;
use crate::ui::text::wrap::padded;

/// A parsed line.
#[derive(Clone, Debug, PartialEq, Eq)]
enum TypedLine {
    Command(UserCommand),
    /// A message for the user.
    Print(String),
    Empty,
}

/// Kind of session that lines are typed into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineMode {
    /// A text chat.
    Chat,
    /// A call; empty lines are ignored.
    Call,
    /// A call with manual turns, which empty lines begin and end.
    ManualTurns,
}

/// Message if standard input cannot be read.
const NOT_TEXT: &str = "standard input is not UTF-8 text: the rest is ignored";

/// Reads standard input line by line; sends `at_end` at its end.
///
/// Uses a thread, because standard input cannot be polled portably; it lives as long as the program. `print`
/// writes messages for the user.
pub(crate) fn start_reader(
    commands: mpsc::Sender<UserCommand>,
    (mode, language, at_end): (LineMode, UiLanguage, UserCommand),
    mut print: impl FnMut(&str) + Send + 'static,
) {
    match mode {
        LineMode::Chat | LineMode::Call => {}
        LineMode::ManualTurns => print(language.strings().plain.manual_turns),
    }
    let reading = move || {
        let mut is_first = true;
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else {
                print(NOT_TEXT);
                break;
            };
            let line = if std::mem::take(&mut is_first) { without_bom(&line) } else { &line };
            let command = match parse(line, mode, language) {
                TypedLine::Command(command) => command,
                TypedLine::Empty => continue,
                TypedLine::Print(text) => {
                    print(&text);
                    continue;
                }
            };
            if commands.blocking_send(command).is_err() {
                return;
            }
        }
        // The call may have ended before.
        let _ = commands.blocking_send(at_end);
    };
    // Without the thread there are no typed lines; signals still end the call.
    let _ = thread::Builder::new().name("lines".to_owned()).spawn(reading);
}

/// Returns text without a leading byte order mark, which some programs, mostly on Windows, write.
pub(crate) fn without_bom(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

fn parse(line: &str, mode: LineMode, language: UiLanguage) -> TypedLine {
    let has_audio = mode != LineMode::Chat;
    let context = SlashContext { has_audio, has_screen: false, has_modes: false, language };
    if line.trim().is_empty() {
        return match mode {
            LineMode::Chat | LineMode::Call => TypedLine::Empty,
            LineMode::ManualTurns => TypedLine::Command(UserCommand::SwitchTurn),
        };
    }
    match slash::parse(line, context) {
        Ok(SubmittedText::Message(message)) => TypedLine::Command(UserCommand::Say(message)),
        Ok(SubmittedText::Command(command)) => {
            command.user_command().map_or_else(|| TypedLine::Print(help(context)), TypedLine::Command)
        }
        Err(error) => TypedLine::Print(error),
    }
}

/// Returns the list of commands.
fn help(context: SlashContext) -> String {
    let commands = slash::help(context);
    let widest = commands.iter().map(|(usage, _)| width(usage)).max().unwrap_or_default();
    let rows = commands.iter().map(|(usage, action)| format!("\n  {}  {action}", padded(usage, widest)));
    let rows: String = rows.collect();
    format!("{}{rows}", context.language.strings().plain.type_text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str, mode: LineMode) -> TypedLine {
        super::parse(line, mode, UiLanguage::English)
    }

    #[test]
    fn a_line_is_a_message_a_command_or_a_mistake() {
        let say = |text: &str| TypedLine::Command(UserCommand::Say(text.into()));
        let print = |text: &str| TypedLine::Print(text.into());
        let cases = [
            ("hello there", say("hello there")),
            ("  /mute ", TypedLine::Command(UserCommand::SetMuted(true))),
            ("/usr/bin is full", say("/usr/bin is full")),
            ("//mute", say("/mute")),
            ("/nonsense", print("unknown command /nonsense; try /help")),
            ("/mut", print("unknown command /mut; did you mean /mute?")),
            ("/edit", print("/edit needs the screen: leave out --plain")),
            ("   ", TypedLine::Empty),
            ("/turn", TypedLine::Command(UserCommand::SwitchTurn)),
            ("/retry", TypedLine::Command(UserCommand::Retry)),
        ];
        for (line, expected) in cases {
            assert_eq!(parse(line, LineMode::Call), expected, "{line}");
        }
    }

    #[test]
    fn a_chat_rejects_audio_commands() {
        let expected = TypedLine::Print("/turn needs a call: a chat has no audio".to_owned());
        assert_eq!(parse("/turn", LineMode::Chat), expected);
        let TypedLine::Print(help) = parse("/help", LineMode::Chat) else { panic!("no help") };
        assert!(help.contains("/clear") && !help.contains("/mute") && !help.contains("/edit"), "{help}");
    }

    #[test]
    fn a_byte_order_mark_is_not_text() {
        assert_eq!(without_bom("\u{feff}hello"), "hello");
        assert_eq!(without_bom("hello\u{feff}"), "hello\u{feff}");
    }

    #[test]
    fn an_empty_line_begins_and_ends_manual_turns() {
        assert_eq!(parse("", LineMode::ManualTurns), TypedLine::Command(UserCommand::SwitchTurn));
        assert_eq!(
            parse("hello", LineMode::ManualTurns),
            TypedLine::Command(UserCommand::Say("hello".into()))
        );
    }
}
