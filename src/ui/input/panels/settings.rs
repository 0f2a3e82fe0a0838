//! Key handler of the settings panel: each row is a front end for a command.

use crate::session::io::setting::Preference;
use crate::session::io::{KNOWN_VOICES, Ready, UserCommand};
use crate::ui::input::panels::key::{PanelEffect, PanelKey};
use crate::ui::input::panels::list::ListPosition;
use crate::ui::input::slash::{LANGUAGES, THEMES, VAD_PRESETS};
use crate::ui::model::Model;
use crate::ui::text::sanitize::one_line;

/// Step and range of the speed of speech, in percent.
const SPEED_STEP: i32 = 5;
const SPEED_RANGE: (i32, i32) = (25, 150);

/// The panel with settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingsPanel {
    /// The chosen row.
    pub list: ListPosition,
    /// A voice that was selected and not applied yet.
    pub voice: Option<String>,
    /// What restores the values that were changed.
    undo: Vec<(SettingKind, UserCommand)>,
}

/// A setting of the panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingKind {
    /// Voice of the assistant.
    Voice,
    /// Volume of the speaker.
    Volume,
    /// Speed of speech.
    Speed,
    /// System instructions.
    Instructions,
    /// The model.
    Model,
    /// Preset of voice activity detection.
    VadPreset,
    /// Colors.
    Theme,
    /// Language of the interface.
    Language,
}

/// When a change of a setting applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingTime {
    /// At once.
    Now,
    /// From the next call on.
    NextCall,
    /// In a new session, which gets the conversation so far.
    NewSession,
}

impl SettingKind {
    /// Returns the settings of a screen.
    pub fn all(model: &Model) -> Vec<Self> {
        let mut all = vec![Self::Voice];
        if !model.info.text_only {
            all.extend(model.info.volume.map(|_| Self::Volume));
            all.push(Self::Speed);
        }
        all.extend([Self::Instructions, Self::Model]);
        if !model.info.text_only {
            all.push(Self::VadPreset);
        }
        all.extend([Self::Theme, Self::Language]);
        all
    }

    /// Returns when a change applies.
    pub fn time(self) -> SettingTime {
        match self {
            Self::Volume | Self::Speed | Self::Instructions | Self::Theme | Self::Language => {
                SettingTime::Now
            }
            Self::VadPreset => SettingTime::NextCall,
            Self::Voice | Self::Model => SettingTime::NewSession,
        }
    }
}

impl SettingsPanel {
    /// Returns whether leaving with Esc restores a value.
    pub fn has_undo(&self) -> bool {
        !self.undo.is_empty()
    }

    /// Returns the value of a setting, displayable; empty if the endpoint chooses it.
    pub fn value(&self, kind: SettingKind, model: &Model) -> String {
        let ready = |part: fn(&Ready) -> Option<&String>| {
            model.ready.as_ref().and_then(part).map(|text| one_line(text)).unwrap_or_default()
        };
        let settings = &model.info.settings;
        match kind {
            SettingKind::Voice => self.voice.clone().unwrap_or_else(|| ready(|ready| ready.voice.as_ref())),
            SettingKind::Model => ready(|ready| ready.model.as_ref()),
            SettingKind::Volume => {
                model.info.volume.map_or_else(String::new, |volume| format!("{} %", volume.percent()))
            }
            SettingKind::Speed => format!("{} %", settings.speed_percent),
            SettingKind::Instructions => one_line(&settings.instructions),
            SettingKind::VadPreset => settings.vad_preset.clone(),
            SettingKind::Theme => settings.theme.clone(),
            SettingKind::Language => model.info.language.code().to_owned(),
        }
    }

