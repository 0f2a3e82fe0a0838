//! Accepted events, and the errors for the others.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::*;
use crate::server::demo::check::items::MAX_AUDIO_BYTES;

const GA: (Dialect, SessionKind) = (Dialect::Ga, SessionKind::Realtime);
const BETA: (Dialect, SessionKind) = (Dialect::Beta, SessionKind::Realtime);
const CAPTIONS: (Dialect, SessionKind) = (Dialect::Ga, SessionKind::Transcription);

#[expect(clippy::needless_pass_by_value, reason = "so that literals need no ampersand")]
fn accept((dialect, kind): (Dialect, SessionKind), event: Value) {
    let text = event.to_string();
    assert_eq!(check(dialect, kind, &text).map_err(|rejected| rejected.error).err(), None, "{text}");
}

/// Returns the event as decoded after the check.
#[expect(clippy::needless_pass_by_value, reason = "so that literals need no ampersand")]
fn checked((dialect, kind): (Dialect, SessionKind), event: Value) -> Value {
    let text = event.to_string();
    serde_json::from_str(&check(dialect, kind, &text).unwrap()).unwrap()
}

#[expect(clippy::needless_pass_by_value, reason = "so that literals need no ampersand")]
fn reject((dialect, kind): (Dialect, SessionKind), event: Value, expected: (&str, Option<&str>)) -> String {
    let text = event.to_string();
    let error = check(dialect, kind, &text).unwrap_err().error;
    assert_eq!((error.code.unwrap(), error.param.as_deref()), expected, "{text}: {}", error.message);
    error.message
}

#[expect(clippy::needless_pass_by_value, reason = "so that literals need no ampersand")]
fn update(session: Value) -> Value {
    json!({ "type": "session.update", "session": session })
}

#[test]
fn a_full_ga_session_is_accepted() {
    accept(
        GA,
        update(json!({
            "type": "realtime", "model": "gpt-realtime-2", "instructions": "", "output_modalities": ["audio"],
            "audio": {
                "input": {
                    "format": { "type": "audio/pcm", "rate": 24000 },
                    "noise_reduction": { "type": "near_field", "strength": 1 },
                    "transcription": { "model": "gpt-transcribe", "languages": ["de"], "keywords": ["rtvoice"] },
                    "turn_detection": { "type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300,
                        "silence_duration_ms": 500, "idle_timeout_ms": 6000, "create_response": true,
                        "interrupt_response": true } },
                "output": { "format": { "type": "audio/pcmu" }, "voice": { "id": "voice_1" }, "speed": 1.25 } },
            "tools": [{ "type": "function", "name": "f", "parameters": { "type": "object" } }],
            "tool_choice": { "type": "function", "name": "f" }, "max_output_tokens": "inf",
            "truncation": { "type": "retention_ratio", "retention_ratio": 0.8 }, "tracing": null,
            "reasoning": { "effort": "low" }, "include": null
        })),
    );
}

#[test]
fn a_full_beta_session_is_accepted() {
    accept(
        BETA,
        update(json!({
            "modalities": ["text", "audio"], "voice": "alloy", "input_audio_format": "pcm16",
            "output_audio_format": "g711_alaw", "input_audio_transcription": { "model": "whisper-1" },
            "turn_detection": { "type": "semantic_vad", "eagerness": "low" }, "temperature": 0.8,
            "max_response_output_tokens": 4096, "tool_choice": "auto", "tools": []
        })),
    );
}

