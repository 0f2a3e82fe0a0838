//! The session that is not shown: it goes on, and keeps its text, scroll position and unread marks.

use std::collections::VecDeque;

use crate::session::io::UserCommand;
use crate::ui::input::editor::Editor;
use crate::ui::input::recall::QuestionHistory;
use crate::ui::model::Model;
use crate::ui::terminal::ScreenPane;
use crate::ui::view::conversation::ConversationLayout;
use crate::ui::view::other_mode::{OtherMode, ReadPosition};

/// A session with what belongs to it on the screen.
pub(super) struct HiddenPane {
    pub(super) pane: ScreenPane,
    pub(super) model: Model,
    pub(super) editor: Editor,
    pub(super) conversation: ConversationLayout,
    pub(super) waiting: VecDeque<UserCommand>,
    /// How far the conversation was when it was last shown.
    seen: ReadPosition,
}

impl HiddenPane {
    pub(super) fn new(pane: ScreenPane, history: &QuestionHistory) -> Self {
        let model = pane.model.borrow().clone();
        Self {
            pane,
            seen: ReadPosition::of(&model),
            editor: Editor { history: history.clone(), language: model.info.language, ..Editor::default() },
            model,
            conversation: ConversationLayout::default(),
            waiting: VecDeque::new(),
        }
    }

    /// Takes the latest model. Returns whether the status has changed.
    pub(super) fn update(&mut self) -> bool {
        if !self.pane.model.has_changed().unwrap_or_default() {
            return false;
        }
        let before = self.status();
        self.model = self.pane.model.borrow_and_update().clone();
        self.status() != before
    }

    /// Notes that the session is no longer shown.
    pub(super) fn hide(&mut self) {
        self.seen = ReadPosition::of(&self.model);
    }

    pub(super) fn status(&self) -> OtherMode {
        OtherMode::new(&self.model, ReadPosition::of(&self.model) != self.seen)
    }
}
