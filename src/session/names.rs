//! Names for items and responses that mean one thing in the whole call.
//!
//! A call is held over one connection after the other, and servers name things anew on each: several begin
//! with `item_1` every time. What comes in is renamed here, at the door, and named back on the way out, so
//! that nothing behind it can take a thing of one server for a thing of another. A name that was not used
//! before stays as the server gave it.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::protocol::client::ClientBody;
use crate::protocol::item::Item;
use crate::protocol::response::Response;
use crate::protocol::server::{Place, ServerBody};

/// How many names of one kind are kept: what was named so long ago is spoken of no more, and a call may last
/// for days.
const MOST: usize = 10_000;

/// What the servers of a call have named.
#[derive(Debug, Default)]
pub(super) struct Names {
    items: Kind,
    responses: Kind,
    /// The item of an answer of which neither item nor response is named.
    nameless: Option<String>,
}

/// The names of one kind of thing.
#[derive(Debug, Default)]
struct Kind {
    /// By what the server in use calls them.
    here: HashMap<String, String>,
    /// All of the call that are kept.
    taken: HashSet<String>,
    /// The same in their order, the oldest first, each behind what its server called the thing.
    order: VecDeque<(String, String)>,
}

impl Kind {
    /// Returns what the call calls the thing that the server in use calls `id`.
    fn name(&mut self, id: &str) -> &str {
        if !self.here.contains_key(id) {
            let name = self.take(id);
            self.here.insert(id.to_owned(), name);
        }
        &self.here[id]
    }

    fn rename(&mut self, id: &mut String) {
        let name = self.name(id);
        if name != id {
            name.clone_into(id);
        }
    }

    /// Returns a name like `id` that nothing has.
    fn take(&mut self, id: &str) -> String {
        let again = (2_u64..).map(|number| format!("{id}#{number}"));
        let mut names = std::iter::once(id.to_owned()).chain(again);
        let name = names.find(|name| !self.taken.contains(name)).expect("there are more names than things");
        self.taken.insert(name.clone());
        self.order.push_back((id.to_owned(), name.clone()));
        if self.order.len() > MOST {
            self.forget_oldest();
        }
        name
    }

    fn forget_oldest(&mut self) {
        let Some((id, name)) = self.order.pop_front() else { return };
        self.taken.remove(&name);
        // The same id may be that of another thing, on another server.
        if self.here.get(&id) == Some(&name) {
            self.here.remove(&id);
        }
    }

    /// Returns what the server in use calls a thing; nothing where it is another server's.
    fn id(&self, name: &str) -> Option<&str> {
        // Most have the name that the server gave them.
        if self.here.get(name).is_some_and(|kept| kept == name) {
            return self.here.get_key_value(name).map(|(id, _)| id.as_str());
        }
        self.here.iter().find(|(_, kept)| *kept == name).map(|(id, _)| id.as_str())
    }
}

impl Names {
    /// What comes from here on comes from a server that has named nothing yet.
    pub(super) fn new_server(&mut self) {
        self.items.here.clear();
        self.responses.here.clear();
        self.nameless = None;
    }

    /// Returns the name of an item that this side has called `id`.
    pub(super) fn own_item(&mut self, id: &str) -> String {
        self.items.name(id).to_owned()
    }

    /// Returns whether an item has a name on the server in use.
    pub(super) fn is_here(&self, item: &str) -> bool {
        self.items.id(item).is_some()
    }

    /// Returns the item that a renamed piece belongs to; servers that name no item have one for each
    /// response.
    pub(super) fn item_of(&mut self, place: &Place) -> String {
        match (&place.item_id, &place.response_id) {
            (Some(item), _) => item.clone(),
            (None, Some(response)) => format!("item of {response}"),
            (None, None) => {
                let items = &mut self.items;
                self.nameless.get_or_insert_with(|| items.take("item")).clone()
            }
        }
    }

