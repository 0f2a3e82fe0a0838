//! Writes conversation items and their content parts.

use serde_json::Value;

use crate::protocol::encode::WriteContext;
use crate::protocol::encode::fields::JsonPut;
use crate::protocol::events::audio::to_base64;
use crate::protocol::events::item::{ContentPart, Item, ItemBody, Role};
use crate::protocol::value::Unknown;

/// Returns the item as JSON.
pub(super) fn item(item: &Item, form: WriteContext) -> Value {
    let mut fields = Unknown::new();
    fields.put_some("id", item.id.as_ref());
    if form.is_beta() && !form.is_client() {
        fields.put("object", "realtime.item");
    }
    put_body(&mut fields, &item.body, form);
    if let Some(status) = &item.status {
        fields.put("status", status.as_str());
    }
    fields.put_back(&item.unknown);
    Value::Object(fields)
}

/// Returns a list of items as JSON.
pub(super) fn items(list: &[Item], form: WriteContext) -> Value {
    list.iter().map(|entry| item(entry, form)).collect()
}

fn put_body(fields: &mut Unknown, body: &ItemBody, form: WriteContext) {
    match body {
        ItemBody::Message { role, content } => {
            fields.put("type", "message");
            put_word(fields, "role", role.as_str());
            let parts = content.iter().map(|part| Value::Object(part_of(part, role, form)));
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
        ItemBody::Other(kind) => put_word(fields, "type", kind),
    }
}

fn put_word(fields: &mut Unknown, key: &str, word: &str) {
    if !word.is_empty() {
        fields.put(key, word);
    }
}

/// Returns a part of a message. In what a client writes the kind of a part follows the role: the
/// user and the system say `input_*`, the assistant never does.
fn part_of(part: &ContentPart, role: &Role, form: WriteContext) -> Unknown {
    let listens = form.is_client() && matches!(role, Role::User | Role::System);
    let speaks = form.is_client() && *role == Role::Assistant;
    let text = if listens { "input_text" } else { form.word("output_text", "text") };
    let sound = if listens { "input_audio" } else { form.word("output_audio", "audio") };
    match part {
        ContentPart::InputText(words) if !speaks => written("input_text", words),
        ContentPart::InputText(words) | ContentPart::Text(words) => written(text, words),
        ContentPart::InputAudio { audio, transcript } if !speaks => {
            let mut fields = spoken("input_audio", audio.as_deref(), transcript.as_ref());
            if !form.is_client() && transcript.is_none() {
                fields.put("transcript", Value::Null);
            }
            fields
        }
        ContentPart::InputAudio { audio, transcript } | ContentPart::Audio { audio, transcript } => {
            spoken(sound, audio.as_deref(), transcript.as_ref())
        }
        ContentPart::InputImage { image_url, detail } => {
            let mut fields = Unknown::new();
            fields.put("type", "input_image");
            fields.put("image_url", image_url.as_str());
            if !form.is_beta() {
                fields.put_some("detail", detail.as_ref());
            }
            fields
        }
        ContentPart::Other(fields) => fields.clone(),
    }
}

/// Returns a part as `response.content_part.*` shows it: `text` or `audio` in both dialects.
pub(super) fn content_part(part: &ContentPart, form: WriteContext) -> Unknown {
    match part {
        ContentPart::Text(words) => written("text", words),
        ContentPart::Audio { audio, transcript } => spoken("audio", audio.as_deref(), transcript.as_ref()),
        ContentPart::InputText(_)
        | ContentPart::InputAudio { .. }
        | ContentPart::InputImage { .. }
        | ContentPart::Other(_) => part_of(part, &Role::Assistant, form),
    }
}

fn written(kind: &str, words: &str) -> Unknown {
    let mut fields = Unknown::new();
    fields.put("type", kind);
    fields.put("text", words);
    fields
}

fn spoken(kind: &str, audio: Option<&[u8]>, transcript: Option<&String>) -> Unknown {
    let mut fields = Unknown::new();
    fields.put("type", kind);
    fields.put_some("audio", audio.map(to_base64).as_ref());
    fields.put_some("transcript", transcript);
    fields
}
