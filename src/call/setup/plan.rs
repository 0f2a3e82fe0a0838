//! Converts settings in force to the plan of a session.

use std::time::Duration;

use crate::audio::api::{EchoMode, MuteMode};
use crate::audio::options::{
    AudioOptions, AudioSink, AudioSource, EchoPolicy, ListenMode, Processing, ProcessingStep, SpeechRule,
};
use crate::call::setup::prices;
use crate::call::setup::settings::ResolvedSettings;
use crate::call::setup::target::Target;
use crate::call::setup::transcription::{CaptionRequest, captioning_kind, transcription};
use crate::call::setup::turn_detection::{self, TurnDetectionPlan, TurnHandling};
use crate::config::settings::Setting;
use crate::config::values::{AudioEncoding, DialectSetting, EchoSetting, MuteSetting};
use crate::dsp::frame::SampleRate;
use crate::error::{Error, Kind};
use crate::protocol::dialect::Dialect;
use crate::protocol::settings::{AudioFormat, Modality, SessionSettings, Voice};
use crate::protocol::value::FieldUpdate;
use crate::session::plan::{CallLimits, ConnectionPolicy, INPUT, SpokenAnswers};
use crate::session::plan::{InputEndAction, Interrupt, LocalTurnPlan, Mode, Plan, TurnControl};

/// Returns the plan of a call.
///
/// # Errors
///
/// When a rate does not fit its format, or a flag the turn detection.
pub(crate) fn talk(call: &ResolvedSettings, at_input_end: InputEndAction) -> Result<Plan, Error> {
    let mut settings = settings(call);
    settings.output = Some(Modality::Audio);
    settings.input_format = Some(format(call, Setting::InputFormat, Setting::InputRate)?);
    settings.output_format = Some(format(call, Setting::OutputFormat, Setting::OutputRate)?);
    settings.voice = voice(call);
    settings.speed = call.in_force.float(Setting::Speed);
    settings.transcription = FieldUpdate::Set(transcription(call)?);
    let TurnDetectionPlan { server, local } = turn_detection::detection(call, TurnHandling::Answered)?;
    settings.turn_detection = server;
    Ok(Plan { local_turns: local, ..plan(Mode::Talk, settings, call, at_input_end) })
}

/// Returns the plan of a text conversation; with `opening`, of a single question.
///
/// # Errors
///
/// When a rate does not fit its format.
pub(crate) fn chat(call: &ResolvedSettings, opening: Option<String>) -> Result<Plan, Error> {
    let mut settings = settings(call);
    settings.output = Some(Modality::Text);
    settings.turn_detection = FieldUpdate::Clear;
    // Instructions around the message are no instructions.
    let template = settings.instructions.take_if(|text| text.contains(INPUT));
    let mode = if opening.is_some() { Mode::Ask } else { Mode::Chat };
    let speech = SpokenAnswers {
        format: format(call, Setting::OutputFormat, Setting::OutputRate)?,
        voice: voice(call),
    };
    let plan = plan(mode, settings, call, InputEndAction::GoOn);
    Ok(Plan { opening: opening.into_iter().collect(), template, speech: Some(speech), ..plan })
}

/// Returns the plan of the conversation in writing next to a call: connected by its first message. The activity
/// of both counts towards the limits of the call.
///
/// # Errors
///
/// When a rate does not fit its format.
pub(crate) fn next_to_call(call: &ResolvedSettings, target: &Target) -> Result<Plan, Error> {
    let plan = limited(chat(call, None)?, target, call);
    let limits = CallLimits { idle: None, ..plan.limits };
    let connecting = ConnectionPolicy::OnDemand { idle: minutes(call, Setting::TextIdle) };
    Ok(Plan { speech: None, limits, connecting, ..plan })
}

fn voice(call: &ResolvedSettings) -> Option<Voice> {
    call.in_force.text(Setting::Voice).map(|name| Voice::Named(name.to_owned()))
}

/// Returns the plan of captions.
///
/// # Errors
///
/// When a rate does not fit its format, a flag the turn detection, or the endpoint cannot caption only.
pub(crate) fn transcribe(
    call: &ResolvedSettings,
    request: CaptionRequest,
    at_input_end: InputEndAction,
) -> Result<Plan, Error> {
    let detection = turn_detection::detection(call, TurnHandling::Captioned)?;
    turn_detection::check_turns_end(&detection, at_input_end)?;
    let mut settings = SessionSettings {
        kind: captioning_kind(call)?,
        input_format: Some(format(call, Setting::InputFormat, Setting::InputRate)?),
        turn_detection: detection.server,
        ..SessionSettings::default()
    };
    request.add_to(transcription(call)?, &mut settings)?;
    Ok(Plan { local_turns: detection.local, ..plan(Mode::Transcribe, settings, call, at_input_end) })
}

