//! Finds the ends of top-level blocks in text that arrives piece by piece, from its lines alone.
//!
//! A block may be held longer than necessary, never cut where `CommonMark` sees one block. Two exceptions: a
//! fenced code block is handed out line by line, and a block of more than `LIMIT` bytes in pieces.

mod line;

use line::{Fence, Marker, indent};

/// The longest open block, in bytes: it is parsed again whenever it grows. Single items of a list are not cut,
/// and the next piece of a table begins with its header again.
const LIMIT: usize = 16 << 10;

/// A part of the text that changes no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkdownBlock {
    /// What it is.
    pub kind: BlockKind,
    /// Its source; for code only the info string or the line.
    pub source: String,
}

/// What a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKind {
    /// One or more blocks of Markdown.
    Markdown,
    /// A piece of the same block as the one before it.
    Continuation,
    /// The beginning of a fenced code block: its info string.
    CodeStart,
    /// A line of code.
    CodeLine,
}

/// Cuts text into blocks. The text must be sanitized: lines end in `\n`.
#[derive(Clone, Debug, Default)]
pub struct Splitter {
    state: State,
    /// The complete lines of the open block.
    open: String,
    /// The line that is not complete.
    tail: String,
    /// Whether the beginning of the open block was handed out already.
    is_continued: bool,
}

/// What the open block is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// There is none.
    #[default]
    Between,
    /// A paragraph, a quote, a table, indented code or HTML: it ends at a blank line.
    Text,
    /// A list or a footnote. A line that is indented to `content` belongs to its last item.
    List { content: usize, after_blank: bool },
    /// Fenced code.
    Code(Fence),
}

impl Splitter {
    /// Takes more text, and returns what is finished.
    pub fn push(&mut self, text: &str) -> Vec<MarkdownBlock> {
        let mut blocks = Vec::new();
        let mut rest = text;
        while let Some((line, after)) = rest.split_once('\n') {
            let tail = std::mem::take(&mut self.tail);
            if tail.is_empty() {
                self.line(line, &mut blocks);
            } else {
                self.line(&(tail + line), &mut blocks);
            }
            rest = after;
        }
        self.tail.push_str(rest);
        if self.tail.len() > LIMIT {
            self.cut_tail(&mut blocks);
        }
        blocks
    }

    /// Ends the text, and returns what was open.
    pub fn finish(&mut self) -> Vec<MarkdownBlock> {
        let mut blocks = Vec::new();
        let tail = std::mem::take(&mut self.tail);
        if !tail.is_empty() {
            self.line(&tail, &mut blocks);
        }
        self.close(&mut blocks);
        self.state = State::Between;
        blocks
    }

    /// Returns what is open as if the text ended here, without the marks that something seems to begin with.
    pub fn open_blocks(&self) -> Vec<MarkdownBlock> {
        let mut copy = self.clone();
        if !matches!(self.state, State::Code(_)) {
            copy.tail.truncate(line::without_open_marks(&self.tail).len());
        }
        copy.finish()
    }

    fn line(&mut self, line: &str, blocks: &mut Vec<MarkdownBlock>) {
        match self.state {
            State::Code(fence) if fence.is_closed_by(line) => self.state = State::Between,
            State::Code(fence) => blocks.push(code_line(fence.without_indent(line))),
            State::Between | State::Text | State::List { .. } => self.line_of_text(line, blocks),
        }
    }

    fn line_of_text(&mut self, line: &str, blocks: &mut Vec<MarkdownBlock>) {
        if line.trim().is_empty() {
            return self.blank(blocks);
        }
        if self.belongs_to_item(line) {
            return self.append(line, self.state_within_item());
        }
        if let Some(fence) = Fence::opening(line) {
            self.close(blocks);
            blocks.push(MarkdownBlock { kind: BlockKind::CodeStart, source: fence.info(line).to_owned() });
            self.state = State::Code(fence);
        } else if self.state == State::Text && line::is_setext_underline(line) {
            self.append(line, State::Text);
            self.close(blocks);
        } else if line::is_heading(line) || line::is_rule(line) {
            self.close(blocks);
            self.append(line, State::Text);
            self.close(blocks);
        } else if let Some(marker) = Marker::of(line) {
            self.item(line, marker, blocks);
        } else {
            self.other(line, blocks);
        }
    }

