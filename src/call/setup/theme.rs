//! Converts the display settings to the theme of a screen.

use clap::ValueEnum;

use crate::call::streams::standard::charset;
use crate::cli::display::DisplayArgs;
use crate::config::values::ThemeSetting;
use crate::ui::view::theme::{ScreenMotion, Theme};

/// Returns the theme of the settings, or of the environment.
pub(crate) fn theme(display: &DisplayArgs) -> Theme {
    let theme = match display.theme {
        ThemeSetting::Auto => Theme::for_no_color(std::env::var_os("NO_COLOR").as_deref()),
        ThemeSetting::Dark => Theme::dark(),
        ThemeSetting::Light => Theme::light(),
        ThemeSetting::Contrast => Theme::contrast(),
        ThemeSetting::None => Theme::plain(),
    };
    let motion = if display.calm { ScreenMotion::Calm } else { ScreenMotion::Normal };
    Theme { charset: charset(), motion, ..theme }
}

/// Returns the name of the theme of the settings.
pub(crate) fn name(display: &DisplayArgs) -> String {
    display.theme.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

/// Returns the theme of a name; of an unknown one, that of the settings.
pub(crate) fn named(name: &str, display: &DisplayArgs) -> Theme {
    let named = ThemeSetting::from_str(name, false).unwrap_or(display.theme);
    theme(&DisplayArgs { theme: named, ..display.clone() })
}
