//! What holds whatever happens, in whatever order.

use proptest::prelude::*;

use super::*;
use crate::protocol::close::CloseCause;

/// Things that can happen, in no sensible order.
fn anything() -> impl Strategy<Value = Happening> {
    prop_oneof![
        8 => (0..3_u8, 0..3_u8).prop_map(|(response, item)| Happening::Sound(response, item)),
        4 => (0..3_u8, 0..3_u8).prop_map(|(response, item)| Happening::Words(response, item)),
        4 => (0..4_u64, 0..900_u64).prop_map(|(clip, time)| Happening::Heard(clip, time)),
        4 => (0..4_u64, 0..900_u64).prop_map(|(clip, time)| Happening::Flushed(clip, time)),
        4 => (0..3_u8).prop_map(Happening::Created),
        4 => (0..3_u8, 0..4_u8).prop_map(|(response, status)| Happening::Done(response, status)),
        4 => Just(Happening::SpeechStarted),
        4 => Just(Happening::SpeechStopped),
        3 => Just(Happening::Say),
        2 => Just(Happening::Interrupt),
        2 => Just(Happening::BeginTurn),
        2 => Just(Happening::EndTurn),
        2 => (0..3_u8).prop_map(Happening::Voice),
        1 => any::<bool>().prop_map(Happening::Mute),
        3 => (0..2_000_u64).prop_map(Happening::Pass),
        2 => (0..9_u8).prop_map(Happening::Error),
        1 => Just(Happening::InputEnded),
        1 => Just(Happening::Broken),
        2 => Just(Happening::Opened),
    ]
}

#[derive(Clone, Debug)]
enum Happening {
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

fn happen(call: &mut Call, happening: &Happening) {
    match *happening {
        Happening::Sound(response, item) => {
            call.sound(&format!("resp_{response}"), &format!("item_{item}"), ms(400));
        }
        Happening::Words(response, item) => {
            call.words(&format!("resp_{response}"), &format!("item_{item}"), "wörd ");
        }
        Happening::Heard(clip, time) => call.heard(clip, ms(time)),
        Happening::Flushed(clip, time) => call.flushed(&[(clip, ms(time))]),
        Happening::Created(response) => call.response_created(&format!("resp_{response}")),
        Happening::Done(response, status) => {
            let status = ["completed", "cancelled", "failed", "incomplete"][usize::from(status)];
            call.response_done(&format!("resp_{response}"), status);
        }
        Happening::SpeechStarted => call.server(json!({"type": "input_audio_buffer.speech_started"})),
        Happening::SpeechStopped => call.server(json!({"type": "input_audio_buffer.speech_stopped"})),
        Happening::Say => call.say("text"),
        Happening::Interrupt => call.user(UserCommand::Interrupt),
        Happening::BeginTurn => call.user(UserCommand::BeginTurn),
        Happening::EndTurn => call.user(UserCommand::EndTurn),
        Happening::Voice(number) => {
            let events = [AudioEvent::VoiceStarted, AudioEvent::VoiceConfirmed, SILENT];
            call.put(Input::Audio(events[usize::from(number)].clone()));
            call.speak(ms(60));
        }
        Happening::Mute(muted) => call.user(UserCommand::SetMuted(muted)),
        Happening::Pass(time) => call.pass(ms(time)),
        Happening::Error(number) => call.server(json!({"type": "error", "error": {
            "code": "conversation_already_has_active_response", "event_id": format!("rtv_{number}")}})),
        Happening::InputEnded => call.put(Input::Audio(AudioEvent::InputEnded)),
        // Only what was asked for is opened.
        Happening::Opened => {
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
        Happening::Broken => call.put(Input::Closed(CloseCause::Broken("reset".into()))),
    }
}

proptest! {
    #[test]
    fn a_call_keeps_its_promises(happenings in proptest::collection::vec(anything(), 1..80), control in 0..3_usize) {
        let plan = [plan, manual_plan, super::local_vad::local_plan][control]();
        let mut call = Call::live(Plan { at_input_end: AtInputEnd::End, ..plan });
        for happening in happenings {
            let before = call.outputs.len();
            happen(&mut call, &happening);
            let new = &call.outputs[before..];
            let flush = new.iter().position(|output| matches!(output, Output::Flush));
            let cut = new.iter().position(|output| matches!(output, Output::Send(event) if matches!(event.body, ClientBody::ResponseCancel { .. })));
            if let (Some(flush), Some(cut)) = (flush, cut) {
                prop_assert!(flush < cut, "silence comes before anything is sent: {new:?}");
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
                // Another server has heard nothing.
                ClientBody::SessionUpdate(_) => uncommitted = 0,
                _ => {}
            }
        }
        let ends = call.outputs.iter().filter(|output| matches!(output, Output::End(_))).count();
        prop_assert!(ends <= 1, "a call ends once");
        if ends == 1 {
            prop_assert!(matches!(call.outputs.last(), Some(Output::End(_))), "the end is the last thing");
        }
        let received = call.played();
        for body in call.sent() {
            if let ClientBody::ItemTruncate { audio_end_ms, .. } = body {
                prop_assert!(*audio_end_ms <= received as u64 / 24, "no cut beyond what was received");
            }
        }
    }

    #[test]
    fn a_call_is_the_same_every_time(happenings in proptest::collection::vec(anything(), 1..40)) {
        let mut first = Call::live(plan());
        let mut second = Call::live(plan());
        for happening in happenings {
            happen(&mut first, &happening);
            happen(&mut second, &happening);
        }
        prop_assert_eq!(first.outputs, second.outputs);
    }
}
