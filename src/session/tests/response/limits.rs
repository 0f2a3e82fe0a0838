//! Limits: idle time and cost.

use crate::protocol::price::Prices;
use crate::session::io::Limit;
use crate::session::plan::CallLimits;
use crate::session::tests::*;

fn idle_plan() -> Plan {
    Plan { limits: CallLimits { idle: Some(sec(600)), cost_usd: None }, ..plan() }
}

fn costly_plan() -> Plan {
    let limits = CallLimits { idle: None, cost_usd: Some(0.1) };
    Plan { limits, prices: Some(Prices::openai()), ..plan() }
}

/// A response of gpt-realtime-2 that cost `dollars`: a million text output tokens cost $24.
fn costs(call: &mut TestCall, number: u32, dollars: f64) {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "tokens are whole")]
    let tokens = (dollars / 24e-6).round() as u64;
    call.server(
        json!({"type": "response.done", "response": {"id": format!("resp_{number}"), "status": "completed",
        "usage": {"input_tokens": 0, "output_tokens": tokens, "input_token_details": {"text_tokens": 0,
        "audio_tokens": 0}, "output_token_details": {"text_tokens": tokens, "audio_tokens": 0}}}}),
    );
}

#[test]
fn an_idle_call_ends_despite_noise() {
    let mut call = TestCall::live(idle_plan());
    for minute in 0..9 {
        call.pass(sec(60));
        call.server(json!({"type": "input_audio_buffer.speech_started"}));
        call.server(json!({"type": "input_audio_buffer.speech_stopped"}));
        call.speak(ms(10));
        assert_eq!(call.ended(), None, "minute {minute}");
    }
    call.pass(sec(62));
    assert_eq!(call.ended(), Some(&EndReason::Limit(Limit::Idle)));
}

#[test]
fn speech_text_and_keys_reset_the_idle_time() {
    let mut call = TestCall::live(idle_plan());
    call.pass(sec(599));
    call.server(json!({"type": "conversation.item.input_audio_transcription.completed", "item_id": "item_u",
        "transcript": "I am here"}));
    call.pass(sec(599));
    call.user(UserCommand::SetMuted(true));
    call.pass(sec(599));
    assert_eq!(call.ended(), None);
    call.pass(sec(2));
    assert_eq!(call.ended(), Some(&EndReason::Limit(Limit::Idle)));
}

#[test]
fn an_idle_timeout_of_the_server_does_not_reset_the_idle_time() {
    let mut call = TestCall::live(idle_plan());
    for number in 0..30 {
        call.pass(sec(20));
        call.server(json!({"type": "input_audio_buffer.timeout_triggered", "audio_start_ms": 0,
            "audio_end_ms": 20_000, "item_id": "item_u"}));
        call.response_created(&format!("resp_{number}"));
        call.response_done(&format!("resp_{number}"), "completed");
    }
    call.pass(sec(1));
    assert_eq!(call.ended(), Some(&EndReason::Limit(Limit::Idle)));
}

#[test]
fn a_long_response_is_not_idle() {
    let mut call = TestCall::live(idle_plan());
    call.response_created("resp_1");
    call.sound("resp_1", "item_a", sec(2));
    call.response_done("resp_1", "completed");
    for second in 0..1_200 {
        call.heard(0, ms(second));
        call.pass(sec(1));
    }
    assert_eq!(call.ended(), None);
}

#[test]
fn the_cost_limit_warns_at_80_percent_and_ends_the_call() {
    let mut call = TestCall::live(costly_plan());
    costs(&mut call, 1, 0.07);
    assert!(call.story().is_empty());
    costs(&mut call, 2, 0.015);
    assert_eq!(call.story(), ["info this call has cost $0.0850 of its limit of $0.1"]);
    costs(&mut call, 3, 0.02);
    call.pass(sec(1));
    assert_eq!(call.ended(), Some(&EndReason::Limit(Limit::Cost)));
}

#[test]
fn the_last_paid_response_plays_to_its_end() {
    let mut call = TestCall::live(costly_plan());
    call.response_created("resp_1");
    call.sound("resp_1", "item_a", sec(2));
    costs(&mut call, 1, 0.2);
    call.outputs.clear();
    call.speak(sec(1));
    assert!(call.appended().is_empty(), "nothing is sent after the limit");
    assert_eq!(call.ended(), None);
    call.heard(0, sec(2));
    call.pass(sec(1));
    assert_eq!(call.ended(), Some(&EndReason::Limit(Limit::Cost)));
}

#[test]
fn an_unknown_cost_is_reported_once() {
    let mut call = TestCall::live(Plan { prices: None, ..costly_plan() });
    costs(&mut call, 1, 5.0);
    costs(&mut call, 2, 5.0);
    assert_eq!(
        call.story(),
        [
            "info the cost of this call is unknown: --max-cost has no effect; set prices in the configuration file"
        ]
    );
}
