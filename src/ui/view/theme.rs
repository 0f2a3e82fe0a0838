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
    /// How much moves.
    pub motion: ScreenMotion,
}

/// How much of a screen moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScreenMotion {
    /// Meters follow the level; wide screens show a wave.
    Normal,
    /// Meters change twice a second; no wave.
    Calm,
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

    /// Returns the theme for a dark background, in bright colors.
    pub fn dark() -> Self {
        let bold = Style::new().add_modifier(Modifier::BOLD);
        Self {
            user: Style::new().fg(Color::LightCyan),
            assistant: Style::new().fg(Color::LightGreen),
            dim: Style::new().fg(Color::Gray),
            live: bold.fg(Color::LightGreen),
            error: bold.fg(Color::LightRed),
            ..Self::colored()
        }
    }

    /// Returns the theme for a light background, in dark colors.
    pub fn light() -> Self {
        let bold = Style::new().add_modifier(Modifier::BOLD);
        Self {
            user: Style::new().fg(Color::Blue),
            assistant: Style::new().fg(Color::Magenta),
            dim: Style::new().fg(Color::DarkGray),
            live: bold.fg(Color::Blue),
            error: bold.fg(Color::Red),
            ..Self::colored()
        }
    }

    /// Returns the theme of highest contrast: nothing is dim, states are reversed.
    pub fn contrast() -> Self {
        let reversed = Style::new().add_modifier(Modifier::BOLD | Modifier::REVERSED);
        Self {
            dim: Style::new(),
            live: reversed,
            error: reversed,
            unplayed: Style::new().add_modifier(Modifier::CROSSED_OUT),
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
            motion: ScreenMotion::Normal,
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
    fn the_contrast_theme_has_neither_colors_nor_dim_text() {
        let theme = Theme::contrast();
        let styles = [theme.user, theme.assistant, theme.dim, theme.live, theme.muted, theme.error];
        for style in styles.into_iter().chain([theme.strong, theme.unplayed]) {
            assert_eq!((style.fg, style.bg), (None, None));
            assert!(!style.add_modifier.contains(Modifier::DIM), "{style:?}");
        }
    }

    #[test]
    fn no_color_means_no_colour_unless_it_is_empty() {
        assert_eq!(Theme::for_no_color(Some(OsStr::new("1"))), Theme::plain());
        assert_eq!(Theme::for_no_color(Some(OsStr::new(""))), Theme::colored());
        assert_eq!(Theme::for_no_color(None), Theme::colored());
    }
}
