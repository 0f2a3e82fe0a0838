//! Conversation items and their content parts.

use serde_json::Value;

use crate::protocol::value::{Unknown, open_enum};

/// An item of the conversation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Item {
    /// Chosen by either side; at most 32 characters if chosen by the client.
    pub id: Option<String>,
    /// `in_progress`, `completed` or `incomplete`.
    pub status: Option<ItemStatus>,
    /// Kind and content.
    pub body: ItemBody,
    /// Unrecognized fields.
    pub unknown: Unknown,
}

open_enum! {
    /// Progress of an item.
    ItemStatus {
        /// Being generated.
        InProgress = "in_progress",
        /// Complete.
        Completed = "completed",
        /// Cut off; the arguments of a call may be invalid.
        Incomplete = "incomplete",
    }
}

open_enum! {
    /// Author of a message.
    Role {
        /// The user.
        User = "user",
        /// The model.
        Assistant = "assistant",
        /// Instructions in the conversation.
        System = "system",
    }
}

/// Kind and content of an item.
#[derive(Clone, Debug, PartialEq)]
pub enum ItemBody {
    /// A message.
    Message {
        /// The author.
        role: Role,
        /// Content parts.
        content: Vec<ContentPart>,
    },
    /// A function call by the model.
    FunctionCall {
        /// Links the output to the call.
        call_id: Option<String>,
        /// Name of the function.
        name: Option<String>,
        /// Arguments as JSON text.
        arguments: String,
    },
    /// The client's result of a call.
    FunctionCallOutput {
        /// Id of the call.
        call_id: String,
        /// The result as text; JSON by convention.
        output: String,
    },
    /// An MCP item or an unknown kind: its `type`; the fields are in `unknown`.
    Other(String),
}

impl Default for ItemBody {
    fn default() -> Self {
        Self::Other(String::new())
    }
}

/// A content part of a message.
#[derive(Clone, Debug, PartialEq)]
pub enum ContentPart {
    /// `input_text`: text by the user or the system.
    InputText(String),
    /// `input_audio`: speech by the user.
    InputAudio {
        /// Raw bytes in the session's input format; absent in items sent by servers.
        audio: Option<Vec<u8>>,
        /// Transcript, if known.
        transcript: Option<String>,
    },
    /// `input_image`: PNG or JPEG as a data URI (GA).
    InputImage {
        /// `data:image/png;base64,…`.
        image_url: String,
        /// `auto`, `low` or `high`.
        detail: Option<String>,
    },
    /// `output_text` (GA), `text` (beta, and GA content parts).
    Text(String),
    /// `output_audio` (GA), `audio` (beta, and GA content parts): spoken answer.
    Audio {
        /// Raw bytes; only in answers to `conversation.item.retrieve`.
        audio: Option<Vec<u8>>,
        /// Transcript.
        transcript: Option<String>,
    },
    /// An unknown kind, with its `type` and fields.
    Other(Unknown),
}

impl ContentPart {
    /// Returns the text of a part of type `refusal`, with which the model declines to answer.
    pub fn refusal(&self) -> Option<&str> {
        let Self::Other(fields) = self else { return None };
        let is_refusal = fields.get("type").and_then(Value::as_str) == Some("refusal");
        let words = ["refusal", "text"].iter().find_map(|name| fields.get(*name)?.as_str());
        is_refusal.then(|| words.unwrap_or_default())
    }
}
