//! Line editor, and the state of the screen that the session does not know: scrolling, help, device list.

use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

use crate::ui::input::push_to_talk::PushToTalkKey;
use crate::ui::text::sanitize;
use crate::ui::view::DrawResult;

/// Limit of typed or pasted text, in bytes: more is slow to draw, and servers reject it.
pub const MAX_BYTES: usize = 32 * 1024;

/// Local state of the screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Editor {
    /// Typed text; displayable, may have several lines.
    text: String,
    /// Byte position in `text`, between two grapheme clusters.
    cursor: usize,
    /// Whether the list of keys is shown.
    pub help: bool,
    /// Selected row of the device list, while it is shown.
    pub picker: Option<usize>,
    /// Lines of the conversation below the visible ones.
    pub scroll: usize,
    /// Visible lines of the conversation in the last frame.
    pub page: usize,
    /// Lines of the conversation in the last frame; only known while scrolled.
    pub total: Option<usize>,
    /// Whether the whole screen has to be redrawn.
    pub repaint: bool,
    /// Note about the input, until the next key.
    pub note: Option<&'static str>,
    /// Push-to-talk key.
    pub push_to_talk: PushToTalkKey,
}

impl Editor {
    /// Returns the typed text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the cursor as a byte position in the text.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// Returns whether nothing is typed.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Applies the result of a frame.
    pub fn apply(&mut self, drawn: &DrawResult) {
        (self.page, self.scroll, self.total) = (drawn.page, drawn.scroll, drawn.total);
    }

    /// Inserts text at the cursor, sanitized. Terminals paste a newline as a carriage return. Text beyond the
    /// limit is cut, and a note says so.
    pub fn insert(&mut self, text: &str) {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let clean = sanitize::displayable(&text);
        let room = clean.floor_char_boundary(MAX_BYTES.saturating_sub(self.text.len()));
        if room < clean.len() {
            self.note = Some("text too long: it was cut");
        }
        self.text.insert_str(self.cursor, &clean[..room]);
        self.cursor += room;
        self.cursor = self.boundary_from(self.cursor);
    }

    /// Takes the typed text, trimmed; none if it is only white space.
    pub fn take(&mut self) -> Option<String> {
        let text = sanitize::sanitize(self.text.trim()).into_owned();
        self.clear();
        (!text.is_empty()).then_some(text)
    }

    /// Deletes the text.
    pub fn clear(&mut self) {
        self.text.clear();
        self.cursor = 0;
    }

    /// Deletes the cluster before the cursor.
    pub fn delete_left(&mut self) {
        self.delete_to(self.left_of(self.cursor));
    }

    /// Deletes the cluster after the cursor.
    pub fn delete_right(&mut self) {
        self.delete_from(self.right_of(self.cursor));
    }

    /// Deletes the word before the cursor and the white space after it.
    pub fn delete_word(&mut self) {
        self.delete_to(self.word_left());
    }

    /// Deletes from the beginning of the line to the cursor.
    pub fn delete_to_line_start(&mut self) {
        self.delete_to(self.line_start());
    }

    /// Deletes from the cursor to the end of the line.
    pub fn delete_to_line_end(&mut self) {
        self.delete_from(self.line_end());
    }

    /// Moves one cluster to the left.
    pub fn left(&mut self) {
        self.cursor = self.left_of(self.cursor);
    }

    /// Moves one cluster to the right.
    pub fn right(&mut self) {
        self.cursor = self.right_of(self.cursor);
    }

    /// Moves to the beginning of the word before the cursor.
    pub fn to_word_left(&mut self) {
        self.cursor = self.word_left();
    }

    /// Moves past the next word.
    pub fn to_word_right(&mut self) {
        let rest = &self.text[self.cursor..];
        let word = rest.split_word_bound_indices().find(|(_, piece)| !piece.trim().is_empty());
        self.cursor = word.map_or(self.text.len(), |(at, piece)| self.cursor + at + piece.len());
    }

    /// Moves to the beginning of the line.
    pub fn to_line_start(&mut self) {
        self.cursor = self.line_start();
    }

    /// Moves to the end of the line.
    pub fn to_line_end(&mut self) {
        self.cursor = self.line_end();
    }

    /// Moves to the same column of the line above, or to the beginning of the first line.
    pub fn up(&mut self) {
        let start = self.line_start();
        let clusters = self.text[start..self.cursor].graphemes(true).count();
        let Some(end) = start.checked_sub(1) else {
            self.cursor = 0;
            return;
        };
        let above = self.text[..end].rfind('\n').map_or(0, |newline| newline + 1);
        self.cursor = self.advance(above, clusters);
    }

    /// Moves to the same column of the line below, or to the end of the last line.
    pub fn down(&mut self) {
        let clusters = self.text[self.line_start()..self.cursor].graphemes(true).count();
        let end = self.line_end();
        self.cursor = if end == self.text.len() { end } else { self.advance(end + 1, clusters) };
    }

    fn delete_to(&mut self, start: usize) {
        self.text.replace_range(start..self.cursor, "");
        self.cursor = self.boundary_from(start);
    }

    fn delete_from(&mut self, end: usize) {
        self.text.replace_range(self.cursor..end, "");
        self.cursor = self.boundary_from(self.cursor);
    }

