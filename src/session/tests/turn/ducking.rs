//! Ducking on possible speech, and its end on confirmation, silence or timeout.

use crate::session::plan::Interrupt;
use crate::session::tests::*;

/// A call in the middle of a response of two seconds.
fn answering(interrupt: Interrupt) -> TestCall {
    let mut plan = plan();
    plan.interrupt = interrupt;
    let mut call = TestCall::live(plan);
    call.response_created("resp_1");
    call.words("resp_1", "item_a", "one two three four");
    call.sound("resp_1", "item_a", sec(2));
    call.heard(0, ms(900));
    call.outputs.clear();
    call
}

fn voice(call: &mut TestCall, event: AudioEvent) {
    call.put(Input::Audio(event));
}

fn server_detects_speech(call: &mut TestCall) {
    call.server(
        json!({"type": "input_audio_buffer.speech_started", "audio_start_ms": 5000, "item_id": "item_u"}),
    );
}

#[test]
fn possible_speech_ducks_and_detected_speech_stops_the_response() {
    let mut call = answering(Interrupt::Server);
    voice(&mut call, AudioEvent::VoiceStarted);
    assert_eq!(call.story(), ["duck"]);
    voice(&mut call, AudioEvent::VoiceConfirmed);
    assert_eq!(call.story(), [""; 0], "local detection does not decide");
    server_detects_speech(&mut call);
    assert_eq!(call.story(), ["speech-started", "flush", "turn User"]);
    call.flushed(&[(0, ms(1000))]);
    assert_eq!(call.story(), ["send truncate item_a 1000", "assistant cut \"one two\" heard 1000 ms"]);
    voice(&mut call, SILENT);
    assert_eq!(call.story(), [""; 0], "a flushed response is not unducked");
}

#[test]
fn after_a_cough_the_volume_is_restored_and_playback_continues() {
    let mut call = answering(Interrupt::Server);
    voice(&mut call, AudioEvent::VoiceStarted);
    call.pass(ms(600));
    voice(&mut call, SILENT);
    assert_eq!(call.story(), ["duck", "unduck"]);
    call.pass(sec(5));
    assert_eq!(call.story(), [""; 0]);
    voice(&mut call, AudioEvent::VoiceStarted);
    assert_eq!(call.story(), ["duck"], "the next possible speech ducks again");
}

#[test]
fn unconfirmed_speech_stops_ducking_after_a_timeout() {
    let mut call = answering(Interrupt::Server);
    voice(&mut call, AudioEvent::VoiceStarted);
    call.pass(ms(1_499));
    assert_eq!(call.story(), ["duck"]);
    call.pass(ms(1));
    assert_eq!(call.story(), ["unduck"]);
    voice(&mut call, SILENT);
    assert_eq!(call.story(), [""; 0], "the volume is restored once");
}

#[test]
fn local_detection_stops_and_cancels_the_response() {
    let mut call = answering(Interrupt::Local);
    voice(&mut call, AudioEvent::VoiceStarted);
    voice(&mut call, AudioEvent::VoiceConfirmed);
    assert_eq!(call.story(), ["duck", "flush", "send response.cancel resp_1"]);
    call.flushed(&[(0, ms(1000))]);
    assert!(call.story().contains(&"send truncate item_a 1000".to_owned()));
}

#[test]
fn speech_has_no_effect_if_interruption_is_off() {
    let mut call = answering(Interrupt::Off);
    voice(&mut call, AudioEvent::VoiceStarted);
    voice(&mut call, AudioEvent::VoiceConfirmed);
    voice(&mut call, SILENT);
    assert_eq!(call.story(), [""; 0]);
}

#[test]
fn ducking_needs_playback_and_an_open_microphone() {
    let mut call = TestCall::live(plan());
    voice(&mut call, AudioEvent::VoiceStarted);
    assert_eq!(call.story(), [""; 0], "nothing is playing");
    let mut call = answering(Interrupt::Local);
    call.user(UserCommand::SetMuted(true));
    call.outputs.clear();
    voice(&mut call, AudioEvent::VoiceStarted);
    voice(&mut call, AudioEvent::VoiceConfirmed);
    assert_eq!(call.story(), [""; 0], "the microphone is muted");
}

#[test]
fn a_response_after_a_ducked_one_has_full_volume() {
    let mut call = answering(Interrupt::Server);
    voice(&mut call, AudioEvent::VoiceStarted);
    call.user(UserCommand::Interrupt);
    assert_eq!(call.story(), ["duck", "flush", "send response.cancel resp_1"]);
    voice(&mut call, SILENT);
    call.pass(ms(100));
    assert!(!call.story().contains(&"unduck".to_owned()), "a flush restores the volume");
}
