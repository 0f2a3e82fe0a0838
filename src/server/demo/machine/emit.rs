//! Output of the machine: encoding of events, and simulated faults.

use serde_json::json;

use crate::protocol::dialect::Dialect;
use crate::protocol::encode;
use crate::protocol::events::item::Item;
use crate::protocol::events::server::{ServerBody, ServerEvent};
use crate::protocol::value::Unknown;
use crate::server::demo::client_error::ClientError;
use crate::server::demo::faults::Fault;
use crate::server::demo::machine::{Machine, MachineAction, OutputState};

impl Machine {
    /// Emits an event.
    pub(super) fn emit(&mut self, body: ServerBody) {
        if self.output_state != OutputState::Open || self.is_left_out(&body) {
            return;
        }
        let mut unknown = Unknown::new();
        if is_delta(&body) {
            unknown.insert("obfuscation".to_owned(), json!(self.ids.padding()));
        }
        let adds_unknown = self.setup.faults.has(Fault::UnknownEvents);
        if adds_unknown {
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
        if adds_unknown {
            let unknown_event =
                json!({ "type": "x_rtvoice.happened", "event_id": event_id, "what": [null, {}] });
            self.actions.push(MachineAction::Send(unknown_event.to_string()));
        }
    }

    /// Emits a client error; `event_id` is the client's.
    pub(super) fn emit_error(&mut self, event_id: Option<String>, error: ClientError) {
        self.emit(ServerBody::Error(error.into_info(event_id)));
    }

    /// Emits that a complete item was added.
    pub(super) fn emit_item(&mut self, previous_item_id: Option<String>, item: Item) {
        self.emit(ServerBody::ItemAdded { previous_item_id: previous_item_id.clone(), item: item.clone() });
        self.emit_item_done(previous_item_id, item);
    }

    /// Emits that an item is complete; beta has no such event.
    pub(super) fn emit_item_done(&mut self, previous_item_id: Option<String>, item: Item) {
        if self.setup.peer.dialect == Dialect::Ga {
            self.emit(ServerBody::ItemDone { previous_item_id, item });
        }
    }

    /// Closes the connection.
    pub(super) fn close(&mut self, code: u16, reason: &str) {
        if self.output_state != OutputState::Closed {
            self.output_state = OutputState::Closed;
            self.actions.push(MachineAction::Close { code, reason: reason.to_owned() });
        }
    }

    /// Triggers a fault in the middle of an answer.
    pub(super) fn trigger_fault(&mut self) {
        let faults = &self.setup.faults;
        let close = faults.find(|fault| if let Fault::Close(code) = fault { Some(*code) } else { None });
        if let Some(code) = close {
            self.close(code, "simulated fault");
        } else if faults.has(Fault::Drop) {
            self.output_state = OutputState::Closed;
            self.actions.push(MachineAction::Drop);
        } else if faults.has(Fault::HalfMessage) {
            let event = json!({ "type": "response.output_audio.delta", "delta": "A".repeat(1_000) });
            self.output_state = OutputState::Closed;
            self.actions.push(MachineAction::SendHalf(event.to_string()));
        } else {
            self.output_state = OutputState::Stalled;
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
