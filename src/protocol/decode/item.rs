//! Decoding of conversation items and content parts.

use serde_json::Value;

use crate::protocol::decode::fields::Fields;
use crate::protocol::events::audio::from_base64;
use crate::protocol::events::item::{ContentPart, Item, ItemBody, ItemStatus, Role};
use crate::protocol::value::Unknown;

/// Takes the item under `key`; a missing one becomes an empty item.
pub(super) fn take_item(fields: &mut Unknown, key: &str) -> Item {
    fields.take_object(key).map(item).unwrap_or_default()
}

/// Takes a list of items.
pub(super) fn take_items(fields: &mut Unknown, key: &str) -> Option<Vec<Item>> {
    fields.take_each(key, |fields| item(std::mem::take(fields)))
}

/// Decodes an item; unrecognized fields go to the item's own `unknown`.
fn item(mut fields: Unknown) -> Item {
    fields.drop_word("object", "realtime.item");
    let id = fields.take_text("id");
    let status = fields.take_text("status").map(|word| ItemStatus::from(word.as_str()));
    let body = body(&mut fields);
    Item { id, status, body, unknown: fields }
}

fn body(fields: &mut Unknown) -> ItemBody {
    let kind = fields.take_text("type").unwrap_or_default();
    match kind.as_str() {
        "message" => message(fields),
        // Small servers omit the type of a message.
        "" if fields.get("role").is_some_and(|role| !role.is_null()) => message(fields),
        "function_call" => ItemBody::FunctionCall {
            call_id: fields.take_text("call_id"),
            name: fields.take_text("name"),
            arguments: fields.take_text("arguments").unwrap_or_default(),
        },
        "function_call_output" => ItemBody::FunctionCallOutput {
            call_id: fields.take_text("call_id").unwrap_or_default(),
            output: fields.take_text("output").unwrap_or_default(),
        },
        _ => ItemBody::Other(kind),
    }
}

fn message(fields: &mut Unknown) -> ItemBody {
    ItemBody::Message {
        role: Role::from(fields.take_text("role").unwrap_or_default().as_str()),
        content: fields.take_each("content", content).unwrap_or_default(),
    }
}

/// Takes the content part under `key`.
pub(super) fn take_part(fields: &mut Unknown, key: &str) -> ContentPart {
    fields.take_in(key, |part| Some(content(part))).unwrap_or_else(|| ContentPart::Other(Unknown::new()))
}

/// Takes a content part from its object, under any spelling of its type.
fn content(part: &mut Unknown) -> ContentPart {
    let kind = part.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let content = match kind.as_str() {
        "input_text" => ContentPart::InputText(part.take_text("text").unwrap_or_default()),
        "text" | "output_text" => ContentPart::Text(part.take_text("text").unwrap_or_default()),
        "input_audio" => ContentPart::InputAudio {
            audio: take_audio(part, "audio"),
            transcript: part.take_text("transcript"),
        },
        "audio" | "output_audio" => {
            ContentPart::Audio { audio: take_audio(part, "audio"), transcript: part.take_text("transcript") }
        }
        "input_image" => ContentPart::InputImage {
            image_url: part.take_text("image_url").unwrap_or_default(),
            detail: part.take_text("detail"),
        },
        _ => return ContentPart::Other(std::mem::take(part)),
    };
    part.remove("type");
    content
}

fn take_audio(part: &mut Unknown, key: &str) -> Option<Vec<u8>> {
    part.take_with(key, |value| value.as_str().and_then(from_base64).ok_or(value))
}
