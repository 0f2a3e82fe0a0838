//! Encoding of client events.

use serde_json::Value;

use crate::protocol::encode::context::WriteContext;
use crate::protocol::encode::fields::{JsonPut, text_with_audio};
use crate::protocol::encode::item::item;
use crate::protocol::encode::response::config;
use crate::protocol::encode::settings::settings;
use crate::protocol::events::client::{ClientBody, ClientEvent};
use crate::protocol::settings::SessionKind;
use crate::protocol::value::Unknown;

/// Returns the text of an event.
pub(super) fn event(event: &ClientEvent, context: WriteContext) -> String {
    let mut fields = Unknown::new();
    fields.put_some("event_id", event.event_id.as_ref());
    if let ClientBody::AudioAppend(audio_bytes) = &event.body {
        fields.put("type", "input_audio_buffer.append");
        return text_with_audio(fields, "audio", audio_bytes);
    }
    let name = put_body(&mut fields, &event.body, context);
    fields.put("type", name);
    Value::Object(fields).to_string()
}

/// Puts the fields of the body and returns the event name.
fn put_body<'a>(fields: &mut Unknown, body: &'a ClientBody, context: WriteContext) -> &'a str {
    match body {
        ClientBody::SessionUpdate(update) => {
            fields.put("session", settings(update, context));
            match update.kind {
                SessionKind::Transcription => context.word("session.update", "transcription_session.update"),
                SessionKind::Realtime => "session.update",
            }
        }
        ClientBody::AudioAppend(_) => "input_audio_buffer.append",
        ClientBody::AudioCommit => "input_audio_buffer.commit",
        ClientBody::AudioClear => "input_audio_buffer.clear",
        ClientBody::OutputAudioClear => "output_audio_buffer.clear",
        ClientBody::ItemCreate { previous_item_id, item: new } => {
            fields.put_some("previous_item_id", previous_item_id.as_ref());
            fields.put("item", item(new, context));
            "conversation.item.create"
        }
        ClientBody::ItemRetrieve { item_id } => {
            fields.put("item_id", item_id.as_str());
            "conversation.item.retrieve"
        }
        ClientBody::ItemTruncate { item_id, content_index, audio_end_ms } => {
            fields.put("item_id", item_id.as_str());
            fields.put("content_index", *content_index);
            fields.put("audio_end_ms", *audio_end_ms);
            "conversation.item.truncate"
        }
        ClientBody::ItemDelete { item_id } => {
            fields.put("item_id", item_id.as_str());
            "conversation.item.delete"
        }
        ClientBody::ResponseCreate(request) => {
            fields.put_object("response", config(request, context));
            "response.create"
        }
        ClientBody::ResponseCancel { response_id } => {
            fields.put_some("response_id", response_id.as_ref());
            "response.cancel"
        }
        ClientBody::Unknown { name, fields: others } => {
            fields.put_back(others);
            name
        }
    }
}
