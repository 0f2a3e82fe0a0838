//! Fields that the encoders omit or rename.

use serde_json::{Value, json};

use crate::dsp::frame::SampleRate;
use crate::protocol::dialect::Dialect;
use crate::protocol::encode;
use crate::protocol::events::client::ClientBody;
use crate::protocol::events::error::ErrorInfo;
use crate::protocol::events::item::{ContentPart, Item, ItemBody, Role};
use crate::protocol::events::response::ResponseConfig;
use crate::protocol::events::server::{ServerBody, ServerEvent};
use crate::protocol::settings::{
    AudioFormat, Modality, SessionInfo, SessionKind, SessionSettings, Tool, ToolChoice, Transcription, Voice,
};
use crate::protocol::tests::fixtures::json as parse;
use crate::protocol::tests::schema::check_client;
use crate::protocol::value::{FieldUpdate, Unknown};

fn client(body: ClientBody, dialect: Dialect) -> Value {
    parse(&encode::client_event(&body.without_id(), dialect))
}

fn server(body: ServerBody, dialect: Dialect) -> Value {
    parse(&encode::server_event(&ServerEvent { event_id: None, body, unknown: Unknown::new() }, dialect))
}

fn update(settings: SessionSettings, dialect: Dialect) -> Value {
    let event = client(ClientBody::SessionUpdate(Box::new(settings)), dialect);
    check_client(&event, dialect);
    event
}

#[test]
fn a_ga_session_always_names_its_type_and_a_beta_session_never_does() {
    let session = |kind, dialect| update(SessionSettings { kind, ..SessionSettings::default() }, dialect);
    let (realtime, transcription) = (SessionKind::Realtime, SessionKind::Transcription);
    assert_eq!(
        session(realtime, Dialect::Ga),
        json!({"type": "session.update", "session": {"type": "realtime"}})
    );
    assert_eq!(
        session(transcription, Dialect::Ga),
        json!({"type": "session.update", "session": {"type": "transcription"}})
    );
    assert_eq!(session(realtime, Dialect::Beta), json!({"type": "session.update", "session": {}}));
    assert_eq!(
        session(transcription, Dialect::Beta),
        json!({"type": "transcription_session.update", "session": {}})
    );
}

#[test]
fn a_mixed_session_is_flat_except_for_its_formats() {
    let settings = SessionSettings {
        model: Some("m".to_owned()),
        instructions: Some("i".to_owned()),
        output: Some(Modality::Audio),
        input_format: Some(AudioFormat::Pcm(SampleRate(16_000))),
        output_format: Some(AudioFormat::Alaw),
        transcription: FieldUpdate::Set(Transcription::default()),
        turn_detection: FieldUpdate::Clear,
        voice: Some(Voice::Custom("mine".to_owned())),
        tool_choice: Some(ToolChoice::Function("f".to_owned())),
        ..SessionSettings::default()
    };
    let body = ClientBody::SessionUpdate(Box::new(settings));
    let session = json!({
        "instructions": "i", "modalities": ["text", "audio"], "voice": "mine", "turn_detection": null,
        "tool_choice": "f",
        "audio": {
            "input": {"format": {"type": "audio/pcm", "rate": 16_000}},
            "output": {"format": {"type": "audio/pcma"}}
        }
    });
    assert_eq!(client(body, Dialect::Mixed), json!({"type": "session.update", "session": session}));
    let body = ClientBody::ResponseCreate(Box::default());
    assert_eq!(client(body, Dialect::Mixed), json!({"type": "response.create"}));
}

#[test]
fn a_transcription_session_has_settings_of_its_input_only() {
    let settings = SessionSettings {
        kind: SessionKind::Transcription,
        model: Some("m".to_owned()),
        instructions: Some("i".to_owned()),
        output: Some(Modality::Audio),
        voice: Some(Voice::Named("ash".to_owned())),
        tools: Some(vec![]),
        turn_detection: FieldUpdate::Clear,
        ..SessionSettings::default()
    };
    let ga = update(settings.clone(), Dialect::Ga);
    assert_eq!(ga["session"], json!({"type": "transcription", "audio": {"input": {"turn_detection": null}}}));
    assert_eq!(update(settings, Dialect::Beta)["session"], json!({"turn_detection": null}));
}

#[test]
fn a_client_clears_the_additional_outputs_with_an_empty_list_and_a_server_shows_null() {
    let settings = SessionSettings { include: FieldUpdate::Clear, ..SessionSettings::default() };
    assert_eq!(update(settings.clone(), Dialect::Ga)["session"]["include"], json!([]));
    let info = SessionInfo { settings, ..SessionInfo::default() };
    let shown = server(ServerBody::SessionUpdated(Box::new(info)), Dialect::Ga);
    assert_eq!(shown["session"].get("include"), Some(&Value::Null));
}

