//! Effects of each simulated fault.

use std::time::Duration;

use serde_json::{Value, json};

use crate::protocol::dialect::Dialect;
use crate::protocol::settings::SessionKind;
use crate::server::demo::machine::tests::harness::{MachineHarness, SECOND, audio};

fn asked(faults: &str) -> MachineHarness {
    let mut harness = MachineHarness::faulty(faults);
    harness.send(json!({ "type": "conversation.item.create", "item": { "type": "message", "role": "user",
        "content": [{ "type": "input_text", "text": "hello" }] } }));
    harness.send(json!({ "type": "response.create" }));
    harness.wait(20 * SECOND);
    harness
}

fn open(faults: &str) -> MachineHarness {
    MachineHarness::open(Dialect::Ga, SessionKind::Realtime, faults)
}

#[test]
fn session_created_can_be_delayed() {
    let mut harness = open("late=700");
    harness.wait(Duration::from_millis(699));
    assert_eq!(harness.names(), [] as [&str; 0]);
    harness.wait(Duration::from_millis(1));
    assert_eq!(harness.names(), ["session.created"]);
}

#[test]
fn session_events_can_be_omitted() {
    let update = json!({ "type": "session.update", "session": { "type": "realtime" } });
    let mut harness = open("no-session-created");
    harness.send(update.clone());
    assert_eq!(harness.names(), ["session.updated"]);
    let mut harness = open("no-session-updated");
    harness.send(update);
    assert_eq!(harness.names(), ["session.created"]);
}

#[test]
fn item_events_can_be_omitted_with_a_complete_answer() {
    let mut harness = asked("no-item-events");
    let events = harness.read();
    for event in &events {
        let name = event["type"].as_str().unwrap();
        assert!(
            !name.contains("item.") && !name.contains("output_item") && !name.contains("content_part"),
            "{name}"
        );
    }
    assert_eq!(audio(&events).len(), 1_100 * 48);
}

#[test]
fn the_connection_can_end_in_the_middle_of_an_answer() {
    let mut closed = asked("close=1011");
    assert_eq!(closed.closed.as_ref().map(|(code, _)| *code), Some(1011));
    let events = closed.read();
    assert!((1..52_800).contains(&audio(&events).len()));
    assert!(events.iter().all(|event| event["type"] != "response.done"));
    assert_eq!(asked("drop").broken, Some(None));
    let half = asked("half-message").broken.flatten().unwrap();
    assert!(half.starts_with('{'));
}

#[test]
fn the_endpoint_can_fall_silent() {
    let mut harness = asked("silence");
    assert!(!audio(&harness.read()).is_empty());
    harness.send(json!({ "type": "response.cancel" }));
    harness.send(json!({ "type": "session.update", "session": { "type": "realtime" } }));
    assert_eq!(harness.names(), [] as [&str; 0]);
    assert_eq!(harness.closed, None);
}

#[test]
fn unknown_events_are_mixed_in() {
    let mut harness = asked("strangers");
    let events = harness.read();
    assert!(events.iter().any(|event| event["type"] == "x_rtvoice.happened"));
    assert!(
        events.iter().any(|event| event["type"] == "response.done" && event.get("x_rtvoice_field").is_some())
    );
}

#[test]
fn an_error_can_be_a_string() {
    let mut harness = MachineHarness::faulty("error-string");
    harness.send(json!({ "type": "response.cancel" }));
    assert_eq!(harness.only("error")["error"], "Cancellation failed: no active response found");
}

#[test]
fn an_answer_can_be_sent_at_once_or_with_a_pause() {
    let times = |faults: &str| -> Vec<Duration> {
        let harness = asked(faults);
        let deltas = harness.inbox.iter().filter(|(_, event)| event["type"] == "response.output_audio.delta");
        deltas.map(|(at, _)| *at).collect()
    };
    let burst = times("burst");
    assert_eq!(burst.first(), burst.last());
    let stalled = times("stall=900");
    let longest = stalled.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(longest >= Duration::from_millis(900), "{longest:?}");
}

#[test]
fn the_transcript_can_follow_the_answer() {
    let order = |faults: &str| -> Vec<String> {
        let mut harness = MachineHarness::faulty(faults);
        harness.send(json!({ "type": "session.update", "session": { "type": "realtime",
            "audio": { "input": { "transcription": { "model": "whisper-1" } } } } }));
        harness.speak();
        harness.wait(10 * SECOND);
        let names = harness.names();
        names.into_iter().filter(|name| name.ends_with("completed") || name == "response.done").collect()
    };
    let completed = "conversation.item.input_audio_transcription.completed";
    assert_eq!(order(""), [completed, "response.done"]);
    assert_eq!(order("transcript-late"), ["response.done", completed]);
}

#[test]
fn a_session_can_announce_a_short_duration() {
    let mut harness = MachineHarness::open(Dialect::Ga, SessionKind::Realtime, "limit=2000");
    let created = harness.read().swap_remove(0);
    assert_eq!(created["session"]["expires_at"], 1_800_000_002_u64);
    harness.wait(3 * SECOND);
    assert_eq!(harness.closed.map(|(code, _)| code), Some(1001));
}

#[test]
fn a_session_can_expire_early() {
    let mut harness = MachineHarness::faulty("expire=2000");
    harness.wait(3 * SECOND);
    assert_eq!(harness.error().0, Value::from("session_expired"));
    assert_eq!(harness.closed.map(|(code, _)| code), Some(1001));
}
