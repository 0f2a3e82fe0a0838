//! Encoding of server events.

use serde_json::{Value, json};

use crate::protocol::encode::context::WriteContext;
use crate::protocol::encode::fields::{JsonPut, text_with_audio};
use crate::protocol::encode::item::{content_part, item};
use crate::protocol::encode::response::{error, response, transcription_usage};
use crate::protocol::encode::settings::session_info;
use crate::protocol::events::error::ErrorInfo;
use crate::protocol::events::server::{
    ContentLocation, OutputBufferState, RateLimit, Segment, ServerBody, ServerEvent, TokenLogprob,
};
use crate::protocol::settings::{SessionInfo, SessionKind};
use crate::protocol::value::Unknown;

/// Returns the text of an event.
pub(super) fn event(event: &ServerEvent, context: WriteContext) -> String {
    let mut fields = Unknown::new();
    put_place(&mut fields, &event.body);
    put_body(&mut fields, &event.body, context);
    fields.put("type", name(&event.body, context));
    fields.put_some("event_id", event.event_id.as_ref());
    fields.put_back(&event.unknown);
    if let ServerBody::AudioDelta { delta, .. } = &event.body {
        return text_with_audio(fields, "delta", delta);
    }
    Value::Object(fields).to_string()
}

/// Returns the name of an event in the dialect.
fn name(body: &ServerBody, context: WriteContext) -> &str {
    let beta_transcription =
        |info: &SessionInfo| context.is_beta() && info.settings.kind == SessionKind::Transcription;
    match body {
        ServerBody::Error(_) => "error",
        ServerBody::SessionCreated(info) if beta_transcription(info) => "transcription_session.created",
        ServerBody::SessionCreated(_) => "session.created",
        ServerBody::SessionUpdated(info) if beta_transcription(info) => "transcription_session.updated",
        ServerBody::SessionUpdated(_) => "session.updated",
        ServerBody::ConversationCreated { .. } => "conversation.created",
        ServerBody::ItemAdded { .. } => context.word("conversation.item.added", "conversation.item.created"),
        ServerBody::ItemCreated { .. } => "conversation.item.created",
        ServerBody::ItemDone { .. } => "conversation.item.done",
        ServerBody::ItemRetrieved { .. } => "conversation.item.retrieved",
        ServerBody::ItemDeleted { .. } => "conversation.item.deleted",
        ServerBody::ItemTruncated { .. } => "conversation.item.truncated",
        ServerBody::TranscriptionDelta { .. } => "conversation.item.input_audio_transcription.delta",
        ServerBody::TranscriptionCompleted { .. } => "conversation.item.input_audio_transcription.completed",
        ServerBody::TranscriptionFailed { .. } => "conversation.item.input_audio_transcription.failed",
        ServerBody::TranscriptionSegment { .. } => "conversation.item.input_audio_transcription.segment",
        ServerBody::AudioCommitted { .. } => "input_audio_buffer.committed",
        ServerBody::AudioCleared => "input_audio_buffer.cleared",
        ServerBody::SpeechStarted { .. } => "input_audio_buffer.speech_started",
        ServerBody::SpeechStopped { .. } => "input_audio_buffer.speech_stopped",
        ServerBody::IdleTimeout { .. } => "input_audio_buffer.timeout_triggered",
        ServerBody::Dtmf { .. } => "input_audio_buffer.dtmf_event_received",
        ServerBody::OutputBuffer { state, .. } => match state {
            OutputBufferState::Started => "output_audio_buffer.started",
            OutputBufferState::Stopped => "output_audio_buffer.stopped",
            OutputBufferState::Cleared => "output_audio_buffer.cleared",
        },
        ServerBody::ResponseCreated(_) => "response.created",
        ServerBody::ResponseDone(_) => "response.done",
        ServerBody::OutputItemAdded { .. } => "response.output_item.added",
        ServerBody::OutputItemDone { .. } => "response.output_item.done",
        ServerBody::ContentPartAdded { .. } => "response.content_part.added",
        ServerBody::ContentPartDone { .. } => "response.content_part.done",
        ServerBody::TextDelta { .. } => context.word("response.output_text.delta", "response.text.delta"),
        ServerBody::TextDone { .. } => context.word("response.output_text.done", "response.text.done"),
        ServerBody::AudioDelta { .. } => context.word("response.output_audio.delta", "response.audio.delta"),
        ServerBody::AudioDone { .. } => context.word("response.output_audio.done", "response.audio.done"),
        ServerBody::TranscriptDelta { .. } => {
            context.word("response.output_audio_transcript.delta", "response.audio_transcript.delta")
        }
        ServerBody::TranscriptDone { .. } => {
            context.word("response.output_audio_transcript.done", "response.audio_transcript.done")
        }
        ServerBody::ArgumentsDelta { .. } => "response.function_call_arguments.delta",
        ServerBody::ArgumentsDone { .. } => "response.function_call_arguments.done",
        ServerBody::RateLimits(_) => "rate_limits.updated",
        ServerBody::Mcp { name, .. } | ServerBody::Unknown { name, .. } => name,
    }
}

