//! Routing of server events and errors.

use std::time::Duration;

use crate::protocol::events::error::ErrorInfo;
use crate::protocol::events::server::{ServerBody, ServerEvent};
use crate::session::connection::OpeningResult;
use crate::session::connection::errors::{describe, failure_of};
use crate::session::connection::opening::{NextAction, Opening};
use crate::session::connection::phase::Phase;
use crate::session::connection::requests::RequestKind;
use crate::session::context::Peers;
use crate::session::conversation::transcript::TranscriptDelta;
use crate::session::io::EndReason;
use crate::session::plan::{Mode, Plan};
use crate::session::{Parts, Session};

/// How long a response that has not begun may stall after an error that may concern it.
const DOUBT_TIMEOUT: Duration = Duration::from_secs(3);

/// The same for a response in progress: models pause to think.
const DOUBT_TIMEOUT_WHEN_BEGUN: Duration = Duration::from_secs(10);

impl Session {
    pub(super) fn server_event(&mut self, now: Duration, event: ServerEvent) {
        self.responses.note_activity(now);
        let Some(event) = self.connection.accept(event, &mut self.outputs) else { return };
        self.responses.count_undecodable(&event);
        let body = self.connection.resolve(event.body, self.responses.is_due());
        if !matches!(body, ServerBody::Error(_) | ServerBody::SessionUpdated(_)) {
            self.connection.errors().flush_nonfatal(&mut self.outputs);
        }
        self.conversation.note_event(now, &self.plan, &body);
        self.route_body(now, body);
    }

