//! Detected and manual turns, transcripts, greeting and idle timeout.

use std::time::Duration;

use serde_json::{Value, json};

use crate::protocol::dialect::Dialect;
use crate::protocol::settings::SessionKind;
use crate::server::demo::machine::tests::harness::{LINE, MachineHarness, SECOND, audio, samples, speech};

const GA_TURN: [&str; 18] = [
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_audio_transcript.delta",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
    "rate_limits.updated",
];

/// Keeps the first of the interleaved deltas.
fn story(names: Vec<String>) -> Vec<String> {
    let mut story: Vec<String> = Vec::new();
    for name in names {
        if !(name.ends_with(".delta") && story.contains(&name)) {
            story.push(name);
        }
    }
    story
}

#[expect(clippy::needless_pass_by_value, reason = "so that literals need no ampersand")]
fn update(audio: Value) -> Value {
    json!({ "type": "session.update", "session": { "type": "realtime", "audio": audio } })
}

#[test]
fn a_ga_turn_has_the_event_order_of_the_real_server() {
    let mut harness = MachineHarness::ga();
    assert_eq!(harness.names(), ["session.created"]);
    harness.speak();
    harness.wait(10 * SECOND);
    assert_eq!(story(harness.names()), GA_TURN);
}

#[test]
fn a_beta_turn_has_the_same_order_with_beta_names() {
    let mut harness = MachineHarness::open(Dialect::Beta, SessionKind::Realtime, "");
    assert_eq!(harness.names(), ["session.created", "conversation.created"]);
    harness.speak();
    harness.wait(10 * SECOND);
    let expected: Vec<String> = GA_TURN
        .iter()
        .filter(|name| **name != "conversation.item.done")
        .map(|name| name.replace("output_audio", "audio").replace("item.added", "item.created"))
        .map(|name| name.replace("response.output_item.created", "response.output_item.added"))
        .collect();
    assert_eq!(story(harness.names()), expected);
}

#[test]
fn the_events_of_a_turn_share_their_ids() {
    let mut harness = MachineHarness::ga();
    harness.read();
    let length = harness.speak();
    harness.wait(10 * SECOND);
    let events = harness.read();
    let event = |name: &str| events.iter().find(|event| event["type"] == name).unwrap();
    let item_id = &event("input_audio_buffer.speech_started")["item_id"];
    assert_eq!(&event("input_audio_buffer.speech_stopped")["item_id"], item_id);
    assert_eq!(&event("input_audio_buffer.committed")["item_id"], item_id);
    assert_eq!(event("input_audio_buffer.committed")["previous_item_id"], Value::Null);
    assert_eq!(
        event("conversation.item.added")["item"],
        json!({ "id": item_id, "type": "message", "role": "user", "status": "completed",
            "content": [{ "type": "input_audio", "transcript": null }] })
    );
    let start = event("input_audio_buffer.speech_started")["audio_start_ms"].as_u64().unwrap();
    assert!((200..=330).contains(&start), "500 ms of silence less 300 ms of padding: {start}");
    let end = event("input_audio_buffer.speech_stopped")["audio_end_ms"].as_u64().unwrap();
    let expected = 500 + length as u64 / 24 + 200;
    assert!(end.abs_diff(expected) < 150, "{end}, expected about {expected}");
    let created = &event("response.created")["response"];
    assert_eq!(
        (&created["status"], &created["output"], &created["usage"]),
        (&json!("in_progress"), &json!([]), &Value::Null)
    );
    assert_eq!(created["audio"]["output"]["format"], json!({ "type": "audio/pcm", "rate": 24000 }));
    let done = &event("response.done")["response"];
    assert_eq!(done["status"], "completed");
    assert_eq!(done["output"][0]["content"][0]["type"], "output_audio");
    assert_eq!(event("response.content_part.done")["part"]["type"], "audio");
    assert_eq!(event("response.output_audio.delta")["response_id"], done["id"]);
}

#[test]
fn the_answer_states_the_measurement_and_plays_the_speech() {
    let mut harness = MachineHarness::ga();
    harness.speak();
    harness.wait(10 * SECOND);
    let events = harness.read();
    let transcript = events
        .iter()
        .find(|event| event["type"] == "response.output_audio_transcript.done")
        .and_then(|event| event["transcript"].as_str())
        .unwrap();
    assert!(transcript.starts_with("I heard you speak for 1."), "{transcript}");
    assert!(transcript.contains(" This is how it sounded: [your voice, 1."), "{transcript}");
    let received = samples(&audio(&events));
    let original = speech();
    let loudest = |samples: &[i16]| samples.iter().map(|sample| sample.unsigned_abs()).max();
    assert_eq!(loudest(&received[2 * LINE..]), loudest(&original), "the playback is the user's own speech");
    let deltas: String = events
        .iter()
        .filter(|event| event["type"] == "response.output_audio_transcript.delta")
        .map(|event| event["delta"].as_str().unwrap())
        .collect();
    assert_eq!(deltas, transcript);
}

