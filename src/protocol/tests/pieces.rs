//! Generators of event parts that the schema of a dialect allows.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::protocol::dialect::Dialect;
use crate::protocol::events::item::{ContentPart, Item, ItemBody, ItemStatus, Role};
use crate::protocol::settings::{
    AudioFormat, Eagerness, Modality, NoiseReduction, NoiseReductionKind, ReasoningEffort, SessionKind,
    SessionSettings, TokenLimit, Tool, ToolChoice, Transcription, TurnDetection, TurnMethod, Voice,
};
use crate::protocol::value::{FieldUpdate, Unknown};

/// Generates an id as chosen by either side.
pub(super) fn id() -> impl Strategy<Value = String> {
    "[a-z]{1,5}_[A-Za-z0-9]{1,20}"
}

/// Generates any text.
pub(super) fn text() -> impl Strategy<Value = String> {
    "\\PC{0,24}|[\\x00-\\x7f]{0,12}"
}

/// Generates raw audio bytes.
pub(super) fn audio_bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..64)
}

/// Generates a three-state field.
pub(super) fn setting<T: Clone + std::fmt::Debug + 'static>(
    value: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = FieldUpdate<T>> {
    prop_oneof![Just(FieldUpdate::Keep), Just(FieldUpdate::Clear), value.prop_map(FieldUpdate::Set)]
}

/// Generates response metadata.
pub(super) fn metadata() -> impl Strategy<Value = Map<String, Value>> {
    btree_map("[a-z]{1,8}", text(), 0..3)
        .prop_map(|pairs| pairs.into_iter().map(|(key, value)| (key, Value::String(value))).collect())
}

/// Generates any JSON.
pub(super) fn any_json() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map("[a-z_]{1,8}", inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
    .boxed()
}

/// Generates fields with names that no event has.
pub(super) fn unknown_fields() -> BoxedStrategy<Unknown> {
    btree_map("x_[a-z]{1,4}", any_json(), 0..3).prop_map(|fields| fields.into_iter().collect()).boxed()
}

pub(super) fn format() -> impl Strategy<Value = AudioFormat> {
    prop_oneof![Just(AudioFormat::PCM24K), Just(AudioFormat::Ulaw), Just(AudioFormat::Alaw)]
}

pub(super) fn modality() -> impl Strategy<Value = Modality> {
    prop_oneof![Just(Modality::Audio), Just(Modality::Text)]
}

pub(super) fn token_limit() -> impl Strategy<Value = TokenLimit> {
    prop_oneof![Just(TokenLimit::Unlimited), (1..=4096_u64).prop_map(TokenLimit::Tokens)]
}

pub(super) fn voice(dialect: Dialect) -> impl Strategy<Value = Voice> {
    (id(), any::<bool>()).prop_map(move |(id, own)| match dialect {
        Dialect::Ga if own => Voice::Custom(id),
        Dialect::Ga | Dialect::Beta | Dialect::Mixed => Voice::Named(id),
    })
}

pub(super) fn tools(dialect: Dialect) -> impl Strategy<Value = Vec<Tool>> {
    let parameters = unknown_fields().prop_map(Value::Object);
    let function = (text(), option::of(text()), option::of(parameters))
        .prop_map(|(name, description, parameters)| Tool::Function { name, description, parameters });
    let mcp = id().prop_map(|label| Tool::Other(json!({"type": "mcp", "server_label": label})));
    let tool = match dialect {
        Dialect::Ga | Dialect::Mixed => prop_oneof![function, mcp].boxed(),
        Dialect::Beta => function.boxed(),
    };
    vec(tool, 0..3)
}

pub(super) fn tool_choice(dialect: Dialect) -> impl Strategy<Value = ToolChoice> {
    let word = prop_oneof![
        Just(ToolChoice::Auto),
        Just(ToolChoice::None),
        Just(ToolChoice::Required),
        id().prop_map(ToolChoice::Function)
    ];
    let mcp = id().prop_map(|label| ToolChoice::Other(json!({"type": "mcp", "server_label": label})));
    match dialect {
        Dialect::Ga | Dialect::Mixed => prop_oneof![word, mcp].boxed(),
        Dialect::Beta => word.boxed(),
    }
}

