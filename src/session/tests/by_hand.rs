//! Who ends a turn besides the server's own detection: the user by hand, and this side by asking.

use super::*;

fn asking_plan() -> Plan {
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

fn committed(call: &mut Call) {
    call.server(json!({"type": "input_audio_buffer.speech_started"}));
    call.speak(sec(1));
    call.server(json!({"type": "input_audio_buffer.speech_stopped"}));
    call.server(json!({"type": "input_audio_buffer.committed", "item_id": "item_u"}));
}

fn asked(call: &mut Call) -> usize {
    call.story().iter().filter(|line| *line == "send response.create").count()
}

#[test]
fn one_key_begins_and_ends_a_turn() {
    let mut call = Call::live(manual_plan());
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
fn the_mute_ends_a_held_turn_and_none_begins_behind_it() {
    let mut call = Call::live(manual_plan());
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
fn a_file_that_is_one_turn_goes_on_while_it_is_muted() {
    let mut call = Call::live(Plan { at_input_end: InputEndAction::End, ..manual_plan() });
    call.speak(ms(500));
    call.user(UserCommand::SetMuted(true));
    call.speak(ms(500));
    assert_eq!(call.appended().len(), 100);
    assert!(!call.story().contains(&"send commit".to_owned()));
}

#[test]
fn what_the_server_does_not_answer_by_itself_is_asked_for_once() {
    let mut call = Call::live(asking_plan());
    committed(&mut call);
    assert_eq!(asked(&mut call), 1);
    call.response_created("resp_1");
    committed(&mut call);
    assert_eq!(asked(&mut call), 0, "one answer at a time");
    call.response_done("resp_1", "completed");
    assert_eq!(asked(&mut call), 1);
}

#[test]
fn a_turn_that_the_user_ends_early_is_asked_for_once_too() {
    let mut call = Call::live(asking_plan());
    call.server(json!({"type": "input_audio_buffer.speech_started"}));
    call.user(UserCommand::EndTurn);
    call.server(json!({"type": "input_audio_buffer.committed", "item_id": "item_u"}));
    assert_eq!(
        call.story(),
        ["speech-started", "turn User", "send commit", "user… \"\"", "send response.create", "turn Thinking"]
    );
}

#[test]
fn speech_over_an_answer_that_is_not_to_be_interrupted_lets_it_sound() {
    let mut call = Call::live(asking_plan());
    call.response_created("resp_1");
    call.sound("resp_1", "item_a", sec(5));
    call.story();
    call.server(json!({"type": "input_audio_buffer.speech_started"}));
    assert!(!call.story().contains(&"flush".to_owned()));
}
