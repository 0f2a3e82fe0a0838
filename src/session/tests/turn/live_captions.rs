//! Live captions, which end on request and have marks.

use crate::protocol::close::CloseCause;
use crate::session::tests::*;

fn live() -> TestCall {
    let mut call = TestCall::live(captions_plan());
    call.put(Input::Audio(AudioEvent::InputStarted));
    call
}

/// Speech that the server has found.
fn speaking() -> TestCall {
    let mut call = live();
    call.speak(ms(500));
    call.server(
        json!({"type": "input_audio_buffer.speech_started", "audio_start_ms": 0, "item_id": "item_1"}),
    );
    call
}

fn end(call: &mut TestCall, reason: EndReason) {
    call.user(UserCommand::HangUp(reason));
}

fn final_texts(call: &TestCall) -> Vec<&str> {
    let lines = call.outputs.iter().filter_map(|output| match output {
        Output::Show(Notice::User(line)) if line.is_final => Some(line.text.as_str()),
        _ => None,
    });
    lines.collect()
}

#[test]
fn ctrl_c_waits_for_the_caption_of_the_last_words() {
    let mut call = speaking();
    end(&mut call, EndReason::User);
    assert_eq!(call.ended(), None);
    call.outputs.clear();
    call.speak(ms(10));
    assert_eq!(call.appended(), [vec![0; 480]], "silence ends the turn");
    call.server(
        json!({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 500, "item_id": "item_1"}),
    );
    call.server(json!({"type": "input_audio_buffer.committed", "item_id": "item_1"}));
    call.pass(ms(900));
    assert_eq!(call.ended(), None);
    call.server(json!({"type": "conversation.item.input_audio_transcription.completed", "item_id": "item_1",
        "content_index": 0, "transcript": "The end."}));
    call.put(Input::Closed(CloseCause::Ours));
    assert_eq!(final_texts(&call), ["The end."]);
    assert_eq!(call.ended(), Some(&EndReason::User));
}

#[test]
fn a_second_ctrl_c_keeps_what_is_there_of_the_last_caption() {
    let mut call = speaking();
    call.server(json!({"type": "conversation.item.input_audio_transcription.delta", "item_id": "item_1",
        "content_index": 0, "delta": "Good"}));
    end(&mut call, EndReason::User);
    call.pass(ms(200));
    assert_eq!(call.ended(), None);
    end(&mut call, EndReason::User);
    call.put(Input::Closed(CloseCause::Ours));
    assert_eq!(final_texts(&call), ["Good"]);
    assert_eq!(call.ended(), Some(&EndReason::User));
}

#[test]
fn a_caption_that_never_comes_does_not_keep_the_end() {
    let mut call = speaking();
    end(&mut call, EndReason::User);
    call.pass(sec(11));
    assert_eq!(call.ended(), Some(&EndReason::User));
}

#[test]
fn ctrl_c_in_silence_ends_at_once_and_so_does_the_signal_without_a_screen() {
    let mut call = live();
    end(&mut call, EndReason::User);
    assert!(call.outputs.contains(&Output::Close));
    let mut call = speaking();
    end(&mut call, EndReason::Signal(2));
    call.pass(ms(500));
    assert_eq!(call.ended(), Some(&EndReason::User), "a normal end");
    let mut call = TestCall::live(Plan { at_input_end: InputEndAction::End, ..captions_plan() });
    end(&mut call, EndReason::Signal(2));
    call.pass(ms(500));
    assert_eq!(call.ended(), Some(&EndReason::Signal(2)), "the middle of a file");
}

#[test]
fn a_mark_has_a_number_and_its_media_time() {
    let mut call = live();
    call.speak(ms(1_500));
    call.user(UserCommand::Mark);
    call.speak(ms(500));
    call.user(UserCommand::Mark);
    let marks: Vec<String> = call.story().into_iter().filter(|line| line.starts_with("mark")).collect();
    assert_eq!(marks, ["mark 1 at 1.5s", "mark 2 at 2s"]);
}

#[test]
fn segments_name_the_speakers_of_a_caption() {
    let mut call = speaking();
    call.speak(ms(2_500));
    call.server(
        json!({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 3000, "item_id": "item_1"}),
    );
    call.server(json!({"type": "input_audio_buffer.committed", "item_id": "item_1"}));
    for (id, speaker, text, start, end) in [("s1", "A", "Hello.", 0.2, 0.9), ("s2", "B", "Hi.", 1.0, 1.6)] {
        let segment = json!({"type": "conversation.item.input_audio_transcription.segment", "item_id": "item_1",
            "content_index": 0, "id": id, "speaker": speaker, "text": text, "start": start, "end": end});
        call.server(segment.clone());
        call.server(segment);
    }
    call.server(json!({"type": "conversation.item.input_audio_transcription.completed", "item_id": "item_1",
        "content_index": 0, "transcript": ""}));
    assert_eq!(final_texts(&call), ["Hello. Hi."]);
    let segments = call.outputs.iter().rev().find_map(|output| match output {
        Output::Show(Notice::User(line)) => Some(line.spoken.as_ref()?.segments.clone()),
        _ => None,
    });
    let segments: Vec<_> = segments.into_iter().flatten().map(|part| (part.speaker, part.span)).collect();
    let span = |start, end| Some(crate::session::io::MediaSpan { start: ms(start), end: ms(end) });
    assert_eq!(
        segments,
        [(Some("A".to_owned()), span(200, 900)), (Some("B".to_owned()), span(1_000, 1_600))]
    );
}