#[test]
fn invalid_fields_are_named_with_their_documented_code() {
    let format =
        |format: Value| update(json!({ "type": "realtime", "audio": { "output": { "format": format } } }));
    let vad =
        |vad: Value| update(json!({ "type": "realtime", "audio": { "input": { "turn_detection": vad } } }));
    let param = "session.audio.output.format.rate";
    let cases = [
        (json!({ "type": "boom" }), ("invalid_value", Some("type"))),
        (json!({ "event_id": "e" }), ("missing_required_parameter", Some("type"))),
        (update(json!({})), ("missing_required_parameter", Some("session.type"))),
        (
            update(json!({ "type": "realtime", "bogus_field": 1 })),
            ("unknown_parameter", Some("session.bogus_field")),
        ),
        (
            update(json!({ "type": "realtime", "temperature": 0.8 })),
            ("unknown_parameter", Some("session.temperature")),
        ),
        (update(json!({ "type": "transcription" })), ("invalid_value", Some("session.type"))),
        (
            update(json!({ "type": "realtime", "output_modalities": ["audio", "text"] })),
            ("invalid_value", Some("session.output_modalities")),
        ),
        (format(json!({ "type": "audio/pcm" })), ("missing_required_parameter", Some(param))),
        (format(json!({ "type": "audio/pcm", "rate": 16000 })), ("integer_below_min_value", Some(param))),
        (format(json!({ "type": "audio/pcm", "rate": 48000 })), ("invalid_value", Some(param))),
        (
            vad(json!({ "type": "server_vad", "threshold": 2 })),
            ("invalid_value", Some("session.audio.input.turn_detection.threshold")),
        ),
        (
            vad(json!({ "type": "server_vad", "idle_timeout_ms": 100 })),
            ("integer_below_min_value", Some("session.audio.input.turn_detection.idle_timeout_ms")),
        ),
        (json!({ "type": "input_audio_buffer.append" }), ("missing_required_parameter", Some("audio"))),
        (json!({ "type": "input_audio_buffer.append", "audio": "?" }), ("invalid_value", Some("audio"))),
        (
            json!({ "type": "response.create", "response": { "voice": "x" } }),
            ("unknown_parameter", Some("response.voice")),
        ),
    ];
    for (event, expected) in cases {
        reject(GA, event, expected);
    }
}

#[test]
fn messages_match_the_real_server() {
    let message = reject(
        GA,
        update(json!({ "type": "realtime", "bogus_field": 1 })),
        ("unknown_parameter", Some("session.bogus_field")),
    );
    assert_eq!(message, "Unknown parameter: 'session.bogus_field'.");
    let message =
        reject(GA, json!({ "type": "transcription_session.update" }), ("invalid_value", Some("type")));
    assert!(
        message.contains("'transcription_session.update'") && message.contains("'response.cancel'"),
        "{message}"
    );
    let message = reject(
        GA,
        json!({ "type": "conversation.item.create", "item": { "type": "message", "role": "user", "content": [],
            "id": "i".repeat(33) } }),
        ("string_above_max_length", Some("item.id")),
    );
    assert!(
        message.starts_with("Invalid 'item.id': string too long. Expected a string with maximum length 32")
    );
    let message =
        reject(CAPTIONS, update(json!({ "type": "realtime" })), ("invalid_value", Some("session.type")));
    assert_eq!(message, "Passing a realtime session update event to a transcription session is not allowed.");
}

#[test]
fn items_have_the_parts_of_their_role() {
    let item = |role: &str, part: Value| {
        json!({ "type": "conversation.item.create", "previous_item_id": "root",
            "item": { "type": "message", "role": role, "content": [part] } })
    };
    accept(GA, item("user", json!({ "type": "input_text", "text": "hi" })));
    accept(GA, item("assistant", json!({ "type": "output_text", "text": "hi" })));
    accept(BETA, item("assistant", json!({ "type": "text", "text": "hi" })));
    let part = |path| Some(path);
    reject(
        GA,
        item("assistant", json!({ "type": "text", "text": "hi" })),
        ("invalid_value", part("item.content[0].type")),
    );
    reject(
        BETA,
        item("assistant", json!({ "type": "output_text", "text": "hi" })),
        ("invalid_value", part("item.content[0].type")),
    );
    reject(
        GA,
        item("assistant", json!({ "type": "output_audio", "transcript": "hi" })),
        ("missing_required_parameter", part("item.content[0].text")),
    );
    reject(GA, item("robot", json!({})), ("invalid_value", part("item.role")));
}

#[test]
fn invalid_events_are_distinguished() {
    let code = |text| check(Dialect::Ga, SessionKind::Realtime, text).unwrap_err().error.code;
    assert_eq!(code("{"), Some("invalid_json"));
    assert_eq!(code("[]"), Some("invalid_event"));
}

#[test]
fn an_error_keeps_the_clients_event_id() {
    let text = json!({ "type": "boom", "event_id": "mine" }).to_string();
    let rejected = check(Dialect::Ga, SessionKind::Realtime, &text).unwrap_err();
    assert_eq!(rejected.event_id.as_deref(), Some("mine"));
}