#[test]
fn speech_stops_the_answer_in_progress() {
    let mut harness = MachineHarness::ga();
    harness.speak();
    harness.read();
    harness.write(&speech());
    let events = harness.read();
    let names: Vec<&str> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .skip_while(|name| *name != "input_audio_buffer.speech_started")
        .collect();
    assert_eq!(names[0], "input_audio_buffer.speech_started");
    assert_eq!(names[1..8], GA_TURN[GA_TURN.len() - 7..]);
}

#[test]
fn a_cancelled_answer_has_a_reason_and_usage() {
    let mut harness = MachineHarness::ga();
    harness.speak();
    harness.read();
    harness.write(&speech());
    let done = harness.all("response.done").remove(0);
    let response = &done["response"];
    assert_eq!(response["status"], "cancelled");
    assert_eq!(response["status_details"], json!({ "type": "cancelled", "reason": "turn_detected" }));
    assert_eq!(response["output"][0]["status"], "incomplete");
    assert!(response["usage"]["output_token_details"]["audio_tokens"].as_u64().unwrap() > 0);
}

#[test]
fn without_interruption_the_answer_continues() {
    let mut harness = MachineHarness::ga();
    harness.send(update(
        json!({ "input": { "turn_detection": { "type": "server_vad", "interrupt_response": false } } }),
    ));
    harness.speak();
    harness.write(&speech());
    harness.wait(10 * SECOND);
    assert_eq!(harness.only("response.done")["response"]["status"], "completed");
}

#[test]
fn without_create_response_a_turn_is_not_answered() {
    let mut harness = MachineHarness::ga();
    harness.send(update(
        json!({ "input": { "turn_detection": { "type": "server_vad", "create_response": false } } }),
    ));
    harness.speak();
    harness.silence(2_000);
    let names = harness.names();
    assert!(names.contains(&"input_audio_buffer.committed".to_owned()));
    assert!(!names.contains(&"response.created".to_owned()));
}

#[test]
fn the_sessions_silence_ends_a_turn() {
    let detection = |detection: Value| update(json!({ "input": { "turn_detection": detection } }));
    for (turns, silence_ms) in [
        (json!({ "type": "server_vad", "silence_duration_ms": 1500 }), 1_500),
        (json!({ "type": "semantic_vad", "eagerness": "low" }), 1_600),
        (json!({ "type": "semantic_vad", "eagerness": "high" }), 500),
    ] {
        let mut harness = MachineHarness::ga();
        harness.send(detection(turns.clone()));
        harness.write(&speech());
        harness.silence(silence_ms - 200);
        assert!(!harness.names().contains(&"input_audio_buffer.speech_stopped".to_owned()), "{turns}");
        harness.silence(400);
        assert!(harness.names().contains(&"input_audio_buffer.speech_stopped".to_owned()), "{turns}");
    }
}

#[test]
fn without_turn_detection_the_client_ends_the_turn() {
    let mut harness = MachineHarness::ga();
    harness.send(update(json!({ "input": { "turn_detection": null } })));
    harness.read();
    harness.speak();
    assert_eq!(harness.names(), [] as [&str; 0]);
    harness.send(json!({ "type": "input_audio_buffer.commit" }));
    assert_eq!(
        harness.names(),
        ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"]
    );
    harness.send(json!({ "type": "response.create" }));
    harness.wait(10 * SECOND);
    let transcript = harness.only("response.output_audio_transcript.done");
    assert!(
        transcript["transcript"].as_str().unwrap().starts_with("I heard you speak for 1."),
        "{transcript}"
    );
}

#[test]
fn a_short_commit_is_rejected_with_its_length_and_event() {
    let mut harness = MachineHarness::ga();
    harness.read();
    harness.write_bytes(&[0; 480]);
    harness.send(json!({ "type": "input_audio_buffer.commit", "event_id": "mine" }));
    let (code, param, message, event_id) = harness.error();
    assert_eq!(
        (code, param, event_id),
        (json!("input_audio_buffer_commit_empty"), Value::Null, json!("mine"))
    );
    assert!(message.ends_with("but buffer only has 10.00ms of audio."), "{message}");
}

#[test]
fn a_cleared_buffer_is_empty() {
    let mut harness = MachineHarness::ga();
    harness.silence(500);
    harness.send(json!({ "type": "input_audio_buffer.clear" }));
    harness.only("input_audio_buffer.cleared");
    harness.send(json!({ "type": "input_audio_buffer.commit" }));
    assert!(harness.error().2.ends_with("0.00ms of audio."));
}

#[test]
fn telephone_audio_is_accepted_and_answered_in_its_format() {
    let mut harness = MachineHarness::ga();
    let ulaw = json!({ "format": { "type": "audio/pcmu" } });
    harness.send(update(json!({ "input": ulaw, "output": ulaw })));
    let speech = crate::dsp::resample::resample_clip(
        &speech(),
        crate::dsp::frame::SampleRate::HZ_24000,
        crate::dsp::frame::SampleRate::TELEPHONE,
    );
    let mut bytes = crate::dsp::codec::Codec::Ulaw.encode(&speech);
    bytes.extend([0xff; 4_000]);
    bytes.chunks(160).for_each(|chunk| harness.write_bytes(chunk));
    harness.wait(10 * SECOND);
    let events = harness.read();
    let done = events.iter().find(|event| event["type"] == "response.done").unwrap();
    assert_eq!(done["response"]["audio"]["output"]["format"], json!({ "type": "audio/pcmu" }));
    let seconds = audio(&events).len() as f64 / 8_000.0;
    assert!((3.5..6.0).contains(&seconds), "two lines and the playback: {seconds}");
}

