//! What a single line begins or ends, as far as top-level blocks are concerned.

/// A line that is indented further is not the beginning of a block but code, or goes on with a paragraph.
const MAX_INDENT: usize = 3;

/// What goes on with a footnote is indented so far.
pub(super) const FOOTNOTE_INDENT: usize = 4;

/// The fence of a code block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fence {
    mark: char,
    length: usize,
    indent: usize,
}

impl Fence {
    pub(super) fn opening(line: &str) -> Option<Self> {
        let indent = shallow_indent(line)?;
        let text = line.trim_start();
        let mark = text.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
        let length = text.len() - text.trim_start_matches(mark).len();
        let is_fence = length >= 3 && !(mark == '`' && text[length..].contains('`'));
        is_fence.then_some(Self { mark, length, indent })
    }

    pub(super) fn is_closed_by(self, line: &str) -> bool {
        let text = line.trim();
        shallow_indent(line).is_some()
            && text.len() >= self.length
            && text.trim_start_matches(self.mark).is_empty()
    }

    /// Returns what follows the opening fence.
    pub(super) fn info(self, line: &str) -> &str {
        line.trim_start().trim_start_matches(self.mark).trim()
    }

    /// Returns a line of code without the indentation of its fence.
    pub(super) fn without_indent(self, line: &str) -> &str {
        let spaces = line.bytes().take(self.indent).take_while(|byte| *byte == b' ').count();
        &line[spaces..]
    }
}

/// The beginning of an item of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marker {
    /// The column at which the text of the item begins.
    pub(super) content: usize,
    /// Whether it begins a list right after a line of a paragraph.
    pub(super) can_interrupt: bool,
}

impl Marker {
    pub(super) fn of(line: &str) -> Option<Self> {
        let indent = shallow_indent(line)?;
        let text = line.trim_start();
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (length, is_first) = match text.as_bytes().get(digits)? {
            b'-' | b'+' | b'*' if digits == 0 => (1, true),
            b'.' | b')' if (1..10).contains(&digits) => (digits + 1, text[..digits].parse() == Ok(1)),
            _ => return None,
        };
        let rest = &text[length..];
        if !rest.is_empty() && !rest.starts_with([' ', '\t']) {
            return None;
        }
        let (is_empty, spaces) = (rest.trim().is_empty(), self::indent(rest));
        let space = if is_empty || spaces > 4 { 1 } else { spaces };
        Some(Self { content: indent + length + space, can_interrupt: is_first && !is_empty })
    }
}

/// Returns the columns of white space at the beginning of a line; a tab goes to the next multiple of four.
pub(super) fn indent(line: &str) -> usize {
    let white = line.chars().take_while(|character| matches!(character, ' ' | '\t'));
    white.fold(0, |column, character| if character == '\t' { (column / 4 + 1) * 4 } else { column + 1 })
}

fn shallow_indent(line: &str) -> Option<usize> {
    Some(indent(line)).filter(|indent| *indent <= MAX_INDENT)
}

pub(super) fn is_heading(line: &str) -> bool {
    let text = line.trim_start();
    let level = text.len() - text.trim_start_matches('#').len();
    let rest = &text[level..];
    shallow_indent(line).is_some()
        && (1..=6).contains(&level)
        && (rest.is_empty() || rest.starts_with([' ', '\t']))
}

pub(super) fn is_setext_underline(line: &str) -> bool {
    let text = line.trim();
    shallow_indent(line).is_some()
        && ['=', '-'].iter().any(|mark| text.starts_with(*mark) && text.trim_start_matches(*mark).is_empty())
}

pub(super) fn is_rule(line: &str) -> bool {
    let is_of = |mark: char| {
        let mut marks = line.chars().filter(|character| !matches!(character, ' ' | '\t'));
        marks.clone().count() >= 3 && marks.all(|character| character == mark)
    };
    shallow_indent(line).is_some() && ['*', '-', '_'].into_iter().any(is_of)
}

/// Returns the header of a table with the delimiter row below it; nothing if the block is no table.
pub(super) fn table_header(block: &str) -> &str {
    let is_delimiter = |character| matches!(character, '|' | '-' | ':' | ' ' | '\t' | '\n');
    let mut lines = block.split_inclusive('\n');
    match (lines.next(), lines.next()) {
        (Some(names), Some(row)) if row.contains('-') && row.chars().all(is_delimiter) => {
            &block[..names.len() + row.len()]
        }
        _ => "",
    }
}

pub(super) fn is_footnote(line: &str) -> bool {
    line.strip_prefix("[^")
        .and_then(|rest| rest.split_once(']'))
        .is_some_and(|(_, rest)| rest.starts_with(':'))
}

/// Returns the beginning of an incomplete line without a mark at its end that may begin emphasis, code or a
/// link.
pub(super) fn without_open_marks(line: &str) -> &str {
    let text = line.trim_end_matches(['*', '_', '`', '[', '~', '!']);
    // A mark after a letter closes rather than opens.
    if text.is_empty() || text.ends_with([' ', '(']) { text } else { line }
}