fn noise_reduction(dialect: Dialect) -> impl Strategy<Value = NoiseReduction> {
    let kind = prop_oneof![Just(NoiseReductionKind::NearField), Just(NoiseReductionKind::FarField)];
    (kind, option::of(0.0..2.0)).prop_map(move |(kind, strength)| NoiseReduction {
        kind,
        strength: strength.filter(|_| dialect == Dialect::Ga),
    })
}

fn transcription(dialect: Dialect) -> impl Strategy<Value = Transcription> {
    let model = prop_oneof![Just("whisper-1"), Just("gpt-4o-transcribe"), Just("gpt-4o-mini-transcribe")];
    let delay = prop_oneof![Just("minimal"), Just("xhigh")].prop_map(str::to_owned);
    let common = (option::of(model.prop_map(str::to_owned)), option::of(id()), option::of(text()));
    let newer = (vec(id(), 0..3), vec(text(), 0..3), option::of(delay));
    (common, newer).prop_map(move |((model, language, prompt), (languages, keywords, delay))| {
        let common = Transcription { model, language, prompt, ..Transcription::default() };
        match dialect {
            Dialect::Ga | Dialect::Mixed => Transcription { languages, keywords, delay, ..common },
            Dialect::Beta => common,
        }
    })
}

fn turn_method(dialect: Dialect) -> impl Strategy<Value = TurnMethod> {
    let eagerness = prop_oneof![Just(Eagerness::Low), Just(Eagerness::Medium), Just(Eagerness::Auto)];
    let idle = setting(5_000..=30_000_u32).prop_map(move |idle| match dialect {
        Dialect::Ga | Dialect::Mixed => idle,
        Dialect::Beta => FieldUpdate::Keep,
    });
    let server = (option::of(0.0..=1.0), option::of(any::<u32>()), option::of(any::<u32>()), idle).prop_map(
        |(threshold, prefix_padding_ms, silence_duration_ms, idle_timeout_ms)| TurnMethod::ServerVad {
            threshold,
            prefix_padding_ms,
            silence_duration_ms,
            idle_timeout_ms,
        },
    );
    prop_oneof![server, option::of(eagerness).prop_map(|eagerness| TurnMethod::SemanticVad { eagerness })]
}

fn turn_detection(dialect: Dialect, kind: SessionKind) -> impl Strategy<Value = TurnDetection> {
    let flags = option::of(any::<bool>());
    (turn_method(dialect), flags.clone(), flags).prop_map(move |(method, create, interrupt)| {
        let answers = !(dialect == Dialect::Beta && kind == SessionKind::Transcription);
        TurnDetection {
            method,
            create_response: create.filter(|_| answers),
            interrupt_response: interrupt.filter(|_| answers),
            unknown: Unknown::new(),
        }
    })
}

/// Generates settings of either kind that the dialect can express.
pub(super) fn settings(dialect: Dialect) -> BoxedStrategy<SessionSettings> {
    prop_oneof![
        input_settings(dialect, SessionKind::Transcription),
        (input_settings(dialect, SessionKind::Realtime), output_settings(dialect), model_settings(dialect))
            .prop_map(|(input, output, model)| SessionSettings {
                output: output.output,
                output_format: output.output_format,
                voice: output.voice,
                speed: output.speed,
                temperature: output.temperature,
                tracing: output.tracing,
                input_format: input.input_format,
                noise_reduction: input.noise_reduction,
                transcription: input.transcription,
                turn_detection: input.turn_detection,
                include: input.include,
                ..model
            })
    ]
    .boxed()
}

fn input_settings(dialect: Dialect, kind: SessionKind) -> BoxedStrategy<SessionSettings> {
    let include =
        vec(Just("item.input_audio_transcription.logprobs".to_owned()), 0..2).prop_map(FieldUpdate::Set);
    (
        option::of(format()),
        setting(noise_reduction(dialect)),
        setting(transcription(dialect)),
        setting(turn_detection(dialect, kind)),
        prop_oneof![Just(FieldUpdate::Keep), include],
    )
        .prop_map(move |(input_format, noise_reduction, transcription, turn_detection, include)| {
            SessionSettings {
                kind,
                input_format,
                noise_reduction,
                transcription,
                turn_detection,
                include,
                ..SessionSettings::default()
            }
        })
        .boxed()
}

