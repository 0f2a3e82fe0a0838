//! Decoding of client events.

use crate::protocol::decode::fields::Fields;
use crate::protocol::decode::item::take_item;
use crate::protocol::decode::parse::Parsed;
use crate::protocol::decode::response::take_config;
use crate::protocol::decode::settings::take_settings;
use crate::protocol::events::client::{ClientBody, ClientEvent};
use crate::protocol::settings::SessionKind;
use crate::protocol::value::Unknown;

/// Builds an event; also returns the unrecognized fields.
pub(super) fn event(parsed: Parsed) -> (ClientEvent, Unknown) {
    let Parsed { name, event_id, audio_bytes, mut fields } = parsed;
    let body = match audio_bytes {
        Some(audio_bytes) => ClientBody::AudioAppend(audio_bytes),
        None => {
            let whole = fields.clone();
            body(&name, &mut fields).unwrap_or_else(|| {
                fields.clear();
                ClientBody::Unknown { name, fields: whole }
            })
        }
    };
    (ClientEvent { event_id, body }, fields)
}

/// Takes the body of the event `name`; `None` if the event is unknown or lacks a required field.
fn body(name: &str, fields: &mut Unknown) -> Option<ClientBody> {
    Some(match name {
        "session.update" => session_update(fields, SessionKind::Realtime)?,
        "transcription_session.update" => session_update(fields, SessionKind::Transcription)?,
        // Valid audio has been decoded by the parser; anything else stays in `fields`.
        "input_audio_buffer.append" => {
            fields.get("audio")?;
            ClientBody::AudioAppend(Vec::new())
        }
        "input_audio_buffer.commit" => ClientBody::AudioCommit,
        "input_audio_buffer.clear" => ClientBody::AudioClear,
        "output_audio_buffer.clear" => ClientBody::OutputAudioClear,
        "conversation.item.create" => {
            let previous_item_id = fields.take_text("previous_item_id");
            fields.get("item")?.as_object()?;
            ClientBody::ItemCreate { previous_item_id, item: take_item(fields, "item") }
        }
        "conversation.item.retrieve" => ClientBody::ItemRetrieve { item_id: fields.take_text("item_id")? },
        "conversation.item.truncate" => ClientBody::ItemTruncate {
            item_id: fields.take_text("item_id")?,
            content_index: fields.take_index("content_index").unwrap_or_default(),
            audio_end_ms: fields.take_count("audio_end_ms")?,
        },
        "conversation.item.delete" => ClientBody::ItemDelete { item_id: fields.take_text("item_id")? },
        "response.create" => {
            let config = fields.take_in("response", |response| Some(take_config(response)));
            ClientBody::ResponseCreate(Box::new(config.unwrap_or_default()))
        }
        "response.cancel" => ClientBody::ResponseCancel { response_id: fields.take_text("response_id") },
        _ => return None,
    })
}

/// `kind` follows from the event name; the session's `type` can also make it a transcription.
fn session_update(fields: &mut Unknown, kind: SessionKind) -> Option<ClientBody> {
    let mut settings = fields.take_in("session", |session| Some(take_settings(session)))?;
    if kind == SessionKind::Transcription {
        settings.kind = kind;
    }
    Some(ClientBody::SessionUpdate(Box::new(settings)))
}
