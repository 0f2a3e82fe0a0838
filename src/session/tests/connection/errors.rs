//! Errors without an id, errors before a close, and errors that become warnings.

use crate::protocol::close::CloseCause;
use crate::session::tests::*;

fn ask() -> TestCall {
    TestCall::live(Plan { mode: Mode::Ask, opening: vec!["why?".into()], ..written_plan() })
}

fn chat() -> TestCall {
    TestCall::live(Plan { mode: Mode::Chat, ..written_plan() })
}

fn error(call: &mut TestCall, code: Option<&str>, message: &str) {
    call.server(json!({"type": "error", "error": {"type": "server_error", "code": code, "message": message,
        "param": null, "event_id": null}}));
}

fn closed(call: &mut TestCall, code: u16, reason: &str) {
    call.put(Input::Closed(CloseCause::Peer { code: Some(code), reason: reason.into() }));
}

fn refusal(call: &TestCall) -> String {
    match call.ended() {
        Some(EndReason::Refused(failure)) => failure.message.clone(),
        other => panic!("{other:?}: {:?}", call.outputs),
    }
}

/// Returns how often a text is shown, as a notice or as the reason of the end.
fn times_shown(call: &TestCall, text: &str) -> usize {
    let shown = call.outputs.iter().filter(|output| match output {
        Output::Show(Notice::Error { message, .. }) => message.contains(text),
        Output::Show(Notice::Info(message)) => message.to_string().contains(text),
        Output::End(reason) => format!("{reason:?}").contains(text),
        _ => false,
    });
    shown.count()
}

#[test]
fn an_error_without_an_id_belongs_to_the_only_request_in_flight() {
    let mut call = ask();
    error(&mut call, None, "The server had an error.");
    call.pass(ms(500));
    assert_eq!(refusal(&call), "The server had an error.");
    assert_eq!(times_shown(&call, "The server had an error."), 1);
}

#[test]
fn an_error_with_the_servers_own_id_belongs_to_the_only_request_in_flight() {
    let mut call = ask();
    call.server(json!({"type": "error", "error": {"message": "No.", "event_id": "event_of_the_server"}}));
    call.pass(ms(500));
    assert_eq!(refusal(&call), "No.");
}

#[test]
fn a_conversation_continues_after_a_failed_question() {
    let mut call = chat();
    call.say("one");
    error(&mut call, None, "The server had an error.");
    call.pass(ms(200));
    assert!(!call.session.responses.is_active(), "no response is expected");
    assert_eq!(times_shown(&call, "The server had an error."), 1);
    call.outputs.clear();
    call.say("two");
    assert!(call.story().contains(&"send response.create".to_owned()));
}

#[test]
fn an_error_that_may_concern_a_response_shortens_its_timeout() {
    let mut call = ask();
    call.response_created("resp_1");
    call.server(json!({"type": "response.output_text.delta", "response_id": "resp_1", "item_id": "item_a",
        "delta": "Because "}));
    error(&mut call, None, "The server had an error.");
    call.pass(sec(4));
    assert_eq!(refusal(&call), "The server had an error.");
    assert_eq!(times_shown(&call, "The server had an error."), 1);
}

#[test]
fn a_response_that_continues_after_an_error_is_kept() {
    let mut call = ask();
    call.response_created("resp_1");
    error(&mut call, None, "Something small.");
    for _ in 0..5 {
        call.pass(sec(2));
        call.server(
            json!({"type": "response.output_text.delta", "response_id": "resp_1", "item_id": "item_a",
            "delta": "x"}),
        );
    }
    call.response_done("resp_1", "completed");
    call.pass(sec(1));
    assert_eq!(call.ended(), Some(&EndReason::Answered));
}

#[test]
fn while_audio_streams_an_error_without_an_id_has_no_certain_cause() {
    let mut call = TestCall::live(plan());
    call.say("one");
    error(&mut call, None, "Something about the sound.");
    assert!(call.session.responses.is_active());
    call.pass(sec(1));
    assert_eq!(times_shown(&call, "Something about the sound."), 1);
    call.pass(sec(3));
    assert!(!call.session.responses.is_active(), "no event of a response has arrived");
    assert_eq!(times_shown(&call, "the endpoint stopped responding"), 0);
}

#[test]
fn with_two_requests_in_flight_an_error_without_an_id_belongs_to_neither() {
    let mut call = TestCall::live(manual_plan());
    call.user(UserCommand::BeginTurn);
    call.speak(ms(200));
    call.user(UserCommand::EndTurn);
    error(&mut call, None, "One of them.");
    assert!(call.session.responses.is_active(), "the commit may be the cause");
    call.pass(ms(200));
    assert_eq!(times_shown(&call, "One of them."), 1);
}

#[test]
fn an_error_followed_by_the_updated_session_is_a_warning() {
    for event_id in [json!("rtv_1"), Value::Null] {
        let mut call = TestCall::dialled(plan());
        call.put(Input::Opened);
        call.created();
        call.server(json!({"type": "error", "error": {"type": "invalid_request_error", "event_id": event_id,
            "message": "input_audio_format is ignored"}}));
        call.pass(ms(500));
        call.server(json!({"type": "session.updated", "session": {"type": "realtime"}}));
        let story = call.story();
        let warnings: Vec<&String> = story.iter().filter(|line| line.contains("is ignored")).collect();
        assert!(matches!(&warnings[..], [line] if line.starts_with("info warning: ")), "{story:?}");
        assert!(story.contains(&"connection Live".to_owned()), "{story:?}");
        call.pass(sec(30));
        closed(&mut call, 1011, "");
        assert_eq!(call.ended(), None, "the warning does not explain a close");
    }
}

