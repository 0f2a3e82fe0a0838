//! Conversation so far, replayed to servers that lack it: after a lost connection and before a rollover.

use crate::protocol::events::item::{ContentPart, Item, ItemBody, Role};
use crate::session::io::message::PastTurn;

/// Maximum number of items to replay. More of the assistant's text makes a speech model write instead, and is
/// billed again with every response.
const REPLAYED: usize = 40;

/// Maximum number of remembered items: some have no text, and some get theirs late.
const REMEMBERED: usize = 4 * REPLAYED;

/// Items of the conversation in order.
#[derive(Debug, Default)]
pub(crate) struct History {
    entries: Vec<HistoryItem>,
}

#[derive(Debug)]
struct HistoryItem {
    item_id: String,
    role: Role,
    /// Empty while unknown.
    text: String,
    /// Images of a message.
    images: Vec<ContentPart>,
    /// Whether it may still need a response.
    awaits_reply: bool,
    /// Whether the server in use has it.
    is_on_server: bool,
    /// Whether the next server has it.
    is_on_standby: bool,
    /// Whether the server in use got it from here, under an id of its own.
    was_replayed: bool,
}

/// An item that was removed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RemovedItem {
    pub(crate) item_id: String,
    pub(crate) is_on_server: bool,
    pub(crate) was_replayed: bool,
}

impl History {
    /// Starts with turns that no server has yet.
    pub(crate) fn of(past: &[PastTurn]) -> Self {
        let entries = past.iter().map(|turn| HistoryItem {
            item_id: turn.item_id.clone(),
            role: turn.role.clone(),
            text: turn.text.clone(),
            images: Vec::new(),
            awaits_reply: false,
            is_on_server: false,
            is_on_standby: false,
            was_replayed: false,
        });
        Self { entries: entries.collect() }
    }

    /// Adds the images of a message.
    pub(crate) fn set_images(&mut self, item_id: &str, images: Vec<ContentPart>) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.item_id == item_id) {
            entry.images = images;
        }
    }

    /// Removes an item.
    pub(crate) fn forget(&mut self, item_id: &str) {
        self.entries.retain(|entry| entry.item_id != item_id);
    }

    /// Notes an item of the server in use at its position; its text may follow.
    pub(crate) fn begin(&mut self, item_id: &str, role: Role) {
        if !self.entries.iter().any(|entry| entry.item_id == item_id) {
            self.entries.push(HistoryItem {
                item_id: item_id.to_owned(),
                role,
                text: String::new(),
                images: Vec::new(),
                awaits_reply: true,
                is_on_server: true,
                is_on_standby: false,
                was_replayed: false,
            });
            if self.entries.len() > REMEMBERED {
                self.entries.remove(0);
            }
        }
    }

    /// Sets the text of an item; of the assistant only the part that was played. Returns the item if the
    /// server in use lacks it because it belongs to an earlier session.
    pub(crate) fn set_text(&mut self, item_id: &str, role: Role, text: &str) -> Option<Item> {
        self.begin(item_id, role);
        let entry = self.entries.iter_mut().find(|entry| entry.item_id == item_id)?;
        text.trim().clone_into(&mut entry.text);
        if entry.is_on_server || entry.text.is_empty() {
            return None;
        }
        (entry.is_on_server, entry.was_replayed) = (true, true);
        Some(entry.item())
    }

    /// Takes the last items that the next server lacks, as text: audio of the assistant cannot be replayed.
    pub(crate) fn take_unsent(&mut self) -> Vec<Item> {
        let known: Vec<usize> =
            (0..self.entries.len()).filter(|index| !self.entries[*index].text.is_empty()).collect();
        let mut items = Vec::new();
        for index in &known[known.len().saturating_sub(REPLAYED)..] {
            let entry = &mut self.entries[*index];
            if !entry.is_on_standby {
                entry.is_on_standby = true;
                items.push(entry.item());
            }
        }
        items
    }

    /// Makes the next server the one in use. It lacks what it was not sent.
    pub(crate) fn switch_server(&mut self) {
        for entry in &mut self.entries {
            entry.is_on_server = std::mem::take(&mut entry.is_on_standby);
            entry.was_replayed = entry.is_on_server;
        }
    }

    /// Removes what follows the last message of the user; none without a message.
    pub(crate) fn take_answers(&mut self) -> Option<Vec<RemovedItem>> {
        let last = self.last_message()?;
        self.entries[last].awaits_reply = true;
        Some(self.take_from(last + 1))
    }

    /// Removes the last message of the user and what follows it; none without a message.
    pub(crate) fn take_last_message(&mut self) -> Option<Vec<RemovedItem>> {
        let last = self.last_message()?;
        Some(self.take_from(last))
    }

    fn last_message(&self) -> Option<usize> {
        self.entries.iter().rposition(|entry| entry.role == Role::User && !entry.text.is_empty())
    }

    fn take_from(&mut self, index: usize) -> Vec<RemovedItem> {
        let removed = self.entries.drain(index..).map(|entry| RemovedItem {
            item_id: entry.item_id,
            is_on_server: entry.is_on_server,
            was_replayed: entry.was_replayed,
        });
        removed.collect()
    }

    /// Forgets what the next server was sent.
    pub(crate) fn forget_standby(&mut self) {
        for entry in &mut self.entries {
            entry.is_on_standby = false;
        }
    }

    /// Returns the number of turns that the server in use knows.
    pub(crate) fn count(&self) -> usize {
        self.entries.iter().filter(|entry| entry.is_on_server && !entry.text.is_empty()).count()
    }

    /// Notes a complete response, which answers everything before it.
    pub(crate) fn answered_by(&mut self, item_id: &str) {
        let answer = self.entries.iter().position(|entry| entry.item_id == item_id);
        for entry in &mut self.entries[..answer.unwrap_or(0)] {
            entry.awaits_reply = false;
        }
    }

    /// Cancels the response to everything so far.
    pub(crate) fn cancel_pending_reply(&mut self) {
        for entry in &mut self.entries {
            entry.awaits_reply = false;
        }
    }

    /// Returns whether the last known text is the user's and has no response.
    pub(crate) fn has_pending_reply(&self) -> bool {
        let last = self.entries.iter().rfind(|entry| !entry.text.is_empty());
        last.is_some_and(|entry| entry.role == Role::User && entry.awaits_reply)
    }
}

