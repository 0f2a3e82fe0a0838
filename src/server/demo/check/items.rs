//! Rules for conversation items, tools and responses.

use crate::server::demo::check::audio::{BETA_FORMAT, BETA_VOICE, FORMAT, VOICE};
use crate::server::demo::check::rule::Rule::{
    Anything, Base64, Flag, Integer, List, Metadata, Nullable, Number, Object, Sets, Short, Tagged, Text,
    TextOr, Word,
};
use crate::server::demo::check::rule::{Field, Rule, may, must};

/// Maximum audio of an append or an item, in bytes.
pub(crate) const MAX_AUDIO_BYTES: usize = 15 * 1024 * 1024;

/// Maximum length of a text part, in characters.
const MAX_TEXT_CHARS: usize = 256_000;

const ID: Rule = Short(32);
const STATUS: Rule = Word(&["completed", "incomplete", "in_progress"]);
const OBJECT: Rule = Word(&["realtime.item"]);

const INPUT_TEXT: Rule = Object(&[must("type", Anything), must("text", Short(MAX_TEXT_CHARS))]);
const INPUT_AUDIO: Rule = Object(&[
    must("type", Anything),
    must("audio", Base64(MAX_AUDIO_BYTES)),
    may("transcript", Nullable(&Text)),
]);
const INPUT_IMAGE: Rule =
    Object(&[must("type", Anything), must("image_url", Text), may("detail", Word(&["auto", "low", "high"]))]);

const SYSTEM_PART: Rule = Tagged("type", &[("input_text", INPUT_TEXT)]);
const USER_PART: Rule =
    Tagged("type", &[("input_text", INPUT_TEXT), ("input_audio", INPUT_AUDIO), ("input_image", INPUT_IMAGE)]);
const BETA_USER_PART: Rule = Tagged("type", &[("input_text", INPUT_TEXT), ("input_audio", INPUT_AUDIO)]);
// The text is required for spoken parts too: assistant audio cannot be created.
const SAID: Rule = Object(&[
    must("type", Anything),
    must("text", Short(MAX_TEXT_CHARS)),
    may("audio", Text),
    may("transcript", Text),
]);
const ASSISTANT_PART: Rule = Tagged("type", &[("output_text", SAID), ("output_audio", SAID)]);
const BETA_ASSISTANT_PART: Rule = Tagged("type", &[("text", SAID), ("audio", SAID)]);

const fn message(parts: &'static [Field; 7]) -> Rule {
    Object(parts)
}

const fn message_fields(part: &'static Rule) -> [Field; 7] {
    [
        may("id", ID),
        may("object", OBJECT),
        must("type", Anything),
        may("status", STATUS),
        must("role", Anything),
        must("content", List(part)),
        // Azure's reasoning models send the phase of an answer, and a replay may contain it.
        may("phase", Nullable(&Text)),
    ]
}

const SYSTEM: [Field; 7] = message_fields(&SYSTEM_PART);
const USER: [Field; 7] = message_fields(&USER_PART);
const ASSISTANT: [Field; 7] = message_fields(&ASSISTANT_PART);
const BETA_USER: [Field; 7] = message_fields(&BETA_USER_PART);
const BETA_ASSISTANT: [Field; 7] = message_fields(&BETA_ASSISTANT_PART);

const MESSAGE: Rule = Tagged(
    "role",
    &[("user", message(&USER)), ("assistant", message(&ASSISTANT)), ("system", message(&SYSTEM))],
);
const BETA_MESSAGE: Rule = Tagged(
    "role",
    &[("user", message(&BETA_USER)), ("assistant", message(&BETA_ASSISTANT)), ("system", message(&SYSTEM))],
);

const CALL: Rule = Object(&[
    may("id", ID),
    may("object", OBJECT),
    must("type", Anything),
    may("status", STATUS),
    may("call_id", Text),
    must("name", Text),
    must("arguments", Text),
]);
const CALL_OUTPUT: Rule = Object(&[
    may("id", ID),
    may("object", OBJECT),
    must("type", Anything),
    may("status", STATUS),
    must("call_id", Text),
    must("output", Text),
]);
const APPROVAL: Rule = Object(&[
    may("id", ID),
    must("type", Anything),
    must("approval_request_id", Text),
    must("approve", Flag),
    may("reason", Nullable(&Text)),
]);
const REFERENCE: Rule = Object(&[must("type", Anything), must("id", Text)]);

