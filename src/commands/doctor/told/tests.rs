//! What is said of what a probe has seen.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::commands::doctor::probe::{BillableChecks, Probe, ProbeInput, ProbePlan};
use crate::protocol::decode;
use crate::protocol::settings::SessionSettings;

const ABOUT: ProbedEndpoint = ProbedEndpoint { dialect: None, model: None, paid: BillableRequested::No };

/// Hands one event after the other to a probe, a millisecond apart, then nothing.
fn seen(paid: BillableChecks, events: &[Value], closed: Option<CloseCause>) -> ProbeObservations {
    let mut probe = Probe::new(ProbePlan { settings: SessionSettings::default(), dialect: None, paid });
    let mut now = Duration::ZERO;
    probe.handle(now, ProbeInput::Opened);
    for event in events {
        now += Duration::from_millis(1);
        let event = decode::server_event(&event.to_string()).unwrap();
        probe.handle(now, ProbeInput::Server(Box::new(event)));
    }
    if let Some(cause) = closed {
        probe.handle(now, ProbeInput::Closed(cause));
    }
    while let Some(deadline) = probe.deadline() {
        probe.handle(deadline, ProbeInput::Tick);
    }
    probe.into_seen()
}

fn created() -> Value {
    let audio = json!({
        "input": {
            "format": { "type": "audio/pcm", "rate": 16_000 },
            "turn_detection": { "type": "server_vad", "threshold": 0.5, "silence_duration_ms": 200 },
        },
        "output": { "format": { "type": "audio/pcm", "rate": 24_000 }, "voice": "marin" },
    });
    json!({ "type": "session.created", "session": { "type": "realtime", "id": "s", "model": "m", "audio": audio } })
}

fn finding(seen: &ProbeObservations, about: &ProbedEndpoint, check: Check) -> DoctorFinding {
    let all = findings(seen, about);
    let names: Vec<Check> = all.iter().map(|finding| finding.check).collect();
    assert!(names.iter().copied().eq(Check::Session.to(Check::Captions)), "{names:?}");
    all.into_iter().find(|finding| finding.check == check).unwrap()
}

#[test]
fn a_session_is_told_with_its_model_voice_and_turns() {
    let seen = seen(BillableChecks::Not, &[created()], None);
    let session = finding(&seen, &ABOUT, Check::Session);
    assert_eq!(
        session.said,
        "session.created after 1 ms: model m, voice marin, turns by server_vad (threshold 0.5, silence 200 ms)"
    );
    assert_eq!((session.level, &session.details["voice"]), (Level::Ok, &json!("marin")));
    let other = ProbedEndpoint { model: Some("other".to_owned()), ..ABOUT };
    let session = finding(&seen, &other, Check::Session);
    assert!(session.level == Level::Note && session.said.ends_with("; other was asked for"), "{session:?}");
    let format = finding(&seen, &ABOUT, Check::AudioFormat);
    assert_eq!(
        (format.level, format.said.as_str()),
        (Level::Note, "in PCM16 of 16000 Hz, out PCM16 of 24000 Hz")
    );
}

#[test]
fn what_is_left_out_is_worth_a_note_and_no_more() {
    let seen = seen(BillableChecks::Not, &[created()], None);
    for check in [Check::Settings, Check::Clear, Check::Truncate] {
        let finding = finding(&seen, &ABOUT, check);
        assert_eq!(finding.level, Level::Note, "{finding:?}");
        assert!(finding.said.contains("within"), "{finding:?}");
    }
    for check in Check::Text.to(Check::Captions) {
        let finding = finding(&seen, &ABOUT, check);
        assert!(finding.level == Level::NotChecked && finding.said.contains("--ask"), "{finding:?}");
    }
}

#[test]
fn the_dialect_is_compared_with_the_one_that_is_set() {
    let seen = seen(BillableChecks::Not, &[created()], None);
    let level = |dialect| finding(&seen, &ProbedEndpoint { dialect, ..ABOUT }, Check::Dialect).level;
    assert_eq!(level(None), Level::Ok);
    assert_eq!(level(Some(Dialect::Ga)), Level::Ok);
    let wrong = finding(&seen, &ProbedEndpoint { dialect: Some(Dialect::Beta), ..ABOUT }, Check::Dialect);
    assert_eq!((wrong.level, wrong.said.as_str()), (Level::Warning, "it speaks ga, and beta is set"));
    assert!(wrong.hint.unwrap().contains("--dialect ga"));
}