impl HistoryItem {
    fn item(&self) -> Item {
        let text = match self.role {
            Role::Assistant => ContentPart::Text(self.text.clone()),
            Role::User | Role::System | Role::Other(_) => ContentPart::InputText(self.text.clone()),
        };
        let content = self.images.iter().cloned().chain([text]).collect();
        Item { body: ItemBody::Message { role: self.role.clone(), content }, ..Item::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(items: &[Item]) -> Vec<String> {
        let text = |item: &Item| {
            let ItemBody::Message { content, .. } = &item.body else { panic!("{item:?}") };
            let (ContentPart::InputText(text) | ContentPart::Text(text)) = &content[0] else {
                panic!("{item:?}")
            };
            text.clone()
        };
        items.iter().map(text).collect()
    }

    #[test]
    fn a_late_caption_keeps_its_position() {
        let mut history = History::default();
        history.begin("u1", Role::User);
        assert_eq!(history.set_text("a1", Role::Assistant, "Hi."), None);
        assert_eq!(history.set_text("u1", Role::User, "Hello"), None);
        assert_eq!(texts(&history.take_unsent()), ["Hello", "Hi."]);
        assert!(!history.has_pending_reply());
    }

    #[test]
    fn only_the_last_items_with_text_are_replayed() {
        let mut history = History::default();
        for number in 0..100 {
            history.set_text(&format!("u{number}"), Role::User, &format!("turn {number}"));
            history.begin(&format!("a{number}"), Role::Assistant);
        }
        let replayed = texts(&history.take_unsent());
        assert_eq!((replayed.len(), replayed[0].as_str()), (REPLAYED, "turn 60"));
    }

    #[test]
    fn a_reply_is_pending_until_it_arrives_or_is_cancelled() {
        let mut history = History::default();
        history.set_text("u1", Role::User, "one");
        history.begin("a1", Role::Assistant);
        assert!(history.has_pending_reply());
        history.answered_by("a1");
        assert!(!history.has_pending_reply(), "the answer is playing");
        history.set_text("u2", Role::User, "two");
        history.answered_by("a1");
        assert!(history.has_pending_reply());
        history.cancel_pending_reply();
        assert!(!history.has_pending_reply());
    }

    #[test]
    fn answers_and_the_last_message_can_be_removed() {
        let mut history = History::default();
        assert_eq!(history.take_answers(), None);
        for (id, role) in
            [("u1", Role::User), ("a1", Role::Assistant), ("u2", Role::User), ("a2", Role::Assistant)]
        {
            history.set_text(id, role, "text");
        }
        history.answered_by("a2");
        let ids = |removed: Option<Vec<RemovedItem>>| {
            removed.unwrap_or_default().into_iter().map(|item| item.item_id).collect::<Vec<_>>()
        };
        assert_eq!(ids(history.take_answers()), ["a2"]);
        assert!(history.has_pending_reply(), "another answer is requested");
        assert_eq!(ids(history.take_last_message()), ["u2"]);
        history.take_unsent();
        history.switch_server();
        let removed = history.take_last_message().unwrap_or_default();
        assert_eq!(removed.len(), 2);
        assert!(removed.iter().all(|item| item.was_replayed), "the new server has other ids");
    }

    #[test]
    fn the_next_server_gets_each_item_once() {
        let mut history = History::default();
        history.set_text("u1", Role::User, "one");
        assert_eq!(texts(&history.take_unsent()), ["one"]);
        history.set_text("a1", Role::Assistant, "two");
        assert_eq!(texts(&history.take_unsent()), ["two"]);
        history.forget_standby();
        assert_eq!(texts(&history.take_unsent()), ["one", "two"]);
    }

    #[test]
    fn text_that_arrives_after_a_switch_is_sent_then() {
        let mut history = History::default();
        history.set_text("u1", Role::User, "one");
        history.begin("a1", Role::Assistant);
        history.take_unsent();
        history.switch_server();
        assert_eq!(history.set_text("u1", Role::User, "one"), None, "the server has it");
        let item = history.set_text("a1", Role::Assistant, "half of it").expect("the server lacks it");
        assert_eq!(texts(&[item]), ["half of it"]);
        assert_eq!(history.set_text("a1", Role::Assistant, "half of it"), None, "it is sent once");
        assert_eq!(history.count(), 2);
    }
}
