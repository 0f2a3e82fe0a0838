//! Converts settings in force to turn detection: by the server, by this machine, or by key.

use std::time::Duration;

use crate::call::setup::settings::ResolvedSettings;
use crate::call::setup::transcription::transcription;
use crate::config::settings::Setting;
use crate::config::value::ValueOrigin;
use crate::config::values::{EagernessSetting, InterruptSetting, VadSetting};
use crate::error::{Error, Kind};
use crate::protocol::settings::{Eagerness, TurnDetection, TurnMethod};
use crate::protocol::value::{FieldUpdate, Unknown};
use crate::session::plan::{InputEndAction, Interrupt, LocalTurnPlan};

/// Longest turn without a pause before it is captioned in parts.
const LONGEST_CAPTION: Duration = Duration::from_secs(20);

/// Handling of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TurnHandling {
    /// It is answered, and speech interrupts the answer.
    Answered,
    /// It is captioned; transcription sessions have no answers.
    Captioned,
}

/// Turn detection of a call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TurnDetectionPlan {
    /// Detection by the server; cleared if it does not detect turns.
    pub(crate) server: FieldUpdate<TurnDetection>,
    /// Detection by this machine.
    pub(crate) local: Option<LocalTurnPlan>,
}

impl TurnDetectionPlan {
    fn by_server(detection: TurnDetection) -> Self {
        Self { server: FieldUpdate::Set(detection), local: None }
    }

    fn by_client(local: Option<LocalTurnPlan>) -> Self {
        Self { server: FieldUpdate::Clear, local }
    }
}

/// Returns the turn detection.
///
/// # Errors
///
/// When a flag has no effect with the detection in force, or requests turns of a captioning model without any.
pub(crate) fn detection(call: &ResolvedSettings, handling: TurnHandling) -> Result<TurnDetectionPlan, Error> {
    let way = way(call, handling)?;
    check_flags(call, way)?;
    let in_force = &call.in_force;
    let method = match way {
        VadSetting::Off => return Ok(TurnDetectionPlan::by_client(None)),
        VadSetting::Local => return Ok(TurnDetectionPlan::by_client(Some(local(call, handling)))),
        VadSetting::Semantic => {
            TurnMethod::SemanticVad { eagerness: in_force.choice(Setting::Eagerness).map(eagerness) }
        }
        VadSetting::Server => {
            let idle = match handling {
                TurnHandling::Answered => in_force.integer(Setting::IdleTimeoutMs),
                TurnHandling::Captioned => None,
            };
            TurnMethod::ServerVad {
                threshold: in_force.float(Setting::VadThreshold),
                prefix_padding_ms: in_force.integer(Setting::PrefixPaddingMs),
                silence_duration_ms: in_force.integer(Setting::SilenceDurationMs),
                idle_timeout_ms: idle.map_or(FieldUpdate::Keep, FieldUpdate::Set),
            }
        }
    };
    let for_answers = |setting| match handling {
        TurnHandling::Answered => Some(in_force.is_true(setting)),
        TurnHandling::Captioned => None,
    };
    Ok(TurnDetectionPlan::by_server(TurnDetection {
        method,
        create_response: for_answers(Setting::CreateResponse),
        // A server that does not detect interruptions must not stop an answer either.
        interrupt_response: for_answers(Setting::InterruptResponse)
            .map(|stops| stops && interrupt(call) == Interrupt::Server),
        unknown: Unknown::new(),
    }))
}

/// Returns who detects interruptions.
pub(crate) fn interrupt(call: &ResolvedSettings) -> Interrupt {
    match call.in_force.choice(Setting::Interrupt) {
        Some(InterruptSetting::Server) | None => Interrupt::Server,
        Some(InterruptSetting::Local) => Interrupt::Local,
        Some(InterruptSetting::Off) => Interrupt::Off,
    }
}

