//! Turns found by voice activity, turns ended by hand, captions, greeting and idle timeout.

use std::time::Duration;

use serde_json::{Value, json};

use crate::protocol::dialect::Dialect;
use crate::protocol::settings::SessionKind;
use crate::server::demo::machine::tests::desk::{LINE, MachineHarness, SECOND, audio, samples, speech};

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

/// Keeps the first of all deltas, which are interleaved.
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
fn a_ga_turn_has_the_order_of_the_real_server() {
    let mut desk = MachineHarness::ga();
    assert_eq!(desk.names(), ["session.created"]);
    desk.speak();
    desk.wait(10 * SECOND);
    assert_eq!(story(desk.names()), GA_TURN);
}

#[test]
fn a_beta_turn_has_the_same_order_under_its_own_names() {
    let mut desk = MachineHarness::open(Dialect::Beta, SessionKind::Realtime, "");
    assert_eq!(desk.names(), ["session.created", "conversation.created"]);
    desk.speak();
    desk.wait(10 * SECOND);
    let expected: Vec<String> = GA_TURN
        .iter()
        .filter(|name| **name != "conversation.item.done")
        .map(|name| name.replace("output_audio", "audio").replace("item.added", "item.created"))
        .map(|name| name.replace("response.output_item.created", "response.output_item.added"))
        .collect();
    assert_eq!(story(desk.names()), expected);
}

