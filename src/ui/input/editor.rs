//! The state of the screen that the session does not know: the text being typed, scrolling, overlays.

use std::sync::Arc;

use crate::keys::action::Action;
use crate::keys::bindings::KeyBindings;
use crate::ui::input::ctrl_c::CtrlCPresses;
use crate::ui::input::push_to_talk::PushToTalkKey;
use crate::ui::input::recall::QuestionHistory;
use crate::ui::input::slash;
use crate::ui::input::text_area::{MAX_CHARS, TextArea, TextTooLong};
use crate::ui::input::wheel::WheelDetector;
use crate::ui::text::language::UiLanguage;
use crate::ui::text::language::strings::NoteStrings;

/// Results of a frame that later keys need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DrawResult {
    /// Visible lines of the conversation.
    pub page: usize,
    /// Scroll position, limited to the conversation.
    pub scroll: usize,
    /// Columns of a row of the typed text.
    pub input_columns: usize,
    /// Whether words were found that were searched for.
    pub found: Option<bool>,
}

/// A search in the conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConversationSearch {
    /// What is searched for.
    pub words: String,
    /// Whether the next drawing must find it.
    pub is_due: bool,
    /// Whether the same words were searched for before.
    pub is_repeated: bool,
}

/// What the help shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HelpPage {
    /// The keys.
    #[default]
    Keys,
    /// The commands.
    Commands,
}

/// The state of the screen that the session does not know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Editor {
    /// The text being typed.
    pub area: TextArea,
    /// Texts sent before.
    pub history: QuestionHistory,
    /// A sent text that is to be recorded.
    pub to_record: Option<String>,
    /// Beginning of a file name that is to be completed.
    pub to_complete: Option<String>,
    /// Text for the clipboard of the terminal.
    pub to_copy: Option<String>,
    /// Whether the text is to be edited in an external editor.
    pub edit_externally: bool,
    /// Distinguishes the mouse wheel from arrow keys.
    pub wheel: WheelDetector,
    /// What is searched for in the conversation.
    pub find: Option<ConversationSearch>,
    /// What the help shows.
    pub help_page: HelpPage,
    /// Whether the help is shown.
    pub help: bool,
    /// What is typed in the help; only rows with it are shown.
    pub help_filter: String,
    /// The selected row of the help.
    pub help_selected: usize,
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
    /// Whether the other mode is to be shown.
    pub switch_mode: bool,
    /// Whether the next press of the key clears the conversation.
    pub clears_next: bool,
    /// A message about the typing, until the next key.
    pub note: Option<String>,
    /// Presses of Ctrl-C in a text chat.
    pub ctrl_c: CtrlCPresses,
    /// Push-to-talk key.
    pub push_to_talk: PushToTalkKey,
    /// Language of the notes.
    pub language: UiLanguage,
    /// Keys of the actions.
    pub keys: Arc<KeyBindings>,
}

impl Editor {
    /// Returns the texts of notes.
    pub fn notes(&self) -> &'static NoteStrings {
        &self.language.strings().notes
    }

    /// Returns whether nothing has been typed.
    pub fn is_empty(&self) -> bool {
        self.area.is_empty()
    }

    /// Closes what is drawn over the conversation.
    pub fn close_overlays(&mut self) {
        (self.help, self.picker) = (false, None);
    }

    /// Returns the first key of an action; empty if it has none.
    pub fn key_label(&self, action: Action) -> String {
        self.keys.label(action).unwrap_or_default()
    }

    /// Shows a help page.
    pub fn show_help(&mut self, page: HelpPage) {
        (self.help, self.help_page) = (true, page);
        (self.help_filter, self.help_selected) = (String::new(), 0);
    }

    /// Takes the results of a drawing that the next keys need.
    pub fn apply(&mut self, drawn: &DrawResult) {
        (self.page, self.scroll) = (drawn.page, drawn.scroll);
        let notes = self.notes();
        if let (Some(found), Some(find)) = (drawn.found, &mut self.find) {
            find.is_due = false;
            self.note = match (found, find.is_repeated) {
                (true, _) => None,
                (false, true) => Some((notes.no_more_above)(&find.words)),
                (false, false) => Some((notes.not_in_conversation)(&find.words)),
            };
        }
        self.area.set_columns(drawn.input_columns);
    }

    /// Searches the conversation for words; without any, for the next match above.
    pub fn find(&mut self, words: &str) {
        let last = self.find.take().map(|find| find.words);
        let is_repeated = words.is_empty() || last.as_deref() == Some(words);
        let words = if words.is_empty() { last } else { Some(words.to_owned()) };
        match words {
            Some(words) => self.find = Some(ConversationSearch { words, is_due: true, is_repeated }),
            None => self.note = Some(self.notes().find_needs_words.to_owned()),
        }
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
            self.note = Some((self.notes().text_limit)(MAX_CHARS, left_out));
        }
    }

    /// Removes the typed text and returns it without white space around it; none if there is only white space.
    /// It can be recalled, and is recorded unless it begins with a space.
    pub fn take(&mut self) -> Option<String> {
        let is_recorded = !self.area.text().starts_with(' ');
        let text = self.area.take()?;
        self.history.push(&text);
        self.to_record = is_recorded.then(|| text.clone());
        Some(text)
    }

    /// Recalls the text sent before the one that is shown. Returns whether there is one.
    pub fn older(&mut self) -> bool {
        let Some(text) = self.history.older(|| self.area.text()).map(str::to_owned) else { return false };
        self.area.set(&text);
        true
    }

    /// Recalls the text sent after the one that is shown, and the draft after the last. Returns whether one is
    /// shown.
    pub fn newer(&mut self) -> bool {
        let Some(text) = self.history.newer() else { return false };
        self.area.set(&text);
        true
    }

    /// Ends a recall or a search; the draft comes back.
    pub fn cancel_recall(&mut self) {
        if let Some(draft) = self.history.cancel() {
            self.area.set(&draft);
        }
    }

    /// Begins a search of the sent texts, or shows the next older match.
    pub fn search_older(&mut self) {
        let found = self.history.search_older(|| self.area.text()).map(str::to_owned);
        self.show_found(found);
    }

    /// Changes what is searched for.
    pub fn search(&mut self, change: impl FnOnce(&mut String)) {
        let found = self.history.search(change, || self.area.text()).map(str::to_owned);
        self.show_found(found);
    }

    fn show_found(&mut self, found: Option<String>) {
        let query = self.history.query().unwrap_or_default();
        let notes = self.notes();
        let missing = if found.is_none() && !query.is_empty() { notes.no_more_matches } else { "" };
        let keys = (notes.search_keys)(&self.key_label(Action::SearchTexts));
        self.note = Some(format!("{}{missing}   {keys}", (notes.searching)(query)));
        if let Some(text) = found {
            self.area.set(&text);
        }
    }

    /// Replaces the name that is being completed by what all candidates have in common, and lists them.
    pub fn complete(&mut self, prefix: &str, candidates: &[String]) {
        let text = self.area.text();
        let common = slash::common_prefix(candidates);
        if let (Some(start), true) = (text.strip_suffix(prefix), common.len() > prefix.len()) {
            self.area.set(&format!("{start}{common}"));
        }
        self.note = match candidates {
            [] => Some(self.notes().no_file.to_owned()),
            [_] => None,
            _ => Some(candidates.join("  ")),
        };
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
