//! Decoding of server events, under their GA and beta names.

use serde_json::Value;

use crate::protocol::decode::fields::Fields;
use crate::protocol::decode::item::{take_item, take_part};
use crate::protocol::decode::parse::Parsed;
use crate::protocol::decode::response::{take_error, take_response, take_transcription_usage};
use crate::protocol::decode::settings::session_info;
use crate::protocol::dialect::Dialect;
use crate::protocol::events::error::ErrorInfo;
use crate::protocol::events::item::Item;
use crate::protocol::events::server::{
    ContentLocation, OutputBufferState, RateLimit, Segment, ServerBody, ServerEvent, TokenLogprob,
};
use crate::protocol::settings::{SessionInfo, SessionKind};
use crate::protocol::value::Unknown;

/// Builds an event.
pub(super) fn event(parsed: Parsed) -> ServerEvent {
    let Parsed { name, event_id, audio_bytes, mut fields } = parsed;
    let body = body(name, audio_bytes, &mut fields);
    ServerEvent { event_id, body, unknown: fields }
}

/// Looks up the name group by group.
fn body(name: String, audio_bytes: Option<Vec<u8>>, fields: &mut Unknown) -> ServerBody {
    if name == "response.output_audio.delta" || name == "response.audio.delta" {
        if fields.get("delta").is_some_and(Value::is_null) {
            fields.remove("delta");
        }
        return ServerBody::AudioDelta { place: place(fields), delta: audio_bytes.unwrap_or_default() };
    }
    session(&name, fields)
        .or_else(|| conversation(&name, fields))
        .or_else(|| buffer(&name, fields))
        .or_else(|| response(&name, fields))
        .or_else(|| stream(&name, fields))
        .or_else(|| mcp(&name, fields))
        .unwrap_or_else(|| ServerBody::Unknown { name, fields: std::mem::take(fields) })
}

fn session(name: &str, fields: &mut Unknown) -> Option<ServerBody> {
    Some(match name {
        "error" => ServerBody::Error(error(fields)),
        "session.created" => ServerBody::SessionCreated(Box::new(info(fields))),
        "session.updated" => ServerBody::SessionUpdated(Box::new(info(fields))),
        "transcription_session.created" => ServerBody::SessionCreated(Box::new(beta_transcription(fields))),
        "transcription_session.updated" => ServerBody::SessionUpdated(Box::new(beta_transcription(fields))),
        "rate_limits.updated" => {
            ServerBody::RateLimits(fields.take_each("rate_limits", rate_limit).unwrap_or_default())
        }
        _ => return None,
    })
}

/// Takes an error. Some servers put its fields next to `type` instead of into `error`.
fn error(fields: &mut Unknown) -> ErrorInfo {
    let mut error = take_error(fields).unwrap_or_default();
    error.code = error.code.take().or_else(|| fields.take_text("code"));
    error.message = error.message.take().or_else(|| fields.take_text("message"));
    error.param = error.param.take().or_else(|| fields.take_text("param"));
    error
}

fn info(fields: &mut Unknown) -> SessionInfo {
    fields.take_object("session").map(session_info).unwrap_or_default()
}

/// Takes the session of an event that only the beta dialect has.
fn beta_transcription(fields: &mut Unknown) -> SessionInfo {
    let mut info = info(fields);
    info.settings.kind = SessionKind::Transcription;
    info.shape = info.shape.or(Some(Dialect::Beta));
    info
}

fn rate_limit(fields: &mut Unknown) -> RateLimit {
    RateLimit {
        name: fields.take_text("name"),
        limit: fields.take_count("limit"),
        remaining: fields.take_count("remaining"),
        reset_seconds: fields.take_number("reset_seconds"),
    }
}

