//! Settings that change during a call.

/// A change of a setting during the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingChange {
    /// Speed of speech in percent.
    Speed(u32),
    /// System instructions.
    Instructions(String),
    /// What is remembered for later calls.
    Preference(Preference, String),
}

/// A setting that is remembered for later calls; its values are those of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preference {
    /// Colors of the screen; applies at once, too.
    Theme,
    /// Preset for background noise.
    VadPreset,
    /// Language of the interface; applies at once, too.
    Language,
}
