//! Taking one field out of session settings, by the name a server complains about.

use crate::protocol::settings::{NoiseReduction, Settings, TurnMethod};
use crate::protocol::value::Setting;

impl Settings {
    /// Forgets the field that `path` names, such as `session.audio.input.noise_reduction.strength`
    /// or, in the beta dialect, `session.temperature`. Returns whether there was such a field to forget.
    ///
    /// A `session.update` is dropped whole for one unknown field; without it, it may be sent again.
    pub fn forget(&mut self, path: &str) -> bool {
        let before = self.clone();
        let path = path.strip_prefix("session.").unwrap_or(path);
        let path = path.strip_prefix("audio.").unwrap_or(path);
        match path {
            "model" => self.model = None,
            "instructions" => self.instructions = None,
            "output_modalities" | "modalities" => self.output = None,
            "input.format" | "input_audio_format" => self.input_format = None,
            "output.format" | "output_audio_format" => self.output_format = None,
            "output.voice" | "voice" => self.voice = None,
            "output.speed" | "speed" => self.speed = None,
            "tools" => self.tools = None,
            "tool_choice" => self.tool_choice = None,
            "parallel_tool_calls" => self.parallel_tool_calls = None,
            "temperature" => self.temperature = None,
            "max_output_tokens" | "max_response_output_tokens" => self.max_output_tokens = None,
            "reasoning" | "reasoning.effort" => self.reasoning_effort = None,
            "truncation" => self.truncation = None,
            "tracing" => self.tracing = Setting::Keep,
            "include" => self.include = Setting::Keep,
            _ => self.forget_nested(path),
        }
        *self != before
    }

    fn forget_nested(&mut self, path: &str) {
        let (group, field) = split(path);
        match group {
            "noise_reduction" => forget_noise_reduction(&mut self.noise_reduction, field),
            "transcription" => self.forget_transcription(field),
            "turn_detection" => self.forget_turn_detection(field),
            _ => {}
        }
    }

    fn forget_transcription(&mut self, field: Option<&str>) {
        let Setting::Set(transcription) = &mut self.transcription else { return };
        match field {
            None => self.transcription = Setting::Keep,
            Some("language") => transcription.language = None,
            Some("languages") => transcription.languages.clear(),
            Some("keywords") => transcription.keywords.clear(),
            Some("prompt") => transcription.prompt = None,
            Some("delay") => transcription.delay = None,
            Some(_) => {}
        }
    }

    fn forget_turn_detection(&mut self, field: Option<&str>) {
        let Setting::Set(detection) = &mut self.turn_detection else { return };
        match (field, &mut detection.method) {
            (None, _) => self.turn_detection = Setting::Keep,
            (Some("create_response"), _) => detection.create_response = None,
            (Some("interrupt_response"), _) => detection.interrupt_response = None,
            (Some("eagerness"), TurnMethod::SemanticVad { eagerness }) => *eagerness = None,
            (Some("idle_timeout_ms"), TurnMethod::ServerVad { idle_timeout_ms, .. }) => {
                *idle_timeout_ms = Setting::Keep;
            }
            (Some("prefix_padding_ms"), TurnMethod::ServerVad { prefix_padding_ms, .. }) => {
                *prefix_padding_ms = None;
            }
            (
                Some(_),
                TurnMethod::ServerVad { .. } | TurnMethod::SemanticVad { .. } | TurnMethod::Other(_),
            ) => {}
        }
    }
}

fn forget_noise_reduction(setting: &mut Setting<NoiseReduction>, field: Option<&str>) {
    match (field, setting) {
        (Some("strength"), Setting::Set(reduction)) => reduction.strength = None,
        (None, setting) => *setting = Setting::Keep,
        (Some(_), _) => {}
    }
}

/// Splits `input.transcription.language` or `input_audio_transcription.language` into the group and
/// its field.
fn split(path: &str) -> (&str, Option<&str>) {
    let path = path.strip_prefix("input.").or_else(|| path.strip_prefix("input_audio_")).unwrap_or(path);
    match path.split_once('.') {
        Some((group, field)) => (group, Some(field)),
        None => (path, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::settings::{AudioFormat, NoiseReductionKind, Transcription};

    #[test]
    fn a_field_is_forgotten_by_its_name_in_either_dialect() {
        for path in [
            "session.audio.input.noise_reduction.strength",
            "session.input_audio_noise_reduction.strength",
            "session.audio.input.transcription.language",
            "session.input_audio_transcription.language",
            "session.temperature",
            "session.audio.output.speed",
            "speed",
        ] {
            let mut settings = full();
            assert!(settings.forget(path), "{path}");
            assert!(!settings.forget(path), "{path} was still there");
        }
    }

    #[test]
    fn an_unknown_name_forgets_nothing() {
        for path in
            ["session.type", "session.bogus", "", "session.audio.input", "session.audio.output.format.rate"]
        {
            let mut settings = full();
            assert!(!settings.forget(path), "{path}");
            assert_eq!(settings, full());
        }
    }

    fn full() -> Settings {
        Settings {
            temperature: Some(0.8),
            speed: Some(1.0),
            output_format: Some(AudioFormat::PCM24K),
            transcription: Setting::Set(Transcription {
                language: Some("en".into()),
                ..Transcription::default()
            }),
            noise_reduction: Setting::Set(NoiseReduction {
                kind: NoiseReductionKind::NearField,
                strength: Some(0.5),
            }),
            ..Settings::default()
        }
    }
}
