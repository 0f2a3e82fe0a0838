//! Tests of the languages: complete, translated, each in its own script.

use super::*;
use crate::keys::action::ACTIONS;
use crate::session::io::info::InfoMessage;

/// Texts that are the same in all languages.
const SHARED: [&str; 1] = ["tokens_short"];

/// Words in Chinese texts that are no English: names of keys, units, terms, and variables.
const WORDS: [&str; 23] = [
    "ms", "Alt", "C", "JSON", "P", "Space", "T", "Ctrl", "D", "EDITOR", "Enter", "Esc", "J", "Markdown", "R",
    "Shift", "VISUAL", "off", "p50", "p95", "tok", "token", "dB",
];

#[test]
fn the_locale_chooses_the_language() {
    use UiLanguage::{English, Simplified, Traditional};
    for (values, expected) in [
        ([None, None, Some("zh_TW.UTF-8")], Traditional),
        ([None, None, Some("zh_HK")], Traditional),
        ([None, Some("zh_MO.utf8"), Some("en_US.UTF-8")], Traditional),
        ([None, None, Some("zh-Hant")], Traditional),
        ([None, None, Some("zh_Hant_TW.UTF-8")], Traditional),
        ([None, None, Some("zh_CN.UTF-8")], Simplified),
        ([None, None, Some("zh_SG.UTF-8@pinyin")], Simplified),
        ([None, None, Some("zh-Hans")], Simplified),
        ([None, None, Some("zh")], Simplified),
        ([Some("C.UTF-8"), Some("zh_TW.UTF-8"), Some("zh_TW.UTF-8")], English),
        ([Some(""), Some(""), Some("zh_TW.UTF-8")], Traditional),
        ([None, None, Some("de_DE.UTF-8")], English),
        ([None, None, Some("zh_TW.Big5")], English),
        ([None, None, Some("POSIX")], English),
        ([None, None, None], English),
    ] {
        assert_eq!(UiLanguage::of_locale(values), expected, "{values:?}");
    }
}

/// Each message for the user that has words of the program.
fn messages() -> Vec<InfoMessage> {
    let name = || "7".to_owned();
    vec![
        InfoMessage::NothingToRepeat,
        InfoMessage::NothingToEdit,
        InfoMessage::Cleared,
        InfoMessage::AnswerInProgress,
        InfoMessage::Model(name()),
        InfoMessage::Voice(name()),
        InfoMessage::LaterVoice(name()),
        InfoMessage::AlwaysSpoken,
        InfoMessage::AnswersSpoken,
        InfoMessage::AnswersWritten,
        InfoMessage::UnknownCost,
        InfoMessage::MostlySpent(name(), name()),
        InfoMessage::TextAttached,
        InfoMessage::ImageAttached(name()),
        InfoMessage::MutedTurn,
        InfoMessage::ShortTurn,
        InfoMessage::NoOutput,
        InfoMessage::LastCaption,
        InfoMessage::Refused,
        InfoMessage::Kept(name()),
    ]
}

/// Returns all texts of a language with their names.
fn texts(language: UiLanguage) -> Vec<(&'static str, String)> {
    let strings = language.strings();
    let actions = ACTIONS.iter().map(|spec| (spec.name, (strings.help.action)(spec.action)));
    let messages = messages().into_iter().map(|message| ("info", (strings.notes.info)(&message)));
    strings.texts().into_iter().chain(actions).chain(messages).collect()
}

#[test]
fn each_text_is_translated() {
    let english = texts(UiLanguage::English);
    for language in [UiLanguage::Traditional, UiLanguage::Simplified] {
        let texts = texts(language);
        for ((name, text), (_, english)) in texts.iter().zip(&english) {
            assert!(!text.is_empty(), "{language:?} {name}");
            assert!(text != english || SHARED.contains(name), "{language:?} {name}: {text}");
        }
    }
}

/// Returns the words of a text in Latin letters, apart from commands, flags and file extensions.
fn latin_words(text: &str) -> Vec<String> {
    let is_latin = |character: char| character.is_ascii_alphanumeric() || "/-._$".contains(character);
    let words = text.split(|character: char| !is_latin(character));
    let words = words.filter(|word| !word.starts_with(['/', '.']) && !word.starts_with("--"));
    let parts = words.flat_map(|word| word.split(['/', '-', '.', '_', '$']));
    parts
        .filter(|word| word.contains(|letter: char| letter.is_ascii_alphabetic()))
        .map(str::to_owned)
        .collect()
}

#[test]
fn no_english_words_are_left_in_chinese() {
    for language in [UiLanguage::Traditional, UiLanguage::Simplified] {
        for (name, text) in texts(language) {
            for word in latin_words(&text) {
                assert!(WORDS.contains(&word.as_str()), "{language:?} {name}: {word} in {text}");
            }
        }
    }
    assert!(texts(UiLanguage::English).iter().all(|(_, text)| !text.contains('的')));
    assert_eq!(latin_words("搜尋 /find；Ctrl-R 更早 (--idle, .md)"), ["Ctrl", "R"]);
}

#[test]
fn each_chinese_text_is_in_its_own_script() {
    for (name, text) in texts(UiLanguage::Traditional) {
        // Of these words, two ways to write them are usual.
        let converted = hanconv::s2tw(&text).replace("迴音", "回音").replace("遊標", "游標");
        assert_eq!(converted, text, "{name}");
    }
    for (name, text) in texts(UiLanguage::Simplified) {
        assert_eq!(hanconv::t2s(&text), text, "{name}");
    }
}

#[test]
fn traditional_texts_use_the_words_of_taiwan() {
    let mainland =
        ["軟件", "服務器", "網絡", "默認", "信息", "文件", "程序", "菜單", "鼠標", "屏幕", "音頻", "設備"];
    for (name, text) in texts(UiLanguage::Traditional) {
        for word in mainland {
            assert!(!text.contains(word), "{name}: {text}");
        }
    }
}
