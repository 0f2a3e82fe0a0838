//! Turn detection from flags and file, and the settings sent to the server.

use clap::Parser;
use serde_json::{Value, json};

use super::*;
use crate::call::setup::plan;
use crate::call::setup::settings::{Flags, host_of};
use crate::call::setup::transcription::CaptionRequest;
use crate::cli::{Cli, Command};
use crate::config::built_in;
use crate::config::file::{ConfigFile, FileOrigin};
use crate::config::layers::{EffectiveSettings, Overrides};
use crate::config::sources::Sources;
use crate::protocol::dialect::Dialect;
use crate::protocol::encode;
use crate::protocol::events::client::ClientBody;
use crate::protocol::settings::SessionKind;
use crate::protocol::tests::check_client;

fn settings(file: &str, line: &str) -> ResolvedSettings {
    let words = ["rtvoice"].into_iter().chain(line.split_whitespace());
    let command = Cli::try_parse_from(words).unwrap().command;
    let (kind, flags) = if let Some(Command::Talk(args)) = &command {
        (SessionKind::Realtime, Flags::from(&args.settings))
    } else if let Some(Command::Transcribe(args)) = &command {
        (SessionKind::Transcription, Flags::from(&args.settings))
    } else {
        panic!("{line} has no turns")
    };
    let sources = Sources {
        environment: [].into(),
        env_file: Default::default(),
        user: ConfigFile::parse(file, FileOrigin::User).unwrap(),
        built_in: built_in::profiles().unwrap(),
        remembered: Default::default(),
        warnings: Vec::new(),
        path: None,
    };
    let overrides = Overrides { profile: None, role: None, demo: false, flags: flags.layer };
    ResolvedSettings {
        in_force: EffectiveSettings::resolve(overrides, &sources, host_of).unwrap(),
        sources,
        kind,
    }
}

/// Returns the session update after validation by the strict schema of the dialect.
fn sent(file: &str, line: &str, dialect: Dialect) -> Value {
    let settings = settings(file, line);
    let plan = match settings.kind {
        SessionKind::Realtime => plan::talk(&settings, InputEndAction::GoOn),
        SessionKind::Transcription => {
            plan::transcribe(&settings, CaptionRequest::default(), InputEndAction::End)
        }
    };
    let update = ClientBody::SessionUpdate(Box::new(plan.unwrap().settings)).with_id("event_1".to_owned());
    let update = serde_json::from_str(&encode::client_event(&update, dialect)).unwrap();
    check_client(&update, dialect);
    update
}

fn detection_sent(file: &str, line: &str) -> Value {
    sent(file, line, Dialect::Ga)["session"]["audio"]["input"]["turn_detection"].clone()
}

/// Returns the settings of server VAD.
fn server(threshold: f64, prefix_ms: u32, silence_ms: u32) -> Value {
    json!({"type": "server_vad", "threshold": threshold, "prefix_padding_ms": prefix_ms,
        "silence_duration_ms": silence_ms, "create_response": true, "interrupt_response": true})
}

fn semantic(eagerness: &str) -> Value {
    json!({"type": "semantic_vad", "eagerness": eagerness, "create_response": true, "interrupt_response": true})
}

fn with(mut detection: Value, field: &str, value: Value) -> Value {
    detection[field] = value;
    detection
}

#[test]
fn each_flag_sets_one_field_and_the_preset_the_others() {
    let usual = || server(0.5, 300, 500);
    for (line, expected) in [
        ("talk", usual()),
        ("talk --vad off", Value::Null),
        ("talk --vad-preset quiet", server(0.4, 300, 400)),
        ("talk --vad-preset office", usual()),
        ("talk --vad-preset noisy", server(0.75, 300, 800)),
        ("talk --vad-preset noisy --vad-threshold 0.9", server(0.9, 300, 800)),
        ("talk --vad-threshold 0", server(0.0, 300, 500)),
        ("talk --vad-threshold 1", server(1.0, 300, 500)),
        ("talk --prefix-padding-ms 0", server(0.5, 0, 500)),
        ("talk --silence-duration-ms 200", server(0.5, 300, 200)),
        ("talk --idle-timeout-ms 5000", with(usual(), "idle_timeout_ms", json!(5000))),
        ("talk --create-response false", with(usual(), "create_response", json!(false))),
        ("talk --interrupt-response false", with(usual(), "interrupt_response", json!(false))),
        ("talk --vad semantic", semantic("auto")),
        ("talk --vad semantic --vad-preset quiet", semantic("high")),
        ("talk --vad semantic --vad-preset noisy", semantic("low")),
        ("talk --vad semantic --vad-preset noisy --eagerness medium", semantic("medium")),
    ] {
        assert_eq!(detection_sent("", line), expected, "{line}");
    }
}

