//! One block of Markdown: the parser's events become lines.

use std::borrow::Cow;

use pulldown_cmark::{BrokenLink, CodeBlockKind, CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use crate::markdown::layout::TextLayout;
use crate::markdown::prepare::{prepare, restore, restore_code};
use crate::markdown::render::{MarkdownRenderer, Rendered};
use crate::markdown::style::{Line, Role, Style};
use crate::markdown::styled_runs::StyledRuns;
use crate::markdown::table::Table;
use crate::markdown::wrap::width;

/// Text keeps at least so many columns; lists and quotes nested deeper are not indented any further.
const NARROWEST_TEXT: usize = 6;

/// Lists and quotes nested deeper than this are not indented any further.
const DEEPEST: usize = 16;

/// Renders the source of one block, and takes its link reference definitions.
pub(super) fn render(source: &str, layout: &TextLayout, renderer: &mut MarkdownRenderer) -> Rendered {
    let source = prepare(source);
    let mut undefined = false;
    let mut resolve = |link: BrokenLink<'_>| -> Option<(CowStr<'_>, CowStr<'_>)> {
        let address = renderer.definitions.get(&restore(&link.reference)).cloned();
        undefined |= address.is_none();
        address.map(|address| (address.into(), "".into()))
    };
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES;
    let parser = Parser::new_with_broken_link_callback(&source, options, Some(&mut resolve));
    let mut defined: Vec<_> = parser
        .reference_definitions()
        .iter()
        .map(|(label, definition)| {
            (definition.span.start, restore(label).into_owned(), restore(&definition.dest).into_owned())
        })
        .collect();
    let events: Vec<Event<'_>> = parser.collect();
    defined.sort();
    let mut writer = BlockWriter::new(layout, renderer, list_lengths(&events));
    events.into_iter().for_each(|event| writer.event(event));
    for (_, label, address) in &defined {
        writer.renderer.definitions.insert(label, address);
        writer.definition(label, address);
    }
    Rendered { lines: writer.lines, undefined }
}

/// Returns the number of items of each list, in the order in which the lists begin.
fn list_lengths(events: &[Event<'_>]) -> Vec<u64> {
    let (mut lengths, mut open): (Vec<u64>, Vec<usize>) = (Vec::new(), Vec::new());
    for event in events {
        if let Event::Start(Tag::List(_)) = event {
            open.push(lengths.len());
            lengths.push(0);
        } else if let Event::End(TagEnd::List(_)) = event {
            open.pop();
        } else if let (Event::Start(Tag::Item), Some(list)) = (event, open.last()) {
            lengths[*list] += 1;
        }
    }
    lengths
}

/// What indents the lines within it.
#[derive(Debug)]
enum Container {
    Quote,
    /// An item of a list, or a footnote: its marker stands in front of the first line.
    Item {
        marker: String,
        is_written: bool,
    },
    /// One that is nested too deeply to be indented.
    Flat,
}

#[derive(Debug)]
struct List {
    next: Option<u64>,
    number_width: usize,
}

struct BlockWriter<'a> {
    layout: &'a TextLayout,
    renderer: &'a mut MarkdownRenderer,
    lines: Vec<Line>,
    containers: Vec<Container>,
    lists: Vec<List>,
    lengths: std::vec::IntoIter<u64>,
    /// The paragraph, heading or cell that is being read, and its styles.
    text: StyledRuns,
    styles: Vec<Style>,
    /// Addresses of the open links and images, each with the place at which its label begins.
    links: Vec<(String, usize)>,
    code: Option<String>,
    table: Option<Table>,
    /// A line break of the source that is a space unless Chinese or Japanese text surrounds it.
    soft_break: bool,
    /// Whether a blank line separates what follows.
    gap: bool,
}

