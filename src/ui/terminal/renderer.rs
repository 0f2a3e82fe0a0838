//! Drawing thread: owns the editor state and draws the latest model.

use std::collections::VecDeque;
use std::io::{self, BufWriter, Stdout, Write};
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use crossterm::event::Event;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::session::io::{EndReason, TurnState, UserCommand};
use crate::ui::draw_throttle::DrawThrottle;
use crate::ui::input::editor::DrawResult;
use crate::ui::input::editor::Editor;
use crate::ui::input::keys;
use crate::ui::input::push_to_talk::ReleaseEvents;
use crate::ui::input::recall::QuestionHistory;
use crate::ui::model::Model;
use crate::ui::output::copy;
use crate::ui::terminal::ScreenSetup;
use crate::ui::terminal::guard::{KeyReporting, TerminalGuard};
use crate::ui::terminal::hidden_pane::HiddenPane;
use crate::ui::terminal::reader::{ReaderEvent, ReaderEvents};
use crate::ui::view;
use crate::ui::view::conversation::ConversationLayout;
use crate::ui::view::meter::ballistics::MeterBallistics;
use crate::ui::view::meter::wave::Wave;
use crate::ui::view::state::{LiveStatus, ScreenState};
use crate::ui::view::theme::ScreenMotion;

/// How long the first frame waits for the terminal's answer about key events: the query must not end up within
/// a frame.
const QUERY_TIMEOUT: Duration = Duration::from_millis(100);

/// Interval of the meters on a calm screen.
const CALM_INTERVAL: Duration = Duration::from_millis(500);

/// Runs the thread.
pub(super) fn run(
    setup: ScreenSetup,
    events: &ReaderEvents,
    (guard, keys): (&TerminalGuard, KeyReporting),
) -> io::Result<()> {
    let mut hang_up = HangUpGuard { commands: setup.pane.commands.clone(), reason: EndReason::User };
    let ended = Renderer::new(setup, guard).and_then(|mut renderer| {
        match keys {
            KeyReporting::Typed => {}
            KeyReporting::Held => renderer.read(events, QUERY_TIMEOUT)?,
        }
        let ended = renderer.run(events);
        renderer.record_draft();
        ended
    });
    if ended.as_ref().is_err_and(is_hangup) {
        hang_up.reason = EndReason::Signal(SIGHUP);
    }
    guard.release();
    ended
}

/// Signal number of a terminal hang-up.
const SIGHUP: i32 = 1;

/// Returns whether the terminal has hung up. The write may fail before the signal arrives, or instead of it if
/// the program is not in the foreground.
#[cfg(unix)]
fn is_hangup(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
}

#[cfg(not(unix))]
fn is_hangup(_: &io::Error) -> bool {
    false
}

/// Ends the call when the thread ends, also by a panic: a call cannot continue without its screen.
struct HangUpGuard {
    commands: mpsc::Sender<UserCommand>,
    reason: EndReason,
}

impl Drop for HangUpGuard {
    fn drop(&mut self) {
        // If it is full or closed, the call is ending anyway.
        let _ = self.commands.try_send(UserCommand::HangUp(self.reason.clone()));
    }
}

struct Renderer<'a> {
    setup: ScreenSetup,
    guard: &'a TerminalGuard,
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    model: Model,
    /// The session that is not shown.
    other: Option<HiddenPane>,
    editor: Editor,
    conversation: ConversationLayout,
    /// Meters of the microphone and the speaker.
    meters: [MeterBallistics; 2],
    wave: Wave,
    /// Status when the meters were last read.
    metered: Option<LiveStatus>,
    throttle: DrawThrottle,
    /// Key events last requested; none without support.
    keys: Option<KeyReporting>,
    /// Commands that the session could not accept yet.
    waiting: VecDeque<UserCommand>,
    is_disconnected: bool,
}

impl<'a> Renderer<'a> {
    fn new(mut setup: ScreenSetup, guard: &'a TerminalGuard) -> io::Result<Self> {
        let history = QuestionHistory::new(std::mem::take(&mut setup.history));
        let backend = CrosstermBackend::new(BufWriter::new(io::stdout()));
        let model = setup.pane.model.borrow().clone();
        let other = setup.other.take().map(|pane| HiddenPane::new(pane, &history));
        Ok(Self {
            guard,
            terminal: Terminal::new(backend)?,
            editor: Editor {
                history,
                language: model.info.language,
                keys: Arc::clone(&setup.keys),
                ..Editor::default()
            },
            model,
            other,
            conversation: ConversationLayout::default(),
            meters: <[MeterBallistics; 2]>::default(),
            wave: Wave::default(),
            metered: None,
            throttle: DrawThrottle::default(),
            keys: None,
            waiting: VecDeque::new(),
            is_disconnected: false,
            setup,
        })
    }