fn output_settings(dialect: Dialect) -> BoxedStrategy<SessionSettings> {
    let tracing =
        prop_oneof![Just(json!("auto")), Just(json!({"workflow_name": "w", "metadata": {"a": [1]}}))];
    let audio_bytes = (modality(), option::of(format()), option::of(voice(dialect)), option::of(0.25..=1.5));
    (audio_bytes, option::of(0.6..=1.2), setting(tracing))
        .prop_map(move |((output, output_format, voice, speed), temperature, tracing)| SessionSettings {
            output: Some(output),
            output_format,
            voice,
            speed,
            temperature: temperature.filter(|_| dialect == Dialect::Beta),
            tracing,
            ..SessionSettings::default()
        })
        .boxed()
}

fn model_settings(dialect: Dialect) -> BoxedStrategy<SessionSettings> {
    let truncation = prop_oneof![
        Just(json!("disabled")),
        Just(json!({"type": "retention_ratio", "retention_ratio": 0.5})),
    ];
    let effort = prop_oneof![Just(ReasoningEffort::Minimal), Just(ReasoningEffort::XHigh)];
    let common = (
        option::of(id()),
        option::of(text()),
        option::of(tools(dialect)),
        option::of(tool_choice(dialect)),
        option::of(token_limit()),
    );
    let newer = (option::of(any::<bool>()), option::of(effort), option::of(truncation));
    (common, newer)
        .prop_map(move |(common, (parallel_tool_calls, reasoning_effort, truncation))| {
            let (model, instructions, tools, tool_choice, max_output_tokens) = common;
            let common = SessionSettings {
                model,
                instructions,
                tools,
                tool_choice,
                max_output_tokens,
                ..SessionSettings::default()
            };
            match dialect {
                Dialect::Ga | Dialect::Mixed => {
                    SessionSettings { parallel_tool_calls, reasoning_effort, truncation, ..common }
                }
                Dialect::Beta => common,
            }
        })
        .boxed()
}

/// Generates an item status.
pub(super) fn status() -> impl Strategy<Value = ItemStatus> {
    prop_oneof![Just(ItemStatus::InProgress), Just(ItemStatus::Completed), Just(ItemStatus::Incomplete)]
}

/// Generates an item as created by a client.
pub(super) fn item(dialect: Dialect) -> BoxedStrategy<Item> {
    (option::of(id()), option::of(status()), item_body(dialect))
        .prop_map(|(id, status, body)| Item { id, status, body, unknown: Unknown::new() })
        .boxed()
}

fn item_body(dialect: Dialect) -> BoxedStrategy<ItemBody> {
    let words = || vec(text().prop_map(ContentPart::InputText), 0..3);
    let audio_part = (option::of(audio_bytes()), option::of(text()));
    let answer = prop_oneof![
        text().prop_map(ContentPart::Text),
        audio_part.prop_map(|(audio, transcript)| ContentPart::Audio { audio, transcript })
    ];
    prop_oneof![
        words().prop_map(|content| ItemBody::Message { role: Role::System, content }),
        vec(user_part(dialect), 0..3).prop_map(|content| ItemBody::Message { role: Role::User, content }),
        vec(answer, 0..3).prop_map(|content| ItemBody::Message { role: Role::Assistant, content }),
        (option::of(id()), text(), text()).prop_map(|(call_id, name, arguments)| ItemBody::FunctionCall {
            call_id,
            name: Some(name),
            arguments
        }),
        (id(), text()).prop_map(|(call_id, output)| ItemBody::FunctionCallOutput { call_id, output }),
    ]
    .boxed()
}

fn user_part(dialect: Dialect) -> impl Strategy<Value = ContentPart> {
    let detail = prop_oneof![Just("auto"), Just("high")].prop_map(str::to_owned);
    prop_oneof![
        text().prop_map(ContentPart::InputText),
        (option::of(audio_bytes()), option::of(text()))
            .prop_map(|(audio, transcript)| ContentPart::InputAudio { audio, transcript }),
        (text(), option::of(detail)).prop_map(move |(image_url, detail)| ContentPart::InputImage {
            image_url,
            detail: detail.filter(|_| dialect == Dialect::Ga)
        }),
    ]
}
