//! Typed lines become commands: the way to take part in a call without a screen.

use std::io::{self, BufRead};
use std::thread;

use tokio::sync::mpsc;

use crate::session::io::{Command, EndReason, Side};

/// What can be typed besides text.
pub(super) const HELP: &str = "\
type text and press Enter to send it, or one of these:
  /mute      close the microphone        /unmute    open it
  /stop      stop the answer             /turn      begin or end a turn (--vad off)
  /devices   list the devices            /input NAME, /output NAME   use one of them
  /end       end the call                /help      this list";

/// One line, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Typed {
    Do(Command),
    /// Begin the turn, or end it if it was begun.
    Turn,
    Help,
    Nothing,
    Unknown(String),
}

/// Reads standard input line by line until its end, which ends the call.
///
/// A thread of its own because standard input cannot be waited for otherwise; it ends with the
/// program. `tell` writes what the user should know.
pub(super) fn listen(commands: mpsc::Sender<Command>, mut tell: impl FnMut(&str) + Send + 'static) {
    let reading = move || {
        let mut turn_is_open = false;
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            let command = match understand(&line) {
                Typed::Do(command) => command,
                Typed::Turn => {
                    turn_is_open = !turn_is_open;
                    if turn_is_open { Command::BeginTurn } else { Command::EndTurn }
                }
                Typed::Nothing => continue,
                Typed::Help => {
                    tell(HELP);
                    continue;
                }
                Typed::Unknown(word) => {
                    tell(&format!("{word} is no command; /help lists them"));
                    continue;
                }
            };
            if commands.blocking_send(command).is_err() {
                return;
            }
        }
        // Nobody listens when the call has ended before.
        let _ = commands.blocking_send(Command::HangUp(EndReason::User));
    };
    // Without the thread there are no typed lines; signals still end the call.
    let _ = thread::Builder::new().name("lines".to_owned()).spawn(reading);
}

fn understand(line: &str) -> Typed {
    let line = line.trim();
    match line {
        "" => Typed::Nothing,
        "/mute" => Typed::Do(Command::SetMuted(true)),
        "/unmute" => Typed::Do(Command::SetMuted(false)),
        "/stop" => Typed::Do(Command::Interrupt),
        "/turn" => Typed::Turn,
        "/end" | "/quit" => Typed::Do(Command::HangUp(EndReason::User)),
        "/help" => Typed::Help,
        "/devices" => Typed::Do(Command::ListDevices),
        _ if line.starts_with("/input ") => Typed::Do(device(Side::Microphone, &line["/input ".len()..])),
        _ if line.starts_with("/output ") => Typed::Do(device(Side::Speaker, &line["/output ".len()..])),
        // Paths and dates are text; a command is one word.
        _ if line.starts_with('/') && !line[1..].contains(['/', ' ']) => Typed::Unknown(line.to_owned()),
        _ => Typed::Do(Command::Say(line.to_owned())),
    }
}

/// The system's own choice has a name that no device has.
fn device(side: Side, name: &str) -> Command {
    let name = name.trim();
    Command::UseDevice(side, (name != "default").then(|| name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_text_unless_it_is_a_command() {
        let say = |text: &str| Typed::Do(Command::Say(text.into()));
        let cases = [
            ("hello there", say("hello there")),
            ("  /mute ", Typed::Do(Command::SetMuted(true))),
            ("/mute please", say("/mute please")),
            ("/usr/bin is full", say("/usr/bin is full")),
            ("/usr/bin", say("/usr/bin")),
            ("/nonsense", Typed::Unknown("/nonsense".into())),
            ("   ", Typed::Nothing),
            ("/turn", Typed::Turn),
            ("/devices", Typed::Do(Command::ListDevices)),
            ("/input USB mic", Typed::Do(Command::UseDevice(Side::Microphone, Some("USB mic".into())))),
            ("/output default", Typed::Do(Command::UseDevice(Side::Speaker, None))),
            ("/input", Typed::Unknown("/input".into())),
        ];
        for (line, expected) in cases {
            assert_eq!(understand(line), expected, "{line}");
        }
    }
}