    /// Handles a key.
    pub fn key(&mut self, key: PanelKey, model: &Model) -> PanelEffect {
        let kinds = SettingKind::all(model);
        if self.list.step(key, kinds.len()) {
            // A voice that was not applied is given up.
            self.voice = None;
            return PanelEffect::None;
        }
        let Some(kind) = kinds.get(self.list.row(kinds.len())).copied() else { return PanelEffect::Close };
        match key {
            PanelKey::Esc => {
                PanelEffect::SendAndClose(self.undo.drain(..).rev().map(|(_, command)| command).collect())
            }
            PanelKey::Left | PanelKey::Type('-') => self.change(kind, -1, model),
            PanelKey::Right | PanelKey::Type('+' | ' ') => self.change(kind, 1, model),
            PanelKey::Enter => self.enter(kind, model),
            PanelKey::Move(_) | PanelKey::Backspace | PanelKey::Type(_) => PanelEffect::None,
        }
    }

    /// Tries the value before or after the one in force.
    fn change(&mut self, kind: SettingKind, step: i32, model: &Model) -> PanelEffect {
        let settings = &model.info.settings;
        let (command, undo) = match kind {
            SettingKind::Volume => {
                let Some(volume) = model.info.volume else { return PanelEffect::None };
                (UserCommand::SetVolume(volume.stepped(step)), UserCommand::SetVolume(volume))
            }
            SettingKind::Speed => {
                let percent = i32::try_from(settings.speed_percent).unwrap_or(SPEED_RANGE.1);
                let changed = (percent + step * SPEED_STEP).clamp(SPEED_RANGE.0, SPEED_RANGE.1);
                let speed = |percent: i32| UserCommand::ChangeSpeed(percent.unsigned_abs());
                (speed(changed), speed(percent))
            }
            SettingKind::Theme => preference(Preference::Theme, THEMES, &settings.theme, step),
            SettingKind::Language => {
                preference(Preference::Language, LANGUAGES, model.info.language.code(), step)
            }
            SettingKind::VadPreset => {
                preference(Preference::VadPreset, VAD_PRESETS, &settings.vad_preset, step)
            }
            SettingKind::Voice => {
                // A new session at each step would be slow: Enter applies it.
                self.voice = Some(next(KNOWN_VOICES, &self.value(kind, model), step).to_owned());
                return PanelEffect::None;
            }
            SettingKind::Instructions | SettingKind::Model => return PanelEffect::None,
        };
        if self.undo.iter().all(|(changed, _)| *changed != kind) {
            self.undo.push((kind, undo));
        }
        PanelEffect::Send(vec![command])
    }

    fn enter(&mut self, kind: SettingKind, model: &Model) -> PanelEffect {
        match kind {
            SettingKind::Theme | SettingKind::VadPreset | SettingKind::Language => {
                self.change(kind, 1, model)
            }
            SettingKind::Volume => PanelEffect::Compose("/volume ".to_owned()),
            SettingKind::Speed => PanelEffect::Compose("/speed ".to_owned()),
            SettingKind::Instructions => {
                PanelEffect::Compose(format!("/system {}", model.info.settings.instructions))
            }
            SettingKind::Model => PanelEffect::Compose("/model ".to_owned()),
            SettingKind::Voice => match self.voice.take() {
                Some(voice) => PanelEffect::Send(vec![UserCommand::ChangeVoice(voice)]),
                None => PanelEffect::Compose("/voice ".to_owned()),
            },
        }
    }
}

/// Returns the commands that change and restore a preference.
fn preference(kind: Preference, values: &str, value: &str, step: i32) -> (UserCommand, UserCommand) {
    let values: Vec<&str> = values.split('|').collect();
    let prefer = |value: &str| UserCommand::Prefer(kind, value.to_owned());
    (prefer(next(&values, value, step)), prefer(value))
}

