//! A session that outlives its connection: hang up and call again, and connections that are opened on demand.

use crate::protocol::close::CloseCause;
use crate::session::io::{DialFailure, Failure, Limit, OtherSession, Removal};
use crate::session::plan::{CallLimits, ConnectionPolicy};
use crate::session::tests::*;

fn resumable() -> Plan {
    Plan { connecting: ConnectionPolicy::Resumable, ..plan() }
}

fn on_demand() -> Plan {
    let connecting = ConnectionPolicy::OnDemand { idle: Some(sec(300)) };
    Plan { mode: Mode::Chat, connecting, ..written_plan() }
}

/// Asks, and gets an answer in writing.
fn ask(call: &mut TestCall, number: u32) {
    call.say("hello");
    if !call.session.is_live() {
        call.configured();
    }
    answer(call, number);
}

/// Answers in writing.
fn answer(call: &mut TestCall, number: u32) {
    let (response, item) = (format!("resp_{number}"), format!("item_{number}"));
    call.response_created(&response);
    call.server(json!({"type": "response.output_text.delta", "response_id": response, "item_id": item,
        "output_index": 0, "content_index": 0, "delta": "Hi."}));
    call.response_done(&response, "completed");
}

#[test]
fn hanging_up_closes_connection_and_microphone_and_calling_again_continues_the_conversation() {
    let mut call = TestCall::live(resumable());
    call.response_created("resp_1");
    call.words("resp_1", "item_a", "One, two, three.");
    call.sound("resp_1", "item_a", sec(4));
    call.heard(0, sec(2));
    call.outputs.clear();
    call.user(UserCommand::SwitchCall);
    let story = call.story();
    assert_eq!(story.first().map(String::as_str), Some("flush"), "sound stops first: {story:?}");
    assert_eq!(story[story.len() - 3..], ["disconnect", "close audio", "connection Disconnected"]);
    assert!(!story.iter().any(|line| line.starts_with("end")), "{story:?}");
    call.pass(sec(3600));
    assert_eq!(call.story(), [""; 0], "nothing happens between calls");
    call.user(UserCommand::SwitchCall);
    assert_eq!(call.story(), ["open audio", "connection Connecting", "open"]);
    call.configured();
    let story = call.story();
    assert!(story.contains(&"send item".to_owned()), "the conversation is replayed: {story:?}");
    assert!(!story.contains(&"send response.create".to_owned()), "without a request: {story:?}");
    call.user(UserCommand::HangUp(EndReason::User));
    call.put(Input::Closed(CloseCause::Ours));
    assert_eq!(call.ended(), Some(&EndReason::User));
}

#[test]
fn speech_of_an_earlier_call_is_not_sent_again() {
    let mut call = TestCall::live(resumable());
    call.server(json!({"type": "input_audio_buffer.speech_started", "audio_start_ms": 0, "item_id": "u"}));
    call.speak(sec(2));
    call.user(UserCommand::SwitchCall);
    call.user(UserCommand::SwitchCall);
    call.outputs.clear();
    call.configured();
    assert_eq!(call.appended().len(), 0);
    call.speak(ms(20));
    assert_eq!(call.appended().len(), 2);
}

#[test]
fn a_call_that_was_live_survives_the_loss_of_its_server_and_one_that_was_not_ends() {
    let lost = |call: &mut TestCall| {
        call.put(Input::Closed(CloseCause::Broken("reset".into())));
        for _ in 0..8 {
            call.pass(sec(10));
            let failure = Failure { message: "refused".into(), code: None };
            call.put(Input::DialFailed(DialFailure::Passing { failure, retry_after: None }));
        }
    };
    let mut call = TestCall::live(resumable());
    lost(&mut call);
    let story = call.story();
    let last = story[story.len() - 2..].to_vec();
    assert!(last[0] == "connection Disconnected" && last[1].starts_with("error "), "{story:?}");
    assert_eq!(call.ended(), None);
    let mut call = TestCall::dialled(resumable());
    call.put(Input::Opened);
    lost(&mut call);
    assert!(matches!(call.ended(), Some(EndReason::Lost(_))), "{:?}", call.story());
}

