//! From flags to the plan of a session.

use std::time::Duration;

use crate::app::target::Target;
use crate::cli::{Chat, DialectArg, EndpointArgs, HearingArgs, LimitArgs, Talk, Transcribe, VadArg};
use crate::protocol::dialect::Dialect;
use crate::protocol::settings::{
    AudioFormat, Eagerness, Modality, SessionKind, Settings, Transcription, TurnDetection, TurnMethod, Voice,
};
use crate::protocol::value::{Setting, Unknown};
use crate::session::limits::Limits;
use crate::session::plan::{AtInputEnd, Mode, Plan, SILENCE_MS};

/// Sound kept from before speech was noticed; the servers' own default, said explicitly.
const PREFIX_MS: u32 = 300;

/// How loud speech has to be; the servers' own default, said explicitly.
const THRESHOLD: f64 = 0.5;

/// What happens with a turn that the server found.
#[derive(Clone, Copy)]
enum Found {
    /// It is answered, and speech stops an answer.
    Answered,
    /// It is captioned; transcription sessions know no answers.
    Captioned,
}

/// Returns the plan of a call.
pub(super) fn talk(args: &Talk, target: &Target, at_input_end: AtInputEnd) -> Plan {
    let mut settings = settings(&args.endpoint, SessionKind::Realtime);
    settings.output = Some(Modality::Audio);
    settings.input_format = Some(AudioFormat::PCM24K);
    settings.output_format = Some(AudioFormat::PCM24K);
    settings.voice = args.voice.clone().map(Voice::Named);
    settings.transcription = captions(&args.endpoint, target);
    settings.turn_detection = turn_detection(&args.hearing, Found::Answered);
    plan(Mode::Talk, settings, &args.endpoint, at_input_end)
}

/// Returns the plan of a written conversation; with `opening`, of a single question.
pub(super) fn chat(args: &Chat, opening: Option<String>) -> Plan {
    let mut settings = settings(&args.endpoint, SessionKind::Realtime);
    settings.output = Some(Modality::Text);
    settings.turn_detection = Setting::Clear;
    let mode = if opening.is_some() { Mode::Ask } else { Mode::Chat };
    let mut plan = plan(mode, settings, &args.endpoint, AtInputEnd::GoOn);
    plan.opening.extend(opening);
    plan
}

/// Returns the plan of captions.
pub(super) fn transcribe(args: &Transcribe, target: &Target, at_input_end: AtInputEnd) -> Plan {
    let settings = Settings {
        kind: SessionKind::Transcription,
        input_format: Some(AudioFormat::PCM24K),
        transcription: captions(&args.endpoint, target),
        turn_detection: turn_detection(&args.hearing, Found::Captioned),
        ..Settings::default()
    };
    plan(Mode::Transcribe, settings, &args.endpoint, at_input_end)
}

fn plan(mode: Mode, settings: Settings, endpoint: &EndpointArgs, at_input_end: AtInputEnd) -> Plan {
    let dialect = match endpoint.dialect {
        DialectArg::Auto => None,
        DialectArg::Ga => Some(Dialect::Ga),
        DialectArg::Beta => Some(Dialect::Beta),
    };
    Plan {
        mode,
        settings,
        dialect,
        opening: Vec::new(),
        at_input_end,
        model: None,
        prices: None,
        limits: Limits::default(),
    }
}

/// Returns `plan` with what `target` costs, and with the limits the user set.
pub(super) fn limited(plan: Plan, target: &Target, limits: &LimitArgs) -> Plan {
    let idle = limits.idle.map(|minutes| Duration::from_secs_f64(minutes * 60.0));
    let limits = Limits { idle, cost_usd: limits.max_cost };
    Plan { model: target.model(), prices: target.prices(), limits, ..plan }
}

fn settings(endpoint: &EndpointArgs, kind: SessionKind) -> Settings {
    Settings { kind, instructions: endpoint.instructions.clone(), ..Settings::default() }
}

fn captions(endpoint: &EndpointArgs, target: &Target) -> Setting<Transcription> {
    Setting::Set(Transcription {
        model: Some(target.captions.clone()),
        language: endpoint.lang.clone(),
        ..Transcription::default()
    })
}

fn turn_detection(hearing: &HearingArgs, found: Found) -> Setting<TurnDetection> {
    let method = match hearing.vad {
        VadArg::Off => return Setting::Clear,
        VadArg::Semantic => TurnMethod::SemanticVad { eagerness: Some(Eagerness::Auto) },
        VadArg::Server => TurnMethod::ServerVad {
            threshold: Some(THRESHOLD),
            prefix_padding_ms: Some(PREFIX_MS),
            silence_duration_ms: Some(SILENCE_MS),
            idle_timeout_ms: Setting::Keep,
        },
    };
    let answers = match found {
        Found::Answered => Some(true),
        Found::Captioned => None,
    };
    Setting::Set(TurnDetection {
        method,
        create_response: answers,
        interrupt_response: answers,
        unknown: Unknown::new(),
    })
}
