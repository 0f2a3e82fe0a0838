//! What a probe asks for in each of its steps, and how it knows the answer.

use serde_json::json;

use crate::commands::doctor::probe::Capability;
use crate::protocol::events::client::ClientBody;
use crate::protocol::events::error::ErrorInfo;
use crate::protocol::events::item::{ContentPart, Item, ItemBody, Role};
use crate::protocol::events::response::{Response, ResponseConfig};
use crate::protocol::settings::{Modality, SessionKind, SessionSettings, Tool, ToolChoice};
use crate::protocol::value::FieldUpdate;

/// How much of the spoken answer counts as heard: no answer is shorter.
const HEARD_MS: u64 = 10;

/// How much speech goes into one event, in bytes.
const PIECE_BYTES: usize = 32 << 10;

/// What is sent for one step.
#[derive(Debug, Default)]
pub(super) struct ProbeRequest {
    /// What is only made ready: an error about it means nothing for the step.
    pub(super) before: Vec<ClientBody>,
    /// What is asked for.
    pub(super) bodies: Vec<ClientBody>,
}

impl ProbeRequest {
    /// Asks for one thing.
    pub(super) fn one(body: ClientBody) -> Self {
        Self { before: Vec::new(), bodies: vec![body] }
    }
}

/// Cuts an answer as if little of it had been heard.
pub(super) fn cut(item_id: String) -> ClientBody {
    ClientBody::ItemTruncate { item_id, content_index: 0, audio_end_ms: HEARD_MS }
}

/// Asks for a written answer.
pub(super) fn text() -> ProbeRequest {
    question("Answer in one word: are you there?", response(Modality::Text))
}

/// Asks for a spoken answer.
pub(super) fn audio() -> ProbeRequest {
    question("Say only: hello.", response(Modality::Audio))
}

/// Asks for something that only a function knows.
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

/// Asks for captions of some speech; the turn is ended by hand, so that no answer follows.
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

/// Returns what a response brought, as its own end tells it.
pub(super) fn parts_of(response: &Response) -> Vec<Capability> {
    let of_item = |item: &Item| match &item.body {
        ItemBody::Message { content, .. } => content.iter().filter_map(part_of).collect(),
        ItemBody::FunctionCall { .. } => vec![Capability::Tools],
        ItemBody::FunctionCallOutput { .. } | ItemBody::Other(_) => Vec::new(),
    };
    response.output.iter().flat_map(of_item).collect()
}

/// Sound is not among them: what it tells of a response without deltas is no sound that can be heard.
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

/// Tells whether an error is about an item that is not there, and not about an event that is not known.
pub(super) fn speaks_of_item(error: &ErrorInfo, item_id: &str) -> bool {
    let has = |text: &Option<String>, word: &str| text.as_deref().is_some_and(|text| text.contains(word));
    has(&error.code, "truncate") || has(&error.param, "item_id") || has(&error.message, item_id)
}

/// Tells whether a commit came after the endpoint's own: the captions come all the same.
pub(super) fn is_benign_commit(error: &ErrorInfo) -> bool {
    error.code.as_deref() == Some("input_audio_buffer_commit_empty")
}
