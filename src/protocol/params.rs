//! Removal of the setting named by an error's `param`.

use crate::protocol::settings::{NoiseReduction, SessionSettings, Transcription, TurnDetection, TurnMethod};
use crate::protocol::value::FieldUpdate;

impl SessionSettings {
    /// Removes the setting named by the `param` of an error, as spelled in any dialect
    /// (`session.reasoning.effort`, `session.audio.input.noise_reduction.strength`, `session.temperature`),
    /// so that the update can be resent without it.
    ///
    /// Returns whether the setting was present.
    pub fn drop_param(&mut self, param: &str) -> bool {
        let path = param.strip_prefix("session.").unwrap_or(param);
        match path {
            "model" => self.model.take().is_some(),
            "instructions" => self.instructions.take().is_some(),
            "output_modalities" | "modalities" => self.output.take().is_some(),
            "audio.output.format" | "output_audio_format" => self.output_format.take().is_some(),
            "audio.output.voice" | "voice" => self.voice.take().is_some(),
            "audio.output.speed" | "speed" => self.speed.take().is_some(),
            "tools" => self.tools.take().is_some(),
            "tool_choice" => self.tool_choice.take().is_some(),
            "parallel_tool_calls" => self.parallel_tool_calls.take().is_some(),
            "temperature" => self.temperature.take().is_some(),
            "max_output_tokens" | "max_response_output_tokens" => self.max_output_tokens.take().is_some(),
            "reasoning" | "reasoning.effort" => self.reasoning_effort.take().is_some(),
            "truncation" => self.truncation.take().is_some(),
            "tracing" => drop_setting(&mut self.tracing),
            "include" => drop_setting(&mut self.include),
            "audio.input.format" | "input_audio_format" => self.input_format.take().is_some(),
            _ => self.drop_input_param(path),
        }
    }

    fn drop_input_param(&mut self, path: &str) -> bool {
        let path = path.strip_prefix("audio.input.").unwrap_or(path);
        let path = path.strip_prefix("input_audio_").unwrap_or(path);
        let (name, part) = path.split_once('.').map_or((path, None), |(name, part)| (name, Some(part)));
        match (name, part) {
            ("noise_reduction", None) => drop_setting(&mut self.noise_reduction),
            ("noise_reduction", Some(part)) => drop_part(&mut self.noise_reduction, part, drop_noise_part),
            ("transcription", None) => drop_setting(&mut self.transcription),
            ("transcription", Some(part)) => {
                drop_part(&mut self.transcription, part, drop_transcription_part)
            }
            ("turn_detection", None) => drop_setting(&mut self.turn_detection),
            ("turn_detection", Some(part)) => drop_part(&mut self.turn_detection, part, drop_turn_part),
            _ => false,
        }
    }
}

fn drop_setting<T>(setting: &mut FieldUpdate<T>) -> bool {
    !matches!(std::mem::take(setting), FieldUpdate::Keep)
}

fn drop_part<T>(setting: &mut FieldUpdate<T>, part: &str, drop: impl FnOnce(&mut T, &str) -> bool) -> bool {
    match setting {
        FieldUpdate::Set(value) => drop(value, part),
        FieldUpdate::Keep | FieldUpdate::Clear => false,
    }
}

fn drop_noise_part(reduction: &mut NoiseReduction, part: &str) -> bool {
    part == "strength" && reduction.strength.take().is_some()
}

fn drop_transcription_part(captions: &mut Transcription, part: &str) -> bool {
    match part {
        "model" => captions.model.take().is_some(),
        "language" => captions.language.take().is_some(),
        "languages" => !std::mem::take(&mut captions.languages).is_empty(),
        "keywords" => !std::mem::take(&mut captions.keywords).is_empty(),
        "prompt" => captions.prompt.take().is_some(),
        "delay" => captions.delay.take().is_some(),
        _ => captions.unknown.remove(part).is_some(),
    }
}

