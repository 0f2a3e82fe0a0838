//! From the settings in force to who ends a turn, and how it is found.

use crate::app::plan;
use crate::app::settings::Settings;
use crate::cli::{EagernessArg, PresetArg, VadArg};
use crate::config::setting::Setting;
use crate::config::value::Origin;
use crate::error::{Error, Kind};
use crate::protocol::settings::{Eagerness, TurnDetection, TurnMethod};
use crate::protocol::value::{Setting as Field, Unknown};
use crate::session::plan::{AtInputEnd, Interrupt, SILENCE_MS};

/// Sound kept from before speech was noticed: servers notice it up to 200 ms late.
const PREFIX_MS: u32 = 300;

/// What happens with a turn that the server found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It is answered, and speech stops an answer.
    Answered,
    /// It is captioned; transcription sessions know no answers.
    Captioned,
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

/// Returns how the server finds turns; nothing where somebody else does.
///
/// # Errors
///
/// When a flag says something about another way than the one that is in force.
pub(super) fn detection(call: &Settings, found: Found) -> Result<Field<TurnDetection>, Error> {
    let way = call.in_force.choice(Setting::Vad).unwrap_or(VadArg::Server);
    no_idle_flags(call, way)?;
    let preset = Preset::of(call.in_force.choice(Setting::VadPreset).unwrap_or(PresetArg::Office));
    let method = match way {
        VadArg::Off => return Ok(Field::Clear),
        VadArg::Semantic => {
            let eagerness =
                chosen(call, Setting::Eagerness).then(|| call.in_force.choice(Setting::Eagerness));
            TurnMethod::SemanticVad { eagerness: Some(wire(eagerness.flatten().unwrap_or(preset.eagerness))) }
        }
        VadArg::Server => {
            let number = |setting| call.in_force.number(setting).filter(|_| chosen(call, setting));
            let threshold =
                call.in_force.amount(Setting::VadThreshold).filter(|_| chosen(call, Setting::VadThreshold));
            let idle = match found {
                Found::Answered => number(Setting::IdleTimeoutMs),
                Found::Captioned => None,
            };
            TurnMethod::ServerVad {
                threshold: Some(threshold.unwrap_or(preset.threshold)),
                prefix_padding_ms: Some(number(Setting::PrefixPaddingMs).unwrap_or(PREFIX_MS)),
                silence_duration_ms: Some(number(Setting::SilenceDurationMs).unwrap_or(preset.silence_ms)),
                idle_timeout_ms: idle.map_or(Field::Keep, Field::Set),
            }
        }
    };
    let answers = |setting| match found {
        Found::Answered => Some(call.in_force.switch(setting).unwrap_or(true)),
        Found::Captioned => None,
    };
    Ok(Field::Set(TurnDetection {
        method,
        create_response: answers(Setting::CreateResponse),
        // Where the server's ear has no say it must not stop an answer either.
        interrupt_response: answers(Setting::InterruptResponse)
            .map(|stops| stops && plan::interrupt(call) == Interrupt::Server),
        unknown: Unknown::new(),
    }))
}

/// Captions come of turns: somebody has to find them.
///
/// # Errors
///
/// When nobody would.
pub(super) fn must_be_found(
    call: &Settings,
    detection: &Field<TurnDetection>,
    at_input_end: AtInputEnd,
) -> Result<(), Error> {
    let captions = plan::captions(call);
    let model = captions.get().filter(|captions| captions.finds_no_turns());
    match (detection, at_input_end, model.and_then(|captions| captions.model.as_deref())) {
        (Field::Clear, AtInputEnd::GoOn, _) => {
            let error = Error::say(Kind::Usage, "with --vad off nobody would end a turn of this microphone");
            Err(error.hint("caption a file, which is one turn then, or leave out --vad"))
        }
        (Field::Set(_) | Field::Keep, AtInputEnd::GoOn, Some(model)) => {
            let error = Error::say(Kind::Usage, format!("{model} finds no turns in what a microphone hears"));
            Err(error.hint("use another model, such as --model gpt-transcribe"))
        }
        (Field::Set(_) | Field::Keep, AtInputEnd::End, Some(model)) => {
            let error = Error::say(Kind::Usage, format!("{model} finds no turns"));
            Err(error.hint("use --vad off, with which a file is one turn, or another model"))
        }
        (Field::Set(_) | Field::Keep, _, None) | (Field::Clear, AtInputEnd::End, _) => Ok(()),
    }
}

/// Returns whether a setting goes before the preset: unless the preset was said louder, as by a flag where
/// the setting stands in the file.
fn chosen(call: &Settings, setting: Setting) -> bool {
    let rank = |setting| call.in_force.get(setting).map(|sourced| sourced.origin.rank());
    match (rank(setting), rank(Setting::VadPreset)) {
        (Some(setting), Some(preset)) => setting <= preset,
        (Some(_), None) => true,
        (None, _) => false,
    }
}

/// A file may say something about each way; a flag that does nothing is a mistake.
fn no_idle_flags(call: &Settings, way: VadArg) -> Result<(), Error> {
    const SERVER: [Setting; 4] =
        [Setting::VadThreshold, Setting::PrefixPaddingMs, Setting::SilenceDurationMs, Setting::IdleTimeoutMs];
    const EITHER: [Setting; 3] = [Setting::VadPreset, Setting::CreateResponse, Setting::InterruptResponse];
    let (idle, in_force): (Vec<Setting>, _) = match way {
        VadArg::Server => (vec![Setting::Eagerness], "server"),
        VadArg::Semantic => (SERVER.to_vec(), "semantic"),
        VadArg::Off => (SERVER.into_iter().chain(EITHER).chain([Setting::Eagerness]).collect(), "off"),
    };
    for setting in idle {
        if let Some(Origin::Flag(flag)) = call.in_force.get(setting).map(|sourced| &sourced.origin) {
            let wanted = if setting == Setting::Eagerness {
                "semantic"
            } else if SERVER.contains(&setting) {
                "server"
            } else {
                "server or --vad semantic"
            };
            let error = Error::say(Kind::Usage, format!("{flag} does nothing with --vad {in_force}"));
            return Err(error.hint(format!("leave it out, or use --vad {wanted}")));
        }
    }
    Ok(())
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
