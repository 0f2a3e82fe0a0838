//! Captions of a file that do not arrive.

use crate::protocol::close::CloseCause;
use crate::session::io::MissingReply;
use crate::session::tests::*;

/// A file with two turns, of which the second has its caption.
fn file(at_second_connection: bool) -> TestCall {
    let plan = Plan { at_input_end: InputEndAction::End, rewinds_input: true, ..captions_plan() };
    let mut call = TestCall::live(plan);
    call.put(Input::Audio(AudioEvent::InputStarted));
    if at_second_connection {
        two_turns(&mut call);
        call.pass(sec(30));
        call.outputs.clear();
        call.configured();
    }
    two_turns(&mut call);
    call
}

fn two_turns(call: &mut TestCall) {
    call.speak(sec(4));
    for (item, start, end) in [("item_1", 500, 1_500), ("item_2", 2_000, 3_000)] {
        for (kind, key, at) in
            [("speech_started", "audio_start_ms", start), ("speech_stopped", "audio_end_ms", end)]
        {
            call.server(json!({"type": format!("input_audio_buffer.{kind}"), key: at, "item_id": item}));
        }
        call.server(json!({"type": "input_audio_buffer.committed", "item_id": item}));
    }
    completed(call, "item_2", "Second.");
}

fn completed(call: &mut TestCall, item: &str, text: &str) {
    call.server(json!({"type": "conversation.item.input_audio_transcription.completed", "item_id": item,
        "content_index": 0, "transcript": text}));
}

fn lines(call: &TestCall) -> Vec<(String, bool)> {
    let lines = call.outputs.iter().filter_map(|output| match output {
        Output::Show(Notice::User(line)) if line.is_final => Some((line.text.clone(), line.has_failed)),
        _ => None,
    });
    lines.filter(|(text, has_failed)| !text.is_empty() || *has_failed).collect()
}

#[test]
fn a_turn_without_a_caption_is_sent_again_once() {
    let mut call = file(false);
    call.pass(sec(29));
    assert!(!call.outputs.iter().any(|output| matches!(output, Output::Open(_))));
    call.pass(sec(1));
    let again: Vec<&Output> =
        call.outputs.iter().filter(|output| matches!(output, Output::Rewind(_) | Output::Open(_))).collect();
    assert!(matches!(again[..], [Output::Rewind(to), Output::Open(_)] if *to == ms(500)), "{again:?}");
    assert_eq!(lines(&call), [], "what follows is captioned again");
}

#[test]
fn a_caption_that_does_not_arrive_twice_is_named_by_its_time() {
    let mut call = file(true);
    call.outputs.clear();
    call.pass(sec(30));
    assert!(!call.outputs.iter().any(|output| matches!(output, Output::Open(_))));
    let story = call.story().join("\n");
    assert!(story.contains("no caption for the turn from 00:00:01 to 00:00:02"), "{story}");
}

#[test]
fn a_missing_caption_is_a_gap_and_a_failure() {
    let mut call = file(true);
    call.outputs.clear();
    call.put(Input::Audio(AudioEvent::InputEnded));
    call.pass(sec(60));
    call.put(Input::Closed(CloseCause::Ours));
    assert_eq!(lines(&call), [(String::new(), true), ("Second.".to_owned(), false)]);
    let missing = MissingReply::NoCaption { missing: 1, turns: 2 };
    assert_eq!(call.ended(), Some(&EndReason::Unanswered(missing)));
}

#[test]
fn the_last_caption_of_a_file_is_asked_for_again_too() {
    let plan = Plan { at_input_end: InputEndAction::End, rewinds_input: true, ..captions_plan() };
    let mut call = TestCall::live(plan);
    call.put(Input::Audio(AudioEvent::InputStarted));
    two_turns(&mut call);
    completed(&mut call, "item_1", "First.");
    call.server(
        json!({"type": "input_audio_buffer.speech_started", "audio_start_ms": 3100, "item_id": "item_3"}),
    );
    call.server(
        json!({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 3900, "item_id": "item_3"}),
    );
    call.server(json!({"type": "input_audio_buffer.committed", "item_id": "item_3"}));
    call.put(Input::Audio(AudioEvent::InputEnded));
    call.pass(sec(11));
    assert!(call.outputs.contains(&Output::Rewind(sec(3))), "the end of the last caption");
}
