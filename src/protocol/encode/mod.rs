//! Encoding of events in the dialect of the peer.
//!
//! Fields that a dialect cannot express are omitted: a strict server rejects a whole event for one unknown
//! field.

mod context;
mod fields;
mod item;
mod settings;
mod response;
mod client;
mod server;

use crate::protocol::dialect::Dialect;
use crate::protocol::encode::context::{WriteContext, WriterRole};
use crate::protocol::events::client::ClientEvent;
use crate::protocol::events::server::ServerEvent;

/// Encodes a client event as one line of JSON.
///
/// Beta omits `parallel_tool_calls`, `reasoning`, `truncation`, idle timeouts, the strength of noise
/// reduction, languages, keywords and delay of a transcription, image details, and tools other than
/// functions. GA omits the temperature. A transcription session has input settings only. A mixed session has
/// instructions, modalities, voice, turn detection, functions and audio formats, since no more is documented.
pub fn client_event(event: &ClientEvent, dialect: Dialect) -> String {
    client::event(event, WriteContext { dialect, role: WriterRole::Client })
}

/// Encodes a server event as one line of JSON.
///
/// GA-only events (`conversation.item.done`, `input_audio_buffer.timeout_triggered`,
/// `input_audio_buffer.dtmf_event_received`) keep their names in beta, where a server has no reason to send
/// them; `conversation.item.added` becomes `conversation.item.created`.
pub fn server_event(event: &ServerEvent, dialect: Dialect) -> String {
    server::event(event, WriteContext { dialect, role: WriterRole::Server })
}
