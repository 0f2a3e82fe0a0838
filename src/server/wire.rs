//! From an event to its text (a stand-in until `protocol::write` is here).

use serde_json::{Value, json};

use crate::protocol::dialect::Dialect;
use crate::protocol::server::{ServerBody, ServerEvent};
use crate::protocol::settings::{SessionInfo, SessionKind};

pub(crate) fn event(dialect: Dialect, event: &ServerEvent) -> Value {
    let mut value = match &event.body {
        ServerBody::SessionCreated(info) => {
            json!({"type": "session.created", "session": session(dialect, info)})
        }
        ServerBody::Error(error) => json!({"type": "error", "error": {
            "type": error.kind, "code": error.code, "message": error.message, "param": error.param,
            "event_id": error.event_id }}),
        _ => json!({"type": "unknown"}),
    };
    value["event_id"] = json!(event.event_id);
    value
}

fn session(dialect: Dialect, info: &SessionInfo) -> Value {
    let vad = json!({"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 200,
        "idle_timeout_ms": null, "create_response": true, "interrupt_response": true});
    let pcm = json!({"type": "audio/pcm", "rate": 24000});
    match (dialect, info.settings.kind) {
        (Dialect::Ga, SessionKind::Realtime) => json!({
            "type": "realtime", "object": info.object, "id": info.id, "model": info.settings.model,
            "output_modalities": ["audio"], "instructions": "", "tools": [], "tool_choice": "auto",
            "max_output_tokens": "inf", "tracing": null, "truncation": "auto", "prompt": null,
            "expires_at": info.expires_at,
            "audio": {"input": {"format": pcm, "transcription": null, "noise_reduction": null, "turn_detection": vad},
                      "output": {"format": pcm, "voice": "alloy", "speed": 1.0}}, "include": null}),
        (Dialect::Ga, SessionKind::Transcription) => json!({
            "type": "transcription", "object": info.object, "id": info.id, "expires_at": info.expires_at,
            "audio": {"input": {"format": pcm, "transcription": null, "noise_reduction": null, "turn_detection": vad}},
            "include": null}),
        (Dialect::Beta, _) => json!({
            "object": info.object, "id": info.id, "model": info.settings.model, "modalities": ["audio", "text"],
            "instructions": "", "voice": "alloy", "output_audio_format": "pcm16", "tools": [], "tool_choice": "auto",
            "temperature": 0.8, "max_response_output_tokens": "inf", "turn_detection": vad, "speed": 1.0,
            "tracing": null, "truncation": "auto", "prompt": null, "expires_at": info.expires_at,
            "input_audio_noise_reduction": null, "input_audio_format": "pcm16", "input_audio_transcription": null,
            "client_secret": null, "include": null}),
    }
}
