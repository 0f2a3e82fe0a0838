//! Writes session settings in the shape of each dialect.

use serde_json::{Value, json};

use crate::protocol::dialect::Dialect;
use crate::protocol::encode::WriteContext;
use crate::protocol::encode::fields::JsonPut;
use crate::protocol::settings::{
    AudioFormat, Modality, NoiseReduction, SessionInfo, SessionKind, SessionSettings, TokenLimit, Tool,
    ToolChoice, Transcription, TurnDetection, TurnMethod, Voice,
};
use crate::protocol::value::{FieldUpdate, Unknown};

/// Returns a session as a server describes it.
pub(super) fn session_info(info: &SessionInfo, form: WriteContext) -> Unknown {
    let object = info.object.as_deref().unwrap_or(match info.settings.kind {
        SessionKind::Realtime => "realtime.session",
        SessionKind::Transcription => "realtime.transcription_session",
    });
    let mut session = settings(&info.settings, form);
    session.put_some("id", info.id.as_ref());
    session.put("object", object);
    session.put_some("expires_at", info.expires_at.as_ref());
    session.put_back(&info.unknown);
    session
}

/// Returns settings as the `session` of an update.
pub(super) fn settings(settings: &SessionSettings, form: WriteContext) -> Unknown {
    match (form.dialect, settings.kind) {
        (Dialect::Ga, kind) => nested(settings, kind, form),
        (Dialect::Beta, SessionKind::Realtime) => flat(settings, form),
        (Dialect::Beta, SessionKind::Transcription) => flat_input(settings, form),
        (Dialect::Mixed, SessionKind::Realtime | SessionKind::Transcription) => mixed(settings, form),
    }
}

