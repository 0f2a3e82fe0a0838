//! Responses: what asks for one, how one ended, and what it cost.

use serde_json::{Map, Value};

use crate::protocol::events::item::Item;
use crate::protocol::events::server::ErrorInfo;
use crate::protocol::settings::{AudioFormat, Modality, TokenLimit, Tool, ToolChoice, Voice};
use crate::protocol::value::{Unknown, open_enum};

/// The settings of one `response.create`; all absent means those of the session.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResponseConfig {
    /// Replaces the session's instructions for this response.
    pub instructions: Option<String>,
    /// Spoken or written.
    pub output: Option<Modality>,
    /// Voice of this response.
    pub voice: Option<Voice>,
    /// Format of this response.
    pub output_format: Option<AudioFormat>,
    /// Tools of this response.
    pub tools: Option<Vec<Tool>>,
    /// Tool choice of this response.
    pub tool_choice: Option<ToolChoice>,
    /// Beta only.
    pub temperature: Option<f64>,
    /// Longest answer in tokens.
    pub max_output_tokens: Option<TokenLimit>,
    /// `"none"` takes the response out of the conversation.
    pub conversation: Option<String>,
    /// At most 16 pairs; keys of at most 64, values of at most 512 characters.
    pub metadata: Option<Map<String, Value>>,
    /// Items instead of the conversation; `Some(vec![])` means no context.
    pub input: Option<Vec<Item>>,
}

/// A response as a server describes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Response {
    /// `resp_…`.
    pub id: Option<String>,
    /// How far it has come or how it ended.
    pub status: Option<ResponseStatus>,
    /// Why it ended so.
    pub details: Option<StatusDetails>,
    /// What it produced; no audio data.
    pub output: Vec<Item>,
    /// The conversation it belongs to; absent for one outside of it.
    pub conversation_id: Option<String>,
    /// What it cost; absent where the server does not say.
    pub usage: Option<Usage>,
    /// What the client said in `response.create`.
    pub metadata: Option<Map<String, Value>>,
    /// What was not understood, shape differences of the dialects among it.
    pub unknown: Unknown,
}

open_enum! {
    /// How a response stands.
    ResponseStatus {
        /// Being generated.
        InProgress = "in_progress",
        /// Whole.
        Completed = "completed",
        /// Stopped by the user's speech or by the client.
        Cancelled = "cancelled",
        /// Stopped by a limit or a filter.
        Incomplete = "incomplete",
        /// Stopped by an error; possibly the only event of the response.
        Failed = "failed",
    }
}

/// Why a response ended as it did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatusDetails {
    /// `turn_detected`, `client_cancelled`, `max_output_tokens`, `content_filter` …
    pub reason: Option<String>,
    /// Of a failed response.
    pub error: Option<ErrorInfo>,
    /// What was not understood.
    pub unknown: Unknown,
}

/// Tokens of one response. Any count may be missing on servers other than OpenAI's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage {
    /// All tokens.
    pub total_tokens: Option<u64>,
    /// The whole conversation so far, again.
    pub input_tokens: Option<u64>,
    /// What was generated, heard or not.
    pub output_tokens: Option<u64>,
    /// The input by kind.
    pub input: TokenDetails,
    /// The part of the input that was cached: a subset of `input`, never an addition.
    pub cached: TokenDetails,
    /// All cached tokens.
    pub cached_tokens: Option<u64>,
    /// The output by kind.
    pub output: TokenDetails,
    /// What was not understood.
    pub unknown: Unknown,
}

/// Tokens by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenDetails {
    /// Text.
    pub text: Option<u64>,
    /// Audio.
    pub audio: Option<u64>,
    /// Images (GA).
    pub image: Option<u64>,
}