/// Item of `conversation.item.create`.
pub(crate) const ITEM: Rule = Tagged(
    "type",
    &[
        ("message", MESSAGE),
        ("function_call", CALL),
        ("function_call_output", CALL_OUTPUT),
        ("mcp_approval_response", APPROVAL),
    ],
);
/// Item in the beta dialect.
pub(crate) const BETA_ITEM: Rule = Tagged(
    "type",
    &[("message", BETA_MESSAGE), ("function_call", CALL), ("function_call_output", CALL_OUTPUT)],
);
const INPUT_ITEM: Rule = Tagged(
    "type",
    &[
        ("message", MESSAGE),
        ("function_call", CALL),
        ("function_call_output", CALL_OUTPUT),
        ("mcp_approval_response", APPROVAL),
        ("item_reference", REFERENCE),
    ],
);
const BETA_INPUT_ITEM: Rule = Tagged(
    "type",
    &[
        ("message", BETA_MESSAGE),
        ("function_call", CALL),
        ("function_call_output", CALL_OUTPUT),
        ("item_reference", REFERENCE),
    ],
);

const FUNCTION: Rule = Object(&[
    must("type", Anything),
    must("name", Text),
    may("description", Text),
    // The JSON Schema is not checked.
    may("parameters", Anything),
]);
const MCP: Rule = Object(&[
    must("type", Anything),
    must("server_label", Text),
    may("server_url", Text),
    may("connector_id", Text),
    may("tunnel_id", Text),
    may("authorization", Text),
    may("server_description", Text),
    may("headers", Anything),
    may("allowed_tools", Anything),
    may("allowed_callers", Anything),
    may("require_approval", Anything),
    may("defer_loading", Flag),
]);

/// Functions and MCP servers.
pub(crate) const TOOLS: Rule = List(&Tagged("type", &[("function", FUNCTION), ("mcp", MCP)]));
/// Functions.
pub(crate) const BETA_TOOLS: Rule = List(&Tagged("type", &[("function", FUNCTION)]));
const CHOICE_FUNCTION: Rule = Object(&[must("type", Anything), must("name", Text)]);
const CHOICE_MCP: Rule =
    Object(&[must("type", Anything), must("server_label", Text), may("name", Nullable(&Text))]);
const CHOICE_OBJECT: Rule = Tagged("type", &[("function", CHOICE_FUNCTION), ("mcp", CHOICE_MCP)]);
/// Tool choice.
pub(crate) const TOOL_CHOICE: Rule = TextOr(&Word(&["none", "auto", "required"]), &CHOICE_OBJECT);
/// Tool choice in the beta dialect: any other name is a function.
pub(crate) const BETA_TOOL_CHOICE: Rule = TextOr(&Text, &CHOICE_OBJECT);
/// Maximum length of an answer.
pub(crate) const LIMIT: Rule = TextOr(&Word(&["inf"]), &Integer(1, 4_096));
/// Reasoning effort.
pub(crate) const REASONING: Rule =
    Object(&[may("effort", Word(&["minimal", "low", "medium", "high", "xhigh"]))]);
/// GA: audio or text, never both.
pub(crate) const OUTPUT: Rule = Sets(&[&["text"], &["audio"]]);
/// Beta: audio always with text.
pub(crate) const BETA_OUTPUT: Rule = Sets(&[&["text"], &["audio", "text"]]);
/// Beta only.
pub(crate) const TEMPERATURE: Rule = Number(0.6, 1.2);
/// A reusable prompt.
pub(crate) const PROMPT: Rule = Nullable(&Object(&[
    must("id", Text),
    may("version", Nullable(&Text)),
    may("variables", Nullable(&Anything)),
]));

const CONVERSATION: Rule = Word(&["auto", "none"]);

/// `response.create.response`.
pub(crate) const RESPONSE: Rule = Object(&[
    may("instructions", Text),
    may("output_modalities", OUTPUT),
    may("audio", Object(&[may("output", Object(&[may("format", FORMAT), may("voice", VOICE)]))])),
    may("tools", TOOLS),
    may("tool_choice", TOOL_CHOICE),
    may("parallel_tool_calls", Flag),
    may("reasoning", REASONING),
    may("max_output_tokens", LIMIT),
    may("conversation", CONVERSATION),
    may("metadata", Nullable(&Metadata)),
    may("prompt", PROMPT),
    may("input", List(&INPUT_ITEM)),
]);
/// Response in the beta dialect.
pub(crate) const BETA_RESPONSE: Rule = Object(&[
    may("instructions", Text),
    may("modalities", BETA_OUTPUT),
    may("voice", BETA_VOICE),
    may("output_audio_format", BETA_FORMAT),
    may("tools", BETA_TOOLS),
    may("tool_choice", BETA_TOOL_CHOICE),
    may("temperature", TEMPERATURE),
    may("max_response_output_tokens", LIMIT),
    may("max_output_tokens", LIMIT),
    may("conversation", CONVERSATION),
    may("metadata", Nullable(&Metadata)),
    may("input", List(&BETA_INPUT_ITEM)),
]);