/// Returns the value before or after another, round the end.
fn next<'a>(values: &[&'a str], value: &str, step: i32) -> &'a str {
    let last = values.len() - 1;
    let at = match (values.iter().position(|other| *other == value), step > 0) {
        (None, true) => 0,
        (None, false) => last,
        (Some(at), true) => {
            if at == last {
                0
            } else {
                at + 1
            }
        }
        (Some(at), false) => at.checked_sub(1).unwrap_or(last),
    };
    values[at]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::audio::api::Volume;
    use crate::session::io::Notice;
    use crate::session::io::setting::SettingChange;
    use crate::ui::model::CallInfo;

    #[expect(clippy::wildcard_enum_match_arm, reason = "other commands change no setting")]
    fn press(panel: &mut SettingsPanel, model: &mut Model, kind: SettingKind, key: PanelKey) -> PanelEffect {
        let row = SettingKind::all(model).iter().position(|other| *other == kind).unwrap();
        panel.list = ListPosition::at(row);
        let effect = panel.key(key, model);
        if let PanelEffect::Send(commands) = &effect {
            for command in commands {
                let notice = match command.clone() {
                    UserCommand::SetVolume(volume) => Notice::Volume(volume),
                    UserCommand::ChangeSpeed(percent) => Notice::Setting(SettingChange::Speed(percent)),
                    UserCommand::Prefer(kind, value) => {
                        Notice::Setting(SettingChange::Preference(kind, value))
                    }
                    _ => continue,
                };
                model.apply(Duration::ZERO, &notice);
            }
        }
        effect
    }

    #[test]
    fn changes_are_tried_at_once_and_esc_restores_all_of_them() {
        let volume = Volume::clamped(40);
        let mut model = Model::new(CallInfo { volume: Some(volume), ..CallInfo::default() });
        let mut panel = SettingsPanel::default();
        for (kind, key) in [
            (SettingKind::Volume, PanelKey::Right),
            (SettingKind::Volume, PanelKey::Right),
            (SettingKind::Speed, PanelKey::Left),
            (SettingKind::Theme, PanelKey::Enter),
            (SettingKind::VadPreset, PanelKey::Right),
            (SettingKind::Language, PanelKey::Right),
        ] {
            press(&mut panel, &mut model, kind, key);
        }
        let values = [
            SettingKind::Volume,
            SettingKind::Speed,
            SettingKind::Theme,
            SettingKind::VadPreset,
            SettingKind::Language,
        ];
        let values = values.map(|kind| panel.value(kind, &model));
        assert_eq!(values, ["50 %", "95 %", "dark", "noisy", "zh-TW"]);
        let undone = panel.key(PanelKey::Esc, &model);
        let prefer = |kind, value: &str| UserCommand::Prefer(kind, value.to_owned());
        let expected = vec![
            prefer(Preference::Language, "en"),
            prefer(Preference::VadPreset, "office"),
            prefer(Preference::Theme, "auto"),
            UserCommand::ChangeSpeed(100),
            UserCommand::SetVolume(volume),
        ];
        assert_eq!(undone, PanelEffect::SendAndClose(expected));
    }

    #[test]
    fn a_voice_is_selected_first_and_applied_by_enter() {
        let (mut panel, mut model) = (SettingsPanel::default(), Model::default());
        let mut press = |key| press(&mut panel, &mut model, SettingKind::Voice, key);
        assert_eq!(press(PanelKey::Enter), PanelEffect::Compose("/voice ".to_owned()));
        assert_eq!(press(PanelKey::Left), PanelEffect::None);
        let changed = UserCommand::ChangeVoice("cedar".to_owned());
        assert_eq!(press(PanelKey::Enter), PanelEffect::Send(vec![changed]));
    }

    #[test]
    fn instructions_are_edited_in_the_composer() {
        let mut model = Model::default();
        model.info.settings.instructions = "Be brief.".to_owned();
        let effect =
            press(&mut SettingsPanel::default(), &mut model, SettingKind::Instructions, PanelKey::Enter);
        assert_eq!(effect, PanelEffect::Compose("/system Be brief.".to_owned()));
    }

    #[test]
    fn a_chat_has_no_settings_of_audio() {
        let model = Model::new(CallInfo { text_only: true, ..CallInfo::default() });
        let kinds = SettingKind::all(&model);
        let expected = [
            SettingKind::Voice,
            SettingKind::Instructions,
            SettingKind::Model,
            SettingKind::Theme,
            SettingKind::Language,
        ];
        assert_eq!(kinds, expected);
    }
}