    /// An answer without a name is over: the next one is another.
    pub(super) fn nameless_over(&mut self) {
        self.nameless = None;
    }

    /// Names what the server in use speaks of as the call does.
    pub(super) fn rename(&mut self, body: &mut ServerBody) {
        match body {
            ServerBody::ItemAdded { previous_item_id, item }
            | ServerBody::ItemCreated { previous_item_id, item }
            | ServerBody::ItemDone { previous_item_id, item } => {
                self.rename_some(previous_item_id.as_mut());
                self.rename_item(item);
            }
            ServerBody::ItemRetrieved { item } => self.rename_item(item),
            ServerBody::ItemDeleted { item_id }
            | ServerBody::ItemTruncated { item_id, .. }
            | ServerBody::TranscriptionDelta { item_id, .. }
            | ServerBody::TranscriptionCompleted { item_id, .. }
            | ServerBody::TranscriptionFailed { item_id, .. }
            | ServerBody::TranscriptionSegment { item_id, .. } => self.items.rename(item_id),
            ServerBody::AudioCommitted { previous_item_id, item_id } => {
                self.rename_some(previous_item_id.as_mut());
                self.rename_some(item_id.as_mut());
            }
            ServerBody::SpeechStarted { item_id, .. }
            | ServerBody::SpeechStopped { item_id, .. }
            | ServerBody::IdleTimeout { item_id, .. } => self.rename_some(item_id.as_mut()),
            ServerBody::OutputBuffer { response_id, .. } => self.rename_response(response_id.as_mut()),
            ServerBody::ResponseCreated(response) | ServerBody::ResponseDone(response) => {
                self.rename_whole(response);
            }
            ServerBody::OutputItemAdded { place, item } | ServerBody::OutputItemDone { place, item } => {
                self.rename_place(place);
                self.rename_item(item);
            }
            ServerBody::ContentPartAdded { place, .. }
            | ServerBody::ContentPartDone { place, .. }
            | ServerBody::TextDelta { place, .. }
            | ServerBody::TextDone { place, .. }
            | ServerBody::AudioDelta { place, .. }
            | ServerBody::AudioDone { place }
            | ServerBody::TranscriptDelta { place, .. }
            | ServerBody::TranscriptDone { place, .. }
            | ServerBody::ArgumentsDelta { place, .. }
            | ServerBody::ArgumentsDone { place, .. }
            | ServerBody::Mcp { place, .. } => self.rename_place(place),
            ServerBody::Error(_)
            | ServerBody::SessionCreated(_)
            | ServerBody::SessionUpdated(_)
            | ServerBody::ConversationCreated { .. }
            | ServerBody::AudioCleared
            | ServerBody::Dtmf { .. }
            | ServerBody::RateLimits(_)
            | ServerBody::Unknown { .. } => {}
        }
    }

    /// Names what the call speaks of as the server in use does.
    pub(super) fn name_back(&self, body: &mut ClientBody) {
        match body {
            ClientBody::ItemCreate { previous_item_id, item } => {
                back(&self.items, previous_item_id.as_mut());
                back(&self.items, item.id.as_mut());
            }
            ClientBody::ItemRetrieve { item_id }
            | ClientBody::ItemTruncate { item_id, .. }
            | ClientBody::ItemDelete { item_id } => back(&self.items, Some(item_id)),
            ClientBody::ResponseCancel { response_id } => back(&self.responses, response_id.as_mut()),
            ClientBody::SessionUpdate(_)
            | ClientBody::AudioAppend(_)
            | ClientBody::AudioCommit
            | ClientBody::AudioClear
            | ClientBody::OutputAudioClear
            | ClientBody::ResponseCreate(_)
            | ClientBody::Unknown { .. } => {}
        }
    }

    fn rename_item(&mut self, item: &mut Item) {
        self.rename_some(item.id.as_mut());
    }

    fn rename_some(&mut self, item_id: Option<&mut String>) {
        if let Some(item_id) = item_id {
            self.items.rename(item_id);
        }
    }

