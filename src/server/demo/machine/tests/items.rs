//! Creation, truncation, retrieval and deletion of items.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::server::demo::machine::tests::harness::{MachineHarness, SECOND, speech};

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

/// Requests a spoken answer of 1,100 ms and returns the id of its item.
fn answered(harness: &mut MachineHarness) -> Value {
    harness.send(create(&message("user", &json!({ "type": "input_text", "text": "hello" })), &Value::Null));
    harness.send(json!({ "type": "response.create" }));
    harness.wait(10 * SECOND);
    harness.only("response.done")["response"]["output"][0]["id"].take()
}

#[test]
fn items_are_inserted_at_their_position() {
    let mut harness = MachineHarness::ga();
    harness.read();
    let text = |text: &str| message("user", &json!({ "type": "input_text", "text": text }));
    let mut named = text("b");
    named["id"] = json!("item_b");
    harness.send(create(&named, &Value::Null));
    let events = harness.read();
    assert_eq!(events[0]["type"], "conversation.item.added");
    assert_eq!(events[1]["type"], "conversation.item.done");
    assert_eq!(events[0]["previous_item_id"], Value::Null);
    assert_eq!(
        events[1]["item"],
        json!({ "id": "item_b", "type": "message", "role": "user", "status": "completed",
            "content": [{ "type": "input_text", "text": "b" }] })
    );
    harness.send(create(&text("c"), &json!("item_b")));
    assert_eq!(harness.only("conversation.item.added")["previous_item_id"], "item_b");
    harness.send(create(&text("a"), &json!("root")));
    assert_eq!(harness.only("conversation.item.added")["previous_item_id"], Value::Null);
    harness.send(create(&text("x"), &json!("nowhere")));
    assert_eq!(harness.error().1, "previous_item_id");
    harness.send(create(&named, &Value::Null));
    assert_eq!(harness.error().1, "item.id");
}

#[test]
fn an_answer_is_truncated_where_playback_stopped() {
    let mut harness = MachineHarness::ga();
    let item_id = answered(&mut harness);
    harness.send(truncate(&item_id, 500));
    assert_eq!(
        harness.read().pop().map(|mut event| {
            event["event_id"].take();
            event
        }),
        Some(json!({ "type": "conversation.item.truncated", "event_id": null, "item_id": item_id,
            "content_index": 0, "audio_end_ms": 500 }))
    );
    harness.send(json!({ "type": "conversation.item.retrieve", "item_id": item_id }));
    let part = harness.only("conversation.item.retrieved")["item"]["content"][0].take();
    let bytes = STANDARD.decode(part["audio"].as_str().unwrap()).unwrap();
    assert_eq!(bytes.len(), 500 * 48);
    assert_eq!(part.get("transcript"), None, "the played words are unknown");
}

#[test]
fn an_answer_cannot_be_truncated_past_its_end() {
    let mut harness = MachineHarness::ga();
    let item_id = answered(&mut harness);
    harness.send(truncate(&item_id, 1_101));
    let (code, param, message, event_id) = harness.error();
    assert_eq!((code, param, event_id), (json!("invalid_value"), json!("audio_end_ms"), json!("cut")));
    assert_eq!(message, "Audio content of 1100ms is already shorter than 1101ms");
    harness.send(truncate(&item_id, 1_100));
    harness.only("conversation.item.truncated");
}

#[test]
fn an_answer_in_progress_can_be_truncated_to_the_sent_part() {
    let mut harness = MachineHarness::ga();
    harness.send(create(&message("user", &json!({ "type": "input_text", "text": "hello" })), &Value::Null));
    harness.send(json!({ "type": "response.create" }));
    let item_id = harness.only("response.output_item.added")["item"]["id"].take();
    harness.send(truncate(&item_id, 101));
    assert_eq!(harness.error().2, "Audio content of 100ms is already shorter than 101ms");
    harness.send(truncate(&item_id, 40));
    harness.only("conversation.item.truncated");
    harness.wait(10 * SECOND);
    harness.read();
    harness.send(json!({ "type": "conversation.item.retrieve", "item_id": item_id }));
    let part = harness.only("conversation.item.retrieved")["item"]["content"][0].take();
    assert_eq!(STANDARD.decode(part["audio"].as_str().unwrap()).unwrap().len(), 40 * 48);
}

#[test]
fn only_spoken_answers_can_be_truncated() {
    let mut harness = MachineHarness::ga();
    harness.send(create(&message("user", &json!({ "type": "input_text", "text": "hello" })), &Value::Null));
    let item_id = harness.only("conversation.item.added")["item"]["id"].take();
    harness.send(truncate(&item_id, 0));
    assert_eq!(harness.error().0, "invalid_value");
    harness.send(truncate(&json!("item_gone"), 0));
    let (code, _, message, _) = harness.error();
    assert_eq!(code, "item_truncate_invalid_item_id");
    assert!(message.ends_with("does not exist."), "{message}");
}

#[test]
fn a_deleted_item_is_gone() {
    let mut harness = MachineHarness::ga();
    let item_id = answered(&mut harness);
    harness.send(json!({ "type": "conversation.item.delete", "item_id": item_id }));
    assert_eq!(harness.only("conversation.item.deleted")["item_id"], item_id);
    for name in ["retrieve", "delete"] {
        harness.send(json!({ "type": format!("conversation.item.{name}"), "item_id": item_id }));
        assert_eq!(harness.error().0, format!("item_{name}_invalid_item_id"));
    }
}

#[test]
fn audio_in_an_item_is_measured_and_not_returned() {
    let mut harness = MachineHarness::ga();
    harness.read();
    let bytes: Vec<u8> = speech().iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let part = json!({ "type": "input_audio", "audio": STANDARD.encode(bytes) });
    harness.send(create(&message("user", &part), &Value::Null));
    let added = harness.only("conversation.item.added");
    assert_eq!(added["item"]["content"], json!([{ "type": "input_audio", "transcript": null }]));
    harness.send(json!({ "type": "response.create", "response": { "output_modalities": ["text"] } }));
    harness.wait(10 * SECOND);
    let text = harness.only("response.output_text.done")["text"].take();
    assert!(text.as_str().unwrap().starts_with("I heard you speak for 1."), "{text}");
}

#[test]
fn an_output_requires_its_call() {
    let mut harness = MachineHarness::ga();
    harness.read();
    let result = json!({ "type": "function_call_output", "call_id": "call_1", "output": "{}" });
    harness.send(create(&result, &Value::Null));
    assert_eq!(harness.error().1, "item.call_id");
    let call = json!({ "type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}" });
    harness.send(create(&call, &Value::Null));
    harness.send(create(&result, &Value::Null));
    assert_eq!(harness.all("conversation.item.done").len(), 2);
}
