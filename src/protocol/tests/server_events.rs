//! Generators of server events that the schema of a dialect allows.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::json;

use crate::protocol::dialect::Dialect;
use crate::protocol::events::error::ErrorInfo;
use crate::protocol::events::item::{ContentPart, Item, ItemBody, Role};
use crate::protocol::events::response::{Response, ResponseStatus, StatusDetails, TokenDetails, Usage};
use crate::protocol::events::server::{
    ContentLocation, OutputBufferState, RateLimit, Segment, ServerBody, ServerEvent, TokenLogprob,
    TranscriptionUsage,
};
use crate::protocol::settings::{SessionInfo, SessionKind, Voice};
use crate::protocol::tests::pieces::{
    audio_bytes, id, item, metadata, settings, status, text, unknown_fields,
};
use crate::protocol::value::Unknown;

/// Generates an event that the dialect can express.
pub(super) fn server_event(dialect: Dialect) -> impl Strategy<Value = ServerEvent> {
    let body = prop_oneof![
        4 => session_body(dialect),
        4 => conversation_body(dialect),
        3 => transcription_body(),
        3 => buffer_body(dialect),
        4 => response_body(dialect),
        6 => stream_body(),
        2 => mcp_body(),
    ];
    (id(), body, unknown_fields()).prop_map(|(event_id, body, strange)| {
        // An MCP event keeps all its fields together.
        let keeps_all = matches!(body, ServerBody::Mcp { .. });
        let unknown = if keeps_all { Unknown::new() } else { strange };
        ServerEvent { event_id: Some(event_id), body, unknown }
    })
}

/// Generates counts that are exact as `f64`.
fn count() -> impl Strategy<Value = u64> {
    0..1_u64 << 53
}

fn session_body(dialect: Dialect) -> BoxedStrategy<ServerBody> {
    let limit = (option::of(Just("tokens".to_owned())), option::of(count()), option::of(0.0..1e6))
        .prop_map(|(name, limit, reset_seconds)| RateLimit { name, limit, remaining: limit, reset_seconds });
    prop_oneof![
        error(true).prop_map(ServerBody::Error),
        session(dialect).prop_map(|info| ServerBody::SessionCreated(Box::new(info))),
        session(dialect).prop_map(|info| ServerBody::SessionUpdated(Box::new(info))),
        vec(limit, 0..3).prop_map(ServerBody::RateLimits),
    ]
    .boxed()
}

/// Generates an error; only an `error` event can name the client's event.
fn error(names_event: bool) -> BoxedStrategy<ErrorInfo> {
    let optional = (option::of(id()), option::of(text()), option::of(text()));
    (text(), text(), optional, unknown_fields())
        .prop_map(move |(kind, message, (code, param, event_id), unknown)| ErrorInfo {
            kind: Some(kind),
            message: Some(message),
            code,
            param,
            event_id: event_id.filter(|_| names_event),
            unknown,
        })
        .boxed()
}

fn session(dialect: Dialect) -> BoxedStrategy<SessionInfo> {
    (id(), option::of(count()), settings(dialect), unknown_fields())
        .prop_map(move |(id, expires_at, mut settings, unknown)| {
            let object = match settings.kind {
                SessionKind::Realtime => "realtime.session",
                SessionKind::Transcription => "realtime.transcription_session",
            };
            // The schema has no voice by id in sessions described by servers.
            if let Some(Voice::Custom(name)) =
                settings.voice.take_if(|voice| matches!(voice, Voice::Custom(_)))
            {
                settings.voice = Some(Voice::Named(name));
            }
            let object = Some(object.to_owned());
            SessionInfo { id: Some(id), object, expires_at, shape: Some(dialect), settings, unknown }
        })
        .boxed()
}

fn whole_item(dialect: Dialect) -> BoxedStrategy<Item> {
    (item(dialect), unknown_fields()).prop_map(|(item, unknown)| Item { unknown, ..item }).boxed()
}

fn conversation_body(dialect: Dialect) -> impl Strategy<Value = ServerBody> {
    let placed = || (option::of(id()), whole_item(dialect));
    let created =
        placed().prop_map(|(previous_item_id, item)| ServerBody::ItemCreated { previous_item_id, item });
    let of_both = prop_oneof![
        option::of(id()).prop_map(|id| ServerBody::ConversationCreated { id }),
        created,
        whole_item(dialect).prop_map(|item| ServerBody::ItemRetrieved { item }),
        id().prop_map(|item_id| ServerBody::ItemDeleted { item_id }),
        (id(), any::<u32>(), count()).prop_map(|(item_id, index, end)| ServerBody::ItemTruncated {
            item_id,
            content_index: Some(index),
            audio_end_ms: Some(end)
        }),
    ];
    let of_ga = prop_oneof![
        placed().prop_map(|(previous_item_id, item)| ServerBody::ItemAdded { previous_item_id, item }),
        placed().prop_map(|(previous_item_id, item)| ServerBody::ItemDone { previous_item_id, item }),
    ];
    match dialect {
        Dialect::Ga | Dialect::Mixed => prop_oneof![of_both, of_ga].boxed(),
        Dialect::Beta => of_both.boxed(),
    }
}