fn conversation(name: &str, fields: &mut Unknown) -> Option<ServerBody> {
    let rest = name.strip_prefix("conversation.")?;
    if let Some(rest) = rest.strip_prefix("item.input_audio_transcription.") {
        return transcription(rest, fields);
    }
    Some(match rest {
        "created" => {
            let id = fields.take_in("conversation", |conversation| {
                conversation.drop_word("object", "realtime.conversation");
                conversation.take_text("id")
            });
            ServerBody::ConversationCreated { id }
        }
        "item.added" => ServerBody::ItemAdded { previous_item_id: previous(fields), item: item(fields) },
        "item.created" => ServerBody::ItemCreated { previous_item_id: previous(fields), item: item(fields) },
        "item.done" => ServerBody::ItemDone { previous_item_id: previous(fields), item: item(fields) },
        "item.retrieved" => ServerBody::ItemRetrieved { item: item(fields) },
        "item.deleted" => ServerBody::ItemDeleted { item_id: item_id(fields) },
        "item.truncated" => ServerBody::ItemTruncated {
            item_id: item_id(fields),
            content_index: fields.take_index("content_index"),
            audio_end_ms: fields.take_count("audio_end_ms"),
        },
        _ => return None,
    })
}

fn transcription(rest: &str, fields: &mut Unknown) -> Option<ServerBody> {
    if !matches!(rest, "delta" | "completed" | "failed" | "segment") {
        return None;
    }
    let item_id = item_id(fields);
    let content_index = fields.take_index("content_index");
    Some(match rest {
        "delta" => ServerBody::TranscriptionDelta { item_id, content_index, delta: text(fields, "delta") },
        "completed" => ServerBody::TranscriptionCompleted {
            item_id,
            content_index,
            transcript: text(fields, "transcript"),
            usage: take_transcription_usage(fields),
            logprobs: fields.take_each("logprobs", token_logprob).unwrap_or_default(),
            languages: fields.take_each("languages", |entry| text(entry, "code")).unwrap_or_default(),
        },
        "failed" => ServerBody::TranscriptionFailed { item_id, content_index, error: error(fields) },
        _ => ServerBody::TranscriptionSegment { item_id, content_index, segment: segment(fields) },
    })
}

fn token_logprob(fields: &mut Unknown) -> TokenLogprob {
    let bytes = |value: Value| {
        let list = value.as_array().map(|list| list.iter().map(|byte| u8::try_from(byte.as_u64()?).ok()));
        list.and_then(Iterator::collect).ok_or(value)
    };
    TokenLogprob {
        token: text(fields, "token"),
        logprob: fields.take_number("logprob").unwrap_or_default(),
        bytes: fields.take_with("bytes", bytes).unwrap_or_default(),
    }
}

fn segment(fields: &mut Unknown) -> Segment {
    Segment {
        id: fields.take_text("id"),
        text: text(fields, "text"),
        speaker: fields.take_text("speaker"),
        start: fields.take_number("start"),
        end: fields.take_number("end"),
    }
}

fn buffer(name: &str, fields: &mut Unknown) -> Option<ServerBody> {
    Some(match name {
        "input_audio_buffer.committed" => ServerBody::AudioCommitted {
            previous_item_id: previous(fields),
            item_id: fields.take_text("item_id"),
        },
        "input_audio_buffer.cleared" => ServerBody::AudioCleared,
        "input_audio_buffer.speech_started" => ServerBody::SpeechStarted {
            audio_start_ms: fields.take_count("audio_start_ms"),
            item_id: fields.take_text("item_id"),
        },
        "input_audio_buffer.speech_stopped" => ServerBody::SpeechStopped {
            audio_end_ms: fields.take_count("audio_end_ms"),
            item_id: fields.take_text("item_id"),
        },
        "input_audio_buffer.timeout_triggered" => ServerBody::IdleTimeout {
            audio_start_ms: fields.take_count("audio_start_ms"),
            audio_end_ms: fields.take_count("audio_end_ms"),
            item_id: fields.take_text("item_id"),
        },
        "input_audio_buffer.dtmf_event_received" => ServerBody::Dtmf {
            event: fields.take_text("event"),
            received_at: fields.take_count("received_at"),
        },
        "output_audio_buffer.started" => output_buffer(OutputBufferState::Started, fields),
        "output_audio_buffer.stopped" => output_buffer(OutputBufferState::Stopped, fields),
        "output_audio_buffer.cleared" => output_buffer(OutputBufferState::Cleared, fields),
        _ => return None,
    })
}

