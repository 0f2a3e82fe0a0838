//! Styled lines as text with escape sequences, and a printer that never erases what it has written.

use std::fmt::Write;

use crate::markdown::render::{Layout, Place, Renderer};
use crate::markdown::split::{Block, Splitter};
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
#[derive(Clone, Debug)]
pub struct Printer {
    level: ColorLevel,
    splitter: Splitter,
    renderer: Renderer,
    place: Place,
}

impl Printer {
    /// Returns a printer at the beginning of a text.
    pub fn new(level: ColorLevel) -> Self {
        Self { level, splitter: Splitter::default(), renderer: Renderer::default(), place: Place::First }
    }

    /// Takes sanitized text, and returns what can be written to the terminal.
    pub fn push(&mut self, text: &str, layout: &Layout) -> String {
        let blocks = self.splitter.push(text);
        self.write(&blocks, layout)
    }

    /// Ends the text, and returns what was held back.
    pub fn finish(&mut self, layout: &Layout) -> String {
        let blocks = self.splitter.finish();
        self.write(&blocks, layout)
    }

    fn write(&mut self, blocks: &[Block], layout: &Layout) -> String {
        let mut out = String::new();
        for block in blocks {
            for line in &self.renderer.render(block, self.place, layout).lines {
                push_line(&mut out, line, self.level);
                out.push('\n');
            }
            self.place = Place::Later;
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
        // Code in running text is to be told from the text around it.
        (ColorLevel::Monochrome, Some(_)) if style.role == Role::InlineCode && !style.bold => codes.push("1"),
        (ColorLevel::Ansi | ColorLevel::Monochrome, _) => {}
    }
    codes
}
