//! Rules for client events and session settings, one set per dialect.

use crate::protocol::dialect::Dialect;
use crate::protocol::settings::SessionKind;
use crate::server::demo::check::audio::{BETA_FORMAT, BETA_VOICE, FORMAT, VOICE};
use crate::server::demo::check::items::{
    BETA_ITEM, BETA_OUTPUT, BETA_RESPONSE, BETA_TOOL_CHOICE, BETA_TOOLS, ITEM, LIMIT, MAX_AUDIO_BYTES,
    OUTPUT, PROMPT, REASONING, RESPONSE, TEMPERATURE, TOOL_CHOICE, TOOLS,
};
use crate::server::demo::check::rule::Rule::{
    Anything, Base64, Flag, Integer, List, Nullable, Number, Object, Short, Tagged, Text, TextOr, Word,
};
use crate::server::demo::check::rule::{Field, Rule, may, must};

/// Rules of a client event.
pub(crate) struct EventSchema {
    /// `type` of the event.
    pub(crate) name: &'static str,
    fields: &'static [Field],
    /// Different fields in a transcription session, if any.
    transcription: Option<&'static [Field]>,
}

impl EventSchema {
    /// Returns its fields in a session of `kind`.
    pub(crate) fn fields(&self, kind: SessionKind) -> &'static [Field] {
        match (kind, self.transcription) {
            (SessionKind::Transcription, Some(fields)) => fields,
            (SessionKind::Transcription, None) | (SessionKind::Realtime, _) => self.fields,
        }
    }
}

/// Returns the events that a client may send in `dialect`.
pub(crate) fn events(dialect: Dialect) -> &'static [EventSchema] {
    match dialect {
        Dialect::Ga | Dialect::Mixed => GA,
        Dialect::Beta => BETA,
    }
}

const fn event(name: &'static str, fields: &'static [Field]) -> EventSchema {
    EventSchema { name, fields, transcription: None }
}

const EVENT_ID: Field = may("event_id", Short(512));
const TYPE: Field = must("type", Anything);
const ITEM_ID: Field = must("item_id", Text);

const PLAIN: &[Field] = &[EVENT_ID, TYPE];
const APPEND: &[Field] = &[EVENT_ID, TYPE, must("audio", Base64(MAX_AUDIO_BYTES))];
const ITEM_ONLY: &[Field] = &[EVENT_ID, TYPE, ITEM_ID];
const TRUNCATE: &[Field] = &[
    EVENT_ID,
    TYPE,
    ITEM_ID,
    must("content_index", Integer(0, i64::MAX)),
    must("audio_end_ms", Integer(0, i64::MAX)),
];
const CANCEL: &[Field] = &[EVENT_ID, TYPE, may("response_id", Text)];
const PREVIOUS: Field = may("previous_item_id", Nullable(&Text));

// In the order in which the real server lists them.
const GA: &[EventSchema] = &[
    EventSchema {
        name: "session.update",
        fields: &[EVENT_ID, TYPE, must("session", GA_SESSION)],
        transcription: Some(&[EVENT_ID, TYPE, must("session", GA_TRANSCRIPTION)]),
    },
    event("session.close", PLAIN),
    event("input_audio_buffer.append", APPEND),
    event("session.input_audio_buffer.append", APPEND),
    event("input_audio_buffer.commit", PLAIN),
    event("input_audio_buffer.clear", PLAIN),
    event("conversation.item.create", &[EVENT_ID, TYPE, PREVIOUS, must("item", ITEM)]),
    event("conversation.item.truncate", TRUNCATE),
    event("conversation.item.delete", ITEM_ONLY),
    event("conversation.item.retrieve", ITEM_ONLY),
    event("response.create", &[EVENT_ID, TYPE, may("response", RESPONSE)]),
    event("response.cancel", CANCEL),
];

const BETA: &[EventSchema] = &[
    event("session.update", &[EVENT_ID, TYPE, must("session", BETA_SESSION)]),
    event("transcription_session.update", &[EVENT_ID, TYPE, must("session", BETA_TRANSCRIPTION)]),
    event("input_audio_buffer.append", APPEND),
    event("input_audio_buffer.commit", PLAIN),
    event("input_audio_buffer.clear", PLAIN),
    event("conversation.item.create", &[EVENT_ID, TYPE, PREVIOUS, must("item", BETA_ITEM)]),
    event("conversation.item.truncate", TRUNCATE),
    event("conversation.item.delete", ITEM_ONLY),
    event("conversation.item.retrieve", ITEM_ONLY),
    event("response.create", &[EVENT_ID, TYPE, may("response", BETA_RESPONSE)]),
    event("response.cancel", CANCEL),
];

const NOISE_REDUCTION: Rule =
    Nullable(&Object(&[must("type", Word(&["near_field", "far_field"])), may("strength", Number(0.0, 1.0))]));
