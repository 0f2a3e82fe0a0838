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
use crate::ui::draw_throttle::Pace;
use crate::ui::input::editor::Editor;
use crate::ui::input::keys;
use crate::ui::input::push_to_talk::Releases;
use crate::ui::model::Model;
use crate::ui::terminal::Setup;
use crate::ui::terminal::guard::{Grip, Keys};
use crate::ui::terminal::reader::News;
use crate::ui::view::{self, Drawn, Glance, Scene};

/// How long the first drawing waits for what the terminal says of its keys: what it is asked must not come
/// into the middle of a drawing.
const ANSWER_WITHIN: Duration = Duration::from_millis(100);

/// The whole life of the thread.
pub(super) fn run(
    setup: Setup,
    news: &Receiver<io::Result<News>>,
    (grip, keys): (&Grip, Keys),
) -> io::Result<()> {
    let mut last = HangUp { commands: setup.commands.clone(), reason: EndReason::User };
    let ended = Painter::new(setup, grip).and_then(|mut painter| {
        match keys {
            Keys::Typed => {}
            Keys::Held => painter.read(news, ANSWER_WITHIN)?,
        }
        painter.run(news)
    });
    if ended.as_ref().is_err_and(is_hangup) {
        last.reason = EndReason::Signal(SIGHUP);
    }
    grip.release();
    ended
}

/// The number of the signal that a terminal sends when it hangs up.
const SIGHUP: i32 = 1;

/// Returns whether an error says that the terminal has hung up. The write may fail before the signal arrives,
/// or in its place where the program is not in the foreground.
#[cfg(unix)]
fn is_hangup(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
}

#[cfg(not(unix))]
fn is_hangup(_: &io::Error) -> bool {
    false
}

/// Ends the call when the thread ends, by a panic too: a call cannot be led without a screen.
struct HangUp {
    commands: mpsc::Sender<Command>,
    reason: EndReason,
}

impl Drop for HangUp {
    fn drop(&mut self) {
        // Full or closed: then the call is about to end anyway.
        let _ = self.commands.try_send(Command::HangUp(self.reason.clone()));
    }
}

struct Painter<'a> {
    setup: Setup,
    grip: &'a Grip,
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    model: Model,
    editor: Editor,
    pace: Pace,
    /// What was last asked for of keys, where the terminal knows such requests.
    keys: Option<Keys>,
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
            keys: None,
            waiting: VecDeque::new(),
            is_orphaned: false,
        })
    }

    fn run(&mut self, news: &Receiver<io::Result<News>>) -> io::Result<()> {
        while self.grip.is_wanted() && !self.is_orphaned {
            self.look();
            let glance = self.glance();
            if self.pace.is_due(&glance) {
                self.draw(glance)?;
            }
            self.read(news, self.pace.patience(glance.now))?;
            self.watch_key()?;
            self.send();
        }
        Ok(())
    }

    /// Waits for keys, and takes all that are there.
    fn read(&mut self, news: &Receiver<io::Result<News>>, patience: Duration) -> io::Result<()> {
        let mut next = news.recv_timeout(patience);
        loop {
            match next {
                Ok(news) => match news? {
                    News::Releases(releases) => self.learn(releases),
                    News::Event(event) => self.take(event),
                },
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => {
                    self.is_orphaned = true;
                    return Ok(());
                }
            }
            next = news.recv_timeout(Duration::ZERO);
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
            self.repaint()?;
        }
        let scene =
            Scene { model: &self.model, editor: &self.editor, glance: *glance, theme: &self.setup.theme };
        let mut drawn = Drawn::default();
        self.terminal.draw(|frame| drawn = view::draw(frame, &scene))?;
        self.editor.settle(&drawn);
        Ok(())
    }

    /// Clears the screen, so that the next frame writes every cell.
    ///
    /// `Terminal::clear` does the same but asks the terminal for the cursor position. The reader thread would
    /// take the answer, so that the question times out and ends the call.
    fn repaint(&mut self) -> io::Result<()> {
        let size = self.terminal.size()?;
        self.terminal.resize(size.into())
    }

    fn learn(&mut self, releases: Releases) {
        self.editor.talk_key.learn(releases);
        self.keys = match releases {
            Releases::Told => Some(Keys::Held),
            Releases::Untold => None,
        };
        self.pace.touch();
    }

    /// Ends a hold that is lost, and lets text come as text again while some is typed.
    fn watch_key(&mut self) -> io::Result<()> {
        if let Some(command) = keys::tick((self.setup.clock)(), &mut self.editor) {
            self.waiting.push_back(command);
            self.pace.touch();
        }
        let makes_turns = self.editor.is_empty() || self.editor.talk_key.is_held();
        let wanted = if makes_turns { Keys::Held } else { Keys::Typed };
        if self.keys.is_some_and(|keys| keys != wanted) {
            self.keys = Some(wanted);
            self.grip.while_held(|| Some(wanted.ask())).transpose()?;
        }
        Ok(())
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Key(key) => {
                let now = (self.setup.clock)();
                self.waiting.extend(keys::command(now, &key, &self.model, &mut self.editor));
            }
            Event::Paste(text) => self.editor.insert(&text),
            // Whoever looks elsewhere may let go of the key there.
            Event::FocusLost => self.waiting.extend(self.editor.talk_key.let_go()),
            Event::FocusGained | Event::Resize(..) => {}
            // The mouse is not asked for.
            Event::Mouse(_) => return,
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
