//! Display width and line breaking, by grapheme cluster, as ratatui measures them.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// What must not begin a line.
const CLOSING: &str = "、。，．！？：；）」』】》〉〕〗”’…)]},.!?:;%％ー々";

/// What must not end a line.
const OPENING: &str = "（「『【《〈〔〖“‘([{";

/// Returns the columns that a text takes on one line.
pub fn width(text: &str) -> usize {
    clusters(text).map(|(_, cluster)| cluster_width(cluster)).sum()
}

/// Returns the byte ranges of the lines of a text, broken between words, none wider than `columns`.
///
/// Chinese and Japanese break between characters; a word that is too long is broken at the end of the line.
/// White space around a break belongs to no line. A cluster that is wider than the line is left out.
pub fn wrap(text: &str, columns: usize) -> Vec<Range<usize>> {
    let mut wrapper = Wrapper { columns, lines: Vec::new(), start: 0, column: 0, gap: None };
    let mut offset = 0;
    for paragraph in text.split('\n') {
        wrapper.paragraph(paragraph, offset);
        offset += paragraph.len() + 1;
    }
    wrapper.lines
}

/// Returns the byte ranges of the lines of one line of code, broken only where it does not fit.
pub fn fold(text: &str, columns: usize) -> Vec<Range<usize>> {
    let mut lines = Vec::new();
    let (mut start, mut column) = (0, 0);
    for (at, cluster) in clusters(text) {
        let wide = cluster_width(cluster);
        if column + wide > columns && column > 0 {
            lines.push(start..at);
            (start, column) = (at, 0);
        }
        if wide > columns {
            start = at + cluster.len();
        } else {
            column += wide;
        }
    }
    lines.push(start..text.len());
    lines
}

/// Returns the grapheme clusters of a text with their places.
fn clusters(text: &str) -> impl Iterator<Item = (usize, &str)> {
    // Segmentation takes most of the time of a layout, and ASCII needs none.
    let ascii = text.is_ascii();
    let bytes = (0..if ascii { text.len() } else { 0 }).map(move |at| (at, &text[at..=at]));
    bytes.chain(if ascii { "" } else { text }.grapheme_indices(true))
}

/// A place where a line may end.
#[derive(Clone, Copy)]
struct Gap {
    /// Where the line ends.
    end: usize,
    /// Where the next one begins.
    next: usize,
    /// The column of `next` while it stands in this line.
    column: usize,
}

struct Wrapper {
    columns: usize,
    lines: Vec<Range<usize>>,
    start: usize,
    column: usize,
    gap: Option<Gap>,
}

impl Wrapper {
    fn paragraph(&mut self, paragraph: &str, offset: usize) {
        (self.start, self.column, self.gap) = (offset, 0, None);
        let mut before = "";
        for (at, cluster) in clusters(paragraph) {
            let place = offset + at..offset + at + cluster.len();
            if is_space(cluster) {
                self.space(place, cluster_width(cluster), before);
            } else {
                if is_gap(before, cluster) {
                    self.gap = Some(Gap { end: place.start, next: place.start, column: self.column });
                }
                self.cluster(place, cluster_width(cluster));
            }
            before = cluster;
        }
        let rest = paragraph[self.start - offset..].trim_end_matches(is_space_char);
        self.lines.push(self.start..self.start + rest.len());
    }

    /// White space may stand beyond the end of the line, where it is not drawn.
    fn space(&mut self, place: Range<usize>, wide: usize, before: &str) {
        self.column += wide;
        let end = match self.gap {
            Some(gap) if is_space(before) => gap.end,
            Some(_) | None => place.start,
        };
        self.gap = Some(Gap { end, next: place.end, column: self.column });
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
    let is_wide = |cluster: &str| cluster.len() > 1 && cluster_width(cluster) == 2;
    (is_wide(before) || is_wide(after))
        && !before.is_empty()
        && !is_space(before)
        && !OPENING.contains(before)
        && !CLOSING.contains(after)
}

fn is_space(cluster: &str) -> bool {
    if let [byte] = cluster.as_bytes() {
        return byte.is_ascii_whitespace();
    }
    !cluster.is_empty() && cluster.chars().all(is_space_char)
}

/// White space at which a line may end: not the no-break spaces.
fn is_space_char(character: char) -> bool {
    character.is_whitespace() && !matches!(character, '\u{a0}' | '\u{2007}' | '\u{202f}')
}

/// Returns the columns of a grapheme cluster, as ratatui measures a cell: the half-width sound marks count
/// one column more. Control characters are not drawn.
pub fn cluster_width(cluster: &str) -> usize {
    if let [byte] = cluster.as_bytes() {
        return usize::from(!byte.is_ascii_control());
    }
    if cluster.contains(char::is_control) {
        return 0;
    }
    cluster.width() + cluster.chars().filter(|mark| matches!(mark, '\u{ff9e}' | '\u{ff9f}')).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(text: &str, columns: usize) -> Vec<&str> {
        wrap(text, columns).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn width_is_that_of_grapheme_clusters() {
        for (text, columns) in
            [("abc", 3), ("中文", 4), ("👩\u{200d}👩\u{200d}👧", 2), ("❤\u{fe0f}", 2), ("e\u{301}", 1)]
        {
            assert_eq!(width(text), columns, "{text}");
        }
    }

    #[test]
    fn lines_break_between_words_and_between_wide_characters() {
        assert_eq!(lines("the quick brown fox", 10), ["the quick", "brown fox"]);
        assert_eq!(lines("a abcdefgh b", 4), ["a", "abcd", "efgh", "b"]);
        assert_eq!(lines("今天天气。好", 8), ["今天天", "气。好"]);
        assert_eq!(lines("说「你好」吧", 4), ["说", "「你", "好」", "吧"]);
        assert_eq!(lines("a中b", 1), ["a", "b"]);
    }

    #[test]
    fn code_folds_at_the_last_column_and_keeps_its_spaces() {
        let text = "if  a中";
        assert_eq!(fold(text, 5).into_iter().map(|range| &text[range]).collect::<Vec<_>>(), ["if  a", "中"]);
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_width(
            text in "([a-z ]|中|。|「|👩\u{200d}👧|e\u{301}|لا|क्षि|ｶﾞ|\n|\\PC){0,60}",
            columns in 0usize..20,
        ) {
            for range in wrap(&text, columns).into_iter().chain(fold(&text.replace('\n', " "), columns)) {
                prop_assert!(width(&text[range.clone()]) <= columns, "{:?}", &text[range]);
            }
        }

        #[test]
        fn the_lines_joined_give_the_text(text in "([a-z ]|中|。|「|👩\u{200d}👧|\n){0,60}", columns in 2usize..20) {
            let kept: String = lines(&text, columns).concat();
            prop_assert_eq!(kept.replace(' ', ""), text.replace([' ', '\n'], ""));
            let line = text.replace('\n', " ");
            let folded: String = fold(&line, columns).into_iter().map(|range| &line[range]).collect();
            prop_assert_eq!(folded, line);
        }
    }
}
