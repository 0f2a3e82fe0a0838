//! Local turn detection (`--vad local`).

use crate::protocol::close::CloseCause;
use crate::session::plan::{Interrupt, LocalTurnPlan};
use crate::session::tests::*;

const HERE: LocalTurnPlan =
    LocalTurnPlan { threshold: 0.5, silence: ms(500), prefix: ms(300), longest: None };

pub(in crate::session::tests) fn local_plan() -> Plan {
    Plan { local_turns: Some(HERE), ..manual_plan() }
}

fn live_captions_plan() -> Plan {
    let mut plan = captions_plan();
    plan.settings.turn_detection = FieldUpdate::Clear;
    plan.local_turns = Some(LocalTurnPlan { longest: Some(sec(20)), ..HERE });
    plan
}

fn voice(call: &mut TestCall, event: AudioEvent) {
    call.put(Input::Audio(event));
}

/// Speaks for `time` after confirmation, and 250 ms before.
fn utter(call: &mut TestCall, time: Duration) {
    call.speak(ms(100));
    voice(call, AudioEvent::VoiceStarted);
    call.speak(ms(150));
    voice(call, AudioEvent::VoiceConfirmed);
    call.speak(time);
    voice(call, SILENT);
}

#[test]
fn a_turn_includes_its_beginning_and_silence_is_not_sent() {
    let mut call = TestCall::live(local_plan());
    call.speak(sec(5));
    assert!(call.appended().is_empty(), "silence between turns would be billed");
    utter(&mut call, sec(1));
    call.speak(sec(5));
    // 300 ms before detection, 250 ms until confirmation, then a second.
    assert_eq!(call.appended().len(), 30 + 10 + 15 + 100);
    let turn = ["speech-started", "turn User", "speech-stopped", "send commit", "send response.create"];
    assert_eq!(call.story(), [&turn[..], &["turn Thinking"]].concat());
}

#[test]
fn the_audio_of_a_turn_has_no_gap() {
    let mut call = TestCall::live(local_plan());
    let mut number = 0;
    let mut say = |call: &mut TestCall, frames: i16| {
        for _ in 0..frames {
            number += 1;
            call.put(Input::Mic(Frame::new(SampleRate::HZ_24000, vec![number; 240])));
        }
    };
    say(&mut call, 100);
    voice(&mut call, AudioEvent::VoiceStarted);
    say(&mut call, 15);
    voice(&mut call, AudioEvent::VoiceConfirmed);
    say(&mut call, 50);
    voice(&mut call, SILENT);
    say(&mut call, 50);
    let numbers: Vec<i16> =
        call.appended().iter().map(|bytes| i16::from_le_bytes([bytes[0], bytes[1]])).collect();
    assert_eq!(numbers, (61..=165).collect::<Vec<i16>>());
}

#[test]
fn a_cough_is_not_a_turn_and_sends_nothing() {
    let mut call = TestCall::live(local_plan());
    call.speak(sec(1));
    voice(&mut call, AudioEvent::VoiceStarted);
    call.speak(ms(600));
    voice(&mut call, SILENT);
    assert!(call.appended().is_empty() && call.story().is_empty());
    utter(&mut call, ms(500));
    assert_eq!(call.appended().len(), 30 + 10 + 15 + 50, "the cough is not part of the next turn");
}

#[test]
fn speech_during_a_response_flushes_it_first() {
    let mut call = TestCall::live(local_plan());
    call.response_created("resp_1");
    call.sound("resp_1", "item_a", sec(5));
    call.story();
    voice(&mut call, AudioEvent::VoiceStarted);
    assert_eq!(call.story(), ["duck"], "possible speech stops nothing");
    voice(&mut call, AudioEvent::VoiceConfirmed);
    assert_eq!(call.story(), ["flush", "send response.cancel resp_1", "speech-started", "turn User"]);
    call.speak(sec(1));
    voice(&mut call, SILENT);
    call.flushed(&[(0, ms(700))]);
    assert!(!call.story().contains(&"send response.create".to_owned()), "one response at a time");
    call.response_done("resp_1", "cancelled");
    assert!(call.story().contains(&"send response.create".to_owned()));
}

