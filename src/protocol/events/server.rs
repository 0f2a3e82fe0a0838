//! Events that a server sends, under their GA names, with the beta names read as the same.

use serde_json::Value;

use crate::protocol::events::item::{ContentPart, Item};
use crate::protocol::events::response::{Response, Usage};
use crate::protocol::settings::SessionInfo;
use crate::protocol::value::Unknown;

/// One event from the server.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerEvent {
    /// The server's name for the event.
    pub event_id: Option<String>,
    /// What it says.
    pub body: ServerBody,
    /// Fields that were not understood, `obfuscation` among them.
    pub unknown: Unknown,
}

/// Where in a response a piece belongs. Compatible servers leave any of these out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContentLocation {
    /// Of which response.
    pub response_id: Option<String>,
    /// Of which item.
    pub item_id: Option<String>,
    /// Which output item of the response.
    pub output_index: Option<u32>,
    /// Which part of the item; 0 when absent.
    pub content_index: Option<u32>,
}

/// What a server can say.
#[derive(Clone, Debug, PartialEq)]
pub enum ServerBody {
    /// `error`: mostly not fatal; an object or, on some servers, a string.
    Error(ErrorInfo),
    /// `session.created`, `transcription_session.created`.
    SessionCreated(Box<SessionInfo>),
    /// `session.updated`, `transcription_session.updated`.
    SessionUpdated(Box<SessionInfo>),
    /// `conversation.created`.
    ConversationCreated {
        /// `conv_…`.
        id: Option<String>,
    },
    /// `conversation.item.added` (GA).
    ItemAdded {
        /// What it follows; null and unannounced ids are no error.
        previous_item_id: Option<String>,
        /// The item.
        item: Item,
    },
    /// `conversation.item.created` (beta and some GA servers).
    ItemCreated {
        /// What it follows.
        previous_item_id: Option<String>,
        /// The item.
        item: Item,
    },
    /// `conversation.item.done` (GA).
    ItemDone {
        /// What it follows.
        previous_item_id: Option<String>,
        /// The item.
        item: Item,
    },
    /// `conversation.item.retrieved`.
    ItemRetrieved {
        /// The server's copy, with audio.
        item: Item,
    },
    /// `conversation.item.deleted`.
    ItemDeleted {
        /// Which.
        item_id: String,
    },
    /// `conversation.item.truncated`.
    ItemTruncated {
        /// Which.
        item_id: String,
        /// Which part.
        content_index: Option<u32>,
        /// Where it was cut.
        audio_end_ms: Option<u64>,
    },
    /// `conversation.item.input_audio_transcription.delta`.
    TranscriptionDelta {
        /// Of which item.
        item_id: String,
        /// Of which part.
        content_index: Option<u32>,
        /// More text; may begin with a space.
        delta: String,
    },
    /// `conversation.item.input_audio_transcription.completed`.
    TranscriptionCompleted {
        /// Of which item.
        item_id: String,
        /// Of which part.
        content_index: Option<u32>,
        /// The whole text; empty for silence.
        transcript: String,
        /// Billed apart from responses.
        usage: Option<TranscriptionUsage>,
    },
    /// `conversation.item.input_audio_transcription.failed`; the turn itself goes on.
    TranscriptionFailed {
        /// Of which item.
        item_id: String,
        /// Of which part.
        content_index: Option<u32>,
        /// Why.
        error: ErrorInfo,
    },
    /// `conversation.item.input_audio_transcription.segment` (with speakers).
    TranscriptionSegment {
        /// Of which item.
        item_id: String,
        /// Of which part.
        content_index: Option<u32>,
        /// The segment.
        segment: Segment,
    },
    /// `input_audio_buffer.committed`.
    AudioCommitted {
        /// What the new item follows.
        previous_item_id: Option<String>,
        /// The new user item.
        item_id: Option<String>,
    },
    /// `input_audio_buffer.cleared`.
    AudioCleared,
    /// `input_audio_buffer.speech_started`.
    SpeechStarted {
        /// In written audio since the start, padding included.
        audio_start_ms: Option<u64>,
        /// The item to come.
        item_id: Option<String>,
    },
    /// `input_audio_buffer.speech_stopped`.
    SpeechStopped {
        /// In written audio since the start.
        audio_end_ms: Option<u64>,
        /// The item to come.
        item_id: Option<String>,
    },
    /// `input_audio_buffer.timeout_triggered` (GA): an answer to silence follows.
    IdleTimeout {
        /// In written audio.
        audio_start_ms: Option<u64>,
        /// In written audio.
        audio_end_ms: Option<u64>,
        /// The empty user item.
        item_id: Option<String>,
    },
    /// `input_audio_buffer.dtmf_event_received` (SIP).
    Dtmf {
        /// The key.
        event: Option<String>,
        /// Unix time.
        received_at: Option<u64>,
    },
    /// `output_audio_buffer.started`, `.stopped`, `.cleared` (WebRTC and SIP).
    OutputBuffer {
        /// Which of the three.
        state: OutputBufferState,
        /// Of which response.
        response_id: Option<String>,
    },
    /// `response.created`.
    ResponseCreated(Box<Response>),
    /// `response.done`: always sent, whatever the status.
    ResponseDone(Box<Response>),
    /// `response.output_item.added`.
    OutputItemAdded {
        /// Where.
        place: ContentLocation,
        /// The item, empty so far.
        item: Item,
    },
    /// `response.output_item.done`.
    OutputItemDone {
        /// Where.
        place: ContentLocation,
        /// The item, whole.
        item: Item,
    },
    /// `response.content_part.added`.
    ContentPartAdded {
        /// Where.
        place: ContentLocation,
        /// The part, empty so far.
        part: ContentPart,
    },
    /// `response.content_part.done`.
    ContentPartDone {
        /// Where.
        place: ContentLocation,
        /// The part, whole.
        part: ContentPart,
    },
    /// `response.output_text.delta`, beta `response.text.delta`.
    TextDelta {
        /// Where.
        place: ContentLocation,
        /// More text.
        delta: String,
    },
    /// `response.output_text.done`.
    TextDone {
        /// Where.
        place: ContentLocation,
        /// The whole text.
        text: Option<String>,
    },
    /// `response.output_audio.delta`, beta `response.audio.delta`: the only carrier of audio.
    AudioDelta {
        /// Where.
        place: ContentLocation,
        /// Raw bytes in the session's output format, decoded from base64.
        delta: Vec<u8>,
    },
    /// `response.output_audio.done`.
    AudioDone {
        /// Where.
        place: ContentLocation,
    },
    /// `response.output_audio_transcript.delta`: runs ahead of the sound.
    TranscriptDelta {
        /// Where.
        place: ContentLocation,
        /// More text.
        delta: String,
    },
    /// `response.output_audio_transcript.done`.
    TranscriptDone {
        /// Where.
        place: ContentLocation,
        /// The whole text.
        transcript: Option<String>,
    },
    /// `response.function_call_arguments.delta`.
    ArgumentsDelta {
        /// Where.
        place: ContentLocation,
        /// Of which call.
        call_id: Option<String>,
        /// More JSON text.
        delta: String,
    },
    /// `response.function_call_arguments.done`.
    ArgumentsDone {
        /// Where.
        place: ContentLocation,
        /// Of which call.
        call_id: Option<String>,
        /// Absent in beta.
        name: Option<String>,
        /// JSON text.
        arguments: String,
    },
    /// `response.mcp_call_arguments.*`, `response.mcp_call.*`, `mcp_list_tools.*`.
    Mcp {
        /// The event's whole name.
        name: String,
        /// Where.
        place: ContentLocation,
        /// `delta`, `arguments` and what else came.
        fields: Unknown,
    },
    /// `rate_limits.updated`.
    RateLimits(Vec<RateLimit>),
    /// An event of a newer or another server.
    Unknown {
        /// Its `type`.
        name: String,
        /// Its other fields.
        fields: Unknown,
    },
}

