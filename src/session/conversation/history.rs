//! What was said so far, for servers that know nothing of it: after a lost connection, and before the
//! connection in use gives way to the next.

use crate::protocol::events::item::{ContentPart, Item, ItemBody, Role};

/// How many items are told again. More of the assistant's text pushes a model that speaks towards
/// writing, and costs again with every answer.
const REPLAYED: usize = 40;

/// How many items are remembered: some have no words, and some get theirs late.
const REMEMBERED: usize = 4 * REPLAYED;

/// The conversation, in its order.
#[derive(Debug, Default)]
pub(crate) struct History {
    entries: Vec<HistoryItem>,
}

/// One item of it.
#[derive(Debug)]
struct HistoryItem {
    item_id: String,
    role: Role,
    /// Empty until it is known, and where it never was.
    text: String,
    /// Whether an answer to it may still be owed.
    answer: PendingReply,
    /// Whether the server in use has it.
    here: ItemPresence,
    /// Whether the server that is to follow has it.
    next: ItemPresence,
}

/// Whether what was said is to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PendingReply {
    /// As far as is known.
    Yes,
    /// The answer came whole, or is not wanted.
    No,
}

/// Whether a server has an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ItemPresence {
    Yes,
    No,
}

impl History {
    /// Notes that the server in use has an item, and where; its text may come later.
    pub(crate) fn begin(&mut self, item_id: &str, role: Role) {
        if !self.entries.iter().any(|entry| entry.item_id == item_id) {
            let (answer, here, next) = (PendingReply::Yes, ItemPresence::Yes, ItemPresence::No);
            let (item_id, text) = (item_id.to_owned(), String::new());
            self.entries.push(HistoryItem { item_id, role, text, answer, here, next });
            if self.entries.len() > REMEMBERED {
                self.entries.remove(0);
            }
        }
    }

    /// Notes what was said in an item: of the assistant, only what was heard. Returns the item where the
    /// server in use has not been told it, because it was said to another.
    pub(crate) fn tell(&mut self, item_id: &str, role: Role, text: &str) -> Option<Item> {
        self.begin(item_id, role);
        let entry = self.entries.iter_mut().find(|entry| entry.item_id == item_id)?;
        text.trim().clone_into(&mut entry.text);
        if entry.here == ItemPresence::Yes || entry.text.is_empty() {
            return None;
        }
        entry.here = ItemPresence::Yes;
        Some(entry.item())
    }

    /// Returns what the next server has not been told of the last items. Sound cannot be told again, and
    /// the assistant's cannot at all: their text is.
    pub(crate) fn take_untold(&mut self) -> Vec<Item> {
        let known: Vec<usize> =
            (0..self.entries.len()).filter(|index| !self.entries[*index].text.is_empty()).collect();
        let mut items = Vec::new();
        for index in &known[known.len().saturating_sub(REPLAYED)..] {
            let entry = &mut self.entries[*index];
            if entry.next == ItemPresence::No {
                entry.next = ItemPresence::Yes;
                items.push(entry.item());
            }
        }
        items
    }

    /// The next server takes the place of the one in use: what it was not told is not known there.
    pub(crate) fn hand_over(&mut self) {
        for entry in &mut self.entries {
            entry.here = std::mem::replace(&mut entry.next, ItemPresence::No);
        }
    }

    /// The next server is gone, and with it what it was told.
    pub(crate) fn forget_next(&mut self) {
        for entry in &mut self.entries {
            entry.next = ItemPresence::No;
        }
    }

    /// Returns how many turns the server in use has been told of.
    pub(crate) fn count(&self) -> usize {
        let known = |entry: &&HistoryItem| entry.here == ItemPresence::Yes && !entry.text.is_empty();
        self.entries.iter().filter(known).count()
    }

    /// An answer came whole and has only to be heard: what was said before it is answered.
    pub(crate) fn answered_by(&mut self, item_id: &str) {
        let answer = self.entries.iter().position(|entry| entry.item_id == item_id);
        for entry in &mut self.entries[..answer.unwrap_or(0)] {
            entry.answer = PendingReply::No;
        }
    }

    /// The user does not want the answer to what was said so far.
    pub(crate) fn cancel_pending_reply(&mut self) {
        for entry in &mut self.entries {
            entry.answer = PendingReply::No;
        }
    }

    /// Returns whether the user was the last to say something that is known, and it was not answered.
    pub(crate) fn waits_for_answer(&self) -> bool {
        let last = self.entries.iter().rfind(|entry| !entry.text.is_empty());
        last.is_some_and(|entry| entry.role == Role::User && entry.answer == PendingReply::Yes)
    }
}

impl HistoryItem {
    fn item(&self) -> Item {
        let content = match self.role {
            Role::Assistant => ContentPart::Text(self.text.clone()),
            Role::User | Role::System | Role::Other(_) => ContentPart::InputText(self.text.clone()),
        };
        Item {
            body: ItemBody::Message { role: self.role.clone(), content: vec![content] },
            ..Item::default()
        }
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
    fn a_caption_that_comes_late_stands_where_it_was_said() {
        let mut memory = History::default();
        memory.begin("u1", Role::User);
        assert_eq!(memory.tell("a1", Role::Assistant, "Hi."), None);
        assert_eq!(memory.tell("u1", Role::User, "Hello"), None);
        assert_eq!(texts(&memory.take_untold()), ["Hello", "Hi."]);
        assert!(!memory.waits_for_answer());
    }

    #[test]
    fn only_the_last_items_are_told_again_and_none_without_words() {
        let mut memory = History::default();
        for number in 0..100 {
            memory.tell(&format!("u{number}"), Role::User, &format!("turn {number}"));
            memory.begin(&format!("a{number}"), Role::Assistant);
        }
        let told = texts(&memory.take_untold());
        assert_eq!((told.len(), told[0].as_str()), (REPLAYED, "turn 60"));
    }

    #[test]
    fn a_question_waits_until_it_is_answered_or_taken_back() {
        let mut memory = History::default();
        memory.tell("u1", Role::User, "one");
        memory.begin("a1", Role::Assistant);
        assert!(memory.waits_for_answer());
        memory.answered_by("a1");
        assert!(!memory.waits_for_answer(), "the answer is being heard");
        memory.tell("u2", Role::User, "two");
        memory.answered_by("a1");
        assert!(memory.waits_for_answer());
        memory.cancel_pending_reply();
        assert!(!memory.waits_for_answer());
    }

    #[test]
    fn the_next_server_is_told_each_item_once() {
        let mut memory = History::default();
        memory.tell("u1", Role::User, "one");
        assert_eq!(texts(&memory.take_untold()), ["one"]);
        memory.tell("a1", Role::Assistant, "two");
        assert_eq!(texts(&memory.take_untold()), ["two"]);
        memory.forget_next();
        assert_eq!(texts(&memory.take_untold()), ["one", "two"]);
    }

    #[test]
    fn what_becomes_known_after_the_handover_is_told_then() {
        let mut memory = History::default();
        memory.tell("u1", Role::User, "one");
        memory.begin("a1", Role::Assistant);
        memory.take_untold();
        memory.hand_over();
        assert_eq!(memory.tell("u1", Role::User, "one"), None, "it is known there");
        let item = memory.tell("a1", Role::Assistant, "half of it").expect("it is not known yet");
        assert_eq!(texts(&[item]), ["half of it"]);
        assert_eq!(memory.tell("a1", Role::Assistant, "half of it"), None, "it is told once");
        assert_eq!(memory.count(), 2);
    }
}
