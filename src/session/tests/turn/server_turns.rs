//! Turns detected by the server or ended by hand, with the lines of both sides.

use crate::session::tests::*;

/// One turn as OpenAI sends it, up to the first audio of the response.
fn turn_until_answer(call: &mut TestCall) {
    call.speak(ms(100));
    call.server(
        json!({"type": "input_audio_buffer.speech_started", "audio_start_ms": 0, "item_id": "item_u"}),
    );
    call.speak(ms(100));
    call.server(
        json!({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 150, "item_id": "item_u"}),
    );
    call.server(
        json!({"type": "input_audio_buffer.committed", "previous_item_id": null, "item_id": "item_u"}),
    );
    call.server(json!({"type": "conversation.item.added", "previous_item_id": null, "item": {"id": "item_u",
        "type": "message", "role": "user", "content": [{"type": "input_audio", "transcript": null}]}}));
    call.response_created("resp_1");
    call.words("resp_1", "item_a", "Hello ");
    call.sound("resp_1", "item_a", ms(500));
}

#[test]
fn a_turn_produces_its_outputs_in_order() {
    let mut call = TestCall::live(plan());
    turn_until_answer(&mut call);
    call.words("resp_1", "item_a", "there.");
    call.server(json!({"type": "conversation.item.input_audio_transcription.completed", "item_id": "item_u",
        "content_index": 0, "transcript": "Good morning"}));
    call.response_done("resp_1", "completed");
    call.heard(0, ms(250));
    call.heard(0, ms(500));
    assert_eq!(
        call.story(),
        [
            "speech-started",
            "turn User",
            "speech-stopped",
            "turn Listening",
            "user… \"\"",
            "turn Thinking",
            "assistant… \"Hello\"",
            "turn Assistant",
            "assistant… \"Hello there.\"",
            "user \"Good morning\"",
            "play-end 0",
            "assistant \"Hello there.\" heard 500 ms",
            "turn Listening",
        ]
    );
}

#[test]
fn a_response_is_not_final_before_it_was_played() {
    let mut call = TestCall::live(plan());
    turn_until_answer(&mut call);
    call.response_done("resp_1", "completed");
    call.heard(0, ms(499));
    assert!(!call.story().iter().any(|line| line.starts_with("assistant \"")));
    call.heard(0, ms(500));
    assert_eq!(call.story()[0], "assistant \"Hello\" heard 500 ms");
}

#[test]
fn no_response_is_requested_if_the_server_creates_one() {
    let mut call = TestCall::live(plan());
    turn_until_answer(&mut call);
    assert!(!call.story().contains(&"send response.create".to_owned()));
}

#[test]
fn a_server_that_sends_only_deltas_is_understood() {
    let mut call = TestCall::live(plan());
    call.server(json!({"type": "input_audio_buffer.speech_started"}));
    call.server(json!({"type": "input_audio_buffer.speech_stopped"}));
    call.server(json!({"type": "response.audio_transcript.delta", "response_id": "r", "delta": "Hi."}));
    call.sound("r", "i", ms(100));
    call.server(json!({"type": "response.done", "response": {"id": "r", "status": "completed"}}));
    call.heard(0, ms(100));
    let story = call.story();
    assert!(story.contains(&"assistant… \"Hi.\"".to_owned()), "{story:?}");
    assert_eq!(call.session.turns.state(), crate::session::io::TurnState::Listening);
}

