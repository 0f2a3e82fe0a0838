//! From the settings in force to who ends a turn, and how it is found.

use std::time::Duration;

use crate::call::setup::plan;
use crate::call::setup::settings::ResolvedSettings;
use crate::cli::{EagernessArg, PresetArg, VadArg};
use crate::config::settings::Setting;
use crate::config::value::ValueOrigin;
use crate::error::{Error, Kind};
use crate::protocol::settings::{Eagerness, TurnDetection, TurnMethod};
use crate::protocol::value::{FieldUpdate as Field, Unknown};
use crate::session::plan::{InputEndAction, Interrupt, LocalTurnPlan, SILENCE_MS};

/// Sound kept from before speech was noticed: servers notice it up to 200 ms late.
const PREFIX_MS: u32 = 300;

/// After how long a turn without a pause is captioned in parts.
const LONGEST_CAPTION: Duration = Duration::from_secs(20);

/// What happens with a turn that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TurnHandling {
    /// It is answered, and speech stops an answer.
    Answered,
    /// It is captioned; transcription sessions know no answers.
    Captioned,
}

/// Who finds turns, and how.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TurnDetectionPlan {
    /// How the server does, or that it does not.
    pub(crate) server: Field<TurnDetection>,
    /// How this machine does, where it is to.
    pub(crate) local: Option<LocalTurnPlan>,
}

impl TurnDetectionPlan {
    fn by_server(detection: TurnDetection) -> Self {
        Self { server: Field::Set(detection), local: None }
    }

    fn here(local: Option<LocalTurnPlan>) -> Self {
        Self { server: Field::Clear, local }
    }
}

/// What is best with so much noise.
#[derive(Clone, Debug, PartialEq)]
struct Preset {
    threshold: f64,
    silence_ms: u32,
    eagerness: EagernessArg,
}

impl Preset {
    fn of(noise: PresetArg) -> Self {
        match noise {
            // Soft speech is found too, and nothing else fills the pause.
            PresetArg::Quiet => Self { threshold: 0.4, silence_ms: 400, eagerness: EagernessArg::High },
            PresetArg::Office => {
                Self { threshold: 0.5, silence_ms: SILENCE_MS, eagerness: EagernessArg::Auto }
            }
            // Only what is near is found, and words that noise swallows are no end.
            PresetArg::Noisy => Self { threshold: 0.75, silence_ms: 800, eagerness: EagernessArg::Low },
        }
    }
}

/// Returns who finds turns, and how.
///
/// # Errors
///
/// When a flag says something about another way than the one that is in force, and when it asks a captioning
/// model to find turns that finds none.
pub(crate) fn finding(call: &ResolvedSettings, found: TurnHandling) -> Result<TurnDetectionPlan, Error> {
    let way = way(call, found)?;
    no_idle_flags(call, way)?;
    let preset = Preset::of(call.in_force.choice(Setting::VadPreset).unwrap_or(PresetArg::Office));
    let method = match way {
        VadArg::Off => return Ok(TurnDetectionPlan::here(None)),
        VadArg::Local => return Ok(TurnDetectionPlan::here(Some(local(call, &preset, found)))),
        VadArg::Semantic => {
            let eagerness =
                chosen(call, Setting::Eagerness).then(|| call.in_force.choice(Setting::Eagerness));
            TurnMethod::SemanticVad { eagerness: Some(wire(eagerness.flatten().unwrap_or(preset.eagerness))) }
        }
        VadArg::Server => {
            let idle = match found {
                TurnHandling::Answered => chosen_number(call, Setting::IdleTimeoutMs),
                TurnHandling::Captioned => None,
            };
            TurnMethod::ServerVad {
                threshold: Some(threshold(call, &preset)),
                prefix_padding_ms: Some(prefix_ms(call)),
                silence_duration_ms: Some(silence_ms(call, &preset)),
                idle_timeout_ms: idle.map_or(Field::Keep, Field::Set),
            }
        }
    };
    let answers = |setting| match found {
        TurnHandling::Answered => Some(call.in_force.switch(setting).unwrap_or(true)),
        TurnHandling::Captioned => None,
    };
    Ok(TurnDetectionPlan::by_server(TurnDetection {
        method,
        create_response: answers(Setting::CreateResponse),
        // Where the server's ear has no say it must not stop an answer either.
        interrupt_response: answers(Setting::InterruptResponse)
            .map(|stops| stops && plan::interrupt(call) == Interrupt::Server),
        unknown: Unknown::new(),
    }))
}