/// Puts the ids and indexes of the subject.
fn put_place(fields: &mut Unknown, body: &ServerBody) {
    match body {
        ServerBody::OutputItemAdded { place, .. }
        | ServerBody::OutputItemDone { place, .. }
        | ServerBody::ContentPartAdded { place, .. }
        | ServerBody::ContentPartDone { place, .. }
        | ServerBody::TextDelta { place, .. }
        | ServerBody::TextDone { place, .. }
        | ServerBody::AudioDelta { place, .. }
        | ServerBody::AudioDone { place }
        | ServerBody::TranscriptDelta { place, .. }
        | ServerBody::TranscriptDone { place, .. }
        | ServerBody::Mcp { place, .. } => put_output_place(fields, place),
        ServerBody::ArgumentsDelta { place, call_id, .. }
        | ServerBody::ArgumentsDone { place, call_id, .. } => {
            put_output_place(fields, place);
            fields.put_some("call_id", call_id.as_ref());
        }
        ServerBody::ItemTruncated { item_id, content_index, .. }
        | ServerBody::TranscriptionDelta { item_id, content_index, .. }
        | ServerBody::TranscriptionCompleted { item_id, content_index, .. }
        | ServerBody::TranscriptionFailed { item_id, content_index, .. }
        | ServerBody::TranscriptionSegment { item_id, content_index, .. } => {
            fields.put("item_id", item_id.as_str());
            fields.put_some("content_index", content_index.as_ref());
        }
        ServerBody::ItemDeleted { item_id } => fields.put("item_id", item_id.as_str()),
        ServerBody::ItemAdded { previous_item_id, .. }
        | ServerBody::ItemCreated { previous_item_id, .. }
        | ServerBody::ItemDone { previous_item_id, .. } => {
            fields.put_or_null("previous_item_id", previous_item_id.as_ref());
        }
        ServerBody::AudioCommitted { previous_item_id, item_id } => {
            fields.put_or_null("previous_item_id", previous_item_id.as_ref());
            fields.put_some("item_id", item_id.as_ref());
        }
        ServerBody::SpeechStarted { item_id, .. }
        | ServerBody::SpeechStopped { item_id, .. }
        | ServerBody::IdleTimeout { item_id, .. } => fields.put_some("item_id", item_id.as_ref()),
        ServerBody::OutputBuffer { response_id, .. } => fields.put_some("response_id", response_id.as_ref()),
        ServerBody::Error(_)
        | ServerBody::SessionCreated(_)
        | ServerBody::SessionUpdated(_)
        | ServerBody::ConversationCreated { .. }
        | ServerBody::ItemRetrieved { .. }
        | ServerBody::AudioCleared
        | ServerBody::Dtmf { .. }
        | ServerBody::ResponseCreated(_)
        | ServerBody::ResponseDone(_)
        | ServerBody::RateLimits(_)
        | ServerBody::Unknown { .. } => {}
    }
}

fn put_output_place(fields: &mut Unknown, place: &ContentLocation) {
    fields.put_some("response_id", place.response_id.as_ref());
    fields.put_some("item_id", place.item_id.as_ref());
    fields.put_some("output_index", place.output_index.as_ref());
    fields.put_some("content_index", place.content_index.as_ref());
}

