//! Encoding of session settings in the shape of each dialect.

use serde_json::{Value, json};

use crate::protocol::dialect::Dialect;
use crate::protocol::encode::context::WriteContext;
use crate::protocol::encode::fields::JsonPut;
use crate::protocol::settings::{
    AudioFormat, Modality, NoiseReduction, SessionInfo, SessionKind, SessionSettings, TokenLimit, Tool,
    ToolChoice, Transcription, TurnDetection, TurnMethod, Voice,
};
use crate::protocol::value::{FieldUpdate, Unknown};

/// Encodes a session as described by a server.
pub(super) fn session_info(info: &SessionInfo, context: WriteContext) -> Unknown {
    let object = info.object.as_deref().unwrap_or(match info.settings.kind {
        SessionKind::Realtime => "realtime.session",
        SessionKind::Transcription => "realtime.transcription_session",
    });
    let mut session = settings(&info.settings, context);
    session.put_some("id", info.id.as_ref());
    session.put("object", object);
    session.put_some("expires_at", info.expires_at.as_ref());
    session.put_back(&info.unknown);
    session
}

/// Encodes settings as the `session` of an update.
pub(super) fn settings(settings: &SessionSettings, context: WriteContext) -> Unknown {
    match (context.dialect, settings.kind) {
        (Dialect::Ga, kind) => nested(settings, kind, context),
        (Dialect::Beta, SessionKind::Realtime) => flat(settings, context),
        (Dialect::Beta, SessionKind::Transcription) => flat_input(settings, context),
        (Dialect::Mixed, SessionKind::Realtime | SessionKind::Transcription) => mixed(settings, context),
    }
}

/// Encodes a mixed session: flat as in beta, except for the formats. The endpoint transcribes unasked, with
/// its own model.
fn mixed(settings: &SessionSettings, context: WriteContext) -> Unknown {
    let (mut input, mut output, mut audio) = (Unknown::new(), Unknown::new(), Unknown::new());
    put_format(&mut input, "format", settings.input_format.as_ref(), context);
    put_format(&mut output, "format", settings.output_format.as_ref(), context);
    audio.put_object("input", input);
    audio.put_object("output", output);
    let mut session = Unknown::new();
    let flat = context.as_beta();
    session.put_some("instructions", settings.instructions.as_ref());
    put_modality(&mut session, settings.output, flat);
    put_voice(&mut session, settings.voice.as_ref(), flat);
    session.put_setting("turn_detection", &settings.turn_detection, |turns| {
        turn_detection(turns, settings.kind, flat)
    });
    put_tools(&mut session, settings.tools.as_deref(), flat);
    put_tool_choice(&mut session, settings.tool_choice.as_ref(), flat);
    session.put_object("audio", audio);
    session
}

fn nested(settings: &SessionSettings, kind: SessionKind, context: WriteContext) -> Unknown {
    let mut audio = Unknown::new();
    audio.put_object("input", nested_input(settings, context));
    let mut session = match kind {
        SessionKind::Realtime => {
            audio.put_object("output", nested_output(settings, context));
            let mut session = common(settings, context);
            session.put("type", "realtime");
            session.put_some("parallel_tool_calls", settings.parallel_tool_calls.as_ref());
            if let Some(effort) = &settings.reasoning_effort {
                session.put("reasoning", json!({ "effort": effort.as_str() }));
            }
            session.put_some("truncation", settings.truncation.as_ref());
            session
        }
        SessionKind::Transcription => {
            let mut session = Unknown::new();
            session.put("type", "transcription");
            session
        }
    };
    session.put_object("audio", audio);
    put_include(&mut session, settings, context);
    session
}

fn nested_input(settings: &SessionSettings, context: WriteContext) -> Unknown {
    let mut input = Unknown::new();
    put_format(&mut input, "format", settings.input_format.as_ref(), context);
    input.put_setting("noise_reduction", &settings.noise_reduction, |reduction| noise(reduction, context));
    input.put_setting("transcription", &settings.transcription, |captions| transcription(captions, context));
    input.put_setting("turn_detection", &settings.turn_detection, |turns| {
        turn_detection(turns, settings.kind, context)
    });
    input
}

fn nested_output(settings: &SessionSettings, context: WriteContext) -> Unknown {
    let mut output = Unknown::new();
    put_format(&mut output, "format", settings.output_format.as_ref(), context);
    put_voice(&mut output, settings.voice.as_ref(), context);
    output.put_some("speed", settings.speed.as_ref());
    output
}

