//! Settings of a call that a panel shows and changes.

use crate::session::io::setting::{Preference, SettingChange};

/// Settings that can be changed during a call, other than those that the server reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallSettings {
    /// Speed of speech in percent.
    pub speed_percent: u32,
    /// System instructions; empty without any.
    pub instructions: String,
    /// Preset for background noise.
    pub vad_preset: String,
    /// Name of the theme.
    pub theme: String,
}

impl Default for CallSettings {
    fn default() -> Self {
        let [vad_preset, theme] = ["office", "auto"].map(str::to_owned);
        Self { speed_percent: 100, instructions: String::new(), vad_preset, theme }
    }
}

impl CallSettings {
    /// Applies a change.
    pub fn apply(&mut self, change: &SettingChange) {
        match change.clone() {
            SettingChange::Speed(percent) => self.speed_percent = percent,
            SettingChange::Instructions(text) => self.instructions = text,
            SettingChange::Preference(Preference::Theme, name) => self.theme = name,
            SettingChange::Preference(Preference::VadPreset, name) => self.vad_preset = name,
            // The model holds the language.
            SettingChange::Preference(Preference::Language, _) => {}
        }
    }
}
