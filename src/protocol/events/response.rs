//! Responses: request, status and usage.

use serde_json::{Map, Value};

use crate::protocol::events::error::ErrorInfo;
use crate::protocol::events::item::Item;
use crate::protocol::settings::{AudioFormat, Modality, TokenLimit, Tool, ToolChoice, Voice};
use crate::protocol::value::{Unknown, open_enum};

/// Settings of a `response.create`; absent ones come from the session.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResponseConfig {
    /// Replaces the session's instructions for this response.
    pub instructions: Option<String>,
    /// Spoken or written answer.
    pub output: Option<Modality>,
    /// Voice.
    pub voice: Option<Voice>,
    /// Audio format.
    pub output_format: Option<AudioFormat>,
    /// Tools.
    pub tools: Option<Vec<Tool>>,
    /// Tool choice.
    pub tool_choice: Option<ToolChoice>,
    /// Beta only.
    pub temperature: Option<f64>,
    /// Maximum length in tokens.
    pub max_output_tokens: Option<TokenLimit>,
    /// `"none"` keeps the response out of the conversation.
    pub conversation: Option<String>,
    /// At most 16 pairs; keys up to 64, values up to 512 characters.
    pub metadata: Option<Map<String, Value>>,
    /// Input items in place of the conversation; `Some(vec![])` means no context.
    pub input: Option<Vec<Item>>,
}

/// A response as described by a server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Response {
    /// `resp_…`.
    pub id: Option<String>,
    /// Progress or outcome.
    pub status: Option<ResponseStatus>,
    /// Reason for the outcome.
    pub details: Option<StatusDetails>,
    /// Output items, without audio data.
    pub output: Vec<Item>,
    /// The conversation it belongs to; absent for out-of-band responses.
    pub conversation_id: Option<String>,
    /// Token usage; absent if the server does not report it.
    pub usage: Option<Usage>,
    /// Metadata from `response.create`.
    pub metadata: Option<Map<String, Value>>,
    /// Unrecognized fields, including shape differences of the dialects.
    pub unknown: Unknown,
}

open_enum! {
    /// Progress or outcome of a response.
    ResponseStatus {
        /// Being generated.
        InProgress = "in_progress",
        /// Complete.
        Completed = "completed",
        /// Cancelled by the user's speech or the client.
        Cancelled = "cancelled",
        /// Cut off by a limit or a filter.
        Incomplete = "incomplete",
        /// Failed; possibly the only event of the response.
        Failed = "failed",
    }
}

/// Reason for the outcome of a response.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatusDetails {
    /// `turn_detected`, `client_cancelled`, `max_output_tokens`, `content_filter` …
    pub reason: Option<String>,
    /// Error of a failed response.
    pub error: Option<ErrorInfo>,
    /// Unrecognized fields.
    pub unknown: Unknown,
}

/// Token usage of a response. Servers other than OpenAI's may omit any count.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage {
    /// All tokens.
    pub total_tokens: Option<u64>,
    /// The whole conversation so far, billed again.
    pub input_tokens: Option<u64>,
    /// Generated tokens, whether played or not.
    pub output_tokens: Option<u64>,
    /// Input by modality.
    pub input: TokenDetails,
    /// Cached part of the input by modality: a subset of `input`, never an addition.
    pub cached: TokenDetails,
    /// All cached tokens.
    pub cached_tokens: Option<u64>,
    /// Output by modality.
    pub output: TokenDetails,
    /// Unrecognized fields.
    pub unknown: Unknown,
}

/// Tokens by modality.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenDetails {
    /// Text.
    pub text: Option<u64>,
    /// Audio.
    pub audio: Option<u64>,
    /// Images (GA).
    pub image: Option<u64>,
}
