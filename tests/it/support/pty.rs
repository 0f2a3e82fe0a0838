//! Runs a program in a pseudo-terminal and looks at the screen it draws.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use pty_process::blocking::{Command, Pty, open};
use rustix::process::Signal;
use tempfile::TempDir;
use vt100::{Callbacks, Parser, Screen};

use super::program::{Program, send_signal};
use super::watched::Watched;

/// What is still in the terminal after the program's end is read in no time, even on a loaded machine.
const DRAIN: Duration = Duration::from_secs(60);
/// How long a screen must stay as it is to count as settled: several drawings at 30 a second.
const SETTLED: Duration = Duration::from_millis(300);

/// Columns and rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    /// Cells in a row.
    pub(crate) columns: u16,
    /// Rows on the screen.
    pub(crate) rows: u16,
}

/// A program in a terminal; dropping it ends it.
pub(crate) struct Terminal {
    master: Arc<Pty>,
    /// Held, so that the terminal's modes can be read after the program's end.
    slave: Option<OwnedFd>,
    keys: mpsc::Sender<Vec<u8>>,
    display: Watched<Display>,
    status: Watched<Option<ExitStatus>>,
    process: u32,
    modes_before: String,
    home: TempDir,
}

/// The screen and what made it.
struct Display {
    parser: Parser<Answers>,
    bytes: Vec<u8>,
    drawings: u64,
    ended: bool,
}

/// What a terminal can tell of its keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Keyboard {
    /// Text and old sequences, as xterm; it does not know that more can be asked for.
    #[default]
    Old,
    /// Each key and when it is let go, as kitty, where that is asked for.
    Kitty,
    /// As the old one, in a terminal that does not even say what it is.
    Silent,
}

/// What a terminal answers when a program asks it.
#[derive(Debug, Default)]
struct Answers {
    waiting: Vec<u8>,
    keyboard: Keyboard,
    /// What was asked of the keyboard and not taken back, the last on top.
    flags: Vec<u16>,
    reports_focus: bool,
}

impl Callbacks for Answers {
    fn unhandled_csi(
        &mut self,
        screen: &mut Screen,
        first: Option<u8>,
        _: Option<u8>,
        params: &[&[u16]],
        last: char,
    ) {
        let parameter = params.first().and_then(|parameter| parameter.first()).copied().unwrap_or_default();
        match (first, parameter, last) {
            (Some(b'>'), flags, 'u') => self.flags.push(flags),
            (Some(b'<'), _, 'u') => {
                self.flags.pop();
            }
            (Some(b'='), flags, 'u') => {
                self.flags.pop();
                self.flags.push(flags);
            }
            (Some(b'?'), _, 'u') => match self.keyboard {
                Keyboard::Old | Keyboard::Silent => {}
                Keyboard::Kitty => {
                    let flags = self.flags.last().copied().unwrap_or_default();
                    self.waiting.extend_from_slice(format!("\x1b[?{flags}u").as_bytes());
                }
            },
            (Some(b'?'), 1004, 'h' | 'l') => self.reports_focus = last == 'h',
            (None, 0, 'c') if self.keyboard == Keyboard::Silent => {}
            (None, 0, 'c') => self.waiting.extend_from_slice(b"\x1b[?62;22c"),
            (None, 5, 'n') => self.waiting.extend_from_slice(b"\x1b[0n"),
            (None, 6, 'n') => {
                let (row, column) = screen.cursor_position();
                self.waiting.extend_from_slice(format!("\x1b[{};{}R", row + 1, column + 1).as_bytes());
            }
            _ => {}
        }
    }
}

impl Answers {
    fn not_restored(&self) -> Vec<String> {
        let states = [
            (!self.flags.is_empty(), format!("the keyboard is asked for {:?}", self.flags)),
            (self.reports_focus, "the focus is reported".to_owned()),
        ];
        states.into_iter().filter(|(wrong, _)| *wrong).map(|(_, what)| what).collect()
    }
}

