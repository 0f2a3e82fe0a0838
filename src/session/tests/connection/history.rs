//! Conversations that continue an earlier one.

use crate::protocol::close::CloseCause;
use crate::protocol::dialect::Dialect;
use crate::protocol::encode;
use crate::protocol::events::client::ClientEvent;
use crate::protocol::events::item::Role;
use crate::session::io::message::PastTurn;
use crate::session::tests::*;

fn continued_plan() -> Plan {
    let turn = |item: &str, role, text: &str| PastTurn { item_id: item.into(), role, text: text.into() };
    let history = vec![turn("k1", Role::User, "My name is Ann."), turn("k2", Role::Assistant, "Hello Ann.")];
    Plan { mode: Mode::Chat, history, ..written_plan() }
}

/// Returns the content of the items that were sent, as on the wire.
fn items(call: &TestCall, dialect: Dialect) -> Vec<Value> {
    let items = call.sent().into_iter().filter(|body| matches!(body, ClientBody::ItemCreate { .. }));
    let event = |body: &ClientBody| ClientEvent { event_id: None, body: body.clone() };
    let wire = |body| serde_json::from_str::<Value>(&encode::client_event(&event(body), dialect)).unwrap();
    items.map(|body| wire(body)["item"]["content"].clone()).collect()
}

#[test]
fn earlier_turns_are_given_as_text_before_the_first_message() {
    let mut call = TestCall::dialled(continued_plan());
    call.say("Who am I?");
    call.configured();
    let contents = |word: &str| {
        [
            json!([{"type": "input_text", "text": "My name is Ann."}]),
            json!([{"type": word, "text": "Hello Ann."}]),
            json!([{"type": "input_text", "text": "Who am I?"}]),
        ]
    };
    assert_eq!(items(&call, Dialect::Ga), contents("output_text"));
    assert_eq!(items(&call, Dialect::Beta), contents("text"));
    let requests = call.sent().into_iter().filter(|body| matches!(body, ClientBody::ResponseCreate(_)));
    assert_eq!(requests.count(), 1, "only the message is answered");
}

#[test]
fn earlier_turns_survive_a_lost_connection_and_a_retry_but_not_clear() {
    let mut call = TestCall::live(continued_plan());
    call.put(Input::Closed(CloseCause::Broken("reset".into())));
    call.pass(sec(1));
    call.outputs.clear();
    call.configured();
    assert_eq!(items(&call, Dialect::Ga).len(), 2);
    call.outputs.clear();
    call.user(UserCommand::Clear);
    call.configured();
    assert_eq!(items(&call, Dialect::Ga), [json!(null); 0]);
}

#[test]
fn the_last_earlier_message_can_be_answered_again() {
    let mut call = TestCall::live(continued_plan());
    call.user(UserCommand::Retry);
    assert!(call.story().contains(&"removed Item(\"k2\")".to_owned()));
    call.configured();
    assert_eq!(items(&call, Dialect::Ga), [json!([{"type": "input_text", "text": "My name is Ann."}])]);
    assert!(call.story().contains(&"send response.create".to_owned()));
}