/// Returns who ends a turn: this machine for captioning models that do not detect turns.
fn way(call: &ResolvedSettings, handling: TurnHandling) -> Result<VadSetting, Error> {
    let way = call.in_force.choice(Setting::Vad).unwrap_or(VadSetting::Server);
    let transcription = transcription(call)?;
    let model = transcription.model.as_deref().filter(|_| transcription.lacks_turn_detection());
    let (TurnHandling::Captioned, VadSetting::Server | VadSetting::Semantic, Some(model)) =
        (handling, way, model)
    else {
        return Ok(way);
    };
    if call.in_force.is_flag(Setting::Vad) {
        let error = Error::say(Kind::Usage, format!("{model} does not detect turns"));
        return Err(error.hint("omit --vad to detect them on this machine, or use another model"));
    }
    // Other origins are meant for all sessions.
    Ok(VadSetting::Local)
}

fn local(call: &ResolvedSettings, handling: TurnHandling) -> LocalTurnPlan {
    let ms = |setting| Duration::from_millis(call.in_force.integer(setting).unwrap_or_default().into());
    LocalTurnPlan {
        threshold: call.in_force.float(Setting::VadThreshold).unwrap_or_default(),
        silence: ms(Setting::SilenceDurationMs),
        prefix: ms(Setting::PrefixPaddingMs),
        longest: match handling {
            TurnHandling::Answered => None,
            TurnHandling::Captioned => Some(LONGEST_CAPTION),
        },
    }
}

/// Checks that turns end, since captions are made of turns.
///
/// # Errors
///
/// When no turn would end.
pub(crate) fn check_turns_end(
    detection: &TurnDetectionPlan,
    at_input_end: InputEndAction,
) -> Result<(), Error> {
    match (detection, at_input_end) {
        (TurnDetectionPlan { server: FieldUpdate::Clear, local: None }, InputEndAction::GoOn) => {
            let error = Error::say(Kind::Usage, "with --vad off no turn of this microphone would end");
            Err(error.hint("caption a file, which is one turn, or use --vad local"))
        }
        (TurnDetectionPlan { .. }, InputEndAction::GoOn | InputEndAction::End) => Ok(()),
    }
}

/// Refuses flags without effect. A file may configure all kinds of detection.
fn check_flags(call: &ResolvedSettings, way: VadSetting) -> Result<(), Error> {
    use VadSetting::{Local, Semantic, Server};
    const ALL: [(Setting, &[VadSetting]); 8] = [
        (Setting::VadPreset, &[Server, Semantic, Local]),
        (Setting::VadThreshold, &[Server, Local]),
        (Setting::PrefixPaddingMs, &[Server, Local]),
        (Setting::SilenceDurationMs, &[Server, Local]),
        (Setting::IdleTimeoutMs, &[Server]),
        (Setting::Eagerness, &[Semantic]),
        (Setting::CreateResponse, &[Server, Semantic]),
        (Setting::InterruptResponse, &[Server, Semantic]),
    ];
    for (setting, ways) in ALL.iter().filter(|(_, ways)| !ways.contains(&way)) {
        let own_flag = setting.flag().map(|flag| flag.spelling());
        // A preset gives its own origin to the settings it supplies.
        if let Some(ValueOrigin::Flag(flag)) = call.in_force.get(*setting).map(|value| &value.origin)
            && own_flag == Some(flag)
        {
            let wanted: Vec<String> = ways.iter().map(|way| format!("--vad {}", word(*way))).collect();
            let error = format!("{flag} has no effect with --vad {}", word(way));
            let hint = format!("omit it, or use {}", wanted.join(" or "));
            return Err(Error::say(Kind::Usage, error).hint(hint));
        }
    }
    Ok(())
}

fn word(way: VadSetting) -> &'static str {
    match way {
        VadSetting::Server => "server",
        VadSetting::Semantic => "semantic",
        VadSetting::Local => "local",
        VadSetting::Off => "off",
    }
}

fn eagerness(setting: EagernessSetting) -> Eagerness {
    match setting {
        EagernessSetting::Low => Eagerness::Low,
        EagernessSetting::Medium => Eagerness::Medium,
        EagernessSetting::High => Eagerness::High,
        EagernessSetting::Auto => Eagerness::Auto,
    }
}

#[cfg(test)]
mod tests;
