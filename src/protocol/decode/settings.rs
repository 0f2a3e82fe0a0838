//! Decoding of session settings in the nested, flat and mixed shapes.

use serde_json::Value;

use crate::dsp::frame::SampleRate;
use crate::protocol::decode::fields::Fields;
use crate::protocol::dialect::Dialect;
use crate::protocol::settings::{
    AudioFormat, Eagerness, Modality, NoiseReduction, NoiseReductionKind, ReasoningEffort, SessionInfo,
    SessionKind, SessionSettings, TokenLimit, Tool, ToolChoice, Transcription, TurnDetection, TurnMethod,
    Voice,
};
use crate::protocol::value::{FieldUpdate, Unknown};

/// Decodes a session as described by a server.
pub(super) fn session_info(mut session: Unknown) -> SessionInfo {
    let shape = Dialect::of_session(&session);
    let id = session.take_text("id");
    let object = session.take_text("object");
    let expires_at = session.take_count("expires_at");
    let mut settings = take_settings(&mut session);
    if object.as_deref() == Some("realtime.transcription_session") {
        settings.kind = SessionKind::Transcription;
    }
    SessionInfo { id, object, expires_at, shape, settings, unknown: session }
}

/// Takes the settings of either shape. If both shapes have a setting, the nested one counts and the flat one
/// stays.
pub(super) fn take_settings(session: &mut Unknown) -> SessionSettings {
    let mut settings = SessionSettings {
        kind: take_kind(session),
        model: session.take_text("model"),
        instructions: session.take_text("instructions"),
        output: take_modality(session),
        tools: take_tools(session),
        tool_choice: take_tool_choice(session),
        parallel_tool_calls: session.take_flag("parallel_tool_calls"),
        temperature: session.take_number("temperature"),
        max_output_tokens: take_token_limit(session),
        reasoning_effort: session.take_in("reasoning", |reasoning| {
            reasoning.take_text("effort").map(|word| ReasoningEffort::from(word.as_str()))
        }),
        truncation: session.take_with("truncation", Ok),
        tracing: session.take_setting("tracing", |fields, key| fields.take_with(key, Ok)),
        include: session.take_setting("include", |fields, key| fields.take_with(key, texts)),
        ..SessionSettings::default()
    };
    session.take_in("audio", |audio| {
        audio.take_in("input", |input| take_nested_input(input, &mut settings));
        audio.take_in("output", |output| take_nested_output(output, &mut settings))
    });
    take_flat(session, &mut settings);
    settings
}

fn take_kind(session: &mut Unknown) -> SessionKind {
    let kind = session.take_with("type", |value| match value.as_str() {
        Some("realtime") => Ok(SessionKind::Realtime),
        Some("transcription") => Ok(SessionKind::Transcription),
        Some(_) | None => Err(value),
    });
    kind.unwrap_or_default()
}

fn take_nested_input(input: &mut Unknown, settings: &mut SessionSettings) -> Option<()> {
    settings.input_format = take_format(input, "format");
    settings.noise_reduction = input.take_setting("noise_reduction", take_noise_reduction);
    settings.transcription = input.take_setting("transcription", take_transcription);
    settings.turn_detection = input.take_setting("turn_detection", take_turn_detection);
    Some(())
}

fn take_nested_output(output: &mut Unknown, settings: &mut SessionSettings) -> Option<()> {
    settings.output_format = take_format(output, "format");
    settings.voice = take_voice(output);
    settings.speed = output.take_number("speed");
    Some(())
}

fn take_flat(session: &mut Unknown, settings: &mut SessionSettings) {
    if settings.input_format.is_none() {
        settings.input_format = take_format(session, "input_audio_format");
    }
    if settings.noise_reduction == FieldUpdate::Keep {
        settings.noise_reduction = session.take_setting("input_audio_noise_reduction", take_noise_reduction);
    }
    if settings.transcription == FieldUpdate::Keep {
        settings.transcription = session.take_setting("input_audio_transcription", take_transcription);
    }
    if settings.turn_detection == FieldUpdate::Keep {
        settings.turn_detection = session.take_setting("turn_detection", take_turn_detection);
    }
    if settings.output_format.is_none() {
        settings.output_format = take_format(session, "output_audio_format");
    }
    settings.voice = settings.voice.take().or_else(|| take_voice(session));
    settings.speed = settings.speed.or_else(|| session.take_number("speed"));
}

/// Takes `output_modalities` or `modalities`; both values together mean spoken, as in beta.
pub(super) fn take_modality(fields: &mut Unknown) -> Option<Modality> {
    let read = |value: Value| {
        let names = |name: &str| value.as_array().is_some_and(|list| list.iter().any(|entry| entry == name));
        match (names("audio"), names("text")) {
            (true, true | false) => Ok(Modality::Audio),
            (false, true) => Ok(Modality::Text),
            (false, false) => Err(value),
        }
    };
    fields.take_with("output_modalities", read).or_else(|| fields.take_with("modalities", read))
}

/// Takes an audio format: an object in GA, a word in beta.
pub(super) fn take_format(fields: &mut Unknown, key: &str) -> Option<AudioFormat> {
    if let Some(name) = fields.take_text(key) {
        return Some(named_format(name, None));
    }
    fields.take_in(key, |format| {
        let name = format.take_text("type")?;
        let rate = match name.as_str() {
            "audio/pcm" => format.take_with("rate", valid_rate),
            _ => None,
        };
        Some(named_format(name, rate))
    })
}

