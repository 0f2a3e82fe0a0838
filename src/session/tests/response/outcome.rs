//! Outcome of a file, a pipe or a single question.

use crate::protocol::close::CloseCause;
use crate::session::io::MissingReply;
use crate::session::plan::TurnControl;
use crate::session::tests::*;

fn file_plan() -> Plan {
    Plan { at_input_end: InputEndAction::End, ..plan() }
}

fn captions() -> TestCall {
    TestCall::live(Plan { at_input_end: InputEndAction::End, ..captions_plan() })
}

fn ask() -> TestCall {
    TestCall::live(Plan { mode: Mode::Ask, opening: vec!["why?".into()], ..written_plan() })
}

fn input_ended(call: &mut TestCall) {
    call.put(Input::Audio(AudioEvent::InputEnded));
}

fn turn(call: &mut TestCall, item: &str) {
    call.server(json!({"type": "input_audio_buffer.speech_started", "item_id": item}));
    call.server(json!({"type": "input_audio_buffer.speech_stopped", "item_id": item}));
    call.server(json!({"type": "input_audio_buffer.committed", "item_id": item}));
}

fn caption(call: &mut TestCall, item: &str) {
    call.server(json!({"type": "conversation.item.input_audio_transcription.completed", "item_id": item,
        "transcript": "words"}));
}

/// Returns the message on what is missing.
fn missing(call: &TestCall) -> String {
    match call.ended() {
        Some(EndReason::Unanswered(what)) => what.to_string(),
        other => panic!("{other:?}"),
    }
}

/// Sends events of the server, one a line.
fn say_lines(call: &mut TestCall, lines: &str) {
    for line in lines.lines() {
        call.server(serde_json::from_str(line).unwrap());
    }
}

