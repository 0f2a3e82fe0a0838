//! Messages with images and texts, templates, and messages that the endpoint refuses.

use crate::protocol::dialect::Dialect;
use crate::protocol::events::item::{ContentPart, ItemBody};
use crate::session::io::message::{Attachment, ImageAttachment};
use crate::session::tests::*;

const PICTURE: &str = "data:image/png;base64,iVBORw0KGgo=";

fn image() -> Attachment {
    Attachment::Image(ImageAttachment { name: "cat.png".into(), url: PICTURE.into() })
}

/// Returns the content of the last item that was sent.
fn content(call: &TestCall) -> Vec<ContentPart> {
    let item = call.sent().into_iter().rev().find_map(|body| match body {
        ClientBody::ItemCreate { item, .. } => Some(item.clone()),
        _ => None,
    });
    match item.map(|item| item.body) {
        Some(ItemBody::Message { content, .. }) => content,
        other => panic!("{other:?}"),
    }
}

fn picture() -> ContentPart {
    ContentPart::InputImage { image_url: PICTURE.into(), detail: None }
}

fn text(text: &str) -> ContentPart {
    ContentPart::InputText(text.into())
}

/// Returns the event id of the last item that was sent.
fn item_event(call: &TestCall) -> String {
    let id = call.outputs.iter().rev().find_map(|output| match output {
        Output::Send(event) if matches!(event.body, ClientBody::ItemCreate { .. }) => event.event_id.clone(),
        _ => None,
    });
    id.expect("an item was sent")
}

fn refuse(call: &mut TestCall) {
    let event_id = item_event(call);
    call.outputs.clear();
    call.server(json!({"type": "error", "error": {"type": "invalid_request_error", "code": "invalid_value",
        "message": "This model does not support image inputs.", "event_id": event_id}}));
    call.pass(sec(2));
}

#[test]
fn an_image_goes_with_the_first_message_only() {
    let plan = Plan { mode: Mode::Chat, attachments: vec![image()], ..written_plan() };
    let mut call = TestCall::live(plan);
    call.say("what is this?");
    assert_eq!(content(&call), [picture(), text("what is this?")]);
    assert!(call.story().contains(&"user \"what is this?\\n[image: cat.png]\"".to_owned()));
    call.say("and now?");
    assert_eq!(content(&call), [text("and now?")]);
}

#[test]
fn attached_files_go_with_the_next_message() {
    let mut call = TestCall::live(Plan { mode: Mode::Chat, ..written_plan() });
    call.user(UserCommand::Attach(Attachment::Text("notes.txt:\n```\none\n```".into())));
    call.user(UserCommand::Attach(image()));
    let story = call.story();
    assert_eq!(
        story,
        ["info text goes with your next message", "info image cat.png goes with your next message"]
    );
    call.say("sum up");
    assert_eq!(content(&call), [picture(), text("sum up\n\nnotes.txt:\n```\none\n```")]);
}

#[test]
fn an_image_is_replayed_after_a_lost_connection() {
    let mut call = TestCall::live(Plan { mode: Mode::Chat, attachments: vec![image()], ..written_plan() });
    call.say("what is this?");
    call.put(Input::Closed(crate::protocol::close::CloseCause::Broken("reset".into())));
    call.pass(sec(1));
    call.outputs.clear();
    call.configured();
    assert_eq!(content(&call), [picture(), text("what is this?")]);
}

#[test]
fn a_message_stands_in_the_template_of_its_role() {
    let template = Some("Translate: $input".to_owned());
    let mut call = TestCall::live(Plan { mode: Mode::Chat, template, ..written_plan() });
    call.say("hola");
    assert_eq!(content(&call), [text("Translate: hola")]);
    assert!(call.story().contains(&"user \"hola\"".to_owned()), "the user sees what was typed");
}

#[test]
fn an_image_is_refused_where_the_dialect_has_no_form_for_it() {
    let beta = |mode| Plan { mode, dialect: Some(Dialect::Beta), ..written_plan() };
    let message = "images cannot be sent: the endpoint speaks the beta dialect";
    let mut chat = TestCall::live(beta(Mode::Chat));
    chat.user(UserCommand::Attach(image()));
    assert_eq!(chat.story(), [format!("error {message}")]);
    chat.say("hello");
    assert_eq!(content(&chat), [text("hello")]);
    let plan = Plan { attachments: vec![image()], opening: vec!["what?".into()], ..beta(Mode::Ask) };
    let mut ask = TestCall::live(plan);
    ask.pass(sec(2));
    assert!(matches!(ask.ended(), Some(EndReason::Refused(failure)) if failure.message == message));
}

#[test]
fn a_refused_message_ends_a_single_question() {
    let plan = Plan {
        mode: Mode::Ask,
        attachments: vec![image()],
        opening: vec!["what is this?".into()],
        ..written_plan()
    };
    let mut call = TestCall::dialled(plan);
    call.configured();
    refuse(&mut call);
    let Some(EndReason::Refused(failure)) = call.ended() else { panic!("{:?}", call.ended()) };
    assert_eq!(failure.message, "This model does not support image inputs.");
}

#[test]
fn a_refused_message_is_no_part_of_the_conversation() {
    let mut call = TestCall::live(Plan { mode: Mode::Chat, attachments: vec![image()], ..written_plan() });
    call.say("what is this?");
    refuse(&mut call);
    let story = call.story();
    assert_eq!(story[0], "send response.cancel -", "an answer would be about nothing");
    assert!(story.contains(&"error This model does not support image inputs.".to_owned()), "{story:?}");
    call.user(UserCommand::TakeBack);
    assert!(call.story().contains(&"info no message to edit".to_owned()));
}