#[test]
fn a_refusal_is_a_failure_with_what_to_do_and_nothing_after_it_is_checked() {
    let error = json!({ "type": "error", "error": { "code": "invalid_api_key", "message": "Wrong key." } });
    let seen = seen(BillableChecks::Not, &[error], None);
    let session = finding(&seen, &ABOUT, Check::Session);
    assert_eq!(
        (session.level, session.said.as_str()),
        (Level::Failure(Kind::Server), "the endpoint refused: Wrong key")
    );
    assert!(session.hint.unwrap().contains("RTVOICE_API_KEY"));
    let rest: Vec<DoctorFinding> = findings(&seen, &ABOUT).into_iter().skip(1).collect();
    assert!(rest.iter().all(|finding| finding.level == Level::NotChecked), "{rest:?}");
}

#[test]
fn another_protocol_is_named_as_a_call_names_it() {
    let vllm = json!({ "type": "session.created", "id": "sess-1", "created": 1_764_000_000 });
    let live = json!({ "type": "session.started", "session": { "id": "sess_1" } });
    for (events, check, name) in [
        (vec![vllm], Check::Session, "the transcription protocol of vLLM"),
        (vec![live], Check::Session, "GPT-Live"),
        (
            vec![created(), json!({ "type": "transcription.delta", "delta": "Hel" })],
            Check::Settings,
            "the transcription protocol of vLLM",
        ),
    ] {
        let seen = seen(BillableChecks::Not, &events, None);
        let found = finding(&seen, &ABOUT, check);
        assert_eq!(found.level, Level::Failure(Kind::Server), "{found:?}");
        assert_eq!(found.said, format!("the endpoint speaks {name}, not the Realtime protocol"));
        assert!(found.hint.is_some());
        assert_eq!(finding(&seen, &ABOUT, Check::Clear).level, Level::NotChecked);
    }
}

#[test]
fn silence_and_a_lost_connection_are_failures_of_the_network() {
    let silent = seen(BillableChecks::Not, &[], None);
    let session = finding(&silent, &ABOUT, Check::Session);
    assert_eq!(session.level, Level::Failure(Kind::Network));
    assert!(session.said.contains("says nothing") && session.hint.is_some());
    let closed = seen(
        BillableChecks::Not,
        &[],
        Some(CloseCause::Peer { code: Some(1011), reason: "full".to_owned() }),
    );
    let session = finding(&closed, &ABOUT, Check::Session);
    assert_eq!(session.said, "the endpoint closed the connection (code 1011): full");
    let broken = seen(BillableChecks::Not, &[created()], Some(CloseCause::Broken("reset".to_owned())));
    let settings = finding(&broken, &ABOUT, Check::Settings);
    assert_eq!(
        (settings.level, settings.said.as_str()),
        (Level::Failure(Kind::Network), "the connection broke: reset")
    );
    assert_eq!(finding(&broken, &ABOUT, Check::Session).level, Level::Ok);
    assert_eq!(finding(&broken, &ABOUT, Check::Clear).level, Level::NotChecked);
}

#[test]
fn answers_that_do_not_come_are_failures_and_what_is_optional_is_not() {
    let about = ProbedEndpoint { paid: BillableRequested::Yes, ..ABOUT };
    let seen = seen(BillableChecks::Asked { speech: vec![0; 100] }, &[created()], None);
    for check in [Check::Text, Check::Audio] {
        assert_eq!(finding(&seen, &about, check).level, Level::Failure(Kind::Network), "{check:?}");
    }
    assert_eq!(finding(&seen, &about, Check::FirstAudio).level, Level::NotChecked);
    assert_eq!(finding(&seen, &about, Check::Transcript).level, Level::NotChecked);
    assert_eq!(finding(&seen, &about, Check::Tools).level, Level::Note);
    assert_eq!(finding(&seen, &about, Check::Captions).level, Level::Warning);
}

#[test]
fn refused_settings_are_a_failure_of_the_endpoint() {
    let error = json!({ "type": "error", "error": { "code": "invalid_value", "message": "No voice." } });
    let seen = seen(BillableChecks::Not, &[created(), error], None);
    let settings = finding(&seen, &ABOUT, Check::Settings);
    assert_eq!(settings.level, Level::Failure(Kind::Server));
    assert_eq!(settings.said, "the settings of a call are refused: No voice");
    assert_eq!(settings.details["error"]["code"], "invalid_value");
}
