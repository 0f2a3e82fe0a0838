//! From the settings in force to the plan of a session.

use std::time::Duration;

use crate::audio::api::MuteMode;
use crate::audio::capture::speech_detector::{ListenMode, SpeechRule};
use crate::audio::echo::{EchoMode, EchoPolicy, Processing, ProcessingStep};
use crate::audio::options::{AudioOptions, AudioSink, AudioSource};
use crate::call::setup::address::transcription_model;
use crate::call::setup::prices;
use crate::call::setup::settings::ResolvedSettings;
use crate::call::setup::target::Target;
use crate::call::setup::turn_detection::{self, TurnDetectionPlan, TurnHandling};
use crate::cli::{DialectArg, EchoArg, InterruptArg, MuteArg};
use crate::config::settings::Setting;
use crate::config::values::{AudioEncoding, TranscriptionSession};
use crate::dsp::frame::SampleRate;
use crate::error::{Error, Kind};
use crate::protocol::dialect::Dialect;
use crate::protocol::language::wire_code;
use crate::protocol::settings::{AudioFormat, Modality, SessionKind, SessionSettings, Transcription, Voice};
use crate::protocol::value::FieldUpdate as Field;
use crate::session::metering::limits::CallLimits;
use crate::session::plan::{InputEndAction, Interrupt, LocalTurnPlan, Mode, Plan, TurnControl};

/// Returns the plan of a call.
///
/// # Errors
///
/// When a rate does not go with its format, or a flag with the way in which turns are found.
pub(crate) fn talk(call: &ResolvedSettings, at_input_end: InputEndAction) -> Result<Plan, Error> {
    let mut settings = settings(call);
    settings.output = Some(Modality::Audio);
    settings.input_format = Some(format(call, Setting::InputFormat, Setting::InputRate)?);
    settings.output_format = Some(format(call, Setting::OutputFormat, Setting::OutputRate)?);
    settings.voice = call.in_force.text(Setting::Voice).map(|name| Voice::Named(name.to_owned()));
    settings.transcription = captions(call);
    let TurnDetectionPlan { server, local } = turn_detection::finding(call, TurnHandling::Answered)?;
    settings.turn_detection = server;
    Ok(Plan { local_turns: local, ..plan(Mode::Talk, settings, call, at_input_end) })
}

/// Returns the plan of a written conversation; with `opening`, of a single question.
pub(crate) fn chat(call: &ResolvedSettings, opening: Option<String>) -> Plan {
    let mut settings = settings(call);
    settings.output = Some(Modality::Text);
    settings.turn_detection = Field::Clear;
    let mode = if opening.is_some() { Mode::Ask } else { Mode::Chat };
    let mut plan = plan(mode, settings, call, InputEndAction::GoOn);
    plan.opening.extend(opening);
    plan
}

/// Returns the plan of captions.
///
/// # Errors
///
/// When a rate does not go with its format, or a flag with the way in which turns are found, and when the
/// endpoint has no session for captions only.
pub(crate) fn transcribe(call: &ResolvedSettings, at_input_end: InputEndAction) -> Result<Plan, Error> {
    let finding = turn_detection::finding(call, TurnHandling::Captioned)?;
    turn_detection::must_be_found(&finding, at_input_end)?;
    let settings = SessionSettings {
        kind: captioning_kind(call)?,
        input_format: Some(format(call, Setting::InputFormat, Setting::InputRate)?),
        transcription: captions(call),
        turn_detection: finding.server,
        ..SessionSettings::default()
    };
    Ok(Plan { local_turns: finding.local, ..plan(Mode::Transcribe, settings, call, at_input_end) })
}

/// Returns the kind of session in which captions are requested.
///
/// # Errors
///
/// When the endpoint has no session for captions only.
pub(crate) fn captioning_kind(call: &ResolvedSettings) -> Result<SessionKind, Error> {
    let session = call.in_force.choice(Setting::TranscriptionSession);
    match session.unwrap_or(TranscriptionSession::Own) {
        TranscriptionSession::Own => Ok(SessionKind::Transcription),
        TranscriptionSession::Plain => Ok(SessionKind::Realtime),
        TranscriptionSession::None => {
            let (profile, file) = (&call.in_force.profile, call.sources.file_name());
            let error = format!("the endpoint of the profile {profile} has no session for captions only");
            Err(Error::say(Kind::Config, error).hint(format!(
                "rtvoice talk shows captions, too; where it has one by now, set transcription_session in \
                 [profiles.{profile}] of {file}"
            )))
        }
    }
}

/// Returns how sound is handled, at the rates of the plan.
pub(crate) fn sound(
    call: &ResolvedSettings,
    plan: &Plan,
    input: AudioSource,
    output: AudioSink,
) -> AudioOptions {
    let usual = AudioOptions::default();
    let ms = |setting, usual| {
        call.in_force.number(setting).map_or(usual, |ms| Duration::from_millis(u64::from(ms)))
    };
    AudioOptions {
        input,
        start: plan.media_start,
        output,
        record: None,
        frame: ms(Setting::FrameMs, usual.frame),
        prebuffer: ms(Setting::PrebufferMs, usual.prebuffer),
        wire_in: plan.input_rate(),
        wire_out: plan.output_rate(),
        mute: match call.in_force.choice(Setting::Mute) {
            Some(MuteArg::Hard) => MuteMode::Hard,
            Some(MuteArg::Soft) | None => MuteMode::Soft,
        },
        processing: processing(call, plan),
    }
}