#[test]
fn after_a_cough_the_volume_is_restored_without_a_turn() {
    let mut call = TestCall::live(local_plan());
    call.response_created("resp_1");
    call.sound("resp_1", "item_a", sec(5));
    call.story();
    voice(&mut call, AudioEvent::VoiceStarted);
    call.speak(ms(500));
    voice(&mut call, SILENT);
    assert_eq!(call.story(), ["duck", "unduck"]);
}

#[test]
fn without_interruption_a_turn_waits_for_the_response_to_end() {
    let mut call = TestCall::live(Plan { interrupt: Interrupt::Off, ..local_plan() });
    call.response_created("resp_1");
    call.sound("resp_1", "item_a", sec(5));
    call.story();
    utter(&mut call, sec(1));
    assert_eq!(
        call.story(),
        ["speech-started", "turn User", "speech-stopped", "send commit", "turn Assistant"]
    );
    call.response_done("resp_1", "completed");
    assert!(call.story().contains(&"send response.create".to_owned()));
}

#[test]
fn speech_events_carry_the_position_in_the_sent_audio() {
    let mut call = TestCall::live(local_plan());
    call.speak(sec(3));
    utter(&mut call, sec(1));
    call.speak(sec(3));
    utter(&mut call, sec(1));
    let shown = call.outputs.iter().filter_map(|output| match output {
        Output::Show(Notice::SpeechStarted { audio_ms } | Notice::SpeechStopped { audio_ms }) => *audio_ms,
        _ => None,
    });
    assert_eq!(shown.collect::<Vec<_>>(), [0, 1_550, 1_550, 3_100], "silence is not sent");
}

#[test]
fn speech_from_before_the_connection_is_a_turn() {
    let mut call = TestCall::dialled(local_plan());
    call.speak(sec(2));
    utter(&mut call, sec(1));
    call.put(Input::Opened);
    call.created();
    call.outputs.clear();
    call.server(json!({"type": "session.updated", "session": {"type": "realtime"}}));
    assert_eq!(call.appended().len(), 155);
    let story = call.story();
    assert!(story.ends_with(&["send commit", "send response.create", "turn Thinking"].map(String::from)));
}

#[test]
fn a_turn_continues_after_a_lost_connection() {
    let mut call = TestCall::live(local_plan());
    call.speak(sec(1));
    voice(&mut call, AudioEvent::VoiceStarted);
    voice(&mut call, AudioEvent::VoiceConfirmed);
    call.speak(sec(1));
    call.put(Input::Closed(CloseCause::Broken("reset".into())));
    call.speak(sec(1));
    call.pass(sec(1));
    call.outputs.clear();
    call.configured();
    voice(&mut call, SILENT);
    assert_eq!(call.appended().len(), 40 + 100 + 100);
    let commits = call.story().iter().filter(|line| *line == "send commit").count();
    assert_eq!(commits, 1);
}

#[test]
fn mute_ends_a_turn_and_prevents_another() {
    let mut call = TestCall::live(local_plan());
    voice(&mut call, AudioEvent::VoiceConfirmed);
    call.speak(sec(1));
    call.user(UserCommand::SetMuted(true));
    assert_eq!(
        call.story(),
        [
            "speech-started",
            "turn User",
            "speech-stopped",
            "send commit",
            "send response.create",
            "muted true",
            "turn Thinking"
        ]
    );
    let sent = call.appended().len();
    voice(&mut call, AudioEvent::VoiceStarted);
    voice(&mut call, AudioEvent::VoiceConfirmed);
    call.speak(sec(1));
    assert_eq!(call.appended().len(), sent);
}

#[test]
fn keys_do_not_control_local_turns() {
    let mut call = TestCall::live(local_plan());
    for command in [UserCommand::BeginTurn, UserCommand::EndTurn, UserCommand::SwitchTurn] {
        call.user(command);
    }
    assert!(call.story().is_empty());
}