#[test]
fn a_text_connection_opens_with_the_first_message_closes_itself_and_comes_back() {
    let mut call = TestCall::dialled(on_demand());
    call.put(Input::Tick);
    assert_eq!(call.story(), [""; 0], "nothing is dialled before the first message");
    call.say("hello");
    assert_eq!(call.story(), ["connection Connecting", "open"]);
    call.configured();
    let sent: Vec<_> = call.story().into_iter().filter(|line| line.starts_with("send")).collect();
    assert_eq!(sent, ["send session.update", "send item", "send response.create"]);
    answer(&mut call, 1);
    call.outputs.clear();
    call.pass(sec(299));
    assert_eq!(call.story(), [""; 0]);
    call.pass(sec(2));
    assert_eq!(call.story(), ["disconnect", "connection Disconnected"]);
    call.say("and now?");
    call.configured();
    let sent: Vec<_> = call.story().into_iter().filter(|line| line.starts_with("send")).collect();
    let items = sent.iter().filter(|line| *line == "send item").count();
    assert!(items >= 3, "the conversation and the message: {sent:?}");
    assert_eq!(sent.iter().filter(|line| *line == "send response.create").count(), 1, "{sent:?}");
}

#[test]
fn an_unused_connection_stays_open_while_an_answer_arrives() {
    let mut call = TestCall::dialled(on_demand());
    ask(&mut call, 1);
    call.say("a long story");
    call.response_created("resp_2");
    for _ in 0..20 {
        call.pass(sec(25));
        call.server(
            json!({"type": "response.output_text.delta", "response_id": "resp_2", "item_id": "item_2",
            "output_index": 0, "content_index": 0, "delta": "and then "}),
        );
    }
    assert!(call.session.is_live());
}

#[test]
fn a_refused_text_connection_is_reported_and_tried_again_with_the_next_message() {
    let mut call = TestCall::dialled(on_demand());
    call.say("hello");
    let failure = Failure { message: "401".into(), code: None };
    call.put(Input::DialFailed(DialFailure::Final(failure)));
    assert!(call.story().ends_with(&["connection Disconnected".to_owned(), "error 401".to_owned()]));
    call.say("again");
    call.configured();
    assert_eq!(call.story().iter().filter(|line| *line == "send item").count(), 2, "no message is lost");
}

#[test]
fn clear_closes_a_text_connection_so_that_the_next_message_begins_a_new_session() {
    let mut call = TestCall::dialled(on_demand());
    ask(&mut call, 1);
    call.outputs.clear();
    call.user(UserCommand::Clear);
    assert!(call.outputs.contains(&Output::Show(Notice::Removed(Removal::Everything))));
    assert!(call.story().contains(&"disconnect".to_owned()));
    call.say("hello");
    call.configured();
    assert_eq!(call.story().iter().filter(|line| *line == "send item").count(), 1, "nothing is replayed");
}

#[test]
fn another_answer_is_requested_over_a_new_connection() {
    let mut call = TestCall::dialled(on_demand());
    ask(&mut call, 1);
    call.pass(sec(301));
    call.outputs.clear();
    call.user(UserCommand::Retry);
    call.configured();
    let sent: Vec<_> = call.story().into_iter().filter(|line| line.starts_with("send")).collect();
    assert_eq!(sent, ["send session.update", "send item", "send response.create"]);
}

#[test]
fn the_cost_and_the_activity_of_another_session_count_towards_the_limits() {
    let limits = CallLimits { idle: Some(sec(600)), cost_usd: Some(0.1) };
    let mut call = TestCall::live(Plan { limits, ..resumable() });
    call.pass(sec(500));
    call.put(Input::Other(OtherSession { usd: 0.05, active_at: call.now }));
    call.pass(sec(500));
    assert_eq!(call.ended(), None, "the user was active elsewhere");
    call.user(UserCommand::SwitchCall);
    call.put(Input::Other(OtherSession { usd: 0.11, active_at: call.now }));
    call.pass(ms(1));
    assert_eq!(call.ended(), Some(&EndReason::Limit(Limit::Cost)), "also between calls");
}
