//! Typed lines become commands: the way to take part in a call without a screen.

use std::io::{self, BufRead};
use std::thread;

use tokio::sync::mpsc;

use crate::audio::api::Direction;
use crate::session::io::{EndReason, UserCommand};

/// What can be typed besides text.
pub(crate) const HELP: &str = "\
type text and press Enter to send it, or one of these:
  /mute      close the microphone        /unmute    open it
  /stop      stop the answer             /turn      begin or end a turn, as Enter alone does (--vad off)
  /devices   list the devices            /input NAME, /output NAME   use one of them
  /end       end the call                /help      this list";

/// One line, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
enum TypedLine {
    Do(UserCommand),
    Help,
    Nothing,
    Unknown(String),
    /// A command that is about sound, where there is none.
    Soundless(String),
}

/// What lines are typed into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineMode {
    /// A conversation in writing.
    Chat,
    /// A call; Enter alone means nothing.
    Call,
    /// A call whose turns Enter alone begins and ends.
    CallByHand,
}

const HELP_OF_CHAT: &str = "\
type text and press Enter to send it, or one of these:
  /stop      stop the answer             /end       end the conversation
  /help      this list";

/// Said at the beginning where Enter makes turns.
const ENTER_MAKES_TURNS: &str = "press Enter to speak, and Enter again to be answered; /help has more";

/// Said when standard input cannot be read.
const NO_TEXT: &str = "standard input is not text, nothing more of it is read; pipe text in UTF-8";

/// Reads standard input line by line until its end, which is `at_end`.
///
/// A thread of its own because standard input cannot be waited for otherwise; it ends with the
/// program. `tell` writes what the user should know.
pub(crate) fn listen(
    commands: mpsc::Sender<UserCommand>,
    (into, at_end): (LineMode, UserCommand),
    mut tell: impl FnMut(&str) + Send + 'static,
) {
    match into {
        LineMode::Chat | LineMode::Call => {}
        LineMode::CallByHand => tell(ENTER_MAKES_TURNS),
    }
    let reading = move || {
        let mut is_first = true;
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else {
                tell(NO_TEXT);
                break;
            };
            let line = if std::mem::take(&mut is_first) { without_bom(&line) } else { &line };
            let command = match understand(line, into) {
                TypedLine::Do(command) => command,
                TypedLine::Nothing => continue,
                TypedLine::Help => {
                    tell(match into {
                        LineMode::Chat => HELP_OF_CHAT,
                        LineMode::Call | LineMode::CallByHand => HELP,
                    });
                    continue;
                }
                TypedLine::Soundless(word) => {
                    tell(&format!("{word} is for calls: a chat has no sound"));
                    continue;
                }
                TypedLine::Unknown(word) => {
                    tell(&format!("{word} is no command; /help lists them"));
                    continue;
                }
            };
            if commands.blocking_send(command).is_err() {
                return;
            }
        }
        // Nobody listens when the call has ended before.
        let _ = commands.blocking_send(at_end);
    };
    // Without the thread there are no typed lines; signals still end the call.
    let _ = thread::Builder::new().name("lines".to_owned()).spawn(reading);
}

/// Returns text without the byte order mark that some programs, those of Windows above all, begin it with.
pub(crate) fn without_bom(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

fn understand(line: &str, into: LineMode) -> TypedLine {
    let line = line.trim();
    let word = line.split(' ').next().unwrap_or_default();
    match line {
        "" => match into {
            LineMode::Chat | LineMode::Call => TypedLine::Nothing,
            LineMode::CallByHand => TypedLine::Do(UserCommand::SwitchTurn),
        },
        "/mute" | "/unmute" | "/turn" | "/devices" if into == LineMode::Chat => {
            TypedLine::Soundless(word.to_owned())
        }
        _ if into == LineMode::Chat && (line.starts_with("/input ") || line.starts_with("/output ")) => {
            TypedLine::Soundless(word.to_owned())
        }
        "/mute" => TypedLine::Do(UserCommand::SetMuted(true)),
        "/unmute" => TypedLine::Do(UserCommand::SetMuted(false)),
        "/stop" => TypedLine::Do(UserCommand::Interrupt),
        "/turn" => TypedLine::Do(UserCommand::SwitchTurn),
        "/end" | "/quit" => TypedLine::Do(UserCommand::HangUp(EndReason::User)),
        "/help" => TypedLine::Help,
        "/devices" => TypedLine::Do(UserCommand::ListDevices),
        _ if line.starts_with("/input ") => TypedLine::Do(device(Direction::Input, &line["/input ".len()..])),
        _ if line.starts_with("/output ") => {
            TypedLine::Do(device(Direction::Output, &line["/output ".len()..]))
        }
        // Paths and dates are text; a command is one word.
        _ if line.starts_with('/') && !line[1..].contains(['/', ' ']) => TypedLine::Unknown(line.to_owned()),
        _ => TypedLine::Do(UserCommand::Say(line.to_owned())),
    }
}

/// The system's own choice has a name that no device has.
fn device(side: Direction, name: &str) -> UserCommand {
    let name = name.trim();
    UserCommand::UseDevice(side, (name != "default").then(|| name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_text_unless_it_is_a_command() {
        let say = |text: &str| TypedLine::Do(UserCommand::Say(text.into()));
        let cases = [
            ("hello there", say("hello there")),
            ("  /mute ", TypedLine::Do(UserCommand::SetMuted(true))),
            ("/mute please", say("/mute please")),
            ("/usr/bin is full", say("/usr/bin is full")),
            ("/usr/bin", say("/usr/bin")),
            ("/nonsense", TypedLine::Unknown("/nonsense".into())),
            ("   ", TypedLine::Nothing),
            ("/turn", TypedLine::Do(UserCommand::SwitchTurn)),
            ("/devices", TypedLine::Do(UserCommand::ListDevices)),
            (
                "/input USB mic",
                TypedLine::Do(UserCommand::UseDevice(Direction::Input, Some("USB mic".into()))),
            ),
            ("/output default", TypedLine::Do(UserCommand::UseDevice(Direction::Output, None))),
            ("/input", TypedLine::Unknown("/input".into())),
        ];
        for (line, expected) in cases {
            assert_eq!(understand(line, LineMode::Call), expected, "{line}");
        }
    }

    #[test]
    fn a_chat_has_no_sound_to_command() {
        for line in ["/turn", "/mute", "/unmute", "/devices", "/input USB mic", "/output default"] {
            let word = line.split(' ').next().unwrap().to_owned();
            assert_eq!(understand(line, LineMode::Chat), TypedLine::Soundless(word));
        }
        assert_eq!(understand("/stop", LineMode::Chat), TypedLine::Do(UserCommand::Interrupt));
        assert_eq!(
            understand("/turn left", LineMode::Chat),
            TypedLine::Do(UserCommand::Say("/turn left".into()))
        );
        assert_eq!(understand("", LineMode::Chat), TypedLine::Nothing);
    }

    #[test]
    fn a_byte_order_mark_is_no_text() {
        assert_eq!(without_bom("\u{feff}hello"), "hello");
        assert_eq!(without_bom("hello\u{feff}"), "hello\u{feff}");
    }

    #[test]
    fn enter_alone_makes_turns_where_they_are_made_by_hand() {
        assert_eq!(understand("", LineMode::CallByHand), TypedLine::Do(UserCommand::SwitchTurn));
        assert_eq!(
            understand("hello", LineMode::CallByHand),
            TypedLine::Do(UserCommand::Say("hello".into()))
        );
    }
}