    fn blank(&mut self, blocks: &mut Vec<MarkdownBlock>) {
        match self.state {
            State::List { content, .. } => {
                self.append("", State::List { content, after_blank: true });
            }
            State::Between | State::Text | State::Code(_) => self.close(blocks),
        }
    }

    fn item(&mut self, line: &str, marker: Marker, blocks: &mut Vec<MarkdownBlock>) {
        let list = State::List { content: marker.content, after_blank: false };
        match self.state {
            State::Text if !marker.can_interrupt => return self.append(line, State::Text),
            State::List { .. } if self.open.len() > LIMIT => self.cut(blocks),
            State::List { .. } => {}
            State::Between | State::Text | State::Code(_) => self.close(blocks),
        }
        self.append(line, list);
    }

    /// A line that begins nothing: it continues a paragraph, even that of a list's last item, unless a blank
    /// line is between them.
    fn other(&mut self, line: &str, blocks: &mut Vec<MarkdownBlock>) {
        match self.state {
            State::List { after_blank: false, .. } => self.append(line, self.state),
            State::List { after_blank: true, .. } => {
                self.close(blocks);
                self.begin(line);
            }
            State::Text if self.open.len() > LIMIT => {
                let header = line::table_header(&self.open).to_owned();
                self.cut(blocks);
                self.open = header;
                self.append(line, State::Text);
            }
            State::Text => self.append(line, State::Text),
            State::Between | State::Code(_) => self.begin(line),
        }
    }

    fn begin(&mut self, line: &str) {
        let state = match line::is_footnote(line) {
            true => State::List { content: line::FOOTNOTE_INDENT, after_blank: false },
            false => State::Text,
        };
        self.append(line, state);
    }

    fn belongs_to_item(&self, line: &str) -> bool {
        matches!(self.state, State::List { content, .. } if indent(line) >= content)
    }

    fn state_within_item(&self) -> State {
        match self.state {
            State::List { content, .. } => State::List { content, after_blank: false },
            State::Between | State::Text | State::Code(_) => self.state,
        }
    }

    fn append(&mut self, line: &str, state: State) {
        self.open.push_str(line);
        self.open.push('\n');
        self.state = state;
    }

    /// Ends the open block.
    fn close(&mut self, blocks: &mut Vec<MarkdownBlock>) {
        self.cut(blocks);
        self.is_continued = false;
        self.state = State::Between;
    }

    /// Hands out what there is of the open block; the rest is its continuation.
    fn cut(&mut self, blocks: &mut Vec<MarkdownBlock>) {
        let source = std::mem::take(&mut self.open);
        if !source.trim().is_empty() {
            let kind = if self.is_continued { BlockKind::Continuation } else { BlockKind::Markdown };
            blocks.push(MarkdownBlock { kind, source });
            self.is_continued = true;
        }
    }

    /// Cuts a line that is too long to wait for its end.
    fn cut_tail(&mut self, blocks: &mut Vec<MarkdownBlock>) {
        let bound = self.tail.floor_char_boundary(LIMIT);
        let at = self.tail[..bound].rfind(' ').map_or(bound, |space| space + 1);
        match self.state {
            State::Code(_) => {
                let rest = self.tail.split_off(at);
                blocks.push(code_line(&std::mem::replace(&mut self.tail, rest)));
            }
            State::Between | State::Text => {
                let rest = self.tail.split_off(at);
                let line = std::mem::replace(&mut self.tail, rest);
                self.append(&line, State::Text);
                self.cut(blocks);
            }
            State::List { .. } => {}
        }
    }
}

fn code_line(line: &str) -> MarkdownBlock {
    MarkdownBlock { kind: BlockKind::CodeLine, source: line.to_owned() }
}

#[cfg(test)]
mod tests;
