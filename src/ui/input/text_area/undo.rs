//! Undo and redo: edits as differences, grouped by word.

/// The most edits that can be undone.
const DEPTH: usize = 1_000;

/// Edits of one kind in a row are one step, up to the end of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EditKind {
    Typing,
    Deleting,
    Killing,
    /// A step of its own.
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    /// Byte offset in the text.
    pub(super) at: usize,
    pub(super) removed: String,
    pub(super) inserted: String,
    /// The cursor before and after the edit.
    pub(super) cursor: (usize, usize),
}

/// The edits of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct UndoStack {
    done: Vec<Edit>,
    undone: Vec<Edit>,
    /// The kind of the group that the next edit may join.
    open: Option<EditKind>,
}

impl UndoStack {
    /// Notes an edit that was made.
    pub(super) fn record(&mut self, edit: Edit, kind: EditKind) {
        self.undone.clear();
        let ends_word = edit.inserted.ends_with(char::is_whitespace);
        let joins = self.open == Some(kind);
        match self.done.last_mut() {
            Some(last)
                if joins && kind == EditKind::Typing && edit.removed.is_empty() && last.end() == edit.at =>
            {
                last.inserted.push_str(&edit.inserted);
                last.cursor.1 = edit.cursor.1;
            }
            Some(last) if joins && kind == EditKind::Deleting && edit.at + edit.removed.len() == last.at => {
                (last.at, last.removed) = (edit.at, edit.removed + &last.removed);
                last.cursor.1 = edit.cursor.1;
            }
            Some(_) | None => {
                if self.done.len() == DEPTH {
                    self.done.remove(0);
                }
                self.done.push(edit);
            }
        }
        self.open = Some(kind).filter(|kind| *kind != EditKind::Other && !ends_word);
    }

    /// Makes the next edit a step of its own.
    pub(super) fn close_group(&mut self) {
        self.open = None;
    }

    /// Returns whether the last thing that happened was a kill.
    pub(super) fn is_after_kill(&self) -> bool {
        self.open == Some(EditKind::Killing)
    }

    /// Takes the last step back; returns where the cursor was before it.
    pub(super) fn undo(&mut self, text: &mut String) -> Option<usize> {
        self.close_group();
        let edit = self.done.pop()?;
        text.replace_range(edit.at..edit.end(), &edit.removed);
        let cursor = edit.cursor.0;
        self.undone.push(edit);
        Some(cursor)
    }

    /// Makes the step again that was taken back last; returns where the cursor was after it.
    pub(super) fn redo(&mut self, text: &mut String) -> Option<usize> {
        self.close_group();
        let edit = self.undone.pop()?;
        text.replace_range(edit.at..edit.at + edit.removed.len(), &edit.inserted);
        let cursor = edit.cursor.1;
        self.done.push(edit);
        Some(cursor)
    }
}

impl Edit {
    fn end(&self) -> usize {
        self.at + self.inserted.len()
    }
}
