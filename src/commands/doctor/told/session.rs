//! What the session shows of itself, and what costs nothing to ask for.

use serde_json::{Map, Value, json};

use crate::commands::doctor::probe::{Capability, ProbeObservations, Reply};
use crate::commands::doctor::report::{Check, DoctorFinding, Level};
use crate::commands::doctor::told::{
    ENDED, FindingTexts, ProbedEndpoint, describe, ended, ms, of_part, with_error,
};
use crate::dsp::frame::SampleRate;
use crate::error::Kind;
use crate::protocol::dialect::Dialect;
use crate::protocol::settings::{AudioFormat, SessionInfo, TurnMethod, Voice};
use crate::protocol::value::FieldUpdate;

/// How long a call waits for `session.created` before it goes on without.
const CALL_WAITS_MS: u64 = 3_000;

/// Returns what `session.created` shows.
pub(super) fn session(seen: &ProbeObservations, about: &ProbedEndpoint) -> DoctorFinding {
    let check = Check::Session;
    let finding = match seen.reply(Capability::Created) {
        Reply::Refused(_) | Reply::Lost | Reply::NotAsked | Reply::Waiting if seen.created.is_none() => {
            return ended_at_once(check, seen);
        }
        Reply::Came(_) | Reply::Missing | Reply::Silent(_) if seen.created.is_none() => {
            return without_created(check, seen);
        }
        Reply::Came(after) if ms(*after) > CALL_WAITS_MS => {
            let said = format!("session.created comes after {} ms: {}", ms(*after), shown(seen));
            DoctorFinding::new(check, Level::Warning, said)
                .hint("a call goes on after 3 s without it; ask who runs the endpoint why it takes so long")
        }
        Reply::Came(after) => {
            DoctorFinding::ok(check, format!("session.created after {} ms: {}", ms(*after), shown(seen)))
        }
        Reply::Refused(_)
        | Reply::Lost
        | Reply::NotAsked
        | Reply::Waiting
        | Reply::Missing
        | Reply::Silent(_) => DoctorFinding::ok(check, shown(seen)),
    };
    let finding = with_facts(finding, seen);
    let said = seen.created.as_ref().and_then(|info| info.settings.model.as_deref());
    match (&about.model, said) {
        (Some(asked), Some(said)) if asked != said && finding.level == Level::Ok => {
            let said = format!("{}; {asked} was asked for", finding.said);
            DoctorFinding { level: Level::Note, said, ..finding }
        }
        (Some(_) | None, _) => finding,
    }
}

fn ended_at_once(check: Check, seen: &ProbeObservations) -> DoctorFinding {
    match seen.reply(Capability::Created) {
        // It goes on after an error that is not the end.
        Reply::Refused(error) if !seen.is_over_early() => {
            let said = format!("the endpoint begins with an error: {}", describe(error));
            with_error(DoctorFinding::new(check, Level::Warning, said), error)
        }
        Reply::Refused(_)
        | Reply::Lost
        | Reply::NotAsked
        | Reply::Waiting
        | Reply::Came(_)
        | Reply::Missing
        | Reply::Silent(_) => ended(check, seen),
    }
}

fn without_created(check: Check, seen: &ProbeObservations) -> DoctorFinding {
    if seen.is_over_early() {
        return ended(check, seen);
    }
    if seen.events == 0 {
        let said = match seen.garbled {
            0 => "the endpoint takes the connection and says nothing".to_owned(),
            count => format!("the endpoint sent {count} messages, none of which is an event"),
        };
        return DoctorFinding::new(check, Level::Failure(Kind::Network), said).hint(
            "check that the path is that of a Realtime endpoint, and look at its log; a gateway may wait for its provider",
        );
    }
    DoctorFinding::new(
        check,
        Level::Note,
        "session.created does not come; a call goes on after 3 s without it",
    )
}

fn shown(seen: &ProbeObservations) -> String {
    let Some(info) = &seen.created else { return "nothing".to_owned() };
    let settings = &info.settings;
    let told = [
        settings.model.as_ref().map(|model| format!("model {model}")),
        voice(info).map(|voice| format!("voice {voice}")),
        turns(info),
    ];
    let told: Vec<String> = told.into_iter().flatten().collect();
    if told.is_empty() { "it tells nothing of its settings".to_owned() } else { told.join(", ") }
}

