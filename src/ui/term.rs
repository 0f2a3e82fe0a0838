//! The terminal: the only file that touches it. One thread reads keys and draws; it is given back in any case.

use std::collections::VecDeque;
use std::io::{self, BufWriter, IsTerminal, Stdout};
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossterm::cursor::Show;
use crossterm::event::{
    self, DisableBracketedPaste, EnableBracketedPaste, Event, KeyboardEnhancementFlags,
    PopKeyboardEnhancementFlags, PushKeyboardEnhancementFlags,
};
use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};

use crate::session::io::{Command, EndReason};
use crate::ui::editor::Editor;
use crate::ui::keys;
use crate::ui::model::Model;
use crate::ui::pace::Pace;
use crate::ui::view::theme::Theme;
use crate::ui::view::{self, Glance, Scene};

/// The name of the thread that owns the terminal; the panic hook knows it by that.
const THREAD: &str = "ui";

/// How long a panic elsewhere waits for a drawing that is being written; a stopped terminal never ends one.
const PANIC_PATIENCE: Duration = Duration::from_millis(250);

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
    /// A bug: the thread of the screen panicked; the panic has been reported.
    #[error("the screen broke")]
    Panicked,
}

/// What a screen needs.
pub struct Setup {
    /// What is drawn: the latest is enough. When its sender is gone, the screen closes.
    pub model: watch::Receiver<Model>,
    /// Where commands go. When it is full they wait here, when it is closed the screen closes.
    pub commands: mpsc::Sender<Command>,
    /// Level of the microphone in dBFS.
    pub input_level: Box<dyn Fn() -> f32 + Send>,
    /// Level of the speaker in dBFS.
    pub output_level: Box<dyn Fn() -> f32 + Send>,
    /// Time since the start of the program, as in the notices.
    pub clock: Box<dyn Fn() -> Duration + Send>,
    /// Colours or none.
    pub theme: Theme,
}

/// The screen of a call, drawn by a thread of its own: a slow terminal stops nobody.
#[derive(Debug)]
pub struct Screen {
    grip: Arc<Grip>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Screen {
    /// Takes the terminal and starts drawing.
    ///
    /// From here until the end, nobody else may write to the terminal. A panic of any thread gives the
    /// terminal back before it is reported.
    ///
    /// # Errors
    ///
    /// [`ScreenError::NoTerminal`] if standard output is none; what the terminal or the system refused.
    /// The terminal is as it was then.
    pub fn start(setup: Setup) -> Result<Self, ScreenError> {
        if !io::stdout().is_terminal() {
            return Err(ScreenError::NoTerminal);
        }
        let grip = Arc::new(Grip::default());
        restore_on_panic(Arc::clone(&grip));
        grip.take().map_err(ScreenError::Terminal)?;
        let mut screen = Self { grip: Arc::clone(&grip), thread: None };
        let thread = thread::Builder::new().name(THREAD.to_owned()).spawn(move || run(setup, &grip));
        // If there is no thread, dropping the screen gives the terminal back.
        screen.thread = Some(thread.map_err(ScreenError::Thread)?);
        Ok(screen)
    }

    /// Stops drawing, gives the terminal back and waits for the thread, at most about a frame.
    ///
    /// # Errors
    ///
    /// What went wrong with the terminal while it was drawn on.
    pub fn close(mut self) -> Result<(), ScreenError> {
        self.stop()
    }

    fn stop(&mut self) -> Result<(), ScreenError> {
        self.grip.is_wanted.store(false, Ordering::SeqCst);
        let ended = match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(ended)) => ended.map_err(ScreenError::Terminal),
            Some(Err(_)) => Err(ScreenError::Panicked),
        };
        self.grip.release();
        ended
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Whoever wants to know what went wrong calls `close`.
        let _ = self.stop();
    }
}

/// Who has the terminal. All orderings are sequentially consistent: this is no place to save time.
#[derive(Debug, Default)]
struct Grip {
    /// Whether the terminal is ours and has to be given back.
    is_held: AtomicBool,
    /// Whether drawing goes on.
    is_wanted: AtomicBool,
    /// Whether a drawing is being written.
    is_drawing: AtomicBool,
}

impl Grip {
    fn take(&self) -> io::Result<()> {
        self.is_held.store(true, Ordering::SeqCst);
        self.is_wanted.store(true, Ordering::SeqCst);
        let taken = enable_raw_mode()
            .and_then(|()| execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste));
        if taken.is_err() {
            self.release();
            return taken;
        }
        // Where it is understood, Shift-Enter can be told from Enter. Other terminals ignore it.
        let _ = execute!(
            io::stdout(),
            PushKeyboardEnhancementFlags(KeyboardEnhancementFlags::DISAMBIGUATE_ESCAPE_CODES)
        );
        Ok(())
    }

    /// Gives the terminal back, once. What fails here cannot be helped: each step is tried all the same.
    fn release(&self) {
        self.is_wanted.store(false, Ordering::SeqCst);
        if self.is_held.swap(false, Ordering::SeqCst) {
            let _ = execute!(io::stdout(), PopKeyboardEnhancementFlags);
            let _ = execute!(io::stdout(), DisableBracketedPaste, LeaveAlternateScreen, Show);
            let _ = disable_raw_mode();
        }
    }

    /// Gives the terminal back although its thread may be drawing.
    fn release_in_panic(&self) {
        self.is_wanted.store(false, Ordering::SeqCst);
        let is_ours = thread::current().name() == Some(THREAD);
        let step = Duration::from_millis(1);
        let mut waited = Duration::ZERO;
        while !is_ours && self.is_drawing.load(Ordering::SeqCst) && waited < PANIC_PATIENCE {
            thread::sleep(step);
            waited += step;
        }
        self.release();
    }
}

