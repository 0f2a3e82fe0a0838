//! Objects that describe answers.

use serde_json::{Value, json};

use crate::protocol::dialect::Dialect;
use crate::protocol::events::item::{ContentPart, Item, ItemBody, ItemStatus, Role};
use crate::protocol::events::server::{ContentLocation, RateLimit, ServerBody};
use crate::protocol::settings::{AudioFormat, Modality, TokenLimit, Voice};
use crate::protocol::value::Unknown;
use crate::server::demo::answer::{DeliveryMode, StreamedAnswer};

/// Rate limit of the default tier, from captures of the real server.
const TOKENS_A_MINUTE: u64 = 40_000;

/// Returns the fields of a response that differ between dialects.
pub(super) fn shape(mode: &DeliveryMode, dialect: Dialect, temperature: Option<f64>) -> Unknown {
    let voice = match &mode.voice {
        Voice::Named(name) => json!(name),
        Voice::Custom(id) => json!({ "id": id }),
    };
    let limit = match mode.limit {
        TokenLimit::Unlimited => json!("inf"),
        TokenLimit::Tokens(tokens) => json!(tokens),
    };
    let fields = match dialect {
        Dialect::Ga | Dialect::Mixed => json!({
            "output_modalities": [match mode.modality { Modality::Audio => "audio", Modality::Text => "text" }],
            "max_output_tokens": limit,
            "audio": { "output": { "format": format(&mode.format, dialect), "voice": voice } },
        }),
        Dialect::Beta => json!({
            "modalities": match mode.modality {
                Modality::Audio => json!(["text", "audio"]),
                Modality::Text => json!(["text"]),
            },
            "max_output_tokens": limit,
            "voice": voice,
            "output_audio_format": format(&mode.format, dialect),
            "temperature": temperature,
        }),
    };
    match fields {
        Value::Object(fields) => fields,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Unknown::new()
        }
    }
}

fn format(format: &AudioFormat, dialect: Dialect) -> Value {
    match (dialect, format) {
        (Dialect::Ga | Dialect::Mixed, AudioFormat::Pcm(rate) | AudioFormat::BarePcm(rate)) => {
            json!({ "type": "audio/pcm", "rate": rate.0 })
        }
        (Dialect::Ga | Dialect::Mixed, AudioFormat::Ulaw) => json!({ "type": "audio/pcmu" }),
        (Dialect::Ga | Dialect::Mixed, AudioFormat::Alaw) => json!({ "type": "audio/pcma" }),
        (Dialect::Beta, AudioFormat::Pcm(_) | AudioFormat::BarePcm(_)) => json!("pcm16"),
        (Dialect::Beta, AudioFormat::Ulaw) => json!("g711_ulaw"),
        (Dialect::Beta, AudioFormat::Alaw) => json!("g711_alaw"),
        (Dialect::Ga | Dialect::Beta | Dialect::Mixed, AudioFormat::Other(name)) => json!(name),
    }
}

/// Returns the position of the only content part of an answer.
pub(super) fn place(answer: &StreamedAnswer) -> ContentLocation {
    ContentLocation {
        response_id: Some(answer.id.clone()),
        item_id: Some(answer.item_id.clone()),
        output_index: Some(0),
        content_index: Some(0),
    }
}

/// Returns the position of the only item of an answer.
pub(super) fn item_place(answer: &StreamedAnswer) -> ContentLocation {
    ContentLocation {
        response_id: Some(answer.id.clone()),
        output_index: Some(0),
        ..ContentLocation::default()
    }
}

/// Returns the item of an answer.
pub(super) fn assistant_item(id: &str, status: ItemStatus, content: Vec<ContentPart>) -> Item {
    Item {
        id: Some(id.to_owned()),
        status: Some(status),
        body: ItemBody::Message { role: Role::Assistant, content },
        ..Item::default()
    }
}

/// Returns the rate limits sent after a response, for tokens only.
pub(super) fn rate_limits(used: u64) -> ServerBody {
    let remaining = TOKENS_A_MINUTE.saturating_sub(used);
    ServerBody::RateLimits(vec![RateLimit {
        name: Some("tokens".to_owned()),
        limit: Some(TOKENS_A_MINUTE),
        remaining: Some(remaining),
        reset_seconds: Some((TOKENS_A_MINUTE - remaining) as f64 * 60.0 / TOKENS_A_MINUTE as f64),
    }])
}