    #[expect(clippy::too_many_lines, reason = "one arm per kind of event")]
    fn route_body(&mut self, now: Duration, body: ServerBody) {
        let Parts { turns, responses, conversation, mut cx } = self.parts(now);
        let cx = &mut cx;
        match body {
            ServerBody::Error(error) => self.server_error(now, &error),
            ServerBody::ConversationCreated { .. } => {
                self.advance_opening(now, |opening, _| opening.conversation_created(now));
            }
            ServerBody::SessionCreated(info) => {
                self.advance_opening(now, |opening, _| opening.created(now, &info));
            }
            ServerBody::SessionUpdated(info) => {
                cx.connection.errors().downgrade(cx.outputs);
                self.advance_opening(now, |opening, _| opening.updated(&info));
            }
            ServerBody::SpeechStarted { audio_start_ms, .. } => {
                turns.speech_started(&mut Peers { cx, responses, conversation }, audio_start_ms);
            }
            ServerBody::SpeechStopped { audio_end_ms, .. } => {
                turns.speech_stopped(cx, responses, audio_end_ms);
            }
            ServerBody::AudioCommitted { previous_item_id, item_id } => {
                let peers = &mut Peers { cx, responses, conversation };
                turns.audio_committed(peers, previous_item_id, item_id);
            }
            ServerBody::ItemAdded { previous_item_id, item }
            | ServerBody::ItemCreated { previous_item_id, item }
            | ServerBody::ItemDone { previous_item_id, item } => {
                conversation.item_seen(cx, previous_item_id, &item);
            }
            ServerBody::TranscriptionDelta { item_id, delta, .. } => {
                conversation.caption_delta(cx, &item_id, &delta);
            }
            ServerBody::TranscriptionCompleted {
                item_id, transcript, usage, logprobs, languages, ..
            } => {
                conversation.caption_described(&item_id, logprobs, languages);
                if conversation.caption_done(cx, &item_id, &transcript) {
                    turns.acknowledge_audio();
                    cx.metering.note_transcription_usage(cx.plan, usage, cx.outputs);
                }
            }
            ServerBody::TranscriptionFailed { item_id, error, .. } => {
                turns.caption_failed(cx.plan);
                conversation.caption_failed(cx, &item_id, error);
            }
            ServerBody::TranscriptionSegment { item_id, segment, .. } => {
                conversation.caption_segment(&item_id, segment);
            }
            ServerBody::IdleTimeout { .. } => cx.metering.idle_timeout(cx.outputs),
            ServerBody::ResponseCreated(response) => responses.created(cx, turns, &response),
            ServerBody::ResponseDone(response) => responses.done(cx, turns, conversation, &response),
            ServerBody::AudioDelta { place, delta } => {
                responses.begin(cx, turns, place.response_id.as_deref());
                responses.audio_delta(cx, conversation, &place, &delta);
            }
            ServerBody::AudioDone { place } => responses.audio_done(cx, &place),
            ServerBody::TextDelta { place, delta } => {
                responses.begin(cx, turns, place.response_id.as_deref());
                responses.text_delta(cx, conversation, &place, TranscriptDelta::written(&delta));
            }
            ServerBody::TranscriptDelta { place, delta } => {
                responses.begin(cx, turns, place.response_id.as_deref());
                responses.text_delta(cx, conversation, &place, TranscriptDelta::spoken(&delta));
            }
            ServerBody::TextDone { place, text: Some(text) } => {
                responses.begin(cx, turns, place.response_id.as_deref());
                responses.text_done(cx, conversation, &place, TranscriptDelta::written(&text));
            }
            ServerBody::TranscriptDone { place, transcript: Some(text) } => {
                responses.begin(cx, turns, place.response_id.as_deref());
                responses.text_done(cx, conversation, &place, TranscriptDelta::spoken(&text));
            }
            ServerBody::OutputItemAdded { place, item } => {
                responses.item_added(cx, conversation, &place, &item);
            }
            ServerBody::OutputItemDone { place, item } => {
                responses.item_done(cx, conversation, &place, &item);
            }
            ServerBody::ContentPartDone { place, part } => {
                responses.part_done(cx, conversation, &place, &part);
            }
            ServerBody::ItemTruncated { .. } => cx.connection.acknowledge(&RequestKind::Truncate),
            ServerBody::AudioCleared => cx.connection.acknowledge(&RequestKind::Clear),
            ServerBody::Unknown { name, .. } => {
                cx.outputs.debug(format!("the endpoint sent an unknown event: {name}"));
            }
            ServerBody::TextDone { text: None, .. }
            | ServerBody::TranscriptDone { transcript: None, .. }
            | ServerBody::ItemRetrieved { .. }
            | ServerBody::ItemDeleted { .. }
            | ServerBody::Dtmf { .. }
            | ServerBody::OutputBuffer { .. }
            | ServerBody::ContentPartAdded { .. }
            | ServerBody::ArgumentsDelta { .. }
            | ServerBody::ArgumentsDone { .. }
            | ServerBody::Mcp { .. }
            | ServerBody::RateLimits(_) => {}
        }
    }

    pub(super) fn advance_opening(
        &mut self,
        now: Duration,
        step: impl FnOnce(&mut Opening, &mut Plan) -> NextAction,
    ) {
        match self.connection.advance_opening(now, &mut self.plan, &mut self.outputs, step) {
            None => {}
            Some(OpeningResult::Live(ready)) => self.go_live(now, ready),
            Some(OpeningResult::Refused(failure)) => {
                self.connection.request_end(EndReason::Refused(failure));
            }
        }
    }

