//! Events sent by a server, under their GA names; beta names decode to the same variants.

use serde_json::Value;

use crate::protocol::events::error::ErrorInfo;
use crate::protocol::events::item::{ContentPart, Item};
use crate::protocol::events::response::{Response, Usage};
use crate::protocol::settings::SessionInfo;
use crate::protocol::value::Unknown;

/// One event from the server.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerEvent {
    /// Id assigned by the server.
    pub event_id: Option<String>,
    /// Type and payload.
    pub body: ServerBody,
    /// Unrecognized fields, such as `obfuscation`.
    pub unknown: Unknown,
}

/// Position of a piece within a response. Compatible servers omit any of the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContentLocation {
    /// Id of the response.
    pub response_id: Option<String>,
    /// Id of the item.
    pub item_id: Option<String>,
    /// Index of the output item in the response.
    pub output_index: Option<u32>,
    /// Index of the content part in the item; 0 if absent.
    pub content_index: Option<u32>,
}

/// Type and payload of a server event.
#[derive(Clone, Debug, PartialEq)]
pub enum ServerBody {
    /// `error`: usually not fatal; an object or, on some servers, a string.
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
        /// Predecessor; null and unknown ids are not an error.
        previous_item_id: Option<String>,
        /// The item.
        item: Item,
    },
    /// `conversation.item.created` (beta and some GA servers).
    ItemCreated {
        /// Predecessor.
        previous_item_id: Option<String>,
        /// The item.
        item: Item,
    },
    /// `conversation.item.done` (GA).
    ItemDone {
        /// Predecessor.
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
        /// Id of the item.
        item_id: String,
    },
    /// `conversation.item.truncated`.
    ItemTruncated {
        /// Id of the item.
        item_id: String,
        /// Content part.
        content_index: Option<u32>,
        /// End of the kept audio.
        audio_end_ms: Option<u64>,
    },
    /// `conversation.item.input_audio_transcription.delta`.
    TranscriptionDelta {
        /// Id of the item.
        item_id: String,
        /// Content part.
        content_index: Option<u32>,
        /// Additional text; may begin with a space.
        delta: String,
    },
    /// `conversation.item.input_audio_transcription.completed`.
    TranscriptionCompleted {
        /// Id of the item.
        item_id: String,
        /// Content part.
        content_index: Option<u32>,
        /// The whole text; empty for silence.
        transcript: String,
        /// Billed separately from responses.
        usage: Option<TranscriptionUsage>,
        /// Tokens of the text; only on request.
        logprobs: Vec<TokenLogprob>,
        /// Codes of the languages that were heard; newer models only.
        languages: Vec<String>,
    },
    /// `conversation.item.input_audio_transcription.failed`; the turn itself continues.
    TranscriptionFailed {
        /// Id of the item.
        item_id: String,
        /// Content part.
        content_index: Option<u32>,
        /// Cause.
        error: ErrorInfo,
    },
    /// `conversation.item.input_audio_transcription.segment` (with speaker labels).
    TranscriptionSegment {
        /// Id of the item.
        item_id: String,
        /// Content part.
        content_index: Option<u32>,
        /// The segment.
        segment: Segment,
    },
    /// `input_audio_buffer.committed`.
    AudioCommitted {
        /// Predecessor of the new item.
        previous_item_id: Option<String>,
        /// The new user item.
        item_id: Option<String>,
    },
    /// `input_audio_buffer.cleared`.
    AudioCleared,
    /// `input_audio_buffer.speech_started`.
    SpeechStarted {
        /// Position in the appended audio, padding included.
        audio_start_ms: Option<u64>,
        /// Id of the future item.
        item_id: Option<String>,
    },
    /// `input_audio_buffer.speech_stopped`.
    SpeechStopped {
        /// Position in the appended audio.
        audio_end_ms: Option<u64>,
        /// Id of the future item.
        item_id: Option<String>,
    },
    /// `input_audio_buffer.timeout_triggered` (GA): a response to silence follows.
    IdleTimeout {
        /// Position in the appended audio.
        audio_start_ms: Option<u64>,
        /// Position in the appended audio.
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
        /// State of the buffer.
        state: OutputBufferState,
        /// Id of the response.
        response_id: Option<String>,
    },
    /// `response.created`.
    ResponseCreated(Box<Response>),
    /// `response.done`: always sent, for every status.
    ResponseDone(Box<Response>),
    /// `response.output_item.added`.
    OutputItemAdded {
        /// Position.
        place: ContentLocation,
        /// The item, still empty.
        item: Item,
    },
    /// `response.output_item.done`.
    OutputItemDone {
        /// Position.
        place: ContentLocation,
        /// The complete item.
        item: Item,
    },
    /// `response.content_part.added`.
    ContentPartAdded {
        /// Position.
        place: ContentLocation,
        /// The part, still empty.
        part: ContentPart,
    },
    /// `response.content_part.done`.
    ContentPartDone {
        /// Position.
        place: ContentLocation,
        /// The complete part.
        part: ContentPart,
    },
    /// `response.output_text.delta`, beta `response.text.delta`.
    TextDelta {
        /// Position.
        place: ContentLocation,
        /// Additional text.
        delta: String,
    },
    /// `response.output_text.done`.
    TextDone {
        /// Position.
        place: ContentLocation,
        /// The whole text.
        text: Option<String>,
    },
    /// `response.output_audio.delta`, beta `response.audio.delta`: the only carrier of audio.
    AudioDelta {
        /// Position.
        place: ContentLocation,
        /// Raw bytes in the session's output format.
        delta: Vec<u8>,
    },
    /// `response.output_audio.done`.
    AudioDone {
        /// Position.
        place: ContentLocation,
    },
    /// `response.output_audio_transcript.delta`: runs ahead of the audio.
    TranscriptDelta {
        /// Position.
        place: ContentLocation,
        /// Additional text.
        delta: String,
    },
    /// `response.output_audio_transcript.done`.
    TranscriptDone {
        /// Position.
        place: ContentLocation,
        /// The whole text.
        transcript: Option<String>,
    },
    /// `response.function_call_arguments.delta`.
    ArgumentsDelta {
        /// Position.
        place: ContentLocation,
        /// Id of the call.
        call_id: Option<String>,
        /// Additional JSON text.
        delta: String,
    },
    /// `response.function_call_arguments.done`.
    ArgumentsDone {
        /// Position.
        place: ContentLocation,
        /// Id of the call.
        call_id: Option<String>,
        /// Absent in beta.
        name: Option<String>,
        /// Complete JSON text.
        arguments: String,
    },
    /// `response.mcp_call_arguments.*`, `response.mcp_call.*`, `mcp_list_tools.*`.
    Mcp {
        /// Full event name.
        name: String,
        /// Position.
        place: ContentLocation,
        /// All other fields, such as `delta` and `arguments`.
        fields: Unknown,
    },
    /// `rate_limits.updated`.
    RateLimits(Vec<RateLimit>),
    /// An unknown event.
    Unknown {
        /// `type` of the event.
        name: String,
        /// All other fields.
        fields: Unknown,
    },
}

