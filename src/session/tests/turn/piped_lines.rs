//! Piped lines: each waits for the previous response, and the last response ends the call.

use crate::session::tests::*;

fn answered(call: &mut TestCall, response: &str) {
    call.response_created(response);
    call.response_done(response, "completed");
}

#[test]
fn a_piped_line_waits_for_the_previous_response() {
    let mut call = TestCall::live(plan());
    for (clip, response, item) in [(0, "resp_1", "item_1"), (1, "resp_2", "item_2")] {
        assert!(call.session.takes_line());
        call.say("hello");
        assert!(!call.session.takes_line(), "it has no response");
        call.response_created(response);
        call.words(response, item, "Hello");
        call.sound(response, item, sec(1));
        call.response_done(response, "completed");
        assert!(!call.session.takes_line(), "the response is not played yet");
        call.pass(sec(1));
        call.heard(clip, sec(1));
    }
}

#[test]
fn the_end_of_piped_lines_ends_the_call_after_the_last_response() {
    let mut call = TestCall::live(plan());
    call.say("hello");
    answered(&mut call, "resp_1");
    assert!(call.session.takes_line());
    call.user(UserCommand::LinesEnded);
    call.pass(sec(1));
    assert_eq!(call.ended(), Some(&EndReason::InputEnded));
}

#[test]
fn standard_input_without_a_line_does_not_end_the_call() {
    let mut call = TestCall::live(plan());
    call.user(UserCommand::LinesEnded);
    call.pass(sec(60));
    assert_eq!(call.ended(), None);
}

#[test]
fn a_line_gets_a_response_after_the_end_of_the_file() {
    let mut call = TestCall::live(Plan { at_input_end: crate::session::plan::InputEndAction::End, ..plan() });
    call.put(Input::Audio(AudioEvent::InputEnded));
    assert!(call.session.takes_line());
    call.say("hello");
    call.pass(sec(5));
    assert_eq!(call.ended(), None, "it has no response");
    call.response_created("resp_1");
    call.words("resp_1", "item_1", "Hello");
    call.response_done("resp_1", "completed");
    call.user(UserCommand::LinesEnded);
    call.pass(sec(60));
    assert_eq!(call.ended(), Some(&EndReason::InputEnded));
}

#[test]
fn open_standard_input_does_not_prolong_a_file_call() {
    let mut call = TestCall::live(Plan { at_input_end: crate::session::plan::InputEndAction::End, ..plan() });
    call.put(Input::Audio(AudioEvent::InputEnded));
    call.pass(sec(60));
    assert!(matches!(call.ended(), Some(EndReason::Unanswered(_))), "{:?}", call.ended());
}
