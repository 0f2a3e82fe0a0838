//! One `response.create` at a time, and errors matched to their cause.

use crate::session::tests::*;

fn error(call: &mut TestCall, code: &str, event_id: &str) {
    call.server(json!({"type": "error", "error": {"type": "invalid_request_error", "code": code,
        "message": format!("{code}!"), "event_id": event_id}}));
}

fn last_event_id(call: &TestCall) -> String {
    let mut ids = call.outputs.iter().filter_map(|output| match output {
        Output::Send(event) => event.event_id.clone(),
        _ => None,
    });
    ids.next_back().unwrap()
}

#[test]
fn typed_text_becomes_an_item_and_requests_a_response() {
    let mut call = TestCall::live(plan());
    call.say("hello");
    assert_eq!(call.story(), ["user \"hello\"", "send item", "send response.create", "turn Thinking"]);
}

#[test]
fn every_event_but_audio_has_a_unique_id() {
    let mut call = TestCall::live(manual_plan());
    call.user(UserCommand::BeginTurn);
    call.speak(ms(200));
    call.user(UserCommand::EndTurn);
    call.say("and this");
    let mut ids = Vec::new();
    for output in &call.outputs {
        let Output::Send(event) = output else { continue };
        match (&event.body, &event.event_id) {
            (ClientBody::AudioAppend(_), id) => assert_eq!(*id, None),
            (_, id) => ids.push(id.clone().unwrap()),
        }
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert!(count >= 4 && ids.len() == count, "{ids:?}");
}

#[test]
fn a_second_request_waits_for_the_first_response() {
    let mut call = TestCall::live(plan());
    call.say("one");
    call.response_created("resp_1");
    call.story();
    call.say("two");
    assert_eq!(call.story(), ["send response.cancel resp_1", "user \"two\"", "send item"]);
    call.response_done("resp_1", "cancelled");
    assert_eq!(call.story(), ["send response.create"]);
}

#[test]
fn a_request_refused_as_busy_is_sent_again() {
    let mut call = TestCall::live(plan());
    call.say("one");
    let id = last_event_id(&call);
    call.story();
    error(&mut call, "conversation_already_has_active_response", &id);
    assert!(call.story().is_empty());
    call.response_done("resp_of_the_server", "completed");
    assert_eq!(call.story(), ["send response.create"]);
}

#[test]
fn benign_errors_are_kept_quiet() {
    let mut call = TestCall::live(plan());
    for code in
        ["response_cancel_not_active", "item_truncate_invalid_item_id", "input_audio_buffer_commit_empty"]
    {
        error(&mut call, code, "rtv_99");
    }
    call.server(json!({"type": "error", "error": {"code": "invalid_value", "param": "audio_end_ms",
        "message": "Audio content of 6350ms is already shorter than 8160ms"}}));
    assert!(call.story().is_empty());
}

#[test]
fn other_errors_are_shown_and_the_call_continues() {
    let mut call = TestCall::live(plan());
    error(&mut call, "server_error", "rtv_99");
    call.pass(ms(200));
    assert_eq!(call.story(), ["error server_error!"]);
    call.say("still there?");
    assert!(call.story().contains(&"send response.create".to_owned()));
}

#[test]
fn a_refused_response_does_not_block_the_next_one() {
    let mut call = TestCall::live(plan());
    call.say("one");
    let id = last_event_id(&call);
    error(&mut call, "invalid_value", &id);
    call.story();
    call.say("two");
    assert!(call.story().contains(&"send response.create".to_owned()));
}

#[test]
fn a_failed_response_is_always_reported() {
    let mut call = TestCall::live(plan());
    call.say("one");
    call.story();
    call.server(json!({"type": "response.done", "response": {"id": "resp_1", "status": "failed",
        "status_details": {"type": "failed", "error": {"type": "tokens", "code": "rate_limit_exceeded",
        "message": "Rate limit reached. Please try again in 4.2s"}}}}));
    assert_eq!(call.story(), ["error Rate limit reached. Please try again in 4.2s", "turn Listening"]);
}

#[test]
fn a_missing_response_is_given_up_after_a_minute() {
    let mut call = TestCall::live(plan());
    call.say("one");
    call.story();
    call.pass(sec(59));
    assert!(call.story().is_empty());
    call.pass(sec(1));
    assert_eq!(call.story(), ["error the endpoint stopped responding", "turn Listening"]);
}

#[test]
fn another_response_replaces_the_active_one() {
    let mut call = TestCall::live(plan());
    call.response_created("resp_1");
    call.response_created("resp_2");
    call.response_done("resp_2", "completed");
    call.say("next");
    assert!(call.story().contains(&"send response.create".to_owned()));
}