#[test]
fn long_speech_is_committed_in_contiguous_parts() {
    let mut call = TestCall::live(live_captions_plan());
    voice(&mut call, AudioEvent::VoiceConfirmed);
    for _ in 0..45 {
        call.speak(sec(1));
        call.pass(sec(1));
    }
    voice(&mut call, SILENT);
    let mut parts = vec![0];
    for body in call.sent() {
        match body {
            ClientBody::AudioAppend(_) => *parts.last_mut().unwrap() += 1,
            ClientBody::AudioCommit => parts.push(0),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(parts, [2_000, 2_000, 500, 0]);
    call.pass(sec(120));
    assert!(!call.story().iter().any(|line| line == "send clear"), "silence has no parts");
}

#[test]
fn a_silent_part_is_not_committed() {
    let mut call = TestCall::live(live_captions_plan());
    voice(&mut call, AudioEvent::VoiceConfirmed);
    call.speak(sec(20));
    call.pass(ms(20_300));
    assert_eq!(call.story(), ["speech-started", "turn User", "send commit"]);
    call.speak(ms(300));
    voice(&mut call, SILENT);
    assert_eq!(call.story(), ["speech-stopped", "send clear", "turn Listening"]);
}

#[test]
fn an_open_turn_ends_once_at_the_end_of_the_input() {
    let mut call = TestCall::live(live_captions_plan());
    voice(&mut call, AudioEvent::VoiceConfirmed);
    call.speak(sec(1));
    call.story();
    voice(&mut call, AudioEvent::InputEnded);
    assert_eq!(call.story(), ["speech-stopped", "send commit", "turn Listening"]);
    call.speak(ms(500));
    voice(&mut call, SILENT);
    assert!(call.appended().is_empty() && call.story().is_empty());
}

#[test]
fn speech_confirmed_after_the_end_of_the_input_is_a_turn() {
    let mut call = TestCall::live(live_captions_plan());
    call.speak(ms(100));
    voice(&mut call, AudioEvent::VoiceStarted);
    call.speak(ms(100));
    voice(&mut call, AudioEvent::InputEnded);
    call.speak(ms(50));
    voice(&mut call, AudioEvent::VoiceConfirmed);
    call.speak(ms(500));
    voice(&mut call, SILENT);
    assert_eq!(call.appended().len(), 10 + 10 + 5 + 50);
    assert_eq!(
        call.story(),
        ["speech-started", "turn User", "speech-stopped", "send commit", "turn Listening"]
    );
}

#[test]
fn a_file_ends_with_its_last_caption() {
    let mut call = TestCall::live(Plan { at_input_end: InputEndAction::End, ..live_captions_plan() });
    call.speak(sec(1));
    voice(&mut call, AudioEvent::VoiceConfirmed);
    call.speak(sec(1));
    call.put(Input::Audio(AudioEvent::InputEnded));
    call.speak(ms(500));
    call.pass(ms(500));
    voice(&mut call, SILENT);
    call.pass(sec(3));
    assert_eq!(call.ended(), None, "the caption is outstanding");
    call.server(json!({"type": "input_audio_buffer.committed", "item_id": "item_u"}));
    call.server(json!({"type": "conversation.item.input_audio_transcription.completed", "item_id": "item_u",
        "transcript": "hello"}));
    call.pass(sec(3));
    assert_eq!(call.ended(), Some(&EndReason::InputEnded));
}

#[test]
fn server_vad_events_do_not_end_a_local_turn() {
    let detected = |call: &mut TestCall| {
        call.server(json!({"type": "input_audio_buffer.speech_started", "item_id": "item_1"}));
        call.server(json!({"type": "input_audio_buffer.speech_stopped", "item_id": "item_1"}));
    };
    let mut local = TestCall::live(local_plan());
    local.speak(sec(1));
    voice(&mut local, AudioEvent::VoiceStarted);
    local.speak(ms(150));
    voice(&mut local, AudioEvent::VoiceConfirmed);
    local.speak(ms(500));
    detected(&mut local);
    local.speak(ms(500));
    voice(&mut local, SILENT);
    let turn = ["speech-started", "turn User", "speech-stopped", "send commit", "send response.create"];
    assert_eq!(local.story(), [&turn[..], &["turn Thinking"]].concat());
    let mut by_hand = TestCall::live(manual_plan());
    by_hand.user(UserCommand::BeginTurn);
    by_hand.speak(ms(500));
    detected(&mut by_hand);
    by_hand.speak(ms(500));
    by_hand.user(UserCommand::EndTurn);
    assert_eq!(by_hand.story(), ["turn User", "send commit", "send response.create", "turn Thinking"]);
    detected(&mut by_hand);
    assert_eq!(by_hand.story(), Vec::<String>::new(), "no turn begins either");
}
