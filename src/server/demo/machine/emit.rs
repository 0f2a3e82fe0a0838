//! How the machine speaks: events become text here, and here it misbehaves.

use serde_json::json;

use crate::protocol::dialect::Dialect;
use crate::protocol::encode;
use crate::protocol::events::item::Item;
use crate::protocol::events::server::{ServerBody, ServerEvent};
use crate::protocol::value::Unknown;
use crate::server::demo::faults::Fault;
use crate::server::demo::machine::{Machine, MachineAction, OutputState};
use crate::server::demo::mistake::ClientError;

impl Machine {
    /// Sends an event.
    pub(super) fn emit(&mut self, body: ServerBody) {
        if self.mouth != OutputState::Open || self.is_left_out(&body) {
            return;
        }
        let mut unknown = Unknown::new();
        if is_delta(&body) {
            unknown.insert("obfuscation".to_owned(), json!(self.ids.padding()));
        }
        let strangers = self.setup.faults.has(Fault::Strangers);
        if strangers {
            unknown.insert("x_rtvoice_field".to_owned(), json!({ "nested": [1, null, "x"] }));
        }
        let event_id = self.ids.next("event");
        let event = ServerEvent { event_id: Some(event_id.clone()), body, unknown };
        let text = if let ServerBody::Error(error) = &event.body
            && self.setup.faults.has(Fault::ErrorString)
        {
            json!({ "type": "error", "event_id": event_id, "error": error.message }).to_string()
        } else {
            encode::server_event(&event, self.setup.peer.dialect)
        };
        self.actions.push(MachineAction::Send(text));
        if strangers {
            let stranger = json!({ "type": "x_rtvoice.happened", "event_id": event_id, "what": [null, {}] });
            self.actions.push(MachineAction::Send(stranger.to_string()));
        }
    }

    /// Tells the client that it made a mistake; `event_id` is the client's.
    pub(super) fn refuse(&mut self, event_id: Option<String>, mistake: ClientError) {
        self.emit(ServerBody::Error(mistake.into_info(event_id)));
    }

    /// Tells that an item is in the conversation; `done` that it is whole.
    pub(super) fn emit_item(&mut self, previous_item_id: Option<String>, item: Item) {
        self.emit(ServerBody::ItemAdded { previous_item_id: previous_item_id.clone(), item: item.clone() });
        self.emit_item_done(previous_item_id, item);
    }

    /// Tells that an item is whole; beta has no such event.
    pub(super) fn emit_item_done(&mut self, previous_item_id: Option<String>, item: Item) {
        if self.setup.peer.dialect == Dialect::Ga {
            self.emit(ServerBody::ItemDone { previous_item_id, item });
        }
    }

    /// Says goodbye.
    pub(super) fn close(&mut self, code: u16, reason: &str) {
        if self.mouth != OutputState::Closed {
            self.mouth = OutputState::Closed;
            self.actions.push(MachineAction::Close { code, reason: reason.to_owned() });
        }
    }

    /// Misbehaves in the middle of an answer.
    pub(super) fn break_down(&mut self) {
        let faults = &self.setup.faults;
        let close = faults.find(|fault| if let Fault::Close(code) = fault { Some(*code) } else { None });
        if let Some(code) = close {
            self.close(code, "the endpoint was asked to misbehave");
        } else if faults.has(Fault::Drop) {
            self.mouth = OutputState::Closed;
            self.actions.push(MachineAction::Drop);
        } else if faults.has(Fault::HalfMessage) {
            let event = json!({ "type": "response.output_audio.delta", "delta": "A".repeat(1_000) });
            self.mouth = OutputState::Closed;
            self.actions.push(MachineAction::SendHalf(event.to_string()));
        } else {
            self.mouth = OutputState::Stalled;
        }
    }

    fn is_left_out(&self, body: &ServerBody) -> bool {
        let faults = &self.setup.faults;
        let is_item = matches!(
            body,
            ServerBody::OutputItemAdded { .. }
                | ServerBody::OutputItemDone { .. }
                | ServerBody::ContentPartAdded { .. }
                | ServerBody::ContentPartDone { .. }
                | ServerBody::ItemAdded { .. }
                | ServerBody::ItemCreated { .. }
                | ServerBody::ItemDone { .. }
        );
        (is_item && faults.has(Fault::NoItemEvents))
            || (matches!(body, ServerBody::SessionCreated(_)) && faults.has(Fault::NoSessionCreated))
            || (matches!(body, ServerBody::SessionUpdated(_)) && faults.has(Fault::NoSessionUpdated))
    }
}

fn is_delta(body: &ServerBody) -> bool {
    matches!(
        body,
        ServerBody::TextDelta { .. }
            | ServerBody::TranscriptDelta { .. }
            | ServerBody::TranscriptionDelta { .. }
    )
}
