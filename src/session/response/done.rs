//! End of a response.

use crate::protocol::events::error::ErrorInfo;
use crate::protocol::events::response::{Response, ResponseStatus};
use crate::session::connection::requests::RequestKind;
use crate::session::context::{Context, Peers};
use crate::session::conversation::Conversation;
use crate::session::plan::Mode;
use crate::session::response::Responses;
use crate::session::response::sequencer::DoneTarget;
use crate::session::turn::Turns;

#[expect(clippy::too_many_arguments, reason = "components are separate borrows of the session")]
impl Responses {
    /// Handles `response.done`.
    pub(crate) fn done(
        &mut self,
        cx: &mut Context<'_>,
        turns: &mut Turns,
        conversation: &mut Conversation,
        response: &Response,
    ) {
        let doubt = self.sequencer.take_doubt();
        self.begin(cx, turns, response.id.as_deref());
        let is_cut_off = match self.sequencer.done(response.id.as_deref()) {
            DoneTarget::Active => false,
            DoneTarget::CutOff => true,
            // It ended before; the current audio belongs to another response.
            DoneTarget::Late => {
                cx.metering.note_usage(cx.plan, response.usage.as_ref(), cx.outputs);
                return;
            }
            DoneTarget::Duplicate => return,
        };
        cx.connection.acknowledge(&RequestKind::ResponseCancel);
        cx.metering.note_usage(cx.plan, response.usage.as_ref(), cx.outputs);
        if !is_cut_off {
            for item in &response.output {
                self.finish_item(cx, conversation, item);
            }
            let delay = cx.metering.latency().response_done(response.id.as_deref(), response.status.as_ref());
            cx.metering.show_delay(delay, cx.outputs);
        }
        self.end_clips(cx.outputs);
        self.report_status(cx, turns, conversation, response, doubt, is_cut_off);
        if is_cut_off || cx.connection.is_end_requested() {
            self.abandon_lines(cx, conversation);
        } else {
            conversation.complete_lines(cx, &mut self.playback);
        }
        self.request_waiting(cx);
        let is_answered = !self.is_active() && cx.plan.mode == Mode::Ask;
        if is_answered && response.status != Some(ResponseStatus::Failed) {
            self.answered = Some(conversation.question_outcome(response.status.as_ref()));
            self.end_once_played(cx);
        }
    }

    /// Ends a single question once its answer was played.
    pub(crate) fn end_once_played(&mut self, cx: &mut Context<'_>) {
        if !self.is_playing()
            && let Some(reason) = self.answered.take()
        {
            cx.connection.request_end(reason);
        }
    }

    fn report_status(
        &mut self,
        cx: &mut Context<'_>,
        turns: &mut Turns,
        conversation: &mut Conversation,
        response: &Response,
        doubt: Option<ErrorInfo>,
        is_cut_off: bool,
    ) {
        match response.status {
            Some(ResponseStatus::Failed) => self.failed(cx, &failure_reason(response, doubt)),
            Some(ResponseStatus::Incomplete) => cx.outputs.info(incomplete_reason(response)),
            // The cancellation arrived before `speech_started`, or the server omits that event.
            Some(ResponseStatus::Cancelled) if !is_cut_off => {
                self.report_cancelled(cx, turns, conversation, response);
                turns.interrupt_by_server(&mut Peers { cx, responses: self, conversation });
            }
            Some(ResponseStatus::Cancelled | ResponseStatus::Completed) => {}
            Some(ResponseStatus::InProgress | ResponseStatus::Other(_)) | None => {}
        }
    }

    /// Reports a cancellation by the server, unless the user caused it by speaking.
    fn report_cancelled(
        &self,
        cx: &mut Context<'_>,
        turns: &Turns,
        conversation: &Conversation,
        response: &Response,
    ) {
        let reason = response.details.as_ref().and_then(|details| details.reason.as_deref());
        let is_shown = conversation.has_open_answer() || self.is_playing();
        let is_interruption = match (cx.plan.mode, reason) {
            (Mode::Talk, Some(reason)) => reason == "turn_detected",
            (Mode::Talk, None) => is_shown || turns.is_user_speaking(),
            (Mode::Chat | Mode::Ask | Mode::Transcribe, _) => false,
        };
        match reason {
            _ if is_interruption => {}
            Some(reason) => cx.outputs.info(format!("the endpoint cancelled the response: {reason}")),
            // The end of a single question reports it.
            None if cx.plan.mode == Mode::Ask => {}
            None => cx.outputs.info("the endpoint cancelled the response"),
        }
    }
}

/// Returns why a response failed; `doubt` is an earlier error that may have concerned it.
fn failure_reason(response: &Response, doubt: Option<ErrorInfo>) -> ErrorInfo {
    let details = response.details.clone().unwrap_or_default();
    details.error.or(doubt).unwrap_or_else(|| ErrorInfo {
        message: Some(details.reason.map_or_else(
            || "the response failed without a reason".to_owned(),
            |reason| format!("the response failed: {reason}"),
        )),
        ..ErrorInfo::default()
    })
}

fn incomplete_reason(response: &Response) -> String {
    let reason = response.details.as_ref().and_then(|details| details.reason.as_deref());
    match reason {
        Some("max_output_tokens") => "the response was cut short: token limit reached".to_owned(),
        Some("content_filter") => "the response was cut short by the endpoint's content filter".to_owned(),
        Some(other) => format!("the response was cut short: {other}"),
        None => "the response was cut short".to_owned(),
    }
}
