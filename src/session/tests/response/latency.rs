//! Response latency: every step, and no record if it would be wrong.

use crate::session::io::delay::{Delay, DelayOrigin, DelayReport};
use crate::session::tests::turn::local_turns::local_plan;
use crate::session::tests::*;

/// Speaks for `time` in real time, a frame every 10 ms.
fn speak_slowly(call: &mut TestCall, time: Duration) {
    for _ in 0..time.as_millis() / 10 {
        call.pass(ms(10));
        call.speak(ms(10));
    }
}

fn started(call: &mut TestCall) {
    call.server(json!({"type": "input_audio_buffer.speech_started", "audio_start_ms": 0, "item_id": "u"}));
}

fn stopped(call: &mut TestCall, audio_end_ms: Option<u64>) {
    let stopped = json!({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": audio_end_ms,
        "item_id": "u"});
    call.server(stopped);
}

fn committed(call: &mut TestCall) {
    call.server(json!({"type": "input_audio_buffer.committed", "previous_item_id": null, "item_id": "u"}));
}

fn reports(call: &TestCall) -> Vec<DelayReport> {
    let shown = call.outputs.iter().filter_map(|output| match output {
        Output::Show(Notice::Delay(report)) => Some(**report),
        _ => None,
    });
    shown.collect()
}

fn only(call: &TestCall) -> Delay {
    let reports = reports(call);
    assert_eq!(reports.len(), 1, "{reports:?}");
    reports[0].last
}

/// A turn of a second, reported by the endpoint 200 ms after its end.
fn spoken_turn(call: &mut TestCall) {
    started(call);
    speak_slowly(call, ms(1_200));
    call.pass(ms(30));
    stopped(call, Some(1_000));
    call.pass(ms(5));
    committed(call);
}

/// The response to it: generated after 300 ms, at the device 40 ms later.
fn spoken_answer(call: &mut TestCall, response: &str, clip: u64) {
    call.pass(ms(45));
    call.response_created(response);
    call.pass(ms(240));
    call.words(response, response, "Hello");
    call.pass(ms(10));
    call.sound(response, response, ms(200));
    call.pass(ms(40));
    call.heard(clip, ms(20));
}

#[test]
fn a_local_turn_is_timed_from_the_end_of_speech() {
    let mut call = TestCall::live(local_plan());
    call.put(Input::Audio(AudioEvent::VoiceConfirmed));
    speak_slowly(&mut call, ms(1_200));
    call.put(Input::Audio(SILENT));
    call.pass(ms(5));
    committed(&mut call);
    spoken_answer(&mut call, "r1", 0);
    let expected = Delay {
        from: DelayOrigin::TurnEnd,
        speech_stopped: Some(ms(500)),
        committed: Some(ms(500)),
        asked: Some(ms(500)),
        created: Some(ms(550)),
        first_byte: ms(790),
        first_audio: Some(ms(800)),
        first_sample: Some(ms(840)),
    };
    assert_eq!(only(&call), expected);
}

#[test]
fn a_spoken_turn_is_timed_from_the_end_of_its_audio() {
    let mut call = TestCall::live(plan());
    spoken_turn(&mut call);
    spoken_answer(&mut call, "r1", 0);
    let delay = only(&call);
    let expected = Delay {
        from: DelayOrigin::TurnEnd,
        speech_stopped: Some(ms(230)),
        committed: Some(ms(235)),
        asked: None,
        created: Some(ms(280)),
        first_byte: ms(520),
        first_audio: Some(ms(530)),
        first_sample: Some(ms(570)),
    };
    assert_eq!(delay, expected);
    assert_eq!((delay.answered(), delay.here()), (ms(570), Some(ms(40))));
}

#[test]
fn later_playback_of_a_response_is_not_recorded_again() {
    let mut call = TestCall::live(plan());
    spoken_turn(&mut call);
    spoken_answer(&mut call, "r1", 0);
    call.heard(0, ms(100));
    call.sound("r1", "another", ms(100));
    call.heard(1, ms(100));
    call.response_done("r1", "completed");
    only(&call);
}

