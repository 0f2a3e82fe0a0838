//! Unacknowledged speech is sent again after a lost connection.

use crate::protocol::close::CloseCause;
use crate::session::tests::*;

/// Loses the connection and reconnects.
fn lose_and_return(call: &mut TestCall) {
    call.put(Input::Closed(CloseCause::Broken("reset".into())));
    call.pass(sec(1));
    call.outputs.clear();
    call.configured();
}

fn speech_started(call: &mut TestCall) {
    call.server(json!({"type": "input_audio_buffer.speech_started", "audio_start_ms": 0, "item_id": "u"}));
}

fn speech_stopped(call: &mut TestCall) {
    call.server(json!({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 9, "item_id": "u"}));
    call.server(json!({"type": "input_audio_buffer.committed", "item_id": "u"}));
}

/// Returns whether one turn was committed and one response requested.
fn commits_and_requests(story: &[String]) -> bool {
    let sent: Vec<_> = story.iter().filter(|line| line.starts_with("send")).collect();
    sent.ends_with(&[&"send commit".to_owned(), &"send response.create".to_owned()])
        && sent.iter().filter(|line| **line == "send response.create").count() == 1
}

fn caption(call: &mut TestCall) {
    call.server(json!({"type": "conversation.item.input_audio_transcription.completed", "item_id": "u",
        "transcript": "What is a ring?"}));
}

#[test]
fn a_turn_in_progress_is_sent_again_from_its_beginning() {
    let mut call = TestCall::live(plan());
    call.speak(sec(10));
    speech_started(&mut call);
    call.speak(sec(3));
    lose_and_return(&mut call);
    assert_eq!(call.appended().len(), 400, "the turn, and the second before it was noticed");
    assert_eq!(call.appended()[399][..2], [44, 1], "frame 300 of the turn is the last");
}

#[test]
fn an_unacknowledged_turn_is_sent_again() {
    let mut call = TestCall::live(plan());
    speech_started(&mut call);
    call.speak(sec(2));
    speech_stopped(&mut call);
    lose_and_return(&mut call);
    assert_eq!(call.appended().len(), 200);
    assert!(!call.story().contains(&"send response.create".to_owned()), "the server finds the turn itself");
}

#[test]
fn a_captioned_turn_is_replayed_as_text() {
    let mut call = TestCall::live(plan());
    speech_started(&mut call);
    call.speak(sec(2));
    speech_stopped(&mut call);
    caption(&mut call);
    lose_and_return(&mut call);
    assert_eq!(call.appended().len(), 100, "the last second, in which someone may have begun to speak");
    let story = call.story();
    assert_eq!(story.iter().filter(|line| *line == "send item").count(), 1, "{story:?}");
    assert_eq!(story.iter().filter(|line| *line == "send response.create").count(), 1, "{story:?}");
}

#[test]
fn a_turn_with_a_response_is_not_sent_again() {
    let mut call = TestCall::live(plan());
    speech_started(&mut call);
    call.speak(sec(2));
    speech_stopped(&mut call);
    call.response_created("r");
    lose_and_return(&mut call);
    assert_eq!(call.appended().len(), 100);
}

#[test]
fn the_line_of_a_turn_that_is_sent_again_is_closed() {
    let mut call = TestCall::live(plan());
    speech_started(&mut call);
    call.speak(sec(2));
    speech_stopped(&mut call);
    call.outputs.clear();
    call.put(Input::Closed(CloseCause::Broken("reset".into())));
    assert!(call.story().contains(&"user \"\"".to_owned()));
}

#[test]
fn a_held_turn_continues_after_reconnecting() {
    let mut call = TestCall::live(manual_plan());
    call.user(UserCommand::BeginTurn);
    call.speak(sec(2));
    call.put(Input::Closed(CloseCause::Broken("reset".into())));
    call.speak(sec(1));
    call.pass(sec(1));
    call.outputs.clear();
    call.configured();
    assert_eq!(call.appended().len(), 300);
    call.user(UserCommand::EndTurn);
    assert!(commits_and_requests(&call.story()));
}

#[test]
fn a_turn_ended_while_disconnected_is_committed_after_reconnecting() {
    let mut call = TestCall::live(manual_plan());
    call.user(UserCommand::BeginTurn);
    call.speak(sec(2));
    call.put(Input::Closed(CloseCause::Broken("reset".into())));
    call.user(UserCommand::EndTurn);
    call.speak(sec(1));
    call.pass(sec(1));
    call.outputs.clear();
    call.configured();
    assert_eq!(call.appended().len(), 200);
    assert!(commits_and_requests(&call.story()));
    call.outputs.clear();
    call.speak(sec(1));
    assert_eq!(call.appended().len(), 0, "the turn is over");
}