/// How a program in a terminal ended, and how it left the terminal.
#[derive(Debug)]
pub(crate) struct Left {
    /// Its exit code; none if a signal ended it.
    pub(crate) code: Option<i32>,
    /// What is on the screen.
    pub(crate) text: String,
    /// Everything it wrote, escape sequences included.
    pub(crate) bytes: Vec<u8>,
    /// The folder it ran in.
    pub(crate) home: TempDir,
    /// What is not as it was before the program ran; empty is right.
    pub(crate) not_restored: Vec<String>,
}

impl Terminal {
    /// Starts a program in a new terminal of the given size.
    pub(crate) fn start(program: Program, size: Size) -> Self {
        Self::start_with(Keyboard::Old, program, size)
    }

    /// Starts a program in a new terminal with a keyboard of this kind.
    pub(crate) fn start_with(keyboard: Keyboard, program: Program, size: Size) -> Self {
        let (master, slave) = open().expect("the system gives a pseudo-terminal");
        let master = Arc::new(master);
        master.resize(pty_size(size)).expect("the terminal takes its size");
        let program = program.env("TERM", "xterm-256color");
        let variables = program.env.iter().map(|(name, value)| (name, value));
        let command = Command::new(&program.path).args(&program.args).env_clear().envs(variables);
        let modes_before = modes(&master);
        let held = slave.as_fd().try_clone_to_owned().expect("the terminal can be held");
        let mut child = command.current_dir(program.home.path()).spawn(slave).expect("the program starts");
        let process = child.id();
        let keys = write_in_background(Arc::clone(&master));
        let display = read_in_background(Arc::clone(&master), keys.clone(), (size, keyboard));
        let status = Watched::new(None);
        let ended = status.clone();
        thread::spawn(move || {
            let status = child.wait().expect("a child can be waited for");
            ended.with(|ended| *ended = Some(status));
        });
        Self { master, slave: Some(held), keys, display, status, process, modes_before, home: program.home }
    }

    /// Returns the path of a file in the folder the program runs in.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Returns the text on the screen, one line a row, blanks at the ends left out.
    pub(crate) fn text(&self) -> String {
        self.display.with(|display| display.parser.screen().contents())
    }

    /// Returns each row as wide as the screen.
    pub(crate) fn rows(&self) -> Vec<String> {
        self.display.with(|display| {
            let screen = display.parser.screen();
            let columns = screen.size().1.get();
            screen.rows(0, columns).collect()
        })
    }

    /// Looks at the screen with its colours, cursor and modes.
    pub(crate) fn with_screen<R>(&self, look: impl FnOnce(&Screen) -> R) -> R {
        self.display.with(|display| look(display.parser.screen()))
    }

    /// Waits until the screen satisfies, or fails with what is on it.
    pub(crate) fn wait_until(&self, limit: Duration, mut satisfies: impl FnMut(&Screen) -> bool) {
        let found = self.display.wait_for(limit, |display| {
            let fits = satisfies(display.parser.screen());
            if fits { Some(true) } else { display.ended.then_some(false) }
        });
        assert_eq!(found, Some(true), "the screen does not come to this within {limit:?}:\n{}", self.text());
    }

    /// Waits until the program has asked for this of the keyboard, in the bits of the kitty protocol.
    pub(crate) fn wait_for_keys(&self, limit: Duration, flags: u16) {
        let asked = self.display.wait_for(limit, |display| {
            (display.parser.callbacks().flags.last() == Some(&flags)).then_some(())
        });
        assert_eq!(asked, Some(()), "the keyboard is not asked for {flags} within {limit:?}");
    }

    /// Waits until a text stands on the screen.
    pub(crate) fn wait_for_text(&self, limit: Duration, text: &str) {
        self.wait_until(limit, |screen| screen.contents().contains(text));
    }