#[test]
fn a_transcription_session_returns_measurements_only() {
    let mut harness = MachineHarness::open(Dialect::Ga, SessionKind::Transcription, "");
    let created = harness.only("session.created");
    assert_eq!(created["session"]["type"], "transcription");
    assert_eq!(created["session"]["object"], "realtime.transcription_session");
    harness.send(json!({ "type": "session.update", "session": { "type": "transcription",
        "audio": { "input": { "transcription": { "model": "gpt-4o-transcribe" } } } } }));
    harness.only("session.updated");
    harness.speak();
    harness.silence(3_000);
    let events = harness.read();
    let names: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            "conversation.item.input_audio_transcription.delta",
            "conversation.item.input_audio_transcription.completed",
        ]
    );
    let transcript = events[6]["transcript"].as_str().unwrap();
    assert!(transcript.starts_with("[speech 1.") && transcript.ends_with(" dBFS]"), "{transcript}");
    assert_eq!(events[5]["delta"], transcript);
    assert_eq!(events[6]["usage"]["type"], "tokens");
}

#[test]
fn silence_committed_by_hand_has_an_empty_transcript() {
    let mut harness = MachineHarness::open(Dialect::Ga, SessionKind::Transcription, "");
    harness
        .send(json!({ "type": "session.update", "session": { "type": "transcription", "audio": { "input": {
        "transcription": { "model": "gpt-live-transcribe" }, "turn_detection": null } } } }));
    harness.silence(1_200);
    harness.send(json!({ "type": "input_audio_buffer.commit" }));
    let completed = harness.only("conversation.item.input_audio_transcription.completed");
    assert_eq!(completed["transcript"], "");
    assert_eq!(completed["usage"], json!({ "type": "duration", "seconds": 2.0 }));
}

#[test]
fn live_models_reject_turn_detection() {
    let mut harness = MachineHarness::open(Dialect::Ga, SessionKind::Transcription, "");
    harness.read();
    harness.send(json!({ "type": "session.update", "session": { "type": "transcription",
        "audio": { "input": { "transcription": { "model": "gpt-live-transcribe" } } } } }));
    let (code, param, ..) = harness.error();
    assert_eq!((code, param), (json!("invalid_value"), json!("session.audio.input.turn_detection")));
}

#[test]
fn it_greets_once_after_a_second_of_silence() {
    let mut harness = MachineHarness::ga();
    harness.silence(500);
    harness.send(update(json!({ "output": { "voice": "marin" } })));
    harness.read();
    harness.silence(900);
    assert_eq!(harness.names(), [] as [&str; 0], "the second begins with the settings");
    harness.silence(200);
    harness.wait(5 * SECOND);
    let transcript = harness.only("response.output_audio_transcript.done");
    assert!(transcript["transcript"].as_str().unwrap().starts_with("Hello, this is the rtvoice demo."));
    harness.silence(3_000);
    assert_eq!(harness.names(), [] as [&str; 0]);
}

#[test]
fn it_does_not_greet_in_text_sessions() {
    let mut harness = MachineHarness::ga();
    harness.send(
        json!({ "type": "session.update", "session": { "type": "realtime", "output_modalities": ["text"] } }),
    );
    harness.read();
    harness.silence(3_000);
    assert_eq!(harness.names(), [] as [&str; 0]);
}

#[test]
fn an_idle_timeout_is_answered_if_configured() {
    let mut harness = MachineHarness::ga();
    harness.send(update(
        json!({ "input": { "turn_detection": { "type": "server_vad", "idle_timeout_ms": 5000 } } }),
    ));
    harness.speak();
    harness.silence(3_000);
    harness.read();
    harness.silence(7_000);
    harness.wait(Duration::from_secs(5));
    let events = harness.read();
    let names: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(names[..2], ["input_audio_buffer.timeout_triggered", "input_audio_buffer.committed"]);
    assert_eq!(events[0]["item_id"], events[1]["item_id"]);
    assert!(names.contains(&"response.created"));
}

#[test]
fn the_recording_of_the_readme_is_one_turn() {
    let file = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/hello.wav"));
    let (rate, samples) = crate::dsp::audio_file::read_clip(file.as_slice()).unwrap();
    assert_eq!(rate, crate::dsp::frame::SampleRate::HZ_24000);
    let samples: Vec<i16> = samples.into_iter().map(crate::dsp::resample::to_int).collect();
    let mut harness = MachineHarness::ga();
    harness.write(&samples);
    harness.silence(500);
    let measured = |name: &str, events: &[Value]| events.iter().filter(|event| event["type"] == name).count();
    let events = harness.read();
    assert_eq!(measured("input_audio_buffer.speech_started", &events), 1);
    assert_eq!(measured("input_audio_buffer.speech_stopped", &events), 1);
}
