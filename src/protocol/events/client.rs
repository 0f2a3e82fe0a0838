//! Events that a client sends.

use crate::protocol::events::item::Item;
use crate::protocol::events::response::ResponseConfig;
use crate::protocol::settings::SessionSettings;
use crate::protocol::value::Unknown;

/// One event from the client.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientEvent {
    /// Returned in `error.event_id`, the only link from an error to its cause.
    pub event_id: Option<String>,
    /// Type and payload.
    pub body: ClientBody,
}

/// Type and payload of a client event.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientBody {
    /// `session.update`; beta transcription sessions: `transcription_session.update`.
    SessionUpdate(Box<SessionSettings>),
    /// `input_audio_buffer.append`: raw bytes in the session's input format, at most 15 MiB.
    AudioAppend(Vec<u8>),
    /// `input_audio_buffer.commit`: at least 100 ms must have been appended.
    AudioCommit,
    /// `input_audio_buffer.clear`.
    AudioClear,
    /// `output_audio_buffer.clear`: WebRTC and SIP only, never sent over a WebSocket.
    OutputAudioClear,
    /// `conversation.item.create`.
    ItemCreate {
        /// Absent appends; `"root"` inserts at the front.
        previous_item_id: Option<String>,
        /// The new item.
        item: Item,
    },
    /// `conversation.item.retrieve`.
    ItemRetrieve {
        /// Id of the item.
        item_id: String,
    },
    /// `conversation.item.truncate`: cuts an answer at the point played.
    ItemTruncate {
        /// Id of the item.
        item_id: String,
        /// Content part, 0 in practice.
        content_index: u32,
        /// Milliseconds played, never more than received.
        audio_end_ms: u64,
    },
    /// `conversation.item.delete`.
    ItemDelete {
        /// Id of the item.
        item_id: String,
    },
    /// `response.create`.
    ResponseCreate(Box<ResponseConfig>),
    /// `response.cancel`.
    ResponseCancel {
        /// Absent means the response in progress.
        response_id: Option<String>,
    },
    /// An unknown event, read by the embedded endpoint or from a file.
    Unknown {
        /// `type` of the event.
        name: String,
        /// All other fields.
        fields: Unknown,
    },
}

impl ClientBody {
    /// Wraps the body in an event with `event_id`.
    pub fn with_id(self, event_id: impl Into<String>) -> ClientEvent {
        ClientEvent { event_id: Some(event_id.into()), body: self }
    }

    /// Wraps the body in an event without an id, as `input_audio_buffer.append` is sent.
    pub fn without_id(self) -> ClientEvent {
        ClientEvent { event_id: None, body: self }
    }
}