/// Flat as in beta, but for the formats. The endpoint captions by itself, with a model of its own.
fn mixed(settings: &SessionSettings, form: WriteContext) -> Unknown {
    let (mut input, mut output, mut audio) = (Unknown::new(), Unknown::new(), Unknown::new());
    put_format(&mut input, "format", settings.input_format.as_ref(), form);
    put_format(&mut output, "format", settings.output_format.as_ref(), form);
    audio.put_object("input", input);
    audio.put_object("output", output);
    let mut session = Unknown::new();
    let flat = form.as_beta();
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

fn nested(settings: &SessionSettings, kind: SessionKind, form: WriteContext) -> Unknown {
    let mut audio = Unknown::new();
    audio.put_object("input", nested_input(settings, form));
    let mut session = match kind {
        SessionKind::Realtime => {
            audio.put_object("output", nested_output(settings, form));
            let mut session = common(settings, form);
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
    put_include(&mut session, settings, form);
    session
}

fn nested_input(settings: &SessionSettings, form: WriteContext) -> Unknown {
    let mut input = Unknown::new();
    put_format(&mut input, "format", settings.input_format.as_ref(), form);
    input.put_setting("noise_reduction", &settings.noise_reduction, |reduction| noise(reduction, form));
    input.put_setting("transcription", &settings.transcription, |captions| transcription(captions, form));
    input.put_setting("turn_detection", &settings.turn_detection, |turns| {
        turn_detection(turns, settings.kind, form)
    });
    input
}

fn nested_output(settings: &SessionSettings, form: WriteContext) -> Unknown {
    let mut output = Unknown::new();
    put_format(&mut output, "format", settings.output_format.as_ref(), form);
    put_voice(&mut output, settings.voice.as_ref(), form);
    output.put_some("speed", settings.speed.as_ref());
    output
}

/// Returns what both shapes have at the top level, under the names of the dialect.
fn common(settings: &SessionSettings, form: WriteContext) -> Unknown {
    let mut session = Unknown::new();
    session.put_some("model", settings.model.as_ref());
    session.put_some("instructions", settings.instructions.as_ref());
    put_modality(&mut session, settings.output, form);
    put_tools(&mut session, settings.tools.as_deref(), form);
    put_tool_choice(&mut session, settings.tool_choice.as_ref(), form);
    put_token_limit(&mut session, settings.max_output_tokens, form);
    session.put_setting("tracing", &settings.tracing, Value::clone);
    session
}

fn flat(settings: &SessionSettings, form: WriteContext) -> Unknown {
    let mut session = flat_input(settings, form);
    session.extend(common(settings, form));
    put_format(&mut session, "output_audio_format", settings.output_format.as_ref(), form);
    put_voice(&mut session, settings.voice.as_ref(), form);
    session.put_some("speed", settings.speed.as_ref());
    session.put_some("temperature", settings.temperature.as_ref());
    if !form.is_client() {
        session.put_some("truncation", settings.truncation.as_ref());
    }
    session
}

/// Returns what a beta transcription session has, and a beta session has too.
fn flat_input(settings: &SessionSettings, form: WriteContext) -> Unknown {
    let mut session = Unknown::new();
    put_format(&mut session, "input_audio_format", settings.input_format.as_ref(), form);
    session.put_setting("input_audio_noise_reduction", &settings.noise_reduction, |reduction| {
        noise(reduction, form)
    });
    session.put_setting("input_audio_transcription", &settings.transcription, |captions| {
        transcription(captions, form)
    });
    session.put_setting("turn_detection", &settings.turn_detection, |turns| {
        turn_detection(turns, settings.kind, form)
    });
    put_include(&mut session, settings, form);
    session
}

/// Clients clear it with an empty list: `null` is no list, and only servers show it.
fn put_include(session: &mut Unknown, settings: &SessionSettings, form: WriteContext) {
    match &settings.include {
        FieldUpdate::Clear if form.is_client() => session.put("include", json!([])),
        include @ (FieldUpdate::Keep | FieldUpdate::Clear | FieldUpdate::Set(_)) => {
            session.put_setting("include", include, |names| names.clone().into());
        }
    }
}

/// Puts a format: an object with its rate in GA, a word in beta.
pub(super) fn put_format(fields: &mut Unknown, key: &str, format: Option<&AudioFormat>, form: WriteContext) {
    let Some(format) = format else { return };
    let name = match format {
        AudioFormat::Pcm(_) => form.word("audio/pcm", "pcm16"),
        AudioFormat::BarePcm(_) => form.word("audio/pcm", "pcm"),
        AudioFormat::Ulaw => form.word("audio/pcmu", "g711_ulaw"),
        AudioFormat::Alaw => form.word("audio/pcma", "g711_alaw"),
        AudioFormat::Other(name) => name,
    };
    if form.is_beta() {
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

fn noise(reduction: &NoiseReduction, form: WriteContext) -> Value {
    let mut fields = Unknown::new();
    fields.put("type", reduction.kind.as_str());
    if !form.is_beta() {
        fields.put_some("strength", reduction.strength.as_ref());
    }
    Value::Object(fields)
}

fn transcription(captions: &Transcription, form: WriteContext) -> Value {
    let mut fields = Unknown::new();
    fields.put_some("model", captions.model.as_ref());
    fields.put_some("language", captions.language.as_ref());
    fields.put_some("prompt", captions.prompt.as_ref());
    if !form.is_beta() {
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

/// In a transcription session there is no response that could be created or interrupted; beta
/// servers refuse the two fields there.
fn turn_detection(turns: &TurnDetection, kind: SessionKind, form: WriteContext) -> Value {
    let mut fields = Unknown::new();
    match &turns.method {
        TurnMethod::ServerVad { threshold, prefix_padding_ms, silence_duration_ms, idle_timeout_ms } => {
            fields.put("type", "server_vad");
            fields.put_some("threshold", threshold.as_ref());
            fields.put_some("prefix_padding_ms", prefix_padding_ms.as_ref());
            fields.put_some("silence_duration_ms", silence_duration_ms.as_ref());
            if !(form.is_beta() && form.is_client()) {
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
    if !(form.is_beta() && kind == SessionKind::Transcription) {
        fields.put_some("create_response", turns.create_response.as_ref());
        fields.put_some("interrupt_response", turns.interrupt_response.as_ref());
    }
    fields.put_back(&turns.unknown);
    Value::Object(fields)
}

/// Puts `output_modalities` or `modalities`.
pub(super) fn put_modality(fields: &mut Unknown, output: Option<Modality>, form: WriteContext) {
    let names: &[&str] = match (output, form.is_beta()) {
        (None, _) => return,
        (Some(Modality::Audio), false) => &["audio"],
        (Some(Modality::Audio), true) => &["text", "audio"],
        (Some(Modality::Text), _) => &["text"],
    };
    fields.put(form.word("output_modalities", "modalities"), names);
}

/// Puts `voice`; beta knows a voice of one's own by its id alone.
pub(super) fn put_voice(fields: &mut Unknown, voice: Option<&Voice>, form: WriteContext) {
    match voice {
        None => {}
        Some(Voice::Custom(id)) if !form.is_beta() => fields.put("voice", json!({ "id": id })),
        Some(Voice::Named(name) | Voice::Custom(name)) => fields.put("voice", name.as_str()),
    }
}

/// Puts the limit under the name of the dialect.
pub(super) fn put_token_limit(fields: &mut Unknown, limit: Option<TokenLimit>, form: WriteContext) {
    let key = form.word("max_output_tokens", "max_response_output_tokens");
    match limit {
        None => {}
        Some(TokenLimit::Unlimited) => fields.put(key, "inf"),
        Some(TokenLimit::Tokens(tokens)) => fields.put(key, tokens),
    }
}

/// Puts `tools`; beta has functions only.
pub(super) fn put_tools(fields: &mut Unknown, tools: Option<&[Tool]>, form: WriteContext) {
    if let Some(tools) = tools {
        fields.put("tools", tools.iter().filter_map(|entry| tool(entry, form)).collect::<Value>());
    }
}

fn tool(tool: &Tool, form: WriteContext) -> Option<Value> {
    match tool {
        Tool::Function { name, description, parameters } => {
            let mut fields = Unknown::new();
            fields.put("type", "function");
            fields.put("name", name.as_str());
            fields.put_some("description", description.as_ref());
            fields.put_some("parameters", parameters.as_ref());
            Some(Value::Object(fields))
        }
        Tool::Other(value) => (!form.is_beta()).then(|| value.clone()),
    }
}

/// Puts `tool_choice`. In beta it is always a string, where gateways end the session for an
/// object; a choice that is no function is left out there.
pub(super) fn put_tool_choice(fields: &mut Unknown, choice: Option<&ToolChoice>, form: WriteContext) {
    let value = match choice {
        None => return,
        Some(ToolChoice::Auto) => "auto".into(),
        Some(ToolChoice::None) => "none".into(),
        Some(ToolChoice::Required) => "required".into(),
        Some(ToolChoice::Function(name)) if form.is_beta() => name.as_str().into(),
        Some(ToolChoice::Function(name)) => json!({ "type": "function", "name": name }),
        Some(ToolChoice::Other(_)) if form.is_beta() => return,
        Some(ToolChoice::Other(value)) => value.clone(),
    };
    fields.put("tool_choice", value);
}
