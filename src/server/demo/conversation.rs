//! The items of the conversation, with the sound and the measurements that belong to them.

use std::sync::Arc;

use serde_json::json;

use crate::protocol::events::item::{ContentPart, Item, ItemBody, Role};
use crate::protocol::value::Unknown;
use crate::server::demo::hearing::measure::SpeechMeasurement;
use crate::server::demo::mistake::ClientError;
use crate::server::demo::usage::{Tokens, heard_tokens, spoken_tokens, text_tokens};

/// The sound of older items is forgotten when all of it is longer: ten minutes, 29 MB.
const MAX_SAMPLES: usize = 24_000 * 600;

/// Items at once. An hour of short turns makes about two thousand.
const MAX_ITEMS: usize = 4_000;

/// Text, images and other data of all items that clients create. A model's context is less than 1 MiB of text;
/// this leaves room for some images.
const MAX_TEXT_BYTES: usize = 32 << 20;

/// One item.
#[derive(Clone, Debug)]
pub(crate) struct ConversationEntry {
    /// As it is shown; without sound.
    pub(crate) item: Item,
    /// What was said in it, at 24 kHz; empty where it was written.
    pub(crate) sound: Arc<[i16]>,
    /// What was measured, where the user spoke.
    pub(crate) heard: Option<SpeechMeasurement>,
    /// How many of the samples were heard or sent, where that is not all of them.
    pub(crate) samples: u64,
    /// What the client's text and data in it take; sound is counted apart.
    pub(crate) bytes: usize,
}

impl ConversationEntry {
    /// Makes an entry of something written.
    pub(crate) fn written(item: Item) -> Self {
        let bytes = text_bytes(&item);
        Self { item, sound: Arc::default(), heard: None, samples: 0, bytes }
    }

    /// Returns the item's id; every item of the conversation has one.
    pub(crate) fn id(&self) -> &str {
        self.item.id.as_deref().unwrap_or_default()
    }

    /// Returns who it is from, where it is a message.
    pub(crate) fn role(&self) -> Option<&Role> {
        match &self.item.body {
            ItemBody::Message { role, .. } => Some(role),
            ItemBody::FunctionCall { .. } | ItemBody::FunctionCallOutput { .. } | ItemBody::Other(_) => None,
        }
    }

    /// Returns the parts of a message.
    pub(crate) fn parts(&self) -> &[ContentPart] {
        match &self.item.body {
            ItemBody::Message { content, .. } => content,
            ItemBody::FunctionCall { .. } | ItemBody::FunctionCallOutput { .. } | ItemBody::Other(_) => &[],
        }
    }

    /// Returns all its text.
    pub(crate) fn text(&self) -> String {
        let texts = self.parts().iter().filter_map(|part| match part {
            ContentPart::InputText(text) | ContentPart::Text(text) => Some(text.as_str()),
            ContentPart::InputAudio { transcript, .. } | ContentPart::Audio { transcript, .. } => {
                transcript.as_deref()
            }
            ContentPart::InputImage { .. } | ContentPart::Other(_) => None,
        });
        texts.collect::<Vec<_>>().join("\n")
    }

    /// Returns whether the assistant spoke in it.
    pub(crate) fn is_spoken_answer(&self) -> bool {
        self.role() == Some(&Role::Assistant)
            && self.parts().iter().any(|part| matches!(part, ContentPart::Audio { .. }))
    }

    /// Cuts the sound of a spoken answer and forgets its words.
    pub(crate) fn cut(&mut self, samples: u64) {
        self.samples = samples.min(self.samples);
        let kept = usize::try_from(self.samples).unwrap_or(usize::MAX).min(self.sound.len());
        self.sound = self.sound[..kept].into();
        self.forget_transcript();
    }

    /// Forgets the words of a spoken answer, as nobody knows which of them were heard.
    pub(crate) fn forget_transcript(&mut self) {
        if let ItemBody::Message { content, .. } = &mut self.item.body {
            for part in content {
                if let ContentPart::Audio { transcript, .. } = part {
                    *transcript = None;
                }
            }
        }
    }

