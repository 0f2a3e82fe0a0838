//! Findings about the session, and about requests that are free.

use std::time::Duration;

use serde_json::{Value, json};

use crate::commands::doctor::findings::{
    CapabilityTexts, ENDED, ProbedEndpoint, describe, ended, of_capability, with_error,
};
use crate::commands::doctor::probe::observations::{Capability, ProbeObservations, Reply};
use crate::commands::doctor::report::{Check, DoctorFinding, Level, ms};
use crate::dsp::frame::SampleRate;
use crate::error::Kind;
use crate::protocol::dialect::Dialect;
use crate::protocol::settings::{AudioFormat, SessionInfo, TurnMethod, Voice};
use crate::protocol::value::FieldUpdate;

/// How long a call waits for `session.created`.
const CALL_WAITS: Duration = Duration::from_secs(3);

/// Returns the findings from `session` to `audio_format`.
pub(super) fn all(seen: &ProbeObservations, endpoint: &ProbedEndpoint) -> Vec<DoctorFinding> {
    vec![
        session(seen, endpoint),
        dialect(seen, endpoint),
        settings(seen),
        clear(seen),
        truncate(seen),
        audio_format(seen),
    ]
}

/// Reports `session.created`.
fn session(seen: &ProbeObservations, endpoint: &ProbedEndpoint) -> DoctorFinding {
    let check = Check::Session;
    let reply = seen.reply(Capability::Created);
    let Some(info) = &seen.created else {
        return match reply {
            // The probe continues after a non-fatal error.
            Reply::Refused(error) if !seen.is_over_early() => {
                let said = format!("the first event is an error: {}", describe(error));
                with_error(DoctorFinding::new(check, Level::Warning, said), error)
            }
            Reply::Silent(_) => without_created(check, seen),
            Reply::Refused(_)
            | Reply::Lost
            | Reply::NotAsked
            | Reply::Waiting(_)
            | Reply::Came(_)
            | Reply::Missing => ended(check, seen),
        };
    };
    let shown = shown(info);
    let finding = match seen.delay(Capability::Created) {
        Some(after) if after > CALL_WAITS => {
            let said = format!("session.created only after {} ms: {shown}", ms(after));
            DoctorFinding::new(check, Level::Warning, said)
                .hint("calls continue after 3 s without it; the endpoint is slow")
        }
        Some(after) => DoctorFinding::ok(check, format!("session.created after {} ms: {shown}", ms(after))),
        None => DoctorFinding::ok(check, shown),
    };
    let finding = finding
        .detail("after_ms", seen.delay(Capability::Created).map(ms))
        .detail("id", info.id.clone())
        .detail("model", info.settings.model.clone())
        .detail("voice", voice(info))
        .detail("turn_detection", turn_detection_json(info))
        .detail("expires_at", info.expires_at);
    match (&endpoint.model, &info.settings.model) {
        (Some(asked), Some(said)) if asked != said && finding.level == Level::Ok => {
            let said = format!("{}; requested: {asked}", finding.said);
            DoctorFinding { level: Level::Note, said, ..finding }
        }
        (Some(_) | None, _) => finding,
    }
}

fn without_created(check: Check, seen: &ProbeObservations) -> DoctorFinding {
    if seen.is_over_early() {
        return ended(check, seen);
    }
    if seen.events == 0 {
        let said = match seen.malformed {
            0 => "the endpoint accepts the connection but sends nothing".to_owned(),
            count => format!("the endpoint sent {count} messages but no event"),
        };
        return DoctorFinding::new(check, Level::Failure(Kind::Network), said)
            .hint("check the path and the endpoint's log; a gateway may be waiting for its provider");
    }
    DoctorFinding::new(check, Level::Note, "no session.created; calls continue after 3 s without it")
}

fn shown(info: &SessionInfo) -> String {
    let values = [
        info.settings.model.as_ref().map(|model| format!("model {model}")),
        voice(info).map(|voice| format!("voice {voice}")),
        turn_detection(info),
    ];
    let values: Vec<String> = values.into_iter().flatten().collect();
    if values.is_empty() { "settings not reported".to_owned() } else { values.join(", ") }
}

