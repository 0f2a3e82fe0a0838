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
    let mut spoken = 0;
    for (item, start, end) in [("item_1", 500, 1_500), ("item_2", 2_000, 3_000)] {
        for (kind, key, at) in
            [("speech_started", "audio_start_ms", start), ("speech_stopped", "audio_end_ms", end)]
        {
            call.speak(ms(at - spoken));
            spoken = at;
            call.server(json!({"type": format!("input_audio_buffer.{kind}"), key: at, "item_id": item}));
        }
        call.server(json!({"type": "input_audio_buffer.committed", "item_id": item}));
    }
    call.speak(sec(1));
    completed(call, "item_2", "Second.");
}

#[test]
fn a_long_silence_of_a_file_is_not_sent_and_counts_as_media_time() {
    let plan = Plan { at_input_end: InputEndAction::End, rewinds_input: true, ..captions_plan() };
    let mut call = TestCall::live(plan.clone());
    two_turns(&mut call);
    call.outputs.clear();
    call.speak(sec(60));
    let seconds = call.appended().len() as f64 / 100.0;
    assert!((1.0..=2.5).contains(&seconds), "{seconds} s of silence");
    let sent = 4_000 + (seconds * 1_000.0) as u64;
    // A turn that the server finds right after the last audio it got, which is a minute later in the file.
    let event =
        |kind: &str, key: &str, at: u64| json!({"type": format!("input_audio_buffer.{kind}"), key: at});
    call.server(event("speech_started", "audio_start_ms", sent + 20));
    call.speak(sec(1));
    assert!(call.appended().len() > (seconds * 100.0) as usize + 100, "what precedes speech is sent, too");
    call.server(event("speech_stopped", "audio_end_ms", sent + 1_000));
    call.server(json!({"type": "input_audio_buffer.committed", "item_id": "item_3"}));
    completed(&mut call, "item_1", "First.");
    completed(&mut call, "item_3", "Third.");
    let spans = call.outputs.iter().filter_map(|output| match output {
        Output::Show(Notice::User(line)) if line.text == "Third." => {
            line.spoken.as_ref().map(|time| time.span)
        }
        _ => None,
    });
    let span = spans.collect::<Vec<_>>().pop().expect("it has a caption");
    assert!(span.end > ms(64_800) && span.end <= ms(65_000), "{span:?}");
    let mut live = TestCall::live(Plan { rewinds_input: false, ..plan });
    live.speak(sec(60));
    assert_eq!(live.appended().len(), 6_000, "live speech is sent as it comes");
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
    assert!(matches!(again[..], [Output::Rewind(to), Output::Open(_)] if *to == ms(496)), "{again:?}");
    assert_eq!(lines(&call), [], "what follows is captioned again");
}

#[test]
fn a_caption_that_does_not_arrive_twice_is_named_by_its_time() {
    let mut call = file(true);
    call.outputs.clear();
    call.pass(sec(30));
    assert!(!call.outputs.iter().any(|output| matches!(output, Output::Open(_))));
    let story = call.story().join("\n");
    assert!(story.contains("no caption for the turn from 00:00:00 to 00:00:01"), "{story}");
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
    assert!(call.outputs.contains(&Output::Rewind(ms(2_992))), "the end of the last caption");
}
