//! Fixtures written from the specification, at least one per event and dialect.

use serde_json::Value;

use crate::dsp::frame::SampleRate;
use crate::protocol::decode;
use crate::protocol::dialect::Dialect;
use crate::protocol::encode;
use crate::protocol::events::client::{ClientBody, ClientEvent};
use crate::protocol::events::item::{ContentPart, ItemBody, ItemStatus, Role};
use crate::protocol::events::response::{ResponseStatus, TokenDetails};
use crate::protocol::events::server::{ServerBody, ServerEvent, TranscriptionUsage};
use crate::protocol::settings::{
    AudioFormat, Eagerness, Modality, NoiseReductionKind, ReasoningEffort, SessionKind, SessionSettings,
    TokenLimit, Tool, ToolChoice, TurnMethod, Voice,
};
use crate::protocol::value::FieldUpdate;

pub(super) const GA_CLIENT: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/protocol/ga.client.jsonl"));
pub(super) const BETA_CLIENT: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/protocol/beta.client.jsonl"));
pub(super) const GA_SERVER: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/protocol/ga.server.jsonl"));
pub(super) const BETA_SERVER: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/protocol/beta.server.jsonl"));
const GA_CAPTURED: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/protocol/captured.ga.jsonl"));
const BETA_CAPTURED: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/protocol/captured.beta.jsonl"));
const EXAMPLES: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/protocol/examples.jsonl"));

pub(super) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn client_events(fixture: &str) -> Vec<ClientEvent> {
    fixture.lines().map(|line| decode::client_event(line).unwrap()).collect()
}

fn server_events(fixture: &str) -> Vec<ServerEvent> {
    fixture.lines().map(|line| decode::server_event(line).unwrap()).collect()
}

/// Returns the first event that matches.
fn server_event(fixture: &str, wanted: impl Fn(&ServerBody) -> bool) -> ServerEvent {
    server_events(fixture).into_iter().find(|event| wanted(&event.body)).unwrap()
}