/// Captioning models that find no turns have them found here, unless it is said otherwise.
fn way(call: &ResolvedSettings, found: TurnHandling) -> Result<VadArg, Error> {
    let way = call.in_force.choice(Setting::Vad).unwrap_or(VadArg::Server);
    let captions = plan::captions(call);
    let model = captions.get().filter(|captions| captions.lacks_turn_detection());
    let model = model.and_then(|captions| captions.model.as_deref());
    let (TurnHandling::Captioned, VadArg::Server | VadArg::Semantic, Some(model)) = (found, way, model)
    else {
        return Ok(way);
    };
    match call.in_force.get(Setting::Vad).map(|sourced| &sourced.origin) {
        Some(ValueOrigin::Flag(_)) => {
            let error = Error::say(Kind::Usage, format!("{model} finds no turns"));
            Err(error.hint("leave out --vad, and this machine finds them, or use another model"))
        }
        // A file or a variable speaks of all sessions.
        Some(
            ValueOrigin::Environment(_)
            | ValueOrigin::EnvFile(_)
            | ValueOrigin::Remembered
            | ValueOrigin::File(_)
            | ValueOrigin::BuiltIn,
        )
        | None => Ok(VadArg::Local),
    }
}

fn local(call: &ResolvedSettings, preset: &Preset, found: TurnHandling) -> LocalTurnPlan {
    let ms = |ms: u32| Duration::from_millis(ms.into());
    LocalTurnPlan {
        threshold: threshold(call, preset),
        silence: ms(silence_ms(call, preset)),
        prefix: ms(prefix_ms(call)),
        longest: match found {
            TurnHandling::Answered => None,
            TurnHandling::Captioned => Some(LONGEST_CAPTION),
        },
    }
}

fn threshold(call: &ResolvedSettings, preset: &Preset) -> f64 {
    let said = call.in_force.amount(Setting::VadThreshold).filter(|_| chosen(call, Setting::VadThreshold));
    said.unwrap_or(preset.threshold)
}

fn silence_ms(call: &ResolvedSettings, preset: &Preset) -> u32 {
    chosen_number(call, Setting::SilenceDurationMs).unwrap_or(preset.silence_ms)
}

fn prefix_ms(call: &ResolvedSettings) -> u32 {
    chosen_number(call, Setting::PrefixPaddingMs).unwrap_or(PREFIX_MS)
}

fn chosen_number(call: &ResolvedSettings, setting: Setting) -> Option<u32> {
    call.in_force.number(setting).filter(|_| chosen(call, setting))
}

/// Captions come of turns: somebody has to find them.
///
/// # Errors
///
/// When nobody would.
pub(crate) fn must_be_found(finding: &TurnDetectionPlan, at_input_end: InputEndAction) -> Result<(), Error> {
    match (finding, at_input_end) {
        (TurnDetectionPlan { server: Field::Clear, local: None }, InputEndAction::GoOn) => {
            let error = Error::say(Kind::Usage, "with --vad off nobody would end a turn of this microphone");
            Err(error.hint("caption a file, which is one turn then, or use --vad local"))
        }
        (TurnDetectionPlan { .. }, InputEndAction::GoOn | InputEndAction::End) => Ok(()),
    }
}

/// Returns whether a setting goes before the preset: unless the preset was said louder, as by a flag where
/// the setting stands in the file.
fn chosen(call: &ResolvedSettings, setting: Setting) -> bool {
    let rank = |setting| call.in_force.get(setting).map(|sourced| sourced.origin.rank());
    match (rank(setting), rank(Setting::VadPreset)) {
        (Some(setting), Some(preset)) => setting <= preset,
        (Some(_), None) => true,
        (None, _) => false,
    }
}

/// A file may say something about each way; a flag that does nothing is a mistake.
fn no_idle_flags(call: &ResolvedSettings, way: VadArg) -> Result<(), Error> {
    use VadArg::{Local, Semantic, Server};
    const ALL: [(Setting, &[VadArg]); 8] = [
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
        if let Some(ValueOrigin::Flag(flag)) = call.in_force.get(*setting).map(|sourced| &sourced.origin) {
            let wanted: Vec<String> = ways.iter().map(|way| format!("--vad {}", word(*way))).collect();
            let error = format!("{flag} does nothing with --vad {}", word(way));
            let hint = format!("leave it out, or use {}", wanted.join(" or "));
            return Err(Error::say(Kind::Usage, error).hint(hint));
        }
    }
    Ok(())
}

fn word(way: VadArg) -> &'static str {
    match way {
        VadArg::Server => "server",
        VadArg::Semantic => "semantic",
        VadArg::Local => "local",
        VadArg::Off => "off",
    }
}

fn wire(eagerness: EagernessArg) -> Eagerness {
    match eagerness {
        EagernessArg::Low => Eagerness::Low,
        EagernessArg::Medium => Eagerness::Medium,
        EagernessArg::High => Eagerness::High,
        EagernessArg::Auto => Eagerness::Auto,
    }
}

#[cfg(test)]
mod tests;