#[test]
fn captions_have_no_settings_for_answers() {
    for (line, expected) in [
        (
            "transcribe --vad-preset noisy",
            json!({"type": "server_vad", "threshold": 0.75, "prefix_padding_ms": 300, "silence_duration_ms": 800}),
        ),
        ("transcribe --vad semantic --eagerness low", json!({"type": "semantic_vad", "eagerness": "low"})),
        ("transcribe --vad off", Value::Null),
    ] {
        let file = "[defaults]\ncreate_response = false\nidle_timeout_ms = 6000\n";
        assert_eq!(detection_sent(file, line), expected, "{line}");
    }
}

#[test]
fn the_beta_dialect_gets_the_fields_it_supports() {
    let file = "[profiles.openai]\ntranscription_model = \"whisper-1\"\n";
    let line = "talk --vad-preset quiet --idle-timeout-ms 9000 --interrupt-response false";
    let detection = sent(file, line, Dialect::Beta)["session"]["turn_detection"].clone();
    assert_eq!(detection, with(server(0.4, 300, 400), "interrupt_response", json!(false)));
    let captions = sent(file, "transcribe --silence-duration-ms 900", Dialect::Beta);
    assert_eq!(captions["session"]["turn_detection"]["silence_duration_ms"], 900);
}

#[test]
fn the_stronger_origin_wins_and_within_one_the_setting_over_the_preset() {
    let file = "[defaults]\nvad_threshold = 0.6\nvad_preset = \"noisy\"\n";
    assert_eq!(detection_sent(file, "talk"), server(0.6, 300, 800));
    assert_eq!(detection_sent(file, "talk --vad-preset quiet"), server(0.4, 300, 400));
    assert_eq!(detection_sent(file, "talk --vad-threshold 0.2"), server(0.2, 300, 800));
    let semantic_file = "[defaults]\neagerness = \"high\"\nvad_threshold = 0.6\n";
    assert_eq!(detection_sent(semantic_file, "talk --vad semantic"), semantic("high"));
}

#[test]
fn a_flag_without_effect_is_an_error() {
    for (line, what, hint) in [
        ("talk --eagerness low", "--eagerness has no effect with --vad server", "--vad semantic"),
        (
            "talk --vad semantic --vad-threshold 0.5",
            "--vad-threshold has no effect with --vad semantic",
            "--vad server",
        ),
        (
            "talk --vad semantic --idle-timeout-ms 5000",
            "--idle-timeout-ms has no effect with --vad semantic",
            "--vad server",
        ),
        ("talk --vad off --vad-preset quiet", "--vad-preset has no effect with --vad off", "--vad semantic"),
        (
            "talk --vad off --create-response true",
            "--create-response has no effect with --vad off",
            "--vad server or",
        ),
        (
            "talk --vad local --create-response false",
            "--create-response has no effect with --vad local",
            "--vad server or --vad semantic",
        ),
        ("talk --vad local --eagerness low", "--eagerness has no effect with --vad local", "--vad semantic"),
        ("talk --vad off --vad-threshold 0.3", "--vad-threshold has no effect with --vad off", "--vad local"),
    ] {
        let error = detection(&settings("", line), TurnHandling::Answered).unwrap_err();
        assert_eq!((error.kind, error.source.to_string().as_str()), (Kind::Usage, what));
        assert!(error.hint.as_deref().is_some_and(|message| message.contains(hint)), "{:?}", error.hint);
    }
}

fn local_turns(file: &str, line: &str) -> Option<LocalTurnPlan> {
    let settings = settings(file, line);
    let plan = match settings.kind {
        SessionKind::Realtime => plan::talk(&settings, InputEndAction::GoOn),
        SessionKind::Transcription => {
            plan::transcribe(&settings, CaptionRequest::default(), InputEndAction::GoOn)
        }
    };
    plan.unwrap().local_turns
}

