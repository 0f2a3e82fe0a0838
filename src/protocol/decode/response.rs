//! Decoding of responses, their requests, usage and errors.

use serde_json::Value;

use crate::protocol::decode::fields::Fields;
use crate::protocol::decode::item::take_items;
use crate::protocol::decode::settings::{
    take_format, take_modality, take_token_limit, take_tool_choice, take_tools, take_voice,
};
use crate::protocol::events::error::ErrorInfo;
use crate::protocol::events::response::{
    Response, ResponseConfig, ResponseStatus, StatusDetails, TokenDetails, Usage,
};
use crate::protocol::events::server::TranscriptionUsage;
use crate::protocol::value::Unknown;

/// Takes the settings of a `response.create` from its `response`.
pub(super) fn take_config(response: &mut Unknown) -> ResponseConfig {
    let mut config = ResponseConfig {
        instructions: response.take_text("instructions"),
        output: take_modality(response),
        voice: None,
        output_format: None,
        tools: take_tools(response),
        tool_choice: take_tool_choice(response),
        temperature: response.take_number("temperature"),
        max_output_tokens: take_token_limit(response),
        conversation: response.take_text("conversation"),
        metadata: response.take_object("metadata"),
        input: take_items(response, "input"),
    };
    response.take_in("audio", |audio| {
        audio.take_in("output", |output| {
            config.voice = take_voice(output);
            config.output_format = take_format(output, "format");
            Some(())
        })
    });
    config.voice = config.voice.take().or_else(|| take_voice(response));
    if config.output_format.is_none() {
        config.output_format = take_format(response, "output_audio_format");
    }
    config
}

/// Takes the response of a server event.
pub(super) fn take_response(fields: &mut Unknown) -> Response {
    fields.take_object("response").map(response).unwrap_or_default()
}

fn response(mut fields: Unknown) -> Response {
    fields.drop_word("object", "realtime.response");
    let status = fields.take_text("status").map(|word| ResponseStatus::from(word.as_str()));
    Response {
        id: fields.take_text("id"),
        details: take_details(&mut fields, status.as_ref()),
        status,
        output: take_items(&mut fields, "output").unwrap_or_default(),
        conversation_id: fields.take_text("conversation_id"),
        usage: fields.take_object("usage").map(usage),
        metadata: fields.take_object("metadata"),
        unknown: fields,
    }
}

/// Takes the details; their type repeats the status.
fn take_details(fields: &mut Unknown, status: Option<&ResponseStatus>) -> Option<StatusDetails> {
    let mut details = fields.take_object("status_details")?;
    if let Some(status) = status {
        details.drop_word("type", status.as_str());
    }
    Some(StatusDetails {
        reason: details.take_text("reason"),
        error: take_error(&mut details),
        unknown: details,
    })
}

/// Takes `error`: an object, or only its message.
pub(super) fn take_error(fields: &mut Unknown) -> Option<ErrorInfo> {
    if let Some(message) = fields.take_text("error") {
        return Some(ErrorInfo { message: Some(message), ..ErrorInfo::default() });
    }
    fields.take_object("error").map(|mut error| ErrorInfo {
        kind: error.take_text("type"),
        code: error.take_text("code"),
        message: error.take_text("message"),
        param: error.take_text("param"),
        event_id: error.take_text("event_id"),
        unknown: error,
    })
}

/// Decodes token counts.
fn usage(mut fields: Unknown) -> Usage {
    let mut usage = Usage {
        total_tokens: fields.take_count("total_tokens"),
        input_tokens: fields.take_count("input_tokens"),
        output_tokens: fields.take_count("output_tokens"),
        ..Usage::default()
    };
    fields.take_in("input_token_details", |details| {
        usage.input = take_token_details(details);
        usage.cached_tokens = details.take_count("cached_tokens");
        details.take_in("cached_tokens_details", |cached| {
            usage.cached = take_token_details(cached);
            Some(())
        })
    });
    fields.take_in("output_token_details", |details| {
        usage.output = take_token_details(details);
        Some(())
    });
    usage.unknown = fields;
    usage
}

fn take_token_details(details: &mut Unknown) -> TokenDetails {
    TokenDetails {
        text: details.take_count("text_tokens"),
        audio: details.take_count("audio_tokens"),
        image: details.take_count("image_tokens"),
    }
}

/// Takes the usage of a transcription, by tokens or by time.
pub(super) fn take_transcription_usage(fields: &mut Unknown) -> Option<TranscriptionUsage> {
    fields.take_with("usage", |value| Ok(transcription_usage(value)))
}

fn transcription_usage(value: Value) -> TranscriptionUsage {
    let kind = value.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let seconds = value.get("seconds").and_then(Value::as_f64);
    match (kind.as_str(), seconds, value) {
        ("tokens", _, Value::Object(mut fields)) => {
            fields.remove("type");
            TranscriptionUsage::Tokens(Box::new(usage(fields)))
        }
        ("duration", Some(seconds), _) => TranscriptionUsage::Duration(seconds),
        (_, _, value) => TranscriptionUsage::Other(value),
    }
}
