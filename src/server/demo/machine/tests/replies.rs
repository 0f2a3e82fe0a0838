//! Answers to text, one at a time, cancelled, limited, beside the conversation, and their cost.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::protocol::dialect::Dialect;
use crate::protocol::settings::SessionKind;
use crate::server::demo::machine::tests::desk::{LINE, MachineHarness, SECOND, audio};

fn ask(text: &str) -> Value {
    json!({ "type": "conversation.item.create", "item": { "type": "message", "role": "user",
        "content": [{ "type": "input_text", "text": text }] } })
}

fn update(session: Value) -> Value {
    let mut session = session;
    session["type"] = json!("realtime");
    json!({ "type": "session.update", "session": session })
}

#[test]
fn the_session_is_that_of_the_real_server() {
    let vad = json!({ "type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300,
        "silence_duration_ms": 200, "idle_timeout_ms": null, "create_response": true, "interrupt_response": true });
    let mut ga = MachineHarness::ga().only("session.created")["session"].take();
    let pcm = json!({ "type": "audio/pcm", "rate": 24000 });
    assert!(ga["id"].take().as_str().unwrap().starts_with("sess_"));
    assert!(ga["instructions"].take().is_string());
    assert_eq!(
        ga,
        json!({ "type": "realtime", "object": "realtime.session", "id": null, "model": "gpt-realtime-2",
            "output_modalities": ["audio"], "instructions": null, "tools": [], "tool_choice": "auto",
            "max_output_tokens": "inf", "tracing": null, "truncation": "auto", "prompt": null,
            "expires_at": 1_800_003_600, "include": null,
            "audio": { "input": { "format": pcm, "transcription": null, "noise_reduction": null, "turn_detection": vad },
                "output": { "format": pcm, "voice": "alloy", "speed": 1.0 } } })
    );
    let mut beta =
        MachineHarness::open(Dialect::Beta, SessionKind::Realtime, "").only("session.created")["session"]
            .take();
    beta["id"].take();
    beta["instructions"].take();
    assert_eq!(
        beta,
        json!({ "object": "realtime.session", "id": null, "model": "gpt-realtime-2", "modalities": ["text", "audio"],
            "instructions": null, "voice": "alloy", "output_audio_format": "pcm16", "tools": [],
            "tool_choice": "auto", "temperature": 0.8, "max_response_output_tokens": "inf",
            "turn_detection": vad, "speed": 1.0, "tracing": null, "truncation": "auto", "prompt": null,
            "expires_at": 1_800_003_600, "input_audio_noise_reduction": null, "input_audio_format": "pcm16",
            "input_audio_transcription": null, "client_secret": null, "include": null })
    );
}

#[test]
fn an_update_changes_what_it_names_and_nothing_else() {
    let mut desk = MachineHarness::ga();
    let before = desk.only("session.created");
    desk.send(update(json!({ "instructions": "", "audio": { "output": { "speed": 1.25 } } })));
    let after = desk.only("session.updated");
    let mut expected = before["session"].clone();
    expected["instructions"] = json!("");
    expected["audio"]["output"]["speed"] = json!(1.25);
    assert_eq!(after["session"], expected);
}

#[test]
fn an_update_with_one_wrong_field_is_dropped_whole() {
    let mut desk = MachineHarness::ga();
    let before = desk.only("session.created");
    desk.send(json!({ "type": "session.update", "event_id": "e7",
        "session": { "type": "realtime", "instructions": "new", "bogus_field": 1 } }));
    let error = desk.only("error");
    assert_eq!(
        error["error"],
        json!({ "type": "invalid_request_error", "code": "unknown_parameter",
            "message": "Unknown parameter: 'session.bogus_field'.", "param": "session.bogus_field", "event_id": "e7" })
    );
    desk.send(update(json!({})));
    assert_eq!(desk.only("session.updated")["session"], before["session"]);
}

#[test]
fn a_written_question_in_a_written_session_is_answered_in_markdown() {
    let mut desk = MachineHarness::ga();
    desk.send(update(json!({ "output_modalities": ["text"] })));
    desk.send(ask("Where do I put my API key?"));
    desk.send(json!({ "type": "response.create" }));
    desk.wait(30 * SECOND);
    let events = desk.read();
    let deltas: String = events
        .iter()
        .filter(|event| event["type"] == "response.output_text.delta")
        .map(|event| event["delta"].as_str().unwrap())
        .collect();
    assert!(deltas.contains("```sh\nexport RTVOICE_API_KEY="), "{deltas}");
    let done = events.iter().find(|event| event["type"] == "response.done").unwrap();
    let part = &done["response"]["output"][0]["content"][0];
    assert_eq!(part, &json!({ "type": "output_text", "text": deltas }));
    assert_eq!(done["response"]["output_modalities"], json!(["text"]));
    assert!(audio(&events).is_empty());
}