fn output_buffer(state: OutputBufferState, fields: &mut Unknown) -> ServerBody {
    ServerBody::OutputBuffer { state, response_id: fields.take_text("response_id") }
}

fn response(name: &str, fields: &mut Unknown) -> Option<ServerBody> {
    Some(match name {
        "response.created" => ServerBody::ResponseCreated(Box::new(take_response(fields))),
        "response.done" => ServerBody::ResponseDone(Box::new(take_response(fields))),
        "response.output_item.added" => {
            ServerBody::OutputItemAdded { place: place(fields), item: item(fields) }
        }
        "response.output_item.done" => {
            ServerBody::OutputItemDone { place: place(fields), item: item(fields) }
        }
        "response.content_part.added" => {
            ServerBody::ContentPartAdded { place: place(fields), part: take_part(fields, "part") }
        }
        "response.content_part.done" => {
            ServerBody::ContentPartDone { place: place(fields), part: take_part(fields, "part") }
        }
        _ => return None,
    })
}

fn stream(name: &str, fields: &mut Unknown) -> Option<ServerBody> {
    Some(match name {
        "response.output_text.delta" | "response.text.delta" => {
            ServerBody::TextDelta { place: place(fields), delta: text(fields, "delta") }
        }
        "response.output_text.done" | "response.text.done" => {
            ServerBody::TextDone { place: place(fields), text: fields.take_text("text") }
        }
        "response.output_audio.done" | "response.audio.done" => {
            ServerBody::AudioDone { place: place(fields) }
        }
        "response.output_audio_transcript.delta" | "response.audio_transcript.delta" => {
            ServerBody::TranscriptDelta { place: place(fields), delta: text(fields, "delta") }
        }
        "response.output_audio_transcript.done" | "response.audio_transcript.done" => {
            ServerBody::TranscriptDone { place: place(fields), transcript: fields.take_text("transcript") }
        }
        "response.function_call_arguments.delta" => ServerBody::ArgumentsDelta {
            place: place(fields),
            call_id: fields.take_text("call_id"),
            delta: text(fields, "delta"),
        },
        "response.function_call_arguments.done" => ServerBody::ArgumentsDone {
            place: place(fields),
            call_id: fields.take_text("call_id"),
            name: fields.take_text("name"),
            arguments: text(fields, "arguments"),
        },
        _ => return None,
    })
}

fn mcp(name: &str, fields: &mut Unknown) -> Option<ServerBody> {
    match name {
        "response.mcp_call_arguments.delta"
        | "response.mcp_call_arguments.done"
        | "response.mcp_call.in_progress"
        | "response.mcp_call.completed"
        | "response.mcp_call.failed"
        | "mcp_list_tools.in_progress"
        | "mcp_list_tools.completed"
        | "mcp_list_tools.failed" => {
            let place = place(fields);
            Some(ServerBody::Mcp { name: name.to_owned(), place, fields: std::mem::take(fields) })
        }
        _ => None,
    }
}

fn place(fields: &mut Unknown) -> ContentLocation {
    ContentLocation {
        response_id: fields.take_text("response_id"),
        item_id: fields.take_text("item_id"),
        output_index: fields.take_index("output_index"),
        content_index: fields.take_index("content_index"),
    }
}

fn previous(fields: &mut Unknown) -> Option<String> {
    fields.take_text("previous_item_id")
}

fn item(fields: &mut Unknown) -> Item {
    take_item(fields, "item")
}

fn item_id(fields: &mut Unknown) -> String {
    text(fields, "item_id")
}

fn text(fields: &mut Unknown, key: &str) -> String {
    fields.take_text(key).unwrap_or_default()
}
