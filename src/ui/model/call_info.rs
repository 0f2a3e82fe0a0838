//! Facts about a call that are known before it begins.

use crate::audio::api::Volume;
use crate::ui::model::settings::CallSettings;
use crate::ui::text::language::UiLanguage;

/// Facts about a call that are known before it begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallInfo {
    /// Endpoint name, shown until the server reports its model.
    pub endpoint: String,
    /// Profile in use.
    pub profile: String,
    /// What ends the user's turns; none without turns.
    pub turn_detection: Option<TurnDetectionKind>,
    /// Whether the endpoint is the built-in demo.
    pub demo: bool,
    /// Whether the user begins and ends turns by hand (`--vad off`).
    pub manual_turns: bool,
    /// Whether both sides only write, so that there is no audio.
    pub text_only: bool,
    /// Volume of the speaker at the start; none if the volume cannot be changed.
    pub volume: Option<Volume>,
    /// Whether only the speech of the microphone is shown, as captions.
    pub captions: bool,
    /// Whether the screen has a call and a conversation in writing.
    pub has_modes: bool,
    /// Settings that can be changed during the call.
    pub settings: CallSettings,
    /// Language of the interface.
    pub language: UiLanguage,
}

impl CallInfo {
    /// Returns what takes place, for messages.
    pub fn subject(&self) -> &'static str {
        let words = &self.language.strings().end;
        match (self.captions, self.text_only) {
            (true, _) => words.captions,
            (false, true) => words.conversation,
            (false, false) => words.call,
        }
    }
}

/// What ends the user's turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnDetectionKind {
    /// Voice activity detection by the server.
    Server,
    /// Semantic detection by the server.
    Semantic,
    /// Voice activity detection on this machine.
    Local,
    /// The user.
    Manual,
}
