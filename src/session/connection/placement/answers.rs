//! Responses and output items of one connection, and the attribution of events to them.
//!
//! Missing ids follow from the order: an event without a response belongs to the one in progress, one without
//! an item to the item at its output index or to the latest one.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::protocol::events::item::{Item, ItemBody};
use crate::protocol::events::response::{Response, ResponseStatus};
use crate::session::connection::ids::{CallIds, ItemIds};

/// Maximum number of responses for which late events are still recognised.
const CAPACITY: usize = 32;

/// Step of a response that an event reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResponseStep {
    /// `response.created`; `is_due` if a response is requested and has not begun.
    Created { is_due: bool },
    /// Audio or text.
    Delta,
    /// Any other event before the end.
    Piece,
    /// `response.done` with its fingerprint.
    Done { fingerprint: u64, is_due: bool },
}

/// Step of an output item that an event reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ItemStep {
    /// `response.output_item.added`.
    Added,
    /// `conversation.item.added` or `.created`.
    Announced,
    /// A delta.
    Piece,
    /// The end of a part with its complete text.
    PartDone,
    /// `conversation.item.done`.
    Finished,
    /// `response.output_item.done`.
    Done,
}

/// Event of an output item with the ids that it has.
#[derive(Clone, Copy, Debug)]
pub(super) struct ItemEvent<'a> {
    /// Index of the response.
    pub(super) answer: usize,
    pub(super) server_id: Option<&'a str>,
    pub(super) output_index: Option<u32>,
    pub(super) kind: OutputKind,
    pub(super) step: ItemStep,
}

/// Kind of an output item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OutputKind {
    /// Speech or text.
    Message,
    /// A function call or another item without a line.
    Call,
}

impl OutputKind {
    pub(super) fn of(item: &Item) -> Self {
        match &item.body {
            ItemBody::Message { .. } => Self::Message,
            // An event without its item counts as a message.
            ItemBody::Other(kind) if kind.is_empty() => Self::Message,
            ItemBody::FunctionCall { .. } | ItemBody::FunctionCallOutput { .. } | ItemBody::Other(_) => {
                Self::Call
            }
        }
    }
}

/// Responses of one connection, the latest last.
#[derive(Debug, Default)]
pub(super) struct ConnectionResponses {
    list: VecDeque<PlacedResponse>,
}

#[derive(Debug, Default)]
struct PlacedResponse {
    id: String,
    server_id: Option<String>,
    is_created: bool,
    /// The fingerprint of its `response.done`.
    done: Option<u64>,
    is_cancelled: bool,
    /// Another `response.created` reused its id after its end.
    is_renewed: bool,
    items: Vec<OutputItem>,
}

#[derive(Debug)]
struct OutputItem {
    id: String,
    /// All ids that the server used for it.
    server_ids: Vec<String>,
    output_index: Option<u32>,
    kind: OutputKind,
    is_added: bool,
    is_announced: bool,
    is_finished: bool,
    is_done: bool,
}

impl OutputItem {
    fn has_server_id(&self, server_id: &str) -> bool {
        self.server_ids.iter().any(|known| known == server_id)
    }

    /// Notes a server id of the item.
    fn add_server_id(&mut self, ids: &mut ItemIds, server_id: &str) {
        if !self.has_server_id(server_id) {
            self.server_ids.push(server_id.to_owned());
            ids.bind(&self.id, server_id);
        }
    }

    /// Returns whether the item still lacks an event of this kind.
    fn lacks(&self, step: ItemStep) -> bool {
        match step {
            ItemStep::Added => !self.is_added && !self.is_done,
            ItemStep::Announced => !self.is_announced && !self.is_done,
            ItemStep::Piece | ItemStep::PartDone | ItemStep::Done => !self.is_done,
            ItemStep::Finished => !self.is_finished,
        }
    }

    fn note(&mut self, step: ItemStep) {
        match step {
            ItemStep::Added => self.is_added = true,
            ItemStep::Announced => self.is_announced = true,
            ItemStep::Piece | ItemStep::PartDone => {}
            ItemStep::Finished => self.is_finished = true,
            ItemStep::Done => self.is_done = true,
        }
    }
}

