//! Placement of incoming events: resolves the item and response of each before anything else handles it.
//!
//! Compatible servers omit response and item ids, send them empty, reuse them, or add them late. Ids are
//! resolved from what an event names (ids, output index, `previous_item_id`) and otherwise from the order of
//! events. They are unique in the whole call and translated back in outgoing events.

mod answers;
mod turns;

use std::collections::VecDeque;

use crate::protocol::events::client::ClientBody;
use crate::protocol::events::item::{ContentPart, Item, ItemBody, Role};
use crate::protocol::events::response::Response;
use crate::protocol::events::server::{ContentLocation, ServerBody};
use crate::session::connection::ids::{CallIds, ItemIds};
use crate::session::connection::placement::answers::{
    ConnectionResponses, ItemEvent, ItemStep, OutputKind, ResponseStep, fingerprint,
};
use crate::session::connection::placement::turns::{ConnectionTurns, Step};
use crate::session::conversation::streamed_text::same_text;

/// Maximum number of sent texts that the server may still confirm.
const CAPACITY: usize = 64;

/// Items and responses of a call.
#[derive(Debug, Default)]
pub(crate) struct Placement {
    items: ItemIds,
    responses: CallIds,
    turns: ConnectionTurns,
    answers: ConnectionResponses,
    /// Replayed texts of the assistant, which the server confirms like items of its own.
    sent: VecDeque<SentText>,
}

#[derive(Debug)]
struct SentText {
    text: String,
    server_id: Option<String>,
}

impl Placement {
    /// Forgets the ids of the previous server.
    pub(crate) fn new_server(&mut self) {
        self.items.new_server();
        self.responses.new_server();
        self.turns = ConnectionTurns::default();
        self.answers = ConnectionResponses::default();
        self.sent.clear();
    }

    /// Returns the id of a client item with the id `wanted`.
    pub(crate) fn own_item(&mut self, wanted: &str) -> String {
        self.items.mention(wanted)
    }

    /// Returns whether the server in use has named an item.
    pub(crate) fn is_on_server(&self, item_id: &str) -> bool {
        self.items.server_id(item_id).is_some()
    }

    /// Expects no further events of the response in progress.
    pub(crate) fn abandon_response(&mut self) {
        self.answers.abandon();
    }

    /// Resolves the ids of an event; `answer_is_due` means that a response is requested and has not begun.
    #[expect(clippy::wildcard_enum_match_arm, reason = "`resolve_in_place` names the others")]
    pub(crate) fn resolve(&mut self, body: ServerBody, answer_is_due: bool) -> ServerBody {
        match body {
            ServerBody::ItemAdded { previous_item_id, item }
            | ServerBody::ItemCreated { previous_item_id, item } => {
                self.conversation_item(previous_item_id, item, ItemStep::Announced)
            }
            ServerBody::ItemDone { previous_item_id, item } => {
                self.conversation_item(previous_item_id, item, ItemStep::Finished)
            }
            ServerBody::OutputItemAdded { place, item } => self.output_item(place, item, ItemStep::Added),
            ServerBody::OutputItemDone { place, item } => self.output_item(place, item, ItemStep::Done),
            ServerBody::ContentPartDone { mut place, part } => {
                self.resolve_place(&mut place, OutputKind::Message, ItemStep::PartDone);
                match part {
                    ContentPart::Text(text) => ServerBody::TextDone { place, text: Some(text) },
                    ContentPart::Audio { transcript, .. } => ServerBody::TranscriptDone { place, transcript },
                    part @ (ContentPart::InputText(_)
                    | ContentPart::InputAudio { .. }
                    | ContentPart::InputImage { .. }
                    | ContentPart::Other(_)) => ServerBody::ContentPartDone { place, part },
                }
            }
            mut other => {
                self.resolve_in_place(&mut other, answer_is_due);
                other
            }
        }
    }

