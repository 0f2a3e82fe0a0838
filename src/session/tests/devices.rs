//! Devices that come and go during a call.

use super::*;
use crate::audio::api::{DeviceState, Direction};
use crate::session::io::UserCommand;

#[test]
fn the_user_is_told_to_speak_once_samples_come_and_the_session_is_configured() {
    let mut call = Call::live(plan());
    call.outputs.clear();
    call.put(Input::Audio(AudioEvent::InputStarted));
    assert_eq!(call.story(), ["speak-now"]);
    call.put(Input::Audio(AudioEvent::InputStarted));
    assert_eq!(call.story(), [""; 0], "once is enough");

    let mut call = Call::dialled(plan());
    call.put(Input::Audio(AudioEvent::InputStarted));
    assert!(call.story().is_empty(), "nobody would hear it");
    call.configured();
    assert_eq!(call.story().iter().filter(|line| *line == "speak-now").count(), 1);
}

#[test]
fn what_becomes_of_a_device_is_shown_and_ends_nothing() {
    let mut call = Call::live(plan());
    call.outputs.clear();
    for state in [DeviceState::Lost("it was disconnected".into()), DeviceState::Back("USB".into())] {
        call.put(Input::Audio(AudioEvent::Device(Direction::Input, state)));
    }
    assert_eq!(call.story(), ["Microphone Lost(\"it was disconnected\")", "Microphone Back(\"USB\")"]);
}

#[test]
fn an_answer_that_finds_no_speaker_is_cut_where_it_was_heard() {
    let mut call = Call::live(plan());
    call.response_created("resp_1");
    call.words("resp_1", "item_a", "one two three four");
    call.sound("resp_1", "item_a", sec(2));
    call.heard(0, ms(900));
    call.outputs.clear();
    call.put(Input::Audio(AudioEvent::OutputUnavailable));
    call.flushed(&[(0, ms(1000))]);
    let story = call.story();
    assert!(story[0].starts_with("info the speaker stays away"), "{story:?}");
    let rest = ["flush", "send response.cancel resp_1", "send truncate item_a 1000"];
    assert_eq!(story[1..4], rest, "{story:?}");
}

#[test]
fn the_session_passes_choices_on() {
    let mut call = Call::live(plan());
    call.outputs.clear();
    call.put(Input::User(UserCommand::ListDevices));
    call.put(Input::User(UserCommand::UseDevice(Direction::Output, Some("usb".into()))));
    assert_eq!(call.story(), ["list-devices", "use Speaker Some(\"usb\")"]);
}