#[test]
fn local_turn_detection_uses_the_settings_and_disables_that_of_the_server() {
    let found = |threshold, silence, prefix| {
        let ms = Duration::from_millis;
        Some(LocalTurnPlan { threshold, silence: ms(silence), prefix: ms(prefix), longest: None })
    };
    for (line, expected) in [
        ("talk", None),
        ("talk --vad off", None),
        ("talk --vad local", found(0.5, 500, 300)),
        ("talk --vad local --vad-preset quiet", found(0.4, 400, 300)),
        ("talk --vad local --vad-preset noisy", found(0.75, 800, 300)),
        ("talk --vad local --vad-preset noisy --silence-duration-ms 1200", found(0.75, 1_200, 300)),
        ("talk --vad local --vad-threshold 0.9 --prefix-padding-ms 0", found(0.9, 500, 0)),
    ] {
        assert_eq!(local_turns("", line), expected, "{line}");
    }
    assert_eq!(
        local_turns("[defaults]\nvad = \"local\"\nsilence_duration_ms = 300\n", "talk"),
        found(0.5, 300, 300)
    );
    assert_eq!(detection_sent("", "talk --vad local"), Value::Null);
}

#[test]
fn a_captioning_model_without_turn_detection_uses_local_detection_and_parts() {
    let longest = Some(Duration::from_secs(20));
    for model in ["gpt-live-transcribe", "gpt-realtime-whisper"] {
        for more in ["", "[defaults]\nvad = \"semantic\"\n"] {
            let file = format!("{more}[profiles.openai]\ntranscription_model = \"{model}\"\n");
            let found = local_turns(&file, "transcribe").expect("local turns");
            assert_eq!((found.longest, found.silence), (longest, Duration::from_millis(500)), "{file}");
            assert_eq!(detection_sent(&file, "transcribe"), Value::Null);
        }
    }
    assert_eq!(local_turns("", "transcribe"), None);
    assert_eq!(local_turns("", "transcribe --vad local").and_then(|found| found.longest), longest);
}

#[test]
fn captions_without_turn_detection_are_refused_before_dialling() {
    let live = "[profiles.openai]\ntranscription_model = \"gpt-live-transcribe\"\n";
    for (file, line, at_input_end, expected) in [
        ("", "transcribe", InputEndAction::GoOn, None),
        ("", "transcribe --vad off", InputEndAction::End, None),
        (live, "transcribe --vad off", InputEndAction::End, None),
        (
            "",
            "transcribe --vad off",
            InputEndAction::GoOn,
            Some("with --vad off no turn of this microphone would end"),
        ),
        ("", "transcribe --vad local", InputEndAction::GoOn, None),
        (live, "transcribe", InputEndAction::GoOn, None),
        (live, "transcribe --vad-preset quiet", InputEndAction::End, None),
        (
            live,
            "transcribe --vad semantic",
            InputEndAction::End,
            Some("gpt-live-transcribe does not detect turns"),
        ),
        (
            live,
            "transcribe --vad server",
            InputEndAction::GoOn,
            Some("gpt-live-transcribe does not detect turns"),
        ),
        (
            live,
            "transcribe --eagerness low",
            InputEndAction::End,
            Some("--eagerness has no effect with --vad local"),
        ),
    ] {
        let refused = plan::transcribe(&settings(file, line), CaptionRequest::default(), at_input_end).err();
        let message = refused.as_ref().map(|error| (error.kind, error.source.to_string()));
        match expected {
            None => assert_eq!(message, None, "{line}"),
            Some(expected) => assert!(
                message
                    .as_ref()
                    .is_some_and(|(kind, what)| *kind == Kind::Usage && what.starts_with(expected)),
                "{line}: {message:?}"
            ),
        }
    }
}

#[test]
fn a_value_out_of_range_is_reported_in_one_sentence() {
    for (flag, value, wanted) in [
        ("--vad-threshold", "1.01", "a number from 0 to 1 is needed"),
        ("--vad-threshold", "-0.1", "a number from 0 to 1 is needed"),
        ("--vad-threshold", "nan", "a number from 0 to 1 is needed"),
        ("--prefix-padding-ms", "5001", "a number from 0 to 5000 is needed"),
        ("--silence-duration-ms", "99", "a number from 100 to 10000 is needed"),
        ("--idle-timeout-ms", "30001", "a number from 5000 to 30000 is needed"),
        ("--idle-timeout-ms", "soon", "a number from 5000 to 30000 is needed"),
    ] {
        let refused = Cli::try_parse_from(["rtvoice", "talk", &format!("{flag}={value}")]).unwrap_err();
        assert!(refused.to_string().contains(wanted), "{flag} {value}: {refused}");
    }
}
