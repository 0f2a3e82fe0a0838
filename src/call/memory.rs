//! Memory for what is chosen during a call: devices and volume, per profile.

use std::path::PathBuf;

use crate::audio::api::Direction;
use crate::config::settings::Setting;
use crate::config::state::StateFile;
use crate::session::io::setting::Preference;

/// Name of the system default device.
const DEFAULT: &str = "default";

/// State file and profile of the remembered settings.
#[derive(Clone, Debug)]
pub(crate) struct CallMemory {
    /// None without a home directory.
    pub(crate) path: Option<PathBuf>,
    pub(crate) profile: String,
    /// Preset for background noise in force.
    pub(crate) vad_preset: String,
}

impl CallMemory {
    /// Remembers a device by its id, or the system default; returns a message on failure.
    pub(crate) fn device(&self, direction: Direction, id: Option<&str>) -> Option<String> {
        let setting = match direction {
            Direction::Input => Setting::Input,
            Direction::Output => Setting::Output,
        };
        self.remember("the device", setting, id.unwrap_or(DEFAULT))
    }

    /// Remembers the volume; returns a message on failure.
    pub(crate) fn volume(&self, percent: u8) -> Option<String> {
        self.remember("the volume", Setting::Volume, &percent.to_string())
    }

    /// Remembers a preference; returns a message on failure.
    pub(crate) fn preference(&self, preference: Preference, value: &str) -> Option<String> {
        let (what, setting) = match preference {
            Preference::Theme => ("the theme", Setting::Theme),
            Preference::VadPreset => ("the preset", Setting::VadPreset),
            Preference::Language => ("the language", Setting::UiLang),
        };
        self.remember(what, setting, value)
    }

    fn remember(&self, what: &str, setting: Setting, text: &str) -> Option<String> {
        let Some(path) = &self.path else {
            return Some(format!("cannot remember {what}: set HOME or XDG_STATE_HOME"));
        };
        // Read again, because another call may have written meanwhile.
        let (mut remembered, warning) = StateFile::read_or_set_aside(path);
        remembered.set(&self.profile, setting, text);
        let failed = remembered.write(path).err();
        let failed =
            failed.map(|error| format!("cannot remember {what}: cannot write {}: {error}", path.display()));
        failed.or(warning)
    }
}
