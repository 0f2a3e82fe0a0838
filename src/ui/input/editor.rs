//! The state of the screen that the session does not know: the text being typed, scrolling, overlays.

use crate::ui::input::push_to_talk::PushToTalkKey;
use crate::ui::input::text_area::{MAX_CHARS, TextArea, TextTooLong};

/// Results of a frame that later keys need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DrawResult {
    /// Visible lines of the conversation.
    pub page: usize,
    /// Scroll position, limited to the conversation.
    pub scroll: usize,
    /// Columns of a row of the typed text.
    pub input_columns: usize,
}

/// The state of the screen that the session does not know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Editor {
    /// The text being typed.
    pub area: TextArea,
    /// Texts sent before, oldest first.
    sent: Vec<String>,
    /// The recalled text, by its index in `sent`, and the draft that it replaced.
    recalled: Option<(usize, String)>,
    /// Whether the list of keys is shown.
    pub help: bool,
    /// The selected row of the list of devices, while that is shown.
    pub picker: Option<usize>,
    /// Lines of the conversation below the visible ones.
    pub scroll: usize,
    /// Visible lines of the conversation, by the last drawing.
    pub page: usize,
    /// Whether the whole screen must be drawn again.
    pub repaint: bool,
    /// Whether the program must be suspended.
    pub suspend: bool,
    /// A message about the typing, until the next key.
    pub note: Option<String>,
    /// Push-to-talk key.
    pub push_to_talk: PushToTalkKey,
}

impl Editor {
    /// Returns whether nothing has been typed.
    pub fn is_empty(&self) -> bool {
        self.area.is_empty()
    }

    /// Takes the results of a drawing that the next keys need.
    pub fn apply(&mut self, drawn: &DrawResult) {
        (self.page, self.scroll) = (drawn.page, drawn.scroll);
        self.area.set_columns(drawn.input_columns);
    }

    /// Inserts typed text at the cursor.
    pub fn insert(&mut self, text: &str) {
        let result = self.area.insert(text);
        self.report(result);
    }

    /// Inserts pasted text at the cursor.
    pub fn paste(&mut self, text: &str) {
        let result = self.area.paste_text(text);
        self.report(result);
    }

    fn report(&mut self, result: Result<(), TextTooLong>) {
        if let Err(TextTooLong { left_out }) = result {
            self.note = Some(format!("text limit of {MAX_CHARS} characters reached: {left_out} left out"));
        }
    }

    /// Removes the typed text and returns it without white space around it; none if there is only white space.
    pub fn take(&mut self) -> Option<String> {
        self.recalled = None;
        let text = self.area.take()?;
        if self.sent.last() != Some(&text) {
            self.sent.push(text.clone());
        }
        Some(text)
    }

    /// Recalls the text sent before the one that is shown. Returns whether there is one.
    pub fn older(&mut self) -> bool {
        let shown = self.recalled.as_ref().map_or(self.sent.len(), |(at, _)| *at);
        let Some(at) = shown.checked_sub(1) else { return false };
        let draft = self.recalled.take().map_or_else(|| self.area.text(), |(_, draft)| draft);
        self.area.set(&self.sent[at]);
        self.recalled = Some((at, draft));
        true
    }

    /// Recalls the text sent after the one that is shown, and the draft after the last. Returns whether one is
    /// shown.
    pub fn newer(&mut self) -> bool {
        let Some((at, draft)) = self.recalled.take() else { return false };
        match self.sent.get(at + 1) {
            Some(text) => {
                self.area.set(text);
                self.recalled = Some((at + 1, draft));
            }
            None => self.area.set(&draft),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sent_texts_are_recalled_and_the_draft_comes_back() {
        let mut editor = Editor::default();
        for text in ["one", "two", "two"] {
            editor.insert(text);
            assert_eq!(editor.take().as_deref(), Some(text));
        }
        editor.insert("draft");
        let mut shown = Vec::new();
        for _ in 0..3 {
            editor.older();
            shown.push(editor.area.text());
        }
        while editor.newer() {
            shown.push(editor.area.text());
        }
        assert_eq!(shown, ["two", "one", "one", "two", "draft"]);
    }

    #[test]
    fn a_text_over_the_limit_is_reported() {
        let mut editor = Editor::default();
        editor.paste(&"中\n".repeat(MAX_CHARS));
        assert_eq!(editor.area.text().chars().count(), MAX_CHARS);
        let note = editor.note.unwrap_or_default();
        assert_eq!(note, "text limit of 256000 characters reached: 256000 left out");
    }
}