    /// Returns the position, or the end of the cluster that contains it: editing can join clusters.
    fn boundary_from(&self, place: usize) -> usize {
        let mut cursor = GraphemeCursor::new(place, self.text.len(), true);
        if cursor.is_boundary(&self.text, 0).unwrap_or(true) { place } else { self.right_of(place) }
    }

    /// Returns the position `clusters` after the start of a line, at most its end.
    fn advance(&self, start: usize, clusters: usize) -> usize {
        let line = self.text[start..].split('\n').next().unwrap_or_default();
        start + line.graphemes(true).take(clusters).map(str::len).sum::<usize>()
    }

    fn line_start(&self) -> usize {
        self.text[..self.cursor].rfind('\n').map_or(0, |newline| newline + 1)
    }

    fn line_end(&self) -> usize {
        self.text[self.cursor..].find('\n').map_or(self.text.len(), |newline| self.cursor + newline)
    }

    fn word_left(&self) -> usize {
        let before = &self.text[..self.cursor];
        let word = before.split_word_bound_indices().rfind(|(_, piece)| !piece.trim().is_empty());
        word.map_or(0, |(at, _)| at)
    }

    fn left_of(&self, place: usize) -> usize {
        let mut cursor = GraphemeCursor::new(place, self.text.len(), true);
        // The whole text is passed, so no context is missing.
        cursor.prev_boundary(&self.text, 0).ok().flatten().unwrap_or(0)
    }

    fn right_of(&self, place: usize) -> usize {
        let mut cursor = GraphemeCursor::new(place, self.text.len(), true);
        cursor.next_boundary(&self.text, 0).ok().flatten().unwrap_or(self.text.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn typed(text: &str) -> Editor {
        let mut editor = Editor::default();
        editor.insert(text);
        editor
    }

    /// Returns the text with `|` at the cursor.
    fn shown(editor: &Editor) -> String {
        let (before, behind) = editor.text().split_at(editor.cursor());
        format!("{before}|{behind}")
    }

    fn check(text: &str, edit: impl Fn(&mut Editor), expected: &str) {
        let mut editor = typed(text);
        edit(&mut editor);
        assert_eq!(shown(&editor), expected);
    }

    #[test]
    fn editing_moves_by_grapheme_clusters() {
        let family = "a👩\u{200d}👩\u{200d}👧";
        check(family, Editor::delete_left, "a|");
        check(family, Editor::left, "a|👩\u{200d}👩\u{200d}👧");
        check("e\u{301}x", |editor| (editor.left(), editor.left(), editor.delete_right()).0, "|x");
    }

    #[test]
    fn words_and_lines_are_deleted_as_in_a_shell() {
        check("one two  ", Editor::delete_word, "one |");
        check("one\ntwo three", Editor::delete_to_line_start, "one\n|");
        check("one\ntwo", |editor| (editor.to_line_start(), editor.delete_to_line_end()).1, "one\n|");
        check(
            "one two",
            |editor| (editor.to_word_left(), editor.to_word_left(), editor.to_word_right()).2,
            "one| two",
        );
    }

    #[test]
    fn up_and_down_keep_the_column() {
        check("abc\nde", Editor::up, "ab|c\nde");
        check("abc", Editor::up, "|abc");
        check("abc\nd", |editor| (editor.up(), editor.right(), editor.right(), editor.down()).3, "abc\nd|");
    }

    #[test]
    fn pasted_text_is_sanitized_and_may_have_lines() {
        check("a\u{1b}[201~b\r\nc\rd\te\u{202e}", |_| (), "ab\nc\nd    e|");
    }

    #[test]
    fn too_much_text_is_cut_with_a_note() {
        let editor = typed(&"中".repeat(MAX_BYTES));
        assert!(editor.text().len() <= MAX_BYTES && editor.text().len() > MAX_BYTES - 3);
        assert!(editor.note.is_some());
    }

    #[test]
    fn white_space_is_not_sent() {
        assert_eq!(typed(" \n ").take(), None);
        assert_eq!(typed(" hi \n").take(), Some("hi".to_owned()));
    }

    proptest! {
        #[test]
        fn the_cursor_is_always_between_clusters(text in "([ab \n]|中|👩\u{200d}👧|e\u{301}|\u{301}|🇹🇼){0,20}", edits in prop::collection::vec(0usize..12, 0..30)) {
            let mut editor = typed(&text);
            for edit in edits {
                match edit {
                    0 => editor.left(),
                    1 => editor.right(),
                    2 => editor.up(),
                    3 => editor.down(),
                    4 => editor.delete_left(),
                    5 => editor.delete_right(),
                    6 => editor.delete_word(),
                    7 => editor.to_word_left(),
                    8 => editor.to_word_right(),
                    9 => editor.insert("\u{301}"),
                    10 => editor.insert("👧"),
                    _ => editor.delete_to_line_end(),
                }
                let mut cursor = GraphemeCursor::new(editor.cursor(), editor.text().len(), true);
                prop_assert!(cursor.is_boundary(editor.text(), 0).unwrap_or(false), "{}", shown(&editor));
            }
        }
    }
}
