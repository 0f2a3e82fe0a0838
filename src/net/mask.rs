//! Takes a key out of text that somebody else wrote, because servers echo what they are sent.

use std::fmt;

use crate::net::url::encode_query;
use crate::secret::Secret;

/// What stands where a key was.
const HIDDEN: &str = "[key hidden]";

/// A beginning of a key this long at the end of a text counts as the key, cut off.
/// The public part of a key (`sk-proj-`) is shorter.
const CUT_OFF_MIN: usize = 9;

/// The texts that must not be shown; `Debug` shows none of them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Mask {
    /// All spellings of all keys, the longest first.
    spellings: Vec<String>,
}

impl Mask {
    /// Returns a mask of these secrets in the spellings a server may echo them in.
    pub fn of<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut spellings: Vec<String> =
            secrets.into_iter().flat_map(|secret| spellings(secret.reveal().trim())).collect();
        spellings.sort_by(|left, right| right.len().cmp(&left.len()).then_with(|| left.cmp(right)));
        spellings.dedup();
        Self { spellings }
    }

    /// Returns whether a key is in the text, also one that the end of the text cuts off.
    pub fn finds(&self, text: &str) -> bool {
        self.spellings
            .iter()
            .any(|spelling| text.contains(spelling.as_str()) || cut_off(text, spelling).is_some())
    }

    /// Returns the text with each key replaced, also one that the end of the text cuts off.
    pub fn apply(&self, text: &str) -> String {
        let mut shown = text.to_owned();
        for spelling in &self.spellings {
            if shown.contains(spelling.as_str()) {
                shown = shown.replace(spelling.as_str(), HIDDEN);
            }
            hide_cut_off(&mut shown, spelling);
        }
        shown
    }
}

impl fmt::Debug for Mask {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Mask(hidden)")
    }
}

/// As it is, as part of a URL, as in JSON with escaped slashes, and without the prefix that some
/// gateways take off.
fn spellings(key: &str) -> Vec<String> {
    if key.is_empty() {
        return Vec::new();
    }
    let mut all = vec![key.to_owned(), encode_query(key), key.replace('/', "\\/")];
    if let Some(bare) = key.strip_prefix("sk-").filter(|bare| bare.len() >= CUT_OFF_MIN) {
        all.push(bare.to_owned());
    }
    all
}

fn hide_cut_off(text: &mut String, spelling: &str) {
    if let Some(length) = cut_off(text, spelling) {
        text.truncate(text.len() - length);
        text.push_str(HIDDEN);
    }
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
    fn an_empty_key_hides_nothing() {
        assert_eq!(masked("", "all of it"), "all of it");
    }
}
