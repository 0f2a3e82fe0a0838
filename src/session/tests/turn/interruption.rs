//! Interruptions: flush first, then truncation at the playback position.

use crate::session::tests::*;

/// A response of two seconds, of which `heard` was played.
fn answering(plan: Plan, heard: Duration) -> TestCall {
    let mut call = TestCall::live(plan);
    call.response_created("resp_1");
    call.words("resp_1", "item_a", "one two three four");
    call.sound("resp_1", "item_a", sec(2));
    call.heard(0, heard);
    call.outputs.clear();
    call
}

fn speech_started(call: &mut TestCall) {
    call.server(
        json!({"type": "input_audio_buffer.speech_started", "audio_start_ms": 5000, "item_id": "item_u"}),
    );
}

#[test]
fn the_flush_precedes_every_send_and_truncation_uses_the_playback_position() {
    let mut call = answering(plan(), ms(900));
    speech_started(&mut call);
    assert_eq!(call.story(), ["speech-started", "flush", "turn User"]);
    call.flushed(&[(0, ms(1000))]);
    assert_eq!(call.story(), ["send truncate item_a 1000", "assistant cut \"one two\" heard 1000 ms"]);
}

#[test]
fn no_cancel_is_sent_if_the_server_interrupts() {
    let mut call = answering(plan(), ms(900));
    speech_started(&mut call);
    call.flushed(&[(0, ms(1000))]);
    assert!(!call.story().iter().any(|line| line.contains("cancel")));
}

#[test]
fn truncation_is_never_beyond_the_received_audio() {
    let mut call = answering(plan(), ms(900));
    speech_started(&mut call);
    call.flushed(&[(0, sec(9))]);
    assert!(call.story().iter().all(|line| !line.contains("truncate item_a 9000")));
}

#[test]
fn late_audio_and_text_of_a_cut_response_are_dropped() {
    let mut call = answering(plan(), ms(900));
    speech_started(&mut call);
    call.sound("resp_1", "item_a", sec(1));
    call.words("resp_1", "item_a", " five");
    call.flushed(&[(0, ms(1000))]);
    call.response_done("resp_1", "cancelled");
    call.sound("resp_1", "item_a", sec(1));
    assert_eq!(call.played(), 0);
    assert!(!call.story().iter().any(|line| line.contains("five")));
}

#[test]
fn the_next_response_plays_after_a_cut_one() {
    let mut call = answering(plan(), ms(900));
    speech_started(&mut call);
    call.flushed(&[(0, ms(1000))]);
    call.response_done("resp_1", "cancelled");
    call.response_created("resp_2");
    call.sound("resp_2", "item_b", sec(1));
    assert_eq!(call.played(), 24_000);
}

#[test]
fn a_complete_response_that_is_still_playing_is_truncated() {
    let mut call = answering(plan(), ms(900));
    call.response_done("resp_1", "completed");
    speech_started(&mut call);
    call.flushed(&[(0, ms(1000))]);
    assert!(call.story().contains(&"send truncate item_a 1000".to_owned()));
}

#[test]
fn a_fully_played_response_is_not_truncated() {
    let mut call = answering(plan(), ms(900));
    call.response_done("resp_1", "completed");
    call.heard(0, sec(2));
    speech_started(&mut call);
    let story = call.story();
    assert!(!story.iter().any(|line| line == "flush" || line.contains("truncate")), "{story:?}");
}

#[test]
fn an_item_that_has_not_begun_to_play_is_truncated_at_zero() {
    let mut call = answering(plan(), ms(900));
    call.words("resp_1", "item_b", "five");
    call.sound("resp_1", "item_b", sec(1));
    speech_started(&mut call);
    call.flushed(&[(0, ms(1000)), (1, ms(0))]);
    let story = call.story();
    assert!(story.contains(&"send truncate item_a 1000".to_owned()), "{story:?}");
    assert!(story.contains(&"send truncate item_b 0".to_owned()), "{story:?}");
}

#[test]
fn without_a_flush_report_the_last_position_counts() {
    let mut call = answering(plan(), ms(900));
    speech_started(&mut call);
    call.pass(ms(149));
    assert!(!call.story().iter().any(|line| line.contains("truncate")));
    call.pass(ms(1));
    assert!(call.story().contains(&"send truncate item_a 900".to_owned()));
    call.flushed(&[(0, ms(1000))]);
    assert!(call.story().is_empty(), "the cut is reported once");
}

#[test]
fn an_interruption_by_key_cancels_the_response() {
    let mut call = answering(plan(), ms(900));
    call.user(UserCommand::Interrupt);
    assert_eq!(call.story(), ["flush", "send response.cancel resp_1"]);
    call.flushed(&[(0, ms(1000))]);
    assert!(call.story().contains(&"send truncate item_a 1000".to_owned()));
}

#[test]
fn interrupting_nothing_does_nothing() {
    let mut call = TestCall::live(plan());
    call.user(UserCommand::Interrupt);
    speech_started(&mut call);
    assert_eq!(call.story(), ["speech-started", "turn User"]);
}

#[test]
fn interrupting_twice_cancels_once() {
    let mut call = answering(plan(), ms(900));
    call.user(UserCommand::Interrupt);
    call.user(UserCommand::Interrupt);
    assert_eq!(call.story(), ["flush", "send response.cancel resp_1"]);
}

#[test]
fn a_cancelled_response_is_flushed_without_speech_started() {
    let mut call = answering(plan(), ms(900));
    call.server(json!({"type": "response.done", "response": {"id": "resp_1", "status": "cancelled",
        "status_details": {"type": "cancelled", "reason": "turn_detected"}}}));
    assert!(call.story().contains(&"flush".to_owned()));
    call.flushed(&[(0, ms(1000))]);
    assert!(call.story().contains(&"send truncate item_a 1000".to_owned()));
}

#[test]
fn a_server_configured_not_to_interrupt_does_not() {
    let mut plan = plan();
    plan.settings.turn_detection = FieldUpdate::Set(crate::protocol::settings::TurnDetection {
        method: crate::protocol::settings::TurnMethod::SemanticVad { eagerness: None },
        create_response: Some(true),
        interrupt_response: Some(false),
        unknown: serde_json::Map::new(),
    });
    let mut call = answering(plan, ms(900));
    speech_started(&mut call);
    assert!(!call.story().contains(&"flush".to_owned()));
}

#[test]
fn a_written_response_can_be_interrupted() {
    let mut call = TestCall::live(Plan { mode: Mode::Chat, ..written_plan() });
    call.say("tell me a story");
    call.response_created("resp_1");
    call.server(json!({"type": "response.output_text.delta", "response_id": "resp_1", "item_id": "item_a",
        "content_index": 0, "delta": "Once upon"}));
    call.story();
    call.user(UserCommand::Interrupt);
    call.server(json!({"type": "response.output_text.delta", "response_id": "resp_1", "item_id": "item_a",
        "content_index": 0, "delta": " a time"}));
    call.response_done("resp_1", "cancelled");
    assert_eq!(
        call.story(),
        ["send response.cancel resp_1", "assistant cut \"Once upon\"", "turn Listening"]
    );
}

#[test]
fn the_played_part_of_text_without_spaces_ends_between_characters() {
    let mut call = TestCall::live(plan());
    call.response_created("resp_1");
    call.words("resp_1", "item_a", "今天天氣很好");
    call.sound("resp_1", "item_a", sec(3));
    speech_started(&mut call);
    call.outputs.clear();
    call.flushed(&[(0, ms(1000))]);
    assert_eq!(call.story()[1], "assistant cut \"今天\" heard 1000 ms");
}
