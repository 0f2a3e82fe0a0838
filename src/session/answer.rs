//! The answer as it comes: response, items, sound and text.

use std::time::Duration;

use crate::protocol::client::ClientBody;
use crate::protocol::item::{Item, ItemBody, Role};
use crate::protocol::response::{Response, ResponseConfig, ResponseStatus};
use crate::protocol::server::{ErrorInfo, Place};
use crate::session::Session;
use crate::session::errors::{Cause, describe};
use crate::session::io::{EndReason, Failure, Notice, Output};
use crate::session::plan::Mode;
use crate::session::responses::Done;
use crate::session::transcript::{PartKind, PartOf, Words};

impl Session {
    pub(super) fn ask_for_answer(&mut self, now: Duration, config: ResponseConfig) {
        if let Some(config) = self.responses.ask(now, config) {
            self.stopwatch.asked(now);
            self.send(ClientBody::ResponseCreate(Box::new(config)), Cause::ResponseCreate);
        }
    }

    /// Sends the `response.create` that had to wait, if nothing is in its way any more.
    pub(super) fn ask_waiting(&mut self, now: Duration) {
        if let Some(config) = self.responses.take_waiting(now) {
            self.stopwatch.asked(now);
            self.send(ClientBody::ResponseCreate(Box::new(config)), Cause::ResponseCreate);
        }
    }

    pub(super) fn response_refused(&mut self, now: Duration, error: ErrorInfo) {
        if error.code.as_deref() == Some("conversation_already_has_active_response") {
            self.responses.busy(now);
            self.stopwatch.not_asked();
            self.show(Notice::Debug("another answer is in progress: this one waits".into()));
            return;
        }
        self.responses.give_up();
        self.stopwatch.abandon();
        self.answer_failed(now, error);
        self.ask_waiting(now);
    }

    fn answer_failed(&mut self, now: Duration, error: ErrorInfo) {
        let failure = Failure { message: describe(&error), code: error.code.clone() };
        self.show_error(now, error);
        match self.plan.mode {
            Mode::Ask => self.hang_up(now, EndReason::Refused(failure)),
            Mode::Talk | Mode::Chat | Mode::Transcribe => {}
        }
    }

    pub(super) fn tick_answer(&mut self, now: Duration) {
        if self.responses.deadline().is_none_or(|deadline| now < deadline.at) {
            return;
        }
        self.responses.give_up();
        self.placement.abandon_response();
        self.stopwatch.abandon_unanswered();
        let message = "the endpoint stopped answering".to_owned();
        self.answer_failed(now, ErrorInfo { message: Some(message), ..ErrorInfo::default() });
        self.end_clips_of_answer();
        self.ask_waiting(now);
    }

    pub(super) fn response_created(&mut self, now: Duration, response: &Response) {
        self.responses.created(now, response.id.as_deref());
        self.stopwatch.created(now, response.id.as_deref());
        self.microphone.settle();
    }

    /// Servers may leave out `response.created`: any event of a response begins it.
    fn see_response(&mut self, now: Duration, id: Option<&str>) {
        let was_active = self.responses.is_active();
        self.responses.see(now, id);
        if !was_active && self.responses.is_active() {
            self.microphone.settle();
        }
    }

    pub(super) fn response_done(&mut self, now: Duration, response: &Response) {
        self.see_response(now, response.id.as_deref());
        let cut_off = match self.responses.done(response.id.as_deref()) {
            Done::Answer => false,
            Done::CutOff => true,
            // It has ended before, and what sounds now is another's.
            Done::Late => return self.note_usage(response.usage.as_ref()),
            Done::Twice => return,
        };
        self.note_usage(response.usage.as_ref());
        if !cut_off {
            for item in &response.output {
                self.answer_item(item);
            }
            self.time_done(response.id.as_deref(), response.status.as_ref());
        }
        self.end_clips_of_answer();
        match response.status {
            Some(ResponseStatus::Failed) => self.answer_failed(now, reason_of_failure(response)),
            Some(ResponseStatus::Incomplete) => self.show(Notice::Info(reason_of_incomplete(response))),
            // The server was faster than its own speech_started, or left it out.
            Some(ResponseStatus::Cancelled) if !cut_off => self.interrupt_by_server(now),
            Some(ResponseStatus::Cancelled | ResponseStatus::Completed) => {}
            Some(ResponseStatus::InProgress | ResponseStatus::Other(_)) | None => {}
        }
        if cut_off {
            self.lines_abandoned();
        } else {
            self.lines_made();
        }
        self.ask_waiting(now);
        let answered = !self.responses.is_active() && self.plan.mode == Mode::Ask;
        if answered && response.status != Some(ResponseStatus::Failed) {
            self.hang_up(now, EndReason::Answered);
        }
    }