    /// Waits until the program has not drawn for a while.
    pub(crate) fn wait_until_settled(&self, limit: Duration) {
        let drawings = || self.display.with(|display| display.drawings);
        let mut last = drawings();
        let settled = std::iter::repeat_with(|| {
            let moved = self
                .display
                .wait_for(SETTLED, |display| (display.drawings != last).then_some(display.drawings));
            last = moved.unwrap_or(last);
            moved.is_none()
        });
        let looks = usize::try_from(limit.as_millis() / SETTLED.as_millis()).unwrap_or(usize::MAX).max(1);
        assert!(settled.take(looks).any(|settled| settled), "the screen does not settle:\n{}", self.text());
    }

    /// Types; keys are the bytes a terminal sends for them.
    pub(crate) fn send(&self, keys: &str) {
        self.keys.send(keys.as_bytes().to_vec()).expect("the terminal takes keys while the test holds it");
    }

    /// Writes over the screen, as another program on the same terminal does.
    pub(crate) fn disturb(&self, text: &str) {
        self.display.with(|display| display.parser.process(text.as_bytes()));
    }

    /// Changes the size, as dragging a window's corner does.
    pub(crate) fn resize(&self, size: Size) {
        let (rows, columns) = cells(size);
        self.display.with(|display| display.parser.set_size(rows, columns));
        self.master.resize(pty_size(size)).expect("the terminal takes a new size");
    }

    /// Sends a signal to the program, unless it has ended.
    pub(crate) fn signal(&self, signal: Signal) {
        self.status.with(|status| {
            if status.is_none() {
                send_signal(self.process, signal);
            }
        });
    }

    /// Waits for the program's end, and looks at how it left the terminal.
    pub(crate) fn wait(mut self, limit: Duration) -> Left {
        let Some(status) = self.status.wait_for(limit, |status| *status) else {
            panic!("the program does not end within {limit:?}; the screen:\n{}", self.text());
        };
        let modes_after = modes(&self.master);
        self.slave = None;
        self.display
            .wait_for(DRAIN, |display| display.ended.then_some(()))
            .expect("a terminal ends with its program");
        let mut not_restored = self.with_screen(not_restored);
        not_restored.extend(self.display.with(|display| display.parser.callbacks().not_restored()));
        if modes_after != self.modes_before {
            not_restored.push(format!("the line modes: before {}, after {modes_after}", self.modes_before));
        }
        let home = tempfile::tempdir().expect("the temporary folder takes files");
        let home = std::mem::replace(&mut self.home, home);
        let code = status.code();
        let bytes = self.display.with(|display| std::mem::take(&mut display.bytes));
        Left { code, text: self.text(), bytes, home, not_restored }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

impl Left {
    /// Checks that the terminal is as it was: its modes, its cursor, its main screen.
    pub(crate) fn expect_restored(self) -> Self {
        assert_eq!(self.not_restored, [""; 0], "not as it was; the screen:\n{}", self.text);
        self
    }

    /// Checks the exit code.
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "exit code; the screen:\n{}", self.text);
        self
    }
}

fn not_restored(screen: &Screen) -> Vec<String> {
    let states = [
        (screen.alternate_screen(), "the alternate screen is still shown"),
        (screen.hide_cursor(), "the cursor is hidden"),
        (screen.bracketed_paste(), "pastes are bracketed"),
        (screen.application_cursor() || screen.application_keypad(), "keys have application codes"),
        (screen.mouse_protocol_mode() != vt100::MouseProtocolMode::None, "the mouse is reported"),
        (screen.bold() || screen.inverse() || screen.underline(), "text has attributes"),
        (
            screen.fgcolor() != vt100::Color::Default || screen.bgcolor() != vt100::Color::Default,
            "text has colours",
        ),
    ];
    states.iter().filter(|(wrong, _)| *wrong).map(|(_, what)| (*what).to_owned()).collect()
}

/// Returns all line modes of the terminal as text that can be compared.
fn modes(master: &Pty) -> String {
    format!("{:?}", rustix::termios::tcgetattr(master).expect("a pseudo-terminal has modes"))
}

fn cells(size: Size) -> (NonZeroU16, NonZeroU16) {
    let not_zero = |count| NonZeroU16::new(count).expect("a terminal has at least one cell");
    (not_zero(size.rows), not_zero(size.columns))
}

