//! Reconnecting: backoff, replay of the conversation, permanent failures.

use crate::protocol::close::CloseCause;
use crate::session::io::{DialFailure, Failure};
use crate::session::tests::*;

fn broken(call: &mut TestCall) {
    call.put(Input::Closed(CloseCause::Broken("reset".into())));
}

/// Opens the socket again and configures a new session.
fn back(call: &mut TestCall) {
    call.configured();
}

fn opens(call: &TestCall) -> usize {
    call.outputs.iter().filter(|output| matches!(output, Output::Open(_))).count()
}

fn failed(message: &str) -> Failure {
    Failure { message: message.into(), code: None }
}

fn passing(message: &str, retry_after: Option<Duration>) -> DialFailure {
    DialFailure::Passing { failure: failed(message), retry_after }
}

/// A spoken turn with a fully played response.
fn turn(call: &mut TestCall) {
    call.server(json!({"type": "input_audio_buffer.committed", "item_id": "item_u"}));
    call.server(json!({"type": "conversation.item.input_audio_transcription.completed", "item_id": "item_u",
        "transcript": "What is a ring?"}));
    call.response_created("resp_1");
    call.words("resp_1", "item_a", "A ring is round.");
    call.sound("resp_1", "item_a", sec(1));
    call.response_done("resp_1", "completed");
    call.heard(0, sec(1));
    call.outputs.clear();
}

#[test]
fn a_lost_connection_reconnects_after_a_short_pause() {
    let mut call = TestCall::live(plan());
    broken(&mut call);
    assert_eq!(call.story(), ["info the connection broke: reset: retrying", "connection Reconnecting"]);
    call.pass(ms(374));
    assert_eq!(opens(&call), 0);
    call.pass(ms(251));
    assert_eq!(opens(&call), 1);
    call.pass(sec(60));
    assert_eq!(opens(&call), 1, "one attempt at a time");
}