impl ConnectionResponses {
    /// Returns the index of the response that an event belongs to.
    pub(super) fn resolve(&mut self, ids: &mut CallIds, named: Option<&str>, step: ResponseStep) -> usize {
        let index = match named {
            Some(server_id) => self.find_named(server_id, step),
            None => self.find_unnamed(step),
        };
        let index = index.unwrap_or_else(|| {
            if self.list.len() == CAPACITY {
                self.list.pop_front();
            }
            let id = ids.take(named.unwrap_or("response"));
            self.list.push_back(PlacedResponse { id, ..PlacedResponse::default() });
            self.list.len() - 1
        });
        let answer = &mut self.list[index];
        if let (None, Some(server_id)) = (&answer.server_id, named) {
            answer.server_id = Some(server_id.to_owned());
            ids.bind(&answer.id, server_id);
        }
        match step {
            ResponseStep::Created { .. } => answer.is_created = true,
            ResponseStep::Delta | ResponseStep::Piece => {}
            ResponseStep::Done { fingerprint, .. } => drop(answer.done.get_or_insert(fingerprint)),
        }
        index
    }

    fn find_named(&mut self, server_id: &str, step: ResponseStep) -> Option<usize> {
        let Some(index) = self.list.iter().rposition(|answer| answer.server_id.as_deref() == Some(server_id))
        else {
            // A response without an id so far.
            let latest = self.in_progress().filter(|index| self.list[*index].server_id.is_none())?;
            let is_created = matches!(step, ResponseStep::Created { .. });
            let begins_another = is_created && self.list[latest].is_created;
            return (!begins_another).then_some(latest);
        };
        let answer = &mut self.list[index];
        let Some(done) = answer.done else { return Some(index) };
        // Some servers give every response the same id.
        let is_another = match step {
            ResponseStep::Created { is_due: true } => true,
            ResponseStep::Created { is_due: false } => {
                answer.is_renewed = answer.is_created && !answer.is_cancelled;
                false
            }
            ResponseStep::Delta => answer.is_renewed,
            ResponseStep::Piece => false,
            ResponseStep::Done { fingerprint, is_due } => {
                (answer.is_renewed || is_due && !answer.is_cancelled) && fingerprint != done
            }
        };
        (!is_another).then_some(index)
    }

    fn find_unnamed(&self, step: ResponseStep) -> Option<usize> {
        let latest = self.in_progress();
        match step {
            ResponseStep::Created { .. } => latest.filter(|index| !self.list[*index].is_created),
            ResponseStep::Delta | ResponseStep::Piece => latest,
            ResponseStep::Done { fingerprint, .. } => latest.or_else(|| {
                let repeated = self.list.back().is_some_and(|last| last.done == Some(fingerprint));
                repeated.then(|| self.list.len() - 1)
            }),
        }
    }

    /// Returns the response in progress.
    pub(super) fn in_progress(&self) -> Option<usize> {
        self.list.back().filter(|answer| answer.done.is_none()).map(|_| self.list.len() - 1)
    }

    /// Expects no further events of the response in progress.
    pub(super) fn abandon(&mut self) {
        if let Some(answer) = self.list.back_mut() {
            answer.done.get_or_insert(0);
            answer.is_cancelled = true;
        }
    }

    pub(super) fn id(&self, index: usize) -> &str {
        &self.list[index].id
    }

    /// Returns the response index and the id of the item with this server id.
    pub(super) fn find_item(&self, server_id: &str) -> Option<(usize, &str)> {
        let answers = self.list.iter().enumerate().rev();
        answers
            .flat_map(|(index, answer)| answer.items.iter().rev().map(move |item| (index, item)))
            .find_map(|(index, item)| item.has_server_id(server_id).then_some((index, item.id.as_str())))
    }

    /// Returns the id of the item that an event belongs to.
    pub(super) fn resolve_item(&mut self, ids: &mut ItemIds, event: ItemEvent<'_>) -> String {
        let answer = &mut self.list[event.answer];
        let index = match event.server_id {
            Some(server_id) => answer.named_item(server_id, event),
            None => answer.unnamed_item(event),
        };
        let index = index.unwrap_or_else(|| answer.begin_item(ids, event));
        let item = &mut answer.items[index];
        if let Some(server_id) = event.server_id {
            item.add_server_id(ids, server_id);
        }
        item.output_index = item.output_index.or(event.output_index);
        item.note(event.step);
        item.id.clone()
    }