/// Puts the top-level fields common to both shapes, under the names of the dialect.
fn common(settings: &SessionSettings, context: WriteContext) -> Unknown {
    let mut session = Unknown::new();
    session.put_some("model", settings.model.as_ref());
    session.put_some("instructions", settings.instructions.as_ref());
    put_modality(&mut session, settings.output, context);
    put_tools(&mut session, settings.tools.as_deref(), context);
    put_tool_choice(&mut session, settings.tool_choice.as_ref(), context);
    put_token_limit(&mut session, settings.max_output_tokens, context);
    session.put_setting("tracing", &settings.tracing, Value::clone);
    session
}

fn flat(settings: &SessionSettings, context: WriteContext) -> Unknown {
    let mut session = flat_input(settings, context);
    session.extend(common(settings, context));
    put_format(&mut session, "output_audio_format", settings.output_format.as_ref(), context);
    put_voice(&mut session, settings.voice.as_ref(), context);
    session.put_some("speed", settings.speed.as_ref());
    session.put_some("temperature", settings.temperature.as_ref());
    if !context.is_client() {
        session.put_some("truncation", settings.truncation.as_ref());
    }
    session
}

/// Puts the fields that beta transcription sessions share with beta sessions.
fn flat_input(settings: &SessionSettings, context: WriteContext) -> Unknown {
    let mut session = Unknown::new();
    put_format(&mut session, "input_audio_format", settings.input_format.as_ref(), context);
    session.put_setting("input_audio_noise_reduction", &settings.noise_reduction, |reduction| {
        noise(reduction, context)
    });
    session.put_setting("input_audio_transcription", &settings.transcription, |captions| {
        transcription(captions, context)
    });
    session.put_setting("turn_detection", &settings.turn_detection, |turns| {
        turn_detection(turns, settings.kind, context)
    });
    put_include(&mut session, settings, context);
    session
}

/// Puts `include`. Clients clear it with an empty list, since `null` is not a list; only servers show `null`.
fn put_include(session: &mut Unknown, settings: &SessionSettings, context: WriteContext) {
    match &settings.include {
        FieldUpdate::Clear if context.is_client() => session.put("include", json!([])),
        include @ (FieldUpdate::Keep | FieldUpdate::Clear | FieldUpdate::Set(_)) => {
            session.put_setting("include", include, |names| names.clone().into());
        }
    }
}

/// Puts a format: an object with its rate in GA, a word in beta.
pub(super) fn put_format(
    fields: &mut Unknown,
    key: &str,
    format: Option<&AudioFormat>,
    context: WriteContext,
) {
    let Some(format) = format else { return };
    let name = match format {
        AudioFormat::Pcm(_) => context.word("audio/pcm", "pcm16"),
        AudioFormat::BarePcm(_) => context.word("audio/pcm", "pcm"),
        AudioFormat::Ulaw => context.word("audio/pcmu", "g711_ulaw"),
        AudioFormat::Alaw => context.word("audio/pcma", "g711_alaw"),
        AudioFormat::Other(name) => name,
    };
    if context.is_beta() {
        fields.put(key, name);
        return;
    }
    let mut object = Unknown::new();
    object.put("type", name);
    if let AudioFormat::Pcm(rate) | AudioFormat::BarePcm(rate) = format {
        object.put("rate", rate.0);
    }
    fields.put(key, object);
}

fn noise(reduction: &NoiseReduction, context: WriteContext) -> Value {
    let mut fields = Unknown::new();
    fields.put("type", reduction.kind.as_str());
    if !context.is_beta() {
        fields.put_some("strength", reduction.strength.as_ref());
    }
    Value::Object(fields)
}

fn transcription(captions: &Transcription, context: WriteContext) -> Value {
    let mut fields = Unknown::new();
    fields.put_some("model", captions.model.as_ref());
    fields.put_some("language", captions.language.as_ref());
    fields.put_some("prompt", captions.prompt.as_ref());
    if !context.is_beta() {
        for (key, list) in [("languages", &captions.languages), ("keywords", &captions.keywords)] {
            if !list.is_empty() {
                fields.put(key, list.clone());
            }
        }
        fields.put_some("delay", captions.delay.as_ref());
    }
    fields.put_back(&captions.unknown);
    Value::Object(fields)
}

