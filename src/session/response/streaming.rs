//! The answer as it comes: response, items, sound and text.

use std::time::Duration;

use crate::protocol::events::client::ClientBody;
use crate::protocol::events::error::ErrorInfo;
use crate::protocol::events::item::{ContentPart, Item, ItemBody, Role};
use crate::protocol::events::response::{Response, ResponseConfig, ResponseStatus};
use crate::protocol::events::server::ContentLocation;
use crate::session::Session;
use crate::session::conversation::transcript::{PartKey, PartKind, TranscriptDelta};
use crate::session::errors::{RequestKind, describe};
use crate::session::io::{EndReason, Failure, Notice, Output};
use crate::session::plan::Mode;
use crate::session::response::sequencer::DoneTarget;

impl Session {
    pub(crate) fn ask_for_answer(&mut self, now: Duration, config: ResponseConfig) {
        if let Some(config) = self.responses.ask(now, config) {
            self.latency.asked(now);
            self.send(ClientBody::ResponseCreate(Box::new(config)), RequestKind::ResponseCreate);
        }
    }

    /// Sends the `response.create` that had to wait, if nothing is in its way any more.
    pub(crate) fn ask_waiting(&mut self, now: Duration) {
        if let Some(config) = self.responses.take_waiting(now) {
            self.latency.asked(now);
            self.send(ClientBody::ResponseCreate(Box::new(config)), RequestKind::ResponseCreate);
        }
    }

    pub(crate) fn response_refused(&mut self, now: Duration, error: &ErrorInfo) {
        if error.is_answer_in_progress() {
            self.responses.busy(now);
            self.latency.not_asked();
            self.show(Notice::Debug("another answer is in progress: this one waits".into()));
            return;
        }
        self.responses.give_up();
        self.latency.abandon();
        match self.plan.mode {
            Mode::Ask => self.answer_failed(now, error),
            // A close may follow.
            Mode::Talk | Mode::Chat | Mode::Transcribe => self.show_error(now, error),
        }
        self.ask_waiting(now);
    }

    /// Reports once why there is no answer: a single question ends with the reason.
    fn answer_failed(&mut self, now: Duration, error: &ErrorInfo) {
        match self.plan.mode {
            Mode::Ask => {
                let failure = Failure { message: describe(error), code: error.code.clone() };
                self.hang_up(now, EndReason::Refused(failure));
            }
            Mode::Talk | Mode::Chat | Mode::Transcribe => self.show_error_immediately(now, error),
        }
    }

    pub(crate) fn tick_answer(&mut self, now: Duration) {
        if self.responses.deadline().is_none_or(|deadline| now < deadline.at) {
            return;
        }
        let doubt = self.responses.take_doubt();
        self.responses.give_up();
        self.placement.abandon_response();
        self.latency.abandon_unanswered();
        match (doubt, self.plan.mode) {
            // It was shown when it came.
            (Some(_), Mode::Talk | Mode::Chat | Mode::Transcribe) => {}
            (Some(error), Mode::Ask) => self.answer_failed(now, &error),
            (None, _) => {
                let message = "the endpoint stopped answering".to_owned();
                self.answer_failed(now, &ErrorInfo { message: Some(message), ..ErrorInfo::default() });
            }
        }
        self.end_clips_of_answer();
        self.lines_abandoned();
        self.ask_waiting(now);
    }

