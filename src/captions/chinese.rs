//! Traditional and Simplified Chinese: which of them a language tag asks for, and converts text to it.
//!
//! Models often answer in Simplified Chinese whatever was asked for.

use std::borrow::Cow;

/// A way to write Chinese.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChineseScript {
    /// Traditional, as in Taiwan.
    Taiwan,
    /// Traditional, as in Hong Kong and Macau.
    HongKong,
    /// Traditional, of no particular place.
    Traditional,
    /// Simplified.
    Simplified,
}

/// Text is converted if more than one in this many of the characters that differ is of the other script.
const TOLERATED: usize = 3;

impl ChineseScript {
    /// Returns the script that a BCP 47 tag asks for; nothing for other languages and for a plain `zh`.
    pub fn of_language(tag: &str) -> Option<Self> {
        let tag = tag.to_ascii_lowercase().replace('_', "-");
        let mut parts = tag.split('-');
        if !matches!(parts.next()?, "zh" | "cmn" | "yue") {
            return None;
        }
        let parts: Vec<&str> = parts.collect();
        let has = |wanted: &[&str]| parts.iter().any(|part| wanted.contains(part));
        if has(&["hans"]) {
            return Some(Self::Simplified);
        }
        if has(&["hk", "mo"]) {
            return Some(Self::HongKong);
        }
        if has(&["tw"]) {
            return Some(Self::Taiwan);
        }
        if has(&["hant"]) {
            return Some(Self::Traditional);
        }
        has(&["cn", "sg", "my"]).then_some(Self::Simplified)
    }

    /// Returns a sentence in this script, for a prompt.
    pub fn sample(self) -> &'static str {
        match self {
            Self::Taiwan | Self::HongKong | Self::Traditional => "以下是繁體中文的字幕。",
            Self::Simplified => "以下是简体中文的字幕。",
        }
    }

    /// Returns a text in this script. Text that is in it as a whole, and text with kana, which is Japanese, stays as
    /// it is.
    pub fn convert(self, text: &str) -> Cow<'_, str> {
        if has_kana(text) || !self.is_foreign(text) {
            return Cow::Borrowed(text);
        }
        Cow::Owned(match self {
            Self::Taiwan => hanconv::s2tw(text),
            Self::HongKong => hanconv::s2hk(text),
            Self::Traditional => hanconv::s2t(text),
            Self::Simplified => hanconv::t2s(text),
        })
    }

    /// Returns whether much of the text is in the other script.
    fn is_foreign(self, text: &str) -> bool {
        let count = |differs: fn(&str) -> bool| {
            let mut buffer = [0; 4];
            text.chars()
                .filter(|character| is_han(*character) && differs(character.encode_utf8(&mut buffer)))
                .count()
        };
        let simplified = count(|character| hanconv::s2t(character) != character);
        let traditional = count(|character| hanconv::t2s(character) != character);
        let other = if self == Self::Simplified { traditional } else { simplified };
        other * TOLERATED > simplified + traditional
    }
}

fn is_han(character: char) -> bool {
    matches!(character, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
}

fn has_kana(text: &str) -> bool {
    text.chars().any(|character| matches!(character, '\u{3041}'..='\u{30fa}' | '\u{30fd}'..='\u{30ff}' | '\u{ff66}'..='\u{ff9d}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simplified_text_becomes_what_is_written_in_taiwan() {
        let text = "软件里面的头发干了，皇后在后面发现面条。";
        assert_eq!(ChineseScript::Taiwan.convert(text), "軟件裡面的頭髮幹了，皇后在後面發現麵條。");
    }

    #[test]
    fn traditional_text_becomes_simplified() {
        assert_eq!(ChineseScript::Simplified.convert("他們在圖書館裡讀書"), "他们在图书馆里读书");
    }

    #[test]
    fn text_in_the_wanted_script_is_not_touched() {
        for text in ["皇后在後面發現了麵條", "hello 123", "你好", ""] {
            assert!(
                matches!(ChineseScript::Taiwan.convert(text), Cow::Borrowed(same) if same == text),
                "{text}"
            );
        }
        // A quotation of one Simplified word among Traditional ones.
        let quoted = "這個詞「软」寫成簡體時讀者會覺得奇怪";
        assert_eq!(ChineseScript::Taiwan.convert(quoted), quoted);
    }

    #[test]
    fn japanese_is_never_converted() {
        let text = "国会で図書館の学生が会う";
        for script in [
            ChineseScript::Taiwan,
            ChineseScript::HongKong,
            ChineseScript::Traditional,
            ChineseScript::Simplified,
        ] {
            assert_eq!(script.convert(text), text);
        }
    }

    #[test]
    fn language_tags_ask_for_a_script() {
        let cases = [
            ("zh-TW", Some(ChineseScript::Taiwan)),
            ("zh_tw", Some(ChineseScript::Taiwan)),
            ("zh-Hant-TW", Some(ChineseScript::Taiwan)),
            ("zh-Hant", Some(ChineseScript::Traditional)),
            ("zh-HK", Some(ChineseScript::HongKong)),
            ("yue-Hant-HK", Some(ChineseScript::HongKong)),
            ("zh-CN", Some(ChineseScript::Simplified)),
            ("zh-Hans-HK", Some(ChineseScript::Simplified)),
            ("zh", None),
            ("ja-JP", None),
            ("en-TW", None),
            ("", None),
        ];
        for (tag, script) in cases {
            assert_eq!(ChineseScript::of_language(tag), script, "{tag}");
        }
    }
}