    fn server_error(&mut self, now: Duration, error: &ErrorInfo) {
        let awaits_response = self.responses.awaits_begin();
        let cause = self.connection.cause_of(now, &self.plan, error, awaits_response);
        if cause == Some(RequestKind::Commit) {
            self.conversation.commit_refused();
        }
        // Reports the response in progress.
        let is_redundant = error.is_answer_in_progress()
            && self.responses.is_active()
            && cause != Some(RequestKind::ResponseCreate);
        if error.is_benign() || is_redundant {
            let text = describe(error);
            self.outputs.debug(format!("ignored error: {text}"));
            return;
        }
        if self.connection.is_beta_refused(&self.plan, error) {
            self.leave_beta(now, error);
            return;
        }
        match cause {
            Some(RequestKind::SessionUpdate) => self.settings_refused(now, error),
            Some(RequestKind::ResponseCreate) => {
                let Parts { responses, mut cx, .. } = self.parts(now);
                responses.refused(&mut cx, error);
            }
            Some(RequestKind::Message(item_id)) => self.message_refused(now, &item_id, error),
            Some(RequestKind::ItemDelete) => {
                let reason = describe(error);
                self.outputs.info(format!("the endpoint still sees the removed text: {reason}"));
            }
            Some(
                RequestKind::Commit
                | RequestKind::Clear
                | RequestKind::ItemCreate
                | RequestKind::Truncate
                | RequestKind::ResponseCancel,
            )
            | None => self.unattributed_error(now, error),
        }
    }

    /// Handles a refused message of the user: the response that was requested with it would answer without it.
    fn message_refused(&mut self, now: Duration, item_id: &str, error: &ErrorInfo) {
        let Parts { turns, responses, conversation, mut cx } = self.parts(now);
        turns.interrupt_by_user(&mut Peers { cx: &mut cx, responses, conversation });
        conversation.forget_message(item_id);
        match cx.plan.mode {
            Mode::Ask => cx.connection.request_end(EndReason::Refused(failure_of(error))),
            Mode::Talk | Mode::Chat | Mode::Transcribe => {
                cx.connection.errors().show_immediately(now, error, cx.outputs);
                cx.outputs.info("the endpoint did not take the message: it is not part of the conversation");
            }
        }
    }

    /// Handles an error without a cause. While the session opens, it concerns the settings.
    fn unattributed_error(&mut self, now: Duration, error: &ErrorInfo) {
        let is_of_settings = !error.is_fatal() && !error.is_permanent() && !error.is_server_failure();
        match self.connection.phase() {
            Phase::Opening(opening) if is_of_settings && opening.has_sent_settings() => {
                self.settings_refused(now, error);
            }
            Phase::Live(_) if self.responses.is_active() && !error.is_fatal() => {
                self.doubt_response(now, error);
            }
            Phase::Opening(_)
            | Phase::Connecting
            | Phase::Live(_)
            | Phase::Reconnecting(_)
            | Phase::Disconnected
            | Phase::Closing(_)
            | Phase::Over => self.connection.errors().show(now, error, &mut self.outputs),
        }
    }

    fn settings_refused(&mut self, now: Duration, error: &ErrorInfo) {
        match self.connection.phase() {
            Phase::Opening(_) => {
                self.advance_opening(now, |opening, plan| opening.refused(now, error, &mut plan.settings));
            }
            Phase::Connecting
            | Phase::Live(_)
            | Phase::Reconnecting(_)
            | Phase::Disconnected
            | Phase::Closing(_)
            | Phase::Over => {
                self.connection.errors().show(now, error, &mut self.outputs);
            }
        }
    }

    /// Handles an error that may concern the response in progress, which is given up unless it continues.
    fn doubt_response(&mut self, now: Duration, error: &ErrorInfo) {
        let timeout = match self.plan.mode {
            Mode::Talk | Mode::Chat | Mode::Transcribe if self.responses.has_begun() => {
                DOUBT_TIMEOUT_WHEN_BEGUN
            }
            Mode::Talk | Mode::Chat | Mode::Transcribe | Mode::Ask => DOUBT_TIMEOUT,
        };
        self.responses.doubt(now + timeout, error.clone());
        match self.plan.mode {
            // It becomes the reason of the end if the response does not continue.
            Mode::Ask => self.connection.errors().remember(now, error),
            Mode::Talk | Mode::Chat | Mode::Transcribe => {
                self.connection.errors().show(now, error, &mut self.outputs);
            }
        }
    }
}
