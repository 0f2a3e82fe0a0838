//! From flags to the settings in force.

use std::path::PathBuf;

use clap::ValueEnum;

use crate::audio::api::DeviceRequest;
use crate::audio::options::{AudioSink, AudioSource};
use crate::call::device_memory::DeviceMemory;
use crate::cli::{DisplayArgs, EndpointArgs, InputArgs, LimitArgs, ResponseArgs, TurnArgs};
use crate::config::credentials;
use crate::config::layers::{EffectiveSettings, Overrides};
use crate::config::paths;
use crate::config::settings::Setting;
use crate::config::sources::{EnvFile, Sources};
use crate::config::value::{Layer, Sourced, Value, ValueOrigin};
use crate::error::Error;
use crate::net::endpoint::redaction::Redactor;
use crate::net::endpoint::url::EndpointUrl;
use crate::protocol::settings::SessionKind;

/// What is in force, and what it was made of.
pub(crate) struct ResolvedSettings {
    pub(crate) in_force: EffectiveSettings,
    pub(crate) sources: Sources,
    pub(crate) kind: SessionKind,
}

/// What the command line says.
#[derive(Debug, Default)]
pub(crate) struct Flags {
    pub(crate) layer: Layer,
}

impl ResolvedSettings {
    /// Decides what is in force for a session of this kind; `more` is what only some commands can be told.
    ///
    /// # Errors
    ///
    /// When a file or a variable cannot be understood, or when the profile is not known.
    pub(crate) fn load(endpoint: &EndpointArgs, kind: SessionKind, more: Flags) -> Result<Self, Error> {
        let env_file = if endpoint.demo { EnvFile::Ignored } else { EnvFile::Read };
        let sources = Sources::look(env_file)?;
        let mut flags = more;
        flags.text(Setting::Url, "--url", endpoint.url.as_deref());
        flags.text(Setting::Model, "--model", endpoint.model.as_deref());
        let transcription_model = endpoint.transcription_model.as_deref();
        flags.text(Setting::TranscriptionModel, "--transcription-model", transcription_model);
        flags.text(Setting::Instructions, "--instructions", endpoint.instructions.as_deref());
        flags.text(Setting::Lang, "--lang", endpoint.lang.as_deref());
        flags.choice(Setting::Dialect, "--dialect", endpoint.dialect);
        flags.choice(Setting::Auth, "--auth", endpoint.auth);
        flags.switch(Setting::AllowClearKey, "--allow-clear-key", endpoint.allow_clear_key.then_some(true));
        let asked = Overrides { profile: endpoint.profile.clone(), demo: endpoint.demo, flags: flags.layer };
        Ok(Self { in_force: EffectiveSettings::decide(asked, &sources, host_of)?, sources, kind })
    }

    /// Returns what hides all keys that the settings know.
    pub(crate) fn redactor(&self) -> Redactor {
        Redactor::of(&credentials::known(&self.sources))
    }

    /// Returns what the user is told before anything is dialled or opened: what could not be read, and that
    /// `.env` chose the endpoint, which a cloned folder may do unnoticed.
    pub(crate) fn notes(&self, endpoint: &str) -> Vec<String> {
        let mut notes = self.sources.warnings.clone();
        if self.in_force.is_endpoint_from_env_file() {
            notes.push(format!("endpoint {endpoint}, chosen by .env in this folder"));
        }
        notes
    }

    /// Returns where sound comes from.
    pub(crate) fn input(&self) -> AudioSource {
        match self.remembered(Setting::Input) {
            Some(id) => AudioSource::Device(DeviceRequest::Preferred(id)),
            None => AudioSource::parse(self.in_force.text(Setting::Input).unwrap_or("default")),
        }
    }

    /// Returns where sound goes to.
    pub(crate) fn output(&self) -> AudioSink {
        match self.remembered(Setting::Output) {
            Some(id) => AudioSink::Device(DeviceRequest::Preferred(id)),
            None => AudioSink::parse(self.in_force.text(Setting::Output).unwrap_or("default")),
        }
    }

    /// Returns the device that was chosen in an earlier call. It may have been unplugged since, which is no
    /// reason to refuse a call.
    fn remembered(&self, setting: Setting) -> Option<String> {
        let said = self.in_force.get(setting)?;
        let text = self.in_force.text(setting).filter(|text| *text != "default")?;
        (said.origin == ValueOrigin::Remembered).then(|| text.to_owned())
    }

