//! Answers to text: order, cancellation, limits, out-of-band responses, usage.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::protocol::dialect::Dialect;
use crate::protocol::settings::SessionKind;
use crate::server::demo::machine::tests::harness::{LINE, MachineHarness, SECOND, audio};

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
fn the_session_matches_the_real_server() {
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
    let mut harness = MachineHarness::ga();
    let before = harness.only("session.created");
    harness.send(update(json!({ "instructions": "", "audio": { "output": { "speed": 1.25 } } })));
    let after = harness.only("session.updated");
    let mut expected = before["session"].clone();
    expected["instructions"] = json!("");
    expected["audio"]["output"]["speed"] = json!(1.25);
    assert_eq!(after["session"], expected);
}

#[test]
fn an_update_with_one_invalid_field_is_rejected_whole() {
    let mut harness = MachineHarness::ga();
    let before = harness.only("session.created");
    harness.send(json!({ "type": "session.update", "event_id": "e7",
        "session": { "type": "realtime", "instructions": "new", "bogus_field": 1 } }));
    let error = harness.only("error");
    assert_eq!(
        error["error"],
        json!({ "type": "invalid_request_error", "code": "unknown_parameter",
            "message": "Unknown parameter: 'session.bogus_field'.", "param": "session.bogus_field", "event_id": "e7" })
    );
    harness.send(update(json!({})));
    assert_eq!(harness.only("session.updated")["session"], before["session"]);
}

