//! Turns that end by hand, and responses that the client requests.

use crate::session::tests::*;

fn requesting_plan() -> Plan {
    use crate::protocol::settings::{TurnDetection, TurnMethod};
    use crate::protocol::value::Unknown;

    let mut plan = plan();
    plan.settings.turn_detection = FieldUpdate::Set(TurnDetection {
        method: TurnMethod::SemanticVad { eagerness: None },
        create_response: Some(false),
        interrupt_response: Some(false),
        unknown: Unknown::new(),
    });
    plan
}

fn committed(call: &mut TestCall) {
    call.server(json!({"type": "input_audio_buffer.speech_started"}));
    call.speak(sec(1));
    call.server(json!({"type": "input_audio_buffer.speech_stopped"}));
    call.server(json!({"type": "input_audio_buffer.committed", "item_id": "item_u"}));
}

fn asked(call: &mut TestCall) -> usize {
    call.story().iter().filter(|line| *line == "send response.create").count()
}

#[test]
fn one_key_begins_and_ends_a_turn() {
    let mut call = TestCall::live(manual_plan());
    for response in ["resp_1", "resp_2"] {
        call.user(UserCommand::SwitchTurn);
        call.speak(ms(100));
        call.user(UserCommand::SwitchTurn);
        call.response_created(response);
        call.response_done(response, "completed");
    }
    let turn = ["turn User", "send commit", "send response.create", "turn Thinking", "turn Listening"];
    assert_eq!(call.story(), [turn, turn].concat());
}

#[test]
fn mute_ends_a_held_turn_and_prevents_another() {
    let mut call = TestCall::live(manual_plan());
    call.user(UserCommand::BeginTurn);
    call.speak(ms(500));
    call.user(UserCommand::SetMuted(true));
    call.user(UserCommand::EndTurn);
    assert_eq!(
        call.story(),
        ["turn User", "send commit", "send response.create", "muted true", "turn Thinking"]
    );
    call.user(UserCommand::BeginTurn);
    call.speak(ms(500));
    assert_eq!(call.story(), ["info the microphone is muted: unmute it to speak"]);
    assert!(call.appended().is_empty());
}

#[test]
fn a_file_that_is_one_turn_continues_while_muted() {
    let mut call = TestCall::live(Plan { at_input_end: InputEndAction::End, ..manual_plan() });
    call.speak(ms(500));
    call.user(UserCommand::SetMuted(true));
    call.speak(ms(500));
    assert_eq!(call.appended().len(), 100);
    assert!(!call.story().contains(&"send commit".to_owned()));
}

#[test]
fn a_response_that_the_server_does_not_create_is_requested_once() {
    let mut call = TestCall::live(requesting_plan());
    committed(&mut call);
    assert_eq!(asked(&mut call), 1);
    call.response_created("resp_1");
    committed(&mut call);
    assert_eq!(asked(&mut call), 0, "one response at a time");
    call.response_done("resp_1", "completed");
    assert_eq!(asked(&mut call), 1);
}

#[test]
fn a_response_to_a_turn_ended_early_is_requested_once() {
    let mut call = TestCall::live(requesting_plan());
    call.server(json!({"type": "input_audio_buffer.speech_started"}));
    call.user(UserCommand::EndTurn);
    call.server(json!({"type": "input_audio_buffer.committed", "item_id": "item_u"}));
    assert_eq!(
        call.story(),
        ["speech-started", "turn User", "send commit", "user… \"\"", "send response.create", "turn Thinking"]
    );
}

#[test]
fn speech_does_not_stop_an_uninterruptible_response() {
    let mut call = TestCall::live(requesting_plan());
    call.response_created("resp_1");
    call.sound("resp_1", "item_a", sec(5));
    call.story();
    call.server(json!({"type": "input_audio_buffer.speech_started"}));
    assert!(!call.story().contains(&"flush".to_owned()));
}
