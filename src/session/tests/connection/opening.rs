//! From an open socket to a configured session.

use crate::protocol::close::CloseCause;
use crate::protocol::dialect::Dialect;
use crate::session::io::Handshake;
use crate::session::tests::*;

#[test]
fn the_settings_are_sent_once_the_session_is_created() {
    let mut call = TestCall::dialled(plan());
    call.put(Input::Opened);
    assert_eq!(call.story(), ["connection Configuring"]);
    call.created();
    assert_eq!(call.story(), ["send session.update"]);
    call.server(json!({"type": "session.updated", "session": {"type": "realtime"}}));
    assert_eq!(call.story(), ["ready", "connection Live"]);
}

#[test]
fn audio_from_before_the_settings_apply_is_sent_after_them() {
    let mut call = TestCall::dialled(plan());
    call.put(Input::Opened);
    call.speak(ms(50));
    call.created();
    call.speak(ms(50));
    assert_eq!(call.appended().len(), 0);
    call.server(json!({"type": "session.updated", "session": {"type": "realtime"}}));
    call.speak(ms(10));
    assert_eq!(call.appended().len(), 11);
    assert_eq!(call.appended()[0][..2], [1, 0], "the first frame comes first");
}

#[test]
fn without_session_updated_the_session_is_live_after_a_second() {
    let mut call = TestCall::dialled(plan());
    call.put(Input::Opened);
    call.created();
    call.speak(ms(20));
    call.pass(ms(999));
    assert_eq!(call.appended().len(), 0);
    call.pass(ms(1));
    assert_eq!(call.appended().len(), 2);
}

#[test]
fn without_session_created_the_settings_are_still_sent() {
    let mut call = TestCall::dialled(plan());
    call.put(Input::Opened);
    call.server(json!({"type": "conversation.created", "conversation": {"id": "conv_1"}}));
    call.pass(sec(3));
    assert!(call.story().contains(&"send session.update".to_owned()));
}

#[test]
fn conversation_created_triggers_the_settings_if_the_dialect_is_fixed() {
    let mut call = TestCall::dialled(Plan { dialect: Some(Dialect::Mixed), ..plan() });
    call.put(Input::Opened);
    let created = json!({"type": "conversation.created", "conversation": {"id": "conv_1"}});
    call.server(created.clone());
    assert_eq!(call.story(), ["connection Configuring", "send session.update"]);
    call.server(created);
    assert_eq!(call.story(), [""; 0], "they are sent once");
}

#[test]
fn an_error_before_the_settings_does_not_concern_them() {
    let closed = |code| CloseCause::Peer { code: Some(code), reason: String::new() };
    for (code, close, refused) in [("do_request_failed", 1011, false), ("model_load_error", 1000, true)] {
        let mut call = TestCall::dialled(plan());
        call.put(Input::Opened);
        call.server(json!({"type": "error", "error": {"code": code, "message": "It did not work."}}));
        assert!(!call.story().contains(&"send session.update".to_owned()), "{code}");
        call.put(Input::Closed(closed(close)));
        let (EndReason::Lost(failure) | EndReason::Refused(failure)) = call.ended().expect("it is over")
        else {
            panic!("{code}: {:?}", call.ended());
        };
        assert!(failure.message.ends_with("It did not work."), "{failure:?}");
        assert_eq!(matches!(call.ended(), Some(EndReason::Refused(_))), refused, "{code}");
    }
}

#[test]
fn a_foreign_protocol_is_named() {
    let mut call = TestCall::dialled(plan());
    call.put(Input::Opened);
    call.server(json!({"type": "session.created", "id": "sess-1", "created": 1_764_000_000}));
    call.put(Input::Closed(CloseCause::Ours));
    let Some(EndReason::Refused(failure)) = call.ended() else { panic!("{:?}", call.ended()) };
    assert!(failure.message.contains("vLLM"), "{failure:?}");
}

#[test]
fn a_flat_session_selects_the_beta_dialect() {
    let mut call = TestCall::dialled(plan());
    call.put(Input::Opened);
    call.server(json!({"type": "session.created", "session": {
        "id": "sess_1", "modalities": ["text", "audio"], "voice": "alloy", "input_audio_format": "pcm16"}}));
    assert_eq!(call.session.dialect(), Dialect::Beta);
}