impl<'a> BlockWriter<'a> {
    fn new(layout: &'a TextLayout, renderer: &'a mut MarkdownRenderer, lengths: Vec<u64>) -> Self {
        Self {
            layout,
            renderer,
            lines: Vec::new(),
            containers: Vec::new(),
            lists: Vec::new(),
            lengths: lengths.into_iter(),
            text: StyledRuns::default(),
            styles: Vec::new(),
            links: Vec::new(),
            code: None,
            table: None,
            soft_break: false,
            gap: false,
        }
    }

    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => match &mut self.code {
                Some(code) => code.push_str(&restore(&text)),
                None => self.push(&restore(&text), self.style()),
            },
            Event::Code(text) | Event::InlineMath(text) | Event::DisplayMath(text) => {
                self.push(&restore_code(&text), Style { role: Role::InlineCode, ..self.style() });
            }
            Event::Html(text) | Event::InlineHtml(text) => self.push(&restore(&text), self.style()),
            Event::FootnoteReference(label) => {
                self.push(&format!("[^{}]", restore(&label)), Style::of(Role::Secondary));
            }
            Event::SoftBreak => self.soft_break = true,
            Event::HardBreak => self.text.push("\n", Style::default()),
            Event::Rule => {
                self.separate();
                let mut line = Line::default();
                line.push(&self.layout.glyphs.rule().repeat(self.columns()), Style::of(Role::Marker));
                self.emit(vec![line]);
                self.gap = true;
            }
            Event::TaskListMarker(is_done) => {
                if let Some(Container::Item { marker, is_written: false }) = self.containers.last_mut() {
                    *marker = if is_done { "[x] " } else { "[ ] " }.to_owned();
                }
            }
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph | Tag::HtmlBlock => {
                self.finish_text();
                self.separate();
            }
            Tag::Heading { level, .. } => {
                self.finish_text();
                self.separate();
                self.styles.push(Style { bold: true, ..Style::of(Role::Heading(depth(level))) });
            }
            Tag::BlockQuote(_) => {
                self.finish_text();
                self.separate();
                self.open(Container::Quote);
            }
            Tag::FootnoteDefinition(label) => {
                self.finish_text();
                self.separate();
                self.open(Container::Item { marker: format!("[^{}]: ", restore(&label)), is_written: false });
            }
            Tag::List(first) => self.start_list(first),
            Tag::Item => self.start_item(),
            Tag::CodeBlock(kind) => self.start_code(&kind),
            Tag::Table(alignments) => {
                self.finish_text();
                self.separate();
                self.table = Some(Table::new(alignments));
            }
            Tag::TableHead => {
                self.begin_row();
                self.styles.push(Style { bold: true, ..self.style() });
            }
            Tag::TableRow => self.begin_row(),
            Tag::Emphasis => self.styles.push(Style { italic: true, ..self.style() }),
            Tag::Strong => self.styles.push(Style { bold: true, ..self.style() }),
            Tag::Strikethrough => self.styles.push(Style { strikethrough: true, ..self.style() }),
            Tag::Link { dest_url, .. } => {
                self.open_link(&dest_url);
                self.styles.push(Style { role: Role::Link, ..self.style() });
            }
            Tag::Image { dest_url, .. } => {
                self.push("[image: ", Style::of(Role::Secondary));
                self.open_link(&dest_url);
                self.styles.push(Style { role: Role::Link, ..self.style() });
            }
            Tag::TableCell
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::Superscript
            | Tag::Subscript
            | Tag::MetadataBlock(_) => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::HtmlBlock => {
                self.finish_text();
                self.gap = true;
            }
            TagEnd::Heading(_) => {
                self.styles.pop();
                self.finish_text();
                self.gap = true;
            }
            TagEnd::BlockQuote(_) | TagEnd::FootnoteDefinition => {
                self.finish_text();
                self.containers.pop();
                self.gap = true;
            }
            TagEnd::List(_) => {
                self.lists.pop();
                self.gap = true;
            }
            TagEnd::Item => self.end_item(),
            TagEnd::CodeBlock => self.end_code(),
            TagEnd::Table => {
                if let Some(table) = self.table.take() {
                    self.emit(table.lines(self.layout, self.columns()));
                }
                self.gap = true;
            }
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.text);
                if let Some(table) = &mut self.table {
                    table.push_cell(cell);
                }
            }
            TagEnd::TableHead | TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough => {
                self.styles.pop();
            }
            TagEnd::Link => self.end_link(),
            TagEnd::Image => self.end_image(),
            TagEnd::TableRow
            | TagEnd::DefinitionList
            | TagEnd::DefinitionListTitle
            | TagEnd::DefinitionListDefinition
            | TagEnd::Superscript
            | TagEnd::Subscript
            | TagEnd::MetadataBlock(_) => {}
        }
    }

    fn start_list(&mut self, first: Option<u64>) {
        self.finish_text();
        self.separate();
        let length = self.lengths.next().unwrap_or_default();
        let last = first.map(|first| first.saturating_add(length.saturating_sub(1)));
        let number_width = last.map_or(0, |last| last.to_string().len());
        self.lists.push(List { next: first, number_width });
    }

    fn start_item(&mut self) {
        self.finish_text();
        let marker = match self.lists.last_mut() {
            Some(List { next: Some(number), number_width }) => {
                let marker = format!("{number:>number_width$}. ");
                *number = number.saturating_add(1);
                marker
            }
            Some(List { next: None, .. }) | None => self.layout.glyphs.bullet().to_owned(),
        };
        self.open(Container::Item { marker, is_written: false });
    }

    fn end_item(&mut self) {
        self.finish_text();
        if let Some(Container::Item { is_written: false, .. }) = self.containers.last() {
            self.emit(vec![Line::default()]);
        }
        self.containers.pop();
    }

    fn start_code(&mut self, kind: &CodeBlockKind<'_>) {
        self.finish_text();
        self.separate();
        let info = match kind {
            CodeBlockKind::Fenced(info) => self.clean(&restore(info)).into_owned(),
            CodeBlockKind::Indented => String::new(),
        };
        let label = self.renderer.begin_code(&info, &self.inner());
        self.emit(label);
        self.code = Some(String::new());
    }

    fn end_code(&mut self) {
        let code = self.code.take().unwrap_or_default();
        let layout = self.inner();
        for line in code.lines() {
            let lines = self.renderer.code_line(&self.clean(line), &layout);
            self.emit(lines);
        }
        self.gap = true;
    }

    fn begin_row(&mut self) {
        if let Some(table) = &mut self.table {
            table.begin_row();
        }
    }

    fn open_link(&mut self, address: &str) {
        self.flush_soft_break("");
        self.links.push((restore(address).into_owned(), self.text.as_str().len()));
    }

    /// The address stays visible: a label alone could lie.
    fn end_link(&mut self) {
        self.styles.pop();
        let Some((address, start)) = self.links.pop() else { return };
        let label = self.text.as_str()[start..].to_owned();
        if label != address {
            let address = if label.is_empty() { address } else { format!(" ({address})") };
            self.push(&address, Style::of(Role::Secondary));
        }
    }

    fn end_image(&mut self) {
        self.styles.pop();
        if let Some((address, _)) = self.links.pop() {
            self.push(&format!("]({address})"), Style::of(Role::Secondary));
        }
    }

    /// Shows a definition, because the text that refers to it may be above it and drawn already.
    fn definition(&mut self, label: &str, address: &str) {
        let style = Style::of(Role::Secondary);
        let text = format!("[{label}]: {address}");
        self.push(&text, style);
        self.finish_text();
    }

    fn push(&mut self, text: &str, style: Style) {
        let text = (self.layout.sanitize)(text);
        self.flush_soft_break(&text);
        self.text.push(&text, style);
    }

    fn flush_soft_break(&mut self, next: &str) {
        if std::mem::take(&mut self.soft_break) {
            let before = self.text.as_str().chars().next_back();
            let is_wide = |character: Option<char>| {
                character.is_some_and(|character| width(character.encode_utf8(&mut [0; 4])) == 2)
            };
            if !(is_wide(before) && is_wide(next.chars().next())) {
                self.text.push(" ", self.style());
            }
        }
    }

    /// Writes the text that was read; tight items of a list hold text without a paragraph around it.
    fn finish_text(&mut self) {
        self.soft_break = false;
        let text = std::mem::take(&mut self.text);
        if !text.is_empty() {
            self.emit(text.wrap(self.columns()));
            self.gap = false;
        }
    }

    /// Writes the blank line between blocks.
    fn separate(&mut self) {
        if std::mem::take(&mut self.gap) && !self.lines.is_empty() {
            let mut line = Line::default();
            for container in &self.containers {
                match container {
                    Container::Quote => line.push(self.layout.glyphs.quote(), Style::of(Role::Marker)),
                    Container::Item { marker, .. } => line.push(&blank(marker), Style::default()),
                    Container::Flat => {}
                }
            }
            self.lines.push(trimmed(line));
        }
    }

    fn emit(&mut self, lines: Vec<Line>) {
        for content in lines {
            let mut line = Line::default();
            for container in &mut self.containers {
                match container {
                    Container::Quote => line.push(self.layout.glyphs.quote(), Style::of(Role::Marker)),
                    Container::Item { marker, is_written: true } => {
                        line.push(&blank(marker), Style::default());
                    }
                    Container::Item { marker, is_written } => {
                        *is_written = true;
                        line.push(marker, Style::of(Role::Marker));
                    }
                    Container::Flat => {}
                }
            }
            line.append(content);
            self.lines.push(trimmed(line));
        }
    }

    fn open(&mut self, container: Container) {
        let columns = self.columns().checked_sub(indent(&container, self.layout));
        let fits = columns.is_some_and(|columns| columns >= NARROWEST_TEXT);
        let is_shallow = self.containers.len() < DEEPEST;
        self.containers.push(if fits && is_shallow { container } else { Container::Flat });
    }

    fn columns(&self) -> usize {
        let indents = self.containers.iter().map(|container| indent(container, self.layout));
        self.layout.columns.saturating_sub(indents.sum())
    }

    /// Returns the layout within the open containers.
    fn inner(&self) -> TextLayout {
        TextLayout { columns: self.columns(), ..*self.layout }
    }

    fn style(&self) -> Style {
        self.styles.last().copied().unwrap_or_default()
    }

    fn clean<'t>(&self, text: &'t str) -> Cow<'t, str> {
        (self.layout.sanitize)(text)
    }
}

fn indent(container: &Container, layout: &TextLayout) -> usize {
    match container {
        Container::Quote => width(layout.glyphs.quote()),
        Container::Item { marker, .. } => width(marker),
        Container::Flat => 0,
    }
}

fn blank(marker: &str) -> String {
    " ".repeat(width(marker))
}

/// Returns a line without spaces at its end, which would be copied with it.
fn trimmed(mut line: Line) -> Line {
    while let Some(last) = line.spans.last_mut() {
        last.text.truncate(last.text.trim_end_matches(' ').len());
        if !last.text.is_empty() {
            break;
        }
        line.spans.pop();
    }
    line
}

fn depth(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}