fn voice(info: &SessionInfo) -> Option<&str> {
    info.settings.voice.as_ref().map(|voice| match voice {
        Voice::Named(name) | Voice::Custom(name) => name.as_str(),
    })
}

/// Returns how it finds the end of a turn when nobody tells it to.
fn turns(info: &SessionInfo) -> Option<String> {
    match &info.settings.turn_detection {
        FieldUpdate::Keep => None,
        FieldUpdate::Clear => Some("no turn detection".to_owned()),
        FieldUpdate::Set(turns) => Some(match &turns.method {
            TurnMethod::ServerVad { threshold, prefix_padding_ms, silence_duration_ms, .. } => {
                let told = [
                    threshold.map(|threshold| format!("threshold {threshold}")),
                    prefix_padding_ms.map(|padding| format!("padding {padding} ms")),
                    silence_duration_ms.map(|silence| format!("silence {silence} ms")),
                ];
                let told: Vec<String> = told.into_iter().flatten().collect();
                let told = if told.is_empty() { String::new() } else { format!(" ({})", told.join(", ")) };
                format!("turns by server_vad{told}")
            }
            TurnMethod::SemanticVad { eagerness } => {
                let eagerness = eagerness.as_ref().map(|word| format!(" ({})", word.as_str()));
                format!("turns by semantic_vad{}", eagerness.unwrap_or_default())
            }
            TurnMethod::Other(name) => format!("turns by {name}"),
        }),
    }
}

fn with_facts(finding: DoctorFinding, seen: &ProbeObservations) -> DoctorFinding {
    let Some(info) = &seen.created else { return finding };
    let after = match seen.reply(Capability::Created) {
        Reply::Came(after) => Value::from(ms(*after)),
        Reply::NotAsked
        | Reply::Waiting
        | Reply::Refused(_)
        | Reply::Missing
        | Reply::Silent(_)
        | Reply::Lost => Value::Null,
    };
    finding
        .detail("after_ms", after)
        .detail("id", info.id.clone())
        .detail("model", info.settings.model.clone())
        .detail("voice", voice(info))
        .detail("turn_detection", vad(info))
        .detail("expires_at", info.expires_at)
}

