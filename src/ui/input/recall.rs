//! Recall of earlier questions: one by one, or by a search.

/// Earlier questions, and which of them is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuestionHistory {
    /// Oldest first.
    entries: Vec<String>,
    /// The recalled entry, by its index, and the draft that it replaced.
    recalled: Option<(usize, String)>,
    /// The text that is searched for.
    query: Option<String>,
}

impl QuestionHistory {
    /// Returns a history of `entries`, oldest first.
    pub fn new(entries: Vec<String>) -> Self {
        Self { entries, ..Self::default() }
    }

    /// Adds a question, unless it repeats the last one.
    pub fn push(&mut self, text: &str) {
        (self.recalled, self.query) = (None, None);
        if self.entries.last().is_none_or(|last| last != text) {
            self.entries.push(text.to_owned());
        }
    }

    /// Returns whether an entry is shown.
    pub fn is_recalled(&self) -> bool {
        self.recalled.is_some()
    }

    /// Recalls the question before the one that is shown; `draft` is the text that it replaces.
    pub fn older(&mut self, draft: impl FnOnce() -> String) -> Option<&str> {
        let shown = self.recalled.as_ref().map_or(self.entries.len(), |(at, _)| *at);
        let at = shown.checked_sub(1)?;
        Some(self.show(at, draft))
    }

    /// Recalls the question after the one that is shown, and the draft after the last.
    pub fn newer(&mut self) -> Option<String> {
        let (at, draft) = self.recalled.take()?;
        let Some(text) = self.entries.get(at + 1) else { return Some(draft) };
        self.recalled = Some((at + 1, draft));
        Some(text.clone())
    }

    /// Ends the recall and returns the draft.
    pub fn cancel(&mut self) -> Option<String> {
        self.query = None;
        self.recalled.take().map(|(_, draft)| draft)
    }

    /// Returns the text that is searched for.
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// Ends the search; the found question stays.
    pub fn end_search(&mut self) {
        self.query = None;
    }

    /// Begins a search, or looks for the next older match. Returns the match.
    pub fn search_older(&mut self, draft: impl FnOnce() -> String) -> Option<&str> {
        let from = self.recalled.as_ref().map_or(self.entries.len(), |(at, _)| *at);
        match &self.query {
            None => {
                self.query = Some(String::new());
                None
            }
            Some(_) => self.find(from, draft),
        }
    }

    /// Changes the text that is searched for, and looks for the newest match.
    pub fn search(
        &mut self,
        change: impl FnOnce(&mut String),
        draft: impl FnOnce() -> String,
    ) -> Option<&str> {
        change(self.query.get_or_insert_default());
        self.find(self.entries.len(), draft)
    }

    fn find(&mut self, before: usize, draft: impl FnOnce() -> String) -> Option<&str> {
        let query = self.query.as_ref().filter(|query| !query.is_empty())?.to_lowercase();
        let at = self.entries[..before].iter().rposition(|entry| entry.to_lowercase().contains(&query))?;
        Some(self.show(at, draft))
    }

    fn show(&mut self, at: usize, draft: impl FnOnce() -> String) -> &str {
        let draft = self.recalled.take().map_or_else(draft, |(_, draft)| draft);
        self.recalled = Some((at, draft));
        &self.entries[at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> QuestionHistory {
        QuestionHistory::new(
            ["Why is the sky blue?", "What is a ring buffer?", "why not?"].map(str::to_owned).into(),
        )
    }

    #[test]
    fn questions_are_recalled_and_the_draft_comes_back() {
        let mut history = history();
        history.push("why not?");
        let draft = || "draft".to_owned();
        assert_eq!(history.older(draft), Some("why not?"));
        assert_eq!(history.older(draft), Some("What is a ring buffer?"));
        assert_eq!(history.newer().as_deref(), Some("why not?"));
        assert_eq!(history.newer().as_deref(), Some("draft"));
        assert_eq!(history.newer(), None);
    }

    #[test]
    fn a_search_finds_older_matches_in_any_case() {
        let mut history = history();
        let draft = || "draft".to_owned();
        assert_eq!(history.search_older(draft), None);
        assert_eq!(history.query(), Some(""));
        assert_eq!(history.search(|query| query.push_str("WHY"), draft), Some("why not?"));
        assert_eq!(history.search_older(draft), Some("Why is the sky blue?"));
        assert_eq!(history.search_older(draft), None, "there is none older");
        assert_eq!(history.search(|query| query.push_str(" is"), draft), Some("Why is the sky blue?"));
        assert_eq!(history.cancel().as_deref(), Some("draft"));
        assert_eq!(history.query(), None);
    }
}