#[test]
fn fields_without_a_beta_form_are_omitted() {
    let settings = SessionSettings {
        voice: Some(Voice::Custom("voice_1".to_owned())),
        tools: Some(vec![Tool::Other(json!({"type": "mcp", "server_label": "docs"}))]),
        tool_choice: Some(ToolChoice::Other(json!({"type": "mcp", "server_label": "docs"}))),
        parallel_tool_calls: Some(true),
        truncation: Some(json!("auto")),
        input_format: Some(AudioFormat::Pcm(SampleRate(16_000))),
        transcription: FieldUpdate::Set(Transcription {
            keywords: vec!["rtvoice".to_owned()],
            delay: Some("low".to_owned()),
            ..Transcription::default()
        }),
        ..SessionSettings::default()
    };
    let expected = json!({
        "voice": "voice_1", "tools": [], "input_audio_format": "pcm16", "input_audio_transcription": {},
    });
    assert_eq!(update(settings, Dialect::Beta)["session"], expected);
}

#[test]
fn a_beta_function_is_chosen_by_a_string() {
    let choice = Some(ToolChoice::Function("weather".to_owned()));
    let settings = SessionSettings { tool_choice: choice.clone(), ..SessionSettings::default() };
    assert_eq!(update(settings, Dialect::Beta)["session"]["tool_choice"], "weather");
    let config = ResponseConfig { tool_choice: choice, ..ResponseConfig::default() };
    let event = client(ClientBody::ResponseCreate(Box::new(config)), Dialect::Beta);
    assert_eq!(event["response"]["tool_choice"], "weather");
}

#[test]
fn a_temperature_is_beta_only_and_must_be_finite() {
    let settings =
        SessionSettings { temperature: Some(0.7), speed: Some(f64::NAN), ..SessionSettings::default() };
    assert_eq!(update(settings.clone(), Dialect::Ga)["session"], json!({"type": "realtime"}));
    assert_eq!(update(settings, Dialect::Beta)["session"], json!({"temperature": 0.7}));
}

#[test]
fn the_kind_of_a_client_part_follows_the_role() {
    let audio_part = || ContentPart::Audio { audio: None, transcript: Some("b".to_owned()) };
    let heard = || ContentPart::InputAudio { audio: None, transcript: Some("b".to_owned()) };
    for (role, dialect, kinds) in [
        (Role::User, Dialect::Ga, ["input_text", "input_audio"]),
        (Role::User, Dialect::Beta, ["input_text", "input_audio"]),
        (Role::Assistant, Dialect::Ga, ["output_text", "output_audio"]),
        (Role::Assistant, Dialect::Beta, ["text", "audio"]),
    ] {
        for content in [
            vec![ContentPart::Text("a".to_owned()), audio_part()],
            vec![ContentPart::InputText("a".to_owned()), heard()],
        ] {
            let body = ItemBody::Message { role: role.clone(), content };
            let item = Item { body, ..Item::default() };
            let event = client(ClientBody::ItemCreate { previous_item_id: None, item }, dialect);
            check_client(&event, dialect);
            let expected = json!([{"type": kinds[0], "text": "a"}, {"type": kinds[1], "transcript": "b"}]);
            assert_eq!(event["item"]["content"], expected);
        }
    }
}

#[test]
fn an_append_contains_only_the_audio() {
    let text = encode::client_event(&ClientBody::AudioAppend(vec![0, 1, 2]).without_id(), Dialect::Ga);
    assert_eq!(text, r#"{"type":"input_audio_buffer.append","audio":"AAEC"}"#);
    assert_eq!(text.len(), text.capacity());
}

#[test]
fn an_added_item_is_created_in_beta() {
    let added = || ServerBody::ItemAdded { previous_item_id: None, item: Item::default() };
    assert_eq!(server(added(), Dialect::Ga)["type"], "conversation.item.added");
    assert_eq!(server(added(), Dialect::Beta)["type"], "conversation.item.created");
}

#[test]
fn a_server_shows_missing_error_fields_as_null() {
    let error = ErrorInfo {
        kind: Some("server_error".to_owned()),
        message: Some("no".to_owned()),
        ..ErrorInfo::default()
    };
    let expected =
        json!({"type": "server_error", "code": null, "message": "no", "param": null, "event_id": null});
    assert_eq!(server(ServerBody::Error(error), Dialect::Ga)["error"], expected);
}
