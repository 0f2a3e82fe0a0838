//! Where a text may be broken into lines and cues, and how good each place is.

use crate::captions::text::{Class, Text, is_clause_end, is_sentence_end};

/// How bad a break is; smaller is better.
pub(super) type Cost = u64;

pub(super) const SENTENCE: Cost = 0;
pub(super) const CLAUSE: Cost = 20;
const CONJUNCTION: Cost = 40;
const SPACE: Cost = 60;
const IDEOGRAPH: Cost = 70;
const HYPHEN: Cost = 80;
/// Between words that belong together.
const PHRASE: Cost = 300;
/// Within a word, where nothing else is left.
pub(super) const WORD: Cost = 10_000;
/// At a character that may not stand there; only where a run of such characters is longer than a line.
const FORBIDDEN: Cost = 1_000_000;

/// Characters that may not begin a line.
const NOT_AT_START: &str = concat!(
    "！％），．：；？］｝、。〃々〉》」』】〕〗”’…‥・ー々ゝゞヽヾぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ",
    "!%),.:;?]}｡､･ｰｧｨｩｪｫｬｭｮｯ｣؟،؛।»"
);
/// Characters that may not end a line.
const NOT_AT_END: &str = "（［｛「『【〔〈《〖“‘＄￥([{«｢";

/// Words before which an English sentence is broken rather than elsewhere.
const BREAK_BEFORE: &[&str] = &[
    "about", "after", "although", "and", "as", "at", "because", "before", "but", "by", "for", "from", "if",
    "in", "into", "like", "nor", "of", "on", "or", "over", "since", "so", "than", "that", "though",
    "through", "to", "under", "unless", "until", "when", "where", "whether", "which", "while", "who", "with",
    "without", "yet",
];
/// Words after which a sentence is not broken.
const NO_BREAK_AFTER: &[&str] = &[
    "a", "an", "the", "my", "your", "his", "her", "its", "our", "their", "mr", "mrs", "ms", "dr", "prof",
    "st",
];

/// A place where a line may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Break {
    /// Where the line ends, spaces not included.
    pub(super) end: usize,
    /// Where the next line begins.
    pub(super) next: usize,
    pub(super) cost: Cost,
}

/// Returns the places where a text may be broken, its beginning and its end included. Between two of them the
/// text fits into a line.
pub(super) fn breaks(text: &Text<'_>) -> Vec<Break> {
    let mut found = vec![Break { end: 0, next: 0, cost: SENTENCE }];
    for next in 1..text.len() {
        if text.graphemes[next].class == Class::Space {
            continue;
        }
        let spaces = text.graphemes[..next].iter().rev().take_while(|before| before.class == Class::Space);
        let end = next - spaces.count();
        let cost = cost(text, end, next);
        if cost < WORD {
            divide(text, &mut found, end);
            found.push(Break { end, next, cost });
        }
    }
    let end =
        text.graphemes.iter().rposition(|grapheme| grapheme.class != Class::Space).map_or(0, |at| at + 1);
    divide(text, &mut found, end);
    found.push(Break { end, next: text.len(), cost: SENTENCE });
    found
}

/// Adds places within what stands between the last break and `end`, if that is longer than a line.
fn divide(text: &Text<'_>, found: &mut Vec<Break>, end: usize) {
    loop {
        let start = found[found.len() - 1].next;
        let fits = |end: usize| {
            let (width, limit) = text.width(start, end);
            width <= limit
        };
        if start >= end || fits(end) {
            return;
        }
        let most = (start + 1..end).take_while(|at| fits(*at)).last().unwrap_or(start + 1);
        let allowed = (start + 1..=most).rev().find(|at| !is_forbidden(text, *at, *at));
        let (at, cost) = allowed.map_or((most, FORBIDDEN), |at| (at, WORD));
        found.push(Break { end: at, next: at, cost });
    }
}