#[test]
fn a_written_question_in_a_call_is_answered_aloud() {
    let mut desk = MachineHarness::ga();
    desk.send(ask("Where do I put my API key?"));
    desk.send(json!({ "type": "response.create" }));
    desk.wait(10 * SECOND);
    let events = desk.read();
    assert_eq!(audio(&events).len(), 2 * (LINE + 2_400));
    let done = events.iter().find(|event| event["type"] == "response.done").unwrap();
    let transcript = done["response"]["output"][0]["content"][0]["transcript"].as_str().unwrap();
    assert!(transcript.starts_with("The demo needs no key."), "{transcript}");
}

#[test]
fn one_answer_can_be_written_in_a_call() {
    let mut desk = MachineHarness::ga();
    desk.send(ask("hello"));
    desk.send(json!({ "type": "response.create", "response": { "output_modalities": ["text"] } }));
    desk.wait(30 * SECOND);
    assert!(desk.only("response.output_text.done")["text"].as_str().unwrap().starts_with("**rtvoice**"));
}

#[test]
fn answers_come_faster_than_they_play_and_not_at_once() {
    let mut desk = MachineHarness::ga();
    desk.send(ask("hello"));
    desk.send(json!({ "type": "response.create" }));
    desk.wait(10 * SECOND);
    let times: Vec<Duration> = desk
        .inbox
        .iter()
        .filter(|(_, event)| event["type"] == "response.output_audio.delta")
        .map(|(at, _)| *at)
        .collect();
    assert_eq!(times.len(), 11, "1.1 s in deltas of 100 ms");
    assert_eq!(times[10] - times[0], Duration::from_millis(200));
}

#[test]
fn there_is_one_answer_at_a_time() {
    let mut desk = MachineHarness::ga();
    desk.send(ask("hello"));
    desk.send(json!({ "type": "response.create" }));
    let id = desk.only("response.created")["response"]["id"].as_str().unwrap().to_owned();
    desk.send(json!({ "type": "response.create", "event_id": "second" }));
    let (code, _, message, event_id) = desk.error();
    assert_eq!((code, event_id), (json!("conversation_already_has_active_response"), json!("second")));
    assert!(message.contains(&format!("in progress: {id}.")), "{message}");
}

#[test]
fn an_answer_can_be_cancelled_and_only_while_there_is_one() {
    let mut desk = MachineHarness::ga();
    desk.send(ask("hello"));
    desk.send(json!({ "type": "response.create" }));
    desk.read();
    desk.send(json!({ "type": "response.cancel" }));
    let done = desk.only("response.done");
    assert_eq!(done["response"]["status"], "cancelled");
    assert_eq!(done["response"]["status_details"]["reason"], "client_cancelled");
    desk.send(json!({ "type": "response.cancel", "event_id": "late" }));
    let (code, _, message, event_id) = desk.error();
    assert_eq!((code, event_id), (json!("response_cancel_not_active"), json!("late")));
    assert_eq!(message, "Cancellation failed: no active response found");
    desk.wait(10 * SECOND);
    assert_eq!(desk.names(), [] as [&str; 0], "nothing of it comes any more");
}

#[test]
fn an_answer_beside_the_conversation_leaves_it_alone() {
    let mut desk = MachineHarness::ga();
    desk.send(ask("hello"));
    desk.send(json!({ "type": "response.create" }));
    desk.read();
    desk.send(json!({ "type": "response.create", "response": { "conversation": "none",
        "output_modalities": ["text"], "metadata": { "purpose": "title" },
        "input": [{ "type": "message", "role": "user", "content": [{ "type": "input_text", "text": "captions" }] }] } }));
    desk.wait(30 * SECOND);
    let events = desk.read();
    let done: Vec<&Value> = events.iter().filter(|event| event["type"] == "response.done").collect();
    assert_eq!(done.len(), 2);
    let beside =
        done.iter().find(|event| event["response"]["metadata"] == json!({ "purpose": "title" })).unwrap();
    assert_eq!(beside["response"]["conversation_id"], Value::Null);
    let id = &beside["response"]["output"][0]["id"];
    let announced =
        events.iter().any(|event| event["type"] == "conversation.item.done" && event["item"]["id"] == *id);
    assert!(!announced);
}

