//! Deviations of other servers, and text that is not an event.
#![expect(clippy::needless_pass_by_value, reason = "events are written where they are used")]

use serde_json::{Value, json};

use crate::dsp::frame::SampleRate;
use crate::protocol::decode;
use crate::protocol::decode::error::DecodeError;
use crate::protocol::dialect::Dialect;
use crate::protocol::encode;
use crate::protocol::events::client::ClientBody;
use crate::protocol::events::error::ErrorInfo;
use crate::protocol::events::item::{ContentPart, ItemBody};
use crate::protocol::events::server::{ContentLocation, ServerBody, ServerEvent, TranscriptionUsage};
use crate::protocol::settings::{AudioFormat, SessionInfo, SessionKind, ToolChoice, TurnMethod, Voice};
use crate::protocol::value::FieldUpdate;

fn server(event: Value) -> ServerEvent {
    decode::server_event(&event.to_string()).unwrap()
}

fn error(event: Value) -> ErrorInfo {
    match server(event).body {
        ServerBody::Error(error) => error,
        other => panic!("{other:?}"),
    }
}

fn session(session: Value) -> SessionInfo {
    match server(json!({"type": "session.created", "session": session})).body {
        ServerBody::SessionCreated(info) => *info,
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_an_object_with_a_string_type_is_an_event() {
    for text in ["", "{", "nonsense", "{} {}", "\u{0}", &format!("{{\"a\":{}", "[".repeat(10_000))] {
        assert!(matches!(decode::server_event(text), Err(DecodeError::NotJson(_))), "{text:.20}");
    }
    for text in ["[]", "1", "null", "\"type\"", "true"] {
        assert!(matches!(decode::server_event(text), Err(DecodeError::NotAnObject)), "{text}");
        assert!(matches!(decode::client_event(text), Err(DecodeError::NotAnObject)), "{text}");
    }
    for text in ["{}", "{\"type\":null}", "{\"type\":1}", "{\"event_id\":\"a\"}"] {
        assert!(matches!(decode::server_event(text), Err(DecodeError::NoType)), "{text}");
    }
}

#[test]
fn an_error_is_an_object_a_string_or_flat_fields() {
    let whole = error(json!({"type": "error", "error": {"message": "no"}}));
    assert_eq!((whole.message.as_deref(), whole.code), (Some("no"), None));
    let text = error(json!({"type": "error", "error": "no", "code": "bad"}));
    assert_eq!((text.message.as_deref(), text.code.as_deref()), (Some("no"), Some("bad")));
    let flat = error(json!({"type": "error", "message": "no", "code": "bad", "param": "p"}));
    assert_eq!(flat.message.as_deref(), Some("no"));
    assert_eq!((flat.code.as_deref(), flat.param.as_deref()), (Some("bad"), Some("p")));
    let odd = server(json!({"type": "error", "error": [1], "code": 429}));
    assert_eq!(odd.body, ServerBody::Error(ErrorInfo::default()));
    assert_eq!(Value::Object(odd.unknown), json!({"error": [1], "code": 429}));
}

#[test]
fn an_unknown_field_of_an_error_is_kept() {
    let error = error(json!({"type": "error", "error": {"type": "x", "code": 500, "detail": "d"}}));
    assert_eq!(error.kind.as_deref(), Some("x"));
    assert_eq!(Value::Object(error.unknown), json!({"code": 500, "detail": "d"}));
}

#[test]
fn an_unknown_event_keeps_its_name_and_its_fields() {
    for event in [
        json!({"type": "localai.status", "state": "loading", "delta": "x"}),
        json!({"type": "response.cancelled", "response_id": "r"}),
        json!({"type": "transcription.delta", "delta": "Hello"}),
        json!({"type": "", "audio": [1]}),
    ] {
        let read = server(event.clone());
        assert!(matches!(&read.body, ServerBody::Unknown { name, .. } if event["type"] == *name));
        let text_part = encode::server_event(&read, Dialect::Ga);
        assert_eq!(serde_json::from_str::<Value>(&text_part).unwrap(), event);
    }
}

#[test]
fn invalid_base64_is_kept_and_gives_an_empty_delta() {
    for delta in [json!("not base64!"), json!(5), json!(["AAAA"]), json!({"a": "b"})] {
        let event = server(json!({"type": "response.output_audio.delta", "item_id": "i", "delta": delta}));
        let place = ContentLocation { item_id: Some("i".to_owned()), ..ContentLocation::default() };
        assert_eq!(event.body, ServerBody::AudioDelta { place, delta: vec![] });
        assert_eq!(event.unknown.get("delta"), Some(&delta));
        let again = decode::server_event(&encode::server_event(&event, Dialect::Beta)).unwrap();
        assert_eq!(again, event);
    }
}

#[test]
fn audio_is_read_without_padding_and_with_escaped_slashes() {
    for delta in ["\"//8\"", "\"\\/\\/8=\"", "\"__8\"", "\"\\u002f/8=\""] {
        let text = format!("{{\"delta\":{delta},\"type\":\"response.audio.delta\"}}");
        let ServerBody::AudioDelta { delta, .. } = decode::server_event(&text).unwrap().body else {
            panic!()
        };
        assert_eq!(delta, [0xff, 0xff], "{text}");
    }
}

#[test]
fn a_lone_surrogate_does_not_lose_the_event() {
    let text = r#"{"type":"response.text.delta","delta":"\ud83d","item_id":"\ud83d\ude00"}"#;
    let ServerBody::TextDelta { place, delta } = decode::server_event(text).unwrap().body else { panic!() };
    assert_eq!((delta.as_str(), place.item_id.as_deref()), ("\u{fffd}", Some("\u{1f600}")));
}

#[test]
fn the_last_of_duplicate_keys_counts() {
    let text = r#"{"type":"response.audio.delta","delta":"AAAA","delta":1,"delta":"//8="}"#;
    let event = decode::server_event(text).unwrap();
    assert_eq!(
        event.body,
        ServerBody::AudioDelta { place: ContentLocation::default(), delta: vec![0xff, 0xff] }
    );
    assert!(event.unknown.is_empty());
}

#[test]
fn text_deltas_are_read_under_the_names_of_both_dialects() {
    for name in ["response.text.delta", "response.output_text.delta"] {
        let event = server(json!({"type": name, "delta": "Hi"}));
        assert_eq!(
            event.body,
            ServerBody::TextDelta { place: ContentLocation::default(), delta: "Hi".to_owned() }
        );
    }
}

#[test]
fn the_kind_of_a_part_is_read_in_four_spellings() {
    let part = |kind: &str| {
        let part = json!({"type": kind, "text": "t", "transcript": "s", "format": "pcm16"});
        let event = server(json!({"type": "response.content_part.done", "part": part}));
        match event.body {
            ServerBody::ContentPartDone { part, .. } => (part, Value::Object(event.unknown)),
            other => panic!("{other:?}"),
        }
    };
    for kind in ["text", "output_text"] {
        let rest = json!({"part": {"transcript": "s", "format": "pcm16"}});
        assert_eq!(part(kind), (ContentPart::Text("t".to_owned()), rest));
    }
    for kind in ["audio", "output_audio"] {
        let rest = json!({"part": {"text": "t", "format": "pcm16"}});
        assert_eq!(part(kind), (ContentPart::Audio { audio: None, transcript: Some("s".to_owned()) }, rest));
    }
    assert!(matches!(part("video"), (ContentPart::Other(fields), _) if fields["type"] == "video"));
}

#[test]
fn unknown_parts_and_fields_of_an_item_round_trip() {
    let item = json!({
        "id": "i", "type": "message", "role": "assistant", "phase": "commentary", "status": "completed",
        "content": [{"type": "output_text", "text": "a", "annotations": []}, {"type": "refusal", "refusal": "no"}],
    });
    let event = json!({"type": "conversation.item.done", "previous_item_id": null, "item": item});
    let read = server(event.clone());
    let ServerBody::ItemDone { item, .. } = &read.body else { panic!() };
    assert!(matches!(&item.body, ItemBody::Message { content, .. } if content.len() == 2));
    assert_eq!(item.unknown["phase"], "commentary");
    let text_part = encode::server_event(&read, Dialect::Ga);
    assert_eq!(serde_json::from_str::<Value>(&text_part).unwrap(), event);
}

#[test]
fn a_mixed_session_is_read_from_both_shapes() {
    let info = session(json!({
        "id": "s", "voice": "Ara", "turn_detection": {"type": "server_vad", "threshold": 0.85},
        "audio": {"input": {"format": {"type": "audio/pcm", "rate": 16000}}, "output": {"format": {"type": "audio/pcmu"}}},
    }));
    assert_eq!(info.shape, Some(Dialect::Ga));
    assert_eq!(info.settings.voice, Some(Voice::Named("Ara".to_owned())));
    assert_eq!(info.settings.input_format, Some(AudioFormat::Pcm(SampleRate(16_000))));
    assert_eq!(info.settings.output_format, Some(AudioFormat::Ulaw));
    let turns = info.settings.turn_detection.get().unwrap();
    assert!(matches!(turns.method, TurnMethod::ServerVad { threshold: Some(0.85), .. }));
    assert!(info.unknown.is_empty());
}

#[test]
fn settings_of_unexpected_types_stay_where_they_were() {
    let strange = json!({
        "type": "translation", "voice": 5, "speed": "fast", "tools": "none", "max_output_tokens": "many",
        "audio": {"input": {"format": {"type": "audio/pcm", "rate": 0}, "turn_detection": "off", "gain": 2}},
    });
    let info = session(strange.clone());
    assert_eq!(info.settings.voice, None);
    assert_eq!(info.settings.input_format, Some(AudioFormat::PCM24K));
    assert_eq!(info.settings.turn_detection, FieldUpdate::Keep);
    let mut expected = strange;
    expected["audio"]["input"]["format"].as_object_mut().unwrap().remove("type");
    assert_eq!(Value::Object(info.unknown), expected);
}

#[test]
fn formats_of_other_servers_are_kept_by_name() {
    let info = session(json!({"input_audio_format": "opus", "output_audio_format": "pcm24"}));
    assert_eq!(info.shape, Some(Dialect::Beta));
    assert_eq!(info.settings.input_format, Some(AudioFormat::Other("opus".to_owned())));
    assert_eq!(info.settings.output_format, Some(AudioFormat::PCM24K));
    let info = session(json!({"input_audio_format": "pcm"}));
    assert_eq!(info.settings.input_format, Some(AudioFormat::BarePcm(SampleRate::HZ_24000)));
}

#[test]
fn a_session_object_can_name_the_transcription_kind() {
    let info = session(json!({"object": "realtime.transcription_session", "id": "s"}));
    assert_eq!((info.settings.kind, info.shape), (SessionKind::Transcription, None));
}

#[test]
fn a_mistyped_or_missing_session_is_an_empty_one() {
    for session in [json!(null), json!("s"), json!([])] {
        let event = server(json!({"type": "session.created", "session": session}));
        assert_eq!(event.body, ServerBody::SessionCreated(Box::default()));
    }
}

#[test]
fn usage_may_be_null_or_absent_or_partial() {
    let usage = |response: Value| match server(json!({"type": "response.done", "response": response})).body {
        ServerBody::ResponseDone(response) => response.usage,
        other => panic!("{other:?}"),
    };
    assert_eq!(usage(json!({"usage": null})), None);
    assert_eq!(usage(json!({})), None);
    let partial =
        usage(json!({"usage": {"total_tokens": 3, "input_token_details": null, "cost": 1}})).unwrap();
    assert_eq!((partial.total_tokens, partial.input_tokens), (Some(3), None));
    assert_eq!(Value::Object(partial.unknown), json!({"cost": 1}));
}

#[test]
fn a_transcription_may_be_billed_in_another_way() {
    let usage = json!({"type": "credits", "credits": 2});
    let event = json!({"type": "conversation.item.input_audio_transcription.completed", "usage": usage});
    let ServerBody::TranscriptionCompleted { item_id, transcript, usage: read, .. } = server(event).body
    else {
        panic!()
    };
    assert_eq!((item_id.as_str(), transcript.as_str()), ("", ""));
    assert_eq!(read, Some(TranscriptionUsage::Other(usage)));
}

#[test]
fn milliseconds_may_have_a_fraction_but_no_sign() {
    let start = |ms: Value| match server(
        json!({"type": "input_audio_buffer.speech_started", "audio_start_ms": ms}),
    ) {
        ServerEvent { body: ServerBody::SpeechStarted { audio_start_ms, .. }, unknown, .. } => {
            (audio_start_ms, unknown.contains_key("audio_start_ms"))
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(start(json!(1234.9)), (Some(1234), false));
    assert_eq!(start(json!(-5)), (None, true));
    assert_eq!(start(json!(1e300)), (None, true));
    assert_eq!(start(json!("5")), (None, true));
}

#[test]
fn a_function_is_chosen_by_an_object_or_its_name() {
    let choice = |choice: Value| session(json!({"tool_choice": choice})).settings.tool_choice;
    let weather = Some(ToolChoice::Function("weather".to_owned()));
    assert_eq!(choice(json!("weather")), weather);
    assert_eq!(choice(json!({"type": "function", "name": "weather"})), weather);
    assert_eq!(choice(json!("none")), Some(ToolChoice::None));
    let odd = json!({"type": "function", "function": {"name": "weather"}});
    assert_eq!(choice(odd.clone()), Some(ToolChoice::Other(odd)));
}

#[test]
fn unknown_client_fields_are_returned_in_place() {
    let event = json!({
        "type": "session.update", "extra": 1,
        "session": {"type": "realtime", "bogus_field": 1, "audio": {"input": {"gain": 2}, "output": {"voice": "ash"}}},
    });
    let (event, rest) = decode::client_event_with_unknown(&event.to_string()).unwrap();
    assert!(matches!(event.body, ClientBody::SessionUpdate(_)));
    let expected = json!({"extra": 1, "session": {"bogus_field": 1, "audio": {"input": {"gain": 2}}}});
    assert_eq!(Value::Object(rest), expected);
}

#[test]
fn a_client_event_without_a_required_field_is_unknown_under_its_name() {
    for event in [
        json!({"type": "conversation.item.truncate", "item_id": "i", "audio_end_ms": "5"}),
        json!({"type": "conversation.item.delete"}),
        json!({"type": "conversation.item.create", "previous_item_id": "p", "item": "x"}),
        json!({"type": "session.update", "session": null}),
        json!({"type": "input_audio_buffer.append"}),
    ] {
        let (read, rest) = decode::client_event_with_unknown(&event.to_string()).unwrap();
        assert!(matches!(&read.body, ClientBody::Unknown { name, .. } if event["type"] == *name), "{read:?}");
        assert!(rest.is_empty());
        assert_eq!(serde_json::from_str::<Value>(&encode::client_event(&read, Dialect::Ga)).unwrap(), event);
    }
}

#[test]
fn audio_under_an_event_name_of_the_other_side_is_unknown_and_whole() {
    let delta = json!({"type": "response.audio.delta", "delta": "AAAA"});
    let read = decode::client_event(&delta.to_string()).unwrap();
    assert!(matches!(&read.body, ClientBody::Unknown { fields, .. } if fields["delta"] == "AAAA"));
    let append = json!({"type": "input_audio_buffer.append", "audio": "AAAA"});
    let read = server(append);
    assert!(matches!(&read.body, ServerBody::Unknown { fields, .. } if fields["audio"] == "AAAA"));
}

#[test]
fn invalid_base64_of_a_client_remains_in_the_fields() {
    let text = r#"{"type":"input_audio_buffer.append","audio":"?"}"#;
    let (event, rest) = decode::client_event_with_unknown(text).unwrap();
    assert_eq!(event.body, ClientBody::AudioAppend(vec![]));
    assert_eq!(Value::Object(rest), json!({"audio": "?"}));
}