    fn resolve_in_place(&mut self, body: &mut ServerBody, answer_is_due: bool) {
        match body {
            ServerBody::ResponseCreated(response) => {
                let index = self.response(response, ResponseStep::Created { is_due: answer_is_due });
                response.id = Some(self.answers.id(index).to_owned());
            }
            ServerBody::ResponseDone(response) => self.response_done(response, answer_is_due),
            ServerBody::TextDelta { place, .. }
            | ServerBody::AudioDelta { place, .. }
            | ServerBody::TranscriptDelta { place, .. } => {
                self.resolve_place(place, OutputKind::Message, ItemStep::Piece);
            }
            ServerBody::AudioDone { place }
            | ServerBody::TextDone { place, .. }
            | ServerBody::TranscriptDone { place, .. } => {
                self.resolve_place(place, OutputKind::Message, ItemStep::PartDone);
            }
            ServerBody::SpeechStarted { item_id, .. } => self.turn_event(item_id, Step::Started),
            ServerBody::SpeechStopped { item_id, .. } => self.turn_event(item_id, Step::Stopped),
            ServerBody::AudioCommitted { previous_item_id, item_id } => {
                let id = self.turn(item_id.as_deref(), Step::Committed);
                *previous_item_id = self.predecessor(previous_item_id.take(), &id);
                *item_id = Some(id);
            }
            ServerBody::TranscriptionDelta { item_id, .. }
            | ServerBody::TranscriptionSegment { item_id, .. } => {
                *item_id = self.turn(Some(item_id), Step::Caption);
            }
            ServerBody::TranscriptionCompleted { item_id, transcript, .. } => {
                *item_id = self.turn(Some(item_id), Step::CaptionDone(transcript));
            }
            ServerBody::TranscriptionFailed { item_id, .. } => {
                *item_id = self.turn(Some(item_id), Step::CaptionDone(""));
            }
            // Not needed for these.
            ServerBody::ItemAdded { .. }
            | ServerBody::ItemCreated { .. }
            | ServerBody::ItemDone { .. }
            | ServerBody::OutputItemAdded { .. }
            | ServerBody::OutputItemDone { .. }
            | ServerBody::ContentPartAdded { .. }
            | ServerBody::ContentPartDone { .. }
            | ServerBody::ItemRetrieved { .. }
            | ServerBody::ItemDeleted { .. }
            | ServerBody::ItemTruncated { .. }
            | ServerBody::IdleTimeout { .. }
            | ServerBody::OutputBuffer { .. }
            | ServerBody::ArgumentsDelta { .. }
            | ServerBody::ArgumentsDone { .. }
            | ServerBody::Mcp { .. }
            | ServerBody::Error(_)
            | ServerBody::SessionCreated(_)
            | ServerBody::SessionUpdated(_)
            | ServerBody::ConversationCreated { .. }
            | ServerBody::AudioCleared
            | ServerBody::Dtmf { .. }
            | ServerBody::RateLimits(_)
            | ServerBody::Unknown { .. } => {}
        }
    }

    fn response(&mut self, response: &Response, step: ResponseStep) -> usize {
        self.answers.resolve(&mut self.responses, non_empty(response.id.as_deref()), step)
    }

    fn response_done(&mut self, response: &mut Response, is_due: bool) {
        let index =
            self.response(response, ResponseStep::Done { fingerprint: fingerprint(response), is_due });
        response.id = Some(self.answers.id(index).to_owned());
        for output in &mut response.output {
            output.id = output.id.take().filter(|id| !id.is_empty());
        }
        self.answers.resolve_output(&mut self.items, index, response);
    }

    fn resolve_place(&mut self, place: &mut ContentLocation, kind: OutputKind, step: ItemStep) {
        let named = non_empty(place.response_id.as_deref());
        let response_step = if step == ItemStep::Piece { ResponseStep::Delta } else { ResponseStep::Piece };
        let answer = self.answers.resolve(&mut self.responses, named, response_step);
        let server_id = non_empty(place.item_id.as_deref());
        let event = ItemEvent { answer, server_id, output_index: place.output_index, kind, step };
        let item_id = self.answers.resolve_item(&mut self.items, event);
        place.item_id = Some(item_id);
        place.response_id = Some(self.answers.id(answer).to_owned());
    }

    fn output_item(&mut self, mut place: ContentLocation, mut item: Item, step: ItemStep) -> ServerBody {
        place.item_id = item.id.take().filter(|id| !id.is_empty()).or(place.item_id);
        self.resolve_place(&mut place, OutputKind::of(&item), step);
        item.id.clone_from(&place.item_id);
        match step {
            ItemStep::Done | ItemStep::Finished => ServerBody::OutputItemDone { place, item },
            ItemStep::Added | ItemStep::Announced | ItemStep::Piece | ItemStep::PartDone => {
                ServerBody::OutputItemAdded { place, item }
            }
        }
    }

    /// Resolves a conversation item: a turn of the user, or an item of a response, which becomes an output item.
    fn conversation_item(&mut self, previous: Option<String>, mut item: Item, step: ItemStep) -> ServerBody {
        let server_id = item.id.take().filter(|id| !id.is_empty());
        if is_spoken_turn(&item) {
            let turn_step = if step == ItemStep::Finished { Step::ItemDone } else { Step::ItemAdded };
            let id = self.turn(server_id.as_deref(), turn_step);
            let previous_item_id = self.predecessor(previous, &id);
            item.id = Some(id);
            return ServerBody::ItemAdded { previous_item_id, item };
        }
        if let Some(answer) = self.answer_of(server_id.as_deref(), &item) {
            let has_text = texts(&item).any(|text| !text.trim().is_empty());
            let (server_id, kind) = (server_id.as_deref(), OutputKind::of(&item));
            let event = ItemEvent { answer, server_id, output_index: None, kind, step };
            item.id = Some(self.answers.resolve_item(&mut self.items, event));
            let response_id = Some(self.answers.id(answer).to_owned());
            let place =
                ContentLocation { response_id, item_id: item.id.clone(), ..ContentLocation::default() };
            return if has_text {
                ServerBody::OutputItemDone { place, item }
            } else {
                ServerBody::OutputItemAdded { place, item }
            };
        }
        // A client item or an unknown one has no line.
        if let Some(server_id) = server_id {
            self.items.mention(&server_id);
        }
        ServerBody::ItemAdded { previous_item_id: None, item }
    }

