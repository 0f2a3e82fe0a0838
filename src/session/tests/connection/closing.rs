//! End of a call.

use crate::protocol::close::CloseCause;
use crate::session::io::MissingReply;
use crate::session::tests::*;

fn file_plan() -> Plan {
    Plan { at_input_end: InputEndAction::End, ..plan() }
}

fn input_ended(call: &mut TestCall) {
    call.put(Input::Audio(AudioEvent::InputEnded));
}

#[test]
fn hanging_up_closes_and_waits_for_the_close_reply() {
    let mut call = TestCall::live(plan());
    call.user(UserCommand::HangUp(EndReason::User));
    assert_eq!(call.story(), ["connection Closing", "close"]);
    call.put(Input::Closed(CloseCause::Ours));
    assert_eq!(call.story(), ["connection Closed", "end User"]);
}

#[test]
fn a_missing_close_reply_does_not_delay_the_end() {
    let mut call = TestCall::live(plan());
    call.user(UserCommand::HangUp(EndReason::User));
    call.pass(ms(500));
    assert_eq!(call.ended(), Some(&EndReason::User));
}

#[test]
fn a_call_without_usable_input_ends_at_once() {
    let mut call = TestCall::live(file_plan());
    let nothing = || "standard input contains no audio".to_owned();
    call.put(Input::Audio(AudioEvent::NoInput(nothing())));
    assert_eq!(call.story(), ["connection Closing", "close"]);
    call.put(Input::Closed(CloseCause::Ours));
    assert_eq!(call.ended(), Some(&EndReason::NoInput(nothing())));
}

#[test]
fn hanging_up_twice_ends_at_once() {
    let mut call = TestCall::live(plan());
    call.user(UserCommand::HangUp(EndReason::User));
    call.user(UserCommand::HangUp(EndReason::Signal(2)));
    assert_eq!(call.ended(), Some(&EndReason::Signal(2)));
}

#[test]
fn hanging_up_during_a_response_reports_the_played_part() {
    let mut call = TestCall::live(plan());
    call.response_created("resp_1");
    call.words("resp_1", "item_a", "one two");
    call.sound("resp_1", "item_a", sec(2));
    call.heard(0, sec(1));
    call.story();
    call.user(UserCommand::HangUp(EndReason::User));
    assert_eq!(call.story(), ["flush", "connection Closing", "close"]);
    call.put(Input::Closed(CloseCause::Ours));
    assert_eq!(call.ended(), None, "what was heard is not known yet");
    call.flushed(&[(0, ms(1_040))]);
    assert_eq!(call.story(), ["assistant cut \"one\" heard 1040 ms", "connection Closed", "end User"]);
}

#[test]
fn a_response_cut_off_by_a_refusal_ends_at_its_playback_position() {
    let mut call = TestCall::live(plan());
    call.response_created("resp_1");
    call.words("resp_1", "item_a", "one two");
    call.sound("resp_1", "item_a", sec(2));
    call.heard(0, sec(1));
    call.story();
    call.put(Input::Closed(CloseCause::Peer { code: Some(4000), reason: "no more".into() }));
    assert_eq!(call.story(), ["flush"]);
    call.flushed(&[(0, ms(1_040))]);
    let story = call.story();
    assert_eq!(story[..2], ["assistant cut \"one\" heard 1040 ms", "connection Closed"]);
    assert!(story[2].starts_with("end Refused"), "{story:?}");
}

#[test]
fn a_missing_flush_report_does_not_delay_the_end() {
    let mut call = TestCall::live(plan());
    call.response_created("resp_1");
    call.sound("resp_1", "item_a", sec(2));
    call.heard(0, sec(1));
    call.put(Input::Closed(CloseCause::Peer { code: Some(4000), reason: "no more".into() }));
    call.pass(ms(150));
    assert!(matches!(call.ended(), Some(EndReason::Refused(_))));
}

#[test]
fn after_a_file_the_call_ends_with_the_last_response() {
    let mut call = TestCall::live(file_plan());
    call.server(json!({"type": "input_audio_buffer.speech_started"}));
    input_ended(&mut call);
    call.pass(ms(500));
    call.server(json!({"type": "input_audio_buffer.speech_stopped"}));
    call.response_created("resp_1");
    call.sound("resp_1", "item_a", sec(5));
    call.response_done("resp_1", "completed");
    call.pass(sec(4));
    assert_eq!(call.ended(), None, "the answer is still being heard");
    call.heard(0, sec(5));
    call.pass(sec(2));
    call.put(Input::Closed(CloseCause::Ours));
    assert_eq!(call.ended(), Some(&EndReason::InputEnded));
}

#[test]
fn a_call_whose_file_ended_long_ago_ends_with_the_last_audio() {
    let mut call = TestCall::live(file_plan());
    input_ended(&mut call);
    call.response_created("resp_1");
    call.sound("resp_1", "item_a", sec(5));
    call.response_done("resp_1", "completed");
    call.pass(sec(5));
    call.story();
    call.heard(0, sec(5));
    assert!(call.story().contains(&"close".to_owned()));
}

#[test]
fn a_late_response_is_awaited() {
    let mut call = TestCall::live(file_plan());
    call.server(json!({"type": "input_audio_buffer.speech_started"}));
    call.server(json!({"type": "input_audio_buffer.speech_stopped"}));
    input_ended(&mut call);
    call.pass(sec(20));
    assert_eq!(call.ended(), None);
    call.sound("resp_1", "item_a", sec(1));
    assert_eq!(call.played(), 24_000);
}

