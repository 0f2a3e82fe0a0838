//! Typed lines as commands, for calls without a screen.

use std::io::{self, BufRead};
use std::thread;

use tokio::sync::mpsc;

use crate::audio::api::Direction;
use crate::session::io::{EndReason, UserCommand};

/// Help of a call.
pub(crate) const HELP: &str = "\
type text and press Enter to send it, or one of these:
  /mute      mute the microphone         /unmute    unmute it
  /stop      stop the answer             /turn      begin or end a turn, like an empty line (--vad off)
  /devices   list devices                /input NAME, /output NAME   choose one
  /end       end the call                /help      this list";

/// A parsed line.
#[derive(Clone, Debug, PartialEq, Eq)]
enum TypedLine {
    Command(UserCommand),
    Help,
    Empty,
    Unknown(String),
    /// An audio command in a text chat.
    AudioOnly(String),
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

const CHAT_HELP: &str = "\
type text and press Enter to send it, or one of these:
  /stop      stop the answer             /end       end the conversation
  /help      this list";

/// Instructions for manual turns.
const MANUAL_TURNS_HELP: &str = "press Enter to speak and again to get an answer; /help lists more";

/// Message if standard input cannot be read.
const NOT_TEXT: &str = "standard input is not UTF-8 text: the rest is ignored";

/// Reads standard input line by line; sends `at_end` at its end.
///
/// Uses a thread, because standard input cannot be polled portably; it lives as long as the program. `print`
/// writes messages for the user.
pub(crate) fn start_reader(
    commands: mpsc::Sender<UserCommand>,
    (mode, at_end): (LineMode, UserCommand),
    mut print: impl FnMut(&str) + Send + 'static,
) {
    match mode {
        LineMode::Chat | LineMode::Call => {}
        LineMode::ManualTurns => print(MANUAL_TURNS_HELP),
    }
    let reading = move || {
        let mut is_first = true;
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else {
                print(NOT_TEXT);
                break;
            };
            let line = if std::mem::take(&mut is_first) { without_bom(&line) } else { &line };
            let command = match parse(line, mode) {
                TypedLine::Command(command) => command,
                TypedLine::Empty => continue,
                TypedLine::Help => {
                    print(match mode {
                        LineMode::Chat => CHAT_HELP,
                        LineMode::Call | LineMode::ManualTurns => HELP,
                    });
                    continue;
                }
                TypedLine::AudioOnly(word) => {
                    print(&format!("{word} needs a call: a chat has no audio"));
                    continue;
                }
                TypedLine::Unknown(word) => {
                    print(&format!("unknown command {word}; try /help"));
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

fn parse(line: &str, mode: LineMode) -> TypedLine {
    let line = line.trim();
    let word = line.split(' ').next().unwrap_or_default();
    match line {
        "" => match mode {
            LineMode::Chat | LineMode::Call => TypedLine::Empty,
            LineMode::ManualTurns => TypedLine::Command(UserCommand::SwitchTurn),
        },
        "/mute" | "/unmute" | "/turn" | "/devices" if mode == LineMode::Chat => {
            TypedLine::AudioOnly(word.to_owned())
        }
        _ if mode == LineMode::Chat && (line.starts_with("/input ") || line.starts_with("/output ")) => {
            TypedLine::AudioOnly(word.to_owned())
        }
        "/mute" => TypedLine::Command(UserCommand::SetMuted(true)),
        "/unmute" => TypedLine::Command(UserCommand::SetMuted(false)),
        "/stop" => TypedLine::Command(UserCommand::Interrupt),
        "/turn" => TypedLine::Command(UserCommand::SwitchTurn),
        "/end" | "/quit" => TypedLine::Command(UserCommand::HangUp(EndReason::User)),
        "/help" => TypedLine::Help,
        "/devices" => TypedLine::Command(UserCommand::ListDevices),
        _ if line.starts_with("/input ") => {
            TypedLine::Command(device(Direction::Input, &line["/input ".len()..]))
        }
        _ if line.starts_with("/output ") => {
            TypedLine::Command(device(Direction::Output, &line["/output ".len()..]))
        }
        // Paths and dates are text; a command is one word.
        _ if line.starts_with('/') && !line[1..].contains(['/', ' ']) => TypedLine::Unknown(line.to_owned()),
        _ => TypedLine::Command(UserCommand::Say(line.to_owned())),
    }
}

/// `default` selects the system default.
fn device(side: Direction, name: &str) -> UserCommand {
    let name = name.trim();
    UserCommand::UseDevice(side, (name != "default").then(|| name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_text_unless_it_is_a_command() {
        let say = |text: &str| TypedLine::Command(UserCommand::Say(text.into()));
        let cases = [
            ("hello there", say("hello there")),
            ("  /mute ", TypedLine::Command(UserCommand::SetMuted(true))),
            ("/mute please", say("/mute please")),
            ("/usr/bin is full", say("/usr/bin is full")),
            ("/usr/bin", say("/usr/bin")),
            ("/nonsense", TypedLine::Unknown("/nonsense".into())),
            ("   ", TypedLine::Empty),
            ("/turn", TypedLine::Command(UserCommand::SwitchTurn)),
            ("/devices", TypedLine::Command(UserCommand::ListDevices)),
            (
                "/input USB mic",
                TypedLine::Command(UserCommand::UseDevice(Direction::Input, Some("USB mic".into()))),
            ),
            ("/output default", TypedLine::Command(UserCommand::UseDevice(Direction::Output, None))),
            ("/input", TypedLine::Unknown("/input".into())),
        ];
        for (line, expected) in cases {
            assert_eq!(parse(line, LineMode::Call), expected, "{line}");
        }
    }

    #[test]
    fn a_chat_rejects_audio_commands() {
        for line in ["/turn", "/mute", "/unmute", "/devices", "/input USB mic", "/output default"] {
            let word = line.split(' ').next().unwrap().to_owned();
            assert_eq!(parse(line, LineMode::Chat), TypedLine::AudioOnly(word));
        }
        assert_eq!(parse("/stop", LineMode::Chat), TypedLine::Command(UserCommand::Interrupt));
        assert_eq!(
            parse("/turn left", LineMode::Chat),
            TypedLine::Command(UserCommand::Say("/turn left".into()))
        );
        assert_eq!(parse("", LineMode::Chat), TypedLine::Empty);
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
