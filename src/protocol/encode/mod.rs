//! Encoding of events in the dialect of the peer.
//!
//! Fields that a dialect cannot express are omitted: a strict server rejects a whole event for one unknown
//! field.

mod fields;
mod item;
mod settings;
mod response;
mod client;
mod server;

use crate::protocol::dialect::Dialect;
use crate::protocol::events::client::ClientEvent;
use crate::protocol::events::server::ServerEvent;

/// Encodes a client event as one line of JSON.
///
/// Beta omits `parallel_tool_calls`, `reasoning`, `truncation`, idle timeouts, the strength of noise
/// reduction, languages, keywords and delay of a transcription, image details, and tools other than
/// functions. GA omits the temperature. A transcription session has input settings only. A mixed session has
/// instructions, modalities, voice, turn detection, functions and audio formats, since no more is documented.
pub fn client_event(event: &ClientEvent, dialect: Dialect) -> String {
    client::event(event, WriteContext { dialect, side: WriterRole::Client })
}

/// Encodes a server event as one line of JSON.
///
/// GA-only events (`conversation.item.done`, `input_audio_buffer.timeout_triggered`,
/// `input_audio_buffer.dtmf_event_received`) keep their names in beta, where a server has no reason to send
/// them; `conversation.item.added` becomes `conversation.item.created`.
pub fn server_event(event: &ServerEvent, dialect: Dialect) -> String {
    server::event(event, WriteContext { dialect, side: WriterRole::Server })
}

/// Dialect and role that determine the shape of an object.
#[derive(Clone, Copy)]
struct WriteContext {
    dialect: Dialect,
    side: WriterRole,
}

/// Role of the writer. Servers show absent fields as `null` if the protocol does; clients omit them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WriterRole {
    Client,
    Server,
}

impl WriteContext {
    /// Selects the word of the dialect.
    fn word(self, ga: &'static str, beta: &'static str) -> &'static str {
        match self.dialect {
            Dialect::Ga | Dialect::Mixed => ga,
            Dialect::Beta => beta,
        }
    }

    fn is_beta(self) -> bool {
        self.dialect == Dialect::Beta
    }

    /// Returns the context for the flat part of a mixed session.
    fn as_beta(self) -> Self {
        Self { dialect: Dialect::Beta, ..self }
    }

    fn is_client(self) -> bool {
        self.side == WriterRole::Client
    }
}