#[test]
fn a_limit_makes_an_answer_incomplete() {
    let mut desk = MachineHarness::ga();
    desk.send(ask("hello"));
    desk.send(json!({ "type": "response.create", "response": { "max_output_tokens": 10 } }));
    desk.wait(10 * SECOND);
    let events = desk.read();
    assert_eq!(audio(&events).len(), 2 * 12_000, "ten tokens are half a second");
    let done = events.iter().find(|event| event["type"] == "response.done").unwrap();
    assert_eq!(
        done["response"]["status_details"],
        json!({ "type": "incomplete", "reason": "max_output_tokens" })
    );
}

#[test]
fn usage_counts_the_conversation_again_and_names_what_was_cached() {
    let mut desk = MachineHarness::ga();
    desk.speak();
    desk.wait(10 * SECOND);
    let first = desk.only("response.done")["response"]["usage"].take();
    desk.send(ask("hello"));
    desk.send(json!({ "type": "response.create" }));
    desk.wait(10 * SECOND);
    let second = desk.only("response.done")["response"]["usage"].take();
    let count = |usage: &Value, path: &str| usage.pointer(path).and_then(Value::as_u64).unwrap();
    let heard = count(&first, "/input_token_details/audio_tokens");
    assert!((18..=28).contains(&heard), "about 2.2 s with padding: {heard}");
    assert_eq!(
        count(&second, "/input_token_details/audio_tokens"),
        heard + count(&first, "/output_token_details/audio_tokens")
    );
    let cached = count(&second, "/input_token_details/cached_tokens");
    assert!(cached <= count(&second, "/input_tokens"));
    assert_eq!(
        count(&second, "/total_tokens"),
        count(&second, "/input_tokens") + count(&second, "/output_tokens")
    );
}

#[test]
fn the_voice_is_fixed_once_it_was_heard() {
    let mut desk = MachineHarness::ga();
    desk.send(update(json!({ "audio": { "output": { "voice": "cedar" } } })));
    desk.only("session.updated");
    desk.send(ask("hello"));
    desk.send(json!({ "type": "response.create" }));
    desk.wait(10 * SECOND);
    desk.read();
    desk.send(update(json!({ "audio": { "output": { "voice": "cedar" } } })));
    desk.only("session.updated");
    desk.send(update(json!({ "audio": { "output": { "voice": "marin" } } })));
    assert_eq!(desk.error().0, "cannot_update_voice");
}

#[test]
fn what_is_no_event_leaves_the_session_open() {
    let mut desk = MachineHarness::ga();
    desk.read();
    desk.binary();
    assert_eq!(desk.error().0, "invalid_event");
    desk.text("{");
    assert_eq!(desk.error().0, "invalid_json");
    desk.send(update(json!({})));
    desk.only("session.updated");
}

#[test]
fn after_an_hour_the_session_ends() {
    let mut desk = MachineHarness::ga();
    desk.wait(3_599 * SECOND);
    assert_eq!(desk.closed, None);
    desk.read();
    desk.wait(2 * SECOND);
    assert_eq!(desk.error().0, "session_expired");
    assert_eq!(desk.closed.as_ref().map(|(code, _)| *code), Some(1001));
}

#[test]
fn a_transcription_session_refuses_to_answer() {
    let mut desk = MachineHarness::open(Dialect::Ga, SessionKind::Transcription, "");
    desk.read();
    desk.send(json!({ "type": "response.create" }));
    assert_eq!(desk.error().0, "invalid_value");
}

proptest! {
    #[test]
    fn whatever_is_sent_the_endpoint_stands(text in ".*", name in 0_usize..12, junk in ".{0,12}", number: i64) {
        let names = ["session.update", "input_audio_buffer.append", "input_audio_buffer.commit",
            "input_audio_buffer.clear", "conversation.item.create", "conversation.item.truncate",
            "conversation.item.delete", "conversation.item.retrieve", "response.create", "response.cancel",
            "session.close", "transcription_session.update"];
        let mut desk = MachineHarness::ga();
        desk.text(&text);
        desk.send(json!({ "type": names[name], "session": { "type": "realtime", &junk: number }, "audio": &junk,
            "item_id": &junk, "content_index": number, "audio_end_ms": number, "response": { &junk: &junk } }));
        desk.send(json!({ "type": names[name], "item_id": &junk, "content_index": 0, "audio_end_ms": number }));
        desk.wait(SECOND);
    }
}
