//! Parsing of event text to a map of fields; audio is decoded on the way.
//!
//! Most of the traffic is audio deltas: their base64 is decoded from the text without a copy.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::error::Category;

use crate::protocol::decode::error::DecodeError;
use crate::protocol::decode::fields::Fields;
use crate::protocol::decode::surrogates::replace_lone_surrogates;
use crate::protocol::events::audio::from_base64;
use crate::protocol::value::Unknown;

/// A parsed event.
pub(super) struct Parsed {
    /// `type` of the event.
    pub(super) name: String,
    /// `event_id` of the event.
    pub(super) event_id: Option<String>,
    /// Decoded audio; absent if the event has none or the base64 is invalid.
    pub(super) audio_bytes: Option<Vec<u8>>,
    /// All other fields.
    pub(super) fields: Unknown,
}

/// Sender of an event: each side has its own events with audio.
#[derive(Clone, Copy)]
pub(super) enum Sender {
    Server,
    Client,
}

/// Parses the text of an event.
pub(super) fn event(text: &str, sender: Sender) -> Result<Parsed, DecodeError> {
    let error = match serde_json::from_str(text) {
        Ok(object) => return parsed(object, sender),
        Err(error) => error,
    };
    let whole = replace_lone_surrogates(text).ok_or_else(|| refusal(error))?;
    parsed(serde_json::from_str(&whole).map_err(refusal)?, sender)
}

fn parsed(object: Object<'_>, sender: Sender) -> Result<Parsed, DecodeError> {
    let Object { mut fields, delta, audio } = object;
    let Some(Value::String(name)) = fields.remove("type") else { return Err(DecodeError::NoType) };
    let event_id = fields.take_text("event_id");
    let (carries_delta, carries_audio) = match (sender, name.as_str()) {
        (Sender::Server, "response.output_audio.delta" | "response.audio.delta") => (true, false),
        (Sender::Client, "input_audio_buffer.append") => (false, true),
        (Sender::Server | Sender::Client, _) => (false, false),
    };
    let delta = decode_or_keep(&mut fields, "delta", delta, carries_delta.then_some(Base64Audio));
    let audio = decode_or_keep(&mut fields, "audio", audio, carries_audio.then_some(Base64Audio));
    Ok(Parsed { name, event_id, audio_bytes: delta.or(audio), fields })
}

/// Marks a field that contains base64 audio.
struct Base64Audio;

/// Decodes base64 audio; any other text, and invalid base64, becomes a field.
fn decode_or_keep(
    fields: &mut Unknown,
    key: &str,
    text: Option<Cow<'_, str>>,
    audio_bytes: Option<Base64Audio>,
) -> Option<Vec<u8>> {
    let text = text?;
    let bytes = audio_bytes.and_then(|Base64Audio| from_base64(&text));
    if bytes.is_none() {
        fields.insert(key.to_owned(), Value::String(text.into_owned()));
    }
    bytes
}

fn refusal(error: serde_json::Error) -> DecodeError {
    match error.classify() {
        Category::Data => DecodeError::NotAnObject,
        Category::Io | Category::Syntax | Category::Eof => DecodeError::NotJson(error),
    }
}

/// A JSON object whose two potentially long fields are not copied.
struct Object<'de> {
    fields: Unknown,
    delta: Option<Cow<'de, str>>,
    audio: Option<Cow<'de, str>>,
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut object = Object { fields: Unknown::new(), delta: None, audio: None };
        while let Some(key) = map.next_key::<String>()? {
            // The last of duplicate keys counts.
            let slot = match key.as_str() {
                "delta" => &mut object.delta,
                "audio" => &mut object.audio,
                _ => {
                    object.fields.insert(key, map.next_value()?);
                    continue;
                }
            };
            match map.next_value()? {
                LazyValue::Text(text) => {
                    *slot = Some(text);
                    object.fields.remove(&key);
                }
                LazyValue::Other(value) => {
                    *slot = None;
                    object.fields.insert(key, value);
                }
            }
        }
        Ok(object)
    }
}

/// A value that is not copied if it is a plain string.
enum LazyValue<'de> {
    Text(Cow<'de, str>),
    Other(Value),
}

impl<'de> Deserialize<'de> for LazyValue<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LazyValueVisitor)
    }
}

struct LazyValueVisitor;

impl<'de> Visitor<'de> for LazyValueVisitor {
    type Value = LazyValue<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(LazyValue::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(LazyValue::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(LazyValue::Other(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(LazyValue::Other(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(LazyValue::Other(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(LazyValue::Other(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(LazyValue::Other(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        Value::deserialize(SeqAccessDeserializer::new(list)).map(LazyValue::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Value::deserialize(MapAccessDeserializer::new(map)).map(LazyValue::Other)
    }
}
