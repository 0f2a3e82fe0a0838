//! JSON for output: characters that control a terminal or are invisible are escaped.

use std::borrow::Cow;
use std::fmt::Write;

use serde::Serialize;

use crate::ui::text::sanitize::is_hidden;

/// Returns a value as one line of JSON, with its line break.
///
/// # Errors
///
/// If the value has no JSON form, such as a map with keys that are not strings.
pub fn line(value: &impl Serialize) -> serde_json::Result<String> {
    let mut line = escaped(&serde_json::to_string(value)?).into_owned();
    line.push('\n');
    Ok(line)
}

/// Returns a value as indented JSON, with its last line break.
pub fn pretty(value: &serde_json::Value) -> String {
    format!("{}\n", escaped(&format!("{value:#}")))
}

/// Returns equivalent JSON without DEL, C1 and bidi controls and other invisible characters. They only occur in
/// strings, where they can be escaped (RFC 8259, section 7).
pub fn escaped(json: &str) -> Cow<'_, str> {
    if !json.chars().any(is_escaped) {
        return Cow::Borrowed(json);
    }
    let mut text = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if is_escaped(character) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                // Writing to a `String` cannot fail.
                let _ = write!(text, "\\u{unit:04x}");
            }
        } else {
            text.push(character);
        }
    }
    Cow::Owned(text)
}

/// Excludes ASCII controls, which JSON text contains only as white space.
fn is_escaped(character: char) -> bool {
    matches!(character, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}') || is_hidden(character)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn c1_del_and_bidi_are_escaped_in_json() {
        let text = "a\u{7f}b\u{9b}31m\u{85}\u{202e}\u{2066}\u{61c}\u{200f}\u{2028}\u{feff}\u{e0041}z";
        let expected =
            r#"{"\u202e":"a\u007fb\u009b31m\u0085\u202e\u2066\u061c\u200f\u2028\ufeff\udb40\udc41z"}"#;
        let value = json!({ "\u{202e}": text });
        assert_eq!(line(&value).unwrap(), format!("{expected}\n"));
        assert_eq!(serde_json::from_str::<Value>(&pretty(&value)).unwrap(), value);
    }

    #[test]
    fn every_script_and_emoji_is_unchanged() {
        let text = r#"{"text":"中文 می‌خواهم 👩‍👧 ❤️ é \u001b"}"#;
        assert!(matches!(escaped(text), Cow::Borrowed(same) if same == text));
    }

    proptest::proptest! {
        #[test]
        fn escaping_changes_no_meaning(text in "\\PC{0,20}[\u{7f}-\u{9f}\u{200b}-\u{2070}]{0,9}") {
            let printed = line(&text).unwrap();
            proptest::prop_assert!(!printed.chars().any(is_escaped));
            proptest::prop_assert_eq!(serde_json::from_str::<String>(&printed).unwrap(), text);
        }
    }
}