fn named_format(name: String, rate: Option<SampleRate>) -> AudioFormat {
    match name.as_str() {
        // `pcm24` is Qwen's word for 16-bit samples at 24 kHz.
        "audio/pcm" | "pcm16" | "pcm24" => AudioFormat::Pcm(rate.unwrap_or(SampleRate::HZ_24000)),
        "pcm" => AudioFormat::BarePcm(rate.unwrap_or(SampleRate::HZ_24000)),
        "audio/pcmu" | "g711_ulaw" => AudioFormat::Ulaw,
        "audio/pcma" | "g711_alaw" => AudioFormat::Alaw,
        _ => AudioFormat::Other(name),
    }
}

/// Reads a sample rate. Zero would cause a division by zero far from here.
fn valid_rate(value: Value) -> Result<SampleRate, Value> {
    let rate = value.as_u64().and_then(|rate| u32::try_from(rate).ok());
    rate.filter(|rate| (1_000..=768_000).contains(rate)).map(SampleRate).ok_or(value)
}

fn take_noise_reduction(fields: &mut Unknown, key: &str) -> Option<NoiseReduction> {
    fields.take_in(key, |reduction| {
        let kind = NoiseReductionKind::from(reduction.take_text("type")?.as_str());
        Some(NoiseReduction { kind, strength: reduction.take_number("strength") })
    })
}

fn take_transcription(fields: &mut Unknown, key: &str) -> Option<Transcription> {
    fields.take_object(key).map(|mut fields| Transcription {
        model: fields.take_text("model"),
        language: fields.take_text("language"),
        languages: fields.take_with("languages", texts).unwrap_or_default(),
        keywords: fields.take_with("keywords", texts).unwrap_or_default(),
        prompt: fields.take_text("prompt"),
        delay: fields.take_text("delay"),
        unknown: fields,
    })
}

fn take_turn_detection(fields: &mut Unknown, key: &str) -> Option<TurnDetection> {
    fields.take_object(key).map(|mut fields| TurnDetection {
        method: take_turn_method(&mut fields),
        create_response: fields.take_flag("create_response"),
        interrupt_response: fields.take_flag("interrupt_response"),
        unknown: fields,
    })
}

fn take_turn_method(fields: &mut Unknown) -> TurnMethod {
    let kind = fields.take_text("type");
    match kind.as_deref() {
        // A session without a type has always meant voice activity detection.
        Some("server_vad") | None => TurnMethod::ServerVad {
            threshold: fields.take_number("threshold"),
            prefix_padding_ms: fields.take_index("prefix_padding_ms"),
            silence_duration_ms: fields.take_index("silence_duration_ms"),
            idle_timeout_ms: fields.take_setting("idle_timeout_ms", Unknown::take_index),
        },
        Some("semantic_vad") => TurnMethod::SemanticVad {
            eagerness: fields.take_text("eagerness").map(|word| Eagerness::from(word.as_str())),
        },
        Some(other) => TurnMethod::Other(other.to_owned()),
    }
}

/// Takes `voice`: a name, or an object with an id.
pub(super) fn take_voice(fields: &mut Unknown) -> Option<Voice> {
    fields
        .take_text("voice")
        .map(Voice::Named)
        .or_else(|| fields.take_in("voice", |voice| voice.take_text("id").map(Voice::Custom)))
}

/// Takes the token limit under the name of either dialect.
pub(super) fn take_token_limit(fields: &mut Unknown) -> Option<TokenLimit> {
    let read = |value: Value| match &value {
        Value::String(word) if word == "inf" => Ok(TokenLimit::Unlimited),
        Value::Number(number) => number.as_u64().map(TokenLimit::Tokens).ok_or(value),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => Err(value),
    };
    fields
        .take_with("max_output_tokens", read)
        .or_else(|| fields.take_with("max_response_output_tokens", read))
}

/// Takes `tools`.
pub(super) fn take_tools(fields: &mut Unknown) -> Option<Vec<Tool>> {
    fields.take_each("tools", |tool| read_tool(std::mem::take(tool)))
}

/// Reads a tool. A function with fields unknown to [`Tool::Function`] is kept verbatim.
fn read_tool(tool: Unknown) -> Tool {
    let mut fields = tool.clone();
    fields.retain(|_, value| !value.is_null());
    fields.drop_word("type", "function");
    let name = fields.take_text("name");
    let description = fields.take_text("description");
    let parameters = fields.take_with("parameters", Ok);
    match name {
        Some(name) if fields.is_empty() => Tool::Function { name, description, parameters },
        Some(_) | None => Tool::Other(Value::Object(tool)),
    }
}

/// Takes `tool_choice`; any other word is the name of a function, as in beta.
pub(super) fn take_tool_choice(fields: &mut Unknown) -> Option<ToolChoice> {
    fields.take_with("tool_choice", |value| match value {
        Value::String(word) => Ok(match word.as_str() {
            "auto" => ToolChoice::Auto,
            "none" => ToolChoice::None,
            "required" => ToolChoice::Required,
            _ => ToolChoice::Function(word),
        }),
        Value::Object(choice) => Ok(named_choice(choice)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => Err(value),
    })
}

fn named_choice(choice: Unknown) -> ToolChoice {
    let mut given = choice.iter().filter(|(_, value)| !value.is_null());
    let is_function = given.clone().count() == 2 && choice.get("type").is_some_and(|kind| kind == "function");
    match given.find(|(key, _)| *key == "name") {
        Some((_, Value::String(name))) if is_function => ToolChoice::Function(name.clone()),
        Some(_) | None => ToolChoice::Other(Value::Object(choice)),
    }
}

fn texts(value: Value) -> Result<Vec<String>, Value> {
    let list = value.as_array().map(|list| list.iter().map(|entry| entry.as_str().map(str::to_owned)));
    list.and_then(Iterator::collect).ok_or(value)
}