    fn rename_response(&mut self, response_id: Option<&mut String>) {
        if let Some(response_id) = response_id {
            self.responses.rename(response_id);
        }
    }

    fn rename_place(&mut self, place: &mut Place) {
        self.rename_response(place.response_id.as_mut());
        self.rename_some(place.item_id.as_mut());
    }

    fn rename_whole(&mut self, response: &mut Response) {
        self.rename_response(response.id.as_mut());
        for item in &mut response.output {
            self.rename_item(item);
        }
    }
}

fn back(kind: &Kind, name: Option<&mut String>) {
    if let Some(name) = name
        && let Some(id) = kind.id(name)
        && id != name
    {
        *name = id.to_owned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &mut Names, id: &str) -> String {
        let mut body = ServerBody::ItemDeleted { item_id: id.to_owned() };
        names.rename(&mut body);
        let ServerBody::ItemDeleted { item_id } = body else { panic!("it is another event") };
        item_id
    }

    fn named_back(names: &Names, name: &str) -> String {
        let mut body = ClientBody::ItemDelete { item_id: name.to_owned() };
        names.name_back(&mut body);
        let ClientBody::ItemDelete { item_id } = body else { panic!("it is another event") };
        item_id
    }

    #[test]
    fn a_name_that_nothing_has_stays_as_it_is() {
        let mut names = Names::default();
        for server in 0..3 {
            let id = format!("item_{server}");
            assert_eq!(named(&mut names, &id), id);
            assert_eq!(named(&mut names, &id), id, "it is the same item");
            assert_eq!(named_back(&names, &id), id);
            names.new_server();
        }
    }

    #[test]
    fn a_name_that_another_server_used_is_told_apart_and_named_back() {
        let mut names = Names::default();
        named(&mut names, "item_1");
        names.new_server();
        assert!(!names.is_here("item_1"));
        assert_eq!(named(&mut names, "item_1"), "item_1#2");
        assert_eq!(named_back(&names, "item_1#2"), "item_1");
        assert!(names.is_here("item_1#2") && !names.is_here("item_1"));
        names.new_server();
        assert_eq!(named(&mut names, "item_1"), "item_1#3");
    }

    #[test]
    fn no_server_can_take_the_name_of_another_thing() {
        let mut names = Names::default();
        named(&mut names, "a");
        names.new_server();
        assert_eq!(named(&mut names, "a"), "a#2");
        assert_eq!(named(&mut names, "a#2"), "a#2#2");
        assert_eq!(named_back(&names, "a#2"), "a");
        assert_eq!(named_back(&names, "a#2#2"), "a#2");
    }

    #[test]
    fn the_oldest_names_are_forgotten_and_those_in_use_are_not() {
        let mut names = Names::default();
        named(&mut names, "item_0");
        names.new_server();
        assert_eq!(named(&mut names, "item_0"), "item_0#2");
        for number in 1..MOST {
            named(&mut names, &format!("item_{number}"));
        }
        let Kind { here, taken, order } = &names.items;
        assert_eq!((here.len(), taken.len(), order.len()), (MOST, MOST, MOST));
        assert!(!taken.contains("item_0"), "it is the oldest");
        assert_eq!(named_back(&names, "item_0#2"), "item_0", "its server is in use");
        named(&mut names, "one more");
        assert!(!names.is_here("item_0#2") && names.is_here("item_1") && names.is_here("one more"));
        assert_eq!(names.items.here.len(), MOST);
    }

    #[test]
    fn answers_without_any_name_are_told_apart() {
        let mut names = Names::default();
        let place = Place::default();
        assert_eq!((names.item_of(&place), names.item_of(&place)), ("item".to_owned(), "item".to_owned()));
        names.nameless_over();
        assert_eq!(names.item_of(&place), "item#2");
        names.new_server();
        assert_eq!(names.item_of(&place), "item#3");
        assert_eq!(named(&mut names, "item"), "item#4");
    }
}
