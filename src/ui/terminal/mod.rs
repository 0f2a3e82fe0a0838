//! The terminal: only this folder touches it, and it is always restored.

pub mod menu;
mod reader;
mod guard;
mod renderer;
mod hidden_pane;

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::dsp::level::LevelReading;
use crate::keys::bindings::KeyBindings;
use crate::session::io::UserCommand;
use crate::ui::model::Model;
use crate::ui::terminal::guard::{KeyReporting, TerminalGuard, restore_on_panic};
use crate::ui::view::theme::Theme;

/// Time limit for the threads of the screen to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScreenTimeout {
    /// Much longer than a frame takes, much shorter than a user waits.
    Normal,
    /// After a signal, which ends the program within a second.
    Signalled,
}

impl ScreenTimeout {
    fn duration(self) -> Duration {
        match self {
            Self::Normal => Duration::from_secs(1),
            Self::Signalled => Duration::from_millis(150),
        }
    }
}

/// Restores the line mode of the terminal. Writes nothing, so that it never blocks on a terminal that is not
/// read.
pub fn restore_line_mode() {
    // An error cannot be reported here.
    let _ = crossterm::terminal::disable_raw_mode();
}

/// Errors of the screen.
#[derive(Debug, thiserror::Error)]
pub enum ScreenError {
    /// Standard output is a file or a pipe.
    #[error("standard output is not a terminal")]
    NoTerminal,
    /// The terminal refused or is gone.
    #[error("cannot use the terminal")]
    Terminal(#[source] io::Error),
    /// The system refused a thread.
    #[error("cannot start the screen thread")]
    Thread(#[source] io::Error),
    /// The terminal accepts no output.
    #[error("the terminal accepts no output")]
    Stuck,
    /// A bug: the drawing thread panicked; the panic has been reported.
    #[error("the screen thread panicked")]
    Panicked,
}

/// One session on a screen.
pub struct ScreenPane {
    /// Model to draw; only the latest counts. The screen closes when its sender is dropped.
    pub model: watch::Receiver<Model>,
    /// Receives commands. While it is full, commands wait in the screen; when it is closed, the screen closes.
    pub commands: mpsc::Sender<UserCommand>,
}

/// Inputs of a screen.
pub struct ScreenSetup {
    /// Shown at the start.
    pub pane: ScreenPane,
    /// Shown instead on request.
    pub other: Option<ScreenPane>,
    /// Level of the microphone.
    pub input_level: Box<dyn Fn() -> LevelReading + Send>,
    /// Level of the speaker.
    pub output_level: Box<dyn Fn() -> LevelReading + Send>,
    /// Time since the start of the program, as in notices.
    pub clock: Box<dyn Fn() -> Duration + Send>,
    /// Colours and character set.
    pub theme: Theme,
    /// Keys of the actions.
    pub keys: Arc<KeyBindings>,
    /// Texts sent earlier, oldest first.
    pub history: Vec<String>,
    /// Records a sent text.
    pub record: Box<dyn FnMut(&str) + Send>,
    /// Edits a text in the user's editor, which has the terminal meanwhile.
    pub edit: TextEditor,
    /// Lists the files whose names begin with a text.
    pub list_files: fn(&str) -> Vec<String>,
}

/// Edits a text in another program; an error is one sentence.
pub type TextEditor = fn(&str) -> Result<String, String>;

/// The screen of a call: one thread draws, another reads keys, so a slow terminal blocks nothing else.
#[derive(Debug)]
pub struct Screen {
    guard: Arc<TerminalGuard>,
    renderer: Option<JoinHandle<io::Result<()>>>,
    /// Detached if it does not end: after a hang-up crossterm may block forever.
    reader: Option<JoinHandle<()>>,
}

impl Screen {
    /// Acquires the terminal and starts drawing.
    ///
    /// Nothing else may write to the terminal until the screen is closed. A panic of any thread restores the
    /// terminal before it is reported. If the screen ends because of a panic or a lost terminal, it ends the
    /// call.
    ///
    /// # Errors
    ///
    /// [`ScreenError::NoTerminal`] if standard output is not a terminal, and errors of the terminal or the
    /// system. The terminal is then restored.
    pub fn start(setup: ScreenSetup) -> Result<Self, ScreenError> {
        if !io::stdout().is_terminal() {
            return Err(ScreenError::NoTerminal);
        }
        let guard = Arc::new(TerminalGuard::default());
        restore_on_panic(Arc::clone(&guard));
        let keys = if setup.pane.model.borrow().info.manual_turns {
            KeyReporting::Held
        } else {
            KeyReporting::Typed
        };
        guard.acquire(keys).map_err(ScreenError::Terminal)?;
        // If a thread is missing, dropping the screen restores the terminal.
        let mut screen = Self { guard: Arc::clone(&guard), renderer: None, reader: None };
        let lending = Some(Arc::clone(&setup.keys));
        let (reader, events) =
            reader::start(Arc::clone(&guard), (keys, lending)).map_err(ScreenError::Thread)?;
        screen.reader = Some(reader);
        let renderer = thread::Builder::new().name(guard::THREAD_NAME.to_owned());
        let renderer = renderer.spawn(move || renderer::run(setup, &events, (&guard, keys)));
        screen.renderer = Some(renderer.map_err(ScreenError::Thread)?);
        Ok(screen)
    }

    /// Stops drawing, restores the terminal and waits for the threads, usually for less than 100 ms.
    ///
    /// # Errors
    ///
    /// Errors of the terminal while drawing.
    pub fn close(mut self, timeout: ScreenTimeout) -> Result<(), ScreenError> {
        self.stop(timeout)
    }

    fn stop(&mut self, timeout: ScreenTimeout) -> Result<(), ScreenError> {
        self.guard.stop_drawing();
        if timeout == ScreenTimeout::Normal {
            self.wait_until_returned();
        }
        let ended = match self.renderer.take().map(|renderer| join_in_time(renderer, timeout)) {
            None => Ok(()),
            Some(None) => {
                self.guard.abandon();
                Err(ScreenError::Stuck)
            }
            Some(Some(Ok(ended))) => ended.map_err(ScreenError::Terminal),
            Some(Some(Err(_))) => Err(ScreenError::Panicked),
        };
        self.guard.release();
        reader::wake();
        // The reader's result does not concern the screen.
        let _ = self.reader.take().map(|reader| join_in_time(reader, timeout));
        ended
    }

    /// Waits until a program that the terminal is lent to has ended.
    fn wait_until_returned(&self) {
        while self.guard.is_lent() {
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Errors are only returned by `close`.
        let _ = self.stop(ScreenTimeout::Normal);
    }
}

/// Joins a thread; none if it does not end in time.
fn join_in_time<T>(handle: JoinHandle<T>, timeout: ScreenTimeout) -> Option<thread::Result<T>> {
    let step = Duration::from_millis(2);
    let mut waited = Duration::ZERO;
    while !handle.is_finished() {
        if waited >= timeout.duration() {
            return None;
        }
        thread::sleep(step);
        waited += step;
    }
    Some(handle.join())
}
