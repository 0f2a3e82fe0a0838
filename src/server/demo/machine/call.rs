//! Answers that are function calls: selection and events.

use std::time::Duration;

use crate::protocol::dialect::Dialect;
use crate::protocol::events::item::{Item, ItemBody, ItemStatus};
use crate::protocol::events::response::ResponseConfig;
use crate::protocol::events::server::{ContentLocation, ServerBody};
use crate::server::demo::answer::{OutgoingCall, Schedule, StreamedAnswer};
use crate::server::demo::client_error::ClientError;
use crate::server::demo::function_calls::choice::{self, FunctionCall};
use crate::server::demo::machine::Machine;
use crate::server::demo::machine::shape::place;
use crate::server::demo::voice::delivery::DeliveryTiming;
use crate::server::demo::voice::persona::Prompt;

impl Machine {
    /// Returns the call demanded by the tool choice in force.
    ///
    /// The choice of a session demands one call per turn: the answer to a call's output is spoken, or clients
    /// that run functions automatically would never get speech. A choice in `response.create` always applies.
    pub(super) fn demanded_call(
        &self,
        config: &ResponseConfig,
        prompt: &Prompt,
    ) -> Result<Option<FunctionCall>, ClientError> {
        let settings = self.active.settings();
        let tools = config.tools.as_deref().or(settings.tools.as_deref()).unwrap_or_default();
        match (&config.tool_choice, &settings.tool_choice) {
            (Some(choice), _) => choice::demanded_call(choice, tools, "response.tool_choice"),
            (None, Some(choice)) if !matches!(prompt, Prompt::Outputs(_)) => {
                choice::demanded_call(choice, tools, "session.tool_choice")
            }
            (None, _) => Ok(None),
        }
    }

    /// Starts sending a function call.
    pub(super) fn start_call(&mut self, now: Duration, index: usize) {
        let answer = &self.answers[index];
        let Some(call) = &answer.call else { return };
        let timing =
            DeliveryTiming { now, pace: self.setup.pace, faults: &self.setup.faults, seed: answer.job };
        let schedule = Schedule::arguments(&call.call.arguments, answer.mode.limit, timing);
        let item = call_item(&answer.item_id, call, ItemStatus::InProgress, String::new());
        self.answers[index].schedule = Some(schedule);
        self.emit_output_added(index, item);
    }

    /// Emits the end of a function call and returns its item.
    #[expect(clippy::too_many_arguments, reason = "the schedule is removed from the answer before its end")]
    pub(super) fn finish_call(
        &mut self,
        answer: &StreamedAnswer,
        call: &OutgoingCall,
        schedule: &Schedule,
        status: ItemStatus,
    ) -> Item {
        let name = (self.setup.peer.dialect == Dialect::Ga).then(|| call.call.name.clone());
        self.emit(ServerBody::ArgumentsDone {
            place: arguments_place(answer),
            call_id: Some(call.call_id.clone()),
            name,
            arguments: schedule.text.clone(),
        });
        let item = call_item(&answer.item_id, call, status, schedule.text.clone());
        self.emit_output_done(answer, schedule, &item);
        item
    }
}

/// Returns the event for a delta of the arguments.
pub(super) fn arguments_delta(answer: &StreamedAnswer, delta: String) -> ServerBody {
    let call_id = answer.call.as_ref().map(|call| call.call_id.clone());
    ServerBody::ArgumentsDelta { place: arguments_place(answer), call_id, delta }
}

/// Returns the position of the arguments; a call has no content parts.
fn arguments_place(answer: &StreamedAnswer) -> ContentLocation {
    ContentLocation { content_index: None, ..place(answer) }
}

fn call_item(id: &str, call: &OutgoingCall, status: ItemStatus, arguments: String) -> Item {
    let body = ItemBody::FunctionCall {
        call_id: Some(call.call_id.clone()),
        name: Some(call.call.name.clone()),
        arguments,
    };
    Item { id: Some(id.to_owned()), status: Some(status), body, ..Item::default() }
}