fn transcription_body() -> BoxedStrategy<ServerBody> {
    let usage = prop_oneof![
        usage().prop_map(|usage| TranscriptionUsage::Tokens(Box::new(usage))),
        (0.0..1e4).prop_map(TranscriptionUsage::Duration),
    ];
    let segment = (id(), text(), text(), 0.0..1e4, 0.0..1e4).prop_map(|(id, text, speaker, start, end)| {
        Segment { id: Some(id), text, speaker: Some(speaker), start: Some(start), end: Some(end) }
    });
    let logprob = (text(), -20.0..0.0, vec(any::<u8>(), 1..4))
        .prop_map(|(token, logprob, bytes)| TokenLogprob { token, logprob, bytes });
    let kind = prop_oneof![
        text().prop_map(TranscriptSummary::Delta),
        (text(), usage, vec(logprob, 0..3), vec(id(), 0..2)).prop_map(
            |(text, usage, logprobs, languages)| {
                TranscriptSummary::Completed(text, usage, logprobs, languages)
            }
        ),
        error(false).prop_map(TranscriptSummary::Failed),
        segment.prop_map(TranscriptSummary::Segment),
    ];
    (id(), any::<u32>(), kind)
        .prop_map(|(item_id, index, kind)| {
            let content_index = Some(index);
            match kind {
                TranscriptSummary::Delta(delta) => {
                    ServerBody::TranscriptionDelta { item_id, content_index, delta }
                }
                TranscriptSummary::Completed(transcript, usage, logprobs, languages) => {
                    let usage = Some(usage);
                    ServerBody::TranscriptionCompleted {
                        item_id,
                        content_index,
                        transcript,
                        usage,
                        logprobs,
                        languages,
                    }
                }
                TranscriptSummary::Failed(error) => {
                    ServerBody::TranscriptionFailed { item_id, content_index, error }
                }
                TranscriptSummary::Segment(segment) => {
                    ServerBody::TranscriptionSegment { item_id, content_index, segment }
                }
            }
        })
        .boxed()
}

#[derive(Clone, Debug)]
enum TranscriptSummary {
    Delta(String),
    Completed(String, TranscriptionUsage, Vec<TokenLogprob>, Vec<String>),
    Failed(ErrorInfo),
    Segment(Segment),
}

fn buffer_body(dialect: Dialect) -> impl Strategy<Value = ServerBody> {
    let state = prop_oneof![
        Just(OutputBufferState::Started),
        Just(OutputBufferState::Stopped),
        Just(OutputBufferState::Cleared)
    ];
    let of_both = prop_oneof![
        (option::of(id()), id()).prop_map(|(previous_item_id, item_id)| ServerBody::AudioCommitted {
            previous_item_id,
            item_id: Some(item_id)
        }),
        Just(ServerBody::AudioCleared),
        (count(), id()).prop_map(|(start, item_id)| ServerBody::SpeechStarted {
            audio_start_ms: Some(start),
            item_id: Some(item_id)
        }),
        (count(), id()).prop_map(|(end, item_id)| ServerBody::SpeechStopped {
            audio_end_ms: Some(end),
            item_id: Some(item_id)
        }),
        (state, id()).prop_map(|(state, id)| ServerBody::OutputBuffer { state, response_id: Some(id) }),
    ];
    let of_ga = prop_oneof![
        (count(), count(), id()).prop_map(|(start, end, item_id)| ServerBody::IdleTimeout {
            audio_start_ms: Some(start),
            audio_end_ms: Some(end),
            item_id: Some(item_id)
        }),
        (text(), count())
            .prop_map(|(event, at)| ServerBody::Dtmf { event: Some(event), received_at: Some(at) }),
    ];
    match dialect {
        Dialect::Ga | Dialect::Mixed => prop_oneof![of_both, of_ga].boxed(),
        Dialect::Beta => of_both.boxed(),
    }
}

fn usage() -> BoxedStrategy<Usage> {
    let details = || {
        (option::of(count()), option::of(count()), option::of(count()))
            .prop_map(|(text, audio, image)| TokenDetails { text, audio, image })
    };
    let totals = (count(), count(), count(), option::of(count()));
    (totals, details(), details(), details())
        .prop_map(|(totals, input, cached, output)| Usage {
            total_tokens: Some(totals.0),
            input_tokens: Some(totals.1),
            output_tokens: Some(totals.2),
            input,
            cached,
            cached_tokens: totals.3,
            output,
            unknown: Unknown::new(),
        })
        .boxed()
}