/// Returns how bad it is to end a line at `end` and to begin the next one at `next`.
fn cost(text: &Text<'_>, end: usize, next: usize) -> Cost {
    let Some(last) = end.checked_sub(1) else { return FORBIDDEN };
    if is_forbidden(text, end, next) {
        return FORBIDDEN;
    }
    let has_space = end < next;
    let (before, after) = (&text.graphemes[last], &text.graphemes[next]);
    let is_wide = |class| class == Class::Ideographic;
    let is_full_width = before.text.chars().all(|character| !character.is_ascii());
    // Quotes and brackets close after the punctuation that counts.
    let closers = text.graphemes[..end].iter().rev();
    let mark = closers.map(|grapheme| grapheme.first()).find(|mark| !"\"'”’)」』）】〉》»".contains(*mark));
    let mark = mark.filter(|_| before.class == Class::Other).unwrap_or(' ');
    if has_space || is_full_width && (is_sentence_end(mark) || is_clause_end(mark)) {
        if is_sentence_end(mark) && !is_abbreviation(text, end) {
            return SENTENCE;
        }
        if is_clause_end(mark) {
            return CLAUSE;
        }
    }
    match (before.class, after.class) {
        _ if has_space => space_cost(text, end, next),
        (Class::Ideographic | Class::Other, Class::Ideographic) if is_full_width => IDEOGRAPH,
        (Class::Ideographic, Class::Letter | Class::Digit | Class::Hangul | Class::Other) => IDEOGRAPH,
        (Class::Letter | Class::Digit | Class::Hangul, _) if is_wide(after.class) => {
            // A number stays with its counter: 3人.
            if before.class == Class::Digit { PHRASE } else { IDEOGRAPH }
        }
        (Class::Other, Class::Letter) if before.text == "-" && is_letter(text, last.checked_sub(1)) => HYPHEN,
        (Class::Other, Class::Other | Class::Letter | Class::Digit | Class::Hangul)
            if is_full_width && !is_joined(before.first()) =>
        {
            HYPHEN
        }
        _ => WORD,
    }
}

/// Returns whether a character joins the words around it.
fn is_joined(character: char) -> bool {
    "’‘‑·°€£".contains(character)
}

fn is_letter(text: &Text<'_>, at: Option<usize>) -> bool {
    at.and_then(|at| text.graphemes.get(at)).is_some_and(|grapheme| grapheme.class == Class::Letter)
}

fn space_cost(text: &Text<'_>, end: usize, next: usize) -> Cost {
    let (before, after) = (word_before(text, end), word_after(text, next));
    let ends_with_digit = before.chars().next_back().is_some_and(char::is_numeric);
    let is_unit = after.chars().count() <= 3 || after.chars().all(char::is_numeric);
    if NO_BREAK_AFTER.contains(&before.trim_end_matches('.')) || ends_with_digit && is_unit {
        return PHRASE;
    }
    if BREAK_BEFORE.contains(&after.as_str()) { CONJUNCTION } else { SPACE }
}

/// Returns whether the full stop before `end` belongs to an abbreviation or an initial: "Dr. Who", "J. Doe".
fn is_abbreviation(text: &Text<'_>, end: usize) -> bool {
    let word = word_before(text, end);
    let Some(stem) = word.strip_suffix('.') else { return false };
    let is_initial = stem.chars().count() == 1 && stem != "i" && stem.chars().all(char::is_alphabetic);
    is_initial || ["mr", "mrs", "ms", "dr", "prof", "st"].contains(&stem)
}

fn word_before(text: &Text<'_>, end: usize) -> String {
    let length = text.graphemes[..end].iter().rev().take_while(|part| part.class != Class::Space).count();
    text.slice(end - length, end).to_lowercase()
}

fn word_after(text: &Text<'_>, start: usize) -> String {
    let length = text.graphemes[start..].iter().take_while(|part| part.class != Class::Space).count();
    text.slice(start, start + length).to_lowercase()
}

/// Applies the rules for the beginning and the end of lines (kinsoku).
fn is_forbidden(text: &Text<'_>, end: usize, next: usize) -> bool {
    let ends = end.checked_sub(1).and_then(|last| text.graphemes.get(last));
    let begins = text.graphemes.get(next);
    let is_combining = |character: char| unicode_width::UnicodeWidthChar::width(character) == Some(0);
    ends.is_some_and(|last| last.text.chars().any(|character| NOT_AT_END.contains(character)))
        || begins.is_some_and(|first| NOT_AT_START.contains(first.first()) || is_combining(first.first()))
}

#[cfg(test)]
pub(super) fn is_kinsoku(line: &str) -> bool {
    let starts = line.chars().next().is_some_and(|first| NOT_AT_START.contains(first));
    let ends = line.chars().next_back().is_some_and(|last| NOT_AT_END.contains(last));
    starts || ends
}