#[test]
fn missing_captions_are_reported_and_a_failure() {
    let mut call = captions();
    say_lines(
        &mut call,
        r#"{"type": "input_audio_buffer.speech_started", "audio_start_ms": 3000, "item_id": "item_1"}
{"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 4500, "item_id": "item_1"}
{"type": "input_audio_buffer.committed", "previous_item_id": null, "item_id": "item_1"}"#,
    );
    input_ended(&mut call);
    call.pass(sec(15));
    assert_eq!(missing(&call), "no caption arrived for the turn that was found");
}

#[test]
fn each_turn_without_a_caption_counts() {
    let mut call = captions();
    for item in ["a", "b", "c"] {
        turn(&mut call, item);
    }
    caption(&mut call, "b");
    call.server(json!({"type": "conversation.item.input_audio_transcription.failed", "item_id": "c",
        "error": {"message": "not understood"}}));
    input_ended(&mut call);
    call.pass(sec(15));
    assert_eq!(missing(&call), "no caption arrived for 2 of 3 turns");
}

#[test]
fn complete_captions_are_a_success_whatever_else_is_missing() {
    let mut call = captions();
    turn(&mut call, "a");
    caption(&mut call, "a");
    // Some servers do not announce turns.
    caption(&mut call, "b");
    caption(&mut call, "b");
    input_ended(&mut call);
    call.pass(sec(15));
    assert_eq!(call.ended(), Some(&EndReason::InputEnded));
}

#[test]
fn a_turn_sent_again_after_a_lost_connection_counts_once() {
    let mut call = captions();
    turn(&mut call, "a");
    caption(&mut call, "a");
    call.speak(ms(200));
    turn(&mut call, "b");
    call.put(Input::Closed(CloseCause::Broken("reset".into())));
    call.pass(sec(1));
    call.configured();
    turn(&mut call, "c");
    caption(&mut call, "c");
    input_ended(&mut call);
    call.pass(sec(15));
    assert_eq!(call.ended(), Some(&EndReason::InputEnded));
}

#[test]
fn an_input_without_a_turn_ends_with_a_message() {
    let local = crate::session::plan::LocalTurnPlan {
        threshold: 0.5,
        silence: ms(500),
        prefix: ms(300),
        longest: None,
    };
    let manual = Plan { at_input_end: InputEndAction::End, ..manual_plan() };
    for (plan, who) in [
        (file_plan(), TurnControl::Server),
        (Plan { at_input_end: InputEndAction::End, ..captions_plan() }, TurnControl::Server),
        (manual.clone(), TurnControl::Manual),
        (Plan { local_turns: Some(local), ..manual }, TurnControl::Local),
    ] {
        let mut call = TestCall::live(plan);
        call.speak(ms(50));
        input_ended(&mut call);
        call.pass(sec(15));
        assert_eq!(call.ended(), Some(&EndReason::Unanswered(MissingReply::NoTurn(who))));
    }
    let sentence = MissingReply::NoTurn(TurnControl::Server).to_string();
    assert_eq!(sentence, "the endpoint detected no turn in the input; try --vad local");
}

#[test]
fn a_greeting_is_not_a_response_to_a_file() {
    let mut call = TestCall::live(file_plan());
    call.response_created("resp_1");
    call.words("resp_1", "item_a", "Hello!");
    call.response_done("resp_1", "completed");
    input_ended(&mut call);
    call.pass(sec(15));
    assert!(missing(&call).starts_with("the endpoint detected no turn"));
}

#[test]
fn a_turn_without_a_response_ends_with_a_message() {
    for answer in ["none", "failed", "empty"] {
        let mut call = TestCall::live(file_plan());
        turn(&mut call, "item_u");
        match answer {
            "failed" => call.response_done("resp_1", "failed"),
            "empty" => call.response_done("resp_1", "completed"),
            _ => {}
        }
        input_ended(&mut call);
        call.pass(sec(40));
        assert_eq!(missing(&call), "no response to the input arrived", "{answer}");
    }
}

#[test]
fn an_input_with_a_response_is_a_success() {
    let mut call = TestCall::live(file_plan());
    turn(&mut call, "item_u");
    call.response_created("resp_1");
    call.words("resp_1", "item_a", "Yes.");
    call.response_done("resp_1", "completed");
    input_ended(&mut call);
    call.pass(sec(15));
    assert_eq!(call.ended(), Some(&EndReason::InputEnded));
}

#[test]
fn a_close_before_the_response_to_an_input_is_a_failure() {
    let mut call = captions();
    turn(&mut call, "a");
    call.put(Input::Closed(CloseCause::Peer { code: Some(1000), reason: String::new() }));
    call.pass(sec(1));
    assert!(missing(&call).starts_with("no caption arrived for"));
    let mut call = captions();
    turn(&mut call, "a");
    caption(&mut call, "a");
    call.put(Input::Closed(CloseCause::Peer { code: Some(1000), reason: String::new() }));
    call.pass(sec(1));
    assert!(matches!(call.ended(), Some(EndReason::ServerClosed(_))), "{:?}", call.ended());
}

#[test]
fn a_call_by_microphone_needs_no_turn() {
    let mut call = TestCall::live(plan());
    call.put(Input::Closed(CloseCause::Peer { code: Some(1000), reason: String::new() }));
    assert!(matches!(call.ended(), Some(EndReason::ServerClosed(_))), "{:?}", call.ended());
}

/// Audio of an unannounced item without a response.
fn stale_delta(call: &mut TestCall) {
    call.server(json!({"type": "response.output_audio.delta", "item_id": "item_of_yesterday",
        "delta": "AQABAAEAAQA="}));
}

#[test]
fn a_file_call_ends_although_a_response_never_finishes() {
    let unfinished: [fn(&mut TestCall); 4] = [
        stale_delta,
        |call| call.sound("resp_9", "item_9", ms(100)),
        |call| call.response_created("resp_9"),
        |call| {
            call.response_created("resp_9");
            call.words("resp_9", "item_9", "one");
        },
    ];
    for (number, begin) in unfinished.into_iter().enumerate() {
        for is_late in [false, true] {
            let mut call = TestCall::live(file_plan());
            turn(&mut call, "item_u");
            call.response_created("resp_1");
            call.words("resp_1", "item_a", "Yes.");
            call.response_done("resp_1", "completed");
            if is_late {
                input_ended(&mut call);
                begin(&mut call);
            } else {
                begin(&mut call);
                input_ended(&mut call);
            }
            // Other events do not count as progress.
            for _ in 0..20 {
                call.pass(sec(5));
                call.server(json!({"type": "rate_limits.updated", "rate_limits": []}));
            }
            assert_eq!(missing(&call), "the endpoint did not finish its response", "{number} {is_late}");
        }
    }
}

#[test]
fn a_slow_response_is_not_given_up() {
    let mut call = TestCall::live(file_plan());
    turn(&mut call, "item_u");
    input_ended(&mut call);
    call.response_created("resp_1");
    for _ in 0..10 {
        call.pass(sec(20));
        call.sound("resp_1", "item_a", sec(20));
    }
    call.response_done("resp_1", "completed");
    for heard in 1..=10 {
        call.pass(sec(20));
        assert_eq!(call.ended(), None, "{heard}");
        call.heard(0, sec(20 * heard));
    }
    call.pass(sec(5));
    assert_eq!(call.ended(), Some(&EndReason::InputEnded));
}

#[test]
fn audio_in_a_text_session_is_not_interrupted() {
    for mode in [Mode::Chat, Mode::Ask] {
        let mut call = TestCall::live(Plan { mode, opening: vec!["why?".into()], ..written_plan() });
        call.response_created("resp_1");
        call.words("resp_1", "item_a", "Because.");
        call.sound("resp_1", "item_a", sec(2));
        call.response_done("resp_1", "completed");
        call.pass(sec(1));
        assert_eq!(call.played(), 0, "it is not played");
        let story = call.story();
        assert!(story.contains(&"assistant \"Because.\"".to_owned()), "{story:?}");
        assert!(!story.iter().any(|line| line.contains("cut")), "{story:?}");
    }
}

#[test]
fn a_question_without_text_in_its_response_is_a_failure() {
    type OutcomeCase = (&'static str, fn(&mut TestCall));
    let answers: [OutcomeCase; 3] = [
        ("the response has no text", |call| call.response_done("resp_1", "completed")),
        ("the endpoint responded with audio instead of text", |call| {
            call.sound("resp_1", "item_a", sec(1));
            call.response_done("resp_1", "completed");
        }),
        ("the endpoint cancelled its response", |call| {
            call.server(json!({"type": "response.output_text.delta", "response_id": "resp_1",
                "item_id": "item_a", "delta": "Be"}));
            call.response_done("resp_1", "cancelled");
        }),
    ];
    for (sentence, answer) in answers {
        let mut call = ask();
        call.response_created("resp_1");
        answer(&mut call);
        call.pass(sec(1));
        assert_eq!(missing(&call), sentence);
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the tests read better without references")]
fn done(call: &mut TestCall, status: &str, reason: Value, output: Value) {
    call.server(json!({"type": "response.done", "response": {"id": "resp_1", "status": status,
        "status_details": {"type": status, "reason": reason}, "output": output}}));
}

#[test]
fn a_cancelled_response_is_reported() {
    let chat = || TestCall::live(Plan { mode: Mode::Chat, ..written_plan() });
    let mut call = chat();
    call.say("why?");
    call.outputs.clear();
    done(&mut call, "cancelled", json!("client_cancelled"), json!([]));
    assert!(call.story().contains(&"info the endpoint cancelled the response: client_cancelled".to_owned()));
    let mut call = chat();
    call.say("why?");
    call.outputs.clear();
    done(&mut call, "cancelled", Value::Null, json!([]));
    assert!(call.story().contains(&"info the endpoint cancelled the response".to_owned()));
    let mut call = TestCall::live(plan());
    call.response_created("resp_1");
    call.outputs.clear();
    done(&mut call, "cancelled", json!("turn_detected"), json!([]));
    assert!(!call.story().iter().any(|line| line.starts_with("info")), "the user spoke");
}

#[test]
fn a_response_stopped_by_the_user_is_not_reported() {
    let mut call = TestCall::live(plan());
    call.response_created("resp_1");
    call.user(UserCommand::Interrupt);
    call.outputs.clear();
    done(&mut call, "cancelled", json!("client_cancelled"), json!([]));
    assert!(!call.story().iter().any(|line| line.starts_with("info")));
}

#[test]
fn a_response_stopped_by_a_filter_is_reported() {
    let mut call = TestCall::live(plan());
    call.response_created("resp_1");
    call.outputs.clear();
    done(&mut call, "incomplete", json!("content_filter"), json!([]));
    let shown = "info the response was cut short by the endpoint's content filter".to_owned();
    assert!(call.story().contains(&shown));
}

#[test]
fn a_refusal_of_the_model_is_its_line_and_is_reported_once() {
    let part = json!({"type": "refusal", "refusal": "I cannot help with that."});
    let item = json!({"id": "item_a", "type": "message", "role": "assistant", "content": [part]});
    let mut call = ask();
    call.response_created("resp_1");
    call.outputs.clear();
    call.server(json!({"type": "response.content_part.done", "response_id": "resp_1", "item_id": "item_a",
        "output_index": 0, "content_index": 0, "part": part}));
    call.server(json!({"type": "response.output_item.done", "response_id": "resp_1", "output_index": 0,
        "item": item}));
    done(&mut call, "completed", Value::Null, json!([item]));
    call.pass(sec(1));
    assert_eq!(call.ended(), Some(&EndReason::Answered));
    let story = call.story();
    let shown = |text: &str| story.iter().filter(|line| *line == text).count();
    assert_eq!(shown("info the model refused to answer"), 1, "{story:?}");
    assert_eq!(shown("assistant \"I cannot help with that.\""), 1, "{story:?}");
}