    fn run(&mut self, events: &ReaderEvents) -> io::Result<()> {
        while self.guard.is_active() && !self.is_disconnected {
            self.update_model();
            let live = self.live_status();
            if self.throttle.is_due(&live) {
                self.draw(live)?;
            }
            self.read(events, self.throttle.wait(live.now))?;
            self.update_key_reporting()?;
            self.send_commands();
        }
        Ok(())
    }

    /// Waits for a key event and handles all that are pending.
    fn read(&mut self, events: &ReaderEvents, timeout: Duration) -> io::Result<()> {
        let mut next = events.events.recv_timeout(timeout);
        loop {
            match next {
                Ok(event) => match event? {
                    ReaderEvent::Releases(releases) => self.observe_releases(releases),
                    ReaderEvent::Event(event) => self.handle(event, events)?,
                },
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => {
                    self.is_disconnected = true;
                    return Ok(());
                }
            }
            next = events.events.recv_timeout(Duration::ZERO);
        }
    }

    /// Takes the latest model; drawing happens after the lock is released.
    fn update_model(&mut self) {
        match self.setup.pane.model.has_changed() {
            Ok(true) => {
                self.model = self.setup.pane.model.borrow_and_update().clone();
                self.throttle.mark_changed();
            }
            Ok(false) => {}
            Err(_) => self.is_disconnected = true,
        }
        if self.other.as_mut().is_some_and(HiddenPane::update) {
            self.throttle.mark_changed();
        }
    }

    /// Shows the other session, with its own text, scroll position and commands that wait.
    fn switch_mode(&mut self) {
        let Some(mut other) = self.other.take() else { return };
        self.editor.close_overlays();
        self.waiting.extend(self.editor.push_to_talk.cancel());
        std::mem::swap(&mut self.setup.pane, &mut other.pane);
        std::mem::swap(&mut self.model, &mut other.model);
        std::mem::swap(&mut self.editor, &mut other.editor);
        std::mem::swap(&mut self.conversation, &mut other.conversation);
        std::mem::swap(&mut self.waiting, &mut other.waiting);
        other.hide();
        self.other = Some(other);
        self.throttle.mark_changed();
    }

    /// Queues a command for its session: the microphone and the connection of a call are the call's, whatever is
    /// shown.
    fn queue(&mut self, command: UserCommand) {
        let is_of_call = matches!(command, UserCommand::SwitchCall | UserCommand::SetMuted(_));
        match &mut self.other {
            Some(other) if is_of_call && self.model.info.text_only => other.waiting.push_back(command),
            Some(_) | None => self.waiting.push_back(command),
        }
    }

    fn live_status(&mut self) -> LiveStatus {
        let now = (self.setup.clock)();
        let is_calm = self.setup.theme.motion == ScreenMotion::Calm;
        if let Some(metered) = self.metered.filter(|metered| is_calm && now < metered.now + CALM_INTERVAL) {
            return LiveStatus { now, ..metered };
        }
        let is_speech = self.call().turn == TurnState::User;
        let [input, output] = &mut self.meters;
        let input = input.update(now, (self.setup.input_level)(), is_speech);
        let output = output.update(now, (self.setup.output_level)(), false);
        if !is_calm {
            self.wave.update(now, input, output);
        }
        *self.metered.insert(LiveStatus { now, input, output, wave: self.wave })
    }

    /// Returns the session that the microphone belongs to.
    fn call(&self) -> &Model {
        let other = self.other.as_ref().filter(|_| self.model.info.text_only);
        other.map_or(&self.model, |other| &other.model)
    }

    fn draw(&mut self, live: LiveStatus) -> io::Result<()> {
        let guard = self.guard;
        guard.while_held(|| Some(self.draw_frame(&live))).transpose()?;
        self.throttle.drawn(&live);
        Ok(())
    }

    fn draw_frame(&mut self, live: &LiveStatus) -> io::Result<()> {
        if std::mem::take(&mut self.editor.repaint) {
            self.repaint()?;
        }
        let scene = ScreenState {
            model: &self.model,
            editor: &self.editor,
            live: *live,
            theme: &self.setup.theme,
            other: self.other.as_ref().map(HiddenPane::status),
        };
        let mut drawn = DrawResult::default();
        let conversation = &mut self.conversation;
        self.terminal.draw(|frame| drawn = view::draw(frame, &scene, conversation))?;
        self.editor.apply(&drawn);
        Ok(())
    }

    /// Clears the screen, so that the next frame writes every cell.
    ///
    /// `Terminal::clear` also queries the cursor position. The reader thread would take the answer, so the
    /// query would time out and end the call.
    fn repaint(&mut self) -> io::Result<()> {
        let size = self.terminal.size()?;
        self.terminal.resize(size.into())
    }

