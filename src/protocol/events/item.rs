//! Conversation items and their content parts.

use serde_json::Value;

use crate::protocol::value::{Unknown, open_enum};

/// An item of the conversation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Item {
    /// Chosen by either side; at most 32 characters when the client chooses.
    pub id: Option<String>,
    /// `in_progress`, `completed` or `incomplete`.
    pub status: Option<ItemStatus>,
    /// What it is.
    pub body: ItemBody,
    /// What was not understood.
    pub unknown: Unknown,
}

open_enum! {
    /// How far an item has come.
    ItemStatus {
        /// Being generated.
        InProgress = "in_progress",
        /// Whole.
        Completed = "completed",
        /// Cut off; the arguments of a call may be broken.
        Incomplete = "incomplete",
    }
}

open_enum! {
    /// Who a message is from.
    Role {
        /// The person.
        User = "user",
        /// The model.
        Assistant = "assistant",
        /// Instructions in the conversation.
        System = "system",
    }
}

/// The kinds of items.
#[derive(Clone, Debug, PartialEq)]
pub enum ItemBody {
    /// Something said or written.
    Message {
        /// By whom.
        role: Role,
        /// In parts.
        content: Vec<ContentPart>,
    },
    /// The model calls a function.
    FunctionCall {
        /// Ties the output to the call.
        call_id: Option<String>,
        /// Which function.
        name: Option<String>,
        /// JSON text.
        arguments: String,
    },
    /// The client's answer to a call.
    FunctionCallOutput {
        /// Which call.
        call_id: String,
        /// Text; JSON by convention.
        output: String,
    },
    /// An MCP item or a kind of another server: its `type`; the fields are in `unknown`.
    Other(String),
}

impl Default for ItemBody {
    fn default() -> Self {
        Self::Other(String::new())
    }
}

/// One part of a message.
#[derive(Clone, Debug, PartialEq)]
pub enum ContentPart {
    /// `input_text`: written by the user or the system.
    InputText(String),
    /// `input_audio`: said by the user.
    InputAudio {
        /// Raw bytes in the session's input format; absent in what servers send.
        audio: Option<Vec<u8>>,
        /// What was understood, where it is known.
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
    /// `output_audio` (GA), `audio` (beta, and GA content parts): what was spoken.
    Audio {
        /// Raw bytes; only in answers to `conversation.item.retrieve`.
        audio: Option<Vec<u8>>,
        /// Its text.
        transcript: Option<String>,
    },
    /// A kind of another server, with its `type` and fields.
    Other(Unknown),
}

impl ContentPart {
    /// Returns the words with which the model refused to answer: a part of type `refusal`.
    pub fn refusal(&self) -> Option<&str> {
        let Self::Other(fields) = self else { return None };
        let is_refusal = fields.get("type").and_then(Value::as_str) == Some("refusal");
        let words = ["refusal", "text"].iter().find_map(|name| fields.get(*name)?.as_str());
        is_refusal.then(|| words.unwrap_or_default())
    }
}