    fn tokens(&self) -> Tokens {
        let text = text_tokens(&self.text());
        match self.role() {
            Some(Role::User) if self.samples > 0 => Tokens { text: 0, audio: heard_tokens(self.samples) },
            Some(Role::Assistant) => Tokens { text, audio: spoken_tokens(self.samples) },
            Some(Role::User | Role::System | Role::Other(_)) | None => Tokens { text, audio: 0 },
        }
    }
}

/// Returns the bytes of all texts and data in an item, without sound.
pub(crate) fn text_bytes(item: &Item) -> usize {
    let object = |fields: &Unknown| if fields.is_empty() { 0 } else { json!(fields).to_string().len() };
    let part = |part: &ContentPart| match part {
        ContentPart::InputText(text) | ContentPart::Text(text) => text.len(),
        ContentPart::InputAudio { transcript, .. } | ContentPart::Audio { transcript, .. } => {
            transcript.as_ref().map_or(0, String::len)
        }
        ContentPart::InputImage { image_url, .. } => image_url.len(),
        ContentPart::Other(fields) => object(fields),
    };
    let body = match &item.body {
        ItemBody::Message { content, .. } => content.iter().map(part).sum(),
        ItemBody::FunctionCall { call_id, name, arguments } => {
            let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
            text(call_id) + text(name) + arguments.len()
        }
        ItemBody::FunctionCallOutput { call_id, output } => call_id.len() + output.len(),
        ItemBody::Other(kind) => kind.len(),
    };
    body + object(&item.unknown)
}

/// All items, in order.
#[derive(Debug, Default)]
pub(crate) struct Conversation {
    entries: Vec<ConversationEntry>,
}

impl Conversation {
    /// Returns whether nothing has been said.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the item with this id.
    pub(crate) fn find(&self, id: &str) -> Option<&ConversationEntry> {
        self.entries.iter().find(|entry| entry.id() == id)
    }

    /// Returns the item with this id, to change it.
    pub(crate) fn find_mut(&mut self, id: &str) -> Option<&mut ConversationEntry> {
        self.entries.iter_mut().find(|entry| entry.id() == id)
    }

    /// Returns the items that are no instructions, the last one first.
    pub(crate) fn said(&self) -> impl Iterator<Item = &ConversationEntry> {
        self.entries.iter().rev().filter(|entry| entry.role() != Some(&Role::System))
    }

    /// Returns the id of the item before the one with this id.
    pub(crate) fn before(&self, id: &str) -> Option<String> {
        let index = self.index(id)?.checked_sub(1)?;
        Some(self.entries[index].id().to_owned())
    }

    /// Returns the item of the function call with this id.
    pub(crate) fn find_call(&self, wanted: &str) -> Option<&ConversationEntry> {
        let is_it = |entry: &&ConversationEntry| match &entry.item.body {
            ItemBody::FunctionCall { call_id, .. } => call_id.as_deref() == Some(wanted),
            ItemBody::Message { .. } | ItemBody::FunctionCallOutput { .. } | ItemBody::Other(_) => false,
        };
        self.entries.iter().find(is_it)
    }

    /// Returns the id of the last item.
    pub(crate) fn last_id(&self) -> Option<String> {
        self.entries.last().map(|entry| entry.id().to_owned())
    }

    /// Returns whether the assistant has spoken.
    pub(crate) fn holds_speech(&self) -> bool {
        self.entries.iter().any(ConversationEntry::is_spoken_answer)
    }

    /// Returns the tokens of everything.
    pub(crate) fn tokens(&self) -> Tokens {
        self.entries.iter().map(ConversationEntry::tokens).fold(Tokens::default(), |sum, tokens| Tokens {
            text: sum.text + tokens.text,
            audio: sum.audio + tokens.audio,
        })
    }

    /// Adds an item of the endpoint's own at the end and returns the id of the one before. In a full
    /// conversation it takes the place of the oldest item, as `truncation: "auto"` does it.
    pub(crate) fn push(&mut self, entry: ConversationEntry) -> Option<String> {
        let previous = self.last_id();
        if self.entries.len() >= MAX_ITEMS {
            self.entries.remove(0);
        }
        self.entries.push(entry);
        self.forget_old_sound();
        previous
    }

