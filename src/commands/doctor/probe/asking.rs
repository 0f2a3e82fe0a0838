//! Requests of the probe's steps, and recognition of their answers.

use serde_json::json;

use crate::commands::doctor::probe::seen::Capability;
use crate::protocol::events::client::ClientBody;
use crate::protocol::events::error::ErrorInfo;
use crate::protocol::events::item::{ContentPart, Item, ItemBody, Role};
use crate::protocol::events::response::{Response, ResponseConfig};
use crate::protocol::settings::{Modality, SessionKind, SessionSettings, Tool, ToolChoice};
use crate::protocol::value::FieldUpdate;

/// Played part of the truncated answer, shorter than any answer.
const HEARD_MS: u64 = 10;

/// Speech per event, in bytes.
const PIECE_BYTES: usize = 32 << 10;

/// Events of one step.
#[derive(Debug, Default)]
pub(super) struct ProbeRequest {
    /// Preparation; errors about it are ignored.
    pub(super) before: Vec<ClientBody>,
    /// The request itself.
    pub(super) bodies: Vec<ClientBody>,
}

impl ProbeRequest {
    /// Returns a request of one event.
    pub(super) fn one(body: ClientBody) -> Self {
        Self { before: Vec::new(), bodies: vec![body] }
    }
}

/// Truncates an answer after its first milliseconds.
pub(super) fn cut(item_id: String) -> ClientBody {
    ClientBody::ItemTruncate { item_id, content_index: 0, audio_end_ms: HEARD_MS }
}

/// Requests a text answer.
pub(super) fn text() -> ProbeRequest {
    question("Answer in one word: are you there?", response(Modality::Text))
}

/// Asks for a spoken answer.
pub(super) fn audio() -> ProbeRequest {
    question("Say only: hello.", response(Modality::Audio))
}

/// Requests something that needs a function call.
pub(super) fn tools() -> ProbeRequest {
    let tool = Tool::Function {
        name: "read_thermometer".to_owned(),
        description: Some("Reads the thermometer of a room.".to_owned()),
        parameters: Some(json!({
            "type": "object",
            "properties": { "room": { "type": "string" } },
            "required": ["room"],
        })),
    };
    let config = ResponseConfig {
        tools: Some(vec![tool]),
        tool_choice: Some(ToolChoice::Required),
        ..response(Modality::Text)
    };
    question("Read the thermometer of the kitchen.", config)
}

/// Requests captions of speech; the turn is ended manually, so that no answer follows.
pub(super) fn captions(kind: SessionKind, speech: &[u8]) -> ProbeRequest {
    let by_hand = SessionSettings { kind, turn_detection: FieldUpdate::Clear, ..SessionSettings::default() };
    let mut bodies: Vec<ClientBody> =
        speech.chunks(PIECE_BYTES).map(|piece| ClientBody::AudioAppend(piece.to_vec())).collect();
    bodies.push(ClientBody::AudioCommit);
    ProbeRequest { before: vec![ClientBody::SessionUpdate(Box::new(by_hand))], bodies }
}

fn response(output: Modality) -> ResponseConfig {
    ResponseConfig { output: Some(output), ..ResponseConfig::default() }
}

fn question(text: &str, config: ResponseConfig) -> ProbeRequest {
    let body = ItemBody::Message { role: Role::User, content: vec![ContentPart::InputText(text.to_owned())] };
    let item = Item { body, ..Item::default() };
    let bodies = vec![
        ClientBody::ItemCreate { previous_item_id: None, item },
        ClientBody::ResponseCreate(Box::new(config)),
    ];
    ProbeRequest { before: Vec::new(), bodies }
}

/// Returns the capabilities that a finished response shows.
pub(super) fn parts_of(response: &Response) -> Vec<Capability> {
    let of_item = |item: &Item| match &item.body {
        ItemBody::Message { content, .. } => content.iter().filter_map(part_of).collect(),
        ItemBody::FunctionCall { .. } => vec![Capability::Tools],
        ItemBody::FunctionCallOutput { .. } | ItemBody::Other(_) => Vec::new(),
    };
    response.output.iter().flat_map(of_item).collect()
}

/// Audio is excluded: without deltas nothing can be played.
fn part_of(content: &ContentPart) -> Option<Capability> {
    match content {
        ContentPart::Text(text) => (!text.is_empty()).then_some(Capability::Text),
        ContentPart::Audio { transcript, .. } => {
            transcript.as_ref().filter(|text| !text.is_empty()).map(|_| Capability::Transcript)
        }
        ContentPart::InputText(_)
        | ContentPart::InputAudio { .. }
        | ContentPart::InputImage { .. }
        | ContentPart::Other(_) => None,
    }
}

/// Returns whether an error is about a missing item, rather than an unknown event.
pub(super) fn speaks_of_item(error: &ErrorInfo, item_id: &str) -> bool {
    let has = |text: &Option<String>, word: &str| text.as_deref().is_some_and(|text| text.contains(word));
    has(&error.code, "truncate") || has(&error.param, "item_id") || has(&error.message, item_id)
}

/// Returns whether a commit came after the endpoint's own, which still yields captions.
pub(super) fn is_benign_commit(error: &ErrorInfo) -> bool {
    error.code.as_deref() == Some("input_audio_buffer_commit_empty")
}
