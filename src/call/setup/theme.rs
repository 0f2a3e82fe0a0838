//! Converts the display settings to the theme and the language of the interface.

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
