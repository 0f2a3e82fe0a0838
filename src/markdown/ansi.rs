//! Styled lines as text with escape sequences, and a printer that never erases what it has written.

use std::fmt::Write;

use crate::markdown::layout::TextLayout;
use crate::markdown::render::{BlockPlace, MarkdownRenderer};
use crate::markdown::split::{MarkdownBlock, Splitter};
use crate::markdown::style::{Line, Role, Style, Token};

/// What a terminal is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColorLevel {
    /// Bold, italic and the like, but no colors (`NO_COLOR`).
    Monochrome,
    /// The 16 colors of the terminal's own palette, which suit its background.
    Ansi,
}

/// Prints Markdown that arrives piece by piece: a block is written once it is finished, and stays.
#[derive(Debug)]
pub struct Printer {
    level: ColorLevel,
    splitter: Splitter,
    renderer: MarkdownRenderer,
    place: BlockPlace,
}

impl Printer {
    /// Returns a printer at the beginning of a text.
    pub fn new(level: ColorLevel) -> Self {
        let renderer = match level {
            ColorLevel::Monochrome => MarkdownRenderer::default(),
            ColorLevel::Ansi => MarkdownRenderer::highlighting(),
        };
        Self { level, splitter: Splitter::default(), renderer, place: BlockPlace::First }
    }

    /// Takes sanitized text, and returns what can be written to the terminal.
    pub fn push(&mut self, text: &str, layout: &TextLayout) -> String {
        let blocks = self.splitter.push(text);
        self.write(&blocks, layout)
    }

    /// Ends the text, and returns what was held back.
    pub fn finish(&mut self, layout: &TextLayout) -> String {
        let blocks = self.splitter.finish();
        self.write(&blocks, layout)
    }

    fn write(&mut self, blocks: &[MarkdownBlock], layout: &TextLayout) -> String {
        let mut out = String::new();
        for block in blocks {
            for line in &self.renderer.render(block, self.place, layout).lines {
                push_line(&mut out, line, self.level);
                out.push('\n');
            }
            self.place = BlockPlace::Later;
        }
        out
    }
}

/// Appends a line; every span resets its style.
pub fn push_line(out: &mut String, line: &Line, level: ColorLevel) {
    for span in &line.spans {
        let codes = sgr(span.style, level);
        if codes.is_empty() {
            out.push_str(&span.text);
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "\x1b[{}m{}\x1b[0m", codes.join(";"), span.text);
        }
    }
}

/// Returns the parameters of the Select Graphic Rendition sequence (ECMA-48 8.3.117).
fn sgr(style: Style, level: ColorLevel) -> Vec<&'static str> {
    let emphasis = [(style.bold, "1"), (style.italic, "3"), (style.strikethrough, "9")];
    let mut codes: Vec<_> = emphasis.iter().filter(|(is_set, _)| *is_set).map(|(_, code)| *code).collect();
    let (monochrome, color): (&[_], Option<_>) = match style.role {
        Role::Text => (&[], None),
        Role::Heading(1) => (&["4"], Some("35")),
        Role::Heading(2) => (&[], Some("35")),
        Role::Heading(_) => (&["3"], Some("35")),
        Role::InlineCode => (&[], Some("36")),
        Role::Link => (&["4"], None),
        Role::Secondary | Role::Marker => (&["2"], None),
        Role::Code(Token::Plain) => (&[], None),
        Role::Code(Token::Comment) => (&["2"], None),
        Role::Code(Token::String | Token::Inserted) => (&[], Some("32")),
        Role::Code(Token::Constant) => (&[], Some("33")),
        Role::Code(Token::Keyword) => (&[], Some("35")),
        Role::Code(Token::Function) => (&[], Some("34")),
        Role::Code(Token::Type) => (&[], Some("36")),
        Role::Code(Token::Deleted) => (&[], Some("31")),
    };
    codes.extend(monochrome);
    match (level, color) {
        (ColorLevel::Ansi, Some(color)) => codes.push(color),
        // Code in running text must be distinguishable from the text around it.
        (ColorLevel::Monochrome, Some(_)) if style.role == Role::InlineCode && !style.bold => codes.push("1"),
        (ColorLevel::Ansi | ColorLevel::Monochrome, _) => {}
    }
    codes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::markdown::fixture::layout;

    fn printed(source: &str, level: ColorLevel) -> String {
        let mut printer = Printer::new(level);
        printer.push(source, &layout(40)) + &printer.finish(&layout(40))
    }

    #[test]
    fn styles_are_escape_sequences_that_end_with_their_span() {
        assert_eq!(printed("a **b** c", ColorLevel::Ansi), "a \x1b[1mb\x1b[0m c\n");
        assert_eq!(printed("# a", ColorLevel::Ansi), "\x1b[1;4;35ma\x1b[0m\n");
        assert_eq!(printed("`a` ***b***", ColorLevel::Ansi), "\x1b[36ma\x1b[0m \x1b[1;3mb\x1b[0m\n");
    }

    #[test]
    fn monochrome_text_has_emphasis_and_no_colors() {
        assert_eq!(printed("# a", ColorLevel::Monochrome), "\x1b[1;4ma\x1b[0m\n");
        assert_eq!(printed("`a`", ColorLevel::Monochrome), "\x1b[1ma\x1b[0m\n");
    }

    #[test]
    fn a_block_is_printed_once_it_is_finished() {
        let mut printer = Printer::new(ColorLevel::Monochrome);
        assert_eq!(printer.push("one\n\ntwo", &layout(40)), "one\n");
        assert_eq!(printer.push(" more\n", &layout(40)), "");
        assert_eq!(printer.push("\n~~~\nx", &layout(40)), "\ntwo more\n\n");
        assert_eq!(printer.push("y\nz", &layout(40)), "xy\n");
        assert_eq!(printer.finish(&layout(40)), "z\n");
    }
}