    /// Gives the output of a finished response the ids of its items.
    pub(super) fn resolve_output(&mut self, ids: &mut ItemIds, answer: usize, response: &mut Response) {
        let index = answer;
        let answer = &mut self.list[index];
        answer.is_cancelled |= response.status == Some(ResponseStatus::Cancelled);
        let output = response.output.iter();
        let known: Vec<_> = output.map(|output| answer.item_with(output.id.as_deref()?)).collect();
        let mut rest: VecDeque<_> = (0..answer.items.len())
            .filter(|index| {
                answer.items[*index].kind == OutputKind::Message && !known.contains(&Some(*index))
            })
            .collect();
        for ((place, output), known) in (0..).zip(&mut response.output).zip(known) {
            let kind = OutputKind::of(output);
            let of_kind = || if kind == OutputKind::Message { rest.pop_front() } else { None };
            let server_id = output.id.take();
            let event = ItemEvent {
                answer: index,
                server_id: server_id.as_deref(),
                output_index: Some(place),
                kind,
                step: ItemStep::Done,
            };
            let item = known.or_else(of_kind).unwrap_or_else(|| answer.begin_item(ids, event));
            let item = &mut answer.items[item];
            if let Some(server_id) = event.server_id {
                item.add_server_id(ids, server_id);
            }
            item.note(event.step);
            output.id = Some(item.id.clone());
        }
    }
}

impl PlacedResponse {
    fn item_with(&self, server_id: &str) -> Option<usize> {
        self.items.iter().rposition(|item| item.has_server_id(server_id))
    }

    fn named_item(&self, server_id: &str, event: ItemEvent<'_>) -> Option<usize> {
        let at_index =
            |item: &OutputItem| item.output_index.is_some() && item.output_index == event.output_index;
        let elsewhere = |item: &OutputItem| {
            item.output_index.is_some()
                && event.output_index.is_some()
                && item.output_index != event.output_index
        };
        if let Some(index) = self.item_with(server_id) {
            // Some servers give every item the same id.
            return if elsewhere(&self.items[index]) {
                self.items.iter().rposition(at_index)
            } else {
                Some(index)
            };
        }
        let of_kind = |item: &OutputItem| item.kind == event.kind && !elsewhere(item);
        // An item without an id so far.
        let unnamed = self
            .items
            .iter()
            .position(|item| item.server_ids.is_empty() && of_kind(item) && item.lacks(event.step));
        unnamed.or_else(|| match event.step {
            ItemStep::Added => None,
            // Some servers give every delta its own id, different from the announced one.
            ItemStep::Piece | ItemStep::PartDone => self
                .items
                .iter()
                .rposition(|item| of_kind(item) && at_index(item) && item.is_added && !item.is_done),
            ItemStep::Done => self.items.iter().rposition(|item| of_kind(item) && item.lacks(event.step)),
            // The conversation item may have another id than the output item.
            ItemStep::Announced | ItemStep::Finished => {
                let last = self.items.iter().rposition(of_kind)?;
                (self.items[last].lacks(event.step) && !self.items[last].is_done).then_some(last)
            }
        })
    }

    fn unnamed_item(&self, event: ItemEvent<'_>) -> Option<usize> {
        if let Some(output_index) = event.output_index {
            let known = self.items.iter().rposition(|item| item.output_index == Some(output_index));
            let by_place = || {
                let place = usize::try_from(output_index).ok()?;
                self.items.get(place).filter(|item| item.output_index.is_none()).map(|_| place)
            };
            return known.or_else(by_place);
        }
        let last = self.items.iter().rposition(|item| item.kind == event.kind)?;
        let is_latest = last + 1 == self.items.len();
        let fits = match event.step {
            ItemStep::Added | ItemStep::Announced => is_latest && self.items[last].lacks(event.step),
            ItemStep::Piece => self.items[last].lacks(event.step),
            ItemStep::PartDone | ItemStep::Finished | ItemStep::Done => true,
        };
        fits.then_some(last)
    }

    fn begin_item(&mut self, ids: &mut ItemIds, event: ItemEvent<'_>) -> usize {
        let id = match (event.server_id, &self.server_id) {
            (Some(server_id), _) => ids.begin(server_id),
            (None, Some(response)) => ids.begin_unnamed(&format!("item of {response}")),
            (None, None) => ids.begin_unnamed("item"),
        };
        let (server_ids, output_index, kind) = (Vec::new(), event.output_index, event.kind);
        let (is_added, is_announced, is_finished, is_done) = (false, false, false, false);
        self.items.push(OutputItem {
            id,
            server_ids,
            output_index,
            kind,
            is_added,
            is_announced,
            is_finished,
            is_done,
        });
        self.items.len() - 1
    }
}

/// Returns a number that is equal for repetitions of a `response.done`.
pub(super) fn fingerprint(response: &Response) -> u64 {
    let mut hasher = DefaultHasher::new();
    format!("{response:?}").hash(&mut hasher);
    hasher.finish()
}
