//! What was said so far, for a server that knows nothing of it after a lost connection.

use crate::protocol::item::{Content, Item, ItemBody, Role};

/// How many items are replayed. More of the assistant's text pushes a model that speaks towards
/// writing, and costs again with every answer.
const REPLAYED: usize = 40;

/// The conversation, in its order.
#[derive(Debug, Default)]
pub(super) struct Memory {
    entries: Vec<Entry>,
}

/// One item of it.
#[derive(Debug)]
struct Entry {
    item_id: String,
    role: Role,
    /// Empty until it is known, and where it never was.
    text: String,
}

impl Memory {
    /// Notes that an item has its place here; its text may come later.
    pub(super) fn begin(&mut self, item_id: &str, role: Role) {
        if !self.entries.iter().any(|entry| entry.item_id == item_id) {
            self.entries.push(Entry { item_id: item_id.to_owned(), role, text: String::new() });
        }
    }

    /// Notes what was said in an item: of the assistant, only what was heard.
    pub(super) fn tell(&mut self, item_id: &str, role: Role, text: &str) {
        self.begin(item_id, role);
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.item_id == item_id) {
            text.trim().clone_into(&mut entry.text);
        }
    }

    /// Returns the last items as a new server is to be told them. Sound cannot be told again, and the
    /// assistant's cannot at all: their text is.
    pub(super) fn items(&self) -> Vec<Item> {
        let known: Vec<&Entry> = self.entries.iter().filter(|entry| !entry.text.is_empty()).collect();
        let last = known.iter().skip(known.len().saturating_sub(REPLAYED));
        last.map(|entry| entry.item()).collect()
    }

    /// Returns whether the user was the last to say something that is known.
    pub(super) fn waits_for_answer(&self) -> bool {
        let last = self.entries.iter().rfind(|entry| !entry.text.is_empty());
        last.is_some_and(|entry| entry.role == Role::User)
    }
}

impl Entry {
    fn item(&self) -> Item {
        let content = match self.role {
            Role::Assistant => Content::Text(self.text.clone()),
            Role::User | Role::System | Role::Other(_) => Content::InputText(self.text.clone()),
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

    #[test]
    fn a_caption_that_comes_late_stands_where_it_was_said() {
        let mut memory = Memory::default();
        memory.begin("u1", Role::User);
        memory.tell("a1", Role::Assistant, "Hi.");
        memory.tell("u1", Role::User, "Hello");
        let texts: Vec<_> = memory.entries.iter().map(|entry| entry.text.as_str()).collect();
        assert_eq!(texts, ["Hello", "Hi."]);
        assert!(!memory.waits_for_answer());
    }

    #[test]
    fn only_the_last_items_are_told_again_and_none_without_words() {
        let mut memory = Memory::default();
        for number in 0..100 {
            memory.tell(&format!("u{number}"), Role::User, &format!("turn {number}"));
            memory.begin(&format!("a{number}"), Role::Assistant);
        }
        let items = memory.items();
        assert_eq!(items.len(), REPLAYED);
        let ItemBody::Message { content, .. } = &items[0].body else { panic!("{items:?}") };
        assert_eq!(content, &[Content::InputText("turn 60".into())]);
    }
}