#[test]
fn null_for_an_optional_field_means_absent() {
    let text = json!({ "type": "input_text", "text": "hi" });
    let cases = [
        (GA, json!({ "type": "response.create" }), json!({ "response": null, "event_id": null })),
        (
            GA,
            json!({ "type": "response.create", "response": { "metadata": {} } }),
            json!({ "response": { "instructions": null, "output_modalities": null, "audio": null, "tools": null,
                "tool_choice": null, "parallel_tool_calls": null, "reasoning": null, "max_output_tokens": null,
                "conversation": null, "input": null } }),
        ),
        (
            BETA,
            json!({ "type": "response.create", "response": {} }),
            json!({ "response": { "instructions": null, "modalities": null, "voice": null, "temperature": null,
                "output_audio_format": null, "tools": null, "tool_choice": null, "max_output_tokens": null } }),
        ),
        (
            GA,
            json!({ "type": "conversation.item.create",
                "item": { "type": "message", "role": "user", "content": [text] } }),
            json!({ "event_id": null, "item": { "id": null, "object": null, "status": null } }),
        ),
        (
            GA,
            update(json!({ "type": "realtime", "audio": { "input": {}, "output": {} } })),
            json!({ "session": { "model": null, "instructions": null, "output_modalities": null,
                "max_output_tokens": null, "tools": null, "tool_choice": null, "reasoning": null,
                "truncation": null, "parallel_tool_calls": null,
                "audio": { "input": { "format": null }, "output": { "format": null, "voice": null,
                    "speed": null } } } }),
        ),
        (GA, json!({ "type": "response.cancel" }), json!({ "response_id": null })),
        (CAPTIONS, update(json!({ "type": "transcription" })), json!({ "session": { "audio": null } })),
    ];
    for (to, plain, nulls) in cases {
        let mut event = plain.clone();
        merge(&mut event, &nulls);
        assert_ne!(event, plain);
        assert_eq!(checked(to, event), plain);
    }
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name.as_str()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

#[test]
fn a_meaningful_null_is_kept() {
    for (to, event) in [
        (
            GA,
            update(json!({ "type": "realtime", "tracing": null, "prompt": null, "include": null,
                "audio": { "input": { "turn_detection": null, "transcription": null, "noise_reduction": null } } })),
        ),
        (
            GA,
            update(json!({ "type": "realtime", "audio": { "input": { "turn_detection":
                { "type": "server_vad", "idle_timeout_ms": null } } } })),
        ),
        (
            BETA,
            update(json!({ "turn_detection": null, "input_audio_transcription": null,
                "input_audio_noise_reduction": null })),
        ),
    ] {
        assert_eq!(checked(to, event.clone()), event);
    }
}

#[test]
fn null_for_a_field_of_a_sibling_variant_means_absent() {
    let part = json!({ "type": "input_text", "text": "hi" });
    let mut wide = part.clone();
    merge(&mut wide, &json!({ "audio": null, "transcript": null, "image_url": null, "detail": null }));
    let item = |part: Value, more: Value| {
        let mut item = json!({ "type": "message", "role": "user", "content": [part] });
        merge(&mut item, &more);
        json!({ "type": "conversation.item.create", "item": item })
    };
    let nulls = json!({ "call_id": null, "name": null, "arguments": null, "output": null });
    assert_eq!(checked(GA, item(wide, nulls)), item(part, json!({})));
}

#[test]
fn null_for_a_required_or_unknown_field_is_rejected() {
    reject(
        GA,
        json!({ "type": "input_audio_buffer.append", "audio": null }),
        ("invalid_value", Some("audio")),
    );
    reject(
        GA,
        update(json!({ "type": "realtime", "bogus": null })),
        ("unknown_parameter", Some("session.bogus")),
    );
    let call = json!({ "type": "function_call_output", "call_id": null, "output": "" });
    reject(
        GA,
        json!({ "type": "conversation.item.create", "item": call }),
        ("invalid_value", Some("item.call_id")),
    );
}

#[test]
fn an_append_of_15_mib_is_accepted_and_one_more_byte_is_rejected() {
    let append = |bytes: usize| json!({ "type": "input_audio_buffer.append", "audio": STANDARD.encode(vec![0; bytes]) });
    accept(GA, append(MAX_AUDIO_BYTES));
    accept(BETA, append(MAX_AUDIO_BYTES));
    reject(GA, append(MAX_AUDIO_BYTES + 1), ("string_above_max_length", Some("audio")));
}