fn vad(info: &SessionInfo) -> Value {
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

/// Returns which dialect the endpoint speaks, and whether it is the one that is written.
pub(super) fn dialect(seen: &ProbeObservations, about: &ProbedEndpoint) -> DoctorFinding {
    let check = Check::Dialect;
    let word = |dialect: Option<Dialect>| dialect.map_or("auto", Dialect::as_str);
    let finding = match (seen.dialect, about.dialect) {
        (Some(found), None) => DoctorFinding::ok(check, format!("{}, found by what it says", found.as_str())),
        (Some(found), Some(asked)) if found == asked => {
            DoctorFinding::ok(check, format!("{}, as it is set", found.as_str()))
        }
        (Some(found), Some(asked)) => {
            let said = format!("it speaks {}, and {} is set", found.as_str(), asked.as_str());
            DoctorFinding::new(check, Level::Warning, said)
                .hint(format!("--dialect {}, or the same in its profile", found.as_str()))
        }
        (None, _) if seen.is_over_early() || seen.events == 0 => {
            DoctorFinding::skipped(check, "it said too little")
        }
        (None, asked) => {
            let said = format!("it does not show which one it speaks; {} is set", word(asked));
            DoctorFinding::new(check, Level::Note, said)
                .hint("if a call is silent, try --dialect ga and --dialect beta")
        }
    };
    finding.detail("found", seen.dialect.map(Dialect::as_str)).detail("set", word(about.dialect))
}

/// Returns whether the settings of a call are taken.
pub(super) fn settings(seen: &ProbeObservations) -> DoctorFinding {
    let check = Check::Settings;
    let fine = match seen.reply(Capability::Updated) {
        Reply::Came(after) => {
            format!("session.update with the settings of a call is answered after {} ms", ms(*after))
        }
        Reply::NotAsked
        | Reply::Waiting
        | Reply::Refused(_)
        | Reply::Missing
        | Reply::Silent(_)
        | Reply::Lost => String::new(),
    };
    let row = FindingTexts {
        check,
        part: Capability::Updated,
        fine: &fine,
        refused: Level::Failure(Kind::Server),
        silent: Level::Note,
        loss: "",
    };
    let finding = of_part(seen, &row);
    let finding = match seen.reply(Capability::Updated) {
        Reply::Silent(limit) => {
            let said = format!(
                "session.updated does not come within {} s; a call goes on without it",
                limit.as_secs()
            );
            DoctorFinding { said, ..finding }
        }
        Reply::Refused(error) if !seen.is_over_early() => {
            let said = format!("the settings of a call are refused: {}", describe(error));
            with_error(DoctorFinding { said, ..finding }, error)
        }
        Reply::NotAsked
        | Reply::Waiting
        | Reply::Came(_)
        | Reply::Refused(_)
        | Reply::Missing
        | Reply::Lost => finding,
    };
    let finding = finding.detail("left_out", seen.left_out.clone());
    if finding.level != Level::Ok || seen.left_out.is_empty() {
        return finding;
    }
    let said = format!("{}, without what it does not know: {}", finding.said, seen.left_out.join(", "));
    DoctorFinding { level: Level::Note, said, ..finding }
}

/// Returns whether leftovers of sound can be thrown away.
pub(super) fn clear(seen: &ProbeObservations) -> DoctorFinding {
    let row = FindingTexts {
        check: Check::Clear,
        part: Capability::Clear,
        fine: "input_audio_buffer.clear is answered",
        refused: Level::Note,
        silent: Level::Note,
        loss: "it matters only with --vad off: sound of before may stay in the next turn",
    };
    of_part(seen, &row)
}

/// Returns whether the endpoint can be told how much of an answer was heard; best of an answer that there was.
pub(super) fn truncate(seen: &ProbeObservations) -> DoctorFinding {
    let (part, fine) = match seen.reply(Capability::Cut) {
        Reply::NotAsked => (
            Capability::Truncate,
            "conversation.item.truncate is known: it misses the item that is not there",
        ),
        Reply::Waiting
        | Reply::Came(_)
        | Reply::Refused(_)
        | Reply::Missing
        | Reply::Silent(_)
        | Reply::Lost => (Capability::Cut, "an answer can be cut to what was heard of it"),
    };
    let row = FindingTexts {
        check: Check::Truncate,
        part,
        fine,
        refused: Level::Note,
        silent: Level::Note,
        loss: "calls work; after an interruption the model may believe that you heard all of its answer",
    };
    of_part(seen, &row)
}

/// Returns which sound goes over the wire, as the endpoint tells it.
pub(super) fn audio_format(seen: &ProbeObservations) -> DoctorFinding {
    let check = Check::AudioFormat;
    let Some(info) = seen.updated.as_ref().or(seen.created.as_ref()) else {
        let why = if seen.is_over_early() { ENDED } else { "it tells nothing of its settings" };
        return DoctorFinding::skipped(check, why);
    };
    let (input, output) = (&info.settings.input_format, &info.settings.output_format);
    if input.is_none() && output.is_none() {
        return DoctorFinding::new(check, Level::Note, "it does not tell which formats it takes and sends")
            .hint("if speech sounds too fast or too slow, set input_rate and output_rate of its profile");
    }
    let said = format!("in {}, out {}", format_words(input.as_ref()), format_words(output.as_ref()));
    let is_wire = |format: &Option<AudioFormat>| {
        format.as_ref().is_none_or(|format| *format == AudioFormat::Pcm(SampleRate::HZ_24000))
    };
    let finding = if is_wire(input) && is_wire(output) {
        DoctorFinding::ok(check, said)
    } else {
        DoctorFinding::new(check, Level::Note, said)
            .hint("the profile has to say the same: input_format, input_rate, output_format, output_rate")
    };
    finding.detail("input", format_json(input.as_ref())).detail("output", format_json(output.as_ref()))
}

fn format_words(format: Option<&AudioFormat>) -> String {
    match format {
        Some(AudioFormat::Pcm(rate) | AudioFormat::BarePcm(rate)) => format!("PCM16 of {} Hz", rate.0),
        Some(AudioFormat::Ulaw) => "G.711 µ-law".to_owned(),
        Some(AudioFormat::Alaw) => "G.711 A-law".to_owned(),
        Some(AudioFormat::Other(name)) => name.clone(),
        None => "not told".to_owned(),
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
    let mut fields = Map::new();
    fields.insert("format".to_owned(), name.into());
    fields.insert("rate".to_owned(), format.rate().map(|rate| rate.0).into());
    Value::Object(fields)
}
