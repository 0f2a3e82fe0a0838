//! Invariants under arbitrary events in arbitrary order.

use proptest::prelude::*;

use crate::protocol::close::CloseCause;
use crate::session::tests::*;

/// Returns any event.
fn any_event() -> impl Strategy<Value = RandomEvent> {
    prop_oneof![
        8 => (0..3_u8, 0..3_u8).prop_map(|(response, item)| RandomEvent::Sound(response, item)),
        4 => (0..3_u8, 0..3_u8).prop_map(|(response, item)| RandomEvent::Words(response, item)),
        4 => (0..4_u64, 0..900_u64).prop_map(|(clip, time)| RandomEvent::Heard(clip, time)),
        4 => (0..4_u64, 0..900_u64).prop_map(|(clip, time)| RandomEvent::Flushed(clip, time)),
        4 => (0..3_u8).prop_map(RandomEvent::Created),
        4 => (0..3_u8, 0..4_u8).prop_map(|(response, status)| RandomEvent::Done(response, status)),
        4 => Just(RandomEvent::SpeechStarted),
        4 => Just(RandomEvent::SpeechStopped),
        3 => Just(RandomEvent::Say),
        2 => Just(RandomEvent::Interrupt),
        2 => Just(RandomEvent::BeginTurn),
        2 => Just(RandomEvent::EndTurn),
        2 => (0..3_u8).prop_map(RandomEvent::Voice),
        1 => any::<bool>().prop_map(RandomEvent::Mute),
        3 => (0..2_000_u64).prop_map(RandomEvent::Pass),
        2 => (0..9_u8).prop_map(RandomEvent::Error),
        1 => Just(RandomEvent::InputEnded),
        1 => Just(RandomEvent::Broken),
        2 => Just(RandomEvent::Opened),
    ]
}

#[derive(Clone, Debug)]
enum RandomEvent {
    Sound(u8, u8),
    Words(u8, u8),
    Heard(u64, u64),
    Flushed(u64, u64),
    Created(u8),
    Done(u8, u8),
    SpeechStarted,
    SpeechStopped,
    Say,
    Interrupt,
    BeginTurn,
    EndTurn,
    Voice(u8),
    Mute(bool),
    Pass(u64),
    Error(u8),
    InputEnded,
    Broken,
    Opened,
}

fn apply(call: &mut TestCall, event: &RandomEvent) {
    match *event {
        RandomEvent::Sound(response, item) => {
            call.sound(&format!("resp_{response}"), &format!("item_{item}"), ms(400));
        }
        RandomEvent::Words(response, item) => {
            call.words(&format!("resp_{response}"), &format!("item_{item}"), "wörd ");
        }
        RandomEvent::Heard(clip, time) => call.heard(clip, ms(time)),
        RandomEvent::Flushed(clip, time) => call.flushed(&[(clip, ms(time))]),
        RandomEvent::Created(response) => call.response_created(&format!("resp_{response}")),
        RandomEvent::Done(response, status) => {
            let status = ["completed", "cancelled", "failed", "incomplete"][usize::from(status)];
            call.response_done(&format!("resp_{response}"), status);
        }
        RandomEvent::SpeechStarted => call.server(json!({"type": "input_audio_buffer.speech_started"})),
        RandomEvent::SpeechStopped => call.server(json!({"type": "input_audio_buffer.speech_stopped"})),
        RandomEvent::Say => call.say("text"),
        RandomEvent::Interrupt => call.user(UserCommand::Interrupt),
        RandomEvent::BeginTurn => call.user(UserCommand::BeginTurn),
        RandomEvent::EndTurn => call.user(UserCommand::EndTurn),
        RandomEvent::Voice(number) => {
            let events = [AudioEvent::VoiceStarted, AudioEvent::VoiceConfirmed, SILENT];
            call.put(Input::Audio(events[usize::from(number)].clone()));
            call.speak(ms(60));
        }
        RandomEvent::Mute(muted) => call.user(UserCommand::SetMuted(muted)),
        RandomEvent::Pass(time) => call.pass(ms(time)),
        RandomEvent::Error(number) => call.server(json!({"type": "error", "error": {
            "code": "conversation_already_has_active_response", "event_id": format!("rtv_{number}")}})),
        RandomEvent::InputEnded => call.put(Input::Audio(AudioEvent::InputEnded)),
        // Only requested connections open.
        RandomEvent::Opened => {
            let asked = call.outputs.iter().rev().find_map(|output| match output {
                Output::Open(_) => Some(true),
                Output::Show(Notice::Connection(crate::session::io::ConnectionState::Configuring)) => {
                    Some(false)
                }
                _ => None,
            });
            if asked == Some(true) {
                call.put(Input::Opened);
                call.created();
            }
        }
        RandomEvent::Broken => call.put(Input::Closed(CloseCause::Broken("reset".into()))),
    }
}

/// Runs a call and checks what holds in every one.
fn run(events: &[RandomEvent], control: usize) -> Result<(), TestCaseError> {
    let plan = [plan, manual_plan, crate::session::tests::turn::local_turns::local_plan][control]();
    let mut call = TestCall::live(Plan { at_input_end: InputEndAction::End, ..plan });
    for event in events {
        let before = call.outputs.len();
        apply(&mut call, event);
        let new = &call.outputs[before..];
        let flush = new.iter().position(|output| matches!(output, Output::Flush));
        let cut = new.iter().position(|output| matches!(output, Output::Send(event) if matches!(event.body, ClientBody::ResponseCancel { .. })));
        if let (Some(flush), Some(cut)) = (flush, cut) {
            prop_assert!(flush < cut, "the flush precedes every send: {new:?}");
        }
    }
    let mut uncommitted = 0;
    for body in call.sent() {
        match body {
            ClientBody::AudioAppend(bytes) => uncommitted += bytes.len(),
            ClientBody::AudioClear => uncommitted = 0,
            ClientBody::AudioCommit => {
                prop_assert!(control == 0 || uncommitted >= 4_800, "no commit of less than 100 ms");
                uncommitted = 0;
            }
            // A new server has received no audio.
            ClientBody::SessionUpdate(_) => uncommitted = 0,
            _ => {}
        }
    }
    let ends = call.outputs.iter().filter(|output| matches!(output, Output::End(_))).count();
    prop_assert!(ends <= 1, "a call ends once");
    if ends == 1 {
        prop_assert!(matches!(call.outputs.last(), Some(Output::End(_))), "the end is the last output");
    }
    let received = call.played();
    for body in call.sent() {
        if let ClientBody::ItemTruncate { audio_end_ms, .. } = body {
            prop_assert!(*audio_end_ms <= received as u64 / 24, "no truncation beyond the received audio");
        }
    }
    Ok(())
}

#[test]
fn a_connection_lost_after_a_text_during_an_answer_keeps_the_promises() {
    let events = [RandomEvent::Sound(0, 0), RandomEvent::Say, RandomEvent::Broken, RandomEvent::Pass(150)];
    for control in 0..3 {
        run(&events, control).unwrap();
    }
}

proptest! {
    #[test]
    fn a_call_keeps_its_promises(events in proptest::collection::vec(any_event(), 1..80), control in 0..3_usize) {
        run(&events, control)?;
    }

    #[test]
    fn a_call_is_deterministic(events in proptest::collection::vec(any_event(), 1..40)) {
        let mut first = TestCall::live(plan());
        let mut second = TestCall::live(plan());
        for event in events {
            apply(&mut first, &event);
            apply(&mut second, &event);
        }
        prop_assert_eq!(first.outputs, second.outputs);
    }
}