#[test]
fn a_written_question_in_a_written_session_is_answered_in_markdown() {
    let mut harness = MachineHarness::ga();
    harness.send(update(json!({ "output_modalities": ["text"] })));
    harness.send(ask("Where do I put my API key?"));
    harness.send(json!({ "type": "response.create" }));
    harness.wait(30 * SECOND);
    let events = harness.read();
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
fn a_written_question_in_a_call_gets_a_spoken_answer() {
    let mut harness = MachineHarness::ga();
    harness.send(ask("Where do I put my API key?"));
    harness.send(json!({ "type": "response.create" }));
    harness.wait(10 * SECOND);
    let events = harness.read();
    assert_eq!(audio(&events).len(), 2 * (LINE + 2_400));
    let done = events.iter().find(|event| event["type"] == "response.done").unwrap();
    let transcript = done["response"]["output"][0]["content"][0]["transcript"].as_str().unwrap();
    assert!(transcript.starts_with("The demo needs no key."), "{transcript}");
}

#[test]
fn a_single_answer_can_be_written_in_a_call() {
    let mut harness = MachineHarness::ga();
    harness.send(ask("hello"));
    harness.send(json!({ "type": "response.create", "response": { "output_modalities": ["text"] } }));
    harness.wait(30 * SECOND);
    assert!(harness.only("response.output_text.done")["text"].as_str().unwrap().starts_with("**rtvoice**"));
}

#[test]
fn answers_are_sent_faster_than_real_time_and_not_at_once() {
    let mut harness = MachineHarness::ga();
    harness.send(ask("hello"));
    harness.send(json!({ "type": "response.create" }));
    harness.wait(10 * SECOND);
    let times: Vec<Duration> = harness
        .inbox
        .iter()
        .filter(|(_, event)| event["type"] == "response.output_audio.delta")
        .map(|(at, _)| *at)
        .collect();
    assert_eq!(times.len(), 11, "1.1 s in deltas of 100 ms");
    assert_eq!(times[10] - times[0], Duration::from_millis(200));
}

#[test]
fn only_one_answer_is_in_progress() {
    let mut harness = MachineHarness::ga();
    harness.send(ask("hello"));
    harness.send(json!({ "type": "response.create" }));
    let id = harness.only("response.created")["response"]["id"].as_str().unwrap().to_owned();
    harness.send(json!({ "type": "response.create", "event_id": "second" }));
    let (code, _, message, event_id) = harness.error();
    assert_eq!((code, event_id), (json!("conversation_already_has_active_response"), json!("second")));
    assert!(message.contains(&format!("in progress: {id}.")), "{message}");
}

#[test]
fn only_an_answer_in_progress_can_be_cancelled() {
    let mut harness = MachineHarness::ga();
    harness.send(ask("hello"));
    harness.send(json!({ "type": "response.create" }));
    harness.read();
    harness.send(json!({ "type": "response.cancel" }));
    let done = harness.only("response.done");
    assert_eq!(done["response"]["status"], "cancelled");
    assert_eq!(done["response"]["status_details"]["reason"], "client_cancelled");
    harness.send(json!({ "type": "response.cancel", "event_id": "late" }));
    let (code, _, message, event_id) = harness.error();
    assert_eq!((code, event_id), (json!("response_cancel_not_active"), json!("late")));
    assert_eq!(message, "Cancellation failed: no active response found");
    harness.wait(10 * SECOND);
    assert_eq!(harness.names(), [] as [&str; 0], "nothing of it comes any more");
}

#[test]
fn an_out_of_band_answer_does_not_change_the_conversation() {
    let mut harness = MachineHarness::ga();
    harness.send(ask("hello"));
    harness.send(json!({ "type": "response.create" }));
    harness.read();
    harness.send(json!({ "type": "response.create", "response": { "conversation": "none",
        "output_modalities": ["text"], "metadata": { "purpose": "title" },
        "input": [{ "type": "message", "role": "user", "content": [{ "type": "input_text", "text": "captions" }] }] } }));
    harness.wait(30 * SECOND);
    let events = harness.read();
    let done: Vec<&Value> = events.iter().filter(|event| event["type"] == "response.done").collect();
    assert_eq!(done.len(), 2);
    let out_of_band =
        done.iter().find(|event| event["response"]["metadata"] == json!({ "purpose": "title" })).unwrap();
    assert_eq!(out_of_band["response"]["conversation_id"], Value::Null);
    let id = &out_of_band["response"]["output"][0]["id"];
    let announced =
        events.iter().any(|event| event["type"] == "conversation.item.done" && event["item"]["id"] == *id);
    assert!(!announced);
}

#[test]
fn a_limit_makes_an_answer_incomplete() {
    let mut harness = MachineHarness::ga();
    harness.send(ask("hello"));
    harness.send(json!({ "type": "response.create", "response": { "max_output_tokens": 10 } }));
    harness.wait(10 * SECOND);
    let events = harness.read();
    assert_eq!(audio(&events).len(), 2 * 12_000, "ten tokens are half a second");
    let done = events.iter().find(|event| event["type"] == "response.done").unwrap();
    assert_eq!(
        done["response"]["status_details"],
        json!({ "type": "incomplete", "reason": "max_output_tokens" })
    );
}

#[test]
fn usage_counts_the_whole_conversation_and_its_cached_part() {
    let mut harness = MachineHarness::ga();
    harness.speak();
    harness.wait(10 * SECOND);
    let first = harness.only("response.done")["response"]["usage"].take();
    harness.send(ask("hello"));
    harness.send(json!({ "type": "response.create" }));
    harness.wait(10 * SECOND);
    let second = harness.only("response.done")["response"]["usage"].take();
    let count = |usage: &Value, path: &str| usage.pointer(path).and_then(Value::as_u64).unwrap();
    let audio_tokens = count(&first, "/input_token_details/audio_tokens");
    assert!((18..=28).contains(&audio_tokens), "about 2.2 s with padding: {audio_tokens}");
    assert_eq!(
        count(&second, "/input_token_details/audio_tokens"),
        audio_tokens + count(&first, "/output_token_details/audio_tokens")
    );
    let cached = count(&second, "/input_token_details/cached_tokens");
    assert!(cached <= count(&second, "/input_tokens"));
    assert_eq!(
        count(&second, "/total_tokens"),
        count(&second, "/input_tokens") + count(&second, "/output_tokens")
    );
}

#[test]
fn the_voice_is_fixed_after_the_first_audio() {
    let mut harness = MachineHarness::ga();
    harness.send(update(json!({ "audio": { "output": { "voice": "cedar" } } })));
    harness.only("session.updated");
    harness.send(ask("hello"));
    harness.send(json!({ "type": "response.create" }));
    harness.wait(10 * SECOND);
    harness.read();
    harness.send(update(json!({ "audio": { "output": { "voice": "cedar" } } })));
    harness.only("session.updated");
    harness.send(update(json!({ "audio": { "output": { "voice": "marin" } } })));
    assert_eq!(harness.error().0, "cannot_update_voice");
}

#[test]
fn an_invalid_event_leaves_the_session_open() {
    let mut harness = MachineHarness::ga();
    harness.read();
    harness.binary();
    assert_eq!(harness.error().0, "invalid_event");
    harness.text("{");
    assert_eq!(harness.error().0, "invalid_json");
    harness.send(update(json!({})));
    harness.only("session.updated");
}

#[test]
fn the_session_ends_after_an_hour() {
    let mut harness = MachineHarness::ga();
    harness.wait(3_599 * SECOND);
    assert_eq!(harness.closed, None);
    harness.read();
    harness.wait(2 * SECOND);
    assert_eq!(harness.error().0, "session_expired");
    assert_eq!(harness.closed.as_ref().map(|(code, _)| *code), Some(1001));
}

#[test]
fn a_transcription_session_rejects_responses() {
    let mut harness = MachineHarness::open(Dialect::Ga, SessionKind::Transcription, "");
    harness.read();
    harness.send(json!({ "type": "response.create" }));
    assert_eq!(harness.error().0, "invalid_value");
}

proptest! {
    #[test]
    fn no_message_makes_the_endpoint_panic(text in ".*", name in 0_usize..12, junk in ".{0,12}", number: i64) {
        let names = ["session.update", "input_audio_buffer.append", "input_audio_buffer.commit",
            "input_audio_buffer.clear", "conversation.item.create", "conversation.item.truncate",
            "conversation.item.delete", "conversation.item.retrieve", "response.create", "response.cancel",
            "session.close", "transcription_session.update"];
        let mut harness = MachineHarness::ga();
        harness.text(&text);
        harness.send(json!({ "type": names[name], "session": { "type": "realtime", &junk: number }, "audio": &junk,
            "item_id": &junk, "content_index": number, "audio_end_ms": number, "response": { &junk: &junk } }));
        harness.send(json!({ "type": names[name], "item_id": &junk, "content_index": 0, "audio_end_ms": number }));
        harness.wait(SECOND);
    }
}
