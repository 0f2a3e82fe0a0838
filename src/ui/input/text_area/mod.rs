//! The text area: multi-line text with a cursor, a selection, undo, kill and yank. Pure, without a terminal.
//!
//! A long paste is one character of the text, a chip, which is shown as a label and sent in full.

pub mod rows;
mod undo;

use std::ops::Range;

use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

use crate::ui::text::sanitize;

use crate::ui::input::text_area::undo::{Edit, EditKind, UndoStack};

/// Longest text, in characters, pasted text included.
pub const MAX_CHARS: usize = 256_000;

/// A longer paste is shown as a chip.
const CHIP_LINES: usize = 10;
/// A longer paste is shown as a chip, in characters.
const CHIP_CHARS: usize = 1_000;

/// The characters that stand for chips, of the private use plane 15; removed from all text that comes in.
const CHIPS: Range<u32> = 0xF_0000..0xF_1000;

/// Characters before the cursor that decide which marks and joiners may follow.
const CONTEXT_CHARS: usize = 16;

/// A move of the cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    /// One grapheme cluster to the left.
    Left,
    /// One grapheme cluster to the right.
    Right,
    /// To the start of the word before the cursor.
    WordLeft,
    /// To the end of the word after the cursor.
    WordRight,
    /// To the start of the line.
    LineStart,
    /// To the end of the line.
    LineEnd,
    /// To the row above, as it is shown.
    Up,
    /// To the row below, as it is shown.
    Down,
    /// To the start of the text.
    Start,
    /// To the end of the text.
    End,
}

/// What a motion does with the selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// The selection ends.
    Drop,
    /// The selection grows or shrinks with the cursor.
    Extend,
}

/// The text was too long, and the rest was not inserted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextTooLong {
    /// Characters that were left out.
    pub left_out: usize,
}

/// A multi-line text that is being edited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextArea {
    /// Displayable text; each chip is one character.
    text: String,
    /// Byte offset in `text`, on a cluster boundary.
    cursor: usize,
    /// The other end of the selection.
    anchor: Option<usize>,
    /// Column that vertical motions aim at.
    goal: Option<usize>,
    /// Columns of a row on the screen; 0 before the first drawing.
    columns: usize,
    pastes: Vec<String>,
    killed: String,
    undo: UndoStack,
}

