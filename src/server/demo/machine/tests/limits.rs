//! What one connection may make the endpoint keep, and what it is told beyond that.

use serde_json::{Value, json};

use crate::server::demo::machine::tests::desk::{MachineHarness, SECOND};

fn item(text: &str) -> Value {
    json!({ "type": "conversation.item.create", "event_id": "mine", "item": { "type": "message",
        "role": "user", "content": [{ "type": "input_text", "text": text }] } })
}

#[test]
fn the_text_of_a_conversation_is_bounded() {
    let mut desk = MachineHarness::ga();
    desk.read();
    let text = "x".repeat(250_000);
    let mut items = 0;
    loop {
        desk.send(item(&text));
        if desk.read().iter().any(|event| event["type"] == "error") {
            break;
        }
        items += 1;
    }
    assert_eq!(items, (32 << 20) / 250_000);
    let image = format!("data:image/png;base64,{}", "A".repeat(1 << 20));
    let output = json!({ "type": "function_call", "call_id": "c", "name": "f", "arguments": text });
    for item in [
        json!({ "type": "message", "role": "user", "content": [{ "type": "input_image", "image_url": image }] }),
        output,
    ] {
        desk.send(json!({ "type": "conversation.item.create", "item": item }));
        assert_eq!(desk.error().1, "item");
    }
}

#[test]
fn responses_outside_of_the_conversation_are_bounded() {
    let mut desk = MachineHarness::ga();
    desk.read();
    let create = json!({ "type": "response.create", "event_id": "mine", "response": { "conversation": "none",
        "input": [], "output_modalities": ["text"] } });
    for _ in 0..4 {
        desk.send(create.clone());
        desk.only("response.created");
    }
    desk.send(create.clone());
    let (code, _, message, event_id) = desk.error();
    assert_eq!((code, event_id), (json!("rate_limit_exceeded"), json!("mine")));
    assert!(message.contains("at most 4 responses"), "{message}");
    desk.wait(60 * SECOND);
    assert_eq!(desk.all("response.done").len(), 4);
    desk.send(create);
    desk.only("response.created");
}

#[test]
fn settings_are_bounded() {
    let mut desk = MachineHarness::ga();
    desk.read();
    let update = |instructions: &str| {
        json!({ "type": "session.update", "event_id": "mine", "session": { "type": "realtime",
            "instructions": instructions } })
    };
    desk.send(update(&"x".repeat(1 << 20)));
    let (code, _, message, event_id) = desk.error();
    assert_eq!((code, event_id), (json!("string_above_max_length"), json!("mine")), "{message}");
    desk.send(update(&"x".repeat(500_000)));
    desk.only("session.updated");
}

#[test]
fn the_speech_of_a_cancelled_response_is_not_made() {
    let mut desk = MachineHarness::ga();
    desk.hold_speech();
    desk.send(item("hello"));
    desk.send(json!({ "type": "response.create" }));
    desk.send(json!({ "type": "response.cancel" }));
    assert_eq!(desk.only("response.done")["response"]["status"], "cancelled");
    assert_eq!(desk.cancelled_speech, [1]);
}
