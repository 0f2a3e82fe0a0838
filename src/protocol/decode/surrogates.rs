//! Replacement of lone surrogates in JSON escapes.
//!
//! A server that cuts text into deltas by UTF-16 units can split an emoji. Each half is valid JSON (RFC 8259,
//! section 8.2) but no Rust string can hold it. One character is no reason to lose an event.

/// Replacement for a lone surrogate.
const REPLACEMENT: &str = "\\ufffd";

/// Length of an escape: `\u` and four digits.
const ESCAPE: usize = 6;

/// Returns `text` with each lone surrogate replaced; `None` if it contains none.
pub(super) fn replace_lone_surrogates(text: &str) -> Option<String> {
    let mut whole = String::with_capacity(text.len());
    let mut copied = 0;
    let mut at = 0;
    while let Some(found) = text[at..].find('\\') {
        at += found;
        match (unit(text, at), unit(text, at + ESCAPE)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => at += 2 * ESCAPE,
            (Some(0xd800..=0xdfff), _) => {
                whole.push_str(&text[copied..at]);
                whole.push_str(REPLACEMENT);
                at += ESCAPE;
                copied = at;
            }
            (Some(_), _) => at += ESCAPE,
            // Any other escape: skip the backslash and the escaped character.
            (None, _) => at += 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8),
        }
    }
    (copied > 0).then(|| whole + &text[copied..])
}

/// Returns the UTF-16 unit of the escape at byte `at`.
fn unit(text: &str, at: usize) -> Option<u16> {
    let digits = text.get(at..at + ESCAPE)?.strip_prefix("\\u")?;
    u16::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(replace_lone_surrogates(text).as_deref(), expected, "{text}");
    }

    #[test]
    fn a_lone_surrogate_is_replaced() {
        check(r"a\ud83db", Some(r"a\ufffdb"));
        check(r"\ude00", Some(r"\ufffd"));
        check(r"\ud83d\ud83d\ude00", Some(r"\ufffd\ud83d\ude00"));
        check(r"\ud83d\n\\\ude00", Some(r"\ufffd\n\\\ufffd"));
    }

    #[test]
    fn pairs_and_escaped_backslashes_are_unchanged() {
        for text in [r"\ud83d\ude00", r"\\ud83d", r"\u00e4", r"a\", r"\u", r"\ud8", r"\u+123", "ä\\ä", ""] {
            check(text, None);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn replacement_is_idempotent(text in r"(\\|u|d83d|de00|\\ud83d|\\ude00|ä|[a-f0-9]){0,12}") {
            if let Some(whole) = replace_lone_surrogates(&text) {
                prop_assert_eq!(replace_lone_surrogates(&whole), None);
            }
        }
    }
}
