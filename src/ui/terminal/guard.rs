//! Terminal guard: acquires the terminal once and restores it exactly once.

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
#[cfg(unix)]
use signal_hook::consts::SIGCONT;

/// Name of the drawing thread, by which the panic hook recognises it.
pub(super) const THREAD_NAME: &str = "ui";

/// How long a panic in another thread waits for a frame that is being written; a stopped terminal never
/// finishes one.
const PANIC_TIMEOUT: Duration = Duration::from_millis(250);

/// How long a stop signal may take to arrive. It never does in a process group without a shell.
#[cfg(unix)]
const STOP_TIMEOUT: Duration = Duration::from_millis(500);

/// Which key events the terminal reports, if it supports the kitty keyboard protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyReporting {
    /// Distinguishes Shift-Enter from Enter; text arrives as text.
    Typed,
    /// Reports each key and its release. Text arrives as keys, so text typed with AltGr is lost.
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
                    // Needed for the text of Shift with a key.
                    | KeyboardEnhancementFlags::REPORT_ALTERNATE_KEYS
            }
        }
    }

    /// Changes the reported events; only for terminals that support it.
    pub(super) fn request(self) -> io::Result<()> {
        let mut terminal = io::stdout().lock();
        write!(terminal, "\x1b[={};1u", self.flags().bits())?;
        terminal.flush()
    }
}

/// Ownership of the terminal. All orderings are `SeqCst`; this is not performance-critical.
#[derive(Debug, Default)]
pub(super) struct TerminalGuard {
    /// Whether the terminal has to be restored.
    is_held: AtomicBool,
    /// Whether drawing continues.
    is_active: AtomicBool,
    /// Whether a frame is being written.
    is_drawing: AtomicBool,
    /// Whether another program has the terminal.
    is_lent: AtomicBool,
}

impl TerminalGuard {
    /// Acquires the terminal: raw mode, alternate screen, bracketed paste, and focus events if keys are held.
    pub(super) fn acquire(&self, keys: KeyReporting) -> io::Result<()> {
        self.is_held.store(true, Ordering::SeqCst);
        self.is_active.store(true, Ordering::SeqCst);
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
        let continued = Arc::new(AtomicBool::new(false));
        let handler = signal_hook::flag::register(SIGCONT, Arc::clone(&continued))?;
        leave();
        rustix::process::kill_current_process_group(rustix::process::Signal::TSTP)?;
        // Another thread may take the signal, so this one can run on for a moment.
        let step = Duration::from_millis(1);
        let mut waited = Duration::ZERO;
        while !continued.load(Ordering::SeqCst) && waited < STOP_TIMEOUT {
            thread::sleep(step);
            waited += step;
        }
        signal_hook::low_level::unregister(handler);
        if self.is_held.load(Ordering::SeqCst) { enter(keys) } else { Ok(()) }
    }

    #[cfg(not(unix))]
    pub(super) fn suspend(&self, _: KeyReporting) -> io::Result<()> {
        Ok(())
    }

    /// Lends the terminal to another program while `use_it` runs; then takes it again.
    pub(super) fn lend<T>(&self, keys: KeyReporting, use_it: impl FnOnce() -> T) -> io::Result<T> {
        self.is_lent.store(true, Ordering::SeqCst);
        leave();
        let result = use_it();
        self.is_lent.store(false, Ordering::SeqCst);
        if self.is_held.load(Ordering::SeqCst) {
            enter(keys)?;
        }
        Ok(result)
    }

    /// Returns whether another program has the terminal.
    pub(super) fn is_lent(&self) -> bool {
        self.is_lent.load(Ordering::SeqCst)
    }

    /// Restores the terminal, once. Errors are ignored, and each step is tried.
    pub(super) fn release(&self) {
        self.is_active.store(false, Ordering::SeqCst);
        if self.is_held.swap(false, Ordering::SeqCst) {
            leave();
        }
    }

    /// Returns whether drawing and reading continue.
    pub(super) fn is_active(&self) -> bool {
        self.is_active.load(Ordering::SeqCst)
    }

    /// Stops the threads.
    pub(super) fn stop_drawing(&self) {
        self.is_active.store(false, Ordering::SeqCst);
    }

    /// Draws unless the terminal has been released.
    ///
    /// Releasing sets `is_active` first and reads `is_drawing` afterwards; this does the reverse, so one of
    /// them sees the other.
    pub(super) fn while_held<T: Default>(&self, draw: impl FnOnce() -> T) -> T {
        self.is_drawing.store(true, Ordering::SeqCst);
        let drawn = if self.is_active() { draw() } else { T::default() };
        self.is_drawing.store(false, Ordering::SeqCst);
        drawn
    }

    /// Restores the line mode of a terminal that accepts no output.
    pub(super) fn abandon(&self) {
        if self.is_held.swap(false, Ordering::SeqCst) {
            let _ = disable_raw_mode();
        }
    }

    /// Restores the terminal although another thread may be drawing.
    fn release_in_panic(&self) {
        self.is_active.store(false, Ordering::SeqCst);
        let is_own_thread = thread::current().name() == Some(THREAD_NAME);
        let step = Duration::from_millis(1);
        let mut waited = Duration::ZERO;
        while !is_own_thread && self.is_drawing.load(Ordering::SeqCst) && waited < PANIC_TIMEOUT {
            thread::sleep(step);
            waited += step;
        }
        if !is_own_thread && self.is_drawing.load(Ordering::SeqCst) {
            // Writing would block behind the unfinished frame.
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
    // Ignored by terminals without support.
    let _ = execute!(io::stdout(), PushKeyboardEnhancementFlags(keys.flags()));
    match keys {
        KeyReporting::Typed => {}
        KeyReporting::Held => {
            let _ = execute!(io::stdout(), EnableFocusChange);
        }
    }
    Ok(())
}

/// Undoes [`enter`]. Errors are ignored: every step is tried.
fn leave() {
    let _ = execute!(io::stdout(), PopKeyboardEnhancementFlags);
    let _ = execute!(io::stdout(), DisableFocusChange, DisableBracketedPaste);
    let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}

/// Stays installed when the screen closes: removing it could remove a hook set later.
pub(super) fn restore_on_panic(guard: Arc<TerminalGuard>) {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        guard.release_in_panic();
        report(info);
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_drawn_without_the_terminal() {
        let guard = TerminalGuard::default();
        assert_eq!(guard.while_held(|| Some("drawn")), None);
        guard.is_active.store(true, Ordering::SeqCst);
        assert_eq!(guard.while_held(|| Some("drawn")), Some("drawn"));
        guard.stop_drawing();
        assert_eq!(guard.while_held(|| Some("drawn")), None);
    }
}
