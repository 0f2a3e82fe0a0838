//! Changes of the conversation so far: retry, a message taken back, clear, new settings.

use crate::protocol::close::CloseCause;
use crate::session::io::Removal;
use crate::session::tests::*;

/// A chat with one question and its answer.
fn answered_chat() -> TestCall {
    let mut call = TestCall::live(Plan { mode: Mode::Chat, ..written_plan() });
    ask(&mut call, "hello", ("resp_1", "item_1"));
    call.outputs.clear();
    call
}

fn ask(call: &mut TestCall, question: &str, (response, item): (&str, &str)) {
    call.say(question);
    call.response_created(response);
    call.server(json!({"type": "response.output_text.delta", "response_id": response, "item_id": item,
        "output_index": 0, "content_index": 0, "delta": "Hi."}));
    call.response_done(response, "completed");
}

/// Returns the removed items and the sent events.
fn changes(call: &mut TestCall) -> Vec<String> {
    let outputs = std::mem::take(&mut call.outputs);
    let described = outputs.iter().filter_map(|output| match output {
        Output::Show(Notice::Removed(Removal::Item(item_id))) => Some(format!("removed {item_id}")),
        Output::Show(Notice::Removed(Removal::Everything)) => Some("removed everything".to_owned()),
        Output::Show(Notice::Info(text)) => Some(format!("info {text}")),
        Output::Show(Notice::Setting(change)) => Some(format!("shown {change:?}")),
        Output::Open(_) => Some("open".to_owned()),
        Output::SetModel(model) => Some(format!("model {model}")),
        Output::Send(event) => Some(match &event.body {
            ClientBody::ItemDelete { item_id } => format!("delete {item_id}"),
            ClientBody::SessionUpdate(settings) => format!("instructions {:?}", settings.instructions),
            other => describe_event(other)?,
        }),
        _ => None,
    });
    described.collect()
}

#[test]
fn retry_deletes_the_last_answer_and_requests_another() {
    let mut call = answered_chat();
    call.user(UserCommand::Retry);
    assert_eq!(changes(&mut call), ["removed item_1", "delete item_1", "send response.create"]);
}

#[test]
fn a_message_is_taken_back_with_its_answer() {
    let mut call = answered_chat();
    call.user(UserCommand::TakeBack);
    let expected = ["removed rtv_text_1", "delete rtv_text_1", "removed item_1", "delete item_1"];
    assert_eq!(changes(&mut call), expected);
    call.user(UserCommand::TakeBack);
    assert_eq!(changes(&mut call), ["info no message to edit"]);
}

#[test]
fn clear_starts_a_new_session_without_the_conversation() {
    let mut call = answered_chat();
    call.user(UserCommand::Clear);
    let changed = changes(&mut call);
    assert!(changed.contains(&"open".to_owned()) && changed.contains(&"removed everything".to_owned()));
    call.configured();
    let sent = changes(&mut call);
    assert!(!sent.contains(&"send item".to_owned()), "{sent:?}");
    call.user(UserCommand::Retry);
    assert_eq!(changes(&mut call), ["info no message to answer again"]);
}

#[test]
fn instructions_are_changed_in_the_session() {
    let mut call = answered_chat();
    call.user(UserCommand::Instruct("be brief".to_owned()));
    assert_eq!(changes(&mut call), ["instructions Some(\"be brief\")", "shown Instructions(\"be brief\")"]);
    call.outputs.clear();
    call.user(UserCommand::Instruct(String::new()));
    assert_eq!(changes(&mut call), ["info instructions: be brief"]);
}

#[test]
fn the_speed_of_speech_changes_between_responses_only() {
    let mut call = answered_chat();
    call.user(UserCommand::ChangeSpeed(125));
    let update = call.outputs.iter().find_map(|output| match output {
        Output::Send(event) => match &event.body {
            ClientBody::SessionUpdate(settings) => settings.speed,
            _ => None,
        },
        _ => None,
    });
    assert_eq!(update, Some(1.25));
    call.outputs.clear();
    call.user(UserCommand::Say("tell me more".to_owned()));
    call.outputs.clear();
    call.user(UserCommand::ChangeSpeed(75));
    assert_eq!(changes(&mut call), ["info stop the answer first, or wait for its end"]);
}

#[test]
fn another_model_continues_the_conversation_on_a_new_connection() {
    let mut call = answered_chat();
    call.user(UserCommand::ChangeModel("gpt-other".to_owned()));
    let changed = changes(&mut call);
    assert_eq!(changed, ["info continuing with the model gpt-other", "model gpt-other", "open"]);
    call.configured();
    let sent = changes(&mut call);
    assert_eq!(sent.iter().filter(|event| *event == "send item").count(), 2, "{sent:?}");
    assert!(!sent.contains(&"send response.create".to_owned()), "the question was answered: {sent:?}");
}

#[test]
fn retry_after_a_lost_connection_uses_a_new_one_since_the_ids_are_unknown() {
    let mut call = answered_chat();
    call.put(Input::Closed(CloseCause::Broken("reset".into())));
    call.pass(sec(1));
    call.configured();
    call.outputs.clear();
    call.user(UserCommand::Retry);
    assert_eq!(changes(&mut call), ["removed item_1", "open"]);
    call.configured();
    let sent = changes(&mut call);
    assert_eq!(sent.iter().filter(|event| *event == "send item").count(), 1, "{sent:?}");
    assert_eq!(sent.last().map(String::as_str), Some("send response.create"));
}
