//! Resolves flags and sources to the settings in force.

use std::path::PathBuf;
use std::sync::Arc;

use crate::audio::api::{DeviceRequest, Volume};
use crate::audio::options::{AudioSink, AudioSource};
use crate::call::local::question_file::QuestionFile;
use crate::call::memory::CallMemory;
use crate::cli::display::DisplayArgs;
use crate::cli::endpoint::EndpointArgs;
use crate::cli::flags::SettingFlags;
use crate::config::credentials;
use crate::config::layers::{EffectiveSettings, Overrides};
use crate::config::paths;
use crate::config::settings::{Layer, Setting};
use crate::config::sources::{EnvFile, Sources};
use crate::config::value::{Sourced, Value, ValueOrigin};
use crate::error::Error;
use crate::net::endpoint::redaction::Redactor;
use crate::net::endpoint::url::EndpointUrl;
use crate::protocol::settings::SessionKind;

/// Settings in force, with their sources.
pub(crate) struct ResolvedSettings {
    pub(crate) in_force: EffectiveSettings,
    pub(crate) sources: Sources,
    pub(crate) kind: SessionKind,
}

/// Settings by flag.
#[derive(Debug, Default)]
pub(crate) struct Flags {
    pub(crate) layer: Layer,
    pub(crate) role: Option<String>,
}

impl ResolvedSettings {
    /// Resolves the settings for a session of this kind; `more` are the flags of the command.
    ///
    /// # Errors
    ///
    /// When a file or a variable is invalid, or the profile is unknown.
    pub(crate) fn load(endpoint: &EndpointArgs, kind: SessionKind, more: Flags) -> Result<Self, Error> {
        let env_file = if endpoint.demo { EnvFile::Ignored } else { EnvFile::Read };
        let sources = Sources::read(env_file)?;
        let mut flags = more.layer;
        flags.extend(endpoint.settings.layer.clone());
        let overrides =
            Overrides { profile: endpoint.profile.clone(), role: more.role, demo: endpoint.demo, flags };
        Ok(Self { in_force: EffectiveSettings::resolve(overrides, &sources, host_of)?, sources, kind })
    }

    /// Returns a redactor of all configured keys.
    pub(crate) fn redactor(&self) -> Redactor {
        Redactor::of(&credentials::known(&self.sources))
    }

    /// Returns the notes to show before anything is dialled or opened: ignored files, and an endpoint chosen by
    /// `.env`, which a cloned folder could do unnoticed.
    pub(crate) fn notes(&self, endpoint: &str) -> Vec<String> {
        let mut notes = self.sources.warnings.clone();
        if self.in_force.is_endpoint_from_env_file() {
            notes.push(format!("endpoint {endpoint}, chosen by .env in this folder"));
        }
        notes
    }

    /// Returns the source of the audio.
    pub(crate) fn input(&self) -> AudioSource {
        match self.remembered(Setting::Input) {
            Some(id) => AudioSource::Device(DeviceRequest::Preferred(id)),
            None => AudioSource::parse(self.in_force.text(Setting::Input).unwrap_or("default")),
        }
    }

    /// Returns the sink of the audio.
    pub(crate) fn output(&self) -> AudioSink {
        match self.remembered(Setting::Output) {
            Some(id) => AudioSink::Device(DeviceRequest::Preferred(id)),
            None => AudioSink::parse(self.in_force.text(Setting::Output).unwrap_or("default")),
        }
    }

    /// Returns the volume of the speaker.
    pub(crate) fn volume(&self) -> Volume {
        self.in_force.integer(Setting::Volume).map_or(Volume::FULL, Volume::clamped)
    }

    /// Returns the device chosen in an earlier call. The call must not fail if it has been unplugged since.
    fn remembered(&self, setting: Setting) -> Option<String> {
        let value = self.in_force.get(setting)?;
        let text = self.in_force.text(setting).filter(|text| *text != "default")?;
        (value.origin == ValueOrigin::Remembered).then(|| text.to_owned())
    }

    /// Returns the memory for devices and the volume chosen in the call.
    pub(crate) fn remember(&self) -> CallMemory {
        CallMemory {
            path: paths::devices_file(),
            profile: self.in_force.profile.clone(),
            vad_preset: self.in_force.text(Setting::VadPreset).unwrap_or_default().to_owned(),
        }
    }

    /// Returns the file of sent texts, unless nothing is to be recorded.
    pub(crate) fn questions(&self) -> QuestionFile {
        QuestionFile { path: paths::history_file().filter(|_| self.in_force.is_true(Setting::History)) }
    }

    /// Returns the file of additional certificate authorities. In the configuration it is relative to the folder of
    /// the configuration.
    pub(crate) fn ca_file(&self) -> Option<PathBuf> {
        let Sourced { value: Value::Path(path), .. } = self.in_force.get(Setting::CaFile)? else {
            return None;
        };
        let folder = self.sources.path.as_ref().and_then(|path| path.parent());
        Some(match folder {
            Some(folder) if !self.in_force.is_flag(Setting::CaFile) => folder.join(path),
            Some(_) | None => path.clone(),
        })
    }

    /// Returns the display arguments with the settings of lines and the screen.
    pub(crate) fn showing(&self, args: &DisplayArgs) -> DisplayArgs {
        let plain = self.in_force.is_true(Setting::Plain) && !args.json;
        let theme = self.in_force.choice(Setting::Theme).unwrap_or_default();
        let ui_lang = self.in_force.choice(Setting::UiLang).unwrap_or_default();
        let calm = self.in_force.is_true(Setting::Calm);
        let keys = Arc::clone(&self.sources.user.keys.bindings);
        DisplayArgs { plain, theme, ui_lang, keys, calm, ..args.clone() }
    }
}

impl Flags {
    /// Adds the settings of further flags.
    pub(crate) fn and<F>(mut self, flags: &SettingFlags<F>) -> Self {
        self.layer.extend(flags.layer.clone());
        self
    }

    /// Sets a text by a flag that is not made from a declaration.
    pub(crate) fn text(&mut self, setting: Setting, flag: &'static str, text: Option<&str>) {
        if let Some(text) = text {
            let (value, origin) = (Value::Text(text.to_owned()), ValueOrigin::Flag(flag));
            self.layer.insert(setting, Sourced { value, origin });
        }
    }
}

impl<F> From<&SettingFlags<F>> for Flags {
    fn from(flags: &SettingFlags<F>) -> Self {
        Self { layer: flags.layer.clone(), role: None }
    }
}

/// Returns the host of a URL as the dialler parses it.
pub(crate) fn host_of(url: &str) -> Option<String> {
    EndpointUrl::parse(url).ok().map(|url| url.host().to_owned())
}