fn voice(info: &SessionInfo) -> Option<&str> {
    info.settings.voice.as_ref().map(|voice| match voice {
        Voice::Named(name) | Voice::Custom(name) => name.as_str(),
    })
}

/// Returns the turn detection method.
fn turn_detection(info: &SessionInfo) -> Option<String> {
    match &info.settings.turn_detection {
        FieldUpdate::Keep => None,
        FieldUpdate::Clear => Some("no turn detection".to_owned()),
        FieldUpdate::Set(turns) => Some(match &turns.method {
            TurnMethod::ServerVad { threshold, prefix_padding_ms, silence_duration_ms, .. } => {
                let values = [
                    threshold.map(|threshold| format!("threshold {threshold}")),
                    prefix_padding_ms.map(|padding| format!("padding {padding} ms")),
                    silence_duration_ms.map(|silence| format!("silence {silence} ms")),
                ];
                let values: Vec<String> = values.into_iter().flatten().collect();
                let values =
                    if values.is_empty() { String::new() } else { format!(" ({})", values.join(", ")) };
                format!("server_vad{values}")
            }
            TurnMethod::SemanticVad { eagerness } => {
                let eagerness = eagerness.as_ref().map(|word| format!(" ({})", word.as_str()));
                format!("semantic_vad{}", eagerness.unwrap_or_default())
            }
            TurnMethod::Other(name) => name.to_string(),
        }),
    }
}

fn turn_detection_json(info: &SessionInfo) -> Value {
    let Some(turns) = info.settings.turn_detection.get() else { return Value::Null };
    match &turns.method {
        TurnMethod::ServerVad { threshold, prefix_padding_ms, silence_duration_ms, .. } => json!({
            "type": "server_vad",
            "threshold": threshold,
            "prefix_padding_ms": prefix_padding_ms,
            "silence_duration_ms": silence_duration_ms,
        }),
        TurnMethod::SemanticVad { eagerness } => {
            json!({ "type": "semantic_vad", "eagerness": eagerness.as_ref().map(|word| word.as_str()) })
        }
        TurnMethod::Other(name) => json!({ "type": name }),
    }
}

/// Reports the dialect of the endpoint and compares it with the configured one.
fn dialect(seen: &ProbeObservations, endpoint: &ProbedEndpoint) -> DoctorFinding {
    let check = Check::Dialect;
    let word = |dialect: Option<Dialect>| dialect.map_or("auto", Dialect::as_str);
    let finding = match (seen.dialect, endpoint.dialect) {
        (Some(found), None) => DoctorFinding::ok(check, format!("{}, detected", found.as_str())),
        (Some(found), Some(asked)) if found == asked => {
            DoctorFinding::ok(check, format!("{}, as configured", found.as_str()))
        }
        (Some(found), Some(asked)) => {
            let said = format!("the endpoint uses {}, but {} is configured", found.as_str(), asked.as_str());
            DoctorFinding::new(check, Level::Warning, said)
                .hint(format!("use --dialect {}, or set it in the profile", found.as_str()))
        }
        (None, _) if seen.is_over_early() || seen.events == 0 => {
            DoctorFinding::skipped(check, "too few events")
        }
        (None, asked) => {
            let said = format!("not recognisable; {} is configured", word(asked));
            DoctorFinding::new(check, Level::Note, said)
                .hint("if calls stay silent, try --dialect ga or --dialect beta")
        }
    };
    finding.detail("found", seen.dialect.map(Dialect::as_str)).detail("set", word(endpoint.dialect))
}

