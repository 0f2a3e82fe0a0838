//! The calls of a probe.

use serde_json::json;

use crate::audio::api::AudioEvent;
use crate::call::setup::plan;
use crate::call::setup::settings::ResolvedSettings;
use crate::commands::doctor::probe::observations::Capability;
use crate::dsp::frame::{Frame, SampleRate};
use crate::dsp::resample::resample_clip;
use crate::error::Error;
use crate::protocol::settings::{Tool, ToolChoice};
use crate::protocol::value::FieldUpdate;
use crate::server::demo;
use crate::session::io::{Input, UserCommand};
use crate::session::plan::{InputEndAction, Mode, Plan};

/// Speech to caption.
const SPEECH: &str = "This is how it sounded.";

/// A call of a probe.
pub(crate) struct ProbeCall {
    pub(super) plan: Plan,
    /// Inputs at its start.
    pub(super) inputs: Vec<Input>,
    /// What is expected of it, apart from what is sent on the way.
    pub(super) expects: &'static [Capability],
}

/// The first capability of the first call.
pub(super) const OPENING: &[Capability] = &[Capability::Created];

/// Capabilities of a spoken answer.
pub(super) const SPOKEN_ANSWER: &[Capability] = &[Capability::Audio, Capability::Transcript];

/// Returns the call with the settings in force, which is free.
pub(crate) fn configured(plan: Plan) -> ProbeCall {
    ProbeCall { plan, inputs: Vec::new(), expects: OPENING }
}

/// Returns the calls that are billed: a spoken answer, a written one, a function call, and captions.
///
/// # Errors
///
/// When a rate does not fit its format.
pub(crate) fn billable(settings: &ResolvedSettings, talk: &Plan) -> Result<Vec<ProbeCall>, Error> {
    let ask = |question: &str| plan::chat(settings, Some(question.to_owned()));
    Ok(vec![
        spoken(talk.clone()),
        written(ask("Answer in one word: are you there?")?),
        function_call(ask("Read the thermometer of the kitchen.")?),
        captions(talk.clone()),
    ])
}

pub(super) fn spoken(plan: Plan) -> ProbeCall {
    let question = UserCommand::Say("Say only: hello.".to_owned());
    ProbeCall { plan, inputs: vec![Input::User(question)], expects: SPOKEN_ANSWER }
}

pub(super) fn written(plan: Plan) -> ProbeCall {
    ProbeCall { plan, inputs: Vec::new(), expects: &[Capability::Text] }
}

pub(super) fn function_call(mut plan: Plan) -> ProbeCall {
    plan.settings.tools = Some(vec![Tool::Function {
        name: "read_thermometer".to_owned(),
        description: Some("Reads the thermometer of a room.".to_owned()),
        parameters: Some(json!({
            "type": "object",
            "properties": { "room": { "type": "string" } },
            "required": ["room"],
        })),
    }]);
    plan.settings.tool_choice = Some(ToolChoice::Required);
    ProbeCall { plan, inputs: Vec::new(), expects: &[Capability::Tools] }
}

/// Returns a call whose input is one turn, to which no answer is requested.
pub(super) fn captions(mut plan: Plan) -> ProbeCall {
    (plan.mode, plan.at_input_end, plan.local_turns) = (Mode::Transcribe, InputEndAction::End, None);
    plan.settings.turn_detection = FieldUpdate::Clear;
    let rate = plan.input_rate();
    let speech = resample_clip(&demo::voice::clips::say(SPEECH), SampleRate::HZ_24000, rate);
    let frames = speech.chunks(1_200).map(|samples| Input::Mic(Frame::new(rate, samples)));
    let inputs = frames.chain([Input::Audio(AudioEvent::InputEnded)]).collect();
    ProbeCall { plan, inputs, expects: &[Capability::CaptionDeltas, Capability::Captions] }
}
