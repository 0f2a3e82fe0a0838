//! Keys of a panel, and what they lead to.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::session::io::UserCommand;
use crate::ui::input::panels::kind::PanelKind;

/// A key while a panel is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PanelKey {
    /// One row up.
    Up,
    /// One row down.
    Down,
    /// Several rows up.
    PageUp,
    /// Several rows down.
    PageDown,
    /// The first row.
    Home,
    /// The last row.
    End,
    /// The value before.
    Left,
    /// The value after.
    Right,
    /// Choose the row.
    Enter,
    /// Leave.
    Esc,
    /// Delete the last character of a filter.
    Backspace,
    /// A character.
    Type(char),
}

impl PanelKey {
    /// Returns the key of an event; none if it means nothing in a panel.
    #[expect(clippy::wildcard_enum_match_arm, reason = "crossterm knows more keys than mean something here")]
    pub fn of(key: &KeyEvent) -> Option<Self> {
        Some(match key.code {
            KeyCode::Up => Self::Up,
            KeyCode::Down | KeyCode::Tab => Self::Down,
            KeyCode::PageUp => Self::PageUp,
            KeyCode::PageDown => Self::PageDown,
            KeyCode::Home => Self::Home,
            KeyCode::End => Self::End,
            KeyCode::Left => Self::Left,
            KeyCode::Right => Self::Right,
            KeyCode::Enter => Self::Enter,
            KeyCode::Esc => Self::Esc,
            KeyCode::Backspace => Self::Backspace,
            KeyCode::Char(character) if !key.modifiers.contains(KeyModifiers::CONTROL) => {
                Self::Type(character)
            }
            _ => return None,
        })
    }
}

/// What a key in a panel leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PanelEffect {
    /// Nothing but a change of the panel.
    None,
    /// Close the panel.
    Close,
    /// Show another panel.
    Open(PanelKind),
    /// Close the panel and press this key.
    Press(KeyCode, KeyModifiers),
    /// Close the panel and put this text into the composer.
    Compose(String),
    /// Close the panel and carry out this command.
    Submit(String),
    /// Send commands; the panel stays.
    Send(Vec<UserCommand>),
    /// Send commands and close the panel.
    SendAndClose(Vec<UserCommand>),
    /// Show the JSON of this event.
    ShowEvent(u64),
}