impl TextArea {
    /// Returns whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Returns the text with each chip replaced by what was pasted.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(self.text.len());
        for character in self.text.chars() {
            match self.paste(character) {
                Some(pasted) => text.push_str(pasted),
                None => text.push(character),
            }
        }
        text
    }

    /// Returns whether the text begins with a character.
    pub fn starts_with(&self, character: char) -> bool {
        self.text.starts_with(character)
    }

    /// Removes all text and returns it without white space around it; none if there is only white space.
    pub fn take(&mut self) -> Option<String> {
        let text = sanitize::sanitize(self.text().trim()).into_owned();
        let (columns, killed) = (self.columns, std::mem::take(&mut self.killed));
        *self = Self { columns, killed, ..Self::default() };
        (!text.is_empty()).then_some(text)
    }

    /// Replaces all text, as one edit that can be undone.
    pub fn set(&mut self, text: &str) {
        let clean = clean("", text);
        self.replace(0..self.text.len(), &clean, EditKind::Other);
    }

    /// Sets the width of a row on the screen, by which vertical motions go.
    pub fn set_columns(&mut self, columns: usize) {
        self.columns = columns;
    }

    /// Inserts typed text at the cursor, sanitised.
    ///
    /// # Errors
    ///
    /// [`TextTooLong`] if not all of it fits.
    pub fn insert(&mut self, text: &str) -> Result<(), TextTooLong> {
        self.insert_as(text, EditKind::Typing)
    }

    /// Inserts pasted text at the cursor, sanitised, as one edit; a long one as a chip.
    ///
    /// # Errors
    ///
    /// [`TextTooLong`] if not all of it fits.
    pub fn paste_text(&mut self, text: &str) -> Result<(), TextTooLong> {
        // Terminals paste line breaks as carriage returns.
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let is_long = text.lines().count() > CHIP_LINES || text.chars().count() > CHIP_CHARS;
        let next = CHIPS.start + u32::try_from(self.pastes.len()).unwrap_or(u32::MAX);
        let chip = char::from_u32(next).filter(|_| is_long && CHIPS.contains(&next));
        let Some(chip) = chip else { return self.insert_as(&text, EditKind::Other) };
        let (kept, result) = self.fitting(clean("", &text));
        self.pastes.push(kept);
        self.replace_selection(chip.encode_utf8(&mut [0; 4]), EditKind::Other);
        result
    }

    /// Replaces the chip before the cursor by the pasted text. Returns whether there is one.
    pub fn unfold(&mut self) -> bool {
        let Some(chip) = self.text[..self.cursor].chars().next_back() else { return false };
        let Some(pasted) = self.paste(chip).map(str::to_owned) else { return false };
        self.replace(self.cursor - chip.len_utf8()..self.cursor, &pasted, EditKind::Other);
        true
    }

    /// Returns whether the cursor is at the end and behind a backslash, with which Enter makes a line.
    pub fn continues(&self) -> bool {
        self.cursor == self.text.len() && self.text.ends_with('\\')
    }

    fn insert_as(&mut self, text: &str, kind: EditKind) -> Result<(), TextTooLong> {
        let start = self.selection().map_or(self.cursor, |selection| selection.start);
        let before = self.text[..start].char_indices().rev().take(CONTEXT_CHARS).last();
        let context = before.map_or("", |(at, _)| &self.text[at..start]);
        let (kept, result) = self.fitting(clean(context, text));
        self.replace_selection(&kept, kind);
        result
    }

    /// Returns as much of a text as fits.
    fn fitting(&self, mut text: String) -> (String, Result<(), TextTooLong>) {
        let present: usize = self.text.chars().map(|c| self.paste(c).map_or(1, |p| p.chars().count())).sum();
        let room = MAX_CHARS.saturating_sub(present);
        let Some((end, _)) = text.char_indices().nth(room) else { return (text, Ok(())) };
        let left_out = text[end..].chars().count();
        text.truncate(end);
        (text, Err(TextTooLong { left_out }))
    }

    /// Moves the cursor. Returns whether it moved.
    pub fn move_cursor(&mut self, motion: Motion, selection: Selection) -> bool {
        let goal =
            matches!(motion, Motion::Up | Motion::Down).then(|| self.goal.unwrap_or_else(|| self.column()));
        let target = self.target(motion, goal);
        self.anchor = match selection {
            Selection::Extend => self.anchor.or(Some(self.cursor)),
            Selection::Drop => None,
        };
        self.undo.close_group();
        let moved = target.is_some_and(|target| target != self.cursor);
        self.cursor = target.unwrap_or(self.cursor);
        self.goal = goal;
        moved
    }

    fn target(&self, motion: Motion, goal: Option<usize>) -> Option<usize> {
        match motion {
            Motion::Left => Some(self.left_of(self.cursor)),
            Motion::Right => Some(self.right_of(self.cursor)),
            Motion::WordLeft => Some(self.word_left()),
            Motion::WordRight => Some(self.word_right()),
            Motion::LineStart => Some(self.line_start(self.cursor)),
            Motion::LineEnd => Some(self.line_end(self.cursor)),
            Motion::Up => rows::above(self, goal.unwrap_or_default()),
            Motion::Down => rows::below(self, goal.unwrap_or_default()),
            Motion::Start => Some(0),
            Motion::End => Some(self.text.len()),
        }
    }

    /// Deletes the selection, or the text from the cursor to where a motion leads.
    pub fn delete(&mut self, motion: Motion) {
        if let Some(range) = self.affected(motion) {
            self.replace(range, "", EditKind::Deleting);
        }
    }

    /// Deletes like [`Self::delete`] and keeps the text for [`Self::yank`]. Kills in a row add up.
    pub fn kill(&mut self, motion: Motion) {
        let Some(range) = self.affected(motion) else { return };
        let text = self.text[range.clone()].to_owned();
        match self.undo.is_after_kill() {
            true if range.end == self.cursor => self.killed.insert_str(0, &text),
            true => self.killed.push_str(&text),
            false => self.killed = text,
        }
        self.replace(range, "", EditKind::Killing);
    }

    /// Inserts what was killed last.
    pub fn yank(&mut self) {
        let killed = self.killed.clone();
        self.replace_selection(&killed, EditKind::Other);
    }

    /// Takes the last edit back. Returns whether there was one.
    pub fn undo(&mut self) -> bool {
        let restored = self.undo.undo(&mut self.text);
        self.restore(restored)
    }

    /// Makes the edit again that was undone last. Returns whether there was one.
    pub fn redo(&mut self) -> bool {
        let restored = self.undo.redo(&mut self.text);
        self.restore(restored)
    }

    fn restore(&mut self, cursor: Option<usize>) -> bool {
        (self.anchor, self.goal) = (None, None);
        self.cursor = cursor.unwrap_or(self.cursor);
        cursor.is_some()
    }

    fn affected(&self, motion: Motion) -> Option<Range<usize>> {
        let to_target = || {
            let target = self.target(motion, None)?;
            // At the end of a line, "to the end of the line" is its line break, as in a shell.
            let is_at_end = motion == Motion::LineEnd && target == self.cursor;
            let target = if is_at_end { self.right_of(target) } else { target };
            Some(target.min(self.cursor)..target.max(self.cursor))
        };
        self.selection().or_else(to_target).filter(|range| !range.is_empty())
    }

    fn selection(&self) -> Option<Range<usize>> {
        let anchor = self.anchor?;
        Some(anchor.min(self.cursor)..anchor.max(self.cursor)).filter(|range| !range.is_empty())
    }

    fn replace_selection(&mut self, with: &str, kind: EditKind) {
        let range = self.selection().unwrap_or(self.cursor..self.cursor);
        if !(range.is_empty() && with.is_empty()) {
            self.replace(range, with, kind);
        }
    }

    /// The only place where the text changes, apart from undo.
    fn replace(&mut self, range: Range<usize>, with: &str, kind: EditKind) {
        let end = range.start + with.len();
        let removed = self.text[range.clone()].to_owned();
        self.text.replace_range(range.clone(), with);
        let cursor = self.boundary_from(end);
        let edit =
            Edit { at: range.start, removed, inserted: with.to_owned(), cursor: (self.cursor, cursor) };
        self.undo.record(edit, kind);
        (self.cursor, self.anchor, self.goal) = (cursor, None, None);
    }

    /// Returns what was pasted in place of a chip.
    fn paste(&self, character: char) -> Option<&str> {
        let index = u32::from(character).checked_sub(CHIPS.start)?;
        self.pastes.get(usize::try_from(index).ok()?).map(String::as_str)
    }

    /// Returns the label of a chip.
    fn label(&self, cluster: &str) -> Option<String> {
        let pasted = self.paste(cluster.chars().next()?)?;
        let lines = pasted.lines().count();
        Some(match lines {
            0 | 1 => format!("[pasted {} characters]", pasted.chars().count()),
            _ => format!("[pasted {lines} lines]"),
        })
    }

    /// Returns the column of the cursor in its row.
    fn column(&self) -> usize {
        rows::column(self)
    }

    /// Returns a place, or the end of the cluster it is in: clusters merge when text changes.
    fn boundary_from(&self, place: usize) -> usize {
        let mut cursor = GraphemeCursor::new(place, self.text.len(), true);
        if cursor.is_boundary(&self.text, 0).unwrap_or(true) { place } else { self.right_of(place) }
    }

    fn line_start(&self, place: usize) -> usize {
        self.text[..place].rfind('\n').map_or(0, |newline| newline + 1)
    }

    fn line_end(&self, place: usize) -> usize {
        self.text[place..].find('\n').map_or(self.text.len(), |newline| place + newline)
    }

    fn word_left(&self) -> usize {
        let before = &self.text[..self.cursor];
        let word = before.split_word_bound_indices().rfind(|(_, piece)| !piece.trim().is_empty());
        word.map_or(0, |(at, _)| at)
    }

    fn word_right(&self) -> usize {
        let rest = &self.text[self.cursor..];
        let word = rest.split_word_bound_indices().find(|(_, piece)| !piece.trim().is_empty());
        word.map_or(self.text.len(), |(at, piece)| self.cursor + at + piece.len())
    }

    fn left_of(&self, place: usize) -> usize {
        let mut cursor = GraphemeCursor::new(place, self.text.len(), true);
        // The whole text is given, so that no context can be missing.
        cursor.prev_boundary(&self.text, 0).ok().flatten().unwrap_or(0)
    }

    fn right_of(&self, place: usize) -> usize {
        let mut cursor = GraphemeCursor::new(place, self.text.len(), true);
        cursor.next_boundary(&self.text, 0).ok().flatten().unwrap_or(self.text.len())
    }
}

/// Returns a text as it may stand behind another one: displayable and without chips. Marks and joiners are
/// judged by what they follow, so that an emoji or a word survives when it comes one character at a time.
fn clean(context: &str, text: &str) -> String {
    let joined = format!("{context}{text}");
    let clean = sanitize::displayable(&joined);
    let added =
        clean.strip_prefix(context).map_or_else(|| sanitize::displayable(text).into_owned(), str::to_owned);
    added.chars().filter(|character| !CHIPS.contains(&u32::from(*character))).collect()
}

#[cfg(test)]
mod tests;
