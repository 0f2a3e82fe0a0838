//! The terminal: only the files of this folder touch it. It is given back in any case.

mod reader;
mod guard;
mod renderer;

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::session::io::UserCommand;
use crate::ui::model::Model;
use crate::ui::terminal::guard::{KeyReporting, TerminalGuard, restore_on_panic};
use crate::ui::view::theme::Theme;

/// How long the threads of the screen may take to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScreenTimeout {
    /// Much longer than drawing takes, much shorter than a user waits.
    Usual,
    /// As long as a signal leaves: its end takes a second in all.
    Signalled,
}

impl ScreenTimeout {
    fn time(self) -> Duration {
        match self {
            Self::Usual => Duration::from_secs(1),
            Self::Signalled => Duration::from_millis(150),
        }
    }
}

/// Restores the line mode of the terminal if a screen has changed it. Writes nothing, so that it never waits
/// for a terminal that is not read.
pub fn restore_line_mode() {
    // There is nobody to report this to.
    let _ = crossterm::terminal::disable_raw_mode();
}

/// What can go wrong with the screen.
#[derive(Debug, thiserror::Error)]
pub enum ScreenError {
    /// Standard output is a file or a pipe.
    #[error("standard output is no terminal")]
    NoTerminal,
    /// The terminal refused or is gone.
    #[error("the terminal cannot be used")]
    Terminal(#[source] io::Error),
    /// The system gave no thread.
    #[error("cannot start the thread of the screen")]
    Thread(#[source] io::Error),
    /// The terminal takes nothing any more, so that not even its end can be drawn.
    #[error("the terminal does not answer")]
    Stuck,
    /// A bug: the thread of the screen panicked; the panic has been reported.
    #[error("the screen broke")]
    Panicked,
}

/// What a screen needs.
pub struct ScreenSetup {
    /// What is drawn: the latest is enough. When its sender is gone, the screen closes.
    pub model: watch::Receiver<Model>,
    /// Where commands go. When it is full they wait here, when it is closed the screen closes.
    pub commands: mpsc::Sender<UserCommand>,
    /// Level of the microphone in dBFS.
    pub input_level: Box<dyn Fn() -> f32 + Send>,
    /// Level of the speaker in dBFS.
    pub output_level: Box<dyn Fn() -> f32 + Send>,
    /// Time since the start of the program, as in the notices.
    pub clock: Box<dyn Fn() -> Duration + Send>,
    /// Colours or none.
    pub theme: Theme,
}

/// The screen of a call: one thread draws, another reads keys, so a slow terminal stops nobody.
#[derive(Debug)]
pub struct Screen {
    grip: Arc<TerminalGuard>,
    painter: Option<JoinHandle<io::Result<()>>>,
    /// Left alone if it does not end: a hung-up terminal can keep it in crossterm for ever.
    reader: Option<JoinHandle<()>>,
}

impl Screen {
    /// Takes the terminal and starts drawing.
    ///
    /// From here until the end, nobody else may write to the terminal. A panic of any thread gives the
    /// terminal back before it is reported. If the screen ends by itself, because of a panic or because the
    /// terminal is gone, it hangs up.
    ///
    /// # Errors
    ///
    /// [`ScreenError::NoTerminal`] if standard output is none; what the terminal or the system refused.
    /// The terminal is as it was then.
    pub fn start(setup: ScreenSetup) -> Result<Self, ScreenError> {
        if !io::stdout().is_terminal() {
            return Err(ScreenError::NoTerminal);
        }
        let grip = Arc::new(TerminalGuard::default());
        restore_on_panic(Arc::clone(&grip));
        let keys =
            if setup.model.borrow().about.manual_turns { KeyReporting::Held } else { KeyReporting::Typed };
        grip.take(keys).map_err(ScreenError::Terminal)?;
        // If a thread is missing, dropping the screen gives the terminal back.
        let mut screen = Self { grip: Arc::clone(&grip), painter: None, reader: None };
        let (reader, events) = reader::start(Arc::clone(&grip), keys).map_err(ScreenError::Thread)?;
        screen.reader = Some(reader);
        let painter = thread::Builder::new().name(guard::PAINTER.to_owned());
        let painter = painter.spawn(move || renderer::run(setup, &events, (&grip, keys)));
        screen.painter = Some(painter.map_err(ScreenError::Thread)?);
        Ok(screen)
    }

    /// Stops drawing, gives the terminal back and waits for the threads, usually for less than a tenth of a
    /// second.
    ///
    /// # Errors
    ///
    /// What went wrong with the terminal while it was drawn on.
    pub fn close(mut self, patience: ScreenTimeout) -> Result<(), ScreenError> {
        self.stop(patience)
    }

    fn stop(&mut self, patience: ScreenTimeout) -> Result<(), ScreenError> {
        self.grip.end_drawing();
        let ended = match self.painter.take().map(|painter| join_in_time(painter, patience)) {
            None => Ok(()),
            Some(None) => {
                self.grip.abandon();
                Err(ScreenError::Stuck)
            }
            Some(Some(Ok(ended))) => ended.map_err(ScreenError::Terminal),
            Some(Some(Err(_))) => Err(ScreenError::Panicked),
        };
        self.grip.release();
        reader::wake();
        // What becomes of the keys says nothing about the screen.
        let _ = self.reader.take().map(|reader| join_in_time(reader, patience));
        ended
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Whoever wants to know what went wrong calls `close`.
        let _ = self.stop(ScreenTimeout::Usual);
    }
}

/// Joins a thread; nothing if it does not end in time.
fn join_in_time<T>(handle: JoinHandle<T>, patience: ScreenTimeout) -> Option<thread::Result<T>> {
    let step = Duration::from_millis(2);
    let mut waited = Duration::ZERO;
    while !handle.is_finished() {
        if waited >= patience.time() {
            return None;
        }
        thread::sleep(step);
        waited += step;
    }
    Some(handle.join())
}
