//! Tests of findings from probe observations.

use serde_json::json;

use super::*;
use crate::commands::doctor::probe::calls::ProbeCall;
use crate::commands::doctor::probe::tests::scripted::{ScriptedReaction, free, paid, run, say};

const ABOUT: ProbedEndpoint = ProbedEndpoint { dialect: None, model: None, is_asked: false };

/// Probes an endpoint that sends these events and reacts to nothing.
fn seen(calls: Vec<ProbeCall>, events: &[Value], end: Option<ScriptedReaction>) -> ProbeObservations {
    let events = events.iter().cloned().flat_map(say);
    run(calls, &events.chain(end).collect::<Vec<_>>(), |_| Vec::new()).seen
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

fn finding(seen: &ProbeObservations, endpoint: &ProbedEndpoint, check: Check) -> DoctorFinding {
    let all = of_probe(seen, endpoint);
    let names: Vec<Check> = all.iter().map(|finding| finding.check).collect();
    assert!(names.iter().copied().eq(Check::Session.to(Check::Captions)), "{names:?}");
    all.into_iter().find(|finding| finding.check == check).unwrap()
}

#[test]
fn a_session_is_reported_with_model_voice_and_turn_detection() {
    let seen = seen(free(), &[created()], None);
    let session = finding(&seen, &ABOUT, Check::Session);
    assert_eq!(
        session.said,
        "session.created after 40 ms: model m, voice marin, server_vad (threshold 0.5, silence 200 ms)"
    );
    assert_eq!((session.level, &session.details["voice"]), (Level::Ok, &json!("marin")));
    let other = ProbedEndpoint { model: Some("other".to_owned()), ..ABOUT };
    let session = finding(&seen, &other, Check::Session);
    assert!(session.level == Level::Note && session.said.ends_with("; requested: other"), "{session:?}");
    let format = finding(&seen, &ABOUT, Check::AudioFormat);
    assert_eq!((format.level, format.said.as_str()), (Level::Note, "in PCM16 16000 Hz, out PCM16 24000 Hz"));
}

#[test]
fn missing_optional_events_are_notes() {
    let seen = seen(free(), &[created()], None);
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
fn the_dialect_is_compared_with_the_configured_one() {
    let seen = seen(free(), &[created()], None);
    let level = |dialect| finding(&seen, &ProbedEndpoint { dialect, ..ABOUT }, Check::Dialect).level;
    assert_eq!(level(None), Level::Ok);
    assert_eq!(level(Some(Dialect::Ga)), Level::Ok);
    let wrong = finding(&seen, &ProbedEndpoint { dialect: Some(Dialect::Beta), ..ABOUT }, Check::Dialect);
    assert_eq!(
        (wrong.level, wrong.said.as_str()),
        (Level::Warning, "the endpoint uses ga, but beta is configured")
    );
    assert!(wrong.hint.unwrap().contains("--dialect ga"));
}

#[test]
fn a_refusal_is_a_failure_with_a_hint_and_later_checks_are_skipped() {
    let error = json!({ "type": "error", "error": { "code": "invalid_api_key", "message": "Wrong key." } });
    let seen = seen(free(), &[error], None);
    let session = finding(&seen, &ABOUT, Check::Session);
    assert_eq!(
        (session.level, session.said.as_str()),
        (Level::Failure(Kind::Server), "the endpoint refused: Wrong key")
    );
    assert!(session.hint.unwrap().contains("RTVOICE_API_KEY"));
    let rest: Vec<DoctorFinding> = of_probe(&seen, &ABOUT).into_iter().skip(1).collect();
    assert!(rest.iter().all(|finding| finding.level == Level::NotChecked), "{rest:?}");
}

#[test]
fn another_protocol_is_named() {
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
        let seen = seen(free(), &events, None);
        let found = finding(&seen, &ABOUT, check);
        assert_eq!(found.level, Level::Failure(Kind::Server), "{found:?}");
        assert_eq!(found.said, format!("the endpoint speaks {name}, not the Realtime protocol"));
        assert!(found.hint.is_some());
        assert_eq!(finding(&seen, &ABOUT, Check::Clear).level, Level::NotChecked);
    }
}

#[test]
fn silence_and_a_lost_connection_are_network_failures() {
    let silent = seen(free(), &[], None);
    let session = finding(&silent, &ABOUT, Check::Session);
    assert_eq!(session.level, Level::Failure(Kind::Network));
    assert!(session.said.contains("sends nothing") && session.hint.is_some());
    let closed = seen(free(), &[], Some(ScriptedReaction::Close));
    let session = finding(&closed, &ABOUT, Check::Session);
    assert_eq!(session.said, "the endpoint closed the connection (code 1011): bye");
    let broken = seen(free(), &[created()], Some(ScriptedReaction::Break));
    let settings = finding(&broken, &ABOUT, Check::Settings);
    assert_eq!(settings.level, Level::Failure(Kind::Network));
    assert!(settings.said.starts_with("connection lost: "), "{settings:?}");
    assert_eq!(finding(&broken, &ABOUT, Check::Session).level, Level::Ok);
    assert_eq!(finding(&broken, &ABOUT, Check::Clear).level, Level::NotChecked);
}

#[test]
fn missing_answers_are_failures_and_missing_extras_are_not() {
    let endpoint = ProbedEndpoint { is_asked: true, ..ABOUT };
    let seen = seen(paid(), &[created()], None);
    for check in [Check::Text, Check::Audio] {
        assert_eq!(finding(&seen, &endpoint, check).level, Level::Failure(Kind::Network), "{check:?}");
    }
    assert_eq!(finding(&seen, &endpoint, Check::FirstAudio).level, Level::NotChecked);
    assert_eq!(finding(&seen, &endpoint, Check::Transcript).level, Level::NotChecked);
    assert_eq!(finding(&seen, &endpoint, Check::Tools).level, Level::Note);
    assert_eq!(finding(&seen, &endpoint, Check::Captions).level, Level::Warning);
}

#[test]
fn refused_settings_are_a_server_failure() {
    let error = json!({ "type": "error", "error": { "code": "invalid_value", "message": "No voice." } });
    let seen = seen(free(), &[created(), error], None);
    let settings = finding(&seen, &ABOUT, Check::Settings);
    assert_eq!(settings.level, Level::Failure(Kind::Server));
    assert_eq!(settings.said, "the call settings were refused: No voice");
    assert_eq!(settings.details["error"]["code"], "invalid_value");
}