    pub(crate) fn response_created(&mut self, now: Duration, response: &Response) {
        self.responses.created(now, response.id.as_deref());
        self.latency.created(now, response.id.as_deref());
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

    pub(crate) fn response_done(&mut self, now: Duration, response: &Response) {
        let doubt = self.responses.take_doubt();
        self.see_response(now, response.id.as_deref());
        let cut_off = match self.responses.done(response.id.as_deref()) {
            DoneTarget::Answer => false,
            DoneTarget::CutOff => true,
            // It has ended before, and what sounds now is another's.
            DoneTarget::Late => return self.note_usage(response.usage.as_ref()),
            DoneTarget::Twice => return,
        };
        self.sent.acknowledge(&RequestKind::ResponseCancel);
        self.note_usage(response.usage.as_ref());
        if !cut_off {
            for item in &response.output {
                self.answer_item(item);
            }
            self.time_done(response.id.as_deref(), response.status.as_ref());
        }
        self.end_clips_of_answer();
        match response.status {
            Some(ResponseStatus::Failed) => {
                let reason = reason_of_failure(response, doubt);
                self.answer_failed(now, &reason);
            }
            Some(ResponseStatus::Incomplete) => self.show(Notice::Info(reason_of_incomplete(response))),
            // The server was faster than its own speech_started, or left it out.
            Some(ResponseStatus::Cancelled) if !cut_off => {
                self.report_cancelled(response);
                self.interrupt_by_server(now);
            }
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
            let reason = self.outcome_of_question(response.status.as_ref());
            self.hang_up(now, reason);
        }
    }

    /// Reports a cancellation by the server, unless it is a barge-in, which the user knows of.
    fn report_cancelled(&mut self, response: &Response) {
        let reason = response.details.as_ref().and_then(|details| details.reason.as_deref());
        let is_shown = self.transcript.has_answer_under_way() || self.playback.is_sounding();
        let is_interruption = match (self.plan.mode, reason) {
            (Mode::Talk, Some(reason)) => reason == "turn_detected",
            (Mode::Talk, None) => is_shown || self.microphone.user_speaks(),
            (Mode::Chat | Mode::Ask | Mode::Transcribe, _) => false,
        };
        match reason {
            _ if is_interruption => {}
            Some(reason) => self.show(Notice::Info(format!("the endpoint cancelled the answer: {reason}"))),
            // The end of a single question says it.
            None if self.plan.mode == Mode::Ask => {}
            None => self.show(Notice::Info("the endpoint cancelled the answer".into())),
        }
    }

    pub(crate) fn answer_audio(&mut self, now: Duration, place: &ContentLocation, bytes: &[u8]) {
        self.see_response(now, place.response_id.as_deref());
        if self.responses.is_cut_off(place.response_id.as_deref()) {
            return;
        }
        if !self.plan.plays_answers() {
            self.outcome.sounded();
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

    pub(crate) fn answer_audio_done(&mut self, place: &ContentLocation) {
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

    pub(crate) fn answer_text(&mut self, now: Duration, place: &ContentLocation, delta: TranscriptDelta<'_>) {
        self.see_response(now, place.response_id.as_deref());
        let Some(part) = self.wanted_part(place, delta.kind) else { return };
        self.time_text(now, place.response_id.as_deref());
        self.line_grows(part, delta.text);
        if delta.kind == PartKind::Transcript && self.plan.plays_answers() {
            // The words of sound may come before any of it.
            self.transcript.note_spoken(part.item_id);
        }
    }

    pub(crate) fn answer_text_done(
        &mut self,
        now: Duration,
        place: &ContentLocation,
        whole: TranscriptDelta<'_>,
    ) {
        self.see_response(now, place.response_id.as_deref());
        let Some(part) = self.wanted_part(place, whole.kind) else { return };
        self.time_text(now, place.response_id.as_deref());
        self.part_is(part, whole.text);
    }

    /// Returns the part that an event is about, unless its response was cut off.
    fn wanted_part<'a>(&self, place: &'a ContentLocation, kind: PartKind) -> Option<PartKey<'a>> {
        let item_id = place.item_id.as_deref()?;
        let is_wanted = !self.responses.is_cut_off(place.response_id.as_deref());
        is_wanted.then_some(PartKey { item_id, content_index: place.content_index.unwrap_or(0), kind })
    }

    pub(crate) fn answer_item_added(&mut self, place: &ContentLocation, item: &Item) {
        if !self.responses.is_cut_off(place.response_id.as_deref()) {
            self.item_seen(None, item);
        }
    }

    pub(crate) fn answer_item_done(&mut self, place: &ContentLocation, item: &Item) {
        if !self.responses.is_cut_off(place.response_id.as_deref()) {
            self.answer_item(item);
        }
    }

    fn answer_item(&mut self, item: &Item) {
        if let (Some(item_id), ItemBody::Message { role: Role::Assistant, content }) = (&item.id, &item.body)
        {
            for (index, part) in (0..).zip(content) {
                self.answer_refused(item_id, index, part);
            }
            self.item_is(item_id, content);
        }
    }

    /// Shows a refusal of the model as its answer, and reports it once.
    pub(crate) fn answer_refused(&mut self, item_id: &str, index: u32, part: &ContentPart) {
        let Some(words) = part.refusal() else { return };
        if !words.is_empty() {
            self.part_is(PartKey { item_id, content_index: index, kind: PartKind::Text }, words);
        }
        if self.outcome.refused(item_id) {
            self.show(Notice::Info("the model refused to answer".into()));
        }
    }

    /// Takes a finished part of an answer.
    pub(crate) fn answer_part_done(&mut self, place: &ContentLocation, part: &ContentPart) {
        if let Some(item_id) = &place.item_id
            && !self.responses.is_cut_off(place.response_id.as_deref())
        {
            self.answer_refused(item_id, place.content_index.unwrap_or(0), part);
        }
    }
}

/// Returns why an answer failed; `doubt` is an error that came before and may have been about it.
fn reason_of_failure(response: &Response, doubt: Option<ErrorInfo>) -> ErrorInfo {
    let details = response.details.clone().unwrap_or_default();
    details.error.or(doubt).unwrap_or_else(|| ErrorInfo {
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