#[test]
fn a_fixed_dialect_is_kept() {
    let mut call = TestCall::dialled(Plan { dialect: Some(Dialect::Beta), ..plan() });
    call.put(Input::Opened);
    call.created();
    assert_eq!(call.session.dialect(), Dialect::Beta);
}

#[test]
fn an_unknown_field_is_omitted_and_reported() {
    let mut plan = plan();
    plan.settings.speed = Some(1.2);
    let mut call = TestCall::dialled(plan);
    call.put(Input::Opened);
    call.created();
    call.story();
    call.server(
        json!({"type": "error", "error": {"type": "invalid_request_error", "code": "unknown_parameter",
        "message": "Unknown parameter: 'session.audio.output.speed'.", "param": "session.audio.output.speed",
        "event_id": "rtv_1"}}),
    );
    let ClientBody::SessionUpdate(settings) = call.sent()[0] else { panic!("{:?}", call.sent()) };
    assert_eq!(settings.speed, None);
    assert_eq!(
        call.story(),
        [
            "info the endpoint does not know session.audio.output.speed: continuing without it",
            "send session.update"
        ]
    );
}

#[test]
fn refused_settings_end_the_call() {
    let mut call = TestCall::dialled(plan());
    call.put(Input::Opened);
    call.created();
    call.server(
        json!({"type": "error", "error": {"code": "invalid_value", "message": "Invalid value: 'bob'.",
        "param": "session.audio.output.voice", "event_id": "rtv_1"}}),
    );
    call.pass(sec(2));
    let Some(EndReason::Refused(failure)) = call.ended() else { panic!("{:?}", call.ended()) };
    assert_eq!(
        failure.message,
        "the endpoint refused the session's settings: Invalid value: 'bob'. (session.audio.output.voice)"
    );
}

fn rejects(call: &mut TestCall, field: &str) {
    call.server(
        json!({"type": "error", "error": {"type": "invalid_request_error", "code": null, "param": null,
        "message": format!("Specifying `session.{field}` is not supported."), "event_id": null}}),
    );
}

#[test]
fn errors_before_session_updated_are_warnings() {
    let mut call = TestCall::dialled(plan());
    call.put(Input::Opened);
    call.created();
    for field in ["input_audio_format", "output_audio_format", "turn_detection.prefix_padding_ms"] {
        rejects(&mut call, field);
    }
    call.outputs.clear();
    call.server(json!({"type": "session.updated", "session": {"type": "realtime"}}));
    let story = call.story();
    let warnings =
        story.iter().filter(|line| line.starts_with("info warning: the endpoint did not apply a setting: "));
    assert_eq!(warnings.count(), 3, "{story:?}");
    assert!(story.contains(&"connection Live".to_owned()) && call.ended().is_none(), "{story:?}");
    // They do not explain a later failure.
    call.put(Input::Closed(CloseCause::Broken("reset".into())));
    assert!(call.story().contains(&"connection Reconnecting".to_owned()));
}

#[test]
fn an_error_without_session_updated_refuses_the_settings() {
    let close = CloseCause::Peer { code: Some(1011), reason: String::new() };
    for closed in [None, Some(close)] {
        let mut call = TestCall::dialled(plan());
        call.put(Input::Opened);
        call.created();
        rejects(&mut call, "voice");
        closed.into_iter().for_each(|cause| call.put(Input::Closed(cause)));
        call.pass(sec(2));
        let Some(EndReason::Refused(failure)) = call.ended() else { panic!("{:?}", call.ended()) };
        assert!(failure.message.ends_with("Specifying `session.voice` is not supported."), "{failure:?}");
    }
}

#[test]
fn omitted_settings_are_not_sent() {
    let mut plan = plan();
    plan.settings.turn_detection = FieldUpdate::Clear;
    plan.omitted = vec!["input_audio_format".into(), "audio.output.format".into(), "turn_detection".into()];
    let mut call = TestCall::dialled(plan);
    call.put(Input::Opened);
    call.created();
    let ClientBody::SessionUpdate(settings) = call.sent()[0] else { panic!("{:?}", call.sent()) };
    assert_eq!((&settings.input_format, &settings.output_format), (&None, &None));
    assert_eq!(settings.turn_detection, FieldUpdate::Keep);
    assert!(matches!(settings.transcription, FieldUpdate::Set(_)));
}

