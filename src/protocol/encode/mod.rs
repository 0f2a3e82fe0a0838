//! From events to text, in the dialect that the other side speaks.
//!
//! What a dialect cannot express is left out: a strict server refuses a whole event for one field
//! that it does not know.

mod fields;
mod item;
mod settings;
mod response;
mod client;
mod server;

use crate::protocol::dialect::Dialect;
use crate::protocol::events::client::ClientEvent;
use crate::protocol::events::server::ServerEvent;

/// Writes a client's event as one line of JSON.
///
/// In beta these are left out: `parallel_tool_calls`, `reasoning`, `truncation`, idle timeouts,
/// the strength of noise reduction, languages, keywords and delay of a transcription, image
/// details, and tools that are no functions. In GA the temperature is left out. A transcription
/// session has settings of its input only. A mixed session has instructions, modalities, voice, turn
/// detection and functions, and of the sound its formats: no more is documented.
pub fn client_event(event: &ClientEvent, dialect: Dialect) -> String {
    client::event(event, WriteContext { dialect, side: WriterRole::Client })
}

/// Writes a server's event as one line of JSON.
///
/// Events that only GA has (`conversation.item.done`, `input_audio_buffer.timeout_triggered`,
/// `input_audio_buffer.dtmf_event_received`) keep their names in beta, where a server has no
/// reason to send them; `conversation.item.added` becomes `conversation.item.created`.
pub fn server_event(event: &ServerEvent, dialect: Dialect) -> String {
    server::event(event, WriteContext { dialect, side: WriterRole::Server })
}

/// What the shape of an object depends on.
#[derive(Clone, Copy)]
struct WriteContext {
    dialect: Dialect,
    side: WriterRole,
}

/// Who writes. Servers show what is absent as `null` where the protocol does; clients leave it out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WriterRole {
    Client,
    Server,
}

impl WriteContext {
    /// Returns the word of this dialect.
    fn word(self, ga: &'static str, beta: &'static str) -> &'static str {
        match self.dialect {
            Dialect::Ga | Dialect::Mixed => ga,
            Dialect::Beta => beta,
        }
    }

    fn is_beta(self) -> bool {
        self.dialect == Dialect::Beta
    }

    /// Returns the same with the names of the beta dialect, for what a mixed session has of it.
    fn as_beta(self) -> Self {
        Self { dialect: Dialect::Beta, ..self }
    }

    fn is_client(self) -> bool {
        self.side == WriterRole::Client
    }
}
