//! Keys of a panel, and what they lead to.

use crate::session::io::UserCommand;

/// A key while a panel is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PanelKey {
    /// Choose another row.
    Move(ListMove),
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

/// A move in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListMove {
    /// One row up.
    Up,
    /// One row down.
    Down,
    /// Several rows up.
    PageUp,
    /// Several rows down.
    PageDown,
    /// To the first row.
    First,
    /// To the last row.
    Last,
}

/// What a key in a panel leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PanelEffect {
    /// Nothing but a change of the panel.
    None,
    /// Close the panel.
    Close,
    /// Close the panel and put this text into the composer.
    Compose(String),
    /// Send commands; the panel stays.
    Send(Vec<UserCommand>),
    /// Send commands and close the panel.
    SendAndClose(Vec<UserCommand>),
    /// Show the JSON of this event.
    ShowEvent(u64),
}
