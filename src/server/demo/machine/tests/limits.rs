//! Memory limits of a connection, and the errors beyond them.

use serde_json::{Value, json};

use crate::server::demo::machine::tests::harness::{MachineHarness, SECOND};

fn item(text: &str) -> Value {
    json!({ "type": "conversation.item.create", "event_id": "mine", "item": { "type": "message",
        "role": "user", "content": [{ "type": "input_text", "text": text }] } })
}

#[test]
fn the_text_of_a_conversation_is_bounded() {
    let mut harness = MachineHarness::ga();
    harness.read();
    let text = "x".repeat(250_000);
    let mut items = 0;
    loop {
        harness.send(item(&text));
        if harness.read().iter().any(|event| event["type"] == "error") {
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
        harness.send(json!({ "type": "conversation.item.create", "item": item }));
        assert_eq!(harness.error().1, "item");
    }
}

#[test]
fn out_of_band_responses_are_limited() {
    let mut harness = MachineHarness::ga();
    harness.read();
    let create = json!({ "type": "response.create", "event_id": "mine", "response": { "conversation": "none",
        "input": [], "output_modalities": ["text"] } });
    for _ in 0..4 {
        harness.send(create.clone());
        harness.only("response.created");
    }
    harness.send(create.clone());
    let (code, _, message, event_id) = harness.error();
    assert_eq!((code, event_id), (json!("rate_limit_exceeded"), json!("mine")));
    assert!(message.contains("at most 4 responses"), "{message}");
    harness.wait(60 * SECOND);
    assert_eq!(harness.all("response.done").len(), 4);
    harness.send(create);
    harness.only("response.created");
}

#[test]
fn settings_are_bounded() {
    let mut harness = MachineHarness::ga();
    harness.read();
    let update = |instructions: &str| {
        json!({ "type": "session.update", "event_id": "mine", "session": { "type": "realtime",
            "instructions": instructions } })
    };
    harness.send(update(&"x".repeat(1 << 20)));
    let (code, _, message, event_id) = harness.error();
    assert_eq!((code, event_id), (json!("string_above_max_length"), json!("mine")), "{message}");
    harness.send(update(&"x".repeat(500_000)));
    harness.only("session.updated");
}

#[test]
fn the_speech_of_a_cancelled_response_is_not_synthesized() {
    let mut harness = MachineHarness::ga();
    harness.hold_speech();
    harness.send(item("hello"));
    harness.send(json!({ "type": "response.create" }));
    harness.send(json!({ "type": "response.cancel" }));
    assert_eq!(harness.only("response.done")["response"]["status"], "cancelled");
    assert_eq!(harness.cancelled_speech, [1]);
}