fn response(dialect: Dialect) -> BoxedStrategy<Response> {
    let status = prop_oneof![
        Just(ResponseStatus::Completed),
        Just(ResponseStatus::Cancelled),
        Just(ResponseStatus::Incomplete),
        Just(ResponseStatus::Failed)
    ];
    let reason = prop_oneof![Just("turn_detected"), Just("content_filter")].prop_map(str::to_owned);
    let details = (option::of(reason), option::of(error(false)), unknown_fields())
        .prop_map(|(reason, error, unknown)| StatusDetails { reason, error, unknown });
    let state = (option::of(id()), status, option::of(details), vec(whole_item(dialect), 0..3));
    let rest = (option::of(id()), option::of(usage()), option::of(metadata()), unknown_fields());
    (state, rest)
        .prop_map(|((id, status, details, output), (conversation_id, usage, metadata, unknown))| Response {
            id,
            status: Some(status),
            details,
            output,
            conversation_id,
            usage,
            metadata,
            unknown,
        })
        .boxed()
}

fn response_body(dialect: Dialect) -> BoxedStrategy<ServerBody> {
    let part = || {
        prop_oneof![
            text().prop_map(ContentPart::Text),
            (option::of(audio_bytes()), option::of(text()))
                .prop_map(|(audio, transcript)| ContentPart::Audio { audio, transcript }),
        ]
    };
    let place = || place().prop_map(|place| ContentLocation { item_id: None, content_index: None, ..place });
    prop_oneof![
        response(dialect).prop_map(|response| ServerBody::ResponseCreated(Box::new(response))),
        response(dialect).prop_map(|response| ServerBody::ResponseDone(Box::new(response))),
        (place(), whole_item(dialect)).prop_map(|(place, item)| ServerBody::OutputItemAdded { place, item }),
        (place(), begun_item()).prop_map(|(place, item)| ServerBody::OutputItemDone { place, item }),
        (self::place(), part()).prop_map(|(place, part)| ServerBody::ContentPartAdded { place, part }),
        (self::place(), part()).prop_map(|(place, part)| ServerBody::ContentPartDone { place, part }),
    ]
    .boxed()
}

/// Generates an answer in progress.
fn begun_item() -> impl Strategy<Value = Item> {
    (id(), status()).prop_map(|(id, status)| Item {
        id: Some(id),
        status: Some(status),
        body: ItemBody::Message { role: Role::Assistant, content: vec![] },
        unknown: Unknown::new(),
    })
}

fn place() -> impl Strategy<Value = ContentLocation> {
    (id(), id(), any::<u32>(), any::<u32>()).prop_map(
        |(response_id, item_id, output_index, content_index)| ContentLocation {
            response_id: Some(response_id),
            item_id: Some(item_id),
            output_index: Some(output_index),
            content_index: Some(content_index),
        },
    )
}

fn stream_body() -> BoxedStrategy<ServerBody> {
    prop_oneof![
        (place(), text()).prop_map(|(place, delta)| ServerBody::TextDelta { place, delta }),
        (place(), text()).prop_map(|(place, text)| ServerBody::TextDone { place, text: Some(text) }),
        (place(), audio_bytes()).prop_map(|(place, delta)| ServerBody::AudioDelta { place, delta }),
        place().prop_map(|place| ServerBody::AudioDone { place }),
        (place(), text()).prop_map(|(place, delta)| ServerBody::TranscriptDelta { place, delta }),
        (place(), text())
            .prop_map(|(place, text)| ServerBody::TranscriptDone { place, transcript: Some(text) }),
        (place(), id(), text()).prop_map(|(place, id, delta)| ServerBody::ArgumentsDelta {
            place,
            call_id: Some(id),
            delta
        }),
        (place(), id(), text(), text()).prop_map(|(place, id, name, arguments)| ServerBody::ArgumentsDone {
            place,
            call_id: Some(id),
            name: Some(name),
            arguments
        }),
    ]
    .boxed()
}

fn mcp_body() -> BoxedStrategy<ServerBody> {
    let name = prop_oneof![
        Just("response.mcp_call.in_progress"),
        Just("response.mcp_call.failed"),
        Just("mcp_list_tools.completed"),
        Just("response.mcp_call_arguments.delta"),
        Just("response.mcp_call_arguments.done"),
    ];
    (name, place(), text())
        .prop_map(|(name, place, text)| ServerBody::Mcp {
            name: name.to_owned(),
            place,
            fields: [("delta".to_owned(), json!(text)), ("arguments".to_owned(), json!(text))]
                .into_iter()
                .collect(),
        })
        .boxed()
}