/// Reports whether the endpoint accepts the settings of a call.
fn settings(seen: &ProbeObservations) -> DoctorFinding {
    let after = seen.delay(Capability::Updated);
    let texts = CapabilityTexts {
        check: Check::Settings,
        part: Capability::Updated,
        fine: &after.map(|after| format!("session.updated after {} ms", ms(after))).unwrap_or_default(),
        refused: Level::Failure(Kind::Server),
        silent: Level::Note,
        loss: "",
    };
    let mut finding = of_capability(seen, &texts);
    if let Reply::Silent(limit) = seen.reply(Capability::Updated) {
        finding.said = format!("no session.updated within {} s; calls continue without it", limit.as_secs());
    } else if let Reply::Refused(error) = seen.reply(Capability::Updated)
        && !seen.is_over_early()
    {
        finding.said = format!("the call settings were refused: {}", describe(error));
    }
    let finding = finding.detail("left_out", seen.left_out.clone());
    if finding.level != Level::Ok || seen.left_out.is_empty() {
        return finding;
    }
    let said = format!("{}, without unsupported settings: {}", finding.said, seen.left_out.join(", "));
    DoctorFinding { level: Level::Note, said, ..finding }
}

/// Reports whether buffered audio can be cleared.
fn clear(seen: &ProbeObservations) -> DoctorFinding {
    let texts = CapabilityTexts {
        check: Check::Clear,
        part: Capability::Clear,
        fine: "input_audio_buffer.clear is supported",
        refused: Level::Note,
        silent: Level::Note,
        loss: "only matters with --vad off: earlier audio may end up in the next turn",
    };
    of_capability(seen, &texts)
}

/// Reports whether truncation is supported, preferably of a real answer.
fn truncate(seen: &ProbeObservations) -> DoctorFinding {
    let (part, fine) = if *seen.reply(Capability::Cut) == Reply::NotAsked {
        (Capability::Truncate, "truncate is supported (rejected a made-up item, as expected)")
    } else {
        (Capability::Cut, "truncate is supported")
    };
    let texts = CapabilityTexts {
        check: Check::Truncate,
        part,
        fine,
        refused: Level::Note,
        silent: Level::Note,
        loss: "calls work; after an interruption the model may assume that you heard the whole answer",
    };
    of_capability(seen, &texts)
}

/// Reports the audio formats of the session.
fn audio_format(seen: &ProbeObservations) -> DoctorFinding {
    let check = Check::AudioFormat;
    let Some(info) = seen.updated.as_ref().or(seen.created.as_ref()) else {
        let why = if seen.is_over_early() { ENDED } else { "settings not reported" };
        return DoctorFinding::skipped(check, why);
    };
    let (input, output) = (&info.settings.input_format, &info.settings.output_format);
    if input.is_none() && output.is_none() {
        return DoctorFinding::new(check, Level::Note, "audio formats not reported")
            .hint("if speech sounds too fast or too slow, set input_rate and output_rate in the profile");
    }
    let said = format!("in {}, out {}", format_words(input.as_ref()), format_words(output.as_ref()));
    let is_wire = |format: &Option<AudioFormat>| {
        format.as_ref().is_none_or(|format| *format == AudioFormat::Pcm(SampleRate::HZ_24000))
    };
    let finding = if is_wire(input) && is_wire(output) {
        DoctorFinding::ok(check, said)
    } else {
        DoctorFinding::new(check, Level::Note, said)
            .hint("set the same values in the profile: input_format, input_rate, output_format, output_rate")
    };
    finding.detail("input", format_json(input.as_ref())).detail("output", format_json(output.as_ref()))
}

fn format_words(format: Option<&AudioFormat>) -> String {
    match format {
        Some(AudioFormat::Pcm(rate) | AudioFormat::BarePcm(rate)) => format!("PCM16 {} Hz", rate.0),
        Some(AudioFormat::Ulaw) => "G.711 µ-law".to_owned(),
        Some(AudioFormat::Alaw) => "G.711 A-law".to_owned(),
        Some(AudioFormat::Other(name)) => name.clone(),
        None => "not reported".to_owned(),
    }
}

fn format_json(format: Option<&AudioFormat>) -> Value {
    let Some(format) = format else { return Value::Null };
    let name = match format {
        AudioFormat::Pcm(_) => "pcm16",
        AudioFormat::BarePcm(_) => "pcm",
        AudioFormat::Ulaw => "g711_ulaw",
        AudioFormat::Alaw => "g711_alaw",
        AudioFormat::Other(name) => name.as_str(),
    };
    json!({ "format": name, "rate": format.rate().map(|rate| rate.0) })
}
