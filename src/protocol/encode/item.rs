//! Encoding of conversation items and content parts.

use serde_json::Value;

use crate::protocol::encode::context::WriteContext;
use crate::protocol::encode::fields::JsonPut;
use crate::protocol::events::audio::to_base64;
use crate::protocol::events::item::{ContentPart, Item, ItemBody, Role};
use crate::protocol::value::Unknown;

/// Returns the item as JSON.
pub(super) fn item(item: &Item, context: WriteContext) -> Value {
    let mut fields = Unknown::new();
    fields.put_some("id", item.id.as_ref());
    if context.is_beta() && !context.is_client() {
        fields.put("object", "realtime.item");
    }
    put_body(&mut fields, &item.body, context);
    if let Some(status) = &item.status {
        fields.put("status", status.as_str());
    }
    fields.put_back(&item.unknown);
    Value::Object(fields)
}

/// Returns a list of items as JSON.
pub(super) fn items(list: &[Item], context: WriteContext) -> Value {
    list.iter().map(|entry| item(entry, context)).collect()
}

fn put_body(fields: &mut Unknown, body: &ItemBody, context: WriteContext) {
    match body {
        ItemBody::Message { role, content } => {
            fields.put("type", "message");
            put_nonempty(fields, "role", role.as_str());
            let parts = content.iter().map(|part| Value::Object(part_of(part, role, context)));
            fields.put("content", parts.collect::<Value>());
        }
        ItemBody::FunctionCall { call_id, name, arguments } => {
            fields.put("type", "function_call");
            fields.put_some("call_id", call_id.as_ref());
            fields.put_some("name", name.as_ref());
            fields.put("arguments", arguments.as_str());
        }
        ItemBody::FunctionCallOutput { call_id, output } => {
            fields.put("type", "function_call_output");
            fields.put("call_id", call_id.as_str());
            fields.put("output", output.as_str());
        }
        ItemBody::Other(kind) => put_nonempty(fields, "type", kind),
    }
}

fn put_nonempty(fields: &mut Unknown, key: &str, word: &str) {
    if !word.is_empty() {
        fields.put(key, word);
    }
}

/// Encodes a part of a message. In client events the kind follows the role: `input_*` for the user and the
/// system, never for the assistant.
fn part_of(part: &ContentPart, role: &Role, context: WriteContext) -> Unknown {
    let is_input = context.is_client() && matches!(role, Role::User | Role::System);
    let is_assistant = context.is_client() && *role == Role::Assistant;
    let text = if is_input { "input_text" } else { context.word("output_text", "text") };
    let audio_bytes = if is_input { "input_audio" } else { context.word("output_audio", "audio") };
    match part {
        ContentPart::InputText(words) if !is_assistant => text_part("input_text", words),
        ContentPart::InputText(words) | ContentPart::Text(words) => text_part(text, words),
        ContentPart::InputAudio { audio, transcript } if !is_assistant => {
            let mut fields = audio_part("input_audio", audio.as_deref(), transcript.as_ref());
            if !context.is_client() && transcript.is_none() {
                fields.put("transcript", Value::Null);
            }
            fields
        }
        ContentPart::InputAudio { audio, transcript } | ContentPart::Audio { audio, transcript } => {
            audio_part(audio_bytes, audio.as_deref(), transcript.as_ref())
        }
        ContentPart::InputImage { image_url, detail } => {
            let mut fields = Unknown::new();
            fields.put("type", "input_image");
            fields.put("image_url", image_url.as_str());
            if !context.is_beta() {
                fields.put_some("detail", detail.as_ref());
            }
            fields
        }
        ContentPart::Other(fields) => fields.clone(),
    }
}

/// Encodes a part of `response.content_part.*`: `text` or `audio` in all dialects.
pub(super) fn content_part(part: &ContentPart, context: WriteContext) -> Unknown {
    match part {
        ContentPart::Text(words) => text_part("text", words),
        ContentPart::Audio { audio, transcript } => {
            audio_part("audio", audio.as_deref(), transcript.as_ref())
        }
        ContentPart::InputText(_)
        | ContentPart::InputAudio { .. }
        | ContentPart::InputImage { .. }
        | ContentPart::Other(_) => part_of(part, &Role::Assistant, context),
    }
}

fn text_part(kind: &str, words: &str) -> Unknown {
    let mut fields = Unknown::new();
    fields.put("type", kind);
    fields.put("text", words);
    fields
}

fn audio_part(kind: &str, audio: Option<&[u8]>, transcript: Option<&String>) -> Unknown {
    let mut fields = Unknown::new();
    fields.put("type", kind);
    fields.put_some("audio", audio.map(to_base64).as_ref());
    fields.put_some("transcript", transcript);
    fields
}