fn drop_turn_part(turns: &mut TurnDetection, part: &str) -> bool {
    match (part, &mut turns.method) {
        ("create_response", _) => turns.create_response.take().is_some(),
        ("interrupt_response", _) => turns.interrupt_response.take().is_some(),
        ("threshold", TurnMethod::ServerVad { threshold, .. }) => threshold.take().is_some(),
        ("prefix_padding_ms", TurnMethod::ServerVad { prefix_padding_ms, .. }) => {
            prefix_padding_ms.take().is_some()
        }
        ("silence_duration_ms", TurnMethod::ServerVad { silence_duration_ms, .. }) => {
            silence_duration_ms.take().is_some()
        }
        ("idle_timeout_ms", TurnMethod::ServerVad { idle_timeout_ms, .. }) => drop_setting(idle_timeout_ms),
        ("eagerness", TurnMethod::SemanticVad { eagerness }) => eagerness.take().is_some(),
        (part, TurnMethod::ServerVad { .. } | TurnMethod::SemanticVad { .. } | TurnMethod::Other(_)) => {
            turns.unknown.remove(part).is_some()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::protocol::decode;
    use crate::protocol::dialect::Dialect;
    use crate::protocol::encode;
    use crate::protocol::events::client::ClientBody;
    use crate::protocol::settings::SessionSettings;

    /// Returns the path of every leaf of a session.
    fn paths(session: &Value, prefix: &str) -> Vec<String> {
        match session.as_object() {
            Some(fields) => {
                fields.iter().flat_map(|(key, value)| paths(value, &format!("{prefix}.{key}"))).collect()
            }
            None => vec![prefix.to_owned()],
        }
    }

    fn settings(session: &Value) -> SessionSettings {
        let event = json!({"type": "session.update", "session": session});
        let ClientBody::SessionUpdate(settings) = decode::client_event(&event.to_string()).unwrap().body
        else {
            panic!("{session}")
        };
        *settings
    }

    fn check(session: &Value, dialect: Dialect) {
        // Required parts that cannot be removed on their own.
        let fixed = ["type", "rate"];
        for path in paths(session, "session") {
            if fixed.contains(&path.rsplit('.').next().unwrap()) {
                continue;
            }
            let mut settings = settings(session);
            assert!(settings.drop_param(&path), "{path}");
            assert!(!settings.drop_param(&path), "{path} twice");
            let text =
                encode::client_event(&ClientBody::SessionUpdate(Box::new(settings)).without_id(), dialect);
            let event: Value = serde_json::from_str(&text).unwrap();
            let pointer = format!("/{}", path.replace('.', "/"));
            assert_eq!(event.pointer(&pointer), None, "{path}");
        }
    }

    #[test]
    fn a_rejected_setting_can_be_removed_by_its_name() {
        let turns =
            json!({"type": "server_vad", "threshold": 0.5, "idle_timeout_ms": 6000, "create_response": true});
        let input = json!({
            "noise_reduction": {"type": "near_field", "strength": 1.0}, "turn_detection": turns,
            "transcription": {"model": "m", "language": "de", "languages": ["de"], "keywords": ["a"], "delay": "low"},
        });
        let ga = json!({
            "type": "realtime", "model": "m", "instructions": "", "output_modalities": ["audio"], "tools": [],
            "tool_choice": "auto", "parallel_tool_calls": true, "max_output_tokens": "inf", "tracing": null,
            "reasoning": {"effort": "low"}, "truncation": "auto", "include": [],
            "audio": {"input": input, "output": {"voice": "ash", "speed": 1.0}},
        });
        check(&ga, Dialect::Ga);
    }

    #[test]
    fn a_beta_setting_is_found_by_its_beta_name() {
        let beta = json!({
            "modalities": ["text"], "voice": "ash", "input_audio_format": "pcm16", "output_audio_format": "pcm16",
            "input_audio_transcription": {"model": "whisper-1", "prompt": "p"}, "temperature": 0.8,
            "input_audio_noise_reduction": null, "max_response_output_tokens": 5, "speed": 1.0,
            "turn_detection": {"type": "semantic_vad", "eagerness": "low", "interrupt_response": true},
        });
        check(&beta, Dialect::Beta);
    }

    #[test]
    fn an_unknown_name_removes_no_setting() {
        let whole = settings(&json!({"type": "realtime", "instructions": "a"}));
        for param in ["", "session", "session.bogus", "type", "item.id", "session.turn_detection.threshold"] {
            let mut settings = whole.clone();
            assert!(!settings.drop_param(param), "{param}");
            assert_eq!(settings, whole);
        }
    }
}
