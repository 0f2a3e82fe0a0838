//! Converts the display settings to the theme and the language of the interface.

use clap::ValueEnum;

use crate::call::streams::standard::charset;
use crate::cli::display::DisplayArgs;
use crate::config::values::{ThemeSetting, UiLanguageSetting};
use crate::ui::text::language::UiLanguage;
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

/// Returns what chooses a theme by its name; for an unknown name, that of the settings.
pub(crate) fn by_name(display: &DisplayArgs) -> Box<dyn Fn(&str) -> Theme + Send> {
    let display = display.clone();
    Box::new(move |name| {
        let named = ThemeSetting::from_str(name, false).unwrap_or(display.theme);
        theme(&DisplayArgs { theme: named, ..display.clone() })
    })
}

/// Returns the language of the settings, or of the locale.
pub(crate) fn language(display: &DisplayArgs) -> UiLanguage {
    match display.ui_lang {
        UiLanguageSetting::Auto => {
            let values = ["LC_ALL", "LC_MESSAGES", "LANG"].map(|name| std::env::var(name).ok());
            UiLanguage::of_locale(values.each_ref().map(Option::as_deref))
        }
        UiLanguageSetting::En => UiLanguage::English,
        UiLanguageSetting::ZhTw => UiLanguage::Traditional,
        UiLanguageSetting::ZhCn => UiLanguage::Simplified,
    }
}
