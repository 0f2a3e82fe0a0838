//! Theme: colours and emphasis, in the terminal's own palette.

use std::ffi::OsStr;

use ratatui::style::{Color, Modifier, Style};

use crate::markdown::ansi::ColorLevel;
use crate::ui::text::charset::Charset;

/// Style of each kind of element. No state is shown by style alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theme {
    /// Bar and name of the user.
    pub user: Style,
    /// Bar and name of the assistant.
    pub assistant: Style,
    /// Less important text.
    pub dim: Style,
    /// Open microphone.
    pub live: Style,
    /// Muted microphone.
    pub muted: Style,
    /// Errors.
    pub error: Style,
    /// Keys and important text.
    pub strong: Style,
    /// Generated but unplayed text.
    pub unplayed: Style,
    /// Colors of Markdown.
    pub colors: ColorLevel,
    /// Characters of lines and bars.
    pub charset: Charset,
}

impl Theme {
    /// Returns the theme with colours.
    pub fn colored() -> Self {
        let bold = Style::new().add_modifier(Modifier::BOLD);
        Self {
            user: Style::new().fg(Color::Cyan),
            assistant: Style::new().fg(Color::Green),
            live: bold.fg(Color::Green),
            error: bold.fg(Color::Red),
            colors: ColorLevel::Ansi,
            ..Self::plain()
        }
    }

    /// Returns the theme without colours; bold, dim and struck-out remain.
    pub fn plain() -> Self {
        let bold = Style::new().add_modifier(Modifier::BOLD);
        Self {
            user: Style::new(),
            assistant: Style::new(),
            dim: Style::new().add_modifier(Modifier::DIM),
            live: bold,
            muted: bold.add_modifier(Modifier::REVERSED),
            error: bold,
            strong: bold,
            unplayed: Style::new().add_modifier(Modifier::DIM | Modifier::CROSSED_OUT),
            colors: ColorLevel::Monochrome,
            charset: Charset::Unicode,
        }
    }

    /// Returns the theme for a value of `NO_COLOR`: any but the empty one takes the colours away.
    pub fn for_no_color(value: Option<&OsStr>) -> Self {
        match value {
            Some(value) if !value.is_empty() => Self::plain(),
            Some(_) | None => Self::colored(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_color_means_no_colour_unless_it_is_empty() {
        assert_eq!(Theme::for_no_color(Some(OsStr::new("1"))), Theme::plain());
        assert_eq!(Theme::for_no_color(Some(OsStr::new(""))), Theme::colored());
        assert_eq!(Theme::for_no_color(None), Theme::colored());
    }
}
