//! An answer that grows: finished blocks are rendered once for a width, only the open block again and again.

use crate::markdown::layout::TextLayout;
use crate::markdown::render::{BlockPlace, MarkdownRenderer, Rendered};
use crate::markdown::split::{MarkdownBlock, Splitter};
use crate::markdown::style::Line;

/// Markdown text and its lines. The source is the truth: what is drawn is never copied or saved.
#[derive(Debug, Default)]
pub struct Document {
    source: String,
    splitter: Splitter,
    renderer: MarkdownRenderer,
    finished: Vec<MarkdownBlock>,
    /// The lines of the finished blocks that were rendered, for the width in `columns`.
    rendered: Vec<Rendered>,
    /// Number of lines up to the end of each of them.
    line_ends: Vec<usize>,
    columns: usize,
    /// Whether links are to be resolved whose definition came after them.
    is_complete: bool,
    /// The lines of what is open, until more text arrives.
    open: Option<Vec<Line>>,
}

impl Document {
    /// Returns an empty document that highlights code.
    pub fn highlighting() -> Self {
        Self { renderer: MarkdownRenderer::highlighting(), ..Self::default() }
    }

    /// Appends sanitized text.
    pub fn push(&mut self, text: &str) {
        self.source.push_str(text);
        self.finished.extend(self.splitter.push(text));
        self.open = None;
    }

    /// Ends the text. The next layout resolves links whose definition came after them.
    pub fn finish(&mut self) {
        self.finished.extend(self.splitter.finish());
        self.open = None;
        self.is_complete = true;
    }

    /// Returns the source text.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Brings the lines up to date with the text and the width; all of them are rendered again only after a
    /// change of the width.
    pub fn lay_out(&mut self, layout: &TextLayout) {
        if self.columns != layout.columns {
            self.columns = layout.columns;
            self.rendered.clear();
            self.line_ends.clear();
            self.open = None;
        }
        for index in self.rendered.len()..self.finished.len() {
            let rendered = self.renderer.render(&self.finished[index], place(index), layout);
            self.rendered.push(rendered);
        }
        if std::mem::take(&mut self.is_complete) {
            let undefined = self.rendered.iter_mut().enumerate().filter(|(_, rendered)| rendered.undefined);
            for (index, rendered) in undefined {
                *rendered = self.renderer.render(&self.finished[index], place(index), layout);
            }
            self.line_ends.clear();
        }
        for rendered in &self.rendered[self.line_ends.len()..] {
            self.line_ends.push(self.finished_lines() + rendered.lines.len());
        }
        if self.open.is_none() {
            // Definitions in an open block are not final.
            let mut renderer = self.renderer.fork();
            let blocks = self.splitter.open_blocks();
            let places = (self.finished.len()..).map(place);
            let rendered = blocks
                .iter()
                .zip(places)
                .flat_map(|(block, place)| renderer.render(block, place, layout).lines);
            self.open = Some(rendered.collect());
        }
    }

    /// Returns the number of lines of the last layout.
    pub fn line_count(&self) -> usize {
        self.finished_lines() + self.open.as_ref().map_or(0, Vec::len)
    }

    /// Returns the lines of the last layout from `start` on. What is before them costs nothing.
    pub fn lines_from(&self, start: usize) -> impl Iterator<Item = &Line> {
        let block = self.line_ends.partition_point(|end| *end <= start);
        let before = block.checked_sub(1).map_or(0, |last| self.line_ends[last]);
        let finished = self.rendered[block..].iter().flat_map(|rendered| &rendered.lines);
        finished.chain(self.open.iter().flatten()).skip(start - before)
    }

    fn finished_lines(&self) -> usize {
        self.line_ends.last().copied().unwrap_or_default()
    }
}

fn place(index: usize) -> BlockPlace {
    if index == 0 { BlockPlace::First } else { BlockPlace::Later }
}

#[cfg(test)]
mod tests;