/// Puts the response flags. A transcription session has no response to create or interrupt; beta servers
/// reject the two fields there.
fn turn_detection(turns: &TurnDetection, kind: SessionKind, context: WriteContext) -> Value {
    let mut fields = Unknown::new();
    match &turns.method {
        TurnMethod::ServerVad { threshold, prefix_padding_ms, silence_duration_ms, idle_timeout_ms } => {
            fields.put("type", "server_vad");
            fields.put_some("threshold", threshold.as_ref());
            fields.put_some("prefix_padding_ms", prefix_padding_ms.as_ref());
            fields.put_some("silence_duration_ms", silence_duration_ms.as_ref());
            if !(context.is_beta() && context.is_client()) {
                fields.put_setting("idle_timeout_ms", idle_timeout_ms, |ms| (*ms).into());
            }
        }
        TurnMethod::SemanticVad { eagerness } => {
            fields.put("type", "semantic_vad");
            if let Some(eagerness) = eagerness {
                fields.put("eagerness", eagerness.as_str());
            }
        }
        TurnMethod::Other(name) => fields.put("type", name.as_str()),
    }
    if !(context.is_beta() && kind == SessionKind::Transcription) {
        fields.put_some("create_response", turns.create_response.as_ref());
        fields.put_some("interrupt_response", turns.interrupt_response.as_ref());
    }
    fields.put_back(&turns.unknown);
    Value::Object(fields)
}

/// Puts `output_modalities` or `modalities`.
pub(super) fn put_modality(fields: &mut Unknown, output: Option<Modality>, context: WriteContext) {
    let names: &[&str] = match (output, context.is_beta()) {
        (None, _) => return,
        (Some(Modality::Audio), false) => &["audio"],
        (Some(Modality::Audio), true) => &["text", "audio"],
        (Some(Modality::Text), _) => &["text"],
    };
    fields.put(context.word("output_modalities", "modalities"), names);
}

/// Puts `voice`; beta identifies a custom voice only by its id.
pub(super) fn put_voice(fields: &mut Unknown, voice: Option<&Voice>, context: WriteContext) {
    match voice {
        None => {}
        Some(Voice::Custom(id)) if !context.is_beta() => fields.put("voice", json!({ "id": id })),
        Some(Voice::Named(name) | Voice::Custom(name)) => fields.put("voice", name.as_str()),
    }
}

/// Puts the token limit under the name of the dialect.
pub(super) fn put_token_limit(fields: &mut Unknown, limit: Option<TokenLimit>, context: WriteContext) {
    let key = context.word("max_output_tokens", "max_response_output_tokens");
    match limit {
        None => {}
        Some(TokenLimit::Unlimited) => fields.put(key, "inf"),
        Some(TokenLimit::Tokens(tokens)) => fields.put(key, tokens),
    }
}

/// Puts `tools`; beta supports functions only.
pub(super) fn put_tools(fields: &mut Unknown, tools: Option<&[Tool]>, context: WriteContext) {
    if let Some(tools) = tools {
        fields.put("tools", tools.iter().filter_map(|entry| tool(entry, context)).collect::<Value>());
    }
}

fn tool(tool: &Tool, context: WriteContext) -> Option<Value> {
    match tool {
        Tool::Function { name, description, parameters } => {
            let mut fields = Unknown::new();
            fields.put("type", "function");
            fields.put("name", name.as_str());
            fields.put_some("description", description.as_ref());
            fields.put_some("parameters", parameters.as_ref());
            Some(Value::Object(fields))
        }
        Tool::Other(value) => (!context.is_beta()).then(|| value.clone()),
    }
}

/// Puts `tool_choice`. In beta it is always a string, since gateways end the session for an object; other
/// choices are omitted there.
pub(super) fn put_tool_choice(fields: &mut Unknown, choice: Option<&ToolChoice>, context: WriteContext) {
    let value = match choice {
        None => return,
        Some(ToolChoice::Auto) => "auto".into(),
        Some(ToolChoice::None) => "none".into(),
        Some(ToolChoice::Required) => "required".into(),
        Some(ToolChoice::Function(name)) if context.is_beta() => name.as_str().into(),
        Some(ToolChoice::Function(name)) => json!({ "type": "function", "name": name }),
        Some(ToolChoice::Other(_)) if context.is_beta() => return,
        Some(ToolChoice::Other(value)) => value.clone(),
    };
    fields.put("tool_choice", value);
}
