//! A text by graphemes, with the width and the speaking time of each.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use crate::captions::cue::{FULL_WIDTH_LINE_COLUMNS, LINE_COLUMNS};

/// What a grapheme means for line breaks and speaking time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Space,
    /// Han, kana and other scripts that are written without spaces between words.
    Ideographic,
    Hangul,
    Digit,
    /// A letter of a script with spaces between words.
    Letter,
    /// Anything else: punctuation, symbols, emoji.
    Other,
}

#[derive(Clone, Debug)]
pub(super) struct Grapheme<'a> {
    pub(super) text: &'a str,
    pub(super) class: Class,
    columns: usize,
    /// Whether East Asian fonts show it at full width and others do not.
    is_ambiguous: bool,
}

impl<'a> Grapheme<'a> {
    fn new(text: &'a str) -> Self {
        let first = text.chars().next().unwrap_or(' ');
        Self {
            text, class: class(first), columns: text.width(), is_ambiguous: "…‥—―“”‘’·".contains(first)
        }
    }

    pub(super) fn first(&self) -> char {
        self.text.chars().next().unwrap_or(' ')
    }
}

fn class(character: char) -> Class {
    match character {
        _ if character.is_whitespace() => Class::Space,
        '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{ac00}'..='\u{d7af}' => Class::Hangul,
        '\u{2e80}'..='\u{2fff}'
        | '\u{3005}'..='\u{3007}'
        | '\u{3021}'..='\u{3029}'
        | '\u{3031}'..='\u{3035}'
        | '\u{3041}'..='\u{30ff}'
        | '\u{3105}'..='\u{312f}'
        | '\u{31a0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{ff66}'..='\u{ff9f}'
        | '\u{20000}'..='\u{3ffff}' => Class::Ideographic,
        _ if character.is_numeric() => Class::Digit,
        _ if character.is_alphabetic() => Class::Letter,
        _ => Class::Other,
    }
}

/// A text by graphemes.
#[derive(Clone, Debug)]
pub(super) struct Text<'a> {
    pub(super) graphemes: Vec<Grapheme<'a>>,
    /// Sums up to each grapheme: columns, columns of full-width characters, ambiguous characters.
    sums: Vec<(usize, usize, usize)>,
    /// Speaking time up to each grapheme, in syllables.
    weights: Vec<f64>,
}

impl<'a> Text<'a> {
    /// Takes a text on one line.
    pub(super) fn new(text: &'a str) -> Self {
        let graphemes: Vec<Grapheme<'a>> = text.graphemes(true).map(Grapheme::new).collect();
        let mut sums = vec![(0, 0, 0)];
        for grapheme in &graphemes {
            let (columns, full_width, ambiguous) = sums[sums.len() - 1];
            let wide = if grapheme.columns > 1 { grapheme.columns } else { 0 };
            let is_ambiguous = usize::from(grapheme.is_ambiguous);
            sums.push((columns + grapheme.columns, full_width + wide, ambiguous + is_ambiguous));
        }
        let weights = weights(&graphemes);
        Self { graphemes, sums, weights }
    }

    pub(super) fn len(&self) -> usize {
        self.graphemes.len()
    }

    /// Returns the speaking time of the text up to a grapheme, in syllables.
    pub(super) fn weight(&self, end: usize) -> f64 {
        self.weights[end]
    }

    pub(super) fn slice(&self, start: usize, end: usize) -> String {
        self.graphemes[start..end].iter().map(|grapheme| grapheme.text).collect()
    }

    /// Returns the width of a part of the text, and the width that a line of its kind may have.
    pub(super) fn width(&self, start: usize, end: usize) -> (usize, usize) {
        let (first, last) = (self.sums[start], self.sums[end]);
        let columns = last.0 - first.0;
        if (last.1 - first.1) * 2 > columns {
            // East Asian fonts show the ambiguous ones at full width.
            return (columns + last.2 - first.2, FULL_WIDTH_LINE_COLUMNS);
        }
        (columns, LINE_COLUMNS)
    }
}

/// Returns the width of a text in columns, and the width that a line of its kind may have.
pub(super) fn line_width(line: &str) -> (usize, usize) {
    let text = Text::new(line);
    text.width(0, text.len())
}

/// Returns the speaking time up to each grapheme, in syllables: an ideograph is one, a word a third of its
/// letters, a digit 1.5; punctuation is a short pause.
fn weights(graphemes: &[Grapheme<'_>]) -> Vec<f64> {
    let mut sums = vec![0.0];
    let mut sum = 0.0;
    let mut rest = graphemes;
    while let Some(first) = rest.first() {
        let count = match first.class {
            Class::Letter => rest.iter().take_while(|grapheme| grapheme.class == Class::Letter).count(),
            Class::Space | Class::Ideographic | Class::Hangul | Class::Digit | Class::Other => 1,
        };
        let weight = match first.class {
            Class::Letter => (count as f64 / 3.0).max(1.0) / count as f64,
            Class::Ideographic | Class::Hangul => 1.0,
            Class::Digit => 1.5,
            Class::Space => 0.0,
            Class::Other if is_sentence_end(first.first()) => 1.0,
            Class::Other if is_clause_end(first.first()) => 0.5,
            Class::Other => 0.0,
        };
        for _ in 0..count {
            sum += weight;
            sums.push(sum);
        }
        rest = &rest[count..];
    }
    sums
}

pub(super) fn is_sentence_end(character: char) -> bool {
    ".!?。！？…‥．｡؟।".contains(character)
}

pub(super) fn is_clause_end(character: char) -> bool {
    ",;:，、；：､،؛—–".contains(character)
}