#[test]
fn without_audio_end_ms_a_turn_is_timed_from_speech_stopped() {
    // None; beyond the sent audio; the start of the audio, before the previous turn.
    for audio_end_ms in [None, Some(5_000), Some(0)] {
        let mut call = TestCall::live(plan());
        spoken_turn(&mut call);
        stopped(&mut call, audio_end_ms);
        spoken_answer(&mut call, "r1", 0);
        let delay = only(&call);
        assert_eq!((delay.from, delay.answered()), (DelayOrigin::SpeechStopped, ms(335)), "{audio_end_ms:?}");
    }
    let mut call = TestCall::live(plan());
    spoken_turn(&mut call);
    spoken_answer(&mut call, "r1", 0);
    started(&mut call);
    speak_slowly(&mut call, ms(500));
    stopped(&mut call, Some(700));
    spoken_answer(&mut call, "r2", 1);
    assert_eq!(
        reports(&call)[1].last.from,
        DelayOrigin::SpeechStopped,
        "it counts from each turn's beginning"
    );
}

#[test]
fn sent_audio_is_counted_per_connection() {
    let mut call = TestCall::live(plan());
    speak_slowly(&mut call, ms(2_000));
    call.put(Input::Closed(crate::protocol::close::CloseCause::Broken("reset".into())));
    call.pass(sec(1));
    call.configured();
    call.outputs.clear();
    started(&mut call);
    speak_slowly(&mut call, ms(1_200));
    // The last second of audio is sent again to the new server.
    stopped(&mut call, Some(2_000));
    call.pass(ms(35));
    spoken_answer(&mut call, "r1", 0);
    assert_eq!((only(&call).from, only(&call).answered()), (DelayOrigin::TurnEnd, ms(570)));
}

#[test]
fn a_server_that_sends_only_deltas_is_timed() {
    let mut call = TestCall::live(plan());
    started(&mut call);
    speak_slowly(&mut call, ms(500));
    committed(&mut call);
    call.pass(ms(100));
    call.server(json!({"type": "response.audio.delta", "delta": "AAAA"}));
    call.pass(ms(20));
    call.heard(0, ms(1));
    let delay = only(&call);
    assert_eq!((delay.from, delay.answered(), delay.created), (DelayOrigin::Commit, ms(120), None));
    assert_eq!((delay.committed, delay.speech_stopped), (Some(ms(0)), None));
}

#[test]
fn a_manual_turn_is_timed_from_its_commit() {
    let mut call = TestCall::live(manual_plan());
    call.user(UserCommand::BeginTurn);
    speak_slowly(&mut call, ms(500));
    call.user(UserCommand::EndTurn);
    call.pass(ms(50));
    committed(&mut call);
    spoken_answer(&mut call, "r1", 0);
    let delay = only(&call);
    assert_eq!((delay.from, delay.committed, delay.asked), (DelayOrigin::Commit, Some(ms(0)), Some(ms(0))));
    assert_eq!((delay.answered(), delay.here()), (ms(385), Some(ms(40))));
}

#[test]
fn typed_text_is_timed_from_the_enter_key_even_if_its_request_waits() {
    let mut call = TestCall::live(plan());
    call.say("first");
    call.response_created("r1");
    call.sound("r1", "r1", ms(500));
    call.say("second");
    call.pass(ms(70));
    call.words("r1", "r1", "an interrupted response");
    call.flushed(&[(0, ms(0))]);
    call.response_done("r1", "cancelled");
    call.pass(ms(30));
    spoken_answer(&mut call, "r2", 1);
    let delay = only(&call);
    assert_eq!((delay.from, delay.asked, delay.created), (DelayOrigin::Typed, Some(ms(70)), Some(ms(145))));
    assert_eq!(delay.answered(), ms(435));
}

