//! Tests of the languages: complete, translated, each in its own script.

use super::*;

/// Texts that are the same in all languages.
const SHARED: [&str; 1] = ["tokens_short"];

/// Words in Chinese texts that are no English: names of keys, units, terms, and variables.
const WORDS: [&str; 22] = [
    "Alt", "C", "JSON", "P", "Space", "T", "Ctrl", "D", "EDITOR", "Enter", "Esc", "J", "Markdown", "R",
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

#[test]
fn each_text_is_translated() {
    let english = UiLanguage::English.strings().texts();
    for language in [UiLanguage::Traditional, UiLanguage::Simplified] {
        let texts = language.strings().texts();
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
        for (name, text) in language.strings().texts() {
            for word in latin_words(&text) {
                assert!(WORDS.contains(&word.as_str()), "{language:?} {name}: {word} in {text}");
            }
        }
    }
    assert!(UiLanguage::English.strings().texts().iter().all(|(_, text)| !text.contains('的')));
    assert_eq!(latin_words("搜尋 /find；Ctrl-R 更早 (--idle, .md)"), ["Ctrl", "R"]);
}

#[test]
fn each_chinese_text_is_in_its_own_script() {
    for (name, text) in UiLanguage::Traditional.strings().texts() {
        // Of these words, two ways to write them are usual.
        let converted = hanconv::s2tw(&text).replace("迴音", "回音").replace("遊標", "游標");
        assert_eq!(converted, text, "{name}");
    }
    for (name, text) in UiLanguage::Simplified.strings().texts() {
        assert_eq!(hanconv::t2s(&text), text, "{name}");
    }
}

#[test]
fn traditional_texts_use_the_words_of_taiwan() {
    let mainland =
        ["軟件", "服務器", "網絡", "默認", "信息", "文件", "程序", "菜單", "鼠標", "屏幕", "音頻", "設備"];
    for (name, text) in UiLanguage::Traditional.strings().texts() {
        for word in mainland {
            assert!(!text.contains(word), "{name}: {text}");
        }
    }
}