/// Returns the audio options, at the rates of the plan.
pub(crate) fn audio(
    call: &ResolvedSettings,
    plan: &Plan,
    input: AudioSource,
    output: AudioSink,
) -> AudioOptions {
    let default = AudioOptions::default();
    let ms = |setting, default| {
        call.in_force.integer(setting).map_or(default, |ms| Duration::from_millis(u64::from(ms)))
    };
    AudioOptions {
        input,
        start: plan.media_start,
        output,
        selection: default.selection,
        record: None,
        frame: ms(Setting::FrameMs, default.frame),
        prebuffer: ms(Setting::PrebufferMs, default.prebuffer),
        wire_in: plan.input_rate(),
        wire_out: plan.output_rate(),
        volume: call.volume(),
        mute: match call.in_force.choice(Setting::Mute) {
            Some(MuteSetting::Hard) => MuteMode::Hard,
            Some(MuteSetting::Soft) | None => MuteMode::Soft,
        },
        processing: processing(call, plan),
    }
}

/// Returns the processing of the microphone signal.
fn processing(call: &ResolvedSettings, plan: &Plan) -> Processing {
    let step = |setting| match call.in_force.is_true(setting) {
        true => ProcessingStep::On,
        false => ProcessingStep::Off,
    };
    let has_playback = plan.mode == Mode::Talk;
    let echo = match call.in_force.choice(Setting::Echo).filter(|_| has_playback) {
        Some(EchoSetting::Auto) => EchoPolicy::Auto,
        Some(EchoSetting::Aec) => EchoPolicy::Fixed(EchoMode::Cancel),
        Some(EchoSetting::Duck) => EchoPolicy::Fixed(EchoMode::Duck),
        Some(EchoSetting::Half) => EchoPolicy::Fixed(EchoMode::HalfDuplex),
        Some(EchoSetting::Off) | None => EchoPolicy::Fixed(EchoMode::Off),
    };
    Processing {
        echo,
        noise_suppression: step(Setting::NoiseSuppression),
        gain_control: step(Setting::GainControl),
        voice: listen_mode(plan),
    }
}

/// Returns the use of local speech detection.
fn listen_mode(plan: &Plan) -> ListenMode {
    let interrupts = plan.mode == Mode::Talk && plan.interrupt != Interrupt::Off;
    match (plan.turn_control(), &plan.local_turns) {
        (TurnControl::Local, Some(LocalTurnPlan { threshold, silence, .. })) => {
            ListenMode::Turns(SpeechRule { threshold: *threshold, silence: *silence })
        }
        (TurnControl::Server, _) if interrupts => ListenMode::Interruptions,
        (TurnControl::Server | TurnControl::Manual | TurnControl::Local, _) => ListenMode::Off,
    }
}

fn plan(
    mode: Mode,
    settings: SessionSettings,
    call: &ResolvedSettings,
    at_input_end: InputEndAction,
) -> Plan {
    let dialect = match call.in_force.choice(Setting::Dialect) {
        Some(DialectSetting::Auto) | None => None,
        Some(DialectSetting::Ga) => Some(Dialect::Ga),
        Some(DialectSetting::Beta) => Some(Dialect::Beta),
        Some(DialectSetting::Mixed) => Some(Dialect::Mixed),
    };
    let mut omitted = call.in_force.list(Setting::OmitSettings).to_vec();
    match mode {
        Mode::Chat | Mode::Ask => omitted.extend_from_slice(call.in_force.list(Setting::OmitInChat)),
        Mode::Talk | Mode::Transcribe => {}
    }
    Plan {
        omitted,
        dialect,
        at_input_end,
        interrupt: turn_detection::interrupt(call),
        session_limit: minutes(call, Setting::SessionMinutes),
        ..Plan::new(mode, settings)
    }
}

/// Returns `plan` with the prices of `target` and the limits of the user.
pub(crate) fn limited(plan: Plan, target: &Target, call: &ResolvedSettings) -> Plan {
    let limits =
        CallLimits { idle: minutes(call, Setting::Idle), cost_usd: call.in_force.float(Setting::MaxCost) };
    Plan { model: target.model(), prices: prices::at(target, &call.in_force), limits, ..plan }
}

fn minutes(call: &ResolvedSettings, setting: Setting) -> Option<Duration> {
    call.in_force.float(setting).and_then(|minutes| Duration::try_from_secs_f64(minutes * 60.0).ok())
}

fn settings(call: &ResolvedSettings) -> SessionSettings {
    let instructions = call.in_force.text(Setting::Instructions).map(str::to_owned);
    SessionSettings { kind: call.kind, instructions, ..SessionSettings::default() }
}

/// Returns the format on the wire. G.711 has one rate, so another configured one is an error.
fn format(call: &ResolvedSettings, format: Setting, rate: Setting) -> Result<AudioFormat, Error> {
    let in_force = &call.in_force;
    let hertz = in_force.integer(rate).unwrap_or(SampleRate::HZ_24000.0);
    let g711 = match in_force.choice(format).unwrap_or(AudioEncoding::Pcm16) {
        AudioEncoding::Pcm16 => return Ok(AudioFormat::Pcm(SampleRate(hertz))),
        AudioEncoding::Pcm => return Ok(AudioFormat::BarePcm(SampleRate(hertz))),
        AudioEncoding::Ulaw => AudioFormat::Ulaw,
        AudioEncoding::Alaw => AudioFormat::Alaw,
    };
    if in_force.is_set(rate) && hertz != SampleRate::TELEPHONE.0 {
        let error = format!("{} cannot be {hertz} if {} is G.711", rate.name(), format.name());
        return Err(Error::say(Kind::Config, error).hint("omit the rate: G.711 is always 8000 Hz"));
    }
    Ok(g711)
}