#[test]
fn the_events_of_a_turn_belong_together() {
    let mut desk = MachineHarness::ga();
    desk.read();
    let length = desk.speak();
    desk.wait(10 * SECOND);
    let events = desk.read();
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
fn the_answer_says_what_was_measured_and_plays_the_user_back() {
    let mut desk = MachineHarness::ga();
    desk.speak();
    desk.wait(10 * SECOND);
    let events = desk.read();
    let transcript = events
        .iter()
        .find(|event| event["type"] == "response.output_audio_transcript.done")
        .and_then(|event| event["transcript"].as_str())
        .unwrap();
    assert!(transcript.starts_with("I heard you speak for 1."), "{transcript}");
    assert!(transcript.contains(" This is how it sounded: [your voice, 1."), "{transcript}");
    let heard = samples(&audio(&events));
    let said = speech();
    let loudest = |samples: &[i16]| samples.iter().map(|sample| sample.unsigned_abs()).max();
    assert_eq!(loudest(&heard[2 * LINE..]), loudest(&said), "the playback is the user's own sound");
    let deltas: String = events
        .iter()
        .filter(|event| event["type"] == "response.output_audio_transcript.delta")
        .map(|event| event["delta"].as_str().unwrap())
        .collect();
    assert_eq!(deltas, transcript);
}

#[test]
fn speech_stops_the_answer_in_progress() {
    let mut desk = MachineHarness::ga();
    desk.speak();
    desk.read();
    desk.write(&speech());
    let events = desk.read();
    let names: Vec<&str> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .skip_while(|name| *name != "input_audio_buffer.speech_started")
        .collect();
    assert_eq!(
        names[..8],
        [
            "input_audio_buffer.speech_started",
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
            "rate_limits.updated",
        ]
    );
}

#[test]
fn a_cancelled_answer_says_why_and_what_it_cost() {
    let mut desk = MachineHarness::ga();
    desk.speak();
    desk.read();
    desk.write(&speech());
    let done = desk.all("response.done").remove(0);
    let response = &done["response"];
    assert_eq!(response["status"], "cancelled");
    assert_eq!(response["status_details"], json!({ "type": "cancelled", "reason": "turn_detected" }));
    assert_eq!(response["output"][0]["status"], "incomplete");
    assert!(response["usage"]["output_token_details"]["audio_tokens"].as_u64().unwrap() > 0);
}

#[test]
fn without_interruption_the_answer_goes_on() {
    let mut desk = MachineHarness::ga();
    desk.send(update(
        json!({ "input": { "turn_detection": { "type": "server_vad", "interrupt_response": false } } }),
    ));
    desk.speak();
    desk.write(&speech());
    desk.wait(10 * SECOND);
    assert_eq!(desk.only("response.done")["response"]["status"], "completed");
}

#[test]
fn without_create_response_a_turn_is_heard_and_not_answered() {
    let mut desk = MachineHarness::ga();
    desk.send(update(
        json!({ "input": { "turn_detection": { "type": "server_vad", "create_response": false } } }),
    ));
    desk.speak();
    desk.silence(2_000);
    let names = desk.names();
    assert!(names.contains(&"input_audio_buffer.committed".to_owned()));
    assert!(!names.contains(&"response.created".to_owned()));
}

#[test]
fn a_longer_silence_is_needed_where_the_session_says_so() {
    let detection = |detection: Value| update(json!({ "input": { "turn_detection": detection } }));
    for (turns, silence_ms) in [
        (json!({ "type": "server_vad", "silence_duration_ms": 1500 }), 1_500),
        (json!({ "type": "semantic_vad", "eagerness": "low" }), 1_600),
        (json!({ "type": "semantic_vad", "eagerness": "high" }), 500),
    ] {
        let mut desk = MachineHarness::ga();
        desk.send(detection(turns.clone()));
        desk.write(&speech());
        desk.silence(silence_ms - 200);
        assert!(!desk.names().contains(&"input_audio_buffer.speech_stopped".to_owned()), "{turns}");
        desk.silence(400);
        assert!(desk.names().contains(&"input_audio_buffer.speech_stopped".to_owned()), "{turns}");
    }
}

#[test]
fn without_turn_detection_the_client_ends_the_turn() {
    let mut desk = MachineHarness::ga();
    desk.send(update(json!({ "input": { "turn_detection": null } })));
    desk.read();
    desk.speak();
    assert_eq!(desk.names(), [] as [&str; 0]);
    desk.send(json!({ "type": "input_audio_buffer.commit" }));
    assert_eq!(
        desk.names(),
        ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"]
    );
    desk.send(json!({ "type": "response.create" }));
    desk.wait(10 * SECOND);
    let transcript = desk.only("response.output_audio_transcript.done");
    assert!(
        transcript["transcript"].as_str().unwrap().starts_with("I heard you speak for 1."),
        "{transcript}"
    );
}

#[test]
fn a_commit_of_too_little_is_refused_with_its_length_and_its_event() {
    let mut desk = MachineHarness::ga();
    desk.read();
    desk.write_bytes(&[0; 480]);
    desk.send(json!({ "type": "input_audio_buffer.commit", "event_id": "mine" }));
    let (code, param, message, event_id) = desk.error();
    assert_eq!(
        (code, param, event_id),
        (json!("input_audio_buffer_commit_empty"), Value::Null, json!("mine"))
    );
    assert!(message.ends_with("but buffer only has 10.00ms of audio."), "{message}");
}

#[test]
fn a_cleared_buffer_is_empty() {
    let mut desk = MachineHarness::ga();
    desk.silence(500);
    desk.send(json!({ "type": "input_audio_buffer.clear" }));
    desk.only("input_audio_buffer.cleared");
    desk.send(json!({ "type": "input_audio_buffer.commit" }));
    assert!(desk.error().2.ends_with("0.00ms of audio."));
}

#[test]
fn telephone_sound_is_heard_and_answered_in_kind() {
    let mut desk = MachineHarness::ga();
    let ulaw = json!({ "format": { "type": "audio/pcmu" } });
    desk.send(update(json!({ "input": ulaw, "output": ulaw })));
    let speech = crate::dsp::resample::resample_clip(
        &speech(),
        crate::dsp::frame::SampleRate::HZ_24000,
        crate::dsp::frame::SampleRate::TELEPHONE,
    );
    let mut bytes = crate::dsp::codec::Codec::Ulaw.encode(&speech);
    bytes.extend([0xff; 4_000]);
    bytes.chunks(160).for_each(|chunk| desk.write_bytes(chunk));
    desk.wait(10 * SECOND);
    let events = desk.read();
    let done = events.iter().find(|event| event["type"] == "response.done").unwrap();
    assert_eq!(done["response"]["audio"]["output"]["format"], json!({ "type": "audio/pcmu" }));
    let seconds = audio(&events).len() as f64 / 8_000.0;
    assert!((3.5..6.0).contains(&seconds), "two lines and the playback: {seconds}");
}

#[test]
fn a_transcriber_tells_what_it_measured_and_answers_nothing() {
    let mut desk = MachineHarness::open(Dialect::Ga, SessionKind::Transcription, "");
    let created = desk.only("session.created");
    assert_eq!(created["session"]["type"], "transcription");
    assert_eq!(created["session"]["object"], "realtime.transcription_session");
    desk.send(json!({ "type": "session.update", "session": { "type": "transcription",
        "audio": { "input": { "transcription": { "model": "gpt-4o-transcribe" } } } } }));
    desk.only("session.updated");
    desk.speak();
    desk.silence(3_000);
    let events = desk.read();
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
    let mut desk = MachineHarness::open(Dialect::Ga, SessionKind::Transcription, "");
    desk.send(json!({ "type": "session.update", "session": { "type": "transcription", "audio": { "input": {
        "transcription": { "model": "gpt-live-transcribe" }, "turn_detection": null } } } }));
    desk.silence(1_200);
    desk.send(json!({ "type": "input_audio_buffer.commit" }));
    let completed = desk.only("conversation.item.input_audio_transcription.completed");
    assert_eq!(completed["transcript"], "");
    assert_eq!(completed["usage"], json!({ "type": "duration", "seconds": 2.0 }));
}

#[test]
fn live_models_refuse_turn_detection() {
    let mut desk = MachineHarness::open(Dialect::Ga, SessionKind::Transcription, "");
    desk.read();
    desk.send(json!({ "type": "session.update", "session": { "type": "transcription",
        "audio": { "input": { "transcription": { "model": "gpt-live-transcribe" } } } } }));
    let (code, param, ..) = desk.error();
    assert_eq!((code, param), (json!("invalid_value"), json!("session.audio.input.turn_detection")));
}

#[test]
fn it_greets_once_when_nobody_speaks_for_a_second() {
    let mut desk = MachineHarness::ga();
    desk.silence(500);
    desk.send(update(json!({ "output": { "voice": "marin" } })));
    desk.read();
    desk.silence(900);
    assert_eq!(desk.names(), [] as [&str; 0], "the second begins with the settings");
    desk.silence(200);
    desk.wait(5 * SECOND);
    let transcript = desk.only("response.output_audio_transcript.done");
    assert!(transcript["transcript"].as_str().unwrap().starts_with("Hello, this is the rtvoice demo."));
    desk.silence(3_000);
    assert_eq!(desk.names(), [] as [&str; 0]);
}

#[test]
fn it_does_not_greet_in_writing() {
    let mut desk = MachineHarness::ga();
    desk.send(
        json!({ "type": "session.update", "session": { "type": "realtime", "output_modalities": ["text"] } }),
    );
    desk.read();
    desk.silence(3_000);
    assert_eq!(desk.names(), [] as [&str; 0]);
}

#[test]
fn a_long_silence_is_answered_where_the_session_asks_for_it() {
    let mut desk = MachineHarness::ga();
    desk.send(update(
        json!({ "input": { "turn_detection": { "type": "server_vad", "idle_timeout_ms": 5000 } } }),
    ));
    desk.speak();
    desk.silence(3_000);
    desk.read();
    desk.silence(7_000);
    desk.wait(Duration::from_secs(5));
    let events = desk.read();
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
    let mut desk = MachineHarness::ga();
    desk.write(&samples);
    desk.silence(500);
    let measured = |name: &str, events: &[Value]| events.iter().filter(|event| event["type"] == name).count();
    let events = desk.read();
    assert_eq!(measured("input_audio_buffer.speech_started", &events), 1);
    assert_eq!(measured("input_audio_buffer.speech_stopped", &events), 1);
}