#[test]
fn text_that_arrives_only_with_response_done_is_shown() {
    let mut call = TestCall::live(plan());
    call.response_created("resp_1");
    call.server(json!({"type": "response.done", "response": {"id": "resp_1", "status": "completed", "output": [
        {"id": "item_a", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi."}]}]}}));
    assert!(call.story().contains(&"assistant \"Hi.\"".to_owned()));
}

#[test]
fn a_late_caption_names_its_previous_item() {
    let mut call = TestCall::live(plan());
    call.server(
        json!({"type": "input_audio_buffer.committed", "previous_item_id": "item_0", "item_id": "item_u"}),
    );
    call.response_done("resp_1", "completed");
    call.outputs.clear();
    call.server(json!({"type": "conversation.item.input_audio_transcription.completed", "item_id": "item_u",
        "transcript": "late"}));
    let line = call.outputs.iter().find_map(|output| match output {
        Output::Show(Notice::User(line)) => Some(line.clone()),
        _ => None,
    });
    assert_eq!(line.unwrap().after.as_deref(), Some("item_0"));
}

#[test]
fn a_muted_microphone_sends_silence_so_that_the_servers_clock_goes_on() {
    let mut call = TestCall::live(plan());
    call.user(UserCommand::SetMuted(true));
    call.speak(ms(20));
    assert_eq!(call.appended(), vec![vec![0; 480]; 2]);
    call.user(UserCommand::SetMuted(false));
    call.speak(ms(10));
    assert_ne!(call.appended()[2], vec![0; 480]);
}

#[test]
fn a_manual_turn_is_committed_and_requests_a_response() {
    let mut call = TestCall::live(manual_plan());
    call.speak(ms(50));
    assert!(call.appended().is_empty(), "nothing is sent outside of a turn");
    call.user(UserCommand::BeginTurn);
    call.speak(ms(100));
    call.user(UserCommand::EndTurn);
    call.speak(ms(50));
    assert_eq!(call.appended().len(), 10);
    assert_eq!(call.story(), ["turn User", "send commit", "send response.create", "turn Thinking"]);
}

#[test]
fn a_manual_turn_shorter_than_100_ms_is_discarded() {
    let mut call = TestCall::live(manual_plan());
    call.user(UserCommand::BeginTurn);
    call.speak(ms(90));
    call.user(UserCommand::EndTurn);
    assert_eq!(
        call.story(),
        ["turn User", "send clear", "info turn shorter than 100 ms was discarded", "turn Listening"]
    );
}

#[test]
fn beginning_a_manual_turn_flushes_the_response_first() {
    let mut call = TestCall::live(manual_plan());
    call.response_created("resp_1");
    call.sound("resp_1", "item_a", ms(500));
    call.story();
    call.user(UserCommand::BeginTurn);
    assert_eq!(call.story(), ["flush", "send response.cancel resp_1", "turn User"]);
}

#[test]
fn usage_is_summed_over_responses_and_unknown_stays_unknown() {
    let mut call = TestCall::live(plan());
    for (number, usage) in [
        (1, json!({"input_tokens": 10, "output_tokens": 4})),
        (2, json!({"input_tokens": 30})),
        (3, Value::Null),
    ] {
        call.server(json!({"type": "response.done", "response": {"id": format!("resp_{number}"),
            "status": "completed", "usage": usage}}));
    }
    let report = call.outputs.iter().rev().find_map(|output| match output {
        Output::Show(Notice::Usage(report)) => Some(report.clone()),
        _ => None,
    });
    let report = report.unwrap();
    assert_eq!(report.total.input_tokens, Some(40));
    assert_eq!(report.total.output_tokens, Some(4));
    assert_eq!(report.total.total_tokens, None, "an unreported count is not zero");
    assert_eq!(report.unknown, 1);
}

#[test]
fn an_odd_byte_of_audio_belongs_to_the_next_delta() {
    let mut call = TestCall::live(plan());
    for delta in ["AQAC", "AAMA"] {
        call.server(
            json!({"type": "response.audio.delta", "response_id": "r", "item_id": "i", "delta": delta}),
        );
    }
    assert_eq!(call.played(), 3);
}

#[test]
fn dropped_frames_are_reported_only_while_live() {
    let mut call = TestCall::dialled(plan());
    call.put(Input::Audio(AudioEvent::MicDropped { frames: 100 }));
    assert!(call.story().is_empty());
    let mut call = TestCall::live(plan());
    call.put(Input::Audio(AudioEvent::MicDropped { frames: 3 }));
    assert_eq!(call.story(), ["error the connection is too slow: 3 microphone frames were dropped"]);
}

#[test]
fn unknown_events_are_not_errors() {
    let mut call = TestCall::live(plan());
    call.server(json!({"type": "localai.something", "x": 1}));
    call.put(Input::Malformed("{".into()));
    assert!(call.story().is_empty());
}
