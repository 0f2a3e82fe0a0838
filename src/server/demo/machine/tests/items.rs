//! Items that are created, cut, fetched and deleted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::server::demo::machine::tests::desk::{MachineHarness, SECOND, speech};

fn message(role: &str, part: &Value) -> Value {
    json!({ "type": "message", "role": role, "content": [part] })
}

fn create(item: &Value, previous: &Value) -> Value {
    json!({ "type": "conversation.item.create", "previous_item_id": previous, "item": item })
}

fn truncate(item_id: &Value, ms: u64) -> Value {
    json!({ "type": "conversation.item.truncate", "event_id": "cut", "item_id": item_id,
        "content_index": 0, "audio_end_ms": ms })
}

/// Has a spoken answer of 1,100 ms given and returns the id of its item.
fn answered(desk: &mut MachineHarness) -> Value {
    desk.send(create(&message("user", &json!({ "type": "input_text", "text": "hello" })), &Value::Null));
    desk.send(json!({ "type": "response.create" }));
    desk.wait(10 * SECOND);
    desk.only("response.done")["response"]["output"][0]["id"].take()
}

#[test]
fn items_find_their_place() {
    let mut desk = MachineHarness::ga();
    desk.read();
    let text = |text: &str| message("user", &json!({ "type": "input_text", "text": text }));
    let mut named = text("b");
    named["id"] = json!("item_b");
    desk.send(create(&named, &Value::Null));
    let events = desk.read();
    assert_eq!(events[0]["type"], "conversation.item.added");
    assert_eq!(events[1]["type"], "conversation.item.done");
    assert_eq!(events[0]["previous_item_id"], Value::Null);
    assert_eq!(
        events[1]["item"],
        json!({ "id": "item_b", "type": "message", "role": "user", "status": "completed",
            "content": [{ "type": "input_text", "text": "b" }] })
    );
    desk.send(create(&text("c"), &json!("item_b")));
    assert_eq!(desk.only("conversation.item.added")["previous_item_id"], "item_b");
    desk.send(create(&text("a"), &json!("root")));
    assert_eq!(desk.only("conversation.item.added")["previous_item_id"], Value::Null);
    desk.send(create(&text("x"), &json!("nowhere")));
    assert_eq!(desk.error().1, "previous_item_id");
    desk.send(create(&named, &Value::Null));
    assert_eq!(desk.error().1, "item.id");
}

#[test]
fn an_answer_is_cut_where_it_was_heard_to() {
    let mut desk = MachineHarness::ga();
    let item_id = answered(&mut desk);
    desk.send(truncate(&item_id, 500));
    assert_eq!(
        desk.read().pop().map(|mut event| {
            event["event_id"].take();
            event
        }),
        Some(json!({ "type": "conversation.item.truncated", "event_id": null, "item_id": item_id,
            "content_index": 0, "audio_end_ms": 500 }))
    );
    desk.send(json!({ "type": "conversation.item.retrieve", "item_id": item_id }));
    let part = desk.only("conversation.item.retrieved")["item"]["content"][0].take();
    let bytes = STANDARD.decode(part["audio"].as_str().unwrap()).unwrap();
    assert_eq!(bytes.len(), 500 * 48);
    assert_eq!(part.get("transcript"), None, "nobody knows which words were heard");
}

#[test]
fn an_answer_cannot_be_cut_behind_its_end() {
    let mut desk = MachineHarness::ga();
    let item_id = answered(&mut desk);
    desk.send(truncate(&item_id, 1_101));
    let (code, param, message, event_id) = desk.error();
    assert_eq!((code, param, event_id), (json!("invalid_value"), json!("audio_end_ms"), json!("cut")));
    assert_eq!(message, "Audio content of 1100ms is already shorter than 1101ms");
    desk.send(truncate(&item_id, 1_100));
    desk.only("conversation.item.truncated");
}

#[test]
fn an_answer_on_its_way_can_be_cut_to_what_was_sent() {
    let mut desk = MachineHarness::ga();
    desk.send(create(&message("user", &json!({ "type": "input_text", "text": "hello" })), &Value::Null));
    desk.send(json!({ "type": "response.create" }));
    let item_id = desk.only("response.output_item.added")["item"]["id"].take();
    desk.send(truncate(&item_id, 101));
    assert_eq!(desk.error().2, "Audio content of 100ms is already shorter than 101ms");
    desk.send(truncate(&item_id, 40));
    desk.only("conversation.item.truncated");
    desk.wait(10 * SECOND);
    desk.read();
    desk.send(json!({ "type": "conversation.item.retrieve", "item_id": item_id }));
    let part = desk.only("conversation.item.retrieved")["item"]["content"][0].take();
    assert_eq!(STANDARD.decode(part["audio"].as_str().unwrap()).unwrap().len(), 40 * 48);
}

#[test]
fn only_what_was_spoken_by_the_assistant_can_be_cut() {
    let mut desk = MachineHarness::ga();
    desk.send(create(&message("user", &json!({ "type": "input_text", "text": "hello" })), &Value::Null));
    let item_id = desk.only("conversation.item.added")["item"]["id"].take();
    desk.send(truncate(&item_id, 0));
    assert_eq!(desk.error().0, "invalid_value");
    desk.send(truncate(&json!("item_gone"), 0));
    let (code, _, message, _) = desk.error();
    assert_eq!(code, "item_truncate_invalid_item_id");
    assert!(message.ends_with("does not exist."), "{message}");
}

#[test]
fn a_deleted_item_is_gone() {
    let mut desk = MachineHarness::ga();
    let item_id = answered(&mut desk);
    desk.send(json!({ "type": "conversation.item.delete", "item_id": item_id }));
    assert_eq!(desk.only("conversation.item.deleted")["item_id"], item_id);
    for name in ["retrieve", "delete"] {
        desk.send(json!({ "type": format!("conversation.item.{name}"), "item_id": item_id }));
        assert_eq!(desk.error().0, format!("item_{name}_invalid_item_id"));
    }
}

#[test]
fn sound_in_an_item_is_measured_and_not_shown() {
    let mut desk = MachineHarness::ga();
    desk.read();
    let bytes: Vec<u8> = speech().iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let part = json!({ "type": "input_audio", "audio": STANDARD.encode(bytes) });
    desk.send(create(&message("user", &part), &Value::Null));
    let added = desk.only("conversation.item.added");
    assert_eq!(added["item"]["content"], json!([{ "type": "input_audio", "transcript": null }]));
    desk.send(json!({ "type": "response.create", "response": { "output_modalities": ["text"] } }));
    desk.wait(10 * SECOND);
    let text = desk.only("response.output_text.done")["text"].take();
    assert!(text.as_str().unwrap().starts_with("I heard you speak for 1."), "{text}");
}

#[test]
fn a_result_needs_its_call() {
    let mut desk = MachineHarness::ga();
    desk.read();
    let result = json!({ "type": "function_call_output", "call_id": "call_1", "output": "{}" });
    desk.send(create(&result, &Value::Null));
    assert_eq!(desk.error().1, "item.call_id");
    let call = json!({ "type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}" });
    desk.send(create(&call, &Value::Null));
    desk.send(create(&result, &Value::Null));
    assert_eq!(desk.all("conversation.item.done").len(), 2);
}
