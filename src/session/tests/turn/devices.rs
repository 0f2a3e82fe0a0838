//! Device changes during a call.

use crate::audio::api::{DeviceState, Direction};
use crate::session::io::UserCommand;
use crate::session::tests::*;

#[test]
fn the_ready_prompt_needs_samples_and_a_live_session() {
    let mut call = TestCall::live(plan());
    call.outputs.clear();
    call.put(Input::Audio(AudioEvent::InputStarted));
    assert_eq!(call.story(), ["speak-now"]);
    call.put(Input::Audio(AudioEvent::InputStarted));
    assert_eq!(call.story(), [""; 0], "it is shown once");

    let mut call = TestCall::dialled(plan());
    call.put(Input::Audio(AudioEvent::InputStarted));
    assert!(call.story().is_empty(), "the session is not live");
    call.configured();
    assert_eq!(call.story().iter().filter(|line| *line == "speak-now").count(), 1);
}

#[test]
fn device_events_are_shown_and_do_not_end_the_call() {
    let mut call = TestCall::live(plan());
    call.outputs.clear();
    for state in [DeviceState::Lost("it was disconnected".into()), DeviceState::Back("USB".into())] {
        call.put(Input::Audio(AudioEvent::Device(Direction::Input, state)));
    }
    assert_eq!(call.story(), ["Input Lost(\"it was disconnected\")", "Input Back(\"USB\")"]);
}

#[test]
fn a_response_without_an_output_device_is_truncated() {
    let mut call = TestCall::live(plan());
    call.response_created("resp_1");
    call.words("resp_1", "item_a", "one two three four");
    call.sound("resp_1", "item_a", sec(2));
    call.heard(0, ms(900));
    call.outputs.clear();
    call.put(Input::Audio(AudioEvent::OutputUnavailable));
    call.flushed(&[(0, ms(1000))]);
    let story = call.story();
    assert!(story[0].starts_with("info no output device"), "{story:?}");
    let rest = ["flush", "send response.cancel resp_1", "send truncate item_a 1000"];
    assert_eq!(story[1..4], rest, "{story:?}");
}

#[test]
fn device_commands_are_passed_on() {
    let mut call = TestCall::live(plan());
    call.outputs.clear();
    call.put(Input::User(UserCommand::ListDevices));
    call.put(Input::User(UserCommand::UseDevice(Direction::Output, Some("usb".into()))));
    assert_eq!(call.story(), ["list-devices", "use Output Some(\"usb\")"]);
}