    /// Returns where a choice of devices is remembered.
    pub(crate) fn remember(&self) -> DeviceMemory {
        DeviceMemory { path: paths::devices_file(), profile: self.in_force.profile.clone() }
    }

    /// Returns the file of more authorities that the configuration names, from its own folder on.
    pub(crate) fn ca_file(&self) -> Option<PathBuf> {
        let named = self.in_force.text(Setting::CaFile)?;
        let folder = self.sources.path.as_ref().and_then(|path| path.parent());
        Some(folder.map_or_else(|| PathBuf::from(named), |folder| folder.join(named)))
    }

    /// Returns how things are shown, where the file may ask for lines.
    pub(crate) fn showing(&self, args: &DisplayArgs) -> DisplayArgs {
        let plain = self.in_force.switch(Setting::Plain).unwrap_or(false);
        DisplayArgs { plain: args.plain || plain && !args.json, ..args.clone() }
    }
}

impl Flags {
    /// Adds what is heard.
    pub(crate) fn hearing(mut self, args: &InputArgs) -> Self {
        self.text(Setting::Input, "--input", args.input.as_deref());
        self
    }

    /// Adds how a turn ends.
    pub(crate) fn turns(mut self, args: &TurnArgs) -> Self {
        self.choice(Setting::Vad, "--vad", args.vad);
        self.choice(Setting::Mute, "--mute", args.mute);
        self.switch(Setting::NoiseSuppression, "--noise-suppression", args.noise_suppression.then_some(true));
        self.switch(Setting::GainControl, "--gain-control", args.gain_control.then_some(true));
        self.choice(Setting::VadPreset, "--vad-preset", args.vad_preset);
        let threshold = args.vad_threshold.map(|share| share.to_string());
        self.text(Setting::VadThreshold, "--vad-threshold", threshold.as_deref());
        self.number(Setting::PrefixPaddingMs, "--prefix-padding-ms", args.prefix_padding_ms);
        self.number(Setting::SilenceDurationMs, "--silence-duration-ms", args.silence_duration_ms);
        self.choice(Setting::Eagerness, "--eagerness", args.eagerness);
        self
    }

    /// Adds what follows a turn.
    pub(crate) fn answers(mut self, args: &ResponseArgs) -> Self {
        self.number(Setting::IdleTimeoutMs, "--idle-timeout-ms", args.idle_timeout_ms);
        self.switch(Setting::CreateResponse, "--create-response", args.create_response);
        self.switch(Setting::InterruptResponse, "--interrupt-response", args.interrupt_response);
        self
    }

    /// Adds what ends a session.
    pub(crate) fn limits(mut self, args: &LimitArgs) -> Self {
        let text = |amount: Option<f64>| amount.map(|amount| amount.to_string());
        self.text(Setting::Idle, "--idle", text(args.idle).as_deref());
        self.text(Setting::MaxCost, "--max-cost", text(args.max_cost).as_deref());
        self
    }

    /// Adds a text, where there is one.
    pub(crate) fn text(&mut self, setting: Setting, flag: &'static str, text: Option<&str>) {
        self.put(setting, flag, text.map(|text| Value::Text(text.to_owned())));
    }

    /// Adds one of a few words, where there is one.
    pub(crate) fn choice<T: ValueEnum>(&mut self, setting: Setting, flag: &'static str, choice: Option<T>) {
        let word = choice.and_then(|choice| Some(choice.to_possible_value()?.get_name().to_owned()));
        self.put(setting, flag, word.map(Value::Text));
    }

    fn number(&mut self, setting: Setting, flag: &'static str, number: Option<u32>) {
        self.put(setting, flag, number.map(Value::Number));
    }

    fn switch(&mut self, setting: Setting, flag: &'static str, switch: Option<bool>) {
        self.put(setting, flag, switch.map(Value::Switch));
    }

    fn put(&mut self, setting: Setting, flag: &'static str, value: Option<Value>) {
        if let Some(value) = value {
            self.layer.insert(setting, Sourced { value, origin: ValueOrigin::Flag(flag) });
        }
    }
}

/// Returns the host of a URL, as dialling understands it.
pub(crate) fn host_of(url: &str) -> Option<String> {
    EndpointUrl::parse(url).ok().map(|url| url.host().to_owned())
}
