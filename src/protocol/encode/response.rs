//! Encoding of responses, their requests, usage and errors.

use serde_json::{Value, json};

use crate::protocol::encode::context::WriteContext;
use crate::protocol::encode::fields::JsonPut;
use crate::protocol::encode::item::items;
use crate::protocol::encode::settings::{
    put_format, put_modality, put_token_limit, put_tool_choice, put_tools, put_voice,
};
use crate::protocol::events::error::ErrorInfo;
use crate::protocol::events::response::{Response, ResponseConfig, StatusDetails, TokenDetails, Usage};
use crate::protocol::events::server::TranscriptionUsage;
use crate::protocol::value::Unknown;

/// Returns the `response` of a `response.create`; empty if it equals the session.
pub(super) fn config(config: &ResponseConfig, context: WriteContext) -> Unknown {
    let mut response = Unknown::new();
    response.put_some("instructions", config.instructions.as_ref());
    put_modality(&mut response, config.output, context);
    put_tools(&mut response, config.tools.as_deref(), context);
    put_tool_choice(&mut response, config.tool_choice.as_ref(), context);
    put_token_limit(&mut response, config.max_output_tokens, context);
    response.put_some("conversation", config.conversation.as_ref());
    response.put_some("metadata", config.metadata.as_ref());
    if let Some(input) = &config.input {
        response.put("input", items(input, context));
    }
    if context.is_beta() {
        put_voice(&mut response, config.voice.as_ref(), context);
        put_format(&mut response, "output_audio_format", config.output_format.as_ref(), context);
        response.put_some("temperature", config.temperature.as_ref());
    } else {
        let mut output = Unknown::new();
        put_voice(&mut output, config.voice.as_ref(), context);
        put_format(&mut output, "format", config.output_format.as_ref(), context);
        let mut audio = Unknown::new();
        audio.put_object("output", output);
        response.put_object("audio", audio);
    }
    response
}

/// Encodes a response as described by a server.
pub(super) fn response(response: &Response, context: WriteContext) -> Unknown {
    let mut fields = Unknown::new();
    let status = response.status.as_ref().map(|status| status.as_str());
    fields.put("object", "realtime.response");
    fields.put_some("id", response.id.as_ref());
    fields.put_some("status", status.as_ref());
    fields.put_or_null("status_details", response.details.as_ref().map(|it| details(it, status)).as_ref());
    fields.put("output", items(&response.output, context));
    fields.put_or_null("conversation_id", response.conversation_id.as_ref());
    fields.put_or_null("usage", response.usage.as_ref().map(usage).as_ref());
    fields.put_or_null("metadata", response.metadata.as_ref());
    fields.put_back(&response.unknown);
    fields
}

/// Encodes the details; their type repeats the status.
fn details(details: &StatusDetails, status: Option<&str>) -> Unknown {
    let mut fields = Unknown::new();
    fields.put_some("type", status.as_ref());
    fields.put_some("reason", details.reason.as_ref());
    fields.put_some("error", details.error.as_ref().map(error).as_ref());
    fields.put_back(&details.unknown);
    fields
}

/// Encodes the present fields of an error.
pub(super) fn error(error: &ErrorInfo) -> Unknown {
    let mut fields = Unknown::new();
    fields.put_some("type", error.kind.as_ref());
    fields.put_some("code", error.code.as_ref());
    fields.put_some("message", error.message.as_ref());
    fields.put_some("param", error.param.as_ref());
    fields.put_some("event_id", error.event_id.as_ref());
    fields.put_back(&error.unknown);
    fields
}

/// Encodes token counts.
fn usage(usage: &Usage) -> Unknown {
    let mut input = token_details(&usage.input);
    input.put_some("cached_tokens", usage.cached_tokens.as_ref());
    input.put_object("cached_tokens_details", token_details(&usage.cached));
    let mut fields = Unknown::new();
    fields.put_some("total_tokens", usage.total_tokens.as_ref());
    fields.put_some("input_tokens", usage.input_tokens.as_ref());
    fields.put_some("output_tokens", usage.output_tokens.as_ref());
    fields.put_object("input_token_details", input);
    fields.put_object("output_token_details", token_details(&usage.output));
    fields.put_back(&usage.unknown);
    fields
}

fn token_details(details: &TokenDetails) -> Unknown {
    let mut fields = Unknown::new();
    fields.put_some("text_tokens", details.text.as_ref());
    fields.put_some("audio_tokens", details.audio.as_ref());
    fields.put_some("image_tokens", details.image.as_ref());
    fields
}

/// Encodes the usage of a transcription.
pub(super) fn transcription_usage(cost: &TranscriptionUsage) -> Value {
    match cost {
        TranscriptionUsage::Tokens(tokens) => {
            let mut fields = usage(tokens);
            fields.put("type", "tokens");
            Value::Object(fields)
        }
        TranscriptionUsage::Duration(seconds) => json!({ "type": "duration", "seconds": seconds }),
        TranscriptionUsage::Other(value) => value.clone(),
    }
}
