//! Rewrites source text before it is parsed: emphasis next to Chinese, Japanese and Korean text, and
//! formulas.
//!
//! `CommonMark` decides by the characters on both sides whether `**` opens or closes emphasis, and takes
//! punctuation for the edge of a word. In `**中文。**後文` the closing marks stand between punctuation and a
//! letter and stay literal. A punctuation sign that occurs in no text, put in front of that letter, makes them
//! close. The rule is that of the CJK-friendly specification: CJK punctuation counts as a letter, and so does a
//! CJK letter next to any punctuation. [`restore`] removes the sign from all that was parsed.

use std::borrow::Cow;

/// Old South Arabian numeric indicator: punctuation that no living text holds.
const SIGN: char = '\u{10a7f}';

/// A noncharacter that marks formulas and their line breaks.
const MARK: char = '\u{fdd0}';

/// Encloses formulas, so that nothing in them is parsed. Longer than other runs of backticks are likely to be;
/// the marks keep it apart from other backticks, and from being read as the fence of a code block.
const QUOTE: &str = "\u{fdd0}`````\u{fdd0}";

/// The delimiters of formulas; they are shown, because the formula is shown as source.
const FORMULAS: [(&str, &str); 3] = [("\\(", "\\)"), ("\\[", "\\]"), ("$$", "$$")];

/// Returns the source text to parse.
pub(super) fn prepare(source: &str) -> Cow<'_, str> {
    let is_foreign = |character| matches!(character, SIGN | MARK);
    let has_cjk_emphasis = source.contains(['*', '~']) && !source.is_ascii();
    let has_formula = FORMULAS.iter().any(|(open, _)| source.contains(open));
    if !has_cjk_emphasis && !has_formula && !source.contains(is_foreign) {
        return Cow::Borrowed(source);
    }
    let source = source.replace(is_foreign, "");
    let mut out = String::with_capacity(source.len() + 16);
    let mut rest = source.as_str();
    while let Some(character) = rest.chars().next() {
        let taken = match character {
            '*' | '~' => push_run(&mut out, rest, character),
            '\\' | '$' => push_formula(&mut out, rest),
            _ => {
                out.push(character);
                character.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
    Cow::Owned(out)
}

/// Returns parsed text as it was written.
pub(super) fn restore(text: &str) -> Cow<'_, str> {
    if text.contains([SIGN, MARK]) {
        Cow::Owned(text.replace(QUOTE, "").replace([SIGN, MARK], ""))
    } else {
        Cow::Borrowed(text)
    }
}

/// Returns inline code as it was written; the lines of a formula are lines again.
pub(super) fn restore_code(text: &str) -> Cow<'_, str> {
    if text.contains(MARK) {
        let lines = text.replace(QUOTE, "").replace(&format!(" {MARK}"), "\n");
        Cow::Owned(restore(&lines).into_owned())
    } else {
        restore(text)
    }
}

/// Copies a run of emphasis marks with the sign that it needs; returns its length.
fn push_run(out: &mut String, rest: &str, mark: char) -> usize {
    let length = rest.len() - rest.trim_start_matches(mark).len();
    let before = out.chars().next_back().unwrap_or('\n');
    let after = rest[length..].chars().next().unwrap_or('\n');
    if needs_sign(before, after) {
        out.push(SIGN);
    }
    out.push_str(&rest[..length]);
    if needs_sign(after, before) {
        out.push(SIGN);
    }
    length
}

/// Returns whether a run between `outside` and `inside` needs a sign on the outer side.
fn needs_sign(outside: char, inside: char) -> bool {
    is_punctuation(inside)
        && !is_punctuation(outside)
        && !outside.is_whitespace()
        && (is_cjk(inside) || is_cjk(outside))
}

/// Copies a formula as inline code, or else the escape or the character; returns its length in the source.
fn push_formula(out: &mut String, rest: &str) -> usize {
    let formula = FORMULAS.iter().find_map(|(open, close)| {
        let body = rest.strip_prefix(open)?;
        let end = body.find(close)?;
        let is_formula = !body[..end].trim().is_empty() && !body[..end].contains("\n\n");
        is_formula.then_some(open.len() + end + close.len())
    });
    if let Some(length) = formula {
        out.push_str(QUOTE);
        // The mark keeps a line from being read as the beginning of a list or a heading.
        out.push_str(&rest[..length].replace('\n', &format!("\n{MARK}")));
        out.push_str(QUOTE);
        return length;
    }
    let mut characters = rest.chars();
    let taken = match (characters.next(), characters.next()) {
        (Some('\\'), Some(escaped)) => 1 + escaped.len_utf8(),
        _ => 1,
    };
    out.push_str(&rest[..taken]);
    taken
}

/// Letters, punctuation and symbols, and the variation selectors that follow them.
fn is_cjk(character: char) -> bool {
    matches!(character,
        '\u{1100}'..='\u{11ff}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{a960}'..='\u{a97f}'
        | '\u{ac00}'..='\u{d7ff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe00}'..='\u{fe0e}'
        | '\u{fe10}'..='\u{fe1f}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ffef}'
        | '\u{1aff0}'..='\u{1b16f}'
        | '\u{1f200}'..='\u{1f2ff}'
        | '\u{20000}'..='\u{3ffff}'
        | '\u{e0100}'..='\u{e01ef}')
}

/// Punctuation and symbols, in those blocks that stand next to emphasis.
fn is_punctuation(character: char) -> bool {
    character.is_ascii_punctuation()
        || matches!(character,
            '\u{a1}'..='\u{a9}' | '\u{ab}'..='\u{b1}' | '\u{b4}' | '\u{b6}'..='\u{b8}' | '\u{bb}' | '\u{bf}'
            | '\u{d7}' | '\u{f7}'
            | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}' | '\u{20a0}'..='\u{20c0}'
            | '\u{2190}'..='\u{2bff}' | '\u{2e80}'..='\u{2fdf}'
            | '\u{3001}'..='\u{3004}' | '\u{3008}'..='\u{3020}' | '\u{3030}' | '\u{303d}'
            | '\u{30a0}' | '\u{30fb}'
            | '\u{31c0}'..='\u{31ef}' | '\u{3200}'..='\u{33ff}'
            | '\u{fe10}'..='\u{fe19}' | '\u{fe30}'..='\u{fe6b}'
            | '\u{ff01}'..='\u{ff0f}' | '\u{ff1a}'..='\u{ff20}' | '\u{ff3b}'..='\u{ff40}'
            | '\u{ff5b}'..='\u{ff65}'
            | '\u{1f000}'..='\u{1fbca}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_emphasis_or_formulas_is_not_copied() {
        for text in ["plain", "**bold**", "中文", "costs $5 and $6", "a\nb"] {
            assert!(matches!(prepare(text), Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn signs_of_ours_in_a_text_are_removed() {
        assert_eq!(prepare("a\u{10a7f}b\u{fdd0}"), "ab");
    }

    #[test]
    fn restoring_gives_the_text_back_wherever_it_was() {
        for text in ["**中文。**后文", "`\\(x\\)`", "\\[a\n= b\\]", "$$x$$ *。*后", "\\\\(not a formula\\\\)"]
        {
            assert_eq!(restore(&prepare(text)), text);
        }
    }

    #[test]
    fn an_escape_is_not_the_beginning_of_a_formula() {
        assert_eq!(prepare(r"\\(a\) \(b"), r"\\(a\) \(b");
    }
}
