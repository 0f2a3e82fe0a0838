//! Ids that are unique in the whole call, mapped to the ids of the server in use.
//!
//! A call may use several connections, and servers restart their numbering on each. A free id is kept as the
//! server wrote it; otherwise a number is appended.

use std::collections::{HashMap, HashSet, VecDeque};

/// Maximum number of ids of one kind; older ones are forgotten, since a call may last for days.
const CAPACITY: usize = 10_000;

/// Ids of one kind: of items or of responses.
#[derive(Debug, Default)]
pub(crate) struct CallIds {
    taken: HashSet<String>,
    /// All taken ids, the oldest first.
    order: VecDeque<String>,
    /// Server ids by call id.
    server_ids: HashMap<String, String>,
}

impl CallIds {
    /// Returns `wanted`, or a numbered variant if it is taken.
    pub(crate) fn take(&mut self, wanted: &str) -> String {
        let numbered = (2_u64..).map(|number| format!("{wanted}#{number}"));
        let mut candidates = std::iter::once(wanted.to_owned()).chain(numbered);
        let id = candidates.find(|id| !self.taken.contains(id)).expect("the numbers never end");
        self.taken.insert(id.clone());
        self.order.push_back(id.clone());
        if self.order.len() > CAPACITY
            && let Some(oldest) = self.order.pop_front()
        {
            self.taken.remove(&oldest);
            self.server_ids.remove(&oldest);
        }
        id
    }

    /// Returns a new id for `server_id`.
    pub(crate) fn take_named(&mut self, server_id: &str) -> String {
        let id = self.take(server_id);
        self.bind(&id, server_id);
        id
    }

    /// Maps an id to the server's; the first mapping stays.
    pub(crate) fn bind(&mut self, id: &str, server_id: &str) {
        if self.taken.contains(id) {
            self.server_ids.entry(id.to_owned()).or_insert_with(|| server_id.to_owned());
        }
    }

    /// Returns the id on the server in use, if it has one.
    pub(crate) fn server_id(&self, id: &str) -> Option<&str> {
        self.server_ids.get(id).map(String::as_str)
    }

    /// Forgets the ids of the previous server.
    pub(crate) fn new_server(&mut self) {
        self.server_ids.clear();
    }
}

/// Maximum number of mentioned ids.
const MENTIONED: usize = 64;

/// Ids of items; some are mentioned (`previous_item_id`, client items) before their first event.
#[derive(Debug, Default)]
pub(crate) struct ItemIds {
    ids: CallIds,
    /// Server ids and call ids.
    mentioned: VecDeque<(String, String)>,
}

impl ItemIds {
    /// Returns the id of an item of which only the server's id is known.
    pub(crate) fn mention(&mut self, server_id: &str) -> String {
        if let Some((_, id)) = self.mentioned.iter().find(|(known, _)| known == server_id) {
            return id.clone();
        }
        let id = self.ids.take_named(server_id);
        if self.mentioned.len() == MENTIONED {
            self.mentioned.pop_front();
        }
        self.mentioned.push_back((server_id.to_owned(), id.clone()));
        id
    }

    /// Returns whether an item was mentioned and has no event yet.
    pub(crate) fn is_mentioned(&self, server_id: &str) -> bool {
        self.mentioned.iter().any(|(known, _)| known == server_id)
    }

    /// Returns the id of an item with its first event: the mentioned one, or a new one.
    pub(crate) fn begin(&mut self, server_id: &str) -> String {
        match self.mentioned.iter().position(|(known, _)| known == server_id) {
            Some(index) => self.mentioned.remove(index).map(|(_, id)| id).unwrap_or_default(),
            None => self.ids.take(server_id),
        }
    }

    /// Returns an id for an item without a server id.
    pub(crate) fn begin_unnamed(&mut self, wanted: &str) -> String {
        self.ids.take(wanted)
    }

    /// Maps an id to the server's.
    pub(crate) fn bind(&mut self, id: &str, server_id: &str) {
        self.ids.bind(id, server_id);
    }

    /// Returns the id on the server in use, if it has one.
    pub(crate) fn server_id(&self, id: &str) -> Option<&str> {
        self.ids.server_id(id)
    }

    /// Forgets the ids of the previous server.
    pub(crate) fn new_server(&mut self) {
        self.ids.new_server();
        self.mentioned.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_id_is_kept() {
        let mut ids = CallIds::default();
        for server in 0..3 {
            let server_id = format!("item_{server}");
            assert_eq!(ids.take_named(&server_id), server_id);
            assert_eq!(ids.server_id(&server_id), Some(server_id.as_str()));
            ids.new_server();
        }
    }

    #[test]
    fn a_reused_id_gets_a_number_and_maps_back() {
        let mut ids = CallIds::default();
        assert_eq!(ids.take_named("a"), "a");
        ids.new_server();
        assert_eq!(ids.server_id("a"), None);
        assert_eq!(ids.take_named("a"), "a#2");
        assert_eq!(ids.take_named("a#2"), "a#2#2");
        assert_eq!(ids.server_id("a#2"), Some("a"));
        assert_eq!(ids.server_id("a#2#2"), Some("a#2"));
    }

    #[test]
    fn the_oldest_ids_are_forgotten() {
        let mut ids = CallIds::default();
        for number in 0..=CAPACITY {
            ids.take_named(&format!("item_{number}"));
        }
        assert_eq!((ids.taken.len(), ids.order.len(), ids.server_ids.len()), (CAPACITY, CAPACITY, CAPACITY));
        assert_eq!(ids.server_id("item_0"), None);
        assert_eq!(ids.server_id("item_1"), Some("item_1"));
    }
}