#[test]
fn a_server_of_unknown_dialect_that_refuses_ga_settings_gets_beta_ones() {
    let mut call = TestCall::dialled(plan());
    call.put(Input::Opened);
    call.pass(sec(3));
    call.server(json!({"type": "error", "error": "bad session"}));
    assert_eq!(call.session.dialect(), Dialect::Beta);
    let story = call.story();
    assert_eq!(story.iter().filter(|line| *line == "send session.update").count(), 2, "{story:?}");
}

#[test]
fn text_typed_while_opening_is_sent_once_live() {
    let mut call = TestCall::dialled(plan());
    call.put(Input::Opened);
    call.say("hello");
    call.created();
    call.server(json!({"type": "session.updated", "session": {"type": "realtime"}}));
    let story = call.story();
    assert!(
        story.ends_with(&[
            "user \"hello\"".into(),
            "send item".into(),
            "send response.create".into(),
            "turn Thinking".into()
        ]),
        "{story:?}"
    );
}

#[test]
fn a_key_refused_after_the_handshake_ends_the_call_with_the_servers_message() {
    let mut call = TestCall::dialled(plan());
    call.put(Input::Opened);
    call.server(
        json!({"type": "error", "error": {"type": "invalid_request_error", "code": "invalid_api_key",
        "message": "Incorrect API key provided."}}),
    );
    call.put(Input::Closed(crate::protocol::close::CloseCause::Peer {
        code: Some(3000),
        reason: "invalid_request_error.invalid_api_key".into(),
    }));
    let Some(EndReason::Refused(failure)) = call.ended() else { panic!("{:?}", call.ended()) };
    assert_eq!(failure.code.as_deref(), Some("invalid_api_key"));
    assert!(failure.message.ends_with("Incorrect API key provided."), "{}", failure.message);
}

/// Refuses the beta protocol and closes.
fn disable_beta(call: &mut TestCall) {
    call.server(json!({"type": "error", "error": {"type": "invalid_request_error",
        "code": "beta_api_shape_disabled", "message": "The Realtime Beta API is no longer supported."}}));
}

#[test]
fn an_endpoint_without_beta_is_retried_once_in_ga() {
    let mut call = TestCall::dialled(plan());
    call.put(Input::Opened);
    call.outputs.clear();
    disable_beta(&mut call);
    assert!(call.outputs.contains(&Output::Open(Handshake::WithoutBetaHeader)), "{:?}", call.outputs);
    call.configured();
    assert_eq!(call.session.dialect(), Dialect::Ga);
    assert!(call.story().contains(&"connection Live".to_owned()));
}

#[test]
fn a_demanded_beta_dialect_is_refused_if_disabled() {
    let mut call = TestCall::dialled(Plan { dialect: Some(Dialect::Beta), ..plan() });
    call.put(Input::Opened);
    disable_beta(&mut call);
    let close = CloseCause::Peer { code: Some(4000), reason: "beta_api_shape_disabled".into() };
    call.put(Input::Closed(close));
    assert!(matches!(call.ended(), Some(EndReason::Refused(_))), "{:?}", call.ended());
}

#[test]
fn a_gateway_that_adds_the_beta_header_is_not_retried_forever() {
    let mut call = TestCall::dialled(plan());
    call.put(Input::Opened);
    disable_beta(&mut call);
    call.put(Input::Opened);
    disable_beta(&mut call);
    let close = CloseCause::Peer { code: Some(4000), reason: "beta_api_shape_disabled".into() };
    call.put(Input::Closed(close));
    let Some(EndReason::Refused(failure)) = call.ended() else { panic!("{:?}", call.ended()) };
    assert!(failure.message.contains("no longer supported"), "{failure:?}");
}

#[test]
fn the_conversation_is_replayed_if_beta_ends_during_a_call() {
    let mut call = TestCall::live(plan());
    call.say("Are you there?");
    disable_beta(&mut call);
    call.outputs.clear();
    call.configured();
    let story = call.story();
    assert!(story.contains(&"send item".to_owned()), "{story:?}");
    assert!(story.contains(&"send response.create".to_owned()), "{story:?}");
}
