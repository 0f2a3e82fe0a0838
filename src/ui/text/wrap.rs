//! Places within displayable text: where it is cut, and where words and clusters begin.

use std::borrow::Cow;

use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

use crate::markdown::wrap::{cluster_width, width};

/// Returns the beginning of a text that fits into `columns`, with `…` if something was cut.
pub fn truncate(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    if columns == 0 {
        return Cow::Borrowed("");
    }
    let mut end = 0;
    let mut taken = 0;
    for (start, cluster) in text.grapheme_indices(true) {
        taken += cluster_width(cluster);
        if taken > columns - 1 {
            break;
        }
        end = start + cluster.len();
    }
    Cow::Owned(format!("{}…", &text[..end]))
}

/// Returns a text with spaces behind it up to `columns`.
pub fn padded(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// Returns the start of the word that contains a byte; the byte's own position between words.
pub fn word_start(text: &str, at: usize) -> usize {
    // A word begins after a space, so that what is before it need not be searched.
    let before = &text.as_bytes()[..at.min(text.len())];
    let start = before.iter().rposition(|byte| *byte == b' ').map_or(0, |space| space + 1);
    let is_start = text[start..].starts_with(|next: char| next.is_ascii_graphic() || next.is_alphanumeric());
    let start = if is_start { start } else { 0 };
    let bounds = text[start..].split_word_bound_indices().map(|(bound, _)| start + bound).chain([text.len()]);
    bounds.take_while(|bound| *bound <= at).last().unwrap_or_default()
}

/// Returns the start of the cluster that contains a byte.
pub fn cluster_start(text: &str, at: usize) -> usize {
    let mut cursor = GraphemeCursor::new(at, text.len(), true);
    match cursor.is_boundary(text, 0) {
        Ok(false) => cursor.prev_boundary(text, 0).ok().flatten().unwrap_or_default(),
        Ok(true) | Err(_) => at,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::markdown::wrap::wrap;
    use crate::ui::fixture::LIGATURES;

    fn lines(text: &str, columns: usize) -> Vec<&str> {
        wrap(text, columns).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn wide_characters_and_emoji_have_the_width_of_the_terminal() {
        for (text, columns) in [
            ("abc", 3),
            ("中文", 4),
            ("한국", 4),
            ("👩\u{200d}👩\u{200d}👧", 2),
            ("❤\u{fe0f}", 2),
            ("e\u{301}", 1),
            ("🇹🇼", 2),
            ("لا", 2),
            ("سلام عليكم", 10),
            ("क्षि", 3),
            ("한", 2),
            ("1\u{fe0f}\u{20e3}", 2),
            ("☎\u{fe0f}", 2),
        ] {
            assert_eq!(width(text), columns, "{text}");
        }
    }

    #[test]
    fn a_text_is_as_wide_as_ratatui_draws_it() {
        use ratatui::buffer::Buffer;
        use ratatui::layout::Rect;
        use ratatui::style::Style;
        for text in LIGATURES {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 200, 1));
            let (end, _) = buffer.set_stringn(0, 0, text, 200, Style::new());
            assert_eq!(width(text), usize::from(end), "{text}");
        }
    }

    #[test]
    fn a_cluster_is_not_cut_in_half() {
        let text = "a👩\u{200d}👧e\u{301}";
        for (at, start) in [(0, 0), (1, 1), (5, 1), (8, 1), (12, 12), (13, 12), (15, 15)] {
            assert_eq!(cluster_start(text, at), start, "{at}");
        }
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(lines("the quick brown fox", 10), ["the quick", "brown fox"]);
        assert_eq!(lines("one  two", 4), ["one", "two"]);
        assert_eq!(lines("a\n\nb", 4), ["a", "", "b"]);
        assert_eq!(lines("  code stays", 8), ["  code", "stays"]);
        assert_eq!(lines("", 4), [""]);
        assert_eq!(lines("10\u{a0}km away", 7), ["10\u{a0}km", "away"]);
    }

    #[test]
    fn chinese_breaks_anywhere_but_before_closing_marks() {
        assert_eq!(lines("今天天气很好。", 8), ["今天天气", "很好。"]);
        assert_eq!(lines("今天天气。好", 8), ["今天天", "气。好"]);
        assert_eq!(lines("说「你好」吧", 4), ["说", "「你", "好」", "吧"]);
    }

    #[test]
    fn a_word_longer_than_a_line_is_broken() {
        assert_eq!(lines("a abcdefgh b", 4), ["a", "abcd", "efgh", "b"]);
    }

    #[test]
    fn a_cluster_wider_than_the_line_is_omitted() {
        assert_eq!(lines("a中b", 1), ["a", "b"]);
    }

    #[test]
    fn a_cut_text_ends_with_an_ellipsis() {
        assert_eq!(truncate("hello", 5), "hello");
        assert_eq!(truncate("hello", 4), "hel…");
        assert_eq!(truncate("中文字", 4), "中…");
        assert_eq!(truncate("hello", 0), "");
    }

    #[test]
    fn a_word_is_not_cut_in_half() {
        let text = "Hello, 中文 isn't";
        for (at, expected) in
            [(0, 0), (3, 0), (5, 5), (6, 6), (7, 7), (8, 7), (10, 10), (15, 14), (19, 19), (99, 19)]
        {
            assert_eq!(word_start(text, at), expected, "{at}");
        }
    }

    proptest! {
        #[test]
        fn a_word_starts_at_the_last_bound(text in "([a-z.,']| |中|。|\n|\r\n|e\u{301}|👩\u{200d}👧|\u{301}){0,30}", at in 0usize..80) {
            let mut bounds = text.split_word_bound_indices().map(|(start, _)| start).chain([text.len()]);
            prop_assert_eq!(word_start(&text, at), bounds.rfind(|bound| *bound <= at).unwrap_or_default());
        }

        #[test]
        fn no_line_is_wider_than_the_limit(text in "([a-z ]|中|。|「|👩\u{200d}👧|e\u{301}|لا|क्षि|ｶﾞ|\n|\\PC){0,60}", columns in 0usize..20) {
            let text = crate::ui::text::sanitize::displayable(&text).into_owned();
            let mut end = 0;
            for range in wrap(&text, columns) {
                prop_assert!(range.start >= end || range.start == 0, "lines overlap");
                end = range.end;
                prop_assert!(width(&text[range.clone()]) <= columns, "{:?}", &text[range]);
            }
            prop_assert!(width(&truncate(&text, columns)) <= columns);
        }

        #[test]
        fn wrapping_loses_only_white_space(text in "([a-z ]|中|。|「|👩\u{200d}👧|\n){0,60}", columns in 2usize..20) {
            let kept: String = lines(&text, columns).concat();
            prop_assert_eq!(kept.replace(' ', ""), text.replace([' ', '\n'], ""));
        }
    }
}
