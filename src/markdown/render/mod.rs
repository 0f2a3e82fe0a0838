//! Blocks as styled lines.

mod block;

use std::collections::HashMap;

use crate::markdown::code;
use crate::markdown::highlight::{Highlighter, PATIENCE};
use crate::markdown::layout::TextLayout;
use crate::markdown::split::{BlockKind, MarkdownBlock};
use crate::markdown::style::{Line, Role, Style};
use crate::markdown::styled_runs::StyledRuns;

/// Renders the blocks of one text. Link reference definitions are known from their block on.
#[derive(Debug, Default)]
pub struct MarkdownRenderer {
    definitions: Definitions,
    highlighter: Option<Highlighter>,
}

/// Where a block stands in its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockPlace {
    /// Nothing is above it.
    First,
    /// Something is.
    Later,
}

/// The lines of a block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// The lines, with the blank line in front of the block.
    pub lines: Vec<Line>,
    /// Labels in brackets that no definition is known for yet.
    pub undefined: bool,
}

impl MarkdownRenderer {
    /// Returns a renderer that highlights code.
    pub fn highlighting() -> Self {
        Self { definitions: Definitions::default(), highlighter: Some(Highlighter::new(PATIENCE)) }
    }

    /// Returns a renderer for the blocks that follow, which may still change: it does not highlight code.
    pub(super) fn fork(&self) -> Self {
        Self { definitions: self.definitions.clone(), highlighter: None }
    }

    /// Renders a finished block.
    pub fn render(&mut self, block: &MarkdownBlock, place: BlockPlace, layout: &TextLayout) -> Rendered {
        let mut rendered = self.without_gap(block, layout);
        let has_gap = match block.kind {
            BlockKind::Markdown => !rendered.lines.is_empty(),
            BlockKind::CodeStart => true,
            BlockKind::Continuation | BlockKind::CodeLine => false,
        };
        if has_gap && place == BlockPlace::Later {
            rendered.lines.insert(0, Line::default());
        }
        rendered
    }

    fn without_gap(&mut self, block: &MarkdownBlock, layout: &TextLayout) -> Rendered {
        let lines = match block.kind {
            BlockKind::Markdown | BlockKind::Continuation => {
                return block::render(&block.source, layout, self);
            }
            BlockKind::CodeStart => self.begin_code(&block.source, layout),
            BlockKind::CodeLine => self.code_line(&block.source, layout),
        };
        Rendered { lines, undefined: false }
    }

    /// Begins a code block, and returns the line that names its language.
    fn begin_code(&mut self, info: &str, layout: &TextLayout) -> Vec<Line> {
        let separators = |character: char| character.is_whitespace() || ",{".contains(character);
        let language = info.split(separators).next().unwrap_or_default();
        if let Some(highlighter) = &mut self.highlighter {
            highlighter.begin(language);
        }
        let mut text = StyledRuns::default();
        text.push(language, Style::of(Role::Secondary));
        if text.is_empty() { Vec::new() } else { text.wrap(layout.columns) }
    }

    fn code_line(&mut self, line: &str, layout: &TextLayout) -> Vec<Line> {
        let parts = self.highlighter.as_mut().map(|highlighter| highlighter.line(line)).unwrap_or_default();
        code::lines(&code::styled(line, &parts), layout)
    }
}

/// Link reference definitions by label.
#[derive(Clone, Debug, Default)]
struct Definitions(HashMap<String, String>);

impl Definitions {
    fn insert(&mut self, label: &str, address: &str) {
        self.0.entry(normalized(label)).or_insert_with(|| address.to_owned());
    }

    fn get(&self, label: &str) -> Option<&String> {
        self.0.get(&normalized(label))
    }
}

/// Labels match without regard to case and to the length of white space.
fn normalized(label: &str) -> String {
    label.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
