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

use crate::session::io::{EndReason, UserCommand};
use crate::ui::draw_throttle::DrawThrottle;
use crate::ui::input::editor::Editor;
use crate::ui::input::keys;
use crate::ui::input::push_to_talk::ReleaseEvents;
use crate::ui::model::Model;
use crate::ui::terminal::ScreenSetup;
use crate::ui::terminal::guard::{KeyReporting, TerminalGuard};
use crate::ui::terminal::reader::ReaderEvent;
use crate::ui::view::{self, DrawResult, LiveStatus, ScreenState};

/// How long the first drawing waits for what the terminal says of its keys: what it is asked must not come
/// into the middle of a drawing.
const ANSWER_WITHIN: Duration = Duration::from_millis(100);

/// The whole life of the thread.
pub(super) fn run(
    setup: ScreenSetup,
    news: &Receiver<io::Result<ReaderEvent>>,
    (grip, keys): (&TerminalGuard, KeyReporting),
) -> io::Result<()> {
    let mut last = HangUpGuard { commands: setup.commands.clone(), reason: EndReason::User };
    let ended = Renderer::new(setup, grip).and_then(|mut painter| {
        match keys {
            KeyReporting::Typed => {}
            KeyReporting::Held => painter.read(news, ANSWER_WITHIN)?,
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
struct HangUpGuard {
    commands: mpsc::Sender<UserCommand>,
    reason: EndReason,
}

impl Drop for HangUpGuard {
    fn drop(&mut self) {
        // Full or closed: then the call is about to end anyway.
        let _ = self.commands.try_send(UserCommand::HangUp(self.reason.clone()));
    }
}

struct Renderer<'a> {
    setup: ScreenSetup,
    grip: &'a TerminalGuard,
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    model: Model,
    editor: Editor,
    pace: DrawThrottle,
    /// What was last asked for of keys, where the terminal knows such requests.
    keys: Option<KeyReporting>,
    /// Commands that the session could not take yet.
    waiting: VecDeque<UserCommand>,
    is_orphaned: bool,
}

impl<'a> Renderer<'a> {
    fn new(setup: ScreenSetup, grip: &'a TerminalGuard) -> io::Result<Self> {
        let backend = CrosstermBackend::new(BufWriter::new(io::stdout()));
        let model = setup.model.borrow().clone();
        Ok(Self {
            setup,
            grip,
            terminal: Terminal::new(backend)?,
            model,
            editor: Editor::default(),
            pace: DrawThrottle::default(),
            keys: None,
            waiting: VecDeque::new(),
            is_orphaned: false,
        })
    }

    fn run(&mut self, news: &Receiver<io::Result<ReaderEvent>>) -> io::Result<()> {
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
    fn read(&mut self, news: &Receiver<io::Result<ReaderEvent>>, patience: Duration) -> io::Result<()> {
        let mut next = news.recv_timeout(patience);
        loop {
            match next {
                Ok(news) => match news? {
                    ReaderEvent::Releases(releases) => self.learn(releases),
                    ReaderEvent::Event(event) => self.take(event)?,
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

    fn glance(&self) -> LiveStatus {
        LiveStatus {
            now: (self.setup.clock)(),
            input_dbfs: (self.setup.input_level)(),
            output_dbfs: (self.setup.output_level)(),
        }
    }

    fn draw(&mut self, glance: LiveStatus) -> io::Result<()> {
        let grip = self.grip;
        grip.while_held(|| Some(self.draw_frame(&glance))).transpose()?;
        self.pace.drawn(&glance);
        Ok(())
    }

    fn draw_frame(&mut self, glance: &LiveStatus) -> io::Result<()> {
        if std::mem::take(&mut self.editor.repaint) {
            self.repaint()?;
        }
        let scene = ScreenState {
            model: &self.model,
            editor: &self.editor,
            glance: *glance,
            theme: &self.setup.theme,
        };
        let mut drawn = DrawResult::default();
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

    fn learn(&mut self, releases: ReleaseEvents) {
        self.editor.talk_key.learn(releases);
        self.keys = match releases {
            ReleaseEvents::Told => Some(KeyReporting::Held),
            ReleaseEvents::Unsupported => None,
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
        let wanted = if makes_turns { KeyReporting::Held } else { KeyReporting::Typed };
        if self.keys.is_some_and(|keys| keys != wanted) {
            self.keys = Some(wanted);
            self.grip.while_held(|| Some(wanted.ask())).transpose()?;
        }
        Ok(())
    }

    fn take(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::Key(key) => {
                let now = (self.setup.clock)();
                self.waiting.extend(keys::command(now, &key, &self.model, &mut self.editor));
                if std::mem::take(&mut self.editor.suspend) {
                    self.grip.suspend(self.keys.unwrap_or(KeyReporting::Typed))?;
                    self.editor.repaint = true;
                }
            }
            Event::Paste(text) => self.editor.paste(&text),
            // Whoever looks elsewhere may let go of the key there.
            Event::FocusLost => self.waiting.extend(self.editor.talk_key.let_go()),
            Event::FocusGained | Event::Resize(..) => {}
            // The mouse is not asked for.
            Event::Mouse(_) => return Ok(()),
        }
        self.pace.touch();
        Ok(())
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
