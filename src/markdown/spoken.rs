//! Markdown with its structure in words, for screen readers: no signs, no alignment, no colors.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::markdown::layout::Sanitize;
use crate::markdown::prepare::{prepare, restore, restore_code};
use crate::markdown::split::{BlockKind, MarkdownBlock, Splitter};

/// Writes finished blocks of text that arrives piece by piece.
#[derive(Debug)]
pub struct SpokenPrinter {
    splitter: Splitter,
    sanitize: Sanitize,
    /// Whether a code block is open.
    in_code: bool,
}

impl SpokenPrinter {
    /// Returns a printer.
    pub fn new(sanitize: Sanitize) -> Self {
        Self { splitter: Splitter::default(), sanitize, in_code: false }
    }

    /// Takes sanitized text and returns the lines of what is finished.
    pub fn push(&mut self, text: &str) -> String {
        let blocks = self.splitter.push(text);
        self.write(&blocks)
    }

    /// Ends the text and returns the last lines.
    pub fn finish(&mut self) -> String {
        let blocks = self.splitter.finish();
        let mut out = self.write(&blocks);
        self.end_code(&mut out);
        out
    }

    fn write(&mut self, blocks: &[MarkdownBlock]) -> String {
        let mut out = String::new();
        for MarkdownBlock { kind, source } in blocks {
            match kind {
                BlockKind::CodeLine => push_line(&mut out, &(self.sanitize)(source)),
                BlockKind::CodeStart => {
                    self.end_code(&mut out);
                    let language = source.split_whitespace().next();
                    let language = language.map(|name| format!(" in {name}")).unwrap_or_default();
                    push_line(&mut out, &(self.sanitize)(&format!("Code{language}:")));
                    self.in_code = true;
                }
                BlockKind::Markdown | BlockKind::Continuation => {
                    self.end_code(&mut out);
                    let mut block = SpokenBlock { sanitize: self.sanitize, ..SpokenBlock::new(&mut out) };
                    let source = prepare(source);
                    Parser::new_ext(&source, OPTIONS).for_each(|event| block.event(event));
                    block.end_line();
                }
            }
        }
        out
    }

    fn end_code(&mut self, out: &mut String) {
        if std::mem::take(&mut self.in_code) {
            push_line(out, "End of code.");
        }
    }
}

const OPTIONS: Options = Options::ENABLE_TABLES
    .union(Options::ENABLE_STRIKETHROUGH)
    .union(Options::ENABLE_TASKLISTS)
    .union(Options::ENABLE_FOOTNOTES);

fn push_line(out: &mut String, line: &str) {
    out.push_str(line);
    out.push('\n');
}

/// One block while its events arrive.
struct SpokenBlock<'a> {
    out: &'a mut String,
    sanitize: Sanitize,
    /// The line that is being put together, and the words before it.
    line: String,
    prefix: String,
    /// Numbers of the next items of the open lists; none for bullets.
    lists: Vec<Option<u64>>,
    /// Addresses of the open links.
    addresses: Vec<String>,
    /// Headers of a table, the number of the next cell, and the row so far.
    headers: Vec<String>,
    cell: usize,
    row: String,
    in_head: bool,
    in_code: bool,
}

