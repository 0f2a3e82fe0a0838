//! Width and wrapping of displayable text, measured per grapheme cluster with ratatui's own measure.

use std::borrow::Cow;
use std::ops::Range;

use ratatui::buffer::CellWidth;
use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

/// Characters that must not begin a line.
const CLOSING: &str = "、。，．！？：；）」』】》〉〕〗”’…)]},.!?:;%％ー々";

/// Characters that must not end a line.
const OPENING: &str = "（「『【《〈〔〖“‘([{";

/// Returns the columns of a text on one line.
pub fn width(text: &str) -> usize {
    text.graphemes(true).map(cluster_width).sum()
}

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

/// Returns the start of the word that contains a byte; the byte's own position between words.
pub fn word_start(text: &str, at: usize) -> usize {
    let bounds = text.split_word_bound_indices().map(|(start, _)| start).chain([text.len()]);
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

/// Returns the byte ranges of the lines of a text, broken between words, each at most `columns` wide.
///
/// Chinese and Japanese break between characters; a word longer than a line is broken at its end. White space
/// around a break belongs to no line. A cluster wider than the line is omitted.
pub fn wrap(text: &str, columns: usize) -> Vec<Range<usize>> {
    let mut wrapper = Wrapper { columns, lines: Vec::new(), start: 0, column: 0, gap: None };
    let mut offset = 0;
    for paragraph in text.split('\n') {
        wrapper.paragraph(paragraph, offset);
        offset += paragraph.len() + 1;
    }
    wrapper.lines
}

/// A possible line break.
#[derive(Clone, Copy)]
struct BreakPoint {
    /// End of the line.
    end: usize,
    /// Start of the next line.
    next: usize,
    /// Column of `next` on the current line.
    column: usize,
}

struct Wrapper {
    columns: usize,
    lines: Vec<Range<usize>>,
    start: usize,
    column: usize,
    gap: Option<BreakPoint>,
}

impl Wrapper {
    fn paragraph(&mut self, paragraph: &str, offset: usize) {
        (self.start, self.column, self.gap) = (offset, 0, None);
        let mut before = "";
        for (at, cluster) in paragraph.grapheme_indices(true) {
            let place = offset + at..offset + at + cluster.len();
            if is_space(cluster) {
                self.space(place, cluster_width(cluster), before);
            } else {
                if is_gap(before, cluster) {
                    self.gap = Some(BreakPoint { end: place.start, next: place.start, column: self.column });
                }
                self.cluster(place, cluster_width(cluster));
            }
            before = cluster;
        }
        let rest = paragraph[self.start - offset..].trim_end_matches(is_space_char);
        self.lines.push(self.start..self.start + rest.len());
    }

    /// White space may extend past the end of the line, where it is not drawn.
    fn space(&mut self, place: Range<usize>, wide: usize, before: &str) {
        self.column += wide;
        let end = match self.gap {
            Some(gap) if is_space(before) => gap.end,
            Some(_) | None => place.start,
        };
        self.gap = Some(BreakPoint { end, next: place.end, column: self.column });
    }

    fn cluster(&mut self, place: Range<usize>, wide: usize) {
        if self.column + wide > self.columns
            && let Some(gap) = self.gap.take()
        {
            if gap.end > self.start {
                self.lines.push(self.start..gap.end);
            }
            self.start = gap.next;
            self.column -= gap.column;
        }
        if self.column + wide > self.columns {
            if place.start > self.start {
                self.lines.push(self.start..place.start);
            }
            (self.start, self.column) = (place.start, 0);
        }
        if wide > self.columns {
            self.start = place.end;
        } else {
            self.column += wide;
        }
    }
}

/// Returns whether a line may end between two clusters that are not white space.
fn is_gap(before: &str, after: &str) -> bool {
    let is_wide = |cluster: &str| cluster_width(cluster) == 2;
    !before.is_empty()
        && !is_space(before)
        && (is_wide(before) || is_wide(after))
        && !OPENING.contains(before)
        && !CLOSING.contains(after)
}

fn is_space(cluster: &str) -> bool {
    !cluster.is_empty() && cluster.chars().all(is_space_char)
}

/// Returns whether a line may end at this white space; not at a no-break space.
fn is_space_char(character: char) -> bool {
    character.is_whitespace() && !matches!(character, '\u{a0}' | '\u{2007}' | '\u{202f}')
}

/// The only width measure: a buffer skips clusters with control characters and gives any other this many cells.
fn cluster_width(cluster: &str) -> usize {
    if cluster.contains(char::is_control) { 0 } else { usize::from(cluster.cell_width()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
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