    fn observe_releases(&mut self, releases: ReleaseEvents) {
        self.editor.push_to_talk.observe_releases(releases);
        self.keys = match releases {
            ReleaseEvents::Supported => Some(KeyReporting::Held),
            ReleaseEvents::Unsupported => None,
        };
        self.throttle.mark_changed();
    }

    /// Ends a stuck hold, and switches to text input while text is being typed.
    fn update_key_reporting(&mut self) -> io::Result<()> {
        if let Some(command) = keys::tick((self.setup.clock)(), &mut self.editor) {
            self.waiting.push_back(command);
            self.throttle.mark_changed();
        }
        let is_push_to_talk =
            self.model.info.manual_turns && (self.editor.is_empty() || self.editor.push_to_talk.is_held());
        let requested = if is_push_to_talk { KeyReporting::Held } else { KeyReporting::Typed };
        if self.keys.is_some_and(|keys| keys != requested) {
            self.keys = Some(requested);
            self.guard.while_held(|| Some(requested.request())).transpose()?;
        }
        Ok(())
    }

    fn handle(&mut self, event: Event, events: &ReaderEvents) -> io::Result<()> {
        match event {
            Event::Key(key) => {
                let now = (self.setup.clock)();
                let mut command = keys::command(now, &key, &self.model, &mut self.editor);
                // The text session does not know whether the microphone is muted.
                if let (Some(UserCommand::SetMuted(muted)), true) = (&mut command, self.model.info.text_only)
                {
                    *muted = !self.call().muted;
                }
                command.into_iter().for_each(|command| self.queue(command));
                if std::mem::take(&mut self.editor.switch_mode) {
                    self.switch_mode();
                }
                if std::mem::take(&mut self.editor.suspend) {
                    self.guard.suspend(self.keys.unwrap_or(KeyReporting::Typed))?;
                    self.editor.repaint = true;
                }
                let edited = self.perform_requests();
                if keys::lends_terminal(&key, &self.setup.keys) {
                    // The reader ends with the screen.
                    let _ = events.resume.send(());
                }
                edited?;
            }
            Event::Paste(text) => self.editor.paste(&text),
            // The release may happen outside this window.
            Event::FocusLost => self.waiting.extend(self.editor.push_to_talk.cancel()),
            Event::FocusGained | Event::Resize(..) => {}
            // Mouse events are not requested.
            Event::Mouse(_) => return Ok(()),
        }
        self.throttle.mark_changed();
        Ok(())
    }

    /// Performs what a key has requested, other than commands.
    fn perform_requests(&mut self) -> io::Result<()> {
        if let Some(text) = self.editor.to_record.take() {
            (self.setup.record)(&text);
        }
        if let Some(prefix) = self.editor.to_complete.take() {
            self.editor.complete(&prefix, &(self.setup.list_files)(&prefix));
        }
        if let Some(text) = self.editor.to_copy.take() {
            self.guard.while_held(|| Some(write_sequence(&copy::sequence(&text)))).transpose()?;
        }
        if std::mem::take(&mut self.editor.edit_externally) {
            let (text, edit) = (self.editor.area.text(), self.setup.edit);
            let keys = self.keys.unwrap_or(KeyReporting::Typed);
            match self.guard.lend(keys, || edit(&text))? {
                Ok(edited) => self.editor.area.set(&edited),
                Err(error) => self.editor.note = Some(error),
            }
            self.editor.repaint = true;
        }
        Ok(())
    }

    /// Records a text that was not sent, so that it is not lost when the session ends.
    fn record_draft(&mut self) {
        self.record_typed();
        self.switch_mode();
        self.record_typed();
    }

    fn record_typed(&mut self) {
        if self.editor.take().is_some()
            && let Some(text) = self.editor.to_record.take()
        {
            (self.setup.record)(&text);
        }
    }

    fn send_commands(&mut self) {
        let own = (&mut self.waiting, &self.setup.pane.commands);
        let other = self.other.as_mut().map(|other| (&mut other.waiting, &other.pane.commands));
        for (waiting, commands) in [own].into_iter().chain(other) {
            while let Some(command) = waiting.pop_front() {
                match commands.try_send(command) {
                    Ok(()) => {}
                    Err(TrySendError::Full(command)) => {
                        waiting.push_front(command);
                        break;
                    }
                    Err(TrySendError::Closed(_)) => self.is_disconnected = true,
                }
            }
        }
    }
}

fn write_sequence(sequence: &str) -> io::Result<()> {
    let mut terminal = io::stdout().lock();
    terminal.write_all(sequence.as_bytes())?;
    terminal.flush()
}
