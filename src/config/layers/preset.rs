//! Presets for background noise: values of several settings at once.

use clap::ValueEnum;

use crate::config::settings::{Layer, Setting};
use crate::config::value::{Sourced, Value};
use crate::config::values::PresetSetting;

/// Settings that a preset of a stronger origin resets.
const AFFECTED: [Setting; 5] = [
    Setting::VadThreshold,
    Setting::PrefixPaddingMs,
    Setting::SilenceDurationMs,
    Setting::IdleTimeoutMs,
    Setting::Eagerness,
];

/// Replaces the settings that have a weaker origin than the preset. The origin of the preset becomes theirs.
pub(super) fn apply(values: &mut Layer) {
    let Some(Sourced { value: Value::Text(word), origin }) = values.get(&Setting::VadPreset).cloned() else {
        return;
    };
    let Ok(preset) = PresetSetting::from_str(&word, false) else { return };
    for setting in AFFECTED {
        if values.get(&setting).is_some_and(|value| value.origin.rank() <= origin.rank()) {
            continue;
        }
        match value(preset, setting) {
            Some(value) => values.insert(setting, Sourced { value, origin: origin.clone() }),
            None => values.remove(&setting),
        };
    }
}

/// Returns the value of a setting with a preset. The declared defaults are those of the office.
fn value(preset: PresetSetting, setting: Setting) -> Option<Value> {
    let declaration = setting.declaration();
    let text = match (preset, setting) {
        // Quiet speech is detected, too, and no noise fills the pause.
        (PresetSetting::Quiet, Setting::VadThreshold) => "0.4",
        (PresetSetting::Quiet, Setting::SilenceDurationMs) => "400",
        (PresetSetting::Quiet, Setting::Eagerness) => "high",
        // Only near speech is detected, and a word masked by noise does not end the turn.
        (PresetSetting::Noisy, Setting::VadThreshold) => "0.75",
        (PresetSetting::Noisy, Setting::SilenceDurationMs) => "800",
        (PresetSetting::Noisy, Setting::Eagerness) => "low",
        (PresetSetting::Quiet | PresetSetting::Office | PresetSetting::Noisy, _) => declaration.default?,
    };
    declaration.kind.parse(text)
}