    pub(super) fn answer_audio(&mut self, now: Duration, place: &Place, bytes: &[u8]) {
        self.see_response(now, place.response_id.as_deref());
        if self.responses.is_cut_off(place.response_id.as_deref()) {
            return;
        }
        let Some(item_id) = &place.item_id else { return };
        self.expect_answer(item_id);
        let (clip, frame) = self.playback.receive(item_id, place.content_index.unwrap_or(0), bytes);
        if !frame.samples.is_empty() {
            self.time_sound(now, place.response_id.as_deref(), clip);
            self.outputs.push(Output::Play { clip, frame });
        }
    }

    pub(super) fn answer_audio_done(&mut self, place: &Place) {
        let Some(item_id) = &place.item_id else { return };
        let content_index = place.content_index.unwrap_or(0);
        let ended =
            self.playback.end_where(|clip| clip.item_id == *item_id && clip.content_index == content_index);
        self.outputs.extend(ended.into_iter().map(Output::PlayEnd));
    }

    /// Servers may leave out `output_audio.done`; a response that is done has no more sound.
    fn end_clips_of_answer(&mut self) {
        let ended = self.playback.end_where(|_| true);
        self.outputs.extend(ended.into_iter().map(Output::PlayEnd));
    }

    pub(super) fn answer_text(&mut self, now: Duration, place: &Place, delta: Words<'_>) {
        self.see_response(now, place.response_id.as_deref());
        let Some(part) = self.wanted_part(place, delta.kind) else { return };
        self.time_text(now, place.response_id.as_deref());
        self.line_grows(part, delta.text);
        if delta.kind == PartKind::Transcript {
            // The words of sound may come before any of it.
            self.transcript.note_spoken(part.item_id);
        }
    }

    pub(super) fn answer_text_done(&mut self, now: Duration, place: &Place, whole: Words<'_>) {
        self.see_response(now, place.response_id.as_deref());
        let Some(part) = self.wanted_part(place, whole.kind) else { return };
        self.time_text(now, place.response_id.as_deref());
        self.part_is(part, whole.text);
    }

    /// Returns the part that an event is about, unless its response was cut off.
    fn wanted_part<'a>(&self, place: &'a Place, kind: PartKind) -> Option<PartOf<'a>> {
        let item_id = place.item_id.as_deref()?;
        let is_wanted = !self.responses.is_cut_off(place.response_id.as_deref());
        is_wanted.then_some(PartOf { item_id, content_index: place.content_index.unwrap_or(0), kind })
    }

    pub(super) fn answer_item_added(&mut self, place: &Place, item: &Item) {
        if !self.responses.is_cut_off(place.response_id.as_deref()) {
            self.item_seen(None, item);
        }
    }

    pub(super) fn answer_item_done(&mut self, place: &Place, item: &Item) {
        if !self.responses.is_cut_off(place.response_id.as_deref()) {
            self.answer_item(item);
        }
    }

    fn answer_item(&mut self, item: &Item) {
        if let (Some(item_id), ItemBody::Message { role: Role::Assistant, content }) = (&item.id, &item.body)
        {
            self.item_is(item_id, content);
        }
    }
}

fn reason_of_failure(response: &Response) -> ErrorInfo {
    let details = response.details.clone().unwrap_or_default();
    details.error.unwrap_or_else(|| ErrorInfo {
        message: Some(details.reason.map_or_else(
            || "the answer failed; the endpoint does not say why".to_owned(),
            |reason| format!("the answer failed: {reason}"),
        )),
        ..ErrorInfo::default()
    })
}

fn reason_of_incomplete(response: &Response) -> String {
    let reason = response.details.as_ref().and_then(|details| details.reason.as_deref());
    match reason {
        Some("max_output_tokens") => "the answer was cut short: it reached the limit of tokens".to_owned(),
        Some("content_filter") => "the answer was cut short by the endpoint's content filter".to_owned(),
        Some(other) => format!("the answer was cut short: {other}"),
        None => "the answer was cut short".to_owned(),
    }
}