#[test]
fn after_a_silent_file_the_call_ends_too() {
    let mut call = TestCall::live(file_plan());
    input_ended(&mut call);
    call.pass(ms(4_999));
    assert!(!call.story().contains(&"close".to_owned()), "a turn may still be found");
    call.pass(ms(1));
    assert!(call.story().contains(&"close".to_owned()));
}

#[test]
fn a_file_that_ends_before_the_session_is_live_is_still_sent() {
    let mut call = TestCall::dialled(file_plan());
    call.put(Input::Opened);
    call.speak(ms(50));
    input_ended(&mut call);
    call.pass(ms(2_900));
    call.created();
    call.server(json!({"type": "session.updated", "session": {"type": "realtime"}}));
    call.pass(ms(4_999));
    assert!(!call.story().contains(&"close".to_owned()), "a turn may still be found");
}

#[test]
fn a_turn_that_the_server_never_ends_does_not_block_the_end() {
    let mut call = TestCall::live(file_plan());
    call.server(json!({"type": "input_audio_buffer.speech_started"}));
    input_ended(&mut call);
    call.pass(sec(11));
    assert_eq!(call.ended(), Some(&EndReason::Unanswered(MissingReply::NoAnswer)));
}

#[test]
fn a_file_without_turn_detection_is_one_turn() {
    let mut call = TestCall::live(Plan { at_input_end: InputEndAction::End, ..manual_plan() });
    call.speak(sec(1));
    input_ended(&mut call);
    assert_eq!(call.appended().len(), 100);
    assert_eq!(call.story(), ["send commit", "send response.create", "turn Thinking"]);
}

#[test]
fn captions_are_awaited_at_the_end_of_a_file() {
    let mut call = TestCall::live(Plan { at_input_end: InputEndAction::End, ..captions_plan() });
    call.server(json!({"type": "input_audio_buffer.committed", "item_id": "item_u"}));
    input_ended(&mut call);
    call.pass(sec(5));
    assert_eq!(call.ended(), None);
    call.server(json!({"type": "conversation.item.input_audio_transcription.completed", "item_id": "item_u",
        "transcript": "the end"}));
    call.pass(sec(3));
    let story = call.story();
    assert!(story.contains(&"user \"the end\"".to_owned()), "{story:?}");
    assert!(story.contains(&"end InputEnded".to_owned()), "{story:?}");
}

#[test]
fn a_single_question_ends_with_its_response() {
    let plan = Plan { mode: Mode::Ask, opening: vec!["why?".into()], ..written_plan() };
    let mut call = TestCall::live(plan);
    call.response_created("resp_1");
    call.server(json!({"type": "response.output_text.delta", "response_id": "resp_1", "item_id": "item_a",
        "delta": "Because."}));
    call.response_done("resp_1", "completed");
    call.pass(sec(1));
    assert_eq!(call.ended(), Some(&EndReason::Answered));
}

#[test]
fn a_single_question_with_a_failed_response_is_a_failure() {
    let plan = Plan { mode: Mode::Ask, opening: vec!["why?".into()], ..written_plan() };
    let mut call = TestCall::live(plan);
    call.response_done("resp_1", "failed");
    call.pass(sec(1));
    assert!(matches!(call.ended(), Some(EndReason::Refused(_))), "{:?}", call.ended());
}

#[test]
fn the_close_code_decides_the_end_reason() {
    let cases = [
        (Some(1000), "ServerClosed"),
        (Some(1008), "Refused"),
        (Some(3000), "Refused"),
        (Some(4000), "Refused"),
    ];
    for (code, expected) in cases {
        let mut call = TestCall::live(plan());
        call.put(Input::Closed(CloseCause::Peer { code, reason: "bye".into() }));
        let ended = format!("{:?}", call.ended().unwrap());
        assert!(ended.starts_with(expected), "{code:?}: {ended}");
    }
}

fn refused_key(call: &mut TestCall) {
    let error = json!({"type": "invalid_request_error", "code": "invalid_api_key", "message": "wrong key"});
    call.server(json!({"type": "error", "error": error}));
}

#[test]
fn an_error_that_ends_the_call_is_shown_once_as_its_reason() {
    let mut call = TestCall::dialled(plan());
    call.put(Input::Opened);
    refused_key(&mut call);
    call.put(Input::Closed(CloseCause::Peer { code: Some(3000), reason: String::new() }));
    let shown: Vec<String> = call.story().into_iter().filter(|line| line.contains("wrong key")).collect();
    assert!(matches!(&shown[..], [end] if end.starts_with("end Refused")), "{shown:?}");
}

#[test]
fn a_fatal_error_without_a_close_is_shown() {
    let mut call = TestCall::live(plan());
    refused_key(&mut call);
    call.pass(ms(999));
    assert_eq!(call.story(), [""; 0]);
    call.pass(ms(1));
    assert_eq!(call.story(), ["error wrong key"]);
}

#[test]
fn there_is_no_output_after_the_end() {
    let mut call = TestCall::live(plan());
    call.put(Input::Closed(CloseCause::Peer { code: Some(1000), reason: String::new() }));
    call.outputs.clear();
    call.say("hello?");
    call.speak(sec(1));
    call.pass(sec(100));
    assert!(call.outputs.is_empty());
}