/// Returns what the microphone's sound goes through.
fn processing(call: &ResolvedSettings, plan: &Plan) -> Processing {
    let switched = |setting| match call.in_force.switch(setting) {
        Some(true) => ProcessingStep::On,
        Some(false) | None => ProcessingStep::Off,
    };
    let talks = plan.mode == Mode::Talk;
    let echo = match call.in_force.choice(Setting::Echo).or(Some(EchoArg::Auto)).filter(|_| talks) {
        Some(EchoArg::Auto) => EchoPolicy::Auto,
        Some(EchoArg::Aec) => EchoPolicy::Fixed(EchoMode::Cancel),
        Some(EchoArg::Duck) => EchoPolicy::Fixed(EchoMode::Duck),
        Some(EchoArg::Half) => EchoPolicy::Fixed(EchoMode::HalfDuplex),
        Some(EchoArg::Off) | None => EchoPolicy::Fixed(EchoMode::Off),
    };
    Processing {
        echo,
        noise_suppression: switched(Setting::NoiseSuppression),
        gain_control: switched(Setting::GainControl),
        voice: listening(plan),
    }
}

/// Returns what somebody's voice is listened for.
fn listening(plan: &Plan) -> ListenMode {
    let interrupts = plan.mode == Mode::Talk && plan.interrupt != Interrupt::Off;
    match (plan.turn_control(), &plan.local_turns) {
        (TurnControl::Local, Some(LocalTurnPlan { threshold, silence, .. })) => {
            ListenMode::Turns(SpeechRule { threshold: *threshold, silence: *silence })
        }
        (TurnControl::Server, _) if interrupts => ListenMode::Interruptions,
        (TurnControl::Server | TurnControl::Manual | TurnControl::Local, _) => ListenMode::Off,
    }
}

/// Returns whose ear stops an answer.
pub(crate) fn interrupt(call: &ResolvedSettings) -> Interrupt {
    match call.in_force.choice(Setting::Interrupt) {
        Some(InterruptArg::Server) | None => Interrupt::Server,
        Some(InterruptArg::Local) => Interrupt::Local,
        Some(InterruptArg::Off) => Interrupt::Off,
    }
}

fn plan(
    mode: Mode,
    settings: SessionSettings,
    call: &ResolvedSettings,
    at_input_end: InputEndAction,
) -> Plan {
    let dialect = match call.in_force.choice(Setting::Dialect) {
        Some(DialectArg::Auto) | None => None,
        Some(DialectArg::Ga) => Some(Dialect::Ga),
        Some(DialectArg::Beta) => Some(Dialect::Beta),
        Some(DialectArg::Mixed) => Some(Dialect::Mixed),
    };
    let mut omitted = call.in_force.list(Setting::OmitSettings).to_vec();
    match mode {
        Mode::Chat | Mode::Ask => omitted.extend_from_slice(call.in_force.list(Setting::OmitInChat)),
        Mode::Talk | Mode::Transcribe => {}
    }
    Plan {
        mode,
        settings,
        omitted,
        local_turns: None,
        dialect,
        opening: Vec::new(),
        at_input_end,
        model: None,
        prices: None,
        limits: CallLimits::default(),
        interrupt: interrupt(call),
        session_limit: minutes(call, Setting::SessionMinutes),
        unix_start: Duration::ZERO,
        media_start: Duration::ZERO,
        rewinds_input: false,
    }
}

/// Returns `plan` with what `target` costs, and with the limits the user set.
pub(crate) fn limited(plan: Plan, target: &Target, call: &ResolvedSettings) -> Plan {
    let limits =
        CallLimits { idle: minutes(call, Setting::Idle), cost_usd: call.in_force.amount(Setting::MaxCost) };
    Plan { model: target.model(), prices: prices::at(target, &call.in_force), limits, ..plan }
}

fn minutes(call: &ResolvedSettings, setting: Setting) -> Option<Duration> {
    call.in_force.amount(setting).and_then(|minutes| Duration::try_from_secs_f64(minutes * 60.0).ok())
}

fn settings(call: &ResolvedSettings) -> SessionSettings {
    let instructions = call.in_force.text(Setting::Instructions).map(str::to_owned);
    SessionSettings { kind: call.kind, instructions, ..SessionSettings::default() }
}

/// G.711 has one rate; another beside it is a mistake where a person wrote it.
fn format(call: &ResolvedSettings, format: Setting, rate: Setting) -> Result<AudioFormat, Error> {
    let in_force = &call.in_force;
    let hertz = in_force.number(rate).unwrap_or(SampleRate::HZ_24000.0);
    let telephone = match in_force.choice(format).unwrap_or(AudioEncoding::Pcm16) {
        AudioEncoding::Pcm16 => return Ok(AudioFormat::Pcm(SampleRate(hertz))),
        AudioEncoding::Pcm => return Ok(AudioFormat::BarePcm(SampleRate(hertz))),
        AudioEncoding::Ulaw => AudioFormat::Ulaw,
        AudioEncoding::Alaw => AudioFormat::Alaw,
    };
    if in_force.is_set(rate) && hertz != SampleRate::TELEPHONE.0 {
        let error = format!("{} cannot be {hertz} where {} is G.711", rate.name(), format.name());
        return Err(Error::say(Kind::Config, error).hint("G.711 has 8000 Hz: leave the rate out"));
    }
    Ok(telephone)
}

/// Returns how speech is captioned.
pub(crate) fn captions(call: &ResolvedSettings) -> Field<Transcription> {
    Field::Set(Transcription {
        model: transcription_model(call).map(str::to_owned),
        language: call.in_force.text(Setting::Lang).and_then(wire_code),
        ..Transcription::default()
    })
}