fn settings_of(fixture: &str, event_id: &str) -> SessionSettings {
    let event = client_events(fixture).into_iter().find(|event| event.event_id.as_deref() == Some(event_id));
    match event.unwrap().body {
        ClientBody::SessionUpdate(settings) => *settings,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_client_event_of_the_specification_round_trips() {
    for (fixture, dialect) in [(GA_CLIENT, Dialect::Ga), (BETA_CLIENT, Dialect::Beta)] {
        for line in fixture.lines() {
            let (event, rest) = decode::client_event_with_unknown(line).unwrap();
            assert!(!matches!(event.body, ClientBody::Unknown { .. }), "{line}");
            assert!(rest.is_empty(), "{rest:?} of {line}");
            assert_eq!(json(&encode::client_event(&event, dialect)), json(line), "{event:?}");
        }
    }
}

#[test]
fn every_server_event_of_the_specification_round_trips() {
    for (fixture, dialect) in [(GA_SERVER, Dialect::Ga), (BETA_SERVER, Dialect::Beta)] {
        for line in fixture.lines() {
            let event = decode::server_event(line).unwrap();
            assert!(!matches!(event.body, ServerBody::Unknown { .. }), "{line}");
            assert_eq!(json(&encode::server_event(&event, dialect)), json(line), "{event:?}");
        }
    }
}

#[test]
fn captured_frames_are_decoded_without_loss() {
    for (fixture, dialect) in [(GA_CAPTURED, Dialect::Ga), (BETA_CAPTURED, Dialect::Beta)] {
        for line in fixture.lines() {
            let event = decode::server_event(line).unwrap();
            assert!(!matches!(event.body, ServerBody::Unknown { .. }), "{line}");
            let again = decode::server_event(&encode::server_event(&event, dialect)).unwrap();
            assert_eq!(again, event, "{line}");
        }
    }
}

#[test]
fn each_reference_example_belongs_to_one_side() {
    for line in EXAMPLES.lines() {
        let server = decode::server_event(line).unwrap();
        let client = decode::client_event(line).unwrap();
        let by_server = !matches!(server.body, ServerBody::Unknown { .. });
        let by_client = !matches!(client.body, ClientBody::Unknown { .. });
        assert!(by_server != by_client, "{line}");
        for dialect in [Dialect::Ga, Dialect::Beta] {
            let text = encode::server_event(&server, dialect);
            assert_eq!(
                json(&encode::server_event(&decode::server_event(&text).unwrap(), dialect)),
                json(&text)
            );
            let text = encode::client_event(&client, dialect);
            assert_eq!(
                json(&encode::client_event(&decode::client_event(&text).unwrap(), dialect)),
                json(&text)
            );
        }
    }
}

#[test]
fn only_fields_unknown_to_an_event_remain() {
    let known = ["obfuscation"];
    for line in
        [GA_SERVER, BETA_SERVER, GA_CAPTURED, BETA_CAPTURED].iter().flat_map(|fixture| fixture.lines())
    {
        let event = decode::server_event(line).unwrap();
        let left: Vec<_> = event.unknown.keys().filter(|key| !known.contains(&key.as_str())).collect();
        assert!(left.is_empty(), "{left:?} of {line}");
    }
}

#[test]
fn a_ga_session_update_is_read_into_all_its_settings() {
    let settings = settings_of(GA_CLIENT, "event_s1");
    assert_eq!(settings.kind, SessionKind::Realtime);
    assert_eq!(settings.output, Some(Modality::Audio));
    assert_eq!(settings.input_format, Some(AudioFormat::PCM24K));
    assert_eq!(settings.voice, Some(Voice::Named("marin".to_owned())));
    assert_eq!(settings.speed, Some(1.25));
    assert_eq!(settings.reasoning_effort, Some(ReasoningEffort::Low));
    assert_eq!(settings.max_output_tokens, Some(TokenLimit::Tokens(4096)));
    assert_eq!(settings.tool_choice, Some(ToolChoice::Function("get_weather".to_owned())));
    assert!(matches!(settings.tools.as_deref(), Some([Tool::Function { .. }, Tool::Other(_)])));
    let reduction = settings.noise_reduction.get().unwrap();
    assert_eq!((&reduction.kind, reduction.strength), (&NoiseReductionKind::NearField, Some(0.5)));
    let captions = settings.transcription.get().unwrap();
    assert_eq!(captions.languages, ["de", "en"]);
    assert_eq!(captions.keywords, ["rtvoice"]);
    let turns = settings.turn_detection.get().unwrap();
    assert_eq!((turns.create_response, turns.interrupt_response), (Some(true), Some(true)));
    assert_eq!(
        turns.method,
        TurnMethod::ServerVad {
            threshold: Some(0.5),
            prefix_padding_ms: Some(300),
            silence_duration_ms: Some(500),
            idle_timeout_ms: FieldUpdate::Set(6000),
        }
    );
}

#[test]
fn null_clears_and_absence_keeps() {
    for (fixture, id) in [(GA_CLIENT, "event_s2"), (BETA_CLIENT, "event_124")] {
        let settings = settings_of(fixture, id);
        assert_eq!(settings.turn_detection, FieldUpdate::Clear);
        assert_eq!(settings.transcription, FieldUpdate::Clear);
        assert_eq!(settings.noise_reduction, FieldUpdate::Clear);
        assert_eq!(settings.include, FieldUpdate::Keep);
        assert_eq!(settings.instructions.as_deref(), Some(""));
        assert_eq!(settings.tools, Some(vec![]));
        assert_eq!(settings.input_format, Some(AudioFormat::Ulaw));
        assert_eq!(settings.output_format, Some(AudioFormat::Alaw));
    }
}

#[test]
fn semantic_turn_detection_has_its_eagerness() {
    for (fixture, id, expected) in
        [(GA_CLIENT, "event_s3", Eagerness::High), (BETA_CLIENT, "event_125", Eagerness::Auto)]
    {
        let settings = settings_of(fixture, id);
        let method = &settings.turn_detection.get().unwrap().method;
        assert_eq!(method, &TurnMethod::SemanticVad { eagerness: Some(expected) });
    }
}

#[test]
fn a_transcription_session_is_one_in_both_dialects() {
    for (fixture, id) in [(GA_CLIENT, "event_s5"), (BETA_CLIENT, "event_t1")] {
        assert_eq!(settings_of(fixture, id).kind, SessionKind::Transcription);
    }
    let is_transcription = |body: &ServerBody| match body {
        ServerBody::SessionCreated(info) => info.settings.kind == SessionKind::Transcription,
        _ => false,
    };
    for fixture in [GA_SERVER, BETA_SERVER] {
        server_event(fixture, is_transcription);
    }
}

#[test]
fn a_session_shows_its_dialect_and_effective_settings() {
    for (fixture, shape) in [(GA_SERVER, Dialect::Ga), (BETA_SERVER, Dialect::Beta)] {
        let event = server_event(fixture, |body| matches!(body, ServerBody::SessionCreated(_)));
        let ServerBody::SessionCreated(info) = event.body else { panic!() };
        assert_eq!(info.shape, Some(shape));
        assert_eq!(info.id.as_deref(), Some("sess_001"));
        assert!(info.expires_at.is_some());
        assert_eq!(info.settings.input_format, Some(AudioFormat::Pcm(SampleRate(24_000))));
        assert_eq!(info.settings.output_format, Some(AudioFormat::PCM24K));
        assert_eq!(info.settings.output, Some(Modality::Audio));
        assert_eq!(info.settings.voice, Some(Voice::Named("alloy".to_owned())));
        assert_eq!(info.settings.max_output_tokens, Some(TokenLimit::Unlimited));
        assert_eq!(info.settings.tool_choice, Some(ToolChoice::Auto));
        let turns = info.settings.turn_detection.get().unwrap();
        assert!(matches!(turns.method, TurnMethod::ServerVad { silence_duration_ms: Some(200), .. }));
    }
}

#[test]
fn audio_is_decoded_with_its_position() {
    for fixture in [GA_SERVER, BETA_SERVER] {
        let event = server_event(fixture, |body| matches!(body, ServerBody::AudioDelta { .. }));
        let ServerBody::AudioDelta { place, delta } = event.body else { panic!() };
        assert_eq!(delta, [0, 0, 255, 127, 0, 128][..]);
        assert_eq!(place.response_id.as_deref(), Some("resp_001"));
        assert_eq!(place.item_id.as_deref(), Some("msg_007"));
        assert_eq!((place.output_index, place.content_index), (Some(0), Some(0)));
    }
    for fixture in [GA_CLIENT, BETA_CLIENT] {
        let audio_bytes = client_events(fixture).into_iter().find_map(|event| match event.body {
            ClientBody::AudioAppend(audio_bytes) => Some(audio_bytes),
            _ => None,
        });
        assert_eq!(audio_bytes.unwrap(), [0, 0, 255, 127, 0, 128]);
    }
}

#[test]
fn a_done_response_has_its_output_and_usage() {
    for fixture in [GA_SERVER, BETA_SERVER] {
        let event = server_event(fixture, |body| matches!(body, ServerBody::ResponseDone(_)));
        let ServerBody::ResponseDone(response) = event.body else { panic!() };
        assert_eq!(response.status, Some(ResponseStatus::Completed));
        let [said, call] = response.output.as_slice() else { panic!("{:?}", response.output) };
        assert_eq!(said.status, Some(ItemStatus::Completed));
        let ItemBody::Message { role: Role::Assistant, content } = &said.body else { panic!() };
        let audio_part = ContentPart::Audio { audio: None, transcript: Some("Loud and clear!".to_owned()) };
        assert_eq!(content, &[audio_part]);
        assert!(
            matches!(&call.body, ItemBody::FunctionCall { name: Some(name), .. } if name == "get_weather")
        );
        let usage = response.usage.unwrap();
        assert_eq!(usage.total_tokens, Some(1289));
        assert_eq!(usage.cached_tokens, Some(960));
        assert_eq!(usage.cached.text, Some(960));
        assert_eq!(usage.output, TokenDetails { text: Some(61), audio: Some(244), image: None });
        assert!(usage.unknown.is_empty());
    }
}

#[test]
fn an_incomplete_response_has_a_reason() {
    for fixture in [GA_SERVER, BETA_SERVER] {
        let details: Vec<_> = server_events(fixture)
            .into_iter()
            .filter_map(|event| match event.body {
                ServerBody::ResponseDone(response) => response.details,
                _ => None,
            })
            .collect();
        let reasons: Vec<_> = details.iter().map(|details| details.reason.as_deref()).collect();
        assert_eq!(reasons, [Some("turn_detected"), Some("max_output_tokens"), None]);
        let error = details[2].error.as_ref().unwrap();
        assert_eq!(error.code.as_deref(), Some("rate_limit_exceeded"));
    }
}

#[test]
fn a_transcription_is_billed_by_tokens_or_by_time() {
    let usages: Vec<_> = server_events(GA_SERVER)
        .into_iter()
        .filter_map(|event| match event.body {
            ServerBody::TranscriptionCompleted { usage, .. } => usage,
            _ => None,
        })
        .collect();
    let [TranscriptionUsage::Tokens(tokens), TranscriptionUsage::Duration(seconds)] = usages.as_slice()
    else {
        panic!("{usages:?}")
    };
    assert_eq!((tokens.input.audio, tokens.output_tokens), (Some(13), Some(9)));
    assert_eq!(*seconds, 3.0);
}