#[test]
fn the_conversation_is_replayed_in_order() {
    let mut call = TestCall::live(plan());
    turn(&mut call);
    call.say("And a square?");
    call.server(json!({"type": "response.done", "response": {"id": "resp_2", "status": "completed", "output": [
        {"id": "item_b", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Not."}]}]}}));
    broken(&mut call);
    call.pass(sec(1));
    call.outputs.clear();
    back(&mut call);
    let said: Vec<String> = call
        .sent()
        .iter()
        .filter_map(|body| match body {
            ClientBody::ItemCreate { item, .. } => Some(format!("{:?}", item.body)),
            _ => None,
        })
        .collect();
    assert_eq!(said.len(), 4);
    for (said, expected) in said.iter().zip(["What is a ring?", "A ring is round.", "And a square?", "Not."])
    {
        assert!(said.contains(expected), "{said} is not {expected}");
    }
    assert!(call.story().contains(&"info reconnected, 4 turns kept".to_owned()));
}

#[test]
fn only_the_played_part_of_a_response_is_replayed() {
    let mut call = TestCall::live(plan());
    call.say("Count.");
    call.response_created("resp_1");
    call.words("resp_1", "item_a", "one two three four");
    call.sound("resp_1", "item_a", sec(2));
    call.heard(0, sec(1));
    broken(&mut call);
    call.pass(sec(1));
    call.outputs.clear();
    back(&mut call);
    let shown = format!("{:?}", call.sent());
    assert!(shown.contains("one two") && !shown.contains("three"), "{shown}");
    assert!(
        !call.story().contains(&"send response.create".to_owned()),
        "a partly played response is not requested again"
    );
}

#[test]
fn an_unanswered_question_is_requested_again() {
    let mut call = TestCall::live(plan());
    call.say("Are you there?");
    broken(&mut call);
    call.pass(sec(1));
    back(&mut call);
    let story = call.story();
    assert_eq!(story.iter().filter(|line| *line == "send response.create").count(), 2, "{story:?}");
}

#[test]
fn microphone_audio_is_kept_while_disconnected() {
    let mut call = TestCall::live(plan());
    broken(&mut call);
    call.speak(sec(1));
    call.pass(sec(1));
    call.speak(sec(1));
    assert_eq!(call.appended().len(), 0);
    back(&mut call);
    assert_eq!(call.appended().len(), 200);
    assert!(!call.story().iter().any(|line| line.starts_with("error")));
}

#[test]
fn audio_dropped_while_disconnected_is_reported() {
    let mut call = TestCall::live(plan());
    broken(&mut call);
    call.speak(sec(13));
    call.pass(sec(1));
    back(&mut call);
    assert_eq!(call.appended().len(), 1_000);
    let lost = "error 3.0 s of microphone audio were lost while disconnected".to_owned();
    assert!(call.story().contains(&lost));
}

#[test]
fn text_typed_while_disconnected_is_sent_after_reconnecting() {
    let mut call = TestCall::live(plan());
    broken(&mut call);
    call.say("still here");
    call.pass(sec(1));
    back(&mut call);
    let story = call.story();
    assert_eq!(story.iter().filter(|line| *line == "send item").count(), 1, "{story:?}");
    assert_eq!(story.iter().filter(|line| *line == "send response.create").count(), 1, "{story:?}");
}

#[test]
fn a_complete_response_plays_to_its_end() {
    let mut call = TestCall::live(plan());
    call.response_created("resp_1");
    call.words("resp_1", "item_a", "Hello.");
    call.sound("resp_1", "item_a", sec(2));
    call.response_done("resp_1", "completed");
    call.heard(0, sec(1));
    call.outputs.clear();
    broken(&mut call);
    call.heard(0, sec(2));
    let story = call.story();
    assert!(!story.contains(&"flush".to_owned()), "{story:?}");
    assert!(story.contains(&"assistant \"Hello.\" heard 2000 ms".to_owned()), "{story:?}");
}

#[test]
fn an_incomplete_response_is_stopped_and_its_late_events_are_ignored() {
    let mut call = TestCall::live(plan());
    call.response_created("resp_1");
    call.sound("resp_1", "item_a", sec(2));
    call.outputs.clear();
    broken(&mut call);
    assert_eq!(call.story()[0], "flush");
    call.pass(sec(1));
    back(&mut call);
    call.outputs.clear();
    call.flushed(&[(0, ms(500))]);
    call.heard(0, ms(500));
    assert!(call.story().is_empty());
    call.sound("resp_2", "item_b", sec(1));
    assert!(!call.outputs.iter().any(|output| matches!(output, Output::Play { clip: ClipId(0), .. })));
}

#[test]
fn the_backoff_grows_and_the_call_ends_after_six_attempts() {
    let mut call = TestCall::live(plan());
    broken(&mut call);
    let mut waited = Vec::new();
    while call.ended().is_none() {
        let before = call.now;
        while opens(&call) == waited.len() {
            call.pass(ms(10));
        }
        waited.push(call.now - before);
        call.put(Input::DialFailed(passing("no one listens", None)));
    }
    assert_eq!(waited.len(), 6);
    for (pause, expected) in waited.iter().zip([500, 1_000, 2_000, 4_000, 8_000, 8_000]) {
        let (least, most) = (ms(expected * 3 / 4), ms(expected * 5 / 4 + 20));
        assert!((least..=most).contains(pause), "{pause:?} for {expected} ms");
    }
    let Some(EndReason::Lost(failure)) = call.ended() else { panic!("{:?}", call.ended()) };
    assert_eq!(failure.message, "the connection broke: reset", "the first cause is what counts");
}

#[test]
fn retry_after_of_a_busy_server_is_respected() {
    for (asks, least, most) in [
        (None, ms(750), ms(1_250)),
        (Some(sec(7)), sec(7), ms(8_250)),
        (Some(sec(9_000)), sec(60), ms(61_250)),
    ] {
        let mut call = TestCall::live(plan());
        broken(&mut call);
        call.pass(sec(1));
        call.outputs.clear();
        call.put(Input::DialFailed(passing("503", asks)));
        let when = match asks {
            None => String::new(),
            Some(_) => format!(" in {} s", least.as_secs() + 1),
        };
        assert_eq!(call.story()[0], format!("info 503: retrying{when}"));
        call.pass(least - ms(1));
        assert_eq!(opens(&call), 0, "{asks:?}");
        call.pass(most - least + ms(1));
        assert_eq!(opens(&call), 1, "{asks:?}");
        call.put(Input::DialFailed(passing("no one listens", None)));
        call.pass(ms(2_500));
        assert_eq!(opens(&call), 2, "the request applies once");
    }
}

#[test]
fn a_key_refused_while_reconnecting_ends_the_call() {
    let mut call = TestCall::live(plan());
    broken(&mut call);
    call.pass(sec(1));
    call.put(Input::DialFailed(DialFailure::Final(failed("401"))));
    assert_eq!(call.ended(), Some(&EndReason::Refused(failed("401"))));
}

#[test]
fn permanent_failures_are_not_retried() {
    let closed = |code| CloseCause::Peer { code: Some(code), reason: String::new() };
    for code in [1000, 1002, 1003, 1007, 1008, 1010, 3000, 4000] {
        let mut call = TestCall::live(plan());
        call.put(Input::Closed(closed(code)));
        assert!(call.ended().is_some(), "{code}");
    }
    for code in [1001, 1011, 1012, 1013, 1014] {
        let mut call = TestCall::live(plan());
        call.put(Input::Closed(closed(code)));
        assert!(call.ended().is_none(), "{code}");
    }
}

#[test]
fn an_illegal_close_code_is_a_lost_connection() {
    for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, u16::MAX] {
        let mut call = TestCall::live(plan());
        call.put(Input::Closed(CloseCause::Peer { code: Some(code), reason: String::new() }));
        assert_eq!(call.ended(), None, "{code}");
        call.pass(sec(1));
        assert_eq!(opens(&call), 1, "{code}");
        back(&mut call);
        assert!(call.story().contains(&"connection Live".to_owned()), "{code}");
    }
}

#[test]
fn an_exhausted_quota_is_not_retried_for_any_close_code() {
    let mut call = TestCall::live(plan());
    call.server(json!({"type": "error", "error": {"code": "insufficient_quota", "message": "No credit."}}));
    broken(&mut call);
    let Some(EndReason::Refused(failure)) = call.ended() else { panic!("{:?}", call.ended()) };
    assert!(failure.message.contains("No credit."));
}

#[test]
fn a_connection_that_was_never_live_is_not_retried() {
    let mut call = TestCall::dialled(plan());
    call.put(Input::Opened);
    broken(&mut call);
    assert!(matches!(call.ended(), Some(EndReason::Lost(_))), "{:?}", call.ended());
}

#[test]
fn the_user_can_hang_up_while_disconnected() {
    let mut call = TestCall::live(plan());
    broken(&mut call);
    call.user(UserCommand::HangUp(EndReason::User));
    assert_eq!(call.ended(), Some(&EndReason::User));
}

#[test]
fn a_stable_connection_resets_the_backoff() {
    let mut call = TestCall::live(plan());
    for _ in 0..20 {
        broken(&mut call);
        call.pass(sec(1));
        back(&mut call);
        call.pass(sec(61));
    }
    assert_eq!(call.ended(), None);
    assert_eq!(opens(&call), 20);
}

#[test]
fn the_dialect_is_detected_for_each_connection() {
    use crate::protocol::dialect::Dialect;

    let mut call = TestCall::dialled(plan());
    call.put(Input::Opened);
    call.server(
        json!({"type": "session.created", "session": {"modalities": ["text", "audio"], "voice": "alloy"}}),
    );
    call.pass(sec(1));
    assert_eq!(call.session.dialect(), Dialect::Beta);
    broken(&mut call);
    call.pass(sec(1));
    back(&mut call);
    assert_eq!(call.session.dialect(), Dialect::Ga);
}
