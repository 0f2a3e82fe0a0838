//! A screen that is drawn until a key chooses something.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::backend::CrosstermBackend;
use ratatui::{Frame, Terminal};

use crate::ui::terminal::guard::{KeyReporting, TerminalGuard, restore_on_panic};
use crate::ui::terminal::reader::{self, ReaderEvent};
use crate::ui::terminal::{ScreenError, ScreenTimeout, join_in_time};

/// Interval of redrawing.
const FRAME: Duration = Duration::from_millis(100);

/// Stands for the keys that leave a screen: Esc, Ctrl-C, Ctrl-D and Ctrl-Q.
pub const LEAVE: char = '\u{1b}';

/// What is drawn, and what keys choose.
pub trait Menu<T> {
    /// Draws the screen. Returns none when the menu is to be closed without a choice.
    fn draw(&mut self, frame: &mut Frame) -> Option<()>;

    /// Returns what a key chooses: a letter, `\n` for Enter, or [`LEAVE`].
    fn choose(&self, key: char) -> Option<T>;
}

/// Shows a menu until a key chooses something or the menu closes itself. Blocks.
///
/// # Errors
///
/// Errors of the terminal or the system. The terminal is restored.
pub fn show<T>(menu: &mut impl Menu<T>) -> Result<Option<T>, ScreenError> {
    let guard = Arc::new(TerminalGuard::default());
    restore_on_panic(Arc::clone(&guard));
    guard.acquire(KeyReporting::Typed).map_err(ScreenError::Terminal)?;
    let chosen = run(menu, &guard);
    guard.release();
    chosen
}

fn run<T>(menu: &mut impl Menu<T>, guard: &Arc<TerminalGuard>) -> Result<Option<T>, ScreenError> {
    let backend = CrosstermBackend::new(io::BufWriter::new(io::stdout()));
    let mut terminal = Terminal::new(backend).map_err(ScreenError::Terminal)?;
    let (reader, events) =
        reader::start(Arc::clone(guard), (KeyReporting::Typed, None)).map_err(ScreenError::Thread)?;
    let chosen = loop {
        let mut is_open = None;
        terminal.draw(|frame| is_open = menu.draw(frame)).map_err(ScreenError::Terminal)?;
        if is_open.is_none() {
            break None;
        }
        match events.events.recv_timeout(FRAME) {
            Ok(Ok(ReaderEvent::Event(Event::Key(key)))) if key.kind != KeyEventKind::Release => {
                if let Some(choice) = character(&key).and_then(|key| menu.choose(key)) {
                    break Some(choice);
                }
            }
            Ok(Ok(ReaderEvent::Event(_) | ReaderEvent::Releases(_))) | Err(RecvTimeoutError::Timeout) => {}
            Ok(Err(error)) => return Err(ScreenError::Terminal(error)),
            Err(RecvTimeoutError::Disconnected) => break None,
        }
    };
    guard.stop_drawing();
    reader::wake();
    // The next screen reads keys itself.
    let _ = join_in_time(reader, ScreenTimeout::Normal);
    Ok(chosen)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "crossterm knows more keys than mean something here")]
fn character(key: &KeyEvent) -> Option<char> {
    let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Esc => Some(LEAVE),
        KeyCode::Char('c' | 'd' | 'q') if is_control => Some(LEAVE),
        KeyCode::Enter => Some('\n'),
        KeyCode::Char(letter) if !is_control => Some(letter.to_ascii_lowercase()),
        _ => None,
    }
}
