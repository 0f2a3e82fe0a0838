//! Language of the interface: the screen, plain labels and the end of a call. Flags, JSON, logs and error messages
//! stay English, so that everyone can search for them.

mod english;
mod simplified;
pub mod strings;
mod traditional;

use crate::captions::chinese::ChineseScript;
use crate::ui::text::language::english::ENGLISH;
use crate::ui::text::language::simplified::SIMPLIFIED;
use crate::ui::text::language::strings::Strings;
use crate::ui::text::language::traditional::TRADITIONAL;

/// Language of the interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UiLanguage {
    /// English.
    #[default]
    English,
    /// Traditional Chinese, in the words of Taiwan.
    Traditional,
    /// Simplified Chinese.
    Simplified,
}

impl UiLanguage {
    /// All languages.
    pub const ALL: [Self; 3] = [Self::English, Self::Traditional, Self::Simplified];

    /// Returns the code of the settings.
    pub fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Traditional => "zh-TW",
            Self::Simplified => "zh-CN",
        }
    }

    /// Returns the language of a code.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.code() == code)
    }

    /// Returns the texts.
    pub fn strings(self) -> &'static Strings {
        match self {
            Self::English => &ENGLISH,
            Self::Traditional => &TRADITIONAL,
            Self::Simplified => &SIMPLIFIED,
        }
    }

    /// Chooses by the first of `LC_ALL`, `LC_MESSAGES` and `LANG` that is not empty; English for languages without
    /// texts, and if the locale names a character set without Chinese.
    pub fn of_locale<'a>(values: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        let locale = values.into_iter().flatten().find(|value| !value.is_empty()).unwrap_or_default();
        let locale = locale.split('@').next().unwrap_or_default();
        let (tag, codeset) = locale.split_once('.').unwrap_or((locale, "UTF-8"));
        if !["utf8", "utf-8"].contains(&codeset.to_ascii_lowercase().as_str()) {
            return Self::English;
        }
        match ChineseScript::of_language(tag) {
            Some(ChineseScript::Taiwan | ChineseScript::HongKong | ChineseScript::Traditional) => {
                Self::Traditional
            }
            Some(ChineseScript::Simplified) => Self::Simplified,
            None if tag.eq_ignore_ascii_case("zh") => Self::Simplified,
            None => Self::English,
        }
    }
}

#[cfg(test)]
mod tests;
