//! Takes keys and the values of headers out of text that somebody else wrote, because servers echo what
//! they are sent.

use std::fmt;

use crate::net::url::encode_query;
use crate::secret::Secret;

/// What stands where a key was.
const HIDDEN: &str = "[key hidden]";

/// What stands where the value of a header was.
const HEADER_HIDDEN: &str = "[header hidden]";

/// A shorter value of a header tells nothing, and may stand in any text.
const TELLING_MIN: usize = 8;

/// What consists of small letters alone, as the words of the protocol do, tells something from here on:
/// events are masked before they are read, and have to be events then.
const TELLING_WORD_MIN: usize = 24;

/// A beginning of a key this long at the end of a text counts as the key, cut off.
/// The public part of a key (`sk-proj-`) is shorter.
const CUT_OFF_MIN: usize = 9;

/// The texts that must not be shown; `Debug` shows none of them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Mask {
    /// All spellings of all keys and headers, the longest first, and what stands in their place.
    spellings: Vec<(String, &'static str)>,
}

impl Mask {
    /// Returns a mask of these secrets in the spellings a server may echo them in.
    pub fn of<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let keys = secrets.into_iter().flat_map(|secret| spellings(secret.reveal().trim()));
        Self::default().with(keys, HIDDEN)
    }

    /// Adds the values of headers, each whole and word by word. What is too short or too common to be
    /// told from other text is left out.
    pub fn and_headers<'a>(self, values: impl IntoIterator<Item = &'a str>) -> Self {
        let parts = values.into_iter().flat_map(|value| [value.trim()].into_iter().chain(value.split(' ')));
        self.with(parts.filter(|part| is_telling(part)).flat_map(spellings), HEADER_HIDDEN)
    }

    fn with(mut self, spellings: impl Iterator<Item = String>, shown: &'static str) -> Self {
        self.spellings.extend(spellings.map(|spelling| (spelling, shown)));
        self.spellings
            .sort_by(|(left, _), (right, _)| right.len().cmp(&left.len()).then_with(|| left.cmp(right)));
        // A key that is a header's value too stays a key: the sort keeps their order.
        self.spellings.dedup_by(|(later, _), (earlier, _)| later == earlier);
        self
    }

    /// Returns whether a key or a header is in the text, also one that the end of the text cuts off.
    pub fn finds(&self, text: &str) -> bool {
        self.spellings
            .iter()
            .any(|(spelling, _)| text.contains(spelling.as_str()) || cut_off(text, spelling).is_some())
    }

    /// Returns the text with each key and header replaced, also one that the end of the text cuts off.
    pub fn apply(&self, text: &str) -> String {
        let mut shown = text.to_owned();
        for (spelling, hidden) in &self.spellings {
            if shown.contains(spelling.as_str()) {
                shown = shown.replace(spelling.as_str(), hidden);
            }
            if let Some(length) = cut_off(&shown, spelling) {
                shown.truncate(shown.len() - length);
                shown.push_str(hidden);
            }
        }
        shown
    }
}

impl fmt::Debug for Mask {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Mask(hidden)")
    }
}

/// As it is, as part of a URL, as in JSON with and without escaped slashes, and without the prefix that
/// some gateways take off.
fn spellings(key: &str) -> Vec<String> {
    if key.is_empty() {
        return Vec::new();
    }
    let mut all = vec![key.to_owned(), encode_query(key), key.replace('/', "\\/"), in_json(key)];
    if let Some(bare) = key.strip_prefix("sk-").filter(|bare| bare.len() >= CUT_OFF_MIN) {
        all.push(bare.to_owned());
    }
    all
}

fn in_json(key: &str) -> String {
    key.replace('\\', "\\\\").replace('"', "\\\"")
}

fn is_telling(value: &str) -> bool {
    let is_word = value.bytes().all(|byte| byte.is_ascii_lowercase() || b"_./".contains(&byte));
    value.len() >= if is_word { TELLING_WORD_MIN } else { TELLING_MIN }
}

/// Returns how many bytes at the end of the text are the beginning of a spelling.
fn cut_off(text: &str, spelling: &str) -> Option<usize> {
    spelling
        .char_indices()
        .map(|(at, _)| at)
        .rev()
        .take_while(|at| *at >= CUT_OFF_MIN)
        .find(|at| text.ends_with(&spelling[..*at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(key: &str, text: &str) -> String {
        Mask::of([&Secret::new(key)]).apply(text)
    }

    #[test]
    fn a_key_is_hidden_in_every_spelling_a_server_may_echo() {
        for (key, text, shown) in [
            ("sk-abc", "Incorrect key sk-abc.", "Incorrect key [key hidden]."),
            ("sk-abc", "sk-abcsk-abc", "[key hidden][key hidden]"),
            ("a+b=c", "/?token=a%2Bb%3Dc&x=1", "/?token=[key hidden]&x=1"),
            ("a/b+c", r#"{"key":"a\/b+c"}"#, r#"{"key":"[key hidden]"}"#),
            ("sk-0123456789", "unknown token 0123456789", "unknown token [key hidden]"),
            ("sk-0123456789", "Bearer sk-0123456789 is wrong", "Bearer [key hidden] is wrong"),
        ] {
            assert_eq!(masked(key, text), shown);
        }
    }

    #[test]
    fn a_key_that_the_end_of_the_text_cuts_off_is_hidden() {
        assert_eq!(masked("sk-0123456789", "wrong: sk-0123456"), "wrong: [key hidden]");
        assert_eq!(masked("sk-0123456789", "keys begin with sk-"), "keys begin with sk-");
        let mask = Mask::of([&Secret::new("sk-0123456789")]);
        assert!(mask.finds("wrong: sk-0123456") && mask.finds("0123456789 is wrong"));
        assert!(!mask.finds("keys begin with sk-"));
    }

    #[test]
    fn a_header_is_hidden_whole_and_word_by_word() {
        let mask = Mask::default().and_headers(["Token 7Qw9-0123 \"x\"", "gateway-secret", "org-1234"]);
        for (text, shown) in [
            ("you sent Token 7Qw9-0123 \"x\"!", "you sent [header hidden]!"),
            (r#"{"sent":"Token 7Qw9-0123 \"x\""}"#, r#"{"sent":"[header hidden]"}"#),
            ("no such token: 7Qw9-0123", "no such token: [header hidden]"),
            ("not for org-1234", "not for [header hidden]"),
            ("not for gateway-s", "not for [header hidden]"),
            ("the Token", "the Token"),
        ] {
            assert_eq!(mask.apply(text), shown);
            assert_eq!(mask.finds(text), text != shown);
        }
    }

    #[test]
    fn a_header_of_common_words_leaves_events_alone() {
        let mask =
            Mask::default().and_headers(["1", "en-US", "transcription", "application/json", "", "audio/pcm"]);
        let event = r#"{"type":"conversation.item.input_audio_transcription.delta","content_index":1}"#;
        assert!(!mask.finds(event));
        assert_eq!(mask, Mask::default());
    }

    #[test]
    fn a_key_among_the_headers_stays_a_key() {
        let mask = Mask::of([&Secret::new("sk-0123456789")]).and_headers(["sk-0123456789"]);
        assert_eq!(mask.apply("wrong: sk-0123456789"), "wrong: [key hidden]");
    }

    #[test]
    fn an_empty_key_hides_nothing() {
        assert_eq!(masked("", "all of it"), "all of it");
    }
}