#[test]
fn a_committed_turn_without_a_response_is_committed_again() {
    let mut call = TestCall::live(manual_plan());
    call.user(UserCommand::BeginTurn);
    call.speak(sec(2));
    call.user(UserCommand::EndTurn);
    lose_and_return(&mut call);
    assert_eq!(call.appended().len(), 200);
    let story = call.story();
    assert_eq!(story.iter().filter(|line| *line == "send response.create").count(), 1, "{story:?}");
}

#[test]
fn transcription_gets_uncaptioned_audio_again() {
    let mut call = TestCall::live(captions_plan());
    speech_started(&mut call);
    call.speak(sec(2));
    speech_stopped(&mut call);
    lose_and_return(&mut call);
    assert_eq!(call.appended().len(), 200);
    caption(&mut call);
    call.outputs.clear();
    lose_and_return(&mut call);
    let story = call.story();
    assert!(!story.contains(&"send item".to_owned()), "a session of captions knows no items: {story:?}");
}

#[test]
fn an_input_that_can_be_read_again_goes_back_to_the_first_turn_without_a_caption() {
    let mut call = TestCall::live(Plan { rewinds_input: true, ..captions_plan() });
    for (id, start, stop) in [("a", 0, 2_000), ("b", 3_000, 5_000), ("c", 6_000, 8_000)] {
        call.speak(sec(1));
        call.server(
            json!({"type": "input_audio_buffer.speech_started", "audio_start_ms": start, "item_id": id}),
        );
        call.speak(sec(2));
        call.server(
            json!({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": stop, "item_id": id}),
        );
        call.server(json!({"type": "input_audio_buffer.committed", "item_id": id}));
    }
    for id in ["a", "c"] {
        call.server(json!({"type": "conversation.item.input_audio_transcription.completed", "item_id": id,
            "transcript": format!("It is {id}.")}));
    }
    call.outputs.clear();
    call.put(Input::Closed(CloseCause::Broken("reset".into())));
    let story = call.story();
    assert!(story.contains(&"rewind to 2992 ms".to_owned()), "{story:?}");
    assert!(!story.iter().any(|line| line.contains("It is c")), "it is captioned again: {story:?}");
    call.pass(sec(1));
    call.outputs.clear();
    call.configured();
    assert_eq!(call.appended().len(), 0, "the audio comes from the input again");
    call.speak(sec(3));
    call.server(json!({"type": "input_audio_buffer.speech_started", "audio_start_ms": 0, "item_id": "b"}));
    call.server(json!({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 2_000, "item_id": "b"}));
    call.server(json!({"type": "input_audio_buffer.committed", "item_id": "b"}));
    call.server(json!({"type": "conversation.item.input_audio_transcription.completed", "item_id": "b",
        "transcript": "It is b."}));
    let spans = call.outputs.iter().filter_map(|output| match output {
        Output::Show(Notice::User(line)) if line.is_final => {
            line.spoken.as_ref().map(|spoken| spoken.span.start)
        }
        _ => None,
    });
    assert_eq!(spans.collect::<Vec<_>>(), [ms(2_992)]);
}

#[test]
fn an_idle_connection_closed_by_a_gateway_reconnects_silently() {
    for cause in [
        CloseCause::Peer { code: Some(1000), reason: "idle".into() },
        CloseCause::Peer { code: None, reason: String::new() },
        CloseCause::Broken("reset".into()),
    ] {
        let mut call = TestCall::live(manual_plan());
        call.say("Hello");
        call.response_created("r");
        call.response_done("r", "completed");
        call.pass(sec(60));
        call.outputs.clear();
        call.put(Input::Closed(cause.clone()));
        assert_eq!(call.story(), ["connection Reconnecting"], "{cause:?}");
        call.pass(sec(1));
        call.configured();
        assert!(!call.story().iter().any(|line| line.starts_with("info")));
    }
}

#[test]
fn a_normal_close_during_activity_ends_the_call() {
    let normal_close = || CloseCause::Peer { code: Some(1000), reason: "bye".into() };
    let mut holding = TestCall::live(manual_plan());
    holding.pass(sec(60));
    holding.user(UserCommand::BeginTurn);
    holding.put(Input::Closed(normal_close()));
    let mut listening = TestCall::live(plan());
    listening.pass(sec(60));
    listening.put(Input::Closed(normal_close()));
    for call in [holding, listening] {
        assert_eq!(call.ended(), Some(&EndReason::ServerClosed("bye".into())));
    }
}