fn pty_size(size: Size) -> pty_process::Size {
    pty_process::Size::new(size.rows, size.columns)
}

/// Keys wait here, not in the test, where a program does not read.
fn write_in_background(terminal: Arc<Pty>) -> mpsc::Sender<Vec<u8>> {
    let (keys, typed) = mpsc::channel::<Vec<u8>>();
    thread::spawn(move || {
        let mut writer = &*terminal;
        typed.iter().all(|bytes| writer.write_all(&bytes).and_then(|()| writer.flush()).is_ok())
    });
    keys
}

fn read_in_background(
    terminal: Arc<Pty>,
    keys: mpsc::Sender<Vec<u8>>,
    (size, keyboard): (Size, Keyboard),
) -> Watched<Display> {
    let (rows, columns) = cells(size);
    let answers = Answers { keyboard, ..Answers::default() };
    let parser = Parser::new_with_callbacks(rows, columns, 0, answers);
    let display = Watched::new(Display { parser, bytes: Vec::new(), drawings: 0, ended: false });
    let filled = display.clone();
    thread::spawn(move || {
        let (mut reader, mut block) = (&*terminal, [0; 8192]);
        // A terminal whose program has gone ends with an error on Linux, with nothing elsewhere.
        while let Some(length) = reader.read(&mut block).ok().filter(|length| *length > 0) {
            let answers = filled.with(|display| display.draw(&block[..length]));
            if !answers.is_empty() && keys.send(answers).is_err() {
                break;
            }
        }
        filled.with(|display| display.ended = true);
    });
    display
}

impl Display {
    /// Takes what the program wrote, and returns what the terminal answers.
    fn draw(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.bytes.extend_from_slice(bytes);
        self.parser.process(bytes);
        self.drawings += 1;
        std::mem::take(&mut self.parser.callbacks_mut().waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);
    const SMALL: Size = Size { columns: 40, rows: 10 };

    #[test]
    fn a_program_in_a_terminal_is_seen_typed_to_and_resized() {
        let script = "trap 'stty size' WINCH; stty size; while :; do read line && echo \"got $line\"; [ \"$line\" = end ] && exit 4; done";
        let terminal = Terminal::start(Program::shell(script), SMALL);
        terminal.wait_for_text(LIMIT, "10 40");
        terminal.send("hello\r");
        terminal.wait_until(LIMIT, |screen| screen.contents().lines().any(|line| line == "got hello"));
        terminal.resize(Size { columns: 200, rows: 50 });
        terminal.wait_for_text(LIMIT, "50 200");
        assert_eq!(terminal.rows().len(), 50);
        terminal.wait_until_settled(LIMIT);
        terminal.send("end\r");
        let left = terminal.wait(LIMIT).expect_code(4).expect_restored();
        assert!(left.text.contains("got end"));
        assert!(left.home.path().is_dir());
    }

    #[test]
    fn a_terminal_left_in_disorder_is_noticed() {
        let script = "stty raw -echo; printf '\\033[?1049h\\033[?25l\\033[?2004h\\033[?1004h\\033[>1u\\033[31mhi'; exit 0";
        let left = Terminal::start(Program::shell(script), SMALL).wait(LIMIT).expect_code(0);
        let wrong = left.not_restored.join("; ");
        for part in ["alternate", "cursor", "bracketed", "colours", "line modes", "keyboard", "focus"] {
            assert!(wrong.contains(part), "{part} is not in: {wrong}");
        }
        assert!(left.bytes.starts_with(b"\x1b[?1049h"));
    }

    #[test]
    fn a_terminal_answers_where_the_cursor_is_as_real_ones_do() {
        let script = "stty raw -echo; printf 'abc\\033[6n'; answer=$(head -c 6); stty sane; printf '%s' \"$answer\" | tr '\\033' E; read end";
        let terminal = Terminal::start(Program::shell(script), SMALL);
        terminal.wait_for_text(LIMIT, "E[1;4R");
        terminal.signal(Signal::KILL);
        assert_eq!(terminal.wait(LIMIT).code, None);
    }
}