/// State of a WebRTC output buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputBufferState {
    /// Playing.
    Started,
    /// Played to the end.
    Stopped,
    /// Discarded.
    Cleared,
}

/// Usage of a transcription.
#[derive(Clone, Debug, PartialEq)]
pub enum TranscriptionUsage {
    /// By tokens.
    Tokens(Box<Usage>),
    /// By time, in seconds, rounded up by the server.
    Duration(f64),
    /// An unknown form.
    Other(Value),
}

/// A part of a transcript with its speaker.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Segment {
    /// Id assigned by the server.
    pub id: Option<String>,
    /// Text.
    pub text: String,
    /// Speaker.
    pub speaker: Option<String>,
    /// Start in seconds.
    pub start: Option<f64>,
    /// End in seconds.
    pub end: Option<f64>,
}

/// A token of a transcript and the logarithm of its probability.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TokenLogprob {
    /// Text; not legible if the token ends within a character.
    pub token: String,
    /// Natural logarithm of the probability.
    pub logprob: f64,
    /// UTF-8 bytes.
    pub bytes: Vec<u8>,
}

/// State of a rate limit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RateLimit {
    /// `requests` or `tokens`.
    pub name: Option<String>,
    /// The limit.
    pub limit: Option<u64>,
    /// Remaining amount.
    pub remaining: Option<u64>,
    /// Seconds until it resets.
    pub reset_seconds: Option<f64>,
}
