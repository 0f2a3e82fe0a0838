//! Who has the terminal: it is taken once and given back once, whoever comes first.

use std::io::{self, Write};
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crossterm::cursor::Show;
use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, EnableBracketedPaste, EnableFocusChange,
    KeyboardEnhancementFlags, PopKeyboardEnhancementFlags, PushKeyboardEnhancementFlags,
};
use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};

/// The name of the thread that draws; the panic hook knows it by that.
pub(super) const PAINTER: &str = "ui";

/// How long a panic elsewhere waits for a drawing that is being written; a stopped terminal never ends one.
const PANIC_PATIENCE: Duration = Duration::from_millis(250);

/// What the terminal is to tell of keys, where it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyReporting {
    /// Shift-Enter is told from Enter; text comes as text.
    Typed,
    /// Each key, and when it is let go. Text comes as keys: what is typed by AltGr is lost.
    Held,
}

impl KeyReporting {
    fn flags(self) -> KeyboardEnhancementFlags {
        let typed = KeyboardEnhancementFlags::DISAMBIGUATE_ESCAPE_CODES;
        match self {
            Self::Typed => typed,
            Self::Held => {
                typed
                    | KeyboardEnhancementFlags::REPORT_EVENT_TYPES
                    | KeyboardEnhancementFlags::REPORT_ALL_KEYS_AS_ESCAPE_CODES
                    // Without it, the text of Shift and a key is not known.
                    | KeyboardEnhancementFlags::REPORT_ALTERNATE_KEYS
            }
        }
    }

    /// Asks a terminal that knows such requests for other keys than before.
    pub(super) fn ask(self) -> io::Result<()> {
        let mut terminal = io::stdout().lock();
        write!(terminal, "\x1b[={};1u", self.flags().bits())?;
        terminal.flush()
    }
}

/// Who has the terminal. All orderings are sequentially consistent: this is no place to save time.
#[derive(Debug, Default)]
pub(super) struct TerminalGuard {
    /// Whether the terminal is ours and has to be given back.
    is_held: AtomicBool,
    /// Whether drawing goes on.
    is_wanted: AtomicBool,
    /// Whether a drawing is being written.
    is_drawing: AtomicBool,
}

impl TerminalGuard {
    /// Takes the terminal: raw mode, alternate screen, bracketed paste, and whether it is looked at where
    /// keys are held.
    pub(super) fn take(&self, keys: KeyReporting) -> io::Result<()> {
        self.is_held.store(true, Ordering::SeqCst);
        self.is_wanted.store(true, Ordering::SeqCst);
        let entered = enter(keys);
        if entered.is_err() {
            self.release();
        }
        entered
    }

    /// Gives the terminal to the shell and stops the process group until it is continued, as Ctrl-Z does in
    /// line mode; then takes the terminal again.
    #[cfg(unix)]
    pub(super) fn suspend(&self, keys: KeyReporting) -> io::Result<()> {
        leave();
        rustix::process::kill_current_process_group(rustix::process::Signal::TSTP)?;
        if self.is_held.load(Ordering::SeqCst) { enter(keys) } else { Ok(()) }
    }

    #[cfg(not(unix))]
    pub(super) fn suspend(&self, _: KeyReporting) -> io::Result<()> {
        Ok(())
    }

    /// Gives the terminal back, once. What fails here cannot be helped: each step is tried all the same.
    pub(super) fn release(&self) {
        self.is_wanted.store(false, Ordering::SeqCst);
        if self.is_held.swap(false, Ordering::SeqCst) {
            leave();
        }
    }

    /// Returns whether drawing and reading go on.
    pub(super) fn is_wanted(&self) -> bool {
        self.is_wanted.load(Ordering::SeqCst)
    }

    /// Lets the threads end.
    pub(super) fn end_drawing(&self) {
        self.is_wanted.store(false, Ordering::SeqCst);
    }

    /// Draws unless the terminal has been given back.
    ///
    /// Whoever gives it back sets `is_wanted` first and looks at `is_drawing` then; here it is the other way
    /// round, so one of both sees the other.
    pub(super) fn while_held<T: Default>(&self, draw: impl FnOnce() -> T) -> T {
        self.is_drawing.store(true, Ordering::SeqCst);
        let drawn = if self.is_wanted() { draw() } else { T::default() };
        self.is_drawing.store(false, Ordering::SeqCst);
        drawn
    }

    /// Gives back what can be given back of a terminal that takes no writing.
    pub(super) fn abandon(&self) {
        if self.is_held.swap(false, Ordering::SeqCst) {
            let _ = disable_raw_mode();
        }
    }

    /// Gives the terminal back although its thread may be drawing.
    fn release_in_panic(&self) {
        self.is_wanted.store(false, Ordering::SeqCst);
        let is_ours = thread::current().name() == Some(PAINTER);
        let step = Duration::from_millis(1);
        let mut waited = Duration::ZERO;
        while !is_ours && self.is_drawing.load(Ordering::SeqCst) && waited < PANIC_PATIENCE {
            thread::sleep(step);
            waited += step;
        }
        if !is_ours && self.is_drawing.load(Ordering::SeqCst) {
            // Writing would wait for the drawing that does not end.
            self.abandon();
        } else {
            self.release();
        }
    }
}

/// Switches to raw mode, the alternate screen and bracketed paste, and asks for keys.
fn enter(keys: KeyReporting) -> io::Result<()> {
    enable_raw_mode()?;
    execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste)?;
    // Terminals that do not understand these ignore them.
    let _ = execute!(io::stdout(), PushKeyboardEnhancementFlags(keys.flags()));
    match keys {
        KeyReporting::Typed => {}
        KeyReporting::Held => {
            let _ = execute!(io::stdout(), EnableFocusChange);
        }
    }
    Ok(())
}

/// Undoes [`enter`]. An error cannot be helped: each step is tried all the same.
fn leave() {
    let _ = execute!(io::stdout(), PopKeyboardEnhancementFlags);
    let _ = execute!(io::stdout(), DisableFocusChange, DisableBracketedPaste);
    let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}

/// The hook stays when the screen is closed, where it does nothing: taking it away could take away another.
pub(super) fn restore_on_panic(grip: Arc<TerminalGuard>) {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        grip.release_in_panic();
        report(info);
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_drawn_on_a_terminal_that_is_not_held() {
        let grip = TerminalGuard::default();
        assert_eq!(grip.while_held(|| Some("drawn")), None);
        grip.is_wanted.store(true, Ordering::SeqCst);
        assert_eq!(grip.while_held(|| Some("drawn")), Some("drawn"));
        grip.end_drawing();
        assert_eq!(grip.while_held(|| Some("drawn")), None);
    }
}