    /// Returns the response of a conversation item.
    fn answer_of(&mut self, server_id: Option<&str>, item: &Item) -> Option<usize> {
        let is_output = match &item.body {
            ItemBody::Message { role, .. } => *role == Role::Assistant,
            ItemBody::FunctionCall { .. } => true,
            ItemBody::FunctionCallOutput { .. } | ItemBody::Other(_) => false,
        };
        if !is_output {
            return None;
        }
        if let Some((index, _)) = server_id.and_then(|server_id| self.answers.find_item(server_id)) {
            return Some(index);
        }
        if self.confirms_sent(server_id, item) { None } else { self.answers.in_progress() }
    }

    /// Returns whether an item confirms a sent text.
    fn confirms_sent(&mut self, server_id: Option<&str>, item: &Item) -> bool {
        if server_id.is_some() && self.sent.iter().any(|sent| sent.server_id.as_deref() == server_id) {
            return true;
        }
        let is_same = |sent: &&mut SentText| {
            sent.server_id.is_none() && texts(item).any(|text| same_text(text, &sent.text))
        };
        let Some(sent) = self.sent.iter_mut().find(is_same) else { return false };
        sent.server_id = server_id.map(str::to_owned);
        true
    }

    fn turn(&mut self, named: Option<&str>, step: Step<'_>) -> String {
        self.turns.resolve(&mut self.items, non_empty(named), step)
    }

    fn turn_event(&mut self, item_id: &mut Option<String>, step: Step<'_>) {
        *item_id = Some(self.turn(item_id.as_deref(), step));
    }

    /// Returns the item that a turn follows.
    fn predecessor(&mut self, previous: Option<String>, of: &str) -> Option<String> {
        let server_id = previous.filter(|id| !id.is_empty())?;
        let known =
            self.answers.find_item(&server_id).map(|(_, id)| id).or_else(|| self.turns.id_of(&server_id));
        if let Some(id) = known {
            return Some(id.to_owned()).filter(|id| id != of);
        }
        if !self.items.is_mentioned(&server_id)
            && let Some(id) = self.turns.name_predecessor(&mut self.items, &server_id, of)
        {
            return Some(id);
        }
        Some(self.items.mention(&server_id))
    }

    /// Translates the ids of an outgoing event to those of the server in use.
    pub(crate) fn translate_to_server_ids(&mut self, body: &mut ClientBody) {
        match body {
            ClientBody::ItemCreate { previous_item_id, item } => {
                translate(&self.items, previous_item_id.as_mut());
                translate(&self.items, item.id.as_mut());
                self.note_sent(item);
            }
            ClientBody::ItemRetrieve { item_id }
            | ClientBody::ItemTruncate { item_id, .. }
            | ClientBody::ItemDelete { item_id } => translate(&self.items, Some(item_id)),
            ClientBody::ResponseCancel { response_id } => {
                // Without an id, the response in progress is cancelled.
                *response_id =
                    response_id.take().and_then(|id| self.responses.server_id(&id).map(str::to_owned));
            }
            ClientBody::SessionUpdate(_)
            | ClientBody::AudioAppend(_)
            | ClientBody::AudioCommit
            | ClientBody::AudioClear
            | ClientBody::OutputAudioClear
            | ClientBody::ResponseCreate(_)
            | ClientBody::Unknown { .. } => {}
        }
    }

    fn note_sent(&mut self, item: &Item) {
        let ItemBody::Message { role: Role::Assistant, .. } = &item.body else { return };
        for text in texts(item) {
            if self.sent.len() == CAPACITY {
                self.sent.pop_front();
            }
            self.sent.push_back(SentText { text: text.to_owned(), server_id: None });
        }
    }
}

/// Treats an empty id as missing.
fn non_empty(id: Option<&str>) -> Option<&str> {
    id.filter(|id| !id.is_empty())
}

fn translate(ids: &ItemIds, id: Option<&mut String>) {
    if let Some(id) = id
        && let Some(server_id) = ids.server_id(id)
        && server_id != id
    {
        *id = server_id.to_owned();
    }
}

fn is_spoken_turn(item: &Item) -> bool {
    let ItemBody::Message { role: Role::User, content } = &item.body else { return false };
    content.iter().any(|part| matches!(part, ContentPart::InputAudio { .. }))
}

/// Returns the texts of an assistant's item.
fn texts(item: &Item) -> impl Iterator<Item = &str> {
    let content = match &item.body {
        ItemBody::Message { content, .. } => content.as_slice(),
        ItemBody::FunctionCall { .. } | ItemBody::FunctionCallOutput { .. } | ItemBody::Other(_) => &[],
    };
    content.iter().filter_map(|part| match part {
        ContentPart::Text(text) => Some(text.as_str()),
        ContentPart::Audio { transcript, .. } => transcript.as_deref(),
        ContentPart::InputText(_)
        | ContentPart::InputAudio { .. }
        | ContentPart::InputImage { .. }
        | ContentPart::Other(_) => None,
    })
}