#[test]
fn a_fault_of_the_server_followed_by_the_updated_session_is_a_warning() {
    let mut call = TestCall::dialled(plan());
    call.put(Input::Opened);
    call.created();
    error(&mut call, None, "tokens are slow today");
    call.server(json!({"type": "session.updated", "session": {"type": "realtime"}}));
    assert!(call.story().contains(&"info warning: tokens are slow today".to_owned()));
}

#[test]
fn refused_settings_without_session_updated_end_the_call() {
    let mut call = TestCall::dialled(plan());
    call.put(Input::Opened);
    call.created();
    call.server(json!({"type": "error", "error": {"message": "Invalid voice 'bob'"}}));
    call.pass(sec(2));
    assert_eq!(refusal(&call), "the endpoint refused the session's settings: Invalid voice 'bob'");
}

#[test]
fn refused_settings_and_a_close_are_reported_once() {
    for code in [1000, 1005, 1011] {
        let mut call = TestCall::dialled(plan());
        call.put(Input::Opened);
        call.created();
        call.server(json!({"type": "error", "error": {"message": "Invalid voice 'bob'"}}));
        closed(&mut call, code, "");
        call.pass(sec(1));
        assert_eq!(refusal(&call), "the endpoint refused the session's settings: Invalid voice 'bob'");
        assert_eq!(times_shown(&call, "bob"), 1, "{code}");
    }
}

#[test]
fn a_response_in_progress_error_is_quiet_during_a_response() {
    let active = |call: &mut TestCall| {
        error(call, Some("conversation_already_has_active_response"), "Conversation already has one");
        error(call, None, "Conversation already has an active response in progress: resp_1.");
    };
    let mut call = TestCall::live(plan());
    call.response_created("resp_1");
    call.outputs.clear();
    active(&mut call);
    call.pass(sec(1));
    assert!(call.story().is_empty(), "it is debug output");
    call.response_done("resp_1", "completed");
    call.outputs.clear();
    error(&mut call, Some("conversation_already_has_active_response"), "Conversation already has one");
    call.pass(sec(1));
    assert_eq!(times_shown(&call, "already has one"), 1, "no response is in progress");
}

#[test]
fn an_error_on_model_or_settings_before_a_close_is_one_refusal() {
    for (message, code) in [
        ("Model gpt-9 not found", 1011),
        ("Voice 'bob' is not supported", 1011),
        ("Invalid modalities: ['audio']", 1001),
        ("The model gpt-9 does not exist", 1006),
    ] {
        for (mut call, wait) in [(TestCall::live(plan()), ms(0)), (chat(), ms(0)), (chat(), sec(1))] {
            error(&mut call, None, message);
            call.pass(wait);
            closed(&mut call, code, "internal error");
            call.pass(sec(1));
            refusal(&call);
            assert_eq!(times_shown(&call, message), 1, "{message} {wait:?}: {:?}", call.outputs);
        }
    }
}

#[test]
fn a_close_whose_reason_names_the_model_is_a_refusal() {
    let mut call = TestCall::live(plan());
    closed(&mut call, 1011, "model gpt-9 is not available");
    call.pass(sec(1));
    assert!(refusal(&call).ends_with("model gpt-9 is not available"));
}

#[test]
fn a_transient_error_before_a_close_reconnects_and_is_shown_once() {
    for message in ["The server had an error.", "The model is overloaded, please try again"] {
        let mut call = TestCall::live(plan());
        error(&mut call, None, message);
        closed(&mut call, 1011, "");
        assert_eq!(call.ended(), None, "{message}");
        call.pass(sec(1));
        assert!(call.outputs.contains(&Output::Open(crate::session::io::Handshake::Default)));
        assert_eq!(times_shown(&call, message), 1, "{message}");
    }
}

#[test]
fn an_old_error_does_not_explain_a_close() {
    let mut call = TestCall::live(plan());
    error(&mut call, None, "Model gpt-9 not found");
    call.pass(sec(60));
    closed(&mut call, 1011, "bye");
    assert_eq!(call.ended(), None);
    let story = call.story();
    assert!(story.iter().any(|line| line.contains("(code 1011): bye: retrying")), "{story:?}");
}

#[test]
fn an_error_without_a_close_is_shown_with_the_next_event_or_soon() {
    let mut call = TestCall::live(plan());
    error(&mut call, None, "first");
    assert!(call.story().is_empty(), "a close may follow");
    call.server(json!({"type": "input_audio_buffer.speech_started"}));
    assert_eq!(call.story()[0], "error first");
    error(&mut call, None, "second");
    call.pass(ms(200));
    assert_eq!(call.story(), ["error second"]);
    error(&mut call, None, "third");
    error(&mut call, None, "fourth");
    assert_eq!(call.story(), ["error third"]);
    call.user(UserCommand::HangUp(EndReason::User));
    call.put(Input::Closed(CloseCause::Ours));
    assert!(call.story().contains(&"error fourth".to_owned()));
}

#[test]
fn a_failed_question_is_reported_once() {
    let mut call = ask();
    call.server(json!({"type": "response.done", "response": {"id": "resp_1", "status": "failed",
        "status_details": {"error": {"code": "x", "message": "No tokens."}}}}));
    call.pass(sec(1));
    assert_eq!(refusal(&call), "No tokens.");
    assert_eq!(times_shown(&call, "No tokens."), 1);
}
