//! The thread that draws and knows what is being typed.

use std::collections::VecDeque;
use std::io::{self, BufWriter, Stdout};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use crossterm::event::Event;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::session::io::{Command, EndReason};
use crate::ui::editor::Editor;
use crate::ui::keys;
use crate::ui::model::Model;
use crate::ui::pace::Pace;
use crate::ui::term::Setup;
use crate::ui::term::grip::Grip;
use crate::ui::view::{self, Drawn, Glance, Scene};

/// The whole life of the thread.
pub(super) fn run(setup: Setup, events: &Receiver<io::Result<Event>>, grip: &Grip) -> io::Result<()> {
    let _last = HangUp(setup.commands.clone());
    let ended = Painter::new(setup, grip).and_then(|mut painter| painter.run(events));
    grip.release();
    ended
}

/// Ends the call when the thread ends, by a panic too: a call cannot be led without a screen.
struct HangUp(mpsc::Sender<Command>);

impl Drop for HangUp {
    fn drop(&mut self) {
        // Full or closed: then the call is about to end anyway.
        let _ = self.0.try_send(Command::HangUp(EndReason::User));
    }
}

struct Painter<'a> {
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

impl<'a> Painter<'a> {
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

    fn run(&mut self, events: &Receiver<io::Result<Event>>) -> io::Result<()> {
        while self.grip.is_wanted() && !self.is_orphaned {
            self.look();
            let glance = self.glance();
            if self.pace.is_due(&glance) {
                self.draw(glance)?;
            }
            self.read(events, self.pace.patience(glance.now))?;
            self.send();
        }
        Ok(())
    }

    /// Waits for keys, and takes all that are there.
    fn read(&mut self, events: &Receiver<io::Result<Event>>, patience: Duration) -> io::Result<()> {
        let mut next = events.recv_timeout(patience);
        loop {
            match next {
                Ok(event) => self.take(event?),
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => {
                    self.is_orphaned = true;
                    return Ok(());
                }
            }
            next = events.recv_timeout(Duration::ZERO);
        }
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
        let grip = self.grip;
        grip.while_held(|| Some(self.draw_frame(&glance))).transpose()?;
        self.pace.drawn(&glance);
        Ok(())
    }

    fn draw_frame(&mut self, glance: &Glance) -> io::Result<()> {
        if std::mem::take(&mut self.editor.repaint) {
            self.terminal.clear()?;
        }
        let scene =
            Scene { model: &self.model, editor: &self.editor, glance: *glance, theme: &self.setup.theme };
        let mut drawn = Drawn::default();
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