/// Puts the payload. Audio is written last, by [`event`].
fn put_body(fields: &mut Unknown, body: &ServerBody, context: WriteContext) {
    match body {
        ServerBody::Error(error) => fields.put("error", shown_error(error)),
        ServerBody::SessionCreated(info) | ServerBody::SessionUpdated(info) => {
            fields.put("session", session_info(info, context));
        }
        ServerBody::ConversationCreated { id } => put_conversation(fields, id.as_ref()),
        ServerBody::ItemAdded { item: it, .. }
        | ServerBody::ItemCreated { item: it, .. }
        | ServerBody::ItemDone { item: it, .. }
        | ServerBody::ItemRetrieved { item: it }
        | ServerBody::OutputItemAdded { item: it, .. }
        | ServerBody::OutputItemDone { item: it, .. } => fields.put("item", item(it, context)),
        ServerBody::TranscriptionDelta { delta, .. }
        | ServerBody::TextDelta { delta, .. }
        | ServerBody::TranscriptDelta { delta, .. }
        | ServerBody::ArgumentsDelta { delta, .. } => fields.put("delta", delta.as_str()),
        ServerBody::TranscriptionCompleted { transcript, usage, logprobs, languages, .. } => {
            fields.put("transcript", transcript.as_str());
            fields.put_some("usage", usage.as_ref().map(transcription_usage).as_ref());
            put_list(fields, "logprobs", logprobs.iter().map(token_logprob));
            put_list(fields, "languages", languages.iter().map(|code| json!({ "code": code })));
        }
        ServerBody::TranscriptionFailed { error: reason, .. } => fields.put("error", error(reason)),
        ServerBody::TranscriptionSegment { segment, .. } => put_segment(fields, segment),
        ServerBody::SpeechStarted { audio_start_ms, .. } => {
            fields.put_some("audio_start_ms", audio_start_ms.as_ref());
        }
        ServerBody::SpeechStopped { audio_end_ms, .. } | ServerBody::ItemTruncated { audio_end_ms, .. } => {
            fields.put_some("audio_end_ms", audio_end_ms.as_ref());
        }
        ServerBody::IdleTimeout { audio_start_ms, audio_end_ms, .. } => {
            fields.put_some("audio_start_ms", audio_start_ms.as_ref());
            fields.put_some("audio_end_ms", audio_end_ms.as_ref());
        }
        ServerBody::Dtmf { event, received_at } => {
            fields.put_some("event", event.as_ref());
            fields.put_some("received_at", received_at.as_ref());
        }
        ServerBody::ResponseCreated(state) | ServerBody::ResponseDone(state) => {
            fields.put("response", response(state, context));
        }
        ServerBody::ContentPartAdded { part, .. } | ServerBody::ContentPartDone { part, .. } => {
            fields.put("part", content_part(part, context));
        }
        ServerBody::TextDone { text, .. } => fields.put_some("text", text.as_ref()),
        ServerBody::TranscriptDone { transcript, .. } => fields.put_some("transcript", transcript.as_ref()),
        ServerBody::ArgumentsDone { name, arguments, .. } => {
            fields.put_some("name", name.as_ref());
            fields.put("arguments", arguments.as_str());
        }
        ServerBody::RateLimits(limits) => {
            fields.put("rate_limits", limits.iter().map(rate_limit).collect::<Value>());
        }
        ServerBody::Mcp { fields: others, .. } | ServerBody::Unknown { fields: others, .. } => {
            fields.put_back(others);
        }
        ServerBody::ItemDeleted { .. }
        | ServerBody::AudioCommitted { .. }
        | ServerBody::AudioCleared
        | ServerBody::OutputBuffer { .. }
        | ServerBody::AudioDelta { .. }
        | ServerBody::AudioDone { .. } => {}
    }
}

fn put_conversation(fields: &mut Unknown, id: Option<&String>) {
    let mut conversation = Unknown::new();
    conversation.put("object", "realtime.conversation");
    conversation.put_some("id", id);
    fields.put("conversation", conversation);
}

fn put_list(fields: &mut Unknown, key: &str, values: impl Iterator<Item = Value>) {
    let list: Vec<Value> = values.collect();
    if !list.is_empty() {
        fields.put(key, list);
    }
}

fn token_logprob(token: &TokenLogprob) -> Value {
    let TokenLogprob { token, logprob, bytes } = token;
    json!({ "token": token, "logprob": logprob, "bytes": bytes })
}

fn put_segment(fields: &mut Unknown, segment: &Segment) {
    fields.put_some("id", segment.id.as_ref());
    fields.put("text", segment.text.as_str());
    fields.put_some("speaker", segment.speaker.as_ref());
    fields.put_some("start", segment.start.as_ref());
    fields.put_some("end", segment.end.as_ref());
}

/// Encodes the error of an `error` event, in which absent fields are `null`.
fn shown_error(info: &ErrorInfo) -> Unknown {
    let mut fields = Unknown::new();
    for key in ["code", "param", "event_id"] {
        fields.put(key, Value::Null);
    }
    fields.extend(error(info));
    fields
}

fn rate_limit(limit: &RateLimit) -> Value {
    let mut fields = Unknown::new();
    fields.put_some("name", limit.name.as_ref());
    fields.put_some("limit", limit.limit.as_ref());
    fields.put_some("remaining", limit.remaining.as_ref());
    fields.put_some("reset_seconds", limit.reset_seconds.as_ref());
    Value::Object(fields)
}