/// The hook stays when the screen is closed, where it does nothing: taking it away could take away another.
fn restore_on_panic(grip: Arc<Grip>) {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        grip.release_in_panic();
        report(info);
    }));
}

/// The whole life of the thread. If the terminal fails, the call ends: it cannot be led without one.
fn run(setup: Setup, grip: &Grip) -> io::Result<()> {
    let commands = setup.commands.clone();
    let ended = Loop::new(setup, grip).and_then(|mut looping| looping.run());
    grip.release();
    if ended.is_err() {
        // Full or closed: then the call is about to end anyway, or `close` says what happened.
        let _ = commands.try_send(Command::HangUp(EndReason::User));
    }
    ended
}

struct Loop<'a> {
    setup: Setup,
    grip: &'a Grip,
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    model: Model,
    editor: Editor,
    pace: Pace,
    /// Commands that the session could not take yet.
    waiting: VecDeque<Command>,
    is_orphaned: bool,
}

impl<'a> Loop<'a> {
    fn new(setup: Setup, grip: &'a Grip) -> io::Result<Self> {
        let backend = CrosstermBackend::new(BufWriter::new(io::stdout()));
        let model = setup.model.borrow().clone();
        Ok(Self {
            setup,
            grip,
            terminal: Terminal::new(backend)?,
            model,
            editor: Editor::default(),
            pace: Pace::default(),
            waiting: VecDeque::new(),
            is_orphaned: false,
        })
    }

    fn run(&mut self) -> io::Result<()> {
        while self.grip.is_wanted.load(Ordering::SeqCst) && !self.is_orphaned {
            self.look();
            let glance = self.glance();
            if self.pace.is_due(&glance) {
                self.draw(glance)?;
            }
            let mut patience = self.pace.patience(glance.now);
            while event::poll(patience)? {
                self.take(event::read()?);
                patience = Duration::ZERO;
            }
            self.send();
        }
        Ok(())
    }

    /// Takes the latest model; drawing comes after the lock is free again.
    fn look(&mut self) {
        match self.setup.model.has_changed() {
            Ok(true) => {
                self.model = self.setup.model.borrow_and_update().clone();
                self.pace.touch();
            }
            Ok(false) => {}
            Err(_) => self.is_orphaned = true,
        }
    }

    fn glance(&self) -> Glance {
        Glance {
            now: (self.setup.clock)(),
            input_dbfs: (self.setup.input_level)(),
            output_dbfs: (self.setup.output_level)(),
        }
    }

    fn draw(&mut self, glance: Glance) -> io::Result<()> {
        self.grip.is_drawing.store(true, Ordering::SeqCst);
        // Whoever panics sets `is_wanted` first and looks at `is_drawing` then, so one of us sees the other.
        let drawn =
            if self.grip.is_wanted.load(Ordering::SeqCst) { self.draw_frame(&glance) } else { Ok(()) };
        self.grip.is_drawing.store(false, Ordering::SeqCst);
        self.pace.drawn(&glance);
        drawn
    }

    fn draw_frame(&mut self, glance: &Glance) -> io::Result<()> {
        if std::mem::take(&mut self.editor.repaint) {
            self.terminal.clear()?;
        }
        let scene =
            Scene { model: &self.model, editor: &self.editor, glance: *glance, theme: &self.setup.theme };
        let mut drawn = view::Drawn::default();
        self.terminal.draw(|frame| drawn = view::draw(frame, &scene))?;
        self.editor.settle(&drawn);
        Ok(())
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "mouse and focus are not asked for")]
    fn take(&mut self, event: Event) {
        match event {
            Event::Key(key) => self.waiting.extend(keys::command(&key, &self.model, &mut self.editor)),
            Event::Paste(text) => self.editor.insert(&text),
            Event::Resize(..) => {}
            _ => return,
        }
        self.pace.touch();
    }

    fn send(&mut self) {
        while let Some(command) = self.waiting.pop_front() {
            match self.setup.commands.try_send(command) {
                Ok(()) => {}
                Err(TrySendError::Full(command)) => return self.waiting.push_front(command),
                Err(TrySendError::Closed(_)) => self.is_orphaned = true,
            }
        }
    }
}