#[test]
fn a_written_response_is_timed_by_its_first_text() {
    let mut plan = plan();
    plan.mode = Mode::Chat;
    plan.settings.output = Some(Modality::Text);
    let mut call = TestCall::live(plan);
    call.say("question");
    call.pass(ms(100));
    call.response_created("r1");
    call.pass(ms(100));
    let delta = json!({"type": "response.output_text.delta", "response_id": "r1", "item_id": "a",
        "output_index": 0, "content_index": 0, "delta": "Yes"});
    call.server(delta.clone());
    call.pass(ms(100));
    call.server(delta);
    let delay = only(&call);
    assert_eq!((delay.answered(), delay.first_sample, delay.here()), (ms(200), None, None));
    assert_eq!(reports(&call)[0].all.here, None);
}

#[test]
fn a_response_without_audio_in_a_call_is_timed_at_its_end() {
    let mut call = TestCall::live(plan());
    call.say("question");
    call.response_created("r1");
    call.pass(ms(100));
    call.words("r1", "a", "Yes");
    assert!(reports(&call).is_empty(), "audio may follow");
    call.response_done("r1", "completed");
    assert_eq!(only(&call).answered(), ms(100));
}

#[test]
fn interrupted_failed_and_empty_responses_are_not_recorded() {
    type TimedEvent = fn(&mut TestCall);
    let ends: [(&str, TimedEvent); 6] = [
        ("the user goes on", |call| started(call)),
        ("the user stops it", |call| call.user(UserCommand::Interrupt)),
        ("it fails", |call| call.response_done("r1", "failed")),
        ("the server cancels it", |call| call.response_done("r1", "cancelled")),
        ("there is nothing in it", |call| call.response_done("r1", "completed")),
        ("the connection breaks", |call| {
            call.put(Input::Closed(crate::protocol::close::CloseCause::Broken("reset".into())));
        }),
    ];
    for (what, end) in ends {
        let mut call = TestCall::live(plan());
        spoken_turn(&mut call);
        call.response_created("r1");
        end(&mut call);
        call.sound("r1", "r1", ms(100));
        call.heard(0, ms(50));
        assert!(reports(&call).is_empty(), "{what}");
    }
}

#[test]
fn a_response_in_progress_does_not_count_for_a_later_turn() {
    let mut plan = plan();
    let detection = json!({"type": "session.created", "session": {"type": "realtime", "audio": {"input": {
        "turn_detection": {"type": "server_vad", "interrupt_response": false}}}}});
    let event = decode::server_event(&detection.to_string()).expect("the test writes events");
    let crate::protocol::events::server::ServerBody::SessionCreated(info) = event.body else {
        panic!("{event:?}")
    };
    plan.settings.turn_detection = info.settings.turn_detection.clone();
    let mut call = TestCall::live(plan);
    call.response_created("old");
    call.sound("old", "old", ms(100));
    spoken_turn(&mut call);
    call.sound("old", "more of it", ms(100));
    call.heard(1, ms(100));
    assert!(reports(&call).is_empty());
    spoken_answer(&mut call, "new", 2);
    assert_eq!(only(&call).answered(), ms(570));
}

#[test]
fn a_call_reports_percentiles() {
    let mut call = TestCall::live(plan());
    for number in 0..20_u64 {
        call.say("question");
        let response = format!("r{number}");
        call.pass(ms(10 * (number + 1)));
        call.response_created(&response);
        call.sound(&response, &response, ms(100));
        call.pass(ms(number + 1));
        call.heard(number, ms(100));
        call.response_done(&response, "completed");
    }
    let all = reports(&call).last().expect("twenty answers").all;
    assert_eq!((all.answers, all.answered.p50, all.answered.p95), (20, ms(110), ms(209)));
    let here = all.here.expect("all were heard");
    assert_eq!((here.p50, here.p95), (ms(10), ms(19)));
}