impl<'a> SpokenBlock<'a> {
    fn new(out: &'a mut String) -> Self {
        Self {
            out,
            sanitize: |text| text.into(),
            line: String::new(),
            prefix: String::new(),
            lists: Vec::new(),
            addresses: Vec::new(),
            headers: Vec::new(),
            cell: 0,
            row: String::new(),
            in_head: false,
            in_code: false,
        }
    }

    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => self.push(&restore(&text)),
            Event::Code(text) | Event::InlineMath(text) | Event::DisplayMath(text) => {
                self.push(&restore_code(&text));
            }
            Event::FootnoteReference(label) => self.push(&format!(" (footnote {})", restore(&label))),
            Event::SoftBreak => self.push(" "),
            Event::HardBreak => self.end_line(),
            Event::Rule => push_line(self.out, "Separator."),
            Event::TaskListMarker(is_done) => {
                self.prefix = if is_done { "Done: " } else { "To do: " }.to_owned();
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "other structure is read as its text")]
    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { level, .. } => self.prefix = format!("Heading {}: ", level as usize),
            Tag::BlockQuote(_) => self.begin("Quote: ".to_owned()),
            Tag::CodeBlock(_) => {
                self.begin(String::new());
                push_line(self.out, "Code:");
                self.in_code = true;
            }
            Tag::List(first) => {
                self.end_line();
                self.lists.push(first);
            }
            Tag::Item => {
                let prefix = self.item();
                self.begin(prefix);
            }
            Tag::FootnoteDefinition(label) => self.begin(format!("Footnote {}: ", restore(&label))),
            Tag::Table(columns) => push_line(self.out, &format!("Table with {} columns.", columns.len())),
            Tag::TableHead => self.in_head = true,
            Tag::TableRow => self.cell = 0,
            Tag::Strikethrough => self.push("(deleted: "),
            Tag::Link { dest_url, .. } => self.addresses.push(restore(&dest_url).into_owned()),
            Tag::Image { dest_url, .. } => {
                self.push("image: ");
                self.addresses.push(restore(&dest_url).into_owned());
            }
            _ => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "other structure is read as its text")]
    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::Item => self.end_line(),
            TagEnd::TableRow => {
                self.line = std::mem::take(&mut self.row);
                self.end_line();
            }
            TagEnd::CodeBlock => {
                self.in_code = false;
                push_line(self.out, "End of code.");
            }
            TagEnd::List(_) => {
                self.lists.pop();
            }
            TagEnd::TableHead => self.in_head = false,
            TagEnd::TableCell if self.in_head => self.headers.push(std::mem::take(&mut self.line)),
            TagEnd::TableCell => self.end_cell(),
            TagEnd::Table => push_line(self.out, "End of table."),
            TagEnd::Strikethrough => self.push(")"),
            TagEnd::Link | TagEnd::Image => self.end_link(),
            _ => {}
        }
    }

    /// Returns the words before the next item of the open list.
    fn item(&mut self) -> String {
        let level = match self.lists.len() {
            0 | 1 => String::new(),
            level => format!(", level {level}"),
        };
        match self.lists.last_mut() {
            Some(Some(number)) => {
                *number += 1;
                format!("Item {}{level}: ", *number - 1)
            }
            Some(None) | None => format!("Bullet{level}: "),
        }
    }

    fn end_cell(&mut self) {
        let value = std::mem::take(&mut self.line);
        let header = self.headers.get(self.cell).map_or("", String::as_str);
        let separator = if self.cell == 0 { "" } else { "; " };
        self.row = format!("{}{separator}{header}: {}", self.row, value.trim());
        self.cell += 1;
    }

    /// Adds the address of a link, unless it is the label.
    fn end_link(&mut self) {
        let Some(address) = self.addresses.pop().filter(|address| !self.line.ends_with(address.as_str()))
        else {
            return;
        };
        self.push(&format!(" ({address})"));
    }

    fn push(&mut self, text: &str) {
        let text = (self.sanitize)(text).into_owned();
        if self.in_code {
            self.out.push_str(&text);
        } else {
            self.line.push_str(&text);
        }
    }

    fn begin(&mut self, prefix: String) {
        self.end_line();
        self.prefix = prefix;
    }

    fn end_line(&mut self) {
        let prefix = std::mem::take(&mut self.prefix);
        let line = std::mem::take(&mut self.line);
        let line = format!("{prefix}{}", line.trim());
        let line = line.trim_end();
        if !line.is_empty() {
            push_line(self.out, line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoken(source: &str) -> String {
        let mut printer = SpokenPrinter::new(|text| text.into());
        printer.push(source) + &printer.finish()
    }

    #[test]
    fn structure_is_said_in_words() {
        for (source, expected) in [
            ("## Title\n", "Heading 2: Title\n"),
            ("a **b** `c` *d*\ne", "a b c d e\n"),
            ("* one\n* two\n  - deep\n", "Bullet: one\nBullet: two\nBullet, level 2: deep\n"),
            ("3. one\n4. two\n", "Item 3: one\nItem 4: two\n"),
            ("- [x] one\n- [ ] two\n", "Done: one\nTo do: two\n"),
            ("> said\n", "Quote: said\n"),
            ("[site](https://a.example)", "site (https://a.example)\n"),
            ("<https://a.example>", "https://a.example\n"),
            ("![cat](cat.png)", "image: cat (cat.png)\n"),
            ("a ~~b~~", "a (deleted: b)\n"),
            ("***\n", "Separator.\n"),
            ("**中文。**後文", "中文。後文\n"),
        ] {
            assert_eq!(spoken(source), expected, "{source}");
        }
    }

    #[test]
    fn a_table_is_read_by_row_with_its_headers() {
        let table = "| Name | Size |\n|---|--:|\n| a; b | 1 |\n| c | |\n";
        let expected = "Table with 2 columns.\nName: a; b; Size: 1\nName: c; Size:\nEnd of table.\n";
        assert_eq!(spoken(table), expected);
    }

    #[test]
    fn code_has_a_beginning_and_an_end() {
        let expected = "See:\nCode in sh:\nls  -l\n\nEnd of code.\nDone.\n";
        assert_eq!(spoken("See:\n```sh\nls  -l\n\n```\nDone.\n"), expected);
        assert_eq!(spoken("    ls\n"), "Code:\nls\nEnd of code.\n");
        assert_eq!(spoken("```\nopen"), "Code:\nopen\nEnd of code.\n");
    }

    #[test]
    fn finished_blocks_are_written_at_once() {
        let mut printer = SpokenPrinter::new(|text| text.into());
        assert_eq!(printer.push("# One\ntw"), "Heading 1: One\n");
        assert_eq!(printer.push("o\n\n"), "two\n");
    }
}