    /// Adds an item of the client's behind `previous` (`root` is the beginning) and returns the id of the one before.
    pub(crate) fn insert(
        &mut self,
        previous: Option<&str>,
        entry: ConversationEntry,
    ) -> Result<Option<String>, ClientError> {
        if self.find(entry.id()).is_some() {
            let message = format!("Item with id '{}' already exists.", entry.id());
            return Err(ClientError::value("item.id", message));
        }
        self.check_room(&entry)?;
        let index = match previous {
            None => self.entries.len(),
            Some("root") => 0,
            Some(previous) => {
                1 + self.index(previous).ok_or_else(|| {
                    ClientError::value(
                        "previous_item_id",
                        format!("Item with id '{previous}' does not exist."),
                    )
                })?
            }
        };
        self.entries.insert(index, entry);
        self.forget_old_sound();
        Ok(index.checked_sub(1).map(|before| self.entries[before].id().to_owned()))
    }

    fn check_room(&self, new: &ConversationEntry) -> Result<(), ClientError> {
        let bytes: usize = self.entries.iter().map(|entry| entry.bytes).sum();
        if self.entries.len() < MAX_ITEMS && bytes + new.bytes <= MAX_TEXT_BYTES {
            return Ok(());
        }
        let message = format!(
            "The conversation is full: it holds at most {MAX_ITEMS} items with {} MiB of text. Delete items, \
             or start a new session.",
            MAX_TEXT_BYTES >> 20
        );
        Err(ClientError::value("item", message))
    }

    /// Removes an item; tells whether it was there.
    pub(crate) fn remove(&mut self, id: &str) -> bool {
        let index = self.index(id);
        index.map(|index| self.entries.remove(index)).is_some()
    }

    fn index(&self, id: &str) -> Option<usize> {
        self.entries.iter().position(|entry| entry.id() == id)
    }

    fn forget_old_sound(&mut self) {
        let mut room = MAX_SAMPLES;
        for entry in self.entries.iter_mut().rev() {
            if entry.sound.len() > room {
                // Of a single item that is too long its beginning is kept.
                let kept = if room == MAX_SAMPLES { room } else { 0 };
                entry.sound = entry.sound[..kept].into();
            }
            room -= entry.sound.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: usize, text: &str) -> ConversationEntry {
        let content = vec![ContentPart::InputText(text.to_owned())];
        let body = ItemBody::Message { role: Role::User, content };
        ConversationEntry::written(Item { id: Some(format!("item_{id}")), body, ..Item::default() })
    }

    #[test]
    fn the_items_of_a_conversation_are_bounded() {
        let mut conversation = Conversation::default();
        for id in 0..MAX_ITEMS {
            conversation.insert(None, entry(id, "")).unwrap();
        }
        let full = conversation.insert(None, entry(MAX_ITEMS, "")).unwrap_err();
        assert!(
            full.message.starts_with("The conversation is full: it holds at most 4000 items"),
            "{full:?}"
        );
        conversation.push(entry(MAX_ITEMS, "of the endpoint"));
        assert_eq!(conversation.entries.len(), MAX_ITEMS);
        assert!(conversation.find("item_0").is_none(), "it took the place of the oldest item");
        assert_eq!(conversation.last_id(), Some(format!("item_{MAX_ITEMS}")));
    }

    #[test]
    fn the_sound_of_a_conversation_is_bounded() {
        let mut conversation = Conversation::default();
        for id in 0..2 {
            let sound: Arc<[i16]> = vec![1; MAX_SAMPLES + id].into();
            conversation.push(ConversationEntry { sound, ..entry(id, "") });
        }
        let kept: Vec<usize> = conversation.entries.iter().map(|entry| entry.sound.len()).collect();
        assert_eq!(kept, [0, MAX_SAMPLES], "the beginning of the last one, which is too long by itself");
    }
}