const BETA_NOISE_REDUCTION: Rule = Nullable(&Object(&[must("type", Word(&["near_field", "far_field"]))]));
const TRANSCRIPTION: Rule = Nullable(&Object(&[
    may("model", Text),
    may("language", Text),
    may("languages", List(&Text)),
    may("keywords", List(&Text)),
    may("prompt", Text),
    may("delay", Word(&["minimal", "low", "medium", "high", "xhigh"])),
]));
const BETA_TRANSCRIBER: Rule =
    Nullable(&Object(&[may("model", Text), may("language", Text), may("prompt", Text)]));

const EAGERNESS: Field = may("eagerness", Word(&["low", "medium", "high", "auto"]));
const THRESHOLD: Field = may("threshold", Number(0.0, 1.0));
const PADDING: Field = may("prefix_padding_ms", Integer(0, 10_000));
const SILENCE: Field = may("silence_duration_ms", Integer(0, 10_000));
const CREATE: Field = may("create_response", Flag);
const INTERRUPT: Field = may("interrupt_response", Flag);
const IDLE: Field = may("idle_timeout_ms", Nullable(&Integer(5_000, 30_000)));

const TURNS: Rule = Nullable(&Tagged(
    "type",
    &[
        ("server_vad", Object(&[TYPE, THRESHOLD, PADDING, SILENCE, CREATE, INTERRUPT, IDLE])),
        ("semantic_vad", Object(&[TYPE, EAGERNESS, CREATE, INTERRUPT])),
    ],
));
const BETA_TURNS: Rule = Nullable(&Tagged(
    "type",
    &[
        ("server_vad", Object(&[TYPE, THRESHOLD, PADDING, SILENCE, CREATE, INTERRUPT])),
        ("semantic_vad", Object(&[TYPE, EAGERNESS, CREATE, INTERRUPT])),
    ],
));
// Transcription sessions have no responses, so response flags are not allowed.
const BETA_TRANSCRIPTION_TURNS: Rule = Nullable(&Tagged(
    "type",
    &[
        ("server_vad", Object(&[TYPE, THRESHOLD, PADDING, SILENCE])),
        ("semantic_vad", Object(&[TYPE, EAGERNESS])),
    ],
));

const GA_INPUT: Rule = Object(&[
    may("format", FORMAT),
    may("noise_reduction", NOISE_REDUCTION),
    may("transcription", TRANSCRIPTION),
    may("turn_detection", TURNS),
]);
const GA_OUTPUT: Rule =
    Object(&[may("format", FORMAT), may("voice", VOICE), may("speed", Number(0.25, 1.5))]);

const TRUNCATION: Rule = TextOr(
    &Word(&["auto", "disabled"]),
    &Object(&[
        must("type", Word(&["retention_ratio"])),
        must("retention_ratio", Number(0.0, 1.0)),
        may("token_limits", Object(&[may("post_instructions", Integer(0, i64::MAX))])),
    ]),
);
const TRACING: Rule = Nullable(&TextOr(
    &Word(&["auto"]),
    &Object(&[may("workflow_name", Text), may("group_id", Text), may("metadata", Anything)]),
));
const INCLUDE: Rule = Nullable(&List(&Word(&["item.input_audio_transcription.logprobs"])));

const GA_SESSION: Rule = Object(&[
    must("type", Word(&["realtime"])),
    may("model", Text),
    may("instructions", Text),
    may("output_modalities", OUTPUT),
    may("audio", Object(&[may("input", GA_INPUT), may("output", GA_OUTPUT)])),
    may("include", INCLUDE),
    may("max_output_tokens", LIMIT),
    may("parallel_tool_calls", Flag),
    may("reasoning", REASONING),
    may("tools", TOOLS),
    may("tool_choice", TOOL_CHOICE),
    may("tracing", TRACING),
    may("truncation", TRUNCATION),
    may("prompt", PROMPT),
]);
const GA_TRANSCRIPTION: Rule = Object(&[
    must("type", Word(&["transcription"])),
    may("audio", Object(&[may("input", GA_INPUT)])),
    may("include", INCLUDE),
]);

const BETA_SESSION: Rule = Object(&[
    may("modalities", BETA_OUTPUT),
    may("model", Text),
    may("instructions", Text),
    may("voice", BETA_VOICE),
    may("input_audio_format", BETA_FORMAT),
    may("output_audio_format", BETA_FORMAT),
    may("input_audio_transcription", BETA_TRANSCRIBER),
    may("input_audio_noise_reduction", BETA_NOISE_REDUCTION),
    may("turn_detection", BETA_TURNS),
    may("tools", BETA_TOOLS),
    may("tool_choice", BETA_TOOL_CHOICE),
    may("temperature", TEMPERATURE),
    may("max_response_output_tokens", LIMIT),
    may("speed", Number(0.25, 1.5)),
    may("tracing", TRACING),
    may("include", INCLUDE),
    may("client_secret", Anything),
]);
const BETA_TRANSCRIPTION: Rule = Object(&[
    may("modalities", BETA_OUTPUT),
    may("input_audio_format", BETA_FORMAT),
    may("input_audio_transcription", BETA_TRANSCRIBER),
    may("input_audio_noise_reduction", BETA_NOISE_REDUCTION),
    may("turn_detection", BETA_TRANSCRIPTION_TURNS),
    may("include", INCLUDE),
    may("client_secret", Anything),
]);
