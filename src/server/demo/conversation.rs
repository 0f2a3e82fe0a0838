//! Items of the conversation, with their audio and measurements.

use std::sync::Arc;

use serde_json::json;

use crate::protocol::events::item::{ContentPart, Item, ItemBody, Role};
use crate::protocol::value::Unknown;
use crate::server::demo::client_error::ClientError;
use crate::server::demo::input_audio::measure::SpeechMeasurement;
use crate::server::demo::usage::{Tokens, input_audio_tokens, output_audio_tokens, text_tokens};

/// Maximum audio of all items: ten minutes, 29 MB; the audio of older items is dropped.
const MAX_SAMPLES: usize = 24_000 * 600;

/// Maximum number of items. An hour of short turns makes about two thousand.
const MAX_ITEMS: usize = 4_000;

/// Maximum text, images and other data of all client items. A model's context is less than 1 MiB of text;
/// this leaves room for some images.
const MAX_TEXT_BYTES: usize = 32 << 20;

/// One item.
#[derive(Clone, Debug)]
pub(crate) struct ConversationEntry {
    /// The item as sent to the client, without audio.
    pub(crate) item: Item,
    /// Its audio at 24 kHz; empty for text.
    pub(crate) pcm: Arc<[i16]>,
    /// Measurement of the user's speech.
    pub(crate) measurement: Option<SpeechMeasurement>,
    /// Number of samples received or sent.
    pub(crate) samples: u64,
    /// Size of the client's text and data; audio is counted separately.
    pub(crate) bytes: usize,
}

impl ConversationEntry {
    /// Makes an entry without audio.
    pub(crate) fn written(item: Item) -> Self {
        let bytes = text_bytes(&item);
        Self { item, pcm: Arc::default(), measurement: None, samples: 0, bytes }
    }

    /// Returns the id, which every entry has.
    pub(crate) fn id(&self) -> &str {
        self.item.id.as_deref().unwrap_or_default()
    }

    /// Returns the author of a message.
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

    /// Returns the text of all parts.
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

    /// Returns the data URI of the first image.
    pub(crate) fn image(&self) -> Option<&str> {
        self.parts().iter().find_map(|part| match part {
            ContentPart::InputImage { image_url, .. } => Some(image_url.as_str()),
            ContentPart::InputText(_)
            | ContentPart::Text(_)
            | ContentPart::InputAudio { .. }
            | ContentPart::Audio { .. }
            | ContentPart::Other(_) => None,
        })
    }

    /// Returns whether it is a spoken answer.
    pub(crate) fn is_spoken_answer(&self) -> bool {
        self.role() == Some(&Role::Assistant)
            && self.parts().iter().any(|part| matches!(part, ContentPart::Audio { .. }))
    }

    /// Truncates the audio of a spoken answer and drops its transcript.
    pub(crate) fn cut(&mut self, samples: u64) {
        self.samples = samples.min(self.samples);
        let kept = usize::try_from(self.samples).unwrap_or(usize::MAX).min(self.pcm.len());
        self.pcm = self.pcm[..kept].into();
        self.drop_transcript();
    }

    /// Drops the transcript of a spoken answer, since the played part of it is unknown.
    pub(crate) fn drop_transcript(&mut self) {
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
            Some(Role::User) if self.samples > 0 => {
                Tokens { text: 0, audio: input_audio_tokens(self.samples) }
            }
            Some(Role::Assistant) => Tokens { text, audio: output_audio_tokens(self.samples) },
            Some(Role::User | Role::System | Role::Other(_)) | None => Tokens { text, audio: 0 },
        }
    }
}

/// Returns the size of all texts and data in an item, without audio.
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

/// The conversation, in order.
#[derive(Debug, Default)]
pub(crate) struct ConversationItems {
    entries: Vec<ConversationEntry>,
}

impl ConversationItems {
    /// Returns whether there are no items.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the item with this id.
    pub(crate) fn find(&self, id: &str) -> Option<&ConversationEntry> {
        self.entries.iter().find(|entry| entry.id() == id)
    }

    /// Returns the item with this id for modification.
    pub(crate) fn find_mut(&mut self, id: &str) -> Option<&mut ConversationEntry> {
        self.entries.iter_mut().find(|entry| entry.id() == id)
    }

    /// Returns the items other than instructions, the latest first.
    pub(crate) fn recent_items(&self) -> impl Iterator<Item = &ConversationEntry> {
        self.entries.iter().rev().filter(|entry| entry.role() != Some(&Role::System))
    }

    /// Returns the id of the preceding item.
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

    /// Returns whether it contains a spoken answer.
    pub(crate) fn has_spoken_answer(&self) -> bool {
        self.entries.iter().any(ConversationEntry::is_spoken_answer)
    }

    /// Returns the tokens of all items.
    pub(crate) fn tokens(&self) -> Tokens {
        self.entries.iter().map(ConversationEntry::tokens).fold(Tokens::default(), |sum, tokens| Tokens {
            text: sum.text + tokens.text,
            audio: sum.audio + tokens.audio,
        })
    }

    /// Appends an item of the endpoint and returns its predecessor's id. In a full conversation it replaces
    /// the oldest item, as with `truncation: "auto"`.
    pub(crate) fn push(&mut self, entry: ConversationEntry) -> Option<String> {
        let previous = self.last_id();
        if self.entries.len() >= MAX_ITEMS {
            self.entries.remove(0);
        }
        self.entries.push(entry);
        self.drop_old_audio();
        previous
    }

    /// Inserts an item of the client after `previous` (`root` is the beginning) and returns its predecessor's
    /// id.
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
        self.drop_old_audio();
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

    /// Removes an item; returns whether it existed.
    pub(crate) fn remove(&mut self, id: &str) -> bool {
        let index = self.index(id);
        index.map(|index| self.entries.remove(index)).is_some()
    }

    fn index(&self, id: &str) -> Option<usize> {
        self.entries.iter().position(|entry| entry.id() == id)
    }

    fn drop_old_audio(&mut self) {
        let mut room = MAX_SAMPLES;
        for entry in self.entries.iter_mut().rev() {
            if entry.pcm.len() > room {
                // Of a single item that is too long, the beginning is kept.
                let kept = if room == MAX_SAMPLES { room } else { 0 };
                entry.pcm = entry.pcm[..kept].into();
            }
            room -= entry.pcm.len();
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
        let mut conversation = ConversationItems::default();
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
    fn the_audio_of_a_conversation_is_bounded() {
        let mut conversation = ConversationItems::default();
        for id in 0..2 {
            let pcm: Arc<[i16]> = vec![1; MAX_SAMPLES + id].into();
            conversation.push(ConversationEntry { pcm, ..entry(id, "") });
        }
        let kept: Vec<usize> = conversation.entries.iter().map(|entry| entry.pcm.len()).collect();
        assert_eq!(kept, [0, MAX_SAMPLES], "the beginning of the last one, which alone is too long");
    }
}