/// The three states of a WebRTC output buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputBufferState {
    /// Playing.
    Started,
    /// Played out.
    Stopped,
    /// Thrown away.
    Cleared,
}

/// An error as servers tell it; every field can be missing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ErrorInfo {
    /// `invalid_request_error`, `server_error` …: do not branch on it alone.
    pub kind: Option<String>,
    /// `invalid_api_key`, `unknown_parameter` …
    pub code: Option<String>,
    /// For people.
    pub message: Option<String>,
    /// Which field.
    pub param: Option<String>,
    /// The client event that caused it.
    pub event_id: Option<String>,
    /// What was not understood.
    pub unknown: Unknown,
}

/// What a transcription cost.
#[derive(Clone, Debug, PartialEq)]
pub enum TranscriptionUsage {
    /// By tokens.
    Tokens(Box<Usage>),
    /// By time, in seconds, rounded up by the server.
    Duration(f64),
    /// A form of another server.
    Other(Value),
}

/// A piece of a transcript with its speaker.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Segment {
    /// The server's name for it.
    pub id: Option<String>,
    /// What was said.
    pub text: String,
    /// By whom.
    pub speaker: Option<String>,
    /// Seconds.
    pub start: Option<f64>,
    /// Seconds.
    pub end: Option<f64>,
}

/// What is left of a rate limit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RateLimit {
    /// `requests` or `tokens`.
    pub name: Option<String>,
    /// The limit.
    pub limit: Option<u64>,
    /// What is left of it.
    pub remaining: Option<u64>,
    /// When it is whole again.
    pub reset_seconds: Option<f64>,
}
